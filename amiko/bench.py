"""`amiko bench`: the benchmarks, which print what they measured."""

import importlib
from typing import Annotated

import typer

from amiko.console import JsonOption
from domain.errors import InputError

#: Name -> the module that measures it.
BENCHMARKS = {
    "seeing": "benchmarks.seeing",
    "learning": "benchmarks.learning",
    "bare": "benchmarks.bare",
    "scale": "benchmarks.scale",
    "networks": "benchmarks.networks",
    "original": "benchmarks.original_loop",
    "autoscaling": "benchmarks.autoscaling",
    "bot": "benchmarks.bot",
    "speed": "benchmarks.speed",
    "system": "benchmarks.speed_system",
    "latency": "benchmarks.speed_latency",
    "cameras": "benchmarks.speed_cameras",
    "growth": "benchmarks.growth",
    "soak": "benchmarks.soak",
    "peers": "benchmarks.peers",
}
#: Those that last as long as they are told.
LASTING = {"soak"}


def bench(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(BENCHMARKS)}.")],
    seconds: Annotated[
        float | None, typer.Option(min=10, help=f"How long; for {', '.join(sorted(LASTING))} alone.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Measure. Recordings and pictures are taken from the folder that AMIKO_FOOTAGE names.

    Examples: `amiko bench seeing`; `amiko bench soak --seconds 600 --json`
    """
    if name not in BENCHMARKS:
        raise InputError(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    if seconds is not None and name not in LASTING:
        raise InputError(f"{name} takes as long as it takes; --seconds is for: {', '.join(sorted(LASTING))}")
    options = {} if seconds is None else {"seconds": seconds}
    importlib.import_module(BENCHMARKS[name]).run(json=as_json, **options)
