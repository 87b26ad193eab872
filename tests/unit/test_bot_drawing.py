import asyncio
import sys

import pytest

from bot import drawing
from bot.charts import day_chart
from domain.errors import AmikoError
from tests.unit.test_bot_charts import day, picture, report


async def test_the_picture_comes_from_a_process_of_its_own():
    drawn, other = await asyncio.gather(drawing.draw_day(day(), "ru"), drawing.draw_report(report(7), "en"))
    assert picture(drawn).tobytes() == picture(day_chart(day(), "ru")).tobytes()
    assert picture(other).height > picture(drawn).height


async def test_what_can_not_be_drawn_is_told():
    with pytest.raises(AmikoError, match="not drawn: KeyError: 'xx'"):
        await drawing.draw_day(day(), "xx")


async def test_a_process_that_hangs_is_ended(monkeypatch, tmp_path):
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hanging))
    monkeypatch.setattr(drawing, "_LIMIT_S", 0.3)
    with pytest.raises(AmikoError, match="within"):
        await drawing.draw_day(day(), "ru")
