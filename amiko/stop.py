"""`amiko stop`: end what `amiko run` started."""

import contextlib
import os
import signal

import psutil

from amiko.console import JsonOption, out, print_json
from amiko.running import Running, find_running, is_alive, withdraw_all
from domain.errors import ClusterError

#: Seconds for cameras, outbox and Ray to end.
STOP_S = 120.0


def stop(*, as_json: JsonOption = False) -> None:
    """Stop everything that `amiko run` started; on a joined cluster, Amiko's actors and networks alone.

    Example: `amiko stop`
    """
    running = find_running()
    if running.owned:
        _end(running)
    else:
        _leave(running)
    if as_json:
        print_json({"stopped": True})
    else:
        out.print("stopped")


def _end(running: Running) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(running.pid)
        if is_alive(running):
            os.kill(running.pid, signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired as error:
            raise ClusterError(f"process {running.pid} does not end; end it: kill -9 {running.pid}") from error


def _leave(running: Running) -> None:
    from actors import cluster

    cluster.join(running.address)
    withdraw_all()
    cluster.leave()
