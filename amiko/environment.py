"""The environment that Ray and torch read when they are imported: to be set before."""

import os
import secrets

from domain.settings import home

#: Where the token of a Ray of our own lies; whoever reads it can run code here.
TOKEN = "ray-token"  # noqa: S105 - a file's name


def prepare(*, own_ray: bool) -> None:
    """Call before `import ray`. `own_ray`: Ray is, or will be, started by Amiko for this machine alone."""
    # two threads in each of two processes are several times slower than one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # no word to anybody outside
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if own_ray:
        # binds every socket of Ray's to 127.0.0.1, on Linux too
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(home() / TOKEN)


def make_token() -> None:
    """The token that Ray's processes and its dashboard ask for; for this user's eyes alone."""
    home().mkdir(parents=True, exist_ok=True)
    path = home() / TOKEN
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
