"""The registry and the trainer as others call them: typed, found by name, tried again while they come back."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

import ray
from ray.exceptions import RayActorError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from actors.plan import Plan
from domain.names import NAMESPACE, REGISTRY, STORES, TRAINER
from domain.records import (
    Assistant,
    AssistantDay,
    Invite,
    NoticeKind,
    Notification,
    Outbox,
    Sample,
    Standing,
    StoreOverview,
    StoreReport,
    Visit,
)

#: Seconds for an actor to come back: a kill costs it 2, a moved node half a minute.
PATIENCE_S = 60.0


class Client:
    """Calls a named actor. Raises what the method raises, or RayActorError if the actor stays away."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def call(self, method: str, /, **arguments: object) -> Any:
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
    """The handle of one of Amiko's actors; Ray knows no types of its methods. Raises ActorMissingError."""
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError as error:
        raise ActorMissingError(name) from error


async def current_plan() -> Plan:
    """What is to run, from the actor that knows: never from an actor's own arguments, which may be out of date."""
    return Plan.opened(await Client(STORES).call("plan"))


class RegistryClient:
    """`bot.registry.Registry` and the cameras' announcer, by way of the actor."""

    def __init__(self) -> None:
        self._registry = Client(REGISTRY)

    async def announce_leased(self, visit: Visit, *, lease: str, token: int, age_s: float) -> None:
        await self._registry.call("announce_leased", visit=visit, lease=lease, token=token, age_s=age_s)

    async def take_lease(self, name: str, holder: str, *, lasts_s: float | None = None, gone: str | None = None) -> int:
        token = await self._registry.call("take_lease", name=name, holder=holder, lasts_s=lasts_s, gone=gone)
        return cast("int", token)

    async def renew_lease(self, name: str, token: int, *, lasts_s: float) -> None:
        await self._registry.call("renew_lease", name=name, token=token, lasts_s=lasts_s)

    async def release_lease(self, name: str, token: int) -> None:
        await self._registry.call("release_lease", name=name, token=token)

    async def login(self, *, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        found = await self._registry.call(
            "login", telegram_id=telegram_id, username=username, name=name, language=language
        )
        return cast("Assistant", found)

    async def join(self, *, code: str, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        joined = await self._registry.call(
            "join", code=code, telegram_id=telegram_id, username=username, name=name, language=language
        )
        return cast("Assistant", joined)

    async def standing(self, *, telegram_id: int) -> Standing:
        return cast("Standing", await self._registry.call("standing", telegram_id=telegram_id))

    async def wait(self, *, telegram_id: int, update: int) -> Standing:
        return cast("Standing", await self._registry.call("wait", telegram_id=telegram_id, update=update))

    async def pause(self, *, telegram_id: int, update: int) -> Standing:
        return cast("Standing", await self._registry.call("pause", telegram_id=telegram_id, update=update))

    async def know(self, *, telegram_id: int, departments: Collection[str]) -> Standing:
        known = await self._registry.call("know", telegram_id=telegram_id, departments=departments)
        return cast("Standing", known)

    async def day(self, *, telegram_id: int) -> AssistantDay:
        return cast("AssistantDay", await self._registry.call("day", telegram_id=telegram_id))

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

    async def look_at(self, *, notification: int, telegram_id: int, message: int) -> None:
        await self._registry.call("look_at", notification=notification, telegram_id=telegram_id, message=message)

    async def outbox(self, *, bot: str, seen: int | None, wait_s: float) -> Outbox:
        return cast("Outbox", await self._registry.call("outbox", bot=bot, seen=seen, wait_s=wait_s))

    async def mark_sent(self, *, notification: int, message: int, revision: int) -> None:
        await self._registry.call("mark_sent", notification=notification, message=message, revision=revision)

    async def mark_shown(self, *, notification: int, message: int, revision: int) -> None:
        await self._registry.call("mark_shown", notification=notification, message=message, revision=revision)

    async def mark_failed(self, *, notification: int, reason: str, blocked: bool) -> None:
        await self._registry.call("mark_failed", notification=notification, reason=reason, blocked=blocked)

    async def mark_noticed(self, *, notice: int) -> None:
        await self._registry.call("mark_noticed", notice=notice)

    async def invite(self, *, admin: int | None, store: str) -> Invite:
        return cast("Invite", await self._registry.call("invite", admin=admin, store=store))

    async def assistants(self) -> tuple[Assistant, ...]:
        return cast("tuple[Assistant, ...]", await self._registry.call("assistants"))

    async def remove(self, *, assistant: int) -> Assistant | None:
        return cast("Assistant | None", await self._registry.call("remove", assistant=assistant))

    async def stores(self) -> tuple[StoreOverview, ...]:
        return cast("tuple[StoreOverview, ...]", await self._registry.call("stores"))

    async def report(self, *, store: str, days: int) -> StoreReport:
        return cast("StoreReport", await self._registry.call("report", store=store, days=days))

    async def greet(self, *, admin: int, language: str) -> None:
        await self._registry.call("greet", admin=admin, language=language)

    async def see_cameras(self, *, lost: Collection[tuple[str, str]]) -> None:
        await self._registry.call("see_cameras", lost=lost)

    async def alarm(self, *, kind: NoticeKind, subject: str, values: Mapping[str, str]) -> None:
        await self._registry.call("alarm", kind=kind, subject=subject, values=values)


class TrainerClient:
    """Where department cameras' samples go, and admins' reports come from (`bot.registry.Reports`)."""

    def __init__(self) -> None:
        self._trainer = Client(TRAINER)

    async def add_sample(self, sample: Sample) -> None:
        await self._trainer.call("add_sample", sample=sample)

    async def report(self, store: str, language: str) -> bytes | None:
        return cast("bytes | None", await self._trainer.call("report", store=store, language=language))
