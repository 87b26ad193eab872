"""How a replica works through its requests: whatever waits shares a pass, and nobody waits for others to come.

Serve's own `@serve.batch` waits for more, and changes threads for each batch; under load the requests that came in
during one pass are the next one's batch anyhow.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
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

        It runs on a thread of its own: the next requests are decoded meanwhile.
        """
        sys.setswitchinterval(SWITCH_S)
        self._work = work
        self._largest = largest
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="network", initializer=os.nice, initargs=(SEEING,)
        )
        self._waiting: deque[tuple[Request, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Answer:
        """Its answer. One who is cancelled while waiting is left out."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._empty())
        return await answer

    async def _empty(self) -> None:
        while self._waiting:
            # one turn of the loop: all who are there by now are taken along
            await asyncio.sleep(0)
            if batch := self._next():
                await self._answer(batch)
        self._task = None

    def _next(self) -> list[tuple[Request, "asyncio.Future[Answer]"]]:
        batch: list[tuple[Request, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._largest:
            request, answer = self._waiting.popleft()
            if not answer.done():
                batch.append((request, answer))
        return batch

    async def _answer(self, batch: list[tuple[Request, "asyncio.Future[Answer]"]]) -> None:
        requests = [request for request, _ in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, requests)
        except Exception as error:  # noqa: BLE001 - theirs who asked
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), value in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(value)
