"""Starts the actors of all stores and watches them: whoever is missing is made again."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, TypedDict

import ray
from ray.exceptions import RayError

from actors.clients import ActorMissingError, find
from actors.cluster import ACTOR_OPTIONS
from actors.plan import Plan

if TYPE_CHECKING:
    from actors.camera import CameraStatus
    from actors.dispatcher import DispatcherStatus
    from actors.registry import StoreStatus

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at whether everybody is there. A killed actor does not wait for that: Ray restarts it.
LOOK_S = 5.0
#: Seconds that an actor may take to say how it is.
ANSWER_S = 5.0
#: Seconds for cameras to close their sources and for the outbox to be done with what is under way.
STOP_S = 60.0


class Status(TypedDict):
    """What `amiko status --json` prints, but for the networks."""

    stores: "dict[str, StoreStatus] | None"
    cameras: "dict[str, CameraStatus | None]"
    dispatcher: "DispatcherStatus | None"
    trainer: dict[str, Any] | None


class StoresActor:
    """The first actor; makes all others."""

    async def __init__(self, plan: Plan) -> None:  # type: ignore[misc]  # Ray awaits it
        self._plan = plan
        # imported here, since everybody's process imports this module's neighbours, and Telegram's library, say, is
        # nothing that a camera needs; handed to Ray once: it keeps what it was handed for as long as it runs
        from actors.camera import CameraActor
        from actors.dispatcher import DispatcherActor
        from actors.registry import RegistryActor
        from actors.trainer import TrainerActor

        cameras = ray.remote(CameraActor)
        self._recipes: dict[str, tuple[Any, tuple[object, ...]]] = {
            "registry": (ray.remote(RegistryActor), (plan,)),
            "trainer": (ray.remote(TrainerActor), (plan,)),
            "dispatcher": (ray.remote(DispatcherActor), (plan,)),
        }
        self._cameras = {
            f"camera/{store.id}/{camera.id}": (cameras, (plan, store, camera))
            for store in plan.settings.stores
            for camera in store.cameras
        }
        self._recipes |= self._cameras
        self._task = asyncio.create_task(self._watch())

    async def ready(self) -> None:
        """Return once everybody is made and answers. Raises what made an actor fail."""
        for name in self._recipes:
            await (await asyncio.to_thread(self._get, name)).status.remote()

    async def status(self) -> Status:
        """How everybody is; None for whoever does not answer in time."""
        names = ["registry", "dispatcher", "trainer", *self._cameras]
        registry, dispatcher, trainer, *cameras = await asyncio.gather(*(self._ask(name) for name in names))
        return Status(
            stores=registry,
            cameras={name.removeprefix("camera/"): status for name, status in zip(self._cameras, cameras, strict=True)},
            dispatcher=dispatcher,
            trainer=trainer,
        )

    async def stop(self) -> None:
        """Cameras first, then the dispatcher with what is under way, then the rest."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for name in [*self._cameras, "dispatcher", "trainer", "registry"]:
            with contextlib.suppress(RayError, ActorMissingError, TimeoutError):
                actor = await asyncio.to_thread(find, name)
                if name != "registry":
                    await asyncio.wait_for(actor.stop.remote(), 2 * ANSWER_S)
                ray.kill(actor)

    async def _watch(self) -> None:
        while True:
            for name in self._recipes:
                try:
                    await asyncio.to_thread(self._get, name)
                except RayError as error:
                    _LOGGER.warning("%s can't be made: %s", name, error)
            await asyncio.sleep(LOOK_S)

    def _get(self, name: str) -> Any:
        """The actor of that name; made where it is missing."""
        try:
            return find(name)
        except ActorMissingError:
            made_of, arguments = self._recipes[name]
            return made_of.options(name=name, **ACTOR_OPTIONS).remote(*arguments)

    async def _ask(self, name: str) -> Any:
        try:
            actor = await asyncio.to_thread(find, name)
            return await asyncio.wait_for(actor.status.remote(), ANSWER_S)
        except (RayError, ActorMissingError, TimeoutError):
            return None


def start_stores(plan: Plan) -> Any:
    """Make the first actor, which makes the others; returns its handle. Blocks until all of them answer."""
    actor: Any = ray.remote(StoresActor)
    stores = actor.options(name="stores", **ACTOR_OPTIONS).remote(plan)
    ray.get(stores.ready.remote())
    return stores


def stop_stores() -> None:
    """Stop whatever `start_stores` made, in order; nothing where there is nothing. Blocks."""
    try:
        stores = find("stores")
        ray.get(stores.stop.remote(), timeout=STOP_S)
    except (ActorMissingError, RayError) as error:
        _LOGGER.warning("the actors could not be stopped in order: %s", error)
        return
    ray.kill(stores)
