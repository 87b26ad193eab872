"""`amiko logs`: what Amiko's actors said, wherever they run."""

import contextlib
import json
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from amiko.console import out
from amiko.running import find_running
from domain.errors import ClusterError

#: Levels from which on lines are shown, by name.
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
#: Lines that are read of each actor's log.
TAIL = 2000


def logs(
    store: Annotated[str | None, typer.Option("--store", help="What was said of this store alone.")] = None,
    camera: Annotated[str | None, typer.Option("--camera", help="What was said of cameras of this id alone.")] = None,
    visit: Annotated[str | None, typer.Option("--visit", help="What was said of this visit alone.")] = None,
    level: Annotated[str, typer.Option(help=f"From which on: {', '.join(LEVELS)}.")] = "info",
    count: Annotated[int, typer.Option("-n", min=1, help="The last so many lines.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="The lines as they were written: JSON, one a line.")] = False,
) -> None:
    """The last lines of all actors, in the order in which they were written."""
    if level not in LEVELS:
        raise typer.BadParameter(f"one of {', '.join(LEVELS)}", param_hint="--level")
    wanted = {"store": store, "camera": camera, "visit": visit}
    with contextlib.redirect_stdout(sys.stderr):
        read = _read()
    lines = [
        line
        for line in read
        if LEVELS.get(str(line.get("levelname", "")).lower(), 50) >= LEVELS[level]
        and all(value is None or line.get(key) == value for key, value in wanted.items())
    ]
    lines.sort(key=lambda line: line.get("timestamp_ns", 0))
    for line in lines[-count:]:
        if as_json:
            print(json.dumps(line, ensure_ascii=False), file=out.file)
            continue
        about = " ".join(f"{key}={line[key]}" for key in ("store", "camera", "visit", "notification") if key in line)
        colour = "red" if line.get("levelname") == "ERROR" else "dim"
        out.print(
            f"[dim]{line['asctime']}[/dim] [{colour}]{line['levelname']}[/{colour}] [bold]{line['actor']}[/bold]"
            f" {escape(str(line['message']))} [dim]{escape(about)}[/dim]"
        )


def parsed(text: str, actor: str) -> list[dict[str, Any]]:
    """The JSON lines of an actor's log; what else is there (Ray's own words, a library's) is left out.

    A camera's lines are about that camera, whether they say so or not.
    """
    found = []
    for line in text.splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if isinstance(one, dict) and "message" in one and "asctime" in one:
            kind, *names = actor.split("/")
            of = dict(zip(("store", "camera"), names, strict=False)) if kind == "camera" else {}
            found.append({"actor": actor, **of, **one})
    return found


def _read() -> list[dict[str, Any]]:
    """Raises ClusterError."""
    running = find_running()
    from ray.exceptions import RayError
    from ray.util.state import get_log, list_actors
    from ray.util.state.exception import RayStateApiException

    from actors import cluster

    cluster.join(running.address)
    try:
        lines: list[dict[str, Any]] = []
        there = list_actors(address=running.address, filters=[("state", "=", "ALIVE")], limit=10_000)
        for actor in there:
            if actor.ray_namespace != cluster.NAMESPACE or not actor.name:
                continue
            try:
                # in pieces that end anywhere
                text = "".join(
                    get_log(address=running.address, actor_id=actor.actor_id, suffix="err", tail=TAIL, timeout=20)
                )
            except (RayStateApiException, RayError, OSError):
                continue  # its node is away just now
            lines += parsed(text, actor.name)
    except RayStateApiException as error:
        raise ClusterError(f"Ray's dashboard does not answer ({error}); it has to run for this") from error
    finally:
        cluster.leave()
    return lines
