"""Notifications arrive, whatever goes wrong between the bot and Telegram."""

import asyncio
import logging

import pytest
from support.chats import ANNA, BORIS, CAROL, card, prediction, shop, shop_registry, until

import bot.application
import bot.connection
import bot.errands
import bot.polling
from bot.sandbox import (
    BAD_GATEWAY,
    BLOCKED,
    CONFLICT,
    LOST_ANSWER,
    RESET,
    UNAUTHORIZED,
    Call,
    Fault,
    Message,
    Sandbox,
    flood,
    slow,
)
from domain.records import NotificationState

CHAT_NOT_FOUND = Fault(status=400, description="Bad Request: chat not found")
MAINTENANCE = Fault(status=500, description="Internal Server Error: restart")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Tests don't wait as long as people do."""
    monkeypatch.setattr(bot.application, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.polling, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.errands, "BACK_OFF_S", (0.02, 0.1))


def visitors(sandbox: Sandbox, person: int) -> list[Message]:
    return [one for one in sandbox.messages(person) if one.from_bot and one.labels]


async def test_with_a_picture_above_the_text(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        picture = card()
        await at.registry.announce(prediction(), telegram_id=ANNA, card=picture)
        message = await at.hears(ANNA, "в отдел Toys")
        assert message.photo == picture
        sandbox.press(ANNA, "Иду")
        changed = await at.hears(ANNA, "Вы идёте")
        assert (changed.id, changed.photo) == (message.id, picture)


@pytest.mark.parametrize(
    "fault", [BAD_GATEWAY, MAINTENANCE, CONFLICT, UNAUTHORIZED, flood(1)], ids=["502", "500", "409", "401", "429"]
)
async def test_what_was_refused_for_now_arrives_once(sandbox, fault):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", fault, 2)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.SENT)
        (message,) = visitors(sandbox, ANNA)
        assert message.text.startswith("Подойдите в отдел ")
        assert at.registry.notifications[one.id].message == message.id


async def test_429_is_obeyed_and_only_that_chat_waits(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        sandbox.fail_next("sendMessage", flood(2), person=ANNA)
        heard: list[Call] = []
        sandbox.on_call.append(lambda call: heard.append(call) if call.method == "sendMessage" else None)
        slow_one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: any(call.chat == ANNA and "Посетитель" in call.values["text"] for call in heard))
        quick_one = await at.registry.announce(prediction(), telegram_id=BORIS)
        await until(lambda: at.registry.notifications[slow_one.id].state is NotificationState.SENT)
        (held,), (direct,) = visitors(sandbox, ANNA), visitors(sandbox, BORIS)
        assert direct.at < held.at, "Boris's visitor did not wait for Anna's pause"
        assert held.at - slow_one.created_at >= 2
        assert at.registry.notifications[quick_one.id].state is NotificationState.SENT


@pytest.mark.parametrize("fault", [BLOCKED, CHAT_NOT_FOUND], ids=["blocked", "chat not found"])
async def test_who_cannot_be_reached_is_told_to_the_registry(sandbox, fault):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", fault)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.FAILED)
        reason = fault.description.split(": ")[1]
        assert reason in at.registry.reasons[one.id].lower()
        assert not visitors(sandbox, ANNA)


async def test_who_never_wrote_to_the_bot_cannot_be_reached(sandbox):
    async with shop(sandbox) as at:
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.FAILED)
        assert "chat not found" in at.registry.reasons[one.id].lower()


@pytest.mark.parametrize("picture", [None, card()], ids=["text", "photo"])
async def test_a_lost_answer_brings_it_twice_and_the_second_says_the_same(sandbox, picture):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage" if picture is None else "sendPhoto", LOST_ANSWER)
        one = await at.registry.announce(prediction(), telegram_id=ANNA, card=picture)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.SENT)
        first, second = visitors(sandbox, ANNA)
        assert first.text.startswith("Подойдите в отдел ")
        assert second.text == first.text
        assert first.buttons == second.buttons
        for copy in (first, second):
            sandbox.press_data(ANNA, copy.id, copy.buttons[0][0].data)
        await until(lambda: not any("Иду" in message.labels for message in visitors(sandbox, ANNA)))
        assert at.registry.notifications[one.id].state is NotificationState.TAKEN


async def test_a_reset_before_the_deed_looks_the_same_from_here(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", RESET)
        await at.registry.announce(prediction(), telegram_id=ANNA)
        message = await at.hears(ANNA, "в отдел Toys")
        assert message.text.startswith("Подойдите в отдел ")
        assert len(visitors(sandbox, ANNA)) == 1


async def test_an_answer_that_does_not_come_in_time_is_a_lost_one(sandbox, monkeypatch):
    monkeypatch.setattr(bot.connection, "_READ_S", 0.3)
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", slow(30))
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.SENT)
        copies = visitors(sandbox, ANNA)
        assert len(copies) >= 2
        assert len({(copy.text, copy.buttons) for copy in copies}) == 1


async def test_a_stuck_chat_holds_nobody_up(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS, CAROL)
        sandbox.fail_next("sendMessage", BAD_GATEWAY, 100_000, person=ANNA)
        stuck = await at.registry.announce(prediction(), telegram_id=ANNA)
        for _ in range(5):
            for person in (BORIS, CAROL):
                await at.registry.announce(prediction(), telegram_id=person)
        await until(lambda: len(visitors(sandbox, BORIS)) == len(visitors(sandbox, CAROL)) == 5)
        assert at.registry.notifications[stuck.id].state is NotificationState.QUEUED
        sandbox.mend()
        await until(lambda: visitors(sandbox, ANNA))


async def test_what_has_expired_is_not_sent_when_telegram_is_back(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", BAD_GATEWAY, 100_000)
        one = await at.registry.announce(prediction(), telegram_id=ANNA, lifetime_s=0.4)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.EXPIRED)
        sandbox.mend()
        later = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[later.id].state is NotificationState.SENT)
        assert len(visitors(sandbox, ANNA)) == 1


async def test_an_outage_of_telegram_delays_and_loses_nothing(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        await asyncio.to_thread(sandbox.stop)
        queued = [await at.registry.announce(prediction(), telegram_id=person) for person in (ANNA, BORIS, ANNA)]
        sandbox.press(BORIS, "/ping")
        await until(lambda: at.bot.health.problem)
        sandbox.start()
        for one in queued:
            await until(lambda one=one: at.registry.notifications[one.id].state is NotificationState.SENT)
        await at.hears(BORIS, "на связи")
        assert len(visitors(sandbox, ANNA)) == 2
        await until(lambda: at.bot.health.ok)


async def test_what_was_queued_while_nothing_ran_is_sent_at_the_start(sandbox):
    registry = shop_registry()
    async with shop(sandbox, registry) as at:
        await at.log_in(ANNA)
    await registry.announce(prediction(), telegram_id=ANNA)
    async with shop(sandbox, registry) as at:
        await at.hears(ANNA, "в отдел Toys")
    assert len(visitors(sandbox, ANNA)) == 1


async def test_a_registry_that_starts_again_in_the_middle(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        for method in ("outbox", "mark_sent"):
            at.registry.fail_next(method, 3)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.SENT)
        assert len(visitors(sandbox, ANNA)) == 1


async def test_a_picture_that_telegram_refuses_is_left_out(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        await at.registry.announce(prediction(), telegram_id=ANNA, card=b"no picture")
        message = await at.hears(ANNA, "в отдел Toys")
        assert message.photo is None


async def test_many_at_once_all_arrive_once_and_in_their_chats(sandbox, caplog):
    caplog.set_level(logging.INFO, "bot.errands")
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS, CAROL)
        queued = [await at.registry.announce(prediction(), telegram_id=(ANNA, BORIS, CAROL)[i % 3]) for i in range(30)]
        await until(lambda: all(at.registry.notifications[one.id].message for one in queued), 30)
        for person in (ANNA, BORIS, CAROL):
            wanted = [f"t:{one.id}:" for one in queued if one.chat == person]
            # more than a chat takes at once: the newest of them go first
            assert sorted(message.buttons[0][0].data for message in visitors(sandbox, person)) == sorted(wanted)
    assert sum("ms after it was made" in record.message for record in caplog.records) == 30
