"""`amiko stop`: end what `amiko run` started."""

import contextlib
import os
import signal

import psutil

from amiko.console import JsonOption, out, print_json
from amiko.environment import prepare
from amiko.running import NOTE, Running, find_running, is_alive
from domain.errors import ClusterError
from domain.settings import home

#: Seconds for cameras, outbox and Ray to end.
STOP_S = 120.0


def stop(as_json: JsonOption = False) -> None:
    """Stop everything that `amiko run` started; on a joined cluster, Amiko's actors and networks alone."""
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
    prepare(own_ray=False)
    from ray import serve

    from actors import cluster
    from actors.stores import stop_stores

    cluster.join(running.address)
    stop_stores()
    serve.delete(cluster.APPLICATION)
    cluster.leave()
    (home() / NOTE).unlink(missing_ok=True)
