"""Settings onto a cluster: what is not there is started, what changed is replaced, what is wanted no more is ended."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ray import serve

from actors.cluster import NETWORKS, STORE, nodes, start_serve
from actors.plan import Plan
from actors.stores import running_plan, start_stores
from deployments.application import application
from domain.errors import AmikoError, ClusterError, NetworksError
from domain.names import CENTRAL, is_application
from domain.settings import Networks


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What settings changed, by names such as `store spb-1` and `camera spb-1/door`."""

    #: Whether nothing ran before.
    first: bool
    added: list[str]
    changed: list[str]
    removed: list[str]

    @property
    def text(self) -> str:
        """One line."""
        parts = [f"{word}: {', '.join(names)}" for word, names in self._parts() if names]
        return "; ".join(parts) or "nothing changed"

    def _parts(self) -> list[tuple[str, list[str]]]:
        return [("added", self.added), ("changed", self.changed), ("removed", self.removed)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Application:
    """One Serve application: the networks in it, and the labels of the nodes that it may be on."""

    networks: Networks
    labels: tuple[tuple[str, str], ...]


def apply(plan: Plan, say: Callable[[str], None]) -> Difference:
    """Bring the joined cluster to what `plan` says. What is the same in the plan that runs is not touched.

    Where nothing runs yet, everything is started. Stores whose node is away are not waited for.
    """
    before = running_plan()
    say("starting the networks")
    start_serve()
    _deploy(before, plan)
    say("starting the cameras, the registry, the dispatcher and the trainer")
    start_stores(plan)
    return difference(before, plan)


def difference(before: Plan | None, after: Plan) -> Difference:
    """What is another one now."""
    old, new = (_parts(plan) if plan else {} for plan in (before, after))
    return Difference(
        first=before is None,
        added=[name for name in new if name not in old],
        changed=[name for name in new if name in old and new[name] != old[name]],
        removed=[name for name in old if name not in new],
    )


def withdraw() -> None:
    """End all of Amiko's Serve applications on the joined cluster."""
    for name in serve.status().applications:
        if is_application(name):
            serve.delete(name)


def _parts(plan: Plan) -> dict[str, object]:
    settings = plan.settings
    parts: dict[str, object] = {"telegram": settings.telegram, "networks": settings.networks}
    parts["training"] = settings.training
    for store in settings.stores:
        parts[f"store {store.id}"] = store.model_copy(update={"cameras": []})
        for camera in store.cameras:
            parts[f"camera {store.id}/{camera.id}"] = camera
    return parts


def _applications(plan: Plan) -> dict[str, _Application]:
    networks = plan.settings.networks
    wanted = {}
    for store in plan.settings.stores:
        name = plan.application_of(store)
        labels = ((STORE, store.id) if name != CENTRAL else (NETWORKS, "central"),) if plan.placed else ()
        wanted[name] = _Application(networks=networks, labels=labels)
    return wanted


def _deploy(before: Plan | None, after: Plan) -> None:
    there = serve.status().applications
    old = _applications(before) if before else {}
    new = _applications(after)
    for name in there:
        if is_application(name) and name not in new:
            serve.delete(name)
    # one that is the same is left alone: deploying it again would start its replicas again; so is one that is there
    # before Amiko is, since that is a RayService's
    changed = {name: one for name, one in new.items() if name not in there or (before and old.get(name) != one)}
    central = changed.pop(CENTRAL, None)
    if central is not None:
        here = not after.placed or any(node["alive"] and node["networks"] == "central" for node in nodes())
        _run({CENTRAL: central}, wait=here)
    # a store's node may be away for long
    _run(changed, wait=False)


def _run(applications: dict[str, _Application], *, wait: bool) -> None:
    if not applications:
        return
    try:
        serve.run_many(
            [
                serve.RunTarget(application(one.networks, dict(one.labels)), name=name, route_prefix=None)
                for name, one in applications.items()
            ],
            wait_for_ingress_deployment_creation=wait,
            wait_for_applications_running=wait,
        )
    except RuntimeError as error:
        there = serve.status().applications
        deployments = [one for name in applications if name in there for one in there[name].deployments.values()]
        raise why_not(str(error), [deployment.message for deployment in deployments]) from error


def why_not(told: str, messages: Iterable[str]) -> AmikoError:
    """What kept a network from starting: Serve keeps a replica's error as text, at the end of a traceback."""
    for message in messages:
        found = list(re.finditer(r"^domain\.errors\.\w+: ", message, re.MULTILINE))
        if found:
            return NetworksError(message[found[-1].end() :].strip())
        if "OutOfMemory" in message or "worker died" in message.lower():
            return NetworksError(f"a network's process was ended, most likely for want of memory: {told}")
    return ClusterError(f"the networks can't be started: {told}; the dashboard shows their logs")
