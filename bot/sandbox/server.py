"""The sandbox's server, in a thread of its own, on loopback only."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable

import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.sandbox.api import Bell, Call
from bot.sandbox.faults import Fault
from bot.sandbox.state import Json, Message, Person, Toast, World
from bot.sandbox.web import application
from domain.errors import AmikoError, InputError

_HOST = "127.0.0.1"
#: Seconds.
_START_S, _STOP_S = 10.0, 5.0

#: Two assistants to play, for whoever names none.
PEOPLE = (
    Person(id=1001, name="Анна", username="anna"),
    Person(id=1002, name="Борис", username="boris"),
)


class Sandbox:
    """A small Telegram on this machine: a server that speaks the Bot API, and a page to play the people in.

    `press`, `messages` and `wait_for` play people from Python, for tests and demos, from any thread. `wait_for`
    blocks: call it through `asyncio.to_thread` where the bot runs in the same event loop.
    """

    def __init__(self, token: str, *, port: int = 0, people: Iterable[Person] = PEOPLE) -> None:
        """Listen to nothing yet. Port 0 takes any free one."""
        self._token = token
        self._port = port
        self._world = World(people)
        #: Told of each call of the bot as it comes in, before anything is done about it, in the server's thread.
        self.on_call: list[Callable[[Call], None]] = []
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._bell: Bell | None = None

    @property
    def url(self) -> str:
        """For `telegram.api_url` in the settings."""
        return f"http://{_HOST}:{self._port}"

    @property
    def page_url(self) -> str:
        """Where the chat page is."""
        return f"{self.url}/"

    def start(self) -> None:
        """Listen. After a stop it goes on at the same port, with the same chats.

        Raises InputError for a port in use.
        """
        listener = self._listen()
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="sandbox", daemon=True
        )
        self._thread.start()
        if not started.wait(_START_S):
            raise AmikoError(f"the sandbox did not start within {_START_S:.0f} s; try again")

    def stop(self) -> None:
        """Close all connections and the port. May be called twice."""
        if self._thread is None or self._server is None or self._bell is None:
            return
        self._bell.close()
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._thread = None

    # To play people

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
        """The menu of commands that the bot has set, for a language or for all others."""
        with self._world.changed:
            return list(self._world.commands.get(language, []))

    def wait_for(self, person: int, wanted: str | Callable[[Message], bool], *, timeout_s: float = 10) -> Message:
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

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        with self._world.changed:
            self._world.faults.clear()

    # The server

    def _listen(self) -> socket.socket:
        # Named as TCP, or asyncio doesn't switch off Nagle's algorithm, and each call takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, self._port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            listener.close()
            raise InputError(
                f"port {self._port} on {_HOST} can't be used for the chat page ({error}):"
                " stop the program that has it, or give another port"
            ) from None
        self._port = listener.getsockname()[1]
        return listener

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        bell = self._bell = Bell()
        # Access logs would hold the token.
        config = uvicorn.Config(
            application(self._world, self._token, bell, heard=self._heard, reset=self._reset),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = self._server = uvicorn.Server(config)
        with self._world.changed:
            self._world.listeners.append(bell.ring)
        try:
            # The socket listens already: whoever comes before the server is up waits in its line.
            started.set()
            await server.serve(sockets=[listener])
        finally:
            with self._world.changed:
                self._world.listeners.remove(bell.ring)
            listener.close()

    def _heard(self, call: Call) -> None:
        for listener in self.on_call:
            listener(call)

    def _reset(self, request: Request) -> None:
        """Break the connection that a request came by, as a dead line does: without a goodbye."""
        if self._server is None or request.client is None:
            return
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == tuple(request.client):
                raw = connection.transport.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()
