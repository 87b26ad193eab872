"""The system as a whole: start it, stop it, and find one that runs."""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from amiko.environment import make_token
from domain.errors import ClusterError, InputError
from domain.settings import Settings, home

#: Where a running system leaves word of itself, in the data folder.
NOTE = "running.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Word of a running system."""

    #: Process that started it, and when that process began: numbers are given again.
    pid: int
    began: float
    #: Ray's address, and the dashboard's.
    address: str
    dashboard: str | None
    #: Whether Ray ends with that process.
    owned: bool


def find_running() -> Running:
    """The system that runs on this machine. Raises ClusterError where there is none."""
    nothing = ClusterError("Amiko does not run here; start it: amiko run stores.yaml")
    try:
        note = Running(**json.loads((home() / NOTE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise nothing from error
    if note.owned and not is_alive(note):
        raise nothing
    return note


def is_alive(note: Running) -> bool:
    """Whether the very process that started the system is there."""
    try:
        return abs(psutil.Process(note.pid).create_time() - note.began) < 1
    except psutil.NoSuchProcess:
        return False


@contextmanager
def started(
    settings: Settings,
    data: Path,
    *,
    address: str | None = None,
    paced: bool = True,
    loop: bool = False,
    keep: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Running]:
    """Ray (started, or joined at `address`), the networks and all actors; stopped again at the end, unless `keep`.

    `data`: the folder of the database and the classifiers. `say` hears what is being done.
    Raises AmikoErrors: weights missing, Ray not to be started, a damaged database.
    """
    # imported late: `--help` and `amiko check` need no Ray
    from ray import serve

    from actors import cluster
    from actors.plan import Plan
    from actors.stores import start_stores, stop_stores
    from deployments.application import application
    from networks.kinds import check_detector, check_encoder

    check_detector(settings.networks.detector)
    check_encoder(settings.networks.encoder)
    make_token()
    # standard output is for results: what Ray has to say goes to standard error
    with _alone(), contextlib.redirect_stdout(sys.stderr):
        say("starting Ray" if address is None else f"joining Ray at {address}")
        joined = cluster.start_or_join(address)
        note = Running(
            pid=os.getpid(),
            began=psutil.Process().create_time(),
            address=joined.address,
            dashboard=joined.dashboard,
            owned=joined.owned,
        )
        stay = False
        try:
            say("starting the networks")
            cluster.start_serve()
            serve.run(application(settings.networks), name=cluster.APPLICATION, route_prefix=None)
            say("starting the cameras, the registry, the dispatcher and the trainer")
            start_stores(Plan(settings=settings, home=data, run=secrets.token_hex(8), paced=paced, loop=loop))
            (home() / NOTE).write_text(json.dumps(asdict(note)))
            yield note
            stay = keep
        finally:
            if not stay:
                say("stopping")
                (home() / NOTE).unlink(missing_ok=True)
                stop_stores()
                if not joined.owned:
                    serve.delete(cluster.APPLICATION)
            cluster.leave()


@contextmanager
def _alone() -> Iterator[None]:
    """One system a data folder: two would announce each visitor twice. Raises InputError where one is there."""
    home().mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(home() / "running.lock").acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Amiko runs already, with the data folder {home()}; stop it: amiko stop"
            " (or set AMIKO_HOME to another folder)"
        ) from None
    with lock:
        yield
