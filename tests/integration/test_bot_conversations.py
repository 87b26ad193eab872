"""Conversations with the sandbox: every state times every button and command, old buttons, double presses, restarts."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.chats import ANNA, BORIS, CAROL, PEOPLE, TOKEN, Shop, assistant, prediction, settings_of, shop, until
from support.registry import ShopRegistry

import bot.application
import bot.pacing
import bot.polling
from bot.sandbox import Message, Person, Sandbox
from domain.records import NOT_A_CUSTOMER, Assistant, AssistantState, NotificationState, Visit
from storage import assistants, notifications

OFF, WAITING, BUSY = AssistantState
SENT, TAKEN, DECLINED = NotificationState.SENT, NotificationState.TAKEN, NotificationState.DECLINED
EXPIRED = NotificationState.EXPIRED
MET = "met"
MARKS = {OFF: "⚪", WAITING: "🟢", BUSY: "🔵"}
KEYS = {OFF: (("Начнём!",),), WAITING: (("Пауза",),), BUSY: (("Следующий!", "Пауза"),)}
#: What people write or press below the input line, and the state that it brings; None: the same as before.
WORDS = {
    "Начнём!": WAITING,
    "Следующий!": WAITING,
    "Пауза": OFF,
    "/cancel": OFF,
    "/start": None,
    "/login": None,
    "/departments": None,
    "/stats": None,
    "/help": None,
    "/hello": None,
    "/ping": None,
    "/invite": None,
    "/assistants": None,
    "/stores": None,
    "/report": None,
    "чепуха": None,
}
#: A notification's end before the press, the button, its end after it, what pops up.
PRESSES = [
    (SENT, "Иду", TAKEN, "Спасибо, идите!"),
    (SENT, "Занят", DECLINED, "Хорошо, понятно"),
    (TAKEN, "Иду", TAKEN, "Спасибо, идите!"),
    (TAKEN, "Занят", TAKEN, "Вы уже идёте"),
    (DECLINED, "Иду", DECLINED, "Вы уже нажали"),
    (DECLINED, "Занят", DECLINED, "Хорошо, понятно"),
    (EXPIRED, "Иду", EXPIRED, "Время вышло"),
    (EXPIRED, "Занят", EXPIRED, "Время вышло"),
    (MET, "Иду", EXPIRED, "Клиента встречает Анна"),
    (MET, "Занят", EXPIRED, "Клиента встречает Анна"),
]


@dataclass(frozen=True)
class Case:
    """A person for each combination."""

    person: int
    state: AssistantState
    #: What is written; or the button, with the notification's end before and after it.
    button: str
    before: NotificationState | str | None = None
    after: NotificationState | None = None
    toast: str | None = None

    def says(self, message: Message) -> bool:
        """Whether it is the message about the visitor, as it should be after the press."""
        words = {TAKEN: "Вы идёте", DECLINED: "Вы не пошли", EXPIRED: "Время вышло"}
        end = "Клиента встречает Анна" if self.before == MET else words[NotificationState(self.after)]
        return "Посетитель № " in message.text and end in message.text

    @property
    def expected(self) -> AssistantState:
        if self.before is None:
            return WORDS[self.button] or self.state
        return BUSY if (self.before, self.button) == (SENT, "Иду") else self.state


_people = itertools.count(5000)
CASES = [
    *(Case(next(_people), state, word) for state in AssistantState for word in WORDS),
    *(
        Case(next(_people), state, button, before, after, toast)
        for state in AssistantState
        for before, button, after, toast in PRESSES
    ),
]


def staff(*people: int, state: AssistantState = OFF) -> list[Assistant]:
    names = {ANNA: "Анна", BORIS: "Борис", CAROL: "Carol"}
    return [
        assistant(number, person, name=names.get(person, f"№{person}"), state=state)
        for number, person in enumerate(people, 1)
    ]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    people = [*PEOPLE, *(Person(id=case.person, name=f"№{case.person}") for case in CASES)]
    made = Sandbox(TOKEN, people=people)
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """So many people at once would keep Telegram's pace busy for minutes; that has tests of its own."""
    monkeypatch.setattr(bot.application, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.polling, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.pacing, "OVERALL", 1000)
    monkeypatch.setattr(bot.pacing, "CHAT_BURST", 100)


async def bring_about(registry: ShopRegistry, case: Case, notification: int | None) -> None:
    """The assistant's state, and what has become of the notification, while the bot is down."""
    async with registry.database.transaction() as connection:
        known = await assistants.by_telegram_id(connection, case.person)
        anna = await assistants.by_telegram_id(connection, ANNA)
        assert known is not None
        assert anna is not None
        await assistants.set_state(connection, known.id, case.state, now=1.0)
        if notification is None or case.before is SENT:
            return
        if case.before in {TAKEN, MET}:
            await connection.execute(
                "UPDATE visits SET taken_by = ?, taken_at = ?, open_until = NULL"
                " WHERE id = (SELECT visit FROM notifications WHERE id = ?)",
                (known.id if case.before is TAKEN else anna.id, registry.now(), notification),
            )
        end = EXPIRED if case.before == MET else NotificationState(case.before)
        await notifications.end(connection, notification, end, now=registry.now())


async def met(at: Shop, cases: list[Case]) -> None:
    """Everybody has written to the bot once."""
    for case in cases:
        at.sandbox.press(case.person, "/start")
    for case in cases:
        await at.hears(case.person, "Здравствуйте", 60)


async def test_every_state_times_every_word_written_twice_while_the_bot_was_down(sandbox):
    cases = [case for case in CASES if case.before is None]
    registry = ShopRegistry(settings_of(), staff(ANNA, *(case.person for case in cases)))
    async with shop(sandbox, registry) as at:
        await met(at, cases)
    for case in cases:
        await bring_about(registry, case, None)
        for _ in range(2):
            sandbox.press(case.person, case.button)
    registry.restart()
    async with shop(sandbox, registry) as at:
        for case in cases:
            # /start and its answer, twice the word and its answer (of /stats a picture may be a part)
            await until(lambda case=case: len(at.from_bot(case.person)) >= 3, 60)
            texts = at.from_bot(case.person)
            assert not [text for text in texts if "Не получилось" in text], case
            assert all(MARKS[case.expected] in text for text in texts[1:]), case
            assert registry.state(case.person) is case.expected, case
            assert case.button == "/departments" or sandbox.keyboard(case.person) == KEYS[case.expected], case


async def test_every_state_times_every_button_pressed_twice_while_the_bot_was_down(sandbox):
    cases = [case for case in CASES if case.before is not None]
    registry = ShopRegistry(settings_of(), staff(ANNA, *(case.person for case in cases)))
    told: dict[int, int] = {}
    async with shop(sandbox, registry) as at:
        await met(at, cases)
        for case in cases:
            told[case.person] = (await registry.announce(prediction(), telegram_id=case.person)).id
        await until(lambda: all(one.state is SENT for one in registry.notifications.values()), 60)
    for case in cases:
        await bring_about(registry, case, told[case.person])
        for _ in range(2):
            sandbox.press(case.person, case.button)
    registry.restart()
    async with shop(sandbox, registry) as at:
        await until(lambda: not any(sandbox.unanswered(case.person) for case in cases), 60)
        ends = registry.notifications
        for case in cases:
            assert ends[told[case.person]].state is case.after, case
            assert registry.state(case.person) is case.expected, case
            assert [one.text[: len(case.toast)] for one in sandbox.toasts(case.person)] == [case.toast] * 2, case
            if case.after is TAKEN and case.button == "Иду":
                await until(lambda case=case: sandbox.keyboard(case.person) == KEYS[case.expected])
            # and the message says what is true now
            await at.hears(case.person, case.says)


async def test_of_two_who_race_for_a_visit_exactly_one_takes_it(sandbox):
    registry = ShopRegistry(settings_of(), staff(ANNA, BORIS, CAROL, state=WAITING))
    people, visits = (ANNA, BORIS, CAROL), 8
    async with shop(sandbox, registry) as at:
        await at.log_in(*people)
        for number in range(visits):
            await registry.real.announce(
                Visit(id=f"race-{number}", store="spb-1", camera="door", at=registry.now(), prediction=prediction())
            )
        await until(lambda: len(registry.notifications) == visits * len(people))
        await until(lambda: all(one.state is SENT for one in registry.notifications.values()))
        for _ in range(visits):
            # each presses the newest that still has the button
            await asyncio.gather(*(asyncio.to_thread(sandbox.press, person, "Иду") for person in people))
            await until(lambda: not any(sandbox.unanswered(person) for person in people))
            await until(lambda: not registry.stale())
        ends = [one.state for one in registry.notifications.values()]
        assert (ends.count(TAKEN), ends.count(EXPIRED)) == (visits, visits * (len(people) - 1))
        for person in people:
            about = [message.text for message in sandbox.messages(person) if "Посетитель № " in message.text]
            assert all(("Вы идёте" in text) != ("Клиента встречает" in text) for text in about)


async def test_restarts_between_every_two_presses(sandbox):
    registry = ShopRegistry(settings_of(), staff(ANNA, BORIS, state=WAITING))
    for person in (ANNA, BORIS):
        sandbox.press(person, "/start")
    async with shop(sandbox, registry) as at:
        await at.hears(ANNA, "В ожидании")
        await at.hears(BORIS, "В ожидании")
        await registry.real.announce(
            Visit(id="v", store="spb-1", camera="door", at=registry.now(), prediction=prediction())
        )
        await at.hears(ANNA, "в отдел Toys")
        await at.hears(BORIS, "в отдел Toys")
    steps = [
        (ANNA, "Иду", lambda: sandbox.keyboard(ANNA) == KEYS[BUSY]),
        (ANNA, "Electronics", lambda: "Отмечено: Electronics" in sandbox.messages(ANNA)[2].text),
        (ANNA, "Не клиент", lambda: "Отмечено: Не клиент" in sandbox.messages(ANNA)[2].text),
        (ANNA, "Следующий!", lambda: sandbox.keyboard(ANNA) == KEYS[WAITING]),
        (ANNA, "Пауза", lambda: sandbox.keyboard(ANNA) == KEYS[OFF]),
    ]
    for person, button, done in steps:
        sandbox.press(person, button)
        if button == "Иду":
            sandbox.press(BORIS, "Занят")  # while the message still shows the button
        registry.restart()
        async with shop(sandbox, registry):
            await until(done)
            await until(lambda: not registry.stale())
    assert [toast.text for toast in sandbox.toasts(BORIS)] == ["Клиента встречает Анна"]
    assert [one.answer for one in registry.notifications.values()] == [NOT_A_CUSTOMER] * 2
    assert [one.state for one in registry.notifications.values()] == [TAKEN, EXPIRED]
    assert (registry.state(ANNA), registry.state(BORIS)) == (OFF, WAITING)


async def test_a_visitor_nobody_waited_for_is_there_at_the_press(sandbox):
    registry = ShopRegistry(settings_of(), staff(ANNA))
    async with shop(sandbox, registry) as at:
        await at.log_in(ANNA)
        await registry.real.announce(
            Visit(id="v", store="spb-1", camera="door", at=registry.now(), prediction=prediction())
        )
        await at.says(ANNA, "Начнём!", "В ожидании")
        await at.hears(ANNA, "Подойдите в отдел Toys")
