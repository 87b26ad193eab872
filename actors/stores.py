"""Starts the actors of all stores and watches them: whoever is missing is made again, whoever changed is replaced."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from actors.alarms import CameraWatch
from actors.clients import ActorMissingError, RegistryClient, find
from actors.cluster import ACTOR_OPTIONS, HEAD_OPTIONS, Node, names, nodes, on_store
from actors.plan import Plan, release
from actors.status import CameraStatus, Status
from domain.errors import ClusterError
from domain.names import DISPATCHER, REGISTRY, STORES, TRAINER, camera_actor, camera_of
from storage import room

if TYPE_CHECKING:
    from actors.about import About

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at whether everybody is there. A killed actor does not wait for that: Ray restarts it.
LOOK_S = 5.0
#: Seconds that an actor may take to say how it is.
ANSWER_S = 5.0
#: Seconds for cameras to close their sources and for the outbox to be done with what is under way.
STOP_S = 60.0
#: Ray keeps arguments of up to 100 KB with whom they are for.
PIECE_BYTES = 64 * 1024
#: Seconds until the name of an actor that was ended is free again.
FREE_S = 30.0

#: Those who are made before the cameras, in this order, and ended after them, in the opposite one.
HEAD = (REGISTRY, TRAINER, DISPATCHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recipe:
    """How an actor is made."""

    made_of: Any
    arguments: tuple[object, ...]
    options: Mapping[str, object]
    #: Another one means another actor.
    digest: str
    #: Of a camera.
    store: str | None = None


class StoresActor:
    """The first actor; makes all others. It keeps nothing: those who are there tell what they were made with."""

    async def __init__(self, *sealed: bytes) -> None:  # type: ignore[misc]  # Ray awaits it
        # imported here, since everybody's process imports this module's neighbours, and Telegram's library, say, is
        # nothing that a camera needs; handed to Ray once: it keeps what it was handed for as long as it runs
        from actors.camera_actor import CameraActor
        from actors.dispatcher import DispatcherActor
        from actors.registry_actor import RegistryActor
        from actors.trainer import TrainerActor

        self._sealed = b"".join(sealed)
        self._plan = Plan.opened(self._sealed)
        self._camera = ray.remote(CameraActor)
        self._head = dict(
            zip(HEAD, (ray.remote(one) for one in (RegistryActor, TrainerActor, DispatcherActor)), strict=True)
        )
        self._nodes: list[Node] = []
        self._recipes: dict[str, _Recipe] = {}
        #: What those who are there have said about themselves.
        self._about: dict[str, About] = {}
        #: Who is new, and did not have to be asked.
        self._made: dict[str, str] = {}
        self._looked = asyncio.Event()
        self._task = asyncio.create_task(self._watch())
        self._alarms = asyncio.create_task(CameraWatch(self._look_at_cameras, RegistryClient()).run())

    async def plan(self) -> bytes:
        """What is to run, sealed."""
        return self._sealed

    async def pid(self) -> int:
        """Of this process."""
        return os.getpid()

    async def ready(self) -> None:
        """Return once everybody is made, and whose node is there answers. Raises what made an actor fail."""
        await self._looked.wait()
        for name, recipe in self._recipes.items():
            if recipe.store is None or self._has_node(recipe.store):
                await (await asyncio.to_thread(self._get, name)).about.remote()

    async def status(self) -> Status:
        """How everybody is; None for whoever does not answer in time."""
        cameras, registry, trainer, dispatcher = await asyncio.gather(
            self._look_at_cameras(), *(self._ask(name) for name in HEAD)
        )
        return Status(
            stores=registry,
            cameras=cameras,
            dispatcher=dispatcher,
            trainer=trainer,
            nodes=self._nodes,
            actors={name: self._about.get(name) for name in self._recipes},
            problems=self._problems(),
        )

    async def _look_at_cameras(self) -> dict[str, CameraStatus | None]:
        self._nodes = await asyncio.to_thread(nodes)
        cameras = {name: "/".join(camera) for name in self._recipes if (camera := camera_of(name))}
        seen = await asyncio.gather(*(self._ask(name) for name in cameras))
        return dict(zip(cameras.values(), seen, strict=True))

    async def stop(self) -> None:
        """Cameras first, then the dispatcher with what is under way, then the rest."""
        self._alarms.cancel()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        there = await asyncio.to_thread(names)
        await asyncio.gather(*(self._end(name) for name in there if camera_of(name)))
        for name in reversed(HEAD):
            await self._end(name)

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:  # whatever the cluster's trouble is, those who run go on
                _LOGGER.exception("the actors could not be looked after")
            self._looked.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        """Make whoever is missing, replace whoever was made for other settings, end whoever is wanted no more."""
        self._nodes = await asyncio.to_thread(nodes)
        self._recipes = self._wanted()
        there = await asyncio.to_thread(names)
        gone = [name for name in there if camera_of(name) and name not in self._recipes]
        await asyncio.gather(*(self._end(name) for name in gone))
        for name in self._recipes:
            if name not in there:
                await asyncio.to_thread(self._get, name)
        await asyncio.gather(*(self._compare(name) for name in self._recipes if name in there))

    def _wanted(self) -> dict[str, _Recipe]:
        plan = self._plan
        recipes = {
            name: _Recipe(made_of=made_of, arguments=(), options=HEAD_OPTIONS, digest=plan.head_digest)
            for name, made_of in self._head.items()
        }
        for store in plan.settings.stores:
            for camera in store.cameras:
                part = plan.camera(store, camera)
                recipes[camera_actor(store.id, camera.id)] = _Recipe(
                    made_of=self._camera,
                    arguments=(part.sealed(), part.digest, release()),
                    options=on_store(store.id) if plan.placed else {},
                    digest=part.digest,
                    store=store.id,
                )
        return recipes

    async def _compare(self, name: str) -> None:
        recipe = self._recipes[name]
        if recipe.store is not None and not self._has_node(recipe.store):
            return
        returned = recipe.store is not None and self._has_returned(recipe.store)
        if self._made.get(name) == recipe.digest and not returned:
            return
        try:
            actor = await asyncio.to_thread(find, name)
            async with asyncio.timeout(ANSWER_S):
                about: About = await actor.about.remote()
        except (RayError, ActorMissingError, TimeoutError):
            if returned:
                # Ray takes the node that was switched off for one that is only slow; should the camera live on, its
                # lease is over
                _LOGGER.warning("%s: its node has come back without it; it is made again", name)
                await self._end(name)
                await asyncio.to_thread(self._get, name)
            return  # asked again at the next look
        self._about[name] = about
        if about["recipe"] != recipe.digest:
            _LOGGER.info("%s: made again, since its settings changed", name)
            await self._end(name)
            await asyncio.to_thread(self._get, name)
        else:
            self._made[name] = recipe.digest

    async def _end(self, name: str) -> None:
        """Stop an actor in order where it answers, and be rid of it in any case; its name is free then."""
        with contextlib.suppress(RayError, ActorMissingError, TimeoutError):
            actor = await asyncio.to_thread(find, name)
            try:
                if name != REGISTRY and self._answers(name):
                    async with asyncio.timeout(2 * ANSWER_S):
                        await actor.stop.remote()
            finally:
                ray.kill(actor)
        until = time.monotonic() + FREE_S
        while name in await asyncio.to_thread(names) and time.monotonic() < until:  # noqa: ASYNC110 - Ray tells nobody
            await asyncio.sleep(0.1)
        self._about.pop(name, None)
        self._made.pop(name, None)

    def _get(self, name: str) -> Any:
        """The actor of that name; made where it is missing."""
        try:
            return find(name)
        except ActorMissingError:
            recipe = self._recipes[name]
            return recipe.made_of.options(name=name, **ACTOR_OPTIONS, **recipe.options).remote(*recipe.arguments)

    async def _ask(self, name: str) -> Any:
        if not self._answers(name):
            return None
        try:
            actor = await asyncio.to_thread(find, name)
            async with asyncio.timeout(ANSWER_S):
                status, about = await asyncio.gather(actor.status.remote(), actor.about.remote())
        except (RayError, ActorMissingError, TimeoutError):
            self._about.pop(name, None)
            return None
        self._about[name] = about
        return status

    def _answers(self, name: str) -> bool:
        """Whether it is worth asking: who has no node waits for one."""
        camera = camera_of(name)
        return camera is None or self._has_node(camera[0])

    def _has_node(self, store: str) -> bool:
        return not self._plan.placed or any(node["alive"] and node["store"] == store for node in self._nodes)

    def _has_returned(self, store: str) -> bool:
        """Whether a store's node is there twice: as it is now, and as it was before it was switched off."""
        return sum(node["alive"] and node["store"] == store for node in self._nodes) > 1

    def _problems(self) -> list[str]:
        problems = [
            f"store {store.id}: no node has the label store={store.id}: its cameras wait for one"
            for store in self._plan.settings.stores
            if not self._has_node(store.id)
        ]
        with contextlib.suppress(OSError):
            if room.is_full(self._plan.home):
                problems.append(
                    f"the disk of {self._plan.home} is full: visitors are announced, samples are not kept; make room"
                )
        problems += [
            f"{name}: {about['problem']}" for name, about in self._about.items() if about["problem"] is not None
        ]
        return problems


def running_plan() -> Plan | None:
    """What runs on the cluster that this process has joined; None where Amiko does not run on it. Blocks."""
    try:
        return Plan.opened(ray.get(find(STORES).plan.remote(), timeout=STOP_S))
    except ActorMissingError:
        return None
    except RayError as error:
        raise ClusterError("Amiko's first actor does not answer; see the dashboard") from error


def start_stores(plan: Plan) -> None:
    """Make the first actor, which makes the others. Blocks until all of them answer.

    One that is there for other settings is replaced; those whom it made go on, where nothing changed for them.
    """
    with contextlib.suppress(ActorMissingError):
        ray.kill(find(STORES))
        _wait_until_free(STORES)
    actor: Any = ray.remote(StoresActor)
    stores = actor.options(name=STORES, **ACTOR_OPTIONS, **HEAD_OPTIONS).remote(*_pieces(plan.sealed()))
    ray.get(stores.ready.remote())


def _pieces(sealed: bytes) -> list[bytes]:
    """A thousand stores' plan, in pieces that Ray keeps with the actor.

    Larger ones would lie in the object store of the process that made the actor, and be gone with it.
    """
    return [sealed[start : start + PIECE_BYTES] for start in range(0, len(sealed), PIECE_BYTES)]


def _wait_until_free(name: str) -> None:
    until = time.monotonic() + FREE_S
    while name in names():
        if time.monotonic() > until:
            raise ClusterError(f"the actor {name} does not end; see the dashboard")
        time.sleep(0.1)


def stop_stores() -> None:
    """Stop whatever `start_stores` made, in order; nothing where there is nothing. Blocks."""
    try:
        stores = find(STORES)
        ray.get(stores.stop.remote(), timeout=STOP_S)
    except (ActorMissingError, RayError) as error:
        _LOGGER.warning("the actors could not be stopped in order: %s", error)
        return
    ray.kill(stores)
