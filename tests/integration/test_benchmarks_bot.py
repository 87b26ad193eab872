"""The bot's benchmark in small: what it claims is so, and what it tells is there."""

import pytest

import bot.application
import bot.errands
import bot.pacing
import bot.polling
from benchmarks import bot_faults
from benchmarks.bot_sending import mode_all, one_waiting
from bot.sandbox import Fault


async def test_each_notification_ends_in_one_stated_way_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    # a telephone's seconds are tenths here, and Telegram is ten times as patient
    monkeypatch.setattr(bot.pacing, "CHAT_S", 0.1)
    monkeypatch.setattr(bot.pacing, "OVERALL", 300)
    monkeypatch.setattr(bot.errands, "BACK_OFF_S", (0.05, 0.5))
    monkeypatch.setattr(bot.application, "_BACK_OFF_S", (0.05, 0.5))
    monkeypatch.setattr(bot.polling, "_BACK_OFF_S", (0.05, 0.5))
    monkeypatch.setitem(bot_faults._FAULTS, "hang", Fault(reset=True, delay_s=0.1))
    told = await bot_faults.faults(visits=60, per_s=15, lifetime_s=6, seed=1)
    assert told.visits == 60
    assert told.notifications > 30
    assert told.lost == 0
    assert told.stale == 0
    assert sum(told.states.values()) == told.notifications
    assert set(told.states) <= {"taken", "declined", "expired", "failed"}
    assert told.duplicates <= told.failed_calls["lost answer"] + told.failed_calls["hang"]
    assert sum(told.failed_calls.values()) > told.calls / 5
    assert told.unsent < told.notifications


async def test_how_soon_a_message_is_sent_is_told() -> None:
    one = await one_waiting(visits=1)
    assert one["send_ms"]["p50"] > 0
    several = await mode_all(waiting=4, visits=1)
    assert several["send_ms"]["max"] >= several["pace_ms"]["max"], "Telegram's pace is kept"
