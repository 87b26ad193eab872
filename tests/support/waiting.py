"""Waiting for a condition, with a limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], limit_s: float = 30.0) -> None:
    """Return once `condition` holds; fail where it never does."""
    for _ in range(round(limit_s / 0.01)):
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited for {limit_s:g} seconds in vain")
