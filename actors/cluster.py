"""Starting or joining Ray, and the names by which the actors find each other."""

import logging
from dataclasses import dataclass
from typing import Any

import ray
from ray import serve

from domain.errors import ClusterError

NAMESPACE = "amiko"
#: The Serve application that holds the three networks.
APPLICATION = "networks"

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

LOOPBACK = "127.0.0.1"
#: Bytes of shared memory: pictures travel inside the calls, so that little is needed.
OBJECT_STORE_BYTES = 256 * 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The Ray that this process is connected to."""

    address: str
    dashboard: str | None
    #: Whether this process started it, so that it ends with this process.
    owned: bool


def start_or_join(address: str | None) -> Cluster:
    """Start a Ray of our own on the loopback interface, or join the one at `address`. Raises ClusterError.

    What Ray reads from the environment must be there before Ray is imported.
    """
    own: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "dashboard_host": LOOPBACK}
    try:
        context = ray.init(
            address=address or "local",
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
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
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    # handles are called from actors: no HTTP is served
    serve.start(proxy_location="Disabled", logging_config={"encoding": "JSON", "enable_access_log": False})
