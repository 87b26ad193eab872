"""How a replica works through its requests: whatever waits shares a pass, and nobody waits for others to come.

Serve's own `@serve.batch` waits for more, and changes threads for each batch; under load the requests that came in
during one pass are the next one's batch anyhow.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from domain.priority import SEEING

#: Seconds until Python's other threads get their turn: Serve's own takes requests in. By its default of 5 ms it would
#: be in the way of them for longer than a pass takes.
SWITCH_S = 0.0005

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Batches(Generic[Request, Answer]):
    """One replica's requests, in order. Used within one event loop."""

    def __init__(self, work: Callable[[Sequence[Request]], Sequence[Answer]], *, largest: int) -> None:
        """`work`: an answer for each of at most `largest` requests; what it raises, each of them gets.

        It runs on a thread of its own, which takes the next requests itself: between two passes it waits for nobody,
        and meanwhile the loop decodes what comes in.
        """
        sys.setswitchinterval(SWITCH_S)
        self._work = work
        self._largest = largest
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="network", initializer=os.nice, initargs=(SEEING,)
        )
        self._waiting: deque[tuple[Request, asyncio.Future[Answer]]] = deque()

    async def ask(self, request: Request) -> Answer:
        """Its answer. One who is cancelled while waiting is left out."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, answer))
        self._thread.submit(self._pass, loop)
        return await answer

    def _pass(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the thread, once for each request: what waits by now; nothing, where another pass took it along."""
        requests: list[Request] = []
        waiting: list[asyncio.Future[Answer]] = []
        while self._waiting and len(requests) < self._largest:
            request, answer = self._waiting.popleft()
            if not answer.done():
                requests.append(request)
                waiting.append(answer)
        if not requests:
            return
        try:
            answered = list(zip(waiting, self._work(requests), strict=True))
        except Exception as error:  # noqa: BLE001 - theirs who asked
            loop.call_soon_threadsafe(_fail, waiting, error)
        else:
            loop.call_soon_threadsafe(_answer, answered)


def _answer(answered: Iterable[tuple["asyncio.Future[Answer]", Answer]]) -> None:
    for waiting, value in answered:
        if not waiting.done():
            waiting.set_result(value)


def _fail(waiting: Iterable["asyncio.Future[Answer]"], error: Exception) -> None:
    for one in waiting:
        if not one.done():
            one.set_exception(error)
