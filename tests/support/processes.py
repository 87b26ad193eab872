"""Running the command line as people do, and looking at the processes that it makes."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

AMIKO = [sys.executable, "-m", "amiko"]


def amiko(*arguments: str, timeout_s: float = 120, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*AMIKO, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **environment},
    )


@contextmanager
def running(*arguments: str, module: str = "amiko") -> Iterator["subprocess.Popen[str]"]:
    """Run a command beside; it and all that it made is ended at last."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    family = psutil.Process(process.pid)
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for member in [*family.children(recursive=True), family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        process.communicate()


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """All processes that it made, however far down."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def titles(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """Ray's workers by what they are, such as `ray::CameraActor`."""
    found = {}
    for child in children(process):
        with contextlib.suppress(psutil.Error):
            line = child.cmdline()
            if line and line[0].startswith("ray::"):
                found[line[0].split(".")[0]] = child
    return found


def until(condition: Callable[[], Any], what: str, limit_s: float = 120) -> Any:
    """The first true answer. Raises TimeoutError."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"not within {limit_s} s: {what}")


def document(text: str) -> Any:
    """The one JSON document that `text` is."""
    return json.loads(text)
