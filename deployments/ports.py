"""Keeps a replica to the interface that its node is known by.

Ray Serve 2.60 opens a gRPC port of each replica on all interfaces, without asking for the cluster's token, and what
comes in there is unpickled. It is opened at the node's own address alone from here on: 127.0.0.1 on a machine on its
own; in a chain the address within the cluster, so that nobody in the shop's other networks reaches it.
"""

import logging

import ray
from ray.serve._private import replica

_LOGGER = logging.getLogger(__name__)

_EVERYWHERE = "[::]"


def keep_to_own_address() -> None:
    """Call in a deployment's constructor, which runs before its replica opens that port."""
    if not ray.is_initialized():
        return
    bind = getattr(replica, "add_port_to_grpc_server", None)
    if bind is None:
        _LOGGER.warning("this release of Ray Serve opens its ports in another way: check what listens, and where")
        return
    own: str = ray.util.get_node_ip_address()

    def bind_to_own(server: object, address: str) -> object:
        return bind(server, address.replace(_EVERYWHERE, f"[{own}]" if ":" in own else own))

    replica.add_port_to_grpc_server = bind_to_own  # type: ignore[attr-defined]  # replaced on purpose
