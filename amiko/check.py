"""`amiko check`: what is wrong in a settings file."""

from pathlib import Path
from typing import Annotated

import typer

from amiko.console import SETTINGS, JsonOption, out, print_json
from domain.settings import Networks
from domain.settings_file import read_settings


def check(
    settings: Annotated[Path, typer.Argument(help="The settings file.")] = SETTINGS,
    *,
    as_json: JsonOption = False,
) -> None:
    """Read the settings and say what is wrong: file, key, value, what was expected. Exit status 2 if anything is.

    Example: `amiko check stores.yaml`
    """
    found = read_settings(settings)
    if found.networks != Networks():
        from networks.kinds import check_names

        check_names(found.networks)
    stores = [{"id": store.id, "name": store.name, "cameras": len(store.cameras)} for store in found.stores]
    if as_json:
        print_json({"settings": str(settings), "stores": stores})
        return
    for store in stores:
        out.print(f"{store['id']}: {store['name']}, {store['cameras']} cameras")
    out.print(f"{settings}: nothing is wrong")
