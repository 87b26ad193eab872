"""From the frame that shows a visitor inside to the call of the Bot API, in a shop of four cameras on two cores."""

import time
from collections import defaultdict
from collections.abc import Iterable
from statistics import median, quantiles
from typing import TypedDict

import torch
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.printing import printed
from benchmarks.speed_shop import recording, shop
from domain.settings import Camera, Networks
from networks.detector import load_detector
from networks.encoder import load_encoder
from vision.picture import letterbox
from vision.source import open_source

CAMERAS, FPS = 4, 5
#: Seconds until all are warm, and seconds of the measurement: each camera sees six visitors in 139 s.
WARM_S, MEASURED_S = 10.0, 160.0
#: Seconds between the cameras' beginnings, at least: all play the same recording, and four visitors at one moment would
#: wait for each other at the encoder and for the bot's pace.
APART_S = 5.0
#: More than visitors in a minute.
ASSISTANTS = 24
#: Passes of each network, for its own time.
PASSES = 30


class Percentiles(TypedDict):
    """Milliseconds."""

    p50: float
    p95: float


class Latency(TypedDict):
    """Milliseconds."""

    #: Of each visit, less the networks' own passes.
    beyond_forward: Percentiles
    whole: Percentiles
    #: One picture by the detector and one crop by the encoder, each alone.
    forward: float
    visits: int
    #: Visits that nobody was told of, or that were told without a department.
    lost: int
    #: From the cameras' own traces, the cameras' median and their largest: of each frame capture, queue, gate, detect
    #: and track; of each visit describe (encode and classify are parts of it) and announce. `outbox` is from the
    #: registry's transaction to the call of the Bot API.
    stages: dict[str, Percentiles]


def run(*, json: bool) -> Latency:
    """Measure and print; see `measure`."""
    return printed(measure, _show, json=json)


def measure() -> Latency:
    """About four minutes. Raises InputError where the recording is missing."""
    forward = _forward_ms()
    cameras = [
        Camera(id=f"door-{number}", role="entrance", source=SecretStr(str(recording())), fps=FPS)
        for number in range(CAMERAS)
    ]
    with shop(cameras[:1], Networks(), assistants=ASSISTANTS) as running:
        for number in range(2, CAMERAS + 1):
            time.sleep(APART_S)
            running.have(cameras[:number])
        time.sleep(WARM_S)
        begin = time.time()
        time.sleep(MEASURED_S)
        told = [visit for visit in running.visits() if begin < visit.at < begin + MEASURED_S - 1]
        stages: dict[str, list[Percentiles]] = defaultdict(list)
        for camera in running.cameras().values():
            for stage, times in (camera["stages_ms"] if camera else {}).items():
                stages[stage].append(Percentiles(p50=times["p50"], p95=times["p95"]))
    whole = [1000 * (visit.sent_at - visit.at) for visit in told if visit.sent_at is not None]
    outbox = [
        1000 * (visit.sent_at - visit.made_at)
        for visit in told
        if visit.sent_at is not None and visit.made_at is not None
    ]
    return Latency(
        beyond_forward=_percentiles(milliseconds - forward for milliseconds in whole),
        whole=_percentiles(whole),
        forward=round(forward, 1),
        visits=len(told),
        lost=sum(visit.sent_at is None or not visit.described for visit in told),
        stages={
            stage: Percentiles(p50=round(median(one["p50"] for one in all_), 1), p95=max(one["p95"] for one in all_))
            for stage, all_ in stages.items()
        }
        | {"outbox": _percentiles(outbox)},
    )


def _forward_ms() -> float:
    """Both networks' passes for one picture each, alone on the machine."""
    torch.set_num_threads(1)
    reader = open_source(str(recording()))
    got = reader.read()
    reader.close()
    assert got is not None
    height, width = got[0].shape[:2]
    picture, crop = letterbox(got[0], (0, 0, width, height), 416).image, got[0][:200, :80]
    detector, encoder = load_detector(), load_encoder()
    times = []
    for _ in range(PASSES):
        since = time.perf_counter()
        detector.detect([picture], 0.25)
        encoder.embed([crop])
        times.append(1000 * (time.perf_counter() - since))
    return median(times)


def _percentiles(milliseconds: Iterable[float]) -> Percentiles:
    times = list(milliseconds)
    # quantiles want two at least
    cuts = quantiles(times * 2 if len(times) == 1 else times, n=20, method="inclusive")
    return Percentiles(p50=round(cuts[9], 1), p95=round(cuts[18], 1))


def _show(latency: Latency) -> None:
    table = Table("from the frame to the message, ms", "p50", "p95")
    for name, times in (
        ("all of it", latency["whole"]),
        (f"beyond the networks' {latency['forward']} ms", latency["beyond_forward"]),
        *latency["stages"].items(),
    ):
        table.add_row(name, f"{times['p50']:.1f}", f"{times['p95']:.1f}")
    console = Console()
    console.print(table)
    console.print(f"{latency['visits']} visits, {latency['lost']} of them lost or without a department")
