"""`amiko restore`: what a backup holds takes the place of what is there."""

import asyncio
import socket
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from amiko.console import JsonOption, err, out, print_json
from amiko.running import alone, find_running
from domain.errors import ClusterError, InputError
from domain.places import CLASSIFIERS, DATABASE, home
from storage import backups

#: Seconds for a cluster's head to answer.
CONNECT_S = 5.0


def restore(
    file: Annotated[Path, typer.Argument(help="An archive of `amiko backup`.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Over a database that is there, which is deleted. Back it up first.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a backup's database and classifiers into the data folder. The system must be stopped: amiko stop.

    The archive is read and checked to its end before anything is changed; a backup of an older Amiko is brought up to
    date. Afterwards everything is as it was when the backup was made: who was taken off the staff list since is on it
    again, and what was forgotten since is back. Do both again.

    Example: `amiko stop; amiko restore /backups/amiko-2026-03-31.tar --replace; amiko run stores.yaml --detach`
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file; check the path")
    _refuse_running()
    with alone():
        there = [name for name in (DATABASE, CLASSIFIERS) if (home() / name).exists()]
        if there and not replace:
            raise InputError(f"{home()} holds {' and '.join(there)} already; to lose them: --replace")
        with backups.unpacked(file, home()) as (manifest, folder):
            asyncio.run(backups.bring_up_to_date(folder))
            backups.put_back(folder, home())
    for name in manifest.missing:
        err.print(f"[yellow]not in the backup:[/yellow] {name}; see amiko classifiers")
    if as_json:
        print_json(
            {
                "home": str(home()),
                "made_at": manifest.made_at,
                "release": manifest.release,
                "schema": manifest.schema_version,
                "files": len(manifest.files),
                "missing": manifest.missing,
            }
        )
    else:
        made = datetime.fromtimestamp(manifest.made_at).astimezone()
        out.print(f"{home()} is as it was at {made:%Y-%m-%d %H:%M}. Forgotten or removed since then? Do it again.")


def _refuse_running() -> None:
    try:
        running = find_running()
        if not running.owned:
            # word of a cluster that is no more keeps nobody from putting things right
            host, _, port = running.address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (ClusterError, OSError, ValueError):
        return
    raise InputError(f"Amiko runs here, on the Ray at {running.address}; end it first: amiko stop")
