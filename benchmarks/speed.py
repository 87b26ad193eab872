"""`amiko bench speed`: how close the system comes to what the processor can do; ratios taken in one run.

Each part is a benchmark of its own, too, by its module's name in `amiko bench`: it starts a Ray of its own where it
needs one, and ends it.
"""

import sys
from contextlib import redirect_stdout
from json import dumps
from typing import TypedDict

from benchmarks import growth, peers, speed_cameras, speed_latency, speed_system
from benchmarks.peers import Peer
from benchmarks.speed_cameras import Cameras
from benchmarks.speed_latency import Latency, Percentiles
from benchmarks.speed_system import System


class Results(TypedDict):
    """What `--json` prints."""

    #: Of the default input size; `system` has all of it.
    system_ratio: float
    system: list[System]
    #: Each visit's, less the networks' own passes; `latency` has all of it.
    latency_beyond_forward_ms: Percentiles
    latency: Latency
    #: `cameras` has all of it.
    cameras_per_core: float
    cameras: Cameras
    #: By how many cameras there are; `beside_growth` has what does not depend on them.
    growth: dict[str, growth.Cameras]
    beside_growth: growth.Results
    peers: dict[str, Peer]
    left_out: dict[str, str]


def run(*, json: bool) -> None:
    """Measure all parts, one after the other; about 25 minutes. Raises InputError where the recordings are missing."""
    if not json:
        for part in (speed_system, speed_latency, speed_cameras, growth, peers):
            part.run(json=False)
        return
    # Ray tells of its actors on standard output, which belongs to the result
    with redirect_stdout(sys.stderr):
        system, latency, cameras = speed_system.measure(), speed_latency.measure(), speed_cameras.measure()
        grown, others = growth.measure(), peers.measure()
    print(
        dumps(
            Results(
                system_ratio=system[0]["ratio"],
                system=system,
                latency_beyond_forward_ms=latency["beyond_forward"],
                latency=latency,
                cameras_per_core=cameras["per_core"],
                cameras=cameras,
                growth=grown["cameras"],
                beside_growth=grown,
                peers=others["peers"],
                left_out=others["left_out"],
            )
        )
    )
