"""Keeps a replica to the interface that its node listens on.

Ray Serve 2.60 opens a gRPC port of each replica on all interfaces, without asking for the cluster's token, and what
comes in there is unpickled. Where the node itself is bound to 127.0.0.1, so is that port, from here on.
"""

import logging

import ray
from ray.serve._private import replica

_LOGGER = logging.getLogger(__name__)

EVERYWHERE, LOOPBACK = "[::]", "127.0.0.1"


def stay_on_loopback() -> None:
    """Call in a deployment's constructor, which runs before its replica opens that port."""
    if not ray.is_initialized() or ray.util.get_node_ip_address() != LOOPBACK:  # type: ignore[no-untyped-call]
        return
    bind = getattr(replica, "add_port_to_grpc_server", None)
    if bind is None:
        _LOGGER.warning(
            "this release of Ray Serve opens its ports in another way: check what listens beyond %s", LOOPBACK
        )
        return

    def bind_to_loopback(server: object, address: str) -> object:
        return bind(server, address.replace(EVERYWHERE, LOOPBACK))

    replica.add_port_to_grpc_server = bind_to_loopback  # type: ignore[attr-defined]
