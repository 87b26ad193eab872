"""`amiko bench speed`: how close the system comes to what the processor can do; ratios taken in one run.

Each part is a module of its own with a `measure()` that starts a Ray of its own where it needs one, and ends it.
"""

from json import dumps
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from benchmarks import speed_system
from benchmarks.speed_system import System


class Results(TypedDict):
    #: Of the default input size; `system` has all of it.
    system_ratio: float
    system: list[System]


def run(*, json: bool) -> Results:
    """Measure all parts, one after the other. Raises InputError where the recordings are missing."""
    system = speed_system.measure()
    results = Results(system_ratio=system[0]["ratio"], system=system)
    if json:
        print(dumps(results))
    else:
        _show(results)
    return results


def _show(results: Results) -> None:
    console = Console()
    table = Table("input", "system, frames/s", "bare, frames/s", "ratio", "from .. to", "ceiling", "CPU ms a frame")
    for one in results["system"]:
        low, high = one["spread"]
        shares = ", ".join(f"{who} {share:.1f}" for who, share in one["cpu_ms"].items())
        table.add_row(
            str(one["size"]),
            f"{one['frames_per_s']:.0f}",
            f"{one['bare_per_s']:.0f}",
            f"{one['ratio']:.2f}",
            f"{low} .. {high}",
            f"{one['ceiling']:.2f}",
            shares,
        )
    console.print(table)
