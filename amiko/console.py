"""What the commands share: where text goes, and options that many have."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from domain.settings import Settings

#: For people: progress, hints, errors. Standard output is for results alone, so that `--json` can be piped.
err = Console(stderr=True, highlight=False, soft_wrap=True)
#: Ray prints what its processes say to whatever `sys.stdout` is; results go to the real one.
out = Console(file=sys.stdout, highlight=False, soft_wrap=True)

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, and nothing else there.")
]
StoreOption = Annotated[str | None, typer.Option("--store", help="The store's id; needed where there are several.")]
SettingsOption = Annotated[
    Path,
    typer.Option("--settings", envvar="AMIKO_SETTINGS", help="The settings file."),
]
SETTINGS = Path("stores.yaml")


def print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False), file=out.file, flush=True)


def settings_from(path: Path) -> "Settings":
    """Raises SettingsError."""
    # pydantic takes half as long to import as all of `amiko --help`
    from domain.settings_file import read_settings

    return read_settings(path)


def say(text: str) -> None:
    """A line of progress, for people."""
    err.print(f"[dim]{text} …[/dim]")
