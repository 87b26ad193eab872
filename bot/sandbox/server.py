"""The sandbox's server, in a thread of its own, on loopback only."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable

import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.sandbox.api import Bell, Call
from bot.sandbox.chats import Chats
from bot.sandbox.limits import Limits
from bot.sandbox.state import Person, World
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


class Sandbox(Chats):
    """A small Telegram on this machine: a server that speaks the Bot API, and a page to play the people in.

    It has one bot, whose chats these are, and more where more tokens are given: `bot` has theirs.
    """

    def __init__(
        self,
        token: str,
        *,
        port: int = 0,
        people: Iterable[Person] = PEOPLE,
        more: Iterable[str] = (),
        strict: bool = False,
    ) -> None:
        """Listen to nothing yet. Port 0 takes any free one.

        `more` are further bots' tokens. A strict sandbox answers 429 where a bot is louder than Telegram allows.
        """
        people = list(people)
        self._worlds = {
            one: World(_number(one), _username(count), people, Limits() if strict else None)
            for count, one in enumerate([token, *more], 1)
        }
        super().__init__(self._worlds[token])
        self._port = port
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

    def bot(self, token: str) -> Chats:
        """The chats of the bot with that token."""
        return Chats(self._worlds[token])

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
            application(self._worlds, bell, heard=self._heard, reset=self._reset),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = self._server = uvicorn.Server(config)
        for world in self._worlds.values():
            with world.changed:
                world.listeners.append(bell.ring)
        try:
            # The socket listens already: whoever comes before the server is up waits in its line.
            started.set()
            await server.serve(sockets=[listener])
        finally:
            for world in self._worlds.values():
                with world.changed:
                    world.listeners.remove(bell.ring)
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


def _number(token: str) -> int:
    """A bot's own id stands in front of its token."""
    return int(token.partition(":")[0])


def _username(count: int) -> str:
    return f"amiko_sandbox{'' if count == 1 else f'_{count}'}_bot"
