"""`amiko bench speed`: how close the system comes to what the processor can do; ratios taken in one run.

Each part is a module of its own with a `measure()` that starts a Ray of its own where it needs one, and ends it.
"""

from json import dumps
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from benchmarks import growth, peers, speed_cameras, speed_latency, speed_system
from benchmarks.speed_cameras import Cameras
from benchmarks.speed_latency import Latency, Percentiles
from benchmarks.speed_system import System


class Results(TypedDict):
    #: Of the default input size; `system` has all of it.
    system_ratio: float
    system: list[System]
    #: Each visit's, less the networks' own passes; `latency` has all of it.
    latency_beyond_forward_ms: Percentiles
    latency: Latency
    #: `cameras` has all of it.
    cameras_per_core: float
    cameras: Cameras
    #: CPU and memory of a camera by how many there are; `amiko bench growth` has all of it.
    growth: dict[str, growth.Cameras]
    #: `amiko bench peers` has all of it.
    peers: dict[str, peers.Peer]


def run(*, json: bool) -> Results:
    """Measure all parts, one after the other. Raises InputError where the recordings are missing."""
    system, latency, cameras = speed_system.measure(), speed_latency.measure(), speed_cameras.measure()
    results = Results(
        system_ratio=system[0]["ratio"],
        system=system,
        latency_beyond_forward_ms=latency["beyond_forward"],
        latency=latency,
        cameras_per_core=cameras["per_core"],
        cameras=cameras,
        growth=growth.measure()["cameras"],
        peers=peers.measure()["peers"],
    )
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
        table.add_row(
            str(one["size"]),
            f"{one['frames_per_s']:.0f}",
            f"{one['bare_per_s']:.0f}",
            f"{one['ratio']:.2f}",
            f"{low} .. {high}",
            f"{one['ceiling']:.2f}",
            _list(one["cpu_ms"]),
        )
    console.print(table)
    latency = results["latency"]
    table = Table("from the frame to the message, ms", "p50", "p95")
    for name, times in (
        ("all of it", latency["whole"]),
        (f"beyond the networks' {latency['forward']} ms", latency["beyond_forward"]),
        *latency["stages"].items(),
    ):
        table.add_row(name, f"{times['p50']:.1f}", f"{times['p95']:.1f}")
    console.print(table)
    console.print(f"{latency['visits']} visits, {latency['lost']} of them lost or without a department")
    table = Table("cameras", "cores", "frames in time", "detection p95, ms", "late", "visits", "lost", "cores of")
    for step in results["cameras"]["steps"]:
        table.add_row(
            str(step["cameras"]),
            f"{step['cores']:.2f}",
            f"{step['in_time']:.3f}",
            f"{step['detect_p95_ms']:.0f}",
            str(step["late"]),
            str(step["visits"]),
            str(step["lost"]),
            _list(step["cores_of"]),
        )
    console.print(table)
    console.print(f"{results['cameras_per_core']:.1f} cameras a core in time")


def _list(shares: dict[str, float]) -> str:
    return ", ".join(f"{who} {share:.2f}" for who, share in shares.items())
