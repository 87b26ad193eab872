"""`amiko`: the commands, each from a file of its own, read only when it is called for."""

import importlib
import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from amiko.console import err
from amiko.environment import is_ray_ours, prepare
from domain.errors import AmikoError

#: Command -> the module that has it (as `app`, or as a function of the same name), and its line in `--help`:
#: some modules import torch or Ray, for which `amiko --help` need not wait.
COMMANDS = {
    "demo": ("amiko.demo", "The whole system on this machine, with a chat page in place of Telegram."),
    "run": ("amiko.run", "Run the stores of a settings file."),
    "status": ("amiko.status", "How stores, cameras, networks, assistants and the outbox are."),
    "stop": ("amiko.stop", "Stop everything that `amiko run` started."),
    "check": ("amiko.check", "Say what is wrong in a settings file."),
    "visits": ("amiko.visits", "Who comes and goes in a recording, without a cluster."),
    "networks": ("amiko.networks", "The embedded networks: bring their weights, look at them."),
    "assistants": ("amiko.assistants", "Who may use the bot."),
    "samples": ("amiko.samples", "Labelled pictures and recordings to learn from."),
    "train": ("amiko.train", "Train a store's classifier; it is used only if it earns its place."),
    "classifiers": ("amiko.classifiers", "A store's classifiers: list, promote, roll back."),
    "logs": ("amiko.logs", "What the actors said, wherever they run: by store, camera, visit."),
    "backup": ("amiko.backup", "Everything that is kept, into one file, while it runs."),
    "restore": ("amiko.restore", "Put a backup in the place of what is there."),
    "forget": ("amiko.forget", "Delete what is kept of a store's visitors, and prove it."),
    "bench": ("amiko.bench", "Measure; `amiko bench --help` says what there is to measure."),
}


def build(called: str | None) -> typer.Typer:
    """The command line with the called command's module in it; the others are there for `--help` alone."""
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, rich_markup_mode="markdown"
    )
    app.callback()(amiko)
    for name, (module_name, line) in COMMANDS.items():
        if name != called:
            app.command(name, help=line)(_elsewhere)
            continue
        module = importlib.import_module(module_name)
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _elsewhere() -> None:
    raise AssertionError("only the called command is run")


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        print(f"amiko {version('amiko')}")
        raise typer.Exit


def amiko(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which release this is.")
    ] = False,
) -> None:
    """A shop's cameras see a visitor come in; an assistant who waits learns where to go.

    Try it: amiko demo. Run a shop: amiko run stores.yaml. README.md shows the way.
    """


def main() -> None:
    """Exit status: 0 done, 1 failed while running, 2 wrong input. Errors are a line or two on standard error."""
    debug = "--debug" in sys.argv
    if debug:
        # wanted by whoever adds it at the end of the line, too
        sys.argv.remove("--debug")
    prepare(own_ray=is_ray_ours(sys.argv[1:]))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build(called)()
    except AmikoError as error:
        if debug:
            raise
        err.print(f"[bold red]error:[/bold red] {_escape(str(error))}")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # the machine's word about a file, a disk or a line, and no fault of anybody's
        if debug:
            raise
        err.print(f"[bold red]error:[/bold red] {_escape(str(error))[:300]}")
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        what = (str(error).splitlines() or [""])[0][:300]
        err.print(f"[bold red]error:[/bold red] {type(error).__name__}: {_escape(what)}")
        err.print("This is a fault of Amiko's; `--debug` shows where.")
        sys.exit(1)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
