from pathlib import Path

import pytest
from support.staffed import ANNA, BORIS, LIFETIME_S, OFFER_S, VERA, WAITING, Shop, open_shop, visit

from domain.errors import InputError
from domain.records import (
    NotificationState,
    Ranked,
)


async def test_who_waits_hears_of_a_visit_and_goes_on_waiting(either: Shop) -> None:
    assert await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    (notification,) = await either.queued()
    assert (notification.chat, notification.visit, notification.bot) == (ANNA, "v1", "main")
    assert (notification.number, notification.camera, notification.came_at) == (1, "door", 1_000_000.0)
    assert (notification.revision, notification.shown) == (1, None)
    assert notification.departments == ("Toys", "Cars")
    assert notification.prediction is not None
    assert notification.prediction.ranking[0] == Ranked(department="Toys", probability=0.75)
    assert (await either.states())[ANNA] is WAITING


async def test_announcing_twice_is_announcing_once(either: Shop) -> None:
    await either.wait(ANNA)
    for _ in range(3):
        await either.registry.announce(visit("v1"))
    assert len(await either.queued()) == 1


async def test_told_to_all_everybody_who_waits_hears(shop: Shop) -> None:
    for person in (BORIS, ANNA):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    assert await shop.told() == [BORIS, ANNA]


async def test_told_one_after_the_other_who_has_waited_longest_goes_first(one_each: Shop) -> None:
    for person in (BORIS, ANNA, VERA):
        await one_each.wait(person)
    # who has been asked goes to the end of the line, even without an answer
    for number, person in enumerate((BORIS, ANNA, VERA, BORIS)):
        one_each.clock.now += 1
        await one_each.registry.announce(visit(f"v{number}"))
        assert await one_each.told() == [person]
        one_each.clock.now += LIFETIME_S


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_who_knows_the_predicted_department_comes_first(tmp_path: Path, notify: str) -> None:
    async with open_shop(tmp_path, notify=notify) as shop:
        for person in (BORIS, ANNA, VERA):
            await shop.wait(person)
        standing = await shop.registry.know(telegram_id=VERA, departments=["Toys", "Spaceships"])
        assert (standing.assistant.departments, standing.changed) == (("Toys",), True)
        await shop.registry.know(telegram_id=BORIS, departments=["Cars"])
        await shop.registry.announce(visit("v1"))
        assert await shop.told() == ([VERA, BORIS, ANNA] if notify == "all" else [VERA])


async def test_after_fifteen_seconds_without_an_answer_the_next_hears_as_well(one_each: Shop) -> None:
    for person in (BORIS, ANNA, VERA):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    assert await one_each.told() == [BORIS]
    one_each.clock.now += OFFER_S - 0.1
    assert await one_each.told() == []
    one_each.clock.now += 0.1
    assert await one_each.told() == [ANNA]
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [VERA]
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [], "nobody is left"
    # the first keeps the buttons
    assert (await one_each.take(BORIS, "v1")).state is NotificationState.TAKEN


async def test_a_declined_visit_goes_to_the_next_at_once(one_each: Shop) -> None:
    for person in (BORIS, ANNA):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    assert await one_each.told() == [BORIS]
    for _ in range(2):
        assert (await one_each.decline(BORIS, "v1")).state is NotificationState.DECLINED
    assert await one_each.told() == [ANNA]
    assert (await one_each.states())[BORIS] is WAITING


async def test_who_has_not_answered_yet_is_not_asked_about_another(one_each: Shop) -> None:
    await one_each.wait(ANNA)
    await one_each.registry.announce(visit("v1"))
    await one_each.registry.announce(visit("v2"))
    assert [one.visit for one in await one_each.deliver()] == ["v1"]
    await one_each.decline(ANNA, "v1")
    assert [one.visit for one in await one_each.deliver()] == ["v2"]


async def test_who_came_first_is_told_of_first(one_each: Shop) -> None:
    for later, name in enumerate(("b", "a")):
        await one_each.registry.announce(visit(name, at=one_each.clock.now + later))
    await one_each.wait(ANNA)
    assert [one.visit for one in await one_each.deliver()] == ["b"]


async def test_whose_hands_come_free_hears_of_who_still_stands_there(one_each: Shop) -> None:
    for person in (ANNA, BORIS):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    await one_each.told()
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [BORIS]
    await one_each.registry.announce(visit("v2"))
    assert await one_each.told() == [], "both think about the first"
    await one_each.take(ANNA, "v1")
    assert await one_each.told() == [BORIS]


async def test_other_stores_visitors_are_not_ones_own(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1", store="b"))
    assert await either.queued() == []


async def test_an_unknown_store_is_refused(shop: Shop) -> None:
    with pytest.raises(InputError, match="no store 'c'"):
        await shop.registry.announce(visit("v1", store="c"))


async def test_a_visitor_whom_nobody_waited_for_is_told_to_the_next_who_does(either: Shop) -> None:
    await either.registry.announce(visit("v1"))
    assert await either.queued() == []
    assert await either.wait(ANNA)
    assert [one.visit for one in await either.queued()] == ["v1"]


async def test_so_is_one_whom_all_have_declined(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    await either.told()
    await either.decline(ANNA, "v1")
    await either.wait(BORIS)
    assert await either.told() == [BORIS]


async def test_but_not_after_a_minute_and_not_once_somebody_goes(either: Shop) -> None:
    await either.registry.announce(visit("v1"))
    either.clock.now += LIFETIME_S
    await either.wait(ANNA)
    assert await either.queued() == []
    await either.registry.announce(visit("v2"))
    await either.told()
    await either.take(ANNA, "v2")
    await either.wait(BORIS)
    assert await either.queued() == []


async def test_a_declined_visit_does_not_come_back_to_the_same_person(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    await either.told()
    await either.decline(ANNA, "v1")
    await either.pause(ANNA)
    await either.wait(ANNA)
    assert await either.queued() == []
