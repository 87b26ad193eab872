"""What a training found out, as pictures for people: an HTML file, or one picture for a chat."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import ValidationError

from domain.errors import InputError, StorageError
from domain.records import Origin
from learning.challenge import FIGURES, Figures

BLUE, GREY, RED = "#3b6ea5", "#b8bec6", "#b5483a"
COLOURS = {Origin.CAMERA: BLUE, Origin.ASSISTANT: "#d08c2e", Origin.IMPORT: GREY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One of a store's classifiers, the newest first in a list."""

    version: int
    created_at: float
    used: bool
    figures: Figures


def versions_of(rows: Iterable[tuple[int, float, bool, object]]) -> list[Version]:
    """Number, time, whether ever in use, the figures as JSON; those made otherwise than by a training are left out."""
    found = []
    for version, created_at, used, scores in rows:
        try:
            figures = FIGURES.validate_python(scores)
        except ValidationError:
            # made by hand, or by an older Amiko that noted other figures
            continue
        found.append(Version(version=version, created_at=created_at, used=used, figures=figures))
    return found


def overview(versions: Sequence[Version]) -> bytes:
    """All pictures on one sheet, PNG; for a chat. Raises InputError where nothing was trained yet."""
    _newest(versions)
    figure = Figure(figsize=(13, 13), layout="constrained")
    axes = figure.subplots(3, 2)
    for place, (_, draw) in zip(axes.flat, DRAWINGS, strict=False):
        draw(place, versions)
    axes.flat[-1].axis("off")
    return _png(figure)


def write_html(path: Path, store: str, versions: Sequence[Version]) -> None:
    """The report as one file without links. Raises StorageError, and InputError where nothing was trained yet."""
    newest = _newest(versions)
    figures = newest.figures
    parts = []
    for title, draw in DRAWINGS:
        figure = Figure(figsize=(8, 6), layout="constrained")
        draw(figure.subplots(), versions)
        picture = base64.b64encode(_png(figure)).decode()
        parts.append(f'<h2>{escape(title)}</h2><img alt="{escape(title)}" src="data:image/png;base64,{picture}">')
    rows = [
        ("this classifier", figures.challenger),
        ("the one in use before", figures.running),
        ("comparing with texts", figures.cold_start),
        ("logistic regression", figures.logistic_regression),
        ("always the commonest department", figures.commonest),
        *((f"samples from: {origin}", scores) for origin, scores in figures.by_origin.items()),
    ]
    table = "".join(
        f"<tr><td>{escape(name)}<td>{scores.count}<td>{scores.accuracy:.1%}<td>{scores.balanced_accuracy:.1%}"
        f"<td>{scores.macro_f1:.3f}<td>{scores.log_loss:.3f}<td>{scores.ece:.3f}"
        for name, scores in rows
        if scores is not None
    )
    odd = "".join(
        f"<li>{escape(str(one))}. Does the camera still look at its department?" for one in figures.suspicions
    )
    document = f"""<!doctype html><meta charset="utf-8"><title>{escape(store)}: what the classifier learnt</title>
<style>body{{font:16px/1.5 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}}
td:first-child,th:first-child{{text-align:left}}img{{max-width:100%}}</style>
<h1>{escape(store)}</h1>
<p>Version {newest.version}, {_date(newest.created_at)}: {"was taken into use" if newest.used else "kept, not used"}.
Trained on {figures.trained} samples, scored on {figures.scored} held-out ones. With so many, a difference of less than
{figures.comparison.detectable:.1%} would often be missed.</p>
<table><tr><th>scored on the same samples<th>samples<th>right<th>balanced<th>macro F1<th>log loss<th>calibration error
{table}</table>
{f"<h2>To be looked at</h2><ul>{odd}</ul>" if odd else ""}
{"".join(parts)}
"""
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path}: the report can't be written: {error.strerror}; --report names another place"
        ) from error


def _confusion(axes: Axes, versions: Sequence[Version]) -> None:
    figures = versions[0].figures
    matrix = np.array(figures.confusion)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(figures.departments))
    axes.set_xticks(places, figures.departments, rotation=45, ha="right")
    axes.set_yticks(places, figures.departments)
    if len(figures.departments) <= 20:
        for row, column in np.argwhere(matrix):
            dark = shares[row, column] > 0.5
            text = str(matrix[row, column])
            axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=8)
    axes.set(xlabel="said", ylabel="was", title="What was taken for what")


def _calibration(axes: Axes, versions: Sequence[Version]) -> None:
    figures = versions[0].figures
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
    axes.scatter(
        [part.confidence for part in figures.calibration],
        [part.accuracy for part in figures.calibration],
        s=[20 + 400 * part.count / figures.scored for part in figures.calibration],
        color=BLUE,
    )
    title = f"Is it as sure as it is right? Error {figures.challenger.ece:.3f}"
    axes.set(xlabel="probability", ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=title)


def _days(axes: Axes, versions: Sequence[Version]) -> None:
    by_day = versions[0].figures.by_day
    days = sorted(by_day)
    axes.bar(range(len(days)), [by_day[day].accuracy for day in days], color=BLUE)
    few = range(0, len(days), max(1, len(days) // 12))
    axes.set_xticks(few, [days[number] for number in few], rotation=45, ha="right")
    axes.axhline(versions[0].figures.commonest.accuracy, color=RED, linestyle="--", label="commonest department")
    axes.legend(loc="lower left")
    axes.set(ylabel="share right", ylim=(0, 1), title="Held-out samples, day by day")


def _samples(axes: Axes, versions: Sequence[Version]) -> None:
    counts = versions[0].figures.samples
    names = list(counts)[::-1]
    left = np.zeros(len(names))
    for origin in Origin:
        width = np.array([counts[name].get(origin, 0) for name in names])
        axes.barh(names, width, left=left, color=COLOURS[origin], label=origin.value)
        left += width
    axes.legend()
    axes.set(xlabel="samples", title="Where samples come from")


def _versions(axes: Axes, versions: Sequence[Version]) -> None:
    ordered = sorted(versions, key=lambda one: one.version)
    numbers = [one.version for one in ordered]
    axes.plot(numbers, [one.figures.challenger.accuracy for one in ordered], color=GREY)
    for one in ordered:
        axes.scatter(one.version, one.figures.challenger.accuracy, color=BLUE if one.used else "white", edgecolors=BLUE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="version (filled: was taken into use)", ylabel="share right", ylim=(0, 1), title="Versions")


DRAWINGS: tuple[tuple[str, Callable[[Axes, Sequence[Version]], None]], ...] = (
    ("What was taken for what", _confusion),
    ("Calibration", _calibration),
    ("Day by day", _days),
    ("Samples", _samples),
    ("Versions", _versions),
)


def _newest(versions: Sequence[Version]) -> Version:
    if not versions:
        raise InputError("nothing was trained yet that could be told of; see: amiko train")
    return versions[0]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
