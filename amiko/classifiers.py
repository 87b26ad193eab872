"""`amiko classifiers`: a store's classifiers, which one is used, and going back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from amiko.console import SETTINGS, JsonOption, SettingsOption, StoreOption, out, print_json, settings_from
from domain.places import CLASSIFIERS, DATABASE, home
from storage.classifiers import ClassifierStore, Json, StoredClassifier
from storage.database import Database

app = typer.Typer(help="A store's classifiers: list, promote, roll back.", no_args_is_help=True)

Answer = TypeVar("Answer")


@app.command("list")
def list_classifiers(
    store: StoreOption = None, settings: SettingsOption = SETTINGS, *, as_json: JsonOption = False
) -> None:
    """All classifiers that were trained, the newest first, and why each was promoted or not.

    Example: `amiko classifiers list --store spb-1`
    """
    chosen = settings_from(settings).store(store)
    found = _with_classifiers(lambda classifiers: classifiers.versions(chosen.id))
    if as_json:
        print_json([_document(one) for one in found])
        return
    table = Table("version", "trained", "right", "in use", "file", "why")
    for one in found:
        trained = datetime.fromtimestamp(one.created_at, ZoneInfo(chosen.timezone)).strftime("%Y-%m-%d %H:%M")
        accuracy = accuracy_of(one.scores)
        table.add_row(
            str(one.version),
            trained,
            f"{accuracy:.1%}" if accuracy is not None else "",
            "now" if one.current else "earlier" if one.used_at else "",
            "kept" if one.kept else "",
            one.reason,
        )
    out.print(table)


@app.command()
def promote(
    version: Annotated[int, typer.Argument(help="The version to take into use; see: amiko classifiers list.")],
    store: StoreOption = None,
    settings: SettingsOption = SETTINGS,
    *,
    as_json: JsonOption = False,
) -> None:
    """Take a version into use, whatever the gate said; running replicas have it within seconds.

    Example: `amiko classifiers promote 3 --store spb-1`
    """
    chosen = settings_from(settings).store(store)
    _with_classifiers(lambda classifiers: classifiers.promote(chosen.id, version, time.time()))
    _tell(chosen.id, version, as_json=as_json)


@app.command()
def rollback(store: StoreOption = None, settings: SettingsOption = SETTINGS, *, as_json: JsonOption = False) -> None:
    """Return to the classifier that was in use before the present one.

    Example: `amiko classifiers rollback --store spb-1`
    """
    chosen = settings_from(settings).store(store)
    version = _with_classifiers(lambda classifiers: classifiers.rollback(chosen.id, time.time()))
    _tell(chosen.id, version, as_json=as_json)


def accuracy_of(scores: Json) -> float | None:
    """The share of right answers that a training noted; None for what was made otherwise."""
    challenger = scores.get("challenger") if isinstance(scores, dict) else None
    accuracy = challenger.get("accuracy") if isinstance(challenger, dict) else None
    return float(accuracy) if isinstance(accuracy, int | float) else None


def _tell(store: str, version: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"store": store, "current": version})
    else:
        out.print(f"{store}: version {version} is in use")


def _with_classifiers(work: Callable[[ClassifierStore], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        async with Database.open(home() / DATABASE) as database:
            return await work(ClassifierStore(database, home() / CLASSIFIERS))

    return asyncio.run(run())


def _document(one: StoredClassifier) -> dict[str, Json]:
    return {
        "store": one.store,
        "version": one.version,
        "created_at": one.created_at,
        "encoder": one.encoder,
        "sha256": one.sha256,
        "kept": one.kept,
        "current": one.current,
        "used_at": one.used_at,
        "reason": one.reason,
        "accuracy": accuracy_of(one.scores),
    }
