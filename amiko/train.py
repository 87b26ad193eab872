"""`amiko train`: train a store's classifier; it is used only if it earns its place."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from actors.apart import Job
from actors.training import Outcome, train_here
from amiko.console import SETTINGS, JsonOption, SettingsOption, StoreOption, err, out, print_json, say, settings_from
from domain.places import CLASSIFIERS, DATABASE, home
from learning.challenge import FIGURES
from learning.report import Version, versions_of, write_html
from storage.classifiers import ClassifierStore
from storage.database import Database


def train(
    store: StoreOption = None,
    report: Annotated[Path | None, typer.Option(help="Write a report with pictures, one HTML file.")] = None,
    settings: SettingsOption = SETTINGS,
    *,
    as_json: JsonOption = False,
) -> None:
    """Train a store's classifier on its samples now; it is used only if it is better than the one in use.

    Example: `amiko train --store spb-1 --report report.html`
    """
    read = settings_from(settings)
    chosen = read.store(store)
    if not as_json:
        say(f"training for {chosen.name}")
    outcome = asyncio.run(train_here(Job.of(home(), chosen, read.training)))
    if report is not None:
        write_html(report, chosen.name, asyncio.run(history(chosen.id)))
    if as_json:
        print_json(
            {
                "store": outcome.store,
                "version": outcome.version,
                "promoted": outcome.promoted,
                "reason": outcome.reason,
                "seconds": outcome.seconds,
                "figures": FIGURES.dump_python(outcome.figures, mode="json"),
            }
        )
        return
    _show(outcome)
    if report is not None:
        err.print(f"[dim]the report: {report}[/dim]")


def _show(outcome: Outcome) -> None:
    figures = outcome.figures
    table = Table("", "right", "balanced", "macro F1", "log loss", "calibration error")
    rows = [
        ("challenger", figures.challenger),
        ("running", figures.running),
        ("comparing with texts", figures.cold_start),
        ("logistic regression", figures.logistic_regression),
        ("commonest department", figures.commonest),
    ]
    for name, scores in rows:
        if scores is not None:
            table.add_row(
                name,
                f"{scores.accuracy:.1%}",
                f"{scores.balanced_accuracy:.1%}",
                f"{scores.macro_f1:.3f}",
                f"{scores.log_loss:.3f}",
                f"{scores.ece:.3f}",
            )
    out.print(table)
    for name in figures.left_out:
        out.print(f"too few samples of {name}: it was left out")
    for odd in figures.suspicions:
        out.print(f"left out, since it can't be believed: {odd}")
    verdict = "in use now" if outcome.promoted else "kept, not used"
    out.print(f"version {outcome.version}, {verdict}: {outcome.reason}")


async def history(store: str) -> list[Version]:
    """What the report tells of, from the database."""
    async with Database.open(home() / DATABASE) as database:
        versions = await ClassifierStore(database, home() / CLASSIFIERS).versions(store)
    return versions_of([(one.version, one.created_at, one.used_at is not None, one.scores) for one in versions])
