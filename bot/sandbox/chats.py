"""People and one bot, played from Python: for tests and demos."""

import re
import time
from collections.abc import Callable

from bot.sandbox.faults import Fault
from bot.sandbox.state import Json, Message, Toast, World
from domain.errors import InputError


class Chats:
    """One bot's chats.

    Everything may be called from any thread. `wait_for` blocks: call it through `asyncio.to_thread` where the bot runs
    in the same event loop.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def username(self) -> str:
        """The bot's, without the @."""
        return str(self._world.bot["username"])

    def press(self, person: int, button: str) -> int:
        """The person presses the button with that label, or writes that text. Returns the update's id.

        Buttons below messages go before those below the input line, newer messages before older ones.
        """
        with self._world.changed:
            for message in reversed(self._world.chat(person).messages.values()):
                for row in message.buttons:
                    for one in row:
                        if one.text == button:
                            return self._world.press(person, message.id, one.data)
            return self._world.write(person, button)

    def press_data(self, person: int, message: int, data: str) -> int:
        """The person presses the button with that data below that message; raises InputError if it isn't there."""
        return self._world.press(person, message, data)

    def messages(self, person: int) -> list[Message]:
        """The person's chat with the bot, as it looks now, the oldest message first."""
        with self._world.changed:
            return list(self._world.chat(person).messages.values())

    def keyboard(self, person: int) -> tuple[tuple[str, ...], ...]:
        """The buttons below the person's input line."""
        with self._world.changed:
            return self._world.chat(person).keyboard

    def toasts(self, person: int) -> list[Toast]:
        """What popped up at presses, the oldest first."""
        with self._world.changed:
            return list(self._world.chat(person).toasts)

    def unanswered(self, person: int) -> int:
        """How many presses the bot has not answered yet."""
        with self._world.changed:
            return len(self._world.chat(person).unanswered)

    @property
    def polled(self) -> bool:
        """A bot listens: it holds a poll open."""
        with self._world.changed:
            return self._world.polls > 0

    def commands(self, language: str = "") -> list[Json]:
        """The menu of commands that the bot has set for everyone, for a language or for all others."""
        with self._world.changed:
            return list(self._world.commands.get(("default", language), []))

    def menu(self, person: int) -> list[Json]:
        """The menu of commands that the person sees."""
        with self._world.changed:
            return self._world.menu(person)

    def link(self, start: str) -> str:
        """A deep link: who follows it and presses «Запустить» sends `/start` with that parameter."""
        return f"https://t.me/{self.username}?start={start}"

    def follow(self, person: int, link: str) -> int:
        """The person opens a deep link and presses «Запустить». Raises InputError for what is no link to this bot."""
        found = re.fullmatch(r"https?://t\.me/(\w+)(?:\?start=([\w-]{1,64}))?", link)
        if found is None or found[1].lower() != self.username.lower():
            raise InputError(f"{link} is no link to {self.username}")
        return self._world.write(person, f"/start {found[2] or ''}".strip())

    def wait_for(self, person: int, wanted: str | Callable[[Message], bool], *, timeout_s: float = 30) -> Message:
        """The newest of the bot's messages in that chat that has `wanted` in it, as soon as there is one.

        Raises TimeoutError with what is there instead.
        """

        def fits(message: Message) -> bool:
            if not message.from_bot:
                return False
            return wanted in message.text if isinstance(wanted, str) else wanted(message)

        until = time.monotonic() + timeout_s
        with self._world.changed:
            while True:
                messages = self._world.chat(person).messages.values()
                found = next((one for one in reversed(messages) if fits(one)), None)
                if found is not None:
                    return found
                if not self._world.changed.wait(max(0.0, until - time.monotonic())):
                    there = [one.text for one in messages][-5:]
                    raise TimeoutError(f"no such message within {timeout_s} s; the last ones are {there}")

    # To make trouble

    def fail_next(self, method: str, fault: Fault, times: int = 1, *, person: int | None = None) -> None:
        """The next `times` calls of a method, for that person if given, go wrong in that way."""
        with self._world.changed:
            self._world.faults.add(method, fault, times, person)

    def fail_by_chance(self, chance: Callable[[], Fault | None]) -> None:
        """Each call is asked about: what it answers happens to the call, and nothing where that is None."""
        with self._world.changed:
            self._world.faults.by_chance(chance)

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        with self._world.changed:
            self._world.faults.clear()
