"""A soak as a table and a picture, from its samples; also of one that still runs, or was broken off.

python -m benchmarks.soak_report samples.jsonl soak.png
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

from benchmarks.soak_series import (
    JUDGED,
    MEASURES,
    SHARE,
    UNITS,
    Growth,
    Measure,
    Series,
    growing,
    judge_all,
    read,
    warm_up_s,
)

Judged = Mapping[str, Mapping[Measure, Growth]]


def draw(series: Mapping[str, Series], judged: Judged, length_s: float, path: Path) -> None:
    """Each process's measures in per cent of what they were after the warm-up, and memory as it is."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after its backend is chosen

    figure, panels = plt.subplots(2, 2, figsize=(13, 8), sharex=True, layout="constrained")
    plain, *relative = panels.flat
    colours = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]  # of a listed map
    for number, name in enumerate(judged):
        one = series[name]
        minutes = [at / 60 for at in one.at]
        look = {"color": colours[number % len(colours)], "linewidth": 1, "label": name.rpartition(" ")[0] or name}
        if len(one.at) and number // len(colours) % 2:
            look["linestyle"] = "--"
        plain.plot(minutes, one.values["pss_mb"], **look)
        for panel, measure in zip(relative, JUDGED, strict=True):
            begin = judged[name][measure].begin or 1.0
            panel.plot(minutes, [100 * value / begin for value in one.values[measure]], **look)
    plain.set_title("PSS, MB")
    plain.set_yscale("log")
    for panel, measure in zip(relative, JUDGED, strict=True):
        panel.set_title(f"{UNITS[measure]}, % of what it was after the warm-up")
        panel.axhspan(100 - 100 * SHARE, 100 + 100 * SHARE, color="tab:green", alpha=0.12)
        panel.set_ylim(70, 130)
    for panel in panels.flat:
        panel.axvspan(0, warm_up_s(length_s) / 60, color="tab:gray", alpha=0.15)
        panel.set_xlim(0, max(length_s / 60, 1 / 60))
    for panel in panels[-1]:
        panel.set_xlabel("minutes; grey: warming up")
    figure.legend(*plain.get_legend_handles_labels(), loc="outside right upper", fontsize=7)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def show(series: Mapping[str, Series], judged: Judged) -> None:
    """For people; can be copied into a document."""
    table = Table("process", *(f"{UNITS[measure]}: begin, end, added" for measure in MEASURES))
    for name, measures in judged.items():
        cells = [f"{one.begin:.0f} {one.end:.0f} {one.share:+.1%}" for one in measures.values()]
        table.add_row(name, *cells)
    console = Console(width=160)
    console.print(table)
    gone = len(series) - len(judged)
    console.print(f"{gone} processes came or went after the warm-up; they are in the sum alone")
    for line in growing(judged) or ["nothing grows"]:
        console.print(line)


def main(samples: Path, picture: Path) -> bool:
    """Show and draw; whether nothing grows."""
    series, length_s = read(samples)
    judged = judge_all(series, length_s)
    show(series, judged)
    draw(series, judged, length_s, picture)
    return not growing(judged)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), Path(sys.argv[2])) else 1)
