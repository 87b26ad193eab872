"""`amiko logs`: what Amiko's actors said, wherever they run."""

import contextlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape

from amiko.console import err, out
from amiko.running import find_running
from domain.errors import ClusterError
from domain.names import CAMERA, DISPATCHER, REGISTRY, STORES, TRAINER

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Levels from which on lines are shown, by name.
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
#: Lines that are read of each process' log.
TAIL = 2000
#: Files that are read beside each other, and the seconds that one may take.
READERS, READ_S = 16, 20
#: The first part of an actor's name.
ACTORS = {STORES, REGISTRY, TRAINER, DISPATCHER, CAMERA}


def logs(
    store: Annotated[str | None, typer.Option("--store", help="What was said of this store alone.")] = None,
    camera: Annotated[str | None, typer.Option("--camera", help="What was said of cameras of this id alone.")] = None,
    visit: Annotated[str | None, typer.Option("--visit", help="What was said of this visit alone.")] = None,
    level: Annotated[str, typer.Option(help=f"From which on: {', '.join(LEVELS)}.")] = "info",
    count: Annotated[int, typer.Option("-n", min=1, help="The last so many lines.")] = 100,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The lines as they were written: JSON, one a line.")] = False,
) -> None:
    """The last lines of all actors, those that were killed or replaced since Ray's start among them, in order.

    Examples: `amiko logs --store spb-1 --camera door`; `amiko logs --level warning -n 20`
    """
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


def parsed(text: str) -> list[dict[str, Any]]:
    """The JSON lines of a process' log, where that is one of Amiko's actors; Ray's own words are left out.

    A camera's lines are about that camera, whether they say so or not.
    """
    found = []
    for line in text.splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if isinstance(one, dict) and "message" in one and "asctime" in one:
            found.append(one)
    # a process is one actor's, and not every line says whose
    actor = next((one["actor_name"] for one in found if "actor_name" in one), "")
    kind, *names = actor.split("/")
    if kind not in ACTORS:
        return []
    of = dict(zip(("store", "camera"), names, strict=False))
    return [{"actor": actor, **of, **one} for one in found]


def _read() -> list[dict[str, Any]]:
    """Raises ClusterError."""
    running = find_running()
    from ray.util.state import list_nodes
    from ray.util.state.exception import RayStateApiException

    from actors import cluster

    cluster.join(running.address)
    try:
        nodes = [node.node_id for node in list_nodes(address=running.address, limit=10_000) if node.state == "ALIVE"]
        with ThreadPoolExecutor(READERS) as readers:
            files = [
                (node, name)
                for node, names in zip(nodes, readers.map(partial(_files, running.address), nodes), strict=True)
                for name in names
            ]
            texts = readers.map(lambda file: _text(running.address, *file), files)
            return [line for text in texts for line in parsed(text)]
    except RayStateApiException as error:
        raise ClusterError(f"Ray's dashboard does not answer ({error}); it has to run for this") from error
    finally:
        cluster.leave()


def _files(address: str, node: str) -> list[str]:
    """What that node's processes said, those that are no more among them; of a node that does not answer, a word."""
    from ray.util.state import list_logs
    from ray.util.state.exception import RayStateApiException

    try:
        found = list_logs(address=address, node_id=node, glob_filter="*worker-*.err", timeout=READ_S)
    except (RayStateApiException, OSError) as error:
        _left_out(f"the logs of node {node[:8]}", error)
        return []
    return [name for names in found.values() for name in names]


def _text(address: str, node: str, file: str) -> str:
    from ray.util.state import get_log
    from ray.util.state.exception import RayStateApiException

    try:
        # in pieces that end anywhere, in the middle of a letter as well
        pieces = get_log(address=address, node_id=node, filename=file, tail=TAIL, timeout=READ_S, encoding=None)
        return b"".join(cast("Iterator[bytes]", pieces)).decode(errors="replace")
    except (RayStateApiException, OSError) as error:
        _left_out(f"{file} of node {node[:8]}", error)
        return ""


def _left_out(what: str, error: Exception) -> None:
    err.print(f"{what} can't be read now: {escape(str(error))}")
