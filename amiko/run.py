"""`amiko run`: the stores of a settings file, until Ctrl-C or `amiko stop`."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from amiko.console import SETTINGS, JsonOption, err, out, print_json, say
from amiko.running import Running, System, alone, find_running, joined, started
from amiko.stopping import Stopping
from domain.errors import ClusterError
from domain.places import DATABASE, home
from domain.settings import Settings
from domain.settings_file import read_all, variables
from storage.database import Database

#: Seconds that a start may take: Ray, three networks, and a camera process each half second.
START_S = 300.0
#: Seconds between two looks at the settings' files.
WATCH_S = 1.0
#: Variables that are no secrets and that processes look for.
NEEDED = {"AMIKO_CACHE", "AMIKO_HOME", "HF_HOME", "HOME", "LANG", "PATH", "PWD", "PYTHONPATH", "TMPDIR", "USER"}


def run(
    settings: Annotated[
        list[Path] | None,
        typer.Argument(help="The settings file; the stores may lie in several.", show_default="stores.yaml"),
    ] = None,
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background; `amiko stop` ends it.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Apply the settings whenever they change; broken ones are told and left.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster (`auto`: the one of this machine)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start (or join) Ray, deploy the networks and start all actors. Ctrl-C stops everything cleanly.

    With --address where Amiko runs already: applies what is different in the settings, and leaves the rest alone.

    Examples: `amiko run stores.yaml --detach`; `amiko run chain.yaml spb.yaml --address auto --watch`
    """
    files = settings or [SETTINGS]
    read = read_all(files)
    _check(read)
    if detach and address is None:
        with alone():
            pass  # else the one in the background would find out, and only its log would tell
        _tell(_detached(files, watch=watch), as_json=as_json)
        return
    secrets = _withheld(files)
    stopping = Stopping()
    if address is None:
        with started(read, home(), say=say) as system:
            _tell(system.running, as_json=as_json)
            err.print("Ctrl-C stops it.")
            _stay(system, files, secrets, stopping, watch=watch)
        return
    with joined(read, home(), address=address, keep=detach, say=say) as (system, made):
        if made.first:
            _tell(system.running, as_json=as_json)
        elif as_json:
            print_json(asdict(made))
        else:
            out.print(made.text)
        if watch or (made.first and not detach):
            err.print("Ctrl-C ends the watching; Amiko goes on." if detach or not made.first else "Ctrl-C stops it.")
            _stay(system, files, secrets, stopping, watch=watch)


def _stay(system: System, files: list[Path], secrets: dict[str, str], stopping: Stopping, *, watch: bool) -> None:
    if not watch:
        stopping.wait()
        return
    applied = _content(files)
    while not stopping.wanted:
        stopping.wait(WATCH_S)
        now = _content(files)
        if now == applied or stopping.wanted:
            continue
        applied = now
        try:
            err.print(f"settings: {system.apply(read_all(files, {**os.environ, **secrets})).text}")
        except Exception as error:  # noqa: BLE001 - whatever is wrong, with the file or the cluster: what runs goes on
            err.print(f"[bold red]error:[/bold red] {str(error).replace('[', chr(92) + '[')}")
            err.print("The settings that were there before stay.")


def _withheld(files: list[Path]) -> dict[str, str]:
    """The secrets that the settings name, taken out of the environment: else all of Ray's processes had them in theirs.

    What processes want for themselves stays, should the settings name it, too.
    """
    names = {name for name in variables(files) if name not in NEEDED and not name.startswith("RAY_")}
    return {name: os.environ.pop(name) for name in names if name in os.environ}


def _content(files: list[Path]) -> list[bytes | None]:
    return [path.read_bytes() if path.is_file() else None for path in files]


def _check(settings: Settings) -> None:
    """What can be wrong is found before anything is started. Raises StorageError, TelegramError."""
    from bot.checking import check_token

    async def open_once() -> None:
        from amiko.encoders import changes
        from networks.kinds import warning

        if told_of := warning(settings.networks):
            err.print(f"[yellow]{escape(told_of)}[/yellow]")
        async with Database.open(home() / DATABASE) as database:
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


def _detached(files: list[Path], *, watch: bool) -> Running:
    log = home() / "amiko.log"
    home().mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "amiko",
                "run",
                *map(str, map(Path.resolve, files)),
                *(["--watch"] if watch else []),
            ],
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
