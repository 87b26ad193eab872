"""`amiko samples`: labelled pictures and recordings to learn from."""

import asyncio
import re
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from amiko.console import SETTINGS, JsonOption, SettingsOption, StoreOption, err, out, print_json, settings_from
from domain.days import day_of
from domain.errors import InputError
from domain.places import DATABASE, home
from storage import samples
from storage.database import Database

app = typer.Typer(help="Labelled pictures and recordings to learn from.", no_args_is_help=True)

DayOption = Annotated[
    str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The day that they were taken; today if not given.")
]


@app.command("import")
def import_samples(
    source: Annotated[
        Path, typer.Argument(help="A folder of pictures, a folder of folders named as departments, or a recording.")
    ],
    department: Annotated[str | None, typer.Option(help="The department that they show.")] = None,
    *,
    whole: Annotated[bool, typer.Option("--whole", help="Pictures as they are; else the person in each.")] = False,
    day: DayOption = None,
    store: StoreOption = None,
    settings: SettingsOption = SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Turn pictures, or the people who stay in a recording, into samples; the same picture twice is one sample.

    Examples: `amiko samples import toys.mp4 --department Toys`; `amiko samples import pictures/ --store spb-1`
    """
    read = settings_from(settings)
    chosen = read.store(store)
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; check the path")
    taken = _day(day) if day else day_of(time.time(), chosen.timezone)
    # torch and the networks, which the other commands here can do without
    from amiko.importing import import_all

    result = import_all(source, department, chosen, read.networks, day=taken, whole=whole)
    if as_json:
        print_json(
            {
                "store": chosen.id,
                "day": taken,
                "new": result.new,
                "known": result.known,
                "skipped": result.skipped,
            }
        )
    else:
        for line in result.skipped:
            err.print(f"[yellow]skipped:[/yellow] {line}", markup=True)
        for name, count in result.new.items():
            out.print(f"{name}: {count} new samples")
        out.print(f"{sum(result.new.values())} new, {result.known} known already, {len(result.skipped)} skipped")
    if not result.new and result.skipped:
        raise InputError(f"{source}: none of its {len(result.skipped)} files could be used")


@app.command("list")
def list_samples(
    store: StoreOption = None, settings: SettingsOption = SETTINGS, *, as_json: JsonOption = False
) -> None:
    """How many samples there are of which department, and where they come from.

    Example: `amiko samples list --store spb-1`
    """
    chosen = settings_from(settings).store(store)

    async def read() -> list[samples.SampleCount]:
        async with Database.open(home() / DATABASE) as database:
            return await samples.count(database, chosen.id)

    found = asyncio.run(read())
    if as_json:
        print_json(
            [
                {
                    "store": chosen.id,
                    "department": one.department,
                    "origin": one.origin,
                    "camera": one.camera,
                    "encoder": one.encoder,
                    "count": one.count,
                    "first_day": one.first_day,
                    "last_day": one.last_day,
                }
                for one in found
            ]
        )
        return
    table = Table("department", "origin", "camera", "samples", "days")
    for one in found:
        gone = "" if one.department in chosen.departments else " (not a department any more)"
        days = one.first_day if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"
        table.add_row(one.department + gone, one.origin, one.camera or "", str(one.count), days)
    out.print(table)
    out.print(f"{sum(one.count for one in found)} samples")


@app.command()
def forget(
    store: StoreOption = None,
    camera: Annotated[str | None, typer.Option(help="Only what this camera saw.")] = None,
    day: DayOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; needed where nobody can answer.")] = False,
    settings: SettingsOption = SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Delete a store's samples: all of them, or one camera's, or one day's.

    Example: `amiko samples forget --store spb-1 --camera toys --day 2026-03-31`
    """
    chosen = settings_from(settings).store(store)
    if day is not None:
        _day(day)
    if camera is None and day is None and not yes and not as_json:
        typer.confirm(f"Delete all samples of {chosen.name}?", abort=True, err=True)

    async def delete() -> int:
        async with Database.open(home() / DATABASE) as database:
            return await samples.forget(database, chosen.id, camera=camera, day=day)

    count = asyncio.run(delete())
    if as_json:
        print_json({"store": chosen.id, "forgotten": count})
    else:
        out.print(f"{count} samples forgotten")


def _day(text: str) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", text):
        raise InputError(f"--day {text}: expected a day such as 2026-03-31")
    return text
