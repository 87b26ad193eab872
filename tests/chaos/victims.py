"""Hitting processes, and seeing when what they did is done again."""

import contextlib
import signal
import threading
import time
from dataclasses import dataclass, field

import psutil
import ray
from ray import serve

from actors.clients import find
from tests.chaos.cameras import ASK_S, NAMESPACE
from tests.chaos.plan import STOPPED_S, VICTIMS, Fault

#: Seconds until a thing that was hit counts as not coming back.
LIMIT_S = 60.0


@dataclass(kw_only=True, slots=True)
class Hit:
    """What became of one fault."""

    fault: Fault
    #: Seconds since 1970.
    at: float
    pid: int
    #: How many of its kind there were.
    many: int
    #: When it did its work again; None if it never did.
    back: float | None = None


@dataclass(slots=True)
class Victims:
    """The processes below this one."""

    hits: list[Hit] = field(default_factory=list)
    #: Faults that found nobody: another one had hit the same a moment before.
    missed: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)

    def hit(self, fault: Fault) -> None:
        """Do it, and watch in a thread of its own until it is made good."""
        there = processes(VICTIMS[fault.victim])
        if not there:
            self.missed += 1
            return
        victim = there[int(fault.which * len(there))]
        hit = Hit(fault=fault, at=time.time(), pid=victim.pid, many=len(there))
        try:
            victim.send_signal(signal.SIGSTOP if fault.stops else signal.SIGKILL)
        except psutil.NoSuchProcess:
            self.missed += 1
            return
        self.hits.append(hit)
        if fault.stops:
            self._beside(self._continue, victim)
        self._beside(self._watch, hit)

    def join(self) -> None:
        """Wait until everything is back, or never will be."""
        for thread in self._threads:
            thread.join(LIMIT_S + STOPPED_S)

    def _beside(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _continue(self, victim: psutil.Process) -> None:
        time.sleep(STOPPED_S)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGCONT)

    def _watch(self, hit: Hit) -> None:
        # who is only stopped may be replaced; until one or the other, an answer comes from somebody else
        until = hit.at + LIMIT_S
        while time.time() < until:
            time.sleep(0.2)
            with contextlib.suppress(Exception):
                if works(hit):
                    hit.back = time.time()
                    return


def processes(title: str) -> list[psutil.Process]:
    """All below this one with that title, by their numbers."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = child.cmdline()
            name = line[0].split(".")[0] if line and line[0].startswith("ray::") else child.name()
            if name == title and child.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED}:
                found.append(child)
    return sorted(found, key=lambda one: one.pid)


def works(hit: Hit) -> bool:
    """Whether what was hit does its work. Raises whatever its trouble is."""
    victim = hit.fault.victim
    if len(processes(VICTIMS[victim])) < hit.many:
        return False
    match victim:
        case "stores":
            ray.get(find(victim).pid.remote(), timeout=ASK_S)
        case "registry" | "dispatcher" | "trainer":
            ray.get(find(victim).about.remote(), timeout=ASK_S)
        case "camera":
            told = ray.get(find("stores").status.remote(), timeout=ASK_S)["cameras"].values()
            return all(one is not None and one["state"] == "streaming" for one in told)
        case "detector" | "encoder" | "classifier":
            # by a camera's own line to it, which was there before
            ray.get(ray.get_actor("store-1", NAMESPACE).ask.remote(victim), timeout=2 * ASK_S)
        case "controller":
            return all(one.status == "RUNNING" for one in serve.status().applications.values())
        case "gcs":
            return bool(ray.nodes())
    return True
