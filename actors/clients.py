"""The registry and the trainer as others call them: typed, found by name, tried again while they come back."""

import asyncio
from typing import Any, cast

import ray
from ray.exceptions import RayActorError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from actors.cluster import NAMESPACE
from domain.records import Assistant, Notification, Sample, Visit

#: Seconds for an actor to come back: a kill costs it 2, a moved node half a minute.
PATIENCE_S = 60.0


class Client:
    """Calls a named actor. Raises what the method raises, or RayActorError if the actor stays away."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def call(self, method: str, /, **arguments: Any) -> Any:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((RayActorError, ActorMissingError)),
            wait=wait_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(PATIENCE_S),
            reraise=True,
        ):
            with attempt:
                # looked up each time: an actor that was made anew has another handle; Ray remembers the answer
                actor = await asyncio.to_thread(find, self._name)
                return await getattr(actor, method).remote(**arguments)
        raise AssertionError("tenacity ends with an answer or the last error")


class ActorMissingError(Exception):
    """No actor of that name, or not yet."""


def find(name: str) -> Any:
    """The handle of one of Amiko's actors. Raises ActorMissingError."""
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError as error:
        raise ActorMissingError(name) from error


class RegistryClient:
    """`bot.registry.Registry` and the cameras' announcer, by way of the actor."""

    def __init__(self) -> None:
        self._registry = Client("registry")

    async def announce(self, visit: Visit) -> None:
        await self._registry.call("announce", visit=visit)

    async def login(self, *, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        found = await self._registry.call(
            "login", telegram_id=telegram_id, username=username, name=name, language=language
        )
        return cast("Assistant", found)

    async def wait(self, *, telegram_id: int, update: int) -> bool:
        return bool(await self._registry.call("wait", telegram_id=telegram_id, update=update))

    async def off(self, *, telegram_id: int, update: int) -> bool:
        return bool(await self._registry.call("off", telegram_id=telegram_id, update=update))

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        taken = await self._registry.call("take", notification=notification, telegram_id=telegram_id)
        return cast("Notification", taken)

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        declined = await self._registry.call("decline", notification=notification, telegram_id=telegram_id)
        return cast("Notification", declined)

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        answered = await self._registry.call(
            "answer", notification=notification, telegram_id=telegram_id, answer=answer
        )
        return cast("Notification", answered)

    async def outbox(self, *, wait_s: float) -> list[Notification]:
        return cast("list[Notification]", await self._registry.call("outbox", wait_s=wait_s))

    async def mark_sent(self, *, notification: int, message: int) -> None:
        await self._registry.call("mark_sent", notification=notification, message=message)

    async def mark_failed(self, *, notification: int, reason: str) -> None:
        await self._registry.call("mark_failed", notification=notification, reason=reason)


class TrainerClient:
    """Where department cameras' samples go, and admins' reports come from (`bot.registry.Reports`)."""

    def __init__(self) -> None:
        self._trainer = Client("trainer")

    async def add_sample(self, sample: Sample) -> None:
        await self._trainer.call("add_sample", sample=sample)

    async def reports(self) -> list[tuple[str, bytes]]:
        return cast("list[tuple[str, bytes]]", await self._trainer.call("reports"))
