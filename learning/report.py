"""What a training found out, as pictures for people: an HTML file, or one picture for a chat."""

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What stands on the pictures."""

    confusion: str
    said: str
    was: str
    calibration: str
    probability: str
    right: str
    days: str
    commonest: str
    sources: str
    samples: str
    origins: Mapping[Origin, str]
    versions: str
    version: str


#: By language.
WORDS = {
    "en": Words(
        confusion="What was taken for what",
        said="said",
        was="was",
        calibration="As sure as it is right? Error",
        probability="probability",
        right="share right",
        days="Held-out samples, day by day",
        commonest="commonest department",
        sources="Where samples come from",
        samples="samples",
        origins={Origin.CAMERA: "camera", Origin.ASSISTANT: "assistant", Origin.IMPORT: "import"},
        versions="Versions",
        version="version (filled: was taken into use)",
    ),
    "ru": Words(
        confusion="Что за что принимает",
        said="назвала модель",
        was="было на самом деле",
        calibration="Уверена ли по делу? Ошибка",
        probability="вероятность",
        right="доля верных",
        days="Проверочные примеры по дням",
        commonest="всегда самый частый отдел",
        sources="Откуда примеры",
        samples="примеров",
        origins={Origin.CAMERA: "камера", Origin.ASSISTANT: "продавец", Origin.IMPORT: "загружены"},
        versions="Версии",
        version="версия (закрашены те, что работали)",
    ),
}

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


def overview(versions: Sequence[Version], language: str) -> bytes:
    """All pictures on one sheet, PNG; for a chat, in `ru` or `en`. Raises InputError where nothing was trained yet."""
    _newest(versions)
    # no wider than a telephone shows without making the letters too small
    figure = Figure(figsize=(10, 14), layout="constrained")
    axes = figure.subplots(3, 2)
    for place, draw in zip(axes.flat, DRAWINGS, strict=False):
        draw(place, versions, WORDS[language])
    axes.flat[-1].axis("off")
    return _png(figure)


def write_html(path: Path, store: str, versions: Sequence[Version]) -> None:
    """The report as one file without links. Raises StorageError, and InputError where nothing was trained yet."""
    newest = _newest(versions)
    figures = newest.figures
    parts = []
    for draw in DRAWINGS:
        figure = Figure(figsize=(8, 6), layout="constrained")
        axes = figure.subplots()
        draw(axes, versions, WORDS["en"])
        title = axes.get_title()
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


def _confusion(axes: Axes, versions: Sequence[Version], words: Words) -> None:
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
    axes.set(xlabel=words.said, ylabel=words.was, title=words.confusion)


def _calibration(axes: Axes, versions: Sequence[Version], words: Words) -> None:
    figures = versions[0].figures
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
    axes.scatter(
        [part.confidence for part in figures.calibration],
        [part.accuracy for part in figures.calibration],
        s=[20 + 400 * part.count / figures.scored for part in figures.calibration],
        color=BLUE,
    )
    title = f"{words.calibration} {figures.challenger.ece:.3f}"
    axes.set(xlabel=words.probability, ylabel=words.right, xlim=(0, 1), ylim=(0, 1), title=title)


def _days(axes: Axes, versions: Sequence[Version], words: Words) -> None:
    by_day = versions[0].figures.by_day
    days = sorted(by_day)
    axes.bar(range(len(days)), [by_day[day].accuracy for day in days], color=BLUE)
    few = range(0, len(days), max(1, len(days) // 12))
    axes.set_xticks(few, [days[number] for number in few], rotation=45, ha="right")
    axes.axhline(versions[0].figures.commonest.accuracy, color=RED, linestyle="--", label=words.commonest)
    axes.legend(loc="lower left")
    axes.set(ylabel=words.right, ylim=(0, 1), title=words.days)


def _samples(axes: Axes, versions: Sequence[Version], words: Words) -> None:
    counts = versions[0].figures.samples
    names = list(counts)[::-1]
    left = np.zeros(len(names))
    for origin in Origin:
        width = np.array([counts[name].get(origin, 0) for name in names])
        axes.barh(names, width, left=left, color=COLOURS[origin], label=words.origins[origin])
        left += width
    axes.legend()
    axes.set(xlabel=words.samples, title=words.sources)


def _versions(axes: Axes, versions: Sequence[Version], words: Words) -> None:
    ordered = sorted(versions, key=lambda one: one.version)
    numbers = [one.version for one in ordered]
    axes.plot(numbers, [one.figures.challenger.accuracy for one in ordered], color=GREY)
    for one in ordered:
        axes.scatter(one.version, one.figures.challenger.accuracy, color=BLUE if one.used else "white", edgecolors=BLUE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=words.version, ylabel=words.right, ylim=(0, 1), title=words.versions)


DRAWINGS: tuple[Callable[[Axes, Sequence[Version], Words], None], ...] = (
    _confusion,
    _calibration,
    _days,
    _samples,
    _versions,
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
