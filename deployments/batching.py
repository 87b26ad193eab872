"""How a replica works through its requests: in batches, on one thread for its network."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from domain.settings import Scaling

#: Batches that may be under way: one in the network, and one that is decoded and ready when the network is.
UNDER_WAY = 2
#: Seconds until Python's other threads get their turn. By its default of 5 ms the network would wait that long for the
#: requests that come in meanwhile.
SWITCH_S = 0.0005

Answer = TypeVar("Answer")


class NetworkThread:
    """The thread on which a replica's network runs, so that requests are taken in meanwhile."""

    def __init__(self, batched: Any, scaling: Scaling) -> None:
        """`batched`: the method that `serve.batch` decorates; its batches are made as the settings say."""
        sys.setswitchinterval(SWITCH_S)
        form_batches(batched, scaling)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")

    async def run(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def form_batches(batched: Any, scaling: Scaling) -> None:
    """Call in a deployment's constructor with its method that `serve.batch` decorates."""
    batched.set_max_batch_size(scaling.max_batch_size)
    batched.set_batch_wait_timeout_s(scaling.batch_wait_ms / 1000)
