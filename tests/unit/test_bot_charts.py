"""Charts: what can be told of a picture without eyes. They were looked at, too."""

import io
from datetime import date, timedelta

import numpy as np
import PIL.Image
import pytest

from bot.charts import day_chart, report_charts
from domain.records import AssistantDay, StoreDay, StoreReport


def picture(png: bytes) -> PIL.Image.Image:
    found = PIL.Image.open(io.BytesIO(png))
    assert found.format == "PNG"
    return found.convert("RGB")


def share_inked(image: PIL.Image.Image) -> float:
    return float((np.asarray(image).min(2) < 250).mean())


def day(**fields: object) -> AssistantDay:
    known = {"met": 3, "shown": 4, "median_take_s": 11.0, "answered": 2, "right": 1}
    hours = tuple(3 if hour == 12 else 0 for hour in range(24))
    return AssistantDay(**(known | {"met_by_hour": hours} | fields))


def report(count: int, *, visits: int = 40, departments: int = 3) -> StoreReport:
    days = tuple(
        StoreDay(
            day=(date(2026, 11, 24) - timedelta(count - 1 - number)).isoformat(),
            visits=visits,
            met=visits * 3 // 4,
            median_take_s=20.0 + number if visits else None,
            answered=visits // 2,
            right=visits // 3,
        )
        for number in range(count)
    )
    return StoreReport(
        store="s",
        name="Амико",
        days=days,
        visits_by_hour=tuple(visits if 9 <= hour < 21 else 0 for hour in range(24)),
        visits_by_department=tuple((f"Отдел {'с длинным именем ' * 4}{n}", 9 - n) for n in range(departments)),
    )


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_any_time_fits_a_telephone(count, language):
    image = picture(report_charts(report(count, departments=9), language))
    assert image.width == 1080
    assert image.width < image.height < 2.4 * image.width
    assert share_inked(image) > 0.03
    # nothing runs out of the sheet: its edge is white
    edge = np.concatenate([np.asarray(image)[:, [0, 1, -2, -1]].ravel(), np.asarray(image)[[0, -1]].ravel()])
    assert edge.min() == 255


def test_where_nothing_was_there_is_little_to_see():
    full, empty = (picture(report_charts(report(7, visits=visits), "ru")) for visits in (40, 0))
    assert empty.height < full.height / 2
    assert share_inked(empty) > 0.01
    assert picture(day_chart(day(met=0, shown=0, median_take_s=None, met_by_hour=(0,) * 24), "ru")).height < 600


def test_the_day_shows_its_hours():
    other = day(met_by_hour=tuple(3 if hour == 13 else 0 for hour in range(24)))
    assert day_chart(day(), "ru") != day_chart(other, "ru")
    # shops that are open at night, too
    night = day(met_by_hour=tuple(3 if hour in {0, 23} else 0 for hour in range(24)))
    assert picture(day_chart(night, "ru")).width == 1080


def test_the_same_figures_make_the_same_picture():
    assert report_charts(report(7), "ru") == report_charts(report(7), "ru")
