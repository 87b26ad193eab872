"""`amiko forget`: what is kept of a store's visitors is deleted, and looked for afterwards."""

import asyncio
import contextlib
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from amiko.console import SETTINGS, JsonOption, SettingsOption, err, out, print_json, settings_from
from domain.errors import InputError, SettingsError, StorageError
from domain.places import DATABASE, home
from domain.settings import TIMEZONE
from storage import forgetting
from storage.database import Database
from storage.forgetting import Scope


def forget(
    store: Annotated[str, typer.Option("--store", help="The store's id; it may be one that is closed.")],
    camera: Annotated[str | None, typer.Option("--camera", help="Only what this camera saw.")] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only this day, by the store's clock.")
    ] = None,
    *,
    staff: Annotated[bool, typer.Option("--staff", help="Of a whole store: its staff list and invites, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; needed where nobody can answer.")] = False,
    settings: SettingsOption = SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Delete visits, embeddings, samples and notifications of a store, one of its cameras, or a day; then look again.

    Of a whole store also its classifiers and what became of its trainings. The files are written anew without what was
    deleted, so that it is not in their free pages either; copies that were made before migrations go as a whole.
    Nothing has to be stopped. On a chain, do the same on the store's own machine: its journal may hold visits.

    Backups are not reached: delete those that were made before, and make a new one. A classifier that was trained with
    what is forgotten holds no embedding; the next training makes one without it.

    Examples: `amiko forget --store spb-1 --day 2026-03-31`; `amiko forget --store closed-shop --staff`
    """
    if as_json and not yes:
        raise InputError("--json asks nothing, and this is for good: add --yes")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", store):
        raise InputError(f"--store {store}: expected a store's id, such as spb-1")
    if staff and (camera or day):
        raise InputError("--staff goes with a whole store, not with --camera or --day")
    if (home() / DATABASE).is_file():
        asyncio.run(_bring_up_to_date())
    timezone = _timezone(store, settings)
    known = forgetting.known_stores(home())
    if store not in known and timezone is None:
        raise InputError(f"nothing is kept of a store {store!r}; there are: {', '.join(sorted(known)) or 'none'}")
    since, until = _day(day, timezone or TIMEZONE) if day else (0.0, 0.0)
    scope = Scope(store=store, camera=camera, day=day, since=since, until=until, staff=staff)
    deleted = forgetting.count(home(), scope)
    if not yes:
        _show(deleted)
        typer.confirm("Delete all this for good?", abort=True, err=True)
    forgetting.forget(home(), scope)
    left = forgetting.count(home(), scope)
    if as_json:
        print_json({"store": store, "camera": camera, "day": day, "deleted": deleted, "left": left})
    else:
        _show(deleted, left)
        err.print("Backups that were made before still hold it: delete them, and make a new one: amiko backup")
    if any(left.values()):
        raise StorageError("something of it came in meanwhile: take the camera out of the settings, then do it again")


async def _bring_up_to_date() -> None:
    async with Database.open(home() / DATABASE):
        pass


def _timezone(store: str, settings: Path) -> str | None:
    """None for a store that the settings don't have, or where there are none to read."""
    with contextlib.suppress(SettingsError, InputError):
        return settings_from(settings).store(store).timezone
    return None


def _day(text: str, timezone: str) -> tuple[float, float]:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise InputError(f"--day {text}: expected a day such as 2026-03-31")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--day {text}: there is no such day") from error
    begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return begins.timestamp(), (begins + timedelta(days=1)).timestamp()


def _show(deleted: dict[str, int], left: dict[str, int] | None = None) -> None:
    table = Table("what", "there were" if left is not None else "there are", *(["left"] if left is not None else []))
    for name, number in deleted.items():
        table.add_row(name.replace("_", " "), str(number), *([str(left[name])] if left is not None else []))
    out.print(table)
