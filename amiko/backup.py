"""`amiko backup`: everything that is kept, into one file, while the system runs."""

from pathlib import Path
from typing import Annotated

import typer

from actors.plan import release
from amiko.console import JsonOption, err, out, print_json
from domain.errors import InputError
from domain.places import home
from storage import backups


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write, such as amiko-2026-03-31.tar.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Over a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Back up the database and the classifiers into one tar. Nothing has to be stopped for it.

    Put it back with `amiko restore`. No password, token or picture is in it: keep stores.yaml and the secrets yourself.
    The names of the staff and the embeddings of visitors are: keep it as carefully as the shop's books, delete it when
    it is old (training.keep_samples_days does not reach it), and make it anew after `amiko forget`.

    Example: `amiko backup /backups/amiko-$(date +%F).tar`
    """
    if file.exists() and not replace:
        raise InputError(f"{file} is there already; take another name, or --replace")
    manifest = backups.make(home(), file.absolute(), release=release())
    for name in manifest.missing:
        err.print(f"[yellow]not in the backup:[/yellow] {name}: it is missing or damaged here; see amiko classifiers")
    size = file.stat().st_size
    if as_json:
        print_json(
            {
                "file": str(file),
                "bytes": size,
                "schema": manifest.schema_version,
                "release": manifest.release,
                "made_at": manifest.made_at,
                "files": len(manifest.files),
                "missing": manifest.missing,
            }
        )
    else:
        out.print(f"{file}: {size / 1e6:.1f} MB, the database and {len(manifest.files) - 1} classifiers' files")
