"""What a soak has seen of each process, and whether any of them grows."""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import psutil
from numpy.typing import NDArray

Measure = Literal["pss_mb", "own_mb", "threads", "descriptors"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
#: Those that are judged. PSS is told beside: a page of a library is shared by whoever has it loaded, so that a
#: process's part of it changes whenever a stranger on the same machine comes or goes.
JUDGED: tuple[Measure, ...] = ("own_mb", "threads", "descriptors")
UNITS: Mapping[Measure, str] = {"pss_mb": "PSS", "own_mb": "own memory", "threads": "threads", "descriptors": "files"}
#: How much may be added after the warm-up: a share of what was there, and never less than so much in all, since one
#: descriptor of ten is no leak. Of threads that is what pools may still lack that are filled when there is most to do:
#: gRPC's executor has two for each core, asyncio's four and one for each core.
SHARE = 0.05
LEAST: Mapping[Measure, float] = {"pss_mb": 2.0, "own_mb": 2.0, "threads": 4.0, "descriptors": 1.0}
#: A quarter of the run, and half an hour at the most, belong to warming up.
WARM_SHARE, WARM_MOST_S = 0.25, 1800.0
#: Whoever is missing in more than this share of the judged looks came or went meanwhile.
MISSING = 0.05
#: All processes together: many short lives show here.
TOGETHER = "all together"


@dataclass(slots=True)
class Series:
    """One process over time."""

    at: list[float] = field(default_factory=list)
    values: dict[Measure, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURES})

    def add(self, at: float, values: Mapping[Measure, float]) -> None:
        self.at.append(at)
        for name in MEASURES:
            self.values[name].append(values[name])

    def after(self, at: float) -> "Series":
        first = int(np.searchsorted(self.at, at))
        return Series(self.at[first:], {name: values[first:] for name, values in self.values.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """What one measure of one process did after the warm-up."""

    #: Medians of the first and the last tenth.
    begin: float
    end: float
    #: What was added, and as a share of `begin`.
    added: float
    share: float
    grows: bool


def warm_up_s(length_s: float) -> float:
    """The part of a run that is not judged, seconds."""
    return min(WARM_SHARE * length_s, WARM_MOST_S)


def judge(at: list[float], values: list[float], measure: Measure) -> Growth:
    """Whether it grows, from looks after the warm-up.

    What was added is the larger of two: the rise over the whole time of a line through all looks (Theil and Sen's,
    the median of the slopes between any two, which single peaks don't move), and the median of the last tenth less
    that of the first, which sees a step that comes late. It grows where that is more than `SHARE` of the first
    tenth's median and more than `LEAST`.
    """
    times, seen = np.asarray(at), np.asarray(values)
    tenth = max(1, len(seen) // 10)
    begin, end = float(np.median(seen[:tenth])), float(np.median(seen[-tenth:]))
    added = max(_slope(times, seen) * float(times[-1] - times[0]), end - begin)
    share = added / begin if begin else 0.0
    return Growth(begin=begin, end=end, added=added, share=share, grows=share > SHARE and added > LEAST[measure])


def _slope(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))


def judge_all(series: Mapping[str, Series], length_s: float) -> dict[str, dict[Measure, Growth]]:
    """Of each process that was there for the whole of the judged part, and of all together."""
    judged = {name: one.after(warm_up_s(length_s)) for name, one in series.items()}
    looks = max((len(one.at) for one in judged.values()), default=0)
    return {
        name: {measure: judge(one.at, one.values[measure], measure) for measure in MEASURES}
        for name, one in judged.items()
        if one.at and len(one.at) >= (1 - MISSING) * looks
    }


def growing(judged: Mapping[str, Mapping[Measure, Growth]]) -> list[str]:
    """A line for each measure that grows."""
    return [
        f"{name}: {UNITS[measure]} from {one.begin:.1f} by {one.added:.1f} ({one.share:.1%})"
        for name, measures in judged.items()
        for measure, one in measures.items()
        if measure in JUDGED and one.grows
    ]


def read(path: Path) -> tuple[dict[str, Series], float]:
    """What `look` wrote, a line each; and how long it was. A last line that was cut off is left out."""
    series: dict[str, Series] = {}
    at = 0.0
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            break
        at = one["at"]
        for name, values in one["processes"].items():
            series.setdefault(name, Series()).add(at, values)
        together: Counter[Measure] = Counter()
        for values in one["processes"].values():
            together.update(values)
        series.setdefault(TOGETHER, Series()).add(at, together)
    return series, at


def look(names: Mapping[int, str]) -> dict[str, dict[Measure, float]]:
    """The calling process and all below it, as they are now. `names`: how those with that number are called."""
    found = {}
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        # whoever ends meanwhile is left out
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            name = "this benchmark" if process == own else names.get(process.pid) or _role(process)
            found[f"{name} {process.pid}"] = _measure(process)
    return found


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    if words and words[0].startswith("ray::"):
        return words[0].split(".")[0]
    script = next((Path(word).name for word in words[1:] if word.endswith(".py")), None)
    return script or process.name()


def _measure(process: psutil.Process) -> dict[Measure, float]:
    kilobytes: dict[str, int] = {}
    with Path(f"/proc/{process.pid}/smaps_rollup").open(encoding="ascii") as file:
        next(file)
        for line in file:
            key, _, value = line.partition(":")
            kilobytes[key] = int(value.split()[0])
    return {
        "pss_mb": round(kilobytes["Pss"] / 1000, 2),
        "own_mb": round((kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"]) / 1000, 2),
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
    }
