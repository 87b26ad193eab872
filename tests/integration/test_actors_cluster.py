"""The Ray that Amiko starts."""

from pathlib import Path

import numpy as np
import pytest
import ray

from actors.cluster import OBJECT_STORE_BYTES
from tests.support.processes import until

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("cluster")]


def test_what_finds_no_room_in_shared_memory_is_on_no_disk() -> None:
    """A picture might be among it."""
    node = ray.get_runtime_context().get_node_id()
    piece = OBJECT_STORE_BYTES // 4
    held = [ray.put(np.zeros(piece, np.uint8)) for _ in range(6)]
    spilled = until(lambda: list(Path("/dev/shm").glob(f"ray_spilled_objects_{node}*/*")), "what found no room")
    assert sum(path.stat().st_size for path in spilled) >= piece
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    assert not list(session.glob("ray_spilled_objects*/*"))
    assert all(path.stat().st_size < piece for path in session.rglob("*") if path.is_file())
    del held
