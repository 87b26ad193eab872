"""What is done to whom, and when: drawn from a seed before anything begins."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

#: Whom a fault may hit: a word of ours -> how Ray titles that process.
VICTIMS = {
    "camera": "ray::CameraActor",
    "drawn camera": "ray::DrawnCameraActor",
    "detector": "ray::ServeReplica:networks:PersonDetector",
    "encoder": "ray::ServeReplica:networks:VisitorEncoder",
    "classifier": "ray::ServeReplica:networks:DepartmentClassifier",
    "registry": "ray::RegistryActor",
    "dispatcher": "ray::DispatcherActor",
    "trainer": "ray::TrainerActor",
    "stores": "ray::StoresActor",
    "controller": "ray::ServeController",
    "gcs": "gcs_server",
}
#: Seconds that a stopped process sleeps.
STOPPED_S = 10.0
#: Of the faults that stop a process where others kill it.
STOPS = 0.25
#: Seconds between two faults, on average; never less than the smaller number.
BETWEEN_S, LEAST_S = 5.0, 2.0
#: Seconds at the end in which what was hit last can come back and be seen to.
QUIET_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One process is hit."""

    #: Seconds after the beginning.
    at: float
    victim: str
    #: Stopped for `STOPPED_S` and then continued; else killed.
    stops: bool
    #: Which of several alike, from 0 to 1.
    which: float

    @property
    def kind(self) -> str:
        return f"{'stop' if self.stops else 'kill'} {self.victim}"


def faults(seed: int, seconds: float, victims: Iterable[str] = VICTIMS) -> list[Fault]:
    """Every victim comes up before one does again, so that a short run meets most of them."""
    chance = random.Random(seed)
    whom: list[str] = []
    plan: list[Fault] = []
    at = LEAST_S
    while at < seconds - QUIET_S:
        if not whom:
            whom = sorted(victims)
            chance.shuffle(whom)
        plan.append(Fault(at=at, victim=whom.pop(), stops=chance.random() < STOPS, which=chance.random()))
        at += LEAST_S + chance.expovariate(1 / (BETWEEN_S - LEAST_S))
    return plan
