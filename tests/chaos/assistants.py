"""Assistants who press at random, and the protocol of all that they pressed and were shown."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.bot_shop import number_in
from bot.sandbox import Message, Sandbox
from bot.texts import texts
from domain.errors import InputError
from domain.records import AssistantState

#: Seconds between two looks at the chats.
LOOK_S = 0.1
#: What a person does at a look: about a visitor, and about the own state.
TAKE, DECLINE, ANSWER = 0.05, 0.02, 0.05
MOVE = {AssistantState.OFF: 0.05, AssistantState.WAITING: 0.004, AssistantState.BUSY: 0.03}
#: Seconds in which nobody presses again what has brought no answer yet, and anything at all.
PATIENCE_S, BREATH_S = 3.0, 1.5
#: Answers below one message: people change their mind once.
ANSWERS = 2

_T = texts("ru")
#: What is shown of a state, and what moves.
WORDS = {
    _T.plain(f"state-{state.value}{again}"): state
    for state in AssistantState
    for again in ("", "-already")
    if not (state is AssistantState.BUSY and again)
}
BEGIN, NEXT, PAUSE = (_T.plain(f"button-{name}") for name in ("begin", "next", "pause"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What a person pressed."""

    at: float
    person: int
    #: A label below the input line, or t, d, a: take, decline, answer.
    what: str
    #: Of the visit, for the last three.
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A message about a visit, when it was first seen."""

    at: float
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A state that a person was told."""

    at: float
    state: AssistantState


class People(threading.Thread):
    """Look, press, and write everything down."""

    def __init__(self, sandbox: Sandbox, people: Mapping[int, str], seed: int) -> None:
        """`people`: each one's store."""
        super().__init__(name="people", daemon=True)
        self._sandbox = sandbox
        self._people = people
        self._chance = random.Random(seed)
        self._over = threading.Event()
        #: Whether they still press.
        self.pressing = True
        self.presses: list[Press] = []
        #: By chat and the visit's number.
        self.copies: dict[tuple[int, int], list[Copy]] = {}
        self.shown: dict[int, list[Shown]] = {person: [] for person in people}
        self._looked: set[int] = set()
        self._pressed: dict[tuple[int, str], list[float]] = {}
        self._breath: dict[int, float] = {}

    def run(self) -> None:
        for person in self._people:
            self._write(person, "/start")
        while not self._over.wait(LOOK_S):
            for person in self._people:
                self.look(person)

    def stop(self) -> None:
        self._over.set()
        self.join(5)
        for person in self._people:
            self.look(person)

    def look(self, person: int) -> None:
        """Read what is new, and perhaps press."""
        messages = [one for one in self._sandbox.messages(person) if one.from_bot]
        for message in messages:
            self._read(message)
        if not self.pressing or time.monotonic() < self._breath.get(person, 0.0):
            return
        for message in messages:
            if message.buttons and self._consider(message):
                return
        if not self.shown[person]:
            return
        state = self.shown[person][-1].state
        if self._chance.random() < MOVE[state]:
            wanted = {AssistantState.OFF: BEGIN, AssistantState.WAITING: PAUSE, AssistantState.BUSY: NEXT}[state]
            if state is AssistantState.BUSY and self._chance.random() < 0.1:
                wanted = PAUSE
            if self._may((person, "move")):
                self._write(person, wanted)

    def _read(self, message: Message) -> None:
        number = number_in(message.text)
        if message.id not in self._looked:
            self._looked.add(message.id)
            if number is not None:
                copies = self.copies.setdefault((message.person, number), [])
                copies.append(Copy(at=message.at, message=message.id))
            else:
                for line in message.text.splitlines():
                    if line in WORDS:
                        self.shown[message.person].append(Shown(at=message.at, state=WORDS[line]))

    def _consider(self, message: Message) -> bool:
        by_kind: dict[str, list[str]] = {}
        for row in message.buttons:
            for button in row:
                by_kind.setdefault(button.data[:1], []).append(button.data)
        for kind, likely in (("t", TAKE), ("d", DECLINE), ("a", ANSWER)):
            if kind in by_kind and self._chance.random() < likely and self._may((message.id, kind)):
                self._note(message.person, kind, number_in(message.text))
                try:
                    self._sandbox.press_data(message.person, message.id, self._chance.choice(by_kind[kind]))
                except InputError:
                    self.presses.pop()  # the message has changed meanwhile
                    return False
                return True
        return False

    def _may(self, what: tuple[int, str]) -> bool:
        now = time.monotonic()
        before = self._pressed.setdefault(what, [])
        if (before and now - before[-1] < PATIENCE_S) or (what[1] == "a" and len(before) == ANSWERS):
            return False
        before.append(now)
        return True

    def _write(self, person: int, text: str) -> None:
        # before it is done: an answer must not be older than its press
        self._note(person, text)
        self._sandbox.press(person, text)

    def _note(self, person: int, what: str, number: int | None = None) -> None:
        self._breath[person] = time.monotonic() + BREATH_S
        self.presses.append(Press(at=time.time(), person=person, what=what, number=number))
