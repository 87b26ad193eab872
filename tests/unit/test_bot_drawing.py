import asyncio
import sys
from dataclasses import replace

from bot import drawing
from bot.charts import day_chart
from tests.unit.test_bot_charts import day, picture, report


async def test_the_picture_comes_from_a_process_of_its_own():
    drawn, other = await asyncio.gather(drawing.draw_day(day(), "ru"), drawing.draw_report(report(7), "en"))
    assert picture(drawn).tobytes() == picture(day_chart(day(), "ru")).tobytes()
    assert picture(other).height > picture(drawn).height


async def test_what_can_not_be_drawn_is_on_record(caplog):
    (one,) = report(1).days
    broken = replace(report(1), days=(replace(one, day="yesterday"),))
    assert await drawing.draw_report(broken, "ru") is None
    assert "not drawn: ValueError" in caplog.text


async def test_a_process_that_hangs_is_ended(monkeypatch, tmp_path, caplog):
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hanging))
    monkeypatch.setattr(drawing, "_LIMIT_S", 0.3)
    assert await drawing.draw_day(day(), "ru") is None
    assert "within" in caplog.text
