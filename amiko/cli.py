"""`amiko`: the commands, each from a file of its own, read only when it is called for."""

import importlib
import logging
import sys
from typing import Annotated

import click
import typer
import typer.core

from amiko.console import err
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
    "bench": ("amiko.bench", "Measure: seeing, learning."),
}


class Commands(typer.core.TyperGroup):
    """Reads a command's module when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            app.command(cmd_name)(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def amiko(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error came from.")] = False,  # noqa: ARG001
) -> None:
    """A shop's cameras see a visitor come in; an assistant who waits learns where to go.

    Try it: amiko demo. Run a shop: amiko run stores.yaml. README.md shows the way.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")


def main() -> None:
    """Exit status: 0 done, 1 failed while running, 2 wrong input. Errors are a line or two on standard error."""
    debug = "--debug" in sys.argv
    if debug:
        # wanted by whoever adds it at the end of the line, too
        sys.argv.remove("--debug")
    try:
        app()
    except AmikoError as error:
        if debug:
            raise
        err.print(f"[bold red]error:[/bold red] {_escape(str(error))}")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        err.print(
            f"[bold red]error:[/bold red] {type(error).__name__}: {_escape(str(error).splitlines()[0][:300] if str(error) else '')}"
        )
        err.print("This is a fault of Amiko's; `--debug` shows where.")
        sys.exit(1)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
