"""`amiko run`: the stores of a settings file, until Ctrl-C or `amiko stop`."""

import asyncio
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from amiko.console import SETTINGS, JsonOption, err, out, print_json, say
from amiko.running import Running, find_running, started
from amiko.stopping import Stopping
from domain.errors import ClusterError
from domain.settings import Settings, home, read_settings
from storage.database import Database

#: Seconds that a start may take: Ray, three networks, and a camera process each half second.
START_S = 300.0


def run(
    settings: Annotated[Path, typer.Argument(help="The settings file.")] = SETTINGS,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background; `amiko stop` ends it.")] = False,
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster (`auto`: the one of this machine)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start (or join) Ray, deploy the networks and start all actors. Ctrl-C stops everything cleanly."""
    read = read_settings(settings)
    _check(read)
    if detach and address is None:
        _tell(_detached(settings), as_json=as_json)
        return
    stopping = Stopping()
    with started(read, home(), address=address, keep=detach, say=say) as running:
        _tell(running, as_json=as_json)
        if not detach:
            err.print("Ctrl-C stops it.")
            stopping.wait()


def _check(settings: Settings) -> None:
    """What can be wrong is found before anything is started. Raises StorageError, TelegramError."""
    from bot.checking import check_token

    async def open_once() -> None:
        from amiko.encoders import changes

        async with Database.open(home() / "amiko.db") as database:
            for told in await changes(database, settings):
                err.print(f"[yellow]{escape(told)}[/yellow]")
        problem = await check_token(settings.telegram)
        if problem:
            err.print(f"[yellow]{problem}; starting all the same[/yellow]")

    asyncio.run(open_once())


def _tell(running: Running, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(running))
        return
    out.print(f"Amiko runs. Dashboard: {running.dashboard or 'none'}. How it is: amiko status. End it: amiko stop.")


def _detached(settings: Path) -> Running:
    log = home() / "amiko.log"
    home().mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "amiko", "run", str(settings.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            running = find_running()
        except ClusterError:
            running = None
        if running is not None and running.pid == process.pid:
            return running
        time.sleep(0.2)
    tail = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise ClusterError("it did not start; the end of " + str(log) + ":\n" + "\n".join(tail))
