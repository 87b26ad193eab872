"""Pictures of a day and of a store's days, made for a telephone: upright, large type, few colours, numbers at the bars.

Drawing takes some tenths of a second: an event loop asks for it through `bot.drawing`.
"""

import io
import math
from collections.abc import Callable, Sequence
from datetime import date

from babel.dates import format_skeleton
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bot.texts import Texts, texts
from domain.records import AssistantDay, StoreReport

#: Inches, and dots an inch: 1080 dots across, as telephones have.
_WIDTH, _DPI = 5.4, 200
_MARGIN = 0.32
_INK, _FAINT, _LINE, _BLUE, _PALE = "#16212c", "#5f6d79", "#dbe2e8", "#1f74bd", "#a9cdec"
#: Points.
_SMALL, _BODY, _TITLE, _LARGE = 11.5, 13.0, 15.0, 25.0
#: Departments that are shown each by itself; the others are counted together.
_DEPARTMENTS = 6
#: Letters of a department's name that fit across.
_NAME = 38
#: The hours that are always shown, since a shop is open then.
_OPEN = (9, 21)

#: A panel: its height in inches, and what draws it.
Panel = tuple[float, Callable[[Axes], None]]


def day_chart(day: AssistantDay, language: str) -> bytes:
    """An assistant's own day, PNG, 1080 dots wide. `language` is `ru` or `en`."""
    t = texts(language)
    figures = [
        (t.plain("chart-met"), t.plain("chart-of", part=day.met, whole=day.shown) if day.shown else "—"),
        (t.plain("chart-take"), _duration(day.median_take_s, t)),
        (t.plain("chart-right"), t.plain("chart-of", part=day.right, whole=day.answered) if day.answered else "—"),
    ]
    return _png(
        [
            (0.36, lambda axes: _heading(axes, t.plain("chart-day"), "")),
            (0.7, lambda axes: _figures(axes, figures)),
            (
                2.3 if day.met else 0.75,
                lambda axes: _hours(axes, t.plain("chart-met-by-hour"), day.met_by_hour, t.plain("chart-nobody-met")),
            ),
        ]
    )


def report_charts(report: StoreReport, language: str) -> bytes:
    """A store's days on one sheet, PNG, 1080 dots wide. `language` is `ru` or `en`.

    Departments are called as the report calls them. Of a single day there is no course to be shown.
    """
    t = texts(language)
    days = [date.fromisoformat(one.day) for one in report.days]
    dates = [format_skeleton("MMMd", one, locale=t.language).rstrip(".") for one in days]
    visits, met = sum(one.visits for one in report.days), sum(one.met for one in report.days)
    answered, right = sum(one.answered for one in report.days), sum(one.right for one in report.days)
    figures = [
        (t.plain("chart-visits"), str(visits)),
        (t.plain("chart-met"), _percent(met, visits, t)),
        (t.plain("chart-right"), _percent(right, answered, t)),
    ]
    span = " – ".join(dict.fromkeys((dates[0], dates[-1])))
    departments = _departments(report.visits_by_department, t.plain("chart-others"))
    panels: list[Panel] = [
        (0.62, lambda axes: _heading(axes, report.name, span)),
        (0.7, lambda axes: _figures(axes, figures)),
        (
            1.9 if visits else 0.75,
            lambda axes: _hours(axes, t.plain("chart-by-hour"), report.visits_by_hour, t.plain("chart-no-visits")),
        ),
        (
            0.42 + 0.44 * max(1, len(departments)),
            lambda axes: _bars(axes, t.plain("chart-by-department"), departments, t.plain("chart-no-visits")),
        ),
    ]
    if not visits:
        del panels[-1]
    elif len(days) > 1:
        shares = [_share(one.met, one.visits) for one in report.days]
        seconds = [one.median_take_s for one in report.days]
        accuracy = [_share(one.right, one.answered) for one in report.days]
        panels += [
            (
                1.4,
                lambda axes: _course(
                    axes, t.plain("chart-share-met"), dates, shares, t.plain("chart-no-visits"), most=100
                ),
            ),
            (
                1.4,
                lambda axes: _course(
                    axes, t.plain("chart-median"), dates, seconds, t.plain("chart-nobody-met"), most=None
                ),
            ),
            (
                1.4,
                lambda axes: _course(
                    axes, t.plain("chart-accuracy"), dates, accuracy, t.plain("chart-no-answers"), most=100
                ),
            ),
        ]
    return _png(panels)


def _png(panels: Sequence[Panel]) -> bytes:
    """The panels below each other. A figure of its own, so that two threads never meet in pyplot's state."""
    gap, bottom = 0.2, 0.34
    height = sum(size for size, _ in panels) + gap * len(panels) + bottom
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    top = height - gap
    for size, draw in panels:
        axes = figure.add_axes(
            (_MARGIN / _WIDTH, (top - size) / height, (_WIDTH - 2 * _MARGIN) / _WIDTH, size / height)
        )
        axes.set_axis_off()
        draw(axes)
        top -= size + gap
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _heading(axes: Axes, text: str, below: str) -> None:
    short = _short(text, 30)
    axes.text(0, 1, short, fontsize=_TITLE + 4, weight="bold", color=_INK, va="top")
    axes.text(0, 0, below, fontsize=_BODY, color=_FAINT, va="bottom")


def _figures(axes: Axes, figures: Sequence[tuple[str, str]]) -> None:
    """A number each, with what it is above it."""
    for place, (what, number) in enumerate(figures):
        x = place / len(figures)
        axes.text(x, 1, what, fontsize=_SMALL - 1, color=_FAINT, va="top")
        axes.text(x, 0.62, number, fontsize=_LARGE - 5, weight="bold", color=_INK, va="top")


def _hours(axes: Axes, title: str, counts: Sequence[int], empty: str) -> None:
    inner = _inner(axes, title, below=0.26 if any(counts) else 0.0)
    busy = [hour for hour, count in enumerate(counts) if count]
    if not busy:
        _say(inner, empty)
        return
    first, last = min(_OPEN[0], busy[0]), max(_OPEN[1], busy[-1])
    most = max(counts)
    peak = counts.index(most)
    shown = range(first, last + 1)
    inner.bar(
        shown, [counts[hour] for hour in shown], width=0.78, color=[_BLUE if hour == peak else _PALE for hour in shown]
    )
    inner.set_xlim(first - 0.6, last + 0.6)
    inner.set_ylim(0, most * 1.22)
    inner.text(peak, most * 1.03, str(most), fontsize=_BODY, weight="bold", color=_BLUE, ha="center", va="bottom")
    step = 3 if last - first <= 15 else 4
    for hour in [hour for hour in shown if hour % step == 0]:
        inner.annotate(
            f"{hour}:00", (hour, 0), (0, -5), textcoords="offset points", ha="center", va="top",
            fontsize=_SMALL, color=_FAINT,
        )  # fmt: skip
    inner.axhline(0, color=_LINE, linewidth=1)


def _bars(axes: Axes, title: str, counts: Sequence[tuple[str, int]], empty: str) -> None:
    """Names above their bars: as long as they are, they stand in nobody's way."""
    inner = _inner(axes, title, below=0.0)
    if not counts:
        _say(inner, empty)
        return
    most = max(count for _, count in counts)
    inner.set_xlim(0, 1)
    inner.set_ylim(-len(counts), 0)
    for place, (name, count) in enumerate(counts):
        inner.text(0, -place - 0.22, _short(name, _NAME), fontsize=_BODY, color=_INK, va="center")
        inner.text(1, -place - 0.22, str(count), fontsize=_BODY, weight="bold", color=_INK, va="center", ha="right")
        inner.barh(-place - 0.62, 1, height=0.2, color=_LINE)
        inner.barh(-place - 0.62, count / most, height=0.2, color=_BLUE)


def _course(
    axes: Axes, title: str, dates: Sequence[str], values: Sequence[float | None], empty: str, *, most: float | None
) -> None:
    """Day by day; days without a value are gaps. The last value stands at its point."""
    inner = _inner(axes, title, below=0.26)
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if not known:
        _say(inner, empty)
        return
    top = most or _ceiling(max(value for _, value in known))
    inner.set_xlim(-0.5, len(values) - 0.5 + 0.11 * len(values))
    inner.set_ylim(0, top * 1.08)
    for level in (0, top / 2, top):
        inner.axhline(level, xmin=0, color=_LINE, linewidth=1, zorder=0)
    inner.plot(
        range(len(values)),
        [math.nan if value is None else value for value in values],
        color=_BLUE,
        linewidth=2.2,
        marker="o",
        markersize=6 if len(values) <= 10 else 3,
        clip_on=False,
    )
    place, value = known[-1]
    inner.annotate(
        f"{value:.0f}", (place, value), (8, 0), textcoords="offset points", fontsize=_BODY, weight="bold", color=_BLUE,
        va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip
    inner.annotate(
        f"{top:.0f}", (1, top), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
        fontsize=_SMALL - 2, color=_FAINT, ha="right", va="bottom",
    )  # fmt: skip
    step = max(1, math.ceil(len(dates) / 5))
    for number in range(len(dates) - 1, -1, -step):
        inner.annotate(
            dates[number], (number, 0), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=_SMALL,
            color=_FAINT,
        )  # fmt: skip


def _inner(axes: Axes, title: str, *, below: float) -> Axes:
    """The place below a panel's title; `below` inches are left for what stands under it."""
    axes.text(0, 1, title, fontsize=_TITLE, weight="bold", color=_INK, va="top")
    height = axes.get_window_extent().height / axes.figure.dpi
    inner = axes.inset_axes((0, below / height, 1, 1 - (0.42 + below) / height))
    inner.set_axis_off()
    return inner


def _say(axes: Axes, words: str) -> None:
    axes.text(0, 0.9, words, fontsize=_BODY, color=_FAINT, va="top", transform=axes.transAxes)


def _departments(counts: Sequence[tuple[str, int]], others: str) -> list[tuple[str, int]]:
    shown = [one for one in counts if one[1]]
    if len(shown) <= _DEPARTMENTS:
        return shown
    rest = sum(count for _, count in shown[_DEPARTMENTS - 1 :])
    return [*shown[: _DEPARTMENTS - 1], (others, rest)]


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _percent(part: int, whole: int, t: Texts) -> str:
    return t.plain("chart-percent", value=round(100 * part / whole)) if whole else "—"


def _duration(seconds: float | None, t: Texts) -> str:
    if seconds is None:
        return "—"
    if seconds < 100:
        return t.plain("chart-seconds", value=round(seconds))
    return t.plain("chart-minutes", value=round(seconds / 60))


def _ceiling(value: float) -> float:
    """A round number that is not below it."""
    scale = 10.0 ** math.floor(math.log10(max(value, 1)))
    return next(step * scale for step in (1, 2, 4, 5, 10) if step * scale >= value)
