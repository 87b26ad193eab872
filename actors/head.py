"""Ray's own memory of who is there (its GCS), on a machine on its own: started again where it dies.

Without it no actor can be found, made or made again, and after a minute everything ends. It keeps its state in a file
(`RAY_gcs_storage`), so that one that comes back at the same address goes on where the other was.
"""

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_LOGGER = logging.getLogger(__name__)

NAME = "gcs_server"
#: Seconds between two looks.
LOOK_S = 0.5
#: Seconds that it may take to end.
_END_S = 5.0
_PORT = "--gcs_server_port"
#: How Ray is told to keep it in files, and where. Ray looks for these very letters.
_STORAGE, _PATH = "RAY_gcs_storage", "RAY_gcs_storage_path"
#: What stands before a command so that it ends with whoever has started it, the thread, as Ray's other processes do.
_WITH_US = (
    [sys.executable, "-c", "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"]
    if sys.platform == "linux"
    else []
)


def forget() -> None:
    """What Rays that are no more have left in the folder, and this process' own: a new one must not go on with it."""
    path = Path(os.environ.get(_PATH, ""))
    if not path.name.isdecimal():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for one in path.parent.iterdir():
        if one == path or (one.name.isdecimal() and not psutil.pid_exists(int(one.name))):
            shutil.rmtree(one, ignore_errors=True)


@contextmanager
def kept(address: str, leave: Callable[[], None]) -> Iterator[None]:
    """Within it, what this process' Ray at that address knows is kept. At the end, `leave` is called to end Ray."""
    keeper = _keeper(address)
    if keeper is not None:
        keeper.start()
    try:
        yield
    finally:
        if keeper is not None:
            keeper.release()
        leave()
        if keeper is not None:
            keeper.end()
        forget()


def _keeper(address: str) -> "Keeper | None":
    found = next((one for one in psutil.Process().children() if one.name() == NAME), None)
    if found is None or os.environ.get(_STORAGE) != "rocksdb":
        return None
    return Keeper(found, command_at(address, found.cmdline()), found.environ())


def command_at(address: str, command: list[str]) -> list[str]:
    """The command, at the port that it has: it was started with any."""
    port = address.rpartition(":")[2]
    return [f"{_PORT}={port}" if one.startswith(f"{_PORT}=") else one for one in command]


class Keeper(threading.Thread):
    """Watches one process, and starts it again."""

    def __init__(self, process: psutil.Process, command: list[str], environment: dict[str, str]) -> None:
        super().__init__(name="head keeper", daemon=True)
        self._process = process
        self._command = command
        self._environment = environment
        self._own: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(LOOK_S):
            if self._ending.is_set() or self._alive():
                continue
            _LOGGER.warning("%s is gone; it is started again", NAME)
            try:
                self._start()
            except OSError:
                _LOGGER.exception("%s could not be started again", NAME)

    def release(self) -> None:
        """Start it no more: Ray is about to end."""
        self._ending.set()

    def end(self) -> None:
        """End what was started here, which Ray does not know of."""
        self._over.set()
        # what it has started ends with this thread
        self.join()
        if self._own is not None:
            self._own.wait(_END_S)

    def _alive(self) -> bool:
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _start(self) -> None:
        if self._own is not None:
            self._own.wait()
        self._own = subprocess.Popen(
            [*_WITH_US, *self._command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._process = psutil.Process(self._own.pid)
