"""The environment that Ray and torch read when they are imported: to be set before."""

import json
import os
import secrets
from collections.abc import Sequence

from domain import priority
from domain.places import home

#: Where the token of a Ray of our own lies; whoever reads it can run code here.
TOKEN = "ray-token"  # noqa: S105 - a file's name


#: Where a Ray of our own keeps who is there, for each process that has one.
RAY = "ray"
#: Where a running system leaves word of itself, in the data folder.
NOTE = "running.json"


def is_ray_ours(arguments: Sequence[str]) -> bool:
    """Whether the command with those arguments has to do with a Ray that Amiko starts, or with somebody's cluster."""
    if "RAY_ADDRESS" in os.environ or any(one.split("=")[0] == "--address" for one in arguments):
        return False
    try:
        return bool(json.loads((home() / NOTE).read_text())["owned"])
    except (OSError, ValueError, KeyError, TypeError):
        return True


def prepare(*, own_ray: bool) -> None:
    """Call before `import ray`. `own_ray`: Ray is, or will be, started by Amiko for this machine alone."""
    # two threads in each of two processes are several times slower than one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # no word to anybody outside
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if own_ray:
        # binds every socket of Ray's to 127.0.0.1, on Linux too
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Ray keeps 100,000 calls for its dashboard, a few hundred megabytes; a thousand are a few minutes' worth
        os.environ.setdefault("RAY_task_events_max_num_task_in_gcs", "1000")
        # each process counts its calls and tells of them several times a second; read they are every ten
        os.environ.setdefault("RAY_SERVE_METRICS_EXPORT_INTERVAL_MS", "5000")
        os.environ.setdefault("RAY_task_events_report_interval_ms", "5000")
        os.environ.setdefault("RAY_worker_niceness", str(priority.WORKERS))
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(home() / TOKEN)
        # so that Ray's memory of who is there outlives the process that has it: see `actors.head`
        os.environ["RAY_gcs_storage"] = "rocksdb"  # noqa: SIM112 - Ray looks for these very letters
        os.environ["RAY_gcs_storage_path"] = str(home() / RAY / str(os.getpid()))  # noqa: SIM112 - as Ray spells it
    else:
        # a cluster without a token is open to everybody who reaches it; where its file is, the operator says
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def make_token() -> None:
    """The token that Ray's processes and its dashboard ask for; for this user's eyes alone."""
    home().mkdir(parents=True, exist_ok=True)
    path = home() / TOKEN
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
