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
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock, Timeout

from amiko.environment import NOTE, make_token
from domain.errors import ClusterError, InputError
from domain.places import home
from domain.settings import Settings

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.plan import Plan
    from amiko.applying import Difference


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


class System:
    """A running system as whoever started it has it: its whereabouts, and a way to give it other settings."""

    def __init__(self, running: Running, plan: "Plan", say: Callable[[str], None]) -> None:
        self.running = running
        self._plan = plan
        self._say = say

    def apply(self, settings: Settings) -> "Difference":
        """What is the same goes on untouched. Raises AmikoErrors; what runs goes on then."""
        from amiko.applying import apply

        _check_weights(settings)
        with contextlib.redirect_stdout(sys.stderr):
            return apply(self._plan.model_copy(update={"settings": settings}), self._say)


@contextmanager
def started(
    settings: Settings,
    data: Path,
    *,
    paced: bool = True,
    loop: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[System]:
    """Ray, started on this machine, the networks and all actors; stopped again at the end.

    `data`: the folder of the database and the classifiers. `say` hears what is being done.
    Raises AmikoErrors: weights missing, Ray not to be started, a damaged database.
    """
    # imported late: `--help` and `amiko check` need no Ray
    from actors import cluster, head
    from actors.plan import Plan
    from actors.stores import stop_stores

    _check_weights(settings)
    make_token()
    # standard output is for results: what Ray has to say goes to standard error
    with alone(), contextlib.redirect_stdout(sys.stderr):
        say("starting Ray")
        joined = cluster.start_or_join(None)
        plan = Plan(settings=settings, home=data, run=secrets.token_hex(8), paced=paced, loop=loop)
        system = System(_note(joined), plan, say)
        with head.kept(joined.address, cluster.leave):
            try:
                system.apply(settings)
                _write(system.running)
                yield system
            finally:
                say("stopping")
                (home() / NOTE).unlink(missing_ok=True)
                stop_stores()


@contextmanager
def joined(
    settings: Settings, data: Path, *, address: str, keep: bool, say: Callable[[str], None]
) -> Iterator[tuple[System, "Difference"]]:
    """The settings on the Ray at `address`: all of it where nothing runs there yet, else what is different.

    Stopped again at the end, but where `keep` is given and where it ran before. Raises AmikoErrors as `started`.
    """
    from actors import cluster
    from actors.plan import Plan
    from actors.stores import running_plan
    from amiko.applying import apply

    _check_weights(settings)
    with contextlib.redirect_stdout(sys.stderr):
        say(f"joining Ray at {address}")
        note = _note(cluster.start_or_join(address))
        try:
            before = running_plan()
            run = before.run if before else secrets.token_hex(8)
            plan = Plan(settings=settings, home=data, run=run, placed=True)
            stay = keep or before is not None
            try:
                made = apply(plan, say)
                _write(note)
                yield System(note, plan, say), made
            except BaseException:
                stay = stay and before is not None
                raise
            finally:
                if not stay:
                    say("stopping")
                    withdraw_all()
        finally:
            cluster.leave()


def _check_weights(settings: Settings) -> None:
    """Raises NetworksError."""
    from networks.kinds import check_detector, check_encoder

    check_detector(settings.networks.detector)
    check_encoder(settings.networks.encoder)


def _note(joined: "Cluster") -> Running:
    return Running(
        pid=os.getpid(),
        began=psutil.Process().create_time(),
        address=joined.address,
        dashboard=joined.dashboard,
        owned=joined.owned,
    )


def _write(note: Running) -> None:
    home().mkdir(parents=True, exist_ok=True)
    (home() / NOTE).write_text(json.dumps(asdict(note)))


def withdraw_all() -> None:
    """End what is Amiko's on the Ray that this process has joined."""
    from actors.stores import stop_stores
    from amiko.applying import withdraw

    (home() / NOTE).unlink(missing_ok=True)
    stop_stores()
    withdraw()


@contextmanager
def alone() -> Iterator[None]:
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
