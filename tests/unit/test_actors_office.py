"""The admins' side of the registry: invitations, notices, figures."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.chats import prediction

from actors.registry import AssistantRegistry
from domain.errors import InputError, NotRegisteredError
from domain.records import NOT_A_CUSTOMER, AssistantState, NoticeKind, NotificationState, Visit
from domain.settings import Camera, Settings, Store, Telegram
from storage import assistants
from storage.database import Database

ANNA, BORIS, NEW, ADMIN, OTHER_ADMIN = 1, 2, 50, 7, 8
HOUR_S, DAY_S = 3600.0, 24 * 3600.0
#: Noon in Moscow.
NOON = datetime(2026, 7, 1, 9, tzinfo=UTC).timestamp()
LOST, BACK = NoticeKind.CAMERA_LOST, NoticeKind.CAMERA_BACK


@dataclass
class Office:
    registry: AssistantRegistry
    database: Database
    settings: Settings
    now: float = NOON
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def told(self) -> list[tuple[int, NoticeKind, dict[str, str]]]:
        """What the admins are to be told; they are, too."""
        held = (await self.registry.outbox(bot="main", seen=None, wait_s=0)).notices
        for one in held:
            await self.registry.mark_noticed(notice=one.id)
        return [(one.chat, one.kind, dict(one.values)) for one in held]

    async def join(self, code: str, person: int = NEW, username: str | None = None) -> str:
        found = await self.registry.join(code=code, telegram_id=person, username=username, name="Новый", language="ru")
        return found.store

    async def met(self, person: int = ANNA, *, took_s: float = 10, answer: str | None = None, store: str = "a") -> str:
        """A visit that this assistant is told of at once, and takes after so long."""
        name = f"v{next(self.numbers)}"
        await self.registry.wait(telegram_id=person, update=next(self.numbers))
        await self.registry.announce(Visit(id=name, store=store, camera="door", at=self.now, prediction=prediction()))
        held = await self.registry.outbox(bot="main", seen=None, wait_s=0)
        (one,) = (one for one in held.notifications if one.visit == name and one.chat == person)
        self.now += took_s
        await self.registry.take(notification=one.id, telegram_id=person)
        if answer is not None:
            await self.registry.answer(notification=one.id, telegram_id=person, answer=answer)
        return name

    def restart(self) -> None:
        self.registry = AssistantRegistry(self.settings, self.database, lambda: self.now)


@asynccontextmanager
async def open_office(folder: Path) -> AsyncIterator[Office]:
    stores = [
        Store(
            id=name,
            name=f"Магазин {name}",
            departments=["Toys", "Electronics"],
            cameras=[Camera(id="door", name="Вход", role="entrance", source=SecretStr("0"))],
        )
        for name in ("a", "b")
    ]
    telegram = Telegram(token=SecretStr("1:a"), admins=[ADMIN, OTHER_ADMIN])
    async with Database.open(folder / "amiko.db") as database:
        async with database.transaction() as connection:
            for person, name in ((ANNA, "Анна"), (BORIS, "Борис")):
                await assistants.add(connection, store="a", name=name, username=None, telegram_id=person, now=0.0)
        made = Office(None, database, Settings(telegram=telegram, stores=stores))
        made.restart()
        yield made


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as opened:
        yield opened


# -- invitations ------------------------------------------------------------------------------------------


async def test_a_code_lets_one_person_in_and_its_admin_hears(office: Office) -> None:
    invite = await office.registry.invite(admin=ADMIN, store="b")
    assert (invite.store, invite.bot, invite.expires_at) == ("b", "main", NOON + DAY_S)
    for _ in range(2):
        assert await office.join(invite.code) == "b"
    with pytest.raises(NotRegisteredError):
        await office.join(invite.code, NEW + 1)
    told = {"name": "Новый", "username": "", "store": "Магазин b"}
    assert await office.told() == [(ADMIN, NoticeKind.JOINED, told)], "once, and only the one who invited"


async def test_a_code_may_be_typed_in_small_letters(office: Office) -> None:
    invite = await office.registry.invite(admin=None, store="a")
    assert await office.join(invite.code.lower()) == "a"
    assert [admin for admin, _, _ in await office.told()] == [ADMIN, OTHER_ADMIN]


async def test_a_code_is_no_longer_good_after_a_day_or_for_a_store_that_is_gone(office: Office) -> None:
    invite = await office.registry.invite(admin=ADMIN, store="b")
    gone = office.settings.model_copy(update={"stores": office.settings.stores[:1]})
    with pytest.raises(NotRegisteredError):
        await AssistantRegistry(gone, office.database, lambda: office.now).join(
            code=invite.code, telegram_id=NEW, username=None, name="Н", language="ru"
        )
    office.now += DAY_S
    for code in (invite.code, "nonsense", ""):
        with pytest.raises(NotRegisteredError):
            await office.join(code)
    with pytest.raises(InputError, match="no store 'c'"):
        await office.registry.invite(admin=ADMIN, store="c")


async def test_no_code_lies_in_the_database(office: Office, tmp_path: Path) -> None:
    invite = await office.registry.invite(admin=ADMIN, store="a")
    files = list(tmp_path.glob("amiko.db*"))
    assert files
    assert all(invite.code.encode() not in path.read_bytes() for path in files)


async def test_who_is_invited_to_another_store_moves_there(office: Office) -> None:
    await office.registry.wait(telegram_id=ANNA, update=1)
    invite = await office.registry.invite(admin=ADMIN, store="b")
    assert await office.join(invite.code, ANNA) == "b"
    staff = {one.telegram_id: (one.store, one.state) for one in await office.registry.assistants()}
    assert staff == {ANNA: ("b", AssistantState.OFF), BORIS: ("a", AssistantState.OFF)}


async def test_who_is_on_the_list_by_user_name_is_not_there_twice(office: Office) -> None:
    async with office.database.transaction() as connection:
        await assistants.add(connection, store="a", name="Новый", username="new", telegram_id=None, now=0.0)
    invite = await office.registry.invite(admin=ADMIN, store="a")
    await office.join(invite.code, NEW, "new")
    assert [one.username for one in await office.registry.assistants()].count("new") == 1


async def test_who_was_taken_off_the_list_does_not_come_back_by_the_old_code(office: Office) -> None:
    invite = await office.registry.invite(admin=ADMIN, store="a")
    await office.join(invite.code)
    joined = next(one for one in await office.registry.assistants() if one.telegram_id == NEW)
    assert (await office.registry.remove(assistant=joined.id)) is not None
    assert await office.registry.remove(assistant=joined.id) is None
    with pytest.raises(NotRegisteredError):
        await office.join(invite.code)


async def test_who_is_taken_off_while_asked_passes_the_visitor_on(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        stores = [store.model_copy(update={"notify": "one"}) for store in office.settings.stores]
        office.settings = office.settings.model_copy(update={"stores": stores})
        office.restart()
        for update, person in enumerate((ANNA, BORIS)):
            office.now += 1
            await office.registry.wait(telegram_id=person, update=update)
        await office.registry.announce(Visit(id="v", store="a", camera="door", at=office.now))
        anna = next(one for one in await office.registry.assistants() if one.telegram_id == ANNA)
        await office.registry.remove(assistant=anna.id)
        held = (await office.registry.outbox(bot="main", seen=None, wait_s=0)).notifications
        assert [(one.chat, one.state) for one in held] == [(BORIS, NotificationState.QUEUED)]


# -- notices ----------------------------------------------------------------------------------------------


async def see(office: Office, *lost: str) -> list[tuple[int, NoticeKind]]:
    """Cameras are looked at; what the first admin is told."""
    await office.registry.see_cameras(lost=[("a", camera) for camera in lost])
    return [(admin, kind) for admin, kind, _ in await office.told() if admin == ADMIN]


async def test_a_camera_that_is_lost_and_back_is_told(office: Office) -> None:
    await office.registry.see_cameras(lost=[])
    await office.registry.see_cameras(lost=[("a", "door")])
    values = {"store": "Магазин a", "camera": "Вход"}
    assert await office.told() == [(admin, LOST, values) for admin in (ADMIN, OTHER_ADMIN)]
    (a, b) = await office.registry.stores()
    assert (a.lost, b.lost) == (("door",), ())
    office.now += 60
    await office.registry.see_cameras(lost=[])
    assert await office.told() == [(admin, BACK, values) for admin in (ADMIN, OTHER_ADMIN)]


async def test_an_unsteady_camera_is_told_once_an_hour_and_the_last_word_is_true(office: Office) -> None:
    assert await see(office, "door") == [(ADMIN, LOST)]
    assert await see(office) == [(ADMIN, BACK)]
    for _ in range(3):
        office.now += 60
        assert await see(office, "door") == []
        office.now += 60
        assert await see(office) == []
    office.now += 60
    assert await see(office, "door") == []
    office.now += HOUR_S
    assert await see(office, "door") == [(ADMIN, LOST)], "it still is"


async def test_a_camera_that_is_back_again_before_the_hour_is_over_is_no_news(office: Office) -> None:
    await see(office, "door")
    await see(office)
    office.now += 60
    await see(office, "door")
    office.now += 60
    await see(office)
    office.now += HOUR_S
    assert await see(office) == []


async def test_a_registry_that_was_started_again_knows_what_it_told(office: Office) -> None:
    assert await see(office, "door") == [(ADMIN, LOST)]
    office.restart()
    assert await see(office, "door") == []
    office.restart()
    assert await see(office) == [(ADMIN, BACK)]


async def test_a_training_is_told_at_most_once_an_hour(office: Office) -> None:
    async def trained(store: str) -> None:
        await office.registry.alarm(kind=NoticeKind.TRAINING_REFUSED, subject=store, values={"store": store})

    await trained("a")
    await trained("b")
    assert [(admin, values["store"]) for admin, _, values in await office.told()] == [
        (ADMIN, "a"),
        (OTHER_ADMIN, "a"),
        (ADMIN, "b"),
        (OTHER_ADMIN, "b"),
    ]
    for _ in range(3):
        await trained("a")
    assert await office.told() == []
    office.now += HOUR_S
    assert [values["store"] for _, _, values in await office.told()] == ["a", "a"]


async def test_a_notice_is_kept_for_a_day(office: Office) -> None:
    await office.registry.alarm(kind=NoticeKind.TRAINING_REFUSED, subject="a", values={})
    office.now += DAY_S - 1
    assert len((await office.registry.outbox(bot="main", seen=None, wait_s=0)).notices) == 2
    office.now += 1
    assert await office.told() == []


async def test_each_admin_reads_in_their_language(office: Office) -> None:
    await office.registry.greet(admin=OTHER_ADMIN, language="en")
    await office.registry.alarm(kind=NoticeKind.TRAINING_REFUSED, subject="a", values={})
    held = (await office.registry.outbox(bot="main", seen=None, wait_s=0)).notices
    assert [(one.chat, one.language) for one in held] == [(ADMIN, "ru"), (OTHER_ADMIN, "en")]


# -- figures ----------------------------------------------------------------------------------------------


async def test_an_assistants_day(office: Office) -> None:
    await office.met(took_s=3, answer="Toys")
    await office.met(took_s=20, answer="Electronics")
    await office.met(took_s=5, answer=NOT_A_CUSTOMER)
    await office.met(BORIS, took_s=1, answer="Toys")
    office.now += HOUR_S
    await office.registry.wait(telegram_id=ANNA, update=999)
    await office.registry.announce(Visit(id="missed", store="a", camera="door", at=office.now))
    day = await office.registry.day(telegram_id=ANNA)
    assert (day.met, day.shown, day.median_take_s) == (3, 4, 5.0)
    assert (day.answered, day.right) == (2, 1)
    assert day.met_by_hour == tuple(3 if hour == 12 else 0 for hour in range(24)), "by the store's clock"
    office.now = NOON + DAY_S
    assert (await office.registry.day(telegram_id=ANNA)).shown == 0


async def test_a_stores_report(office: Office) -> None:
    await office.met(took_s=10, answer="Toys")
    await office.met(took_s=30, answer="Electronics")
    office.now = NOON + DAY_S + HOUR_S
    await office.met(took_s=4)
    await office.registry.announce(Visit(id="unmet", store="a", camera="door", at=office.now))
    await office.registry.announce(Visit(id="elsewhere", store="b", camera="door", at=office.now))
    report = await office.registry.report(store="a", days=3)
    assert (report.store, report.name) == ("a", "Магазин a")
    assert [(one.day, one.visits, one.met) for one in report.days] == [
        ("2026-06-30", 0, 0),
        ("2026-07-01", 2, 2),
        ("2026-07-02", 2, 1),
    ]
    assert [one.median_take_s for one in report.days] == [None, 20.0, 4.0]
    assert [(one.answered, one.right) for one in report.days] == [(0, 0), (2, 1), (0, 0)]
    assert (report.visits_by_hour[12], report.visits_by_hour[13], sum(report.visits_by_hour)) == (2, 2, 4)
    assert report.visits_by_department == (("Toys", 2), ("Electronics", 1))
    with pytest.raises(InputError):
        await office.registry.report(store="c", days=3)


async def test_what_somebody_did_who_left_still_counts(office: Office) -> None:
    await office.met(answer="Toys")
    anna = next(one for one in await office.registry.assistants() if one.telegram_id == ANNA)
    await office.registry.remove(assistant=anna.id)
    (today,) = (await office.registry.report(store="a", days=1)).days
    assert (today.visits, today.met, today.answered, today.right) == (1, 1, 1, 1)


async def test_how_the_stores_are(office: Office) -> None:
    await office.met()
    await office.registry.wait(telegram_id=BORIS, update=1000)
    a, b = await office.registry.stores()
    assert (a.store, a.waiting, a.busy, a.visits, a.met) == ("a", 1, 1, 1, 1)
    assert (b.store, b.waiting, b.busy, b.visits, b.met) == ("b", 0, 0, 0, 0)
