"""A second copy of one of Amiko's actors, made on the head: for each line on standard input it says how that one is.

Argument: `dispatcher`, or a camera as `camera/<store>/<camera>`.
"""

import contextlib
import json
import sys
from typing import Any

import ray
from ray.exceptions import RayError

from actors import cluster
from actors.camera_actor import CameraActor
from actors.dispatcher import DispatcherActor
from actors.plan import release
from actors.stores import running_plan

name = sys.argv[1]
cluster.join("auto")
plan = running_plan()
assert plan is not None
options = {"name": name, "namespace": "copies", "num_cpus": 0}
made: Any
if name == "dispatcher":
    made = ray.remote(DispatcherActor).options(**options, **cluster.HEAD_OPTIONS).remote()
else:
    _, store_id, camera_id = name.split("/")
    (store,) = (one for one in plan.settings.stores if one.id == store_id)
    (camera,) = (one for one in store.cameras if one.id == camera_id)
    part = plan.camera(store, camera)
    made = (
        ray.remote(CameraActor)
        .options(**options, **cluster.on_store(store_id))
        .remote(part.sealed(), part.digest, release())
    )
answers = sys.stdout
# Ray tells its own news there
with contextlib.redirect_stdout(sys.stderr):
    for _ in sys.stdin:
        try:
            told = ray.get(made.status.remote(), timeout=60)
        except RayError:
            told = None
        print(json.dumps(told), file=answers, flush=True)
