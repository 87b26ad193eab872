"""Starting or joining Ray, and where on it things run."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import ray
from ray.job_config import JobConfig

from actors import head
from actors.plan import cluster_token
from domain.errors import ClusterError
from domain.names import NAMESPACE

#: How every actor is made: found by name, outlives who made it, comes back after a kill as often as needed, and
#: calls under way when it died are made again (they carry ids, so that twice is once).
ACTOR_OPTIONS = {
    "namespace": NAMESPACE,
    "lifetime": "detached",
    "get_if_exists": True,
    "max_restarts": -1,
    "max_task_retries": -1,
    "num_cpus": 0,
}

#: Beside the database and the bot: on the head. Ray gives every head this resource.
HEAD_OPTIONS = {"resources": {"node:__internal_head__": 0.001}}
#: The label of a store's node, and that of nodes for the networks that all stores share.
STORE, NETWORKS = "store", "networks"

LOOPBACK = "127.0.0.1"
#: Bytes of shared memory: pictures travel inside the calls, so that little is needed.
OBJECT_STORE_BYTES = 256 * 1024**2
#: Where objects go that find no room there: into memory as well; a picture would be on a disk otherwise.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - Ray makes a folder of its own in it


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The Ray that this process is connected to."""

    address: str
    dashboard: str | None
    #: Whether this process started it, so that it ends with this process.
    owned: bool


class Node(TypedDict):
    """One of the cluster's nodes."""

    address: str
    alive: bool
    #: Its labels `store` and `networks`; None where it has none.
    store: str | None
    networks: str | None


def on_store(store: str) -> dict[str, object]:
    """Options of an actor that runs on a store's node and nowhere else: it waits where that node is away."""
    return {"label_selector": {STORE: store}}


def own_address() -> str:
    """The address of this node on the cluster's network; `LOOPBACK` on a machine on its own."""
    address: str = ray.util.get_node_ip_address()
    return address


def nodes() -> list[Node]:
    """Those that are there, and those that were. Blocks."""
    found = []
    for node in ray.nodes():
        labels = node.get("Labels", {})
        found.append(
            Node(
                address=node["NodeManagerAddress"],
                alive=node["Alive"],
                store=labels.get(STORE),
                networks=labels.get(NETWORKS),
            )
        )
    return found


def names() -> set[str]:
    """Of Amiko's actors that are there, or wait for their node. Blocks."""
    there = ray.util.list_named_actors(all_namespaces=True)
    return {actor["name"] for actor in there if actor["namespace"] == NAMESPACE}


def start_or_join(address: str | None) -> Cluster:
    """Start a Ray of our own on the loopback interface, or join the one at `address`. Raises ClusterError.

    The cluster's token must be there in either case.

    What Ray reads from the environment must be there before Ray is imported.
    """
    # asked for here, since Ray's own words about a missing one are many
    cluster_token()
    own: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "dashboard_host": LOOPBACK}
    if SHARED_MEMORY.is_dir():
        own["object_spilling_directory"] = str(SHARED_MEMORY)
    # one JSON document a line, with what `extra` says of store, camera and visit: for Ray's processes, not for this one
    job = JobConfig()
    job.set_py_logging_config(ray.LoggingConfig("JSON", "INFO", additional_log_standard_attrs=["name"]))
    if address is None:
        head.forget()
    try:
        context = ray.init(
            address=address or "local",
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            job_config=job,
            **({} if address else own),
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"joined at {address}" if address else "started"
        raise ClusterError(f"Ray can't be {where}: {error}") from error
    if address is None and not ray.get_runtime_context().gcs_address.startswith(LOOPBACK):
        ray.shutdown()
        raise ClusterError("Ray would listen beyond this machine; RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 prevents that")
    dashboard = context.dashboard_url
    return Cluster(
        address=ray.get_runtime_context().gcs_address,
        dashboard=f"http://{dashboard}" if dashboard else None,
        owned=address is None,
    )


def join(address: str) -> Cluster:
    """Join a running Ray. Raises ClusterError."""
    return start_or_join(address)


def leave() -> None:
    """Disconnect; a Ray that this process started ends."""
    ray.shutdown()


def start_serve() -> None:
    """Start Serve on the joined Ray, or find it; nothing listens for HTTP."""
    # imported here: Serve takes as long to import as Ray, and 50 MB, and registry or dispatcher ask nothing of it
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    # handles are called from actors: no HTTP is served
    serve.start(proxy_location="Disabled", logging_config={"encoding": "JSON", "enable_access_log": False})
