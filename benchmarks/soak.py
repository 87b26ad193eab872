"""`amiko bench soak`: the whole system under ten times a shop's traffic, for as long as one likes; does anything grow?

Two entrance cameras and a department's play a recording in a loop; its visitors come in 1.3 times as fast as they did,
one every 18 s at each entrance. Four assistants press whatever they see, and look at their figures; a training comes
halfway. Every 10 s each process is looked at.
"""

import json as json_module
import random
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TypedDict

import av
import psutil
import ray
from pydantic import SecretStr

from actors.clients import find
from actors.status import Status
from amiko import madeup
from amiko.console import say
from amiko.playing import prepare
from amiko.running import started
from amiko.stopping import Stopping
from benchmarks.learning import footage
from benchmarks.soak_report import Judged, draw, show
from benchmarks.soak_series import growing, judge_all, look, read, warm_up_s
from bot.sandbox import Person, Sandbox
from bot.texts import texts
from domain.errors import AmikoError, InputError
from domain.names import STORES
from domain.places import DATABASE, home
from domain.settings import Camera, Settings, Store, Telegram, Training

#: Visitors an hour at a shop's entrance, and how many times that comes here.
NORMAL, TIMES = 20, 10
#: one_by_one has six visitors.
VISITORS = 6
#: Seconds between two looks at the processes, and between two at the system's own status.
LOOK_S, STATUS_S = 10.0, 60.0
#: Seconds of a run where none are asked for: long enough to see whether the harness works.
SECONDS = 300.0
#: Of what a person sees, how often something is pressed in a second.
PRESSES, STATES, FIGURES = 0.4, 0.1, 0.003
BOT_TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - the sandbox's
STAFF = tuple(Person(id=2001 + number, name=f"Продавец {number + 1}") for number in range(4))


class Result(TypedDict):
    """What a soak prints."""

    seconds: float
    warm_up_s: float
    looks: int
    #: An hour and entrance camera.
    visits_per_hour: float
    visits: int
    notifications: int
    #: By state.
    ended: dict[str, int]
    presses: int
    samples: int
    #: Of all processes, in cores.
    cpu: float
    database_mb: float
    logs_mb: float
    #: By process and measure: begin, end, share that was added.
    processes: dict[str, dict[str, tuple[float, float, float]]]
    growing: list[str]


def run(*, json: bool, seconds: float = SECONDS) -> Result:
    """Samples and picture go to the folder `soak` of the data folder. Raises AmikoError where something grows."""
    recordings = sorted((footage() / "one_by_one").glob("*.mp4"))
    if not recordings:
        raise InputError(f"{footage()}/one_by_one: no such recording; AMIKO_FOOTAGE names the folder of the recordings")
    folder = home() / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{DATABASE}*"):
        old.unlink()
    clip = folder / "clip.mp4"
    hasten(recordings[0], clip, seconds=VISITORS * 3600 / (NORMAL * TIMES))
    samples = folder / "samples.jsonl"
    sandbox = Sandbox(BOT_TOKEN, people=STAFF)
    sandbox.start()
    try:
        result = _soak(sandbox, _settings(sandbox, clip, seconds), folder, seconds, samples)
    finally:
        sandbox.stop()
    series, length_s = read(samples)
    judged = judge_all(series, length_s)
    draw(series, judged, length_s, folder / "soak.png")
    result["processes"] = _figures(judged)
    result["growing"] = growing(judged)
    (folder / "result.json").write_text(json_module.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    if json:
        print(json_module.dumps(result, ensure_ascii=False))
    else:
        show(series, judged)
        print({key: value for key, value in result.items() if key not in {"processes", "growing"}})
    if result["growing"]:
        raise AmikoError("; ".join(result["growing"]))
    return result


def _figures(judged: Judged) -> dict[str, dict[str, tuple[float, float, float]]]:
    return {
        name: {measure: (one.begin, one.end, round(one.share, 4)) for measure, one in measures.items()}
        for name, measures in judged.items()
    }


def hasten(source: Path, target: Path, *, seconds: float) -> None:
    """The same pictures, so many seconds long; nothing is coded anew."""
    with av.open(str(source)) as read_from, av.open(str(target), "w") as write_to:
        video = read_from.streams.video[0]
        assert video.duration is not None
        assert video.time_base is not None
        copy = write_to.add_stream_from_template(video)
        quicker = Fraction(seconds).limit_denominator(1000) / (video.duration * video.time_base)
        for packet in read_from.demux(video):
            if packet.dts is None:
                continue
            packet.stream = copy
            packet.time_base = packet.time_base * quicker
            write_to.mux(packet)


def _settings(sandbox: Sandbox, clip: Path, seconds: float) -> Settings:
    source = SecretStr(str(clip))
    cameras = [
        Camera(id="door-1", role="entrance", source=source),
        Camera(id="door-2", role="entrance", source=source),
        Camera(id="toys", role="department", department=madeup.DEPARTMENTS[0], source=source, dwell_s=2),
    ]
    store = Store(
        id="soak",
        name="Soak",
        timezone="UTC",
        departments=list(madeup.DEPARTMENTS),
        cameras=cameras,
        card="blurred",
    )
    halfway = datetime.now(UTC) + timedelta(seconds=0.6 * seconds)
    return Settings(
        telegram=Telegram(token=SecretStr(BOT_TOKEN), api_url=sandbox.url),
        stores=[store],
        training=Training(at=f"{halfway:%H:%M}"),
    )


def _soak(sandbox: Sandbox, settings: Settings, folder: Path, seconds: float, samples: Path) -> Result:
    (store,) = settings.stores
    prepare(folder, store, assistants=STAFF)
    hands = Hands(sandbox)
    with started(settings, folder, loop=True, say=say), samples.open("w", encoding="utf-8") as file:
        # only now: Ray takes the signals for itself when it is started
        stopping = Stopping()
        hands.start()
        begin = time.monotonic()
        looks, asked, status = 0, 0.0, _status()
        while not stopping.wanted and (passed := time.monotonic() - begin) < seconds:
            if passed - asked >= STATUS_S:
                status, asked = _status(), passed
            line = {"at": round(passed, 1), "processes": look(_names(status))}
            file.write(json_module.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            looks += 1
            stopping.wait(LOOK_S - (time.monotonic() - begin - passed))
        passed = time.monotonic() - begin
        status = _status()
        cpu = _cpu_s() / (time.time() - psutil.Process().create_time())
        hands.stop()
        logs = sum(path.stat().st_size for path in _logs() if path.is_file())
    visits, notifications, ended, learnt = _counts(folder / DATABASE)
    return Result(
        seconds=round(passed, 1),
        warm_up_s=round(warm_up_s(passed), 1),
        looks=looks,
        visits_per_hour=round(visits * 3600 / passed / 2, 1),
        visits=visits,
        notifications=notifications,
        ended=ended,
        presses=hands.pressed,
        samples=learnt,
        cpu=round(cpu, 3),
        database_mb=round(sum(path.stat().st_size for path in folder.glob(f"{DATABASE}*")) / 1e6, 2),
        logs_mb=round(logs / 1e6, 2),
        processes={},
        growing=[],
    )


def _status() -> Status:
    status: Status = ray.get(find(STORES).status.remote())
    return status


def _names(status: Status) -> dict[int, str]:
    """Cameras are all called alike by the system."""
    return {about["pid"]: name for name, about in status["actors"].items() if about}


def _cpu_s() -> float:
    """Seconds of a core that this process and all below have used so far; of those that ended, too."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _logs() -> list[Path]:
    session = Path(ray.worker.global_worker.node.get_session_dir_path())
    return list((session / "logs").rglob("*"))


def _counts(path: Path) -> tuple[int, int, dict[str, int], int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (visits,) = connection.execute("SELECT count(*) FROM visits").fetchone()
        states = dict(connection.execute("SELECT state, count(*) FROM notifications GROUP BY state").fetchall())
        (samples,) = connection.execute("SELECT count(*) FROM samples WHERE origin != 'import'").fetchone()
    return visits, sum(states.values()), states, samples


class Hands(threading.Thread):
    """Assistants who press what they see, at random."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(name="assistants", daemon=True)
        self._sandbox = sandbox
        self._random = random.Random(0)
        self._over = threading.Event()
        self.pressed = 0

    def stop(self) -> None:
        self._over.set()
        self.join(5)

    def run(self) -> None:
        for person in STAFF:
            self._sandbox.press(person.id, "/login")
            self._sandbox.press(person.id, texts("ru").plain("button-begin"))
        while not self._over.wait(1.0):
            for person in STAFF:
                self._do(person.id)

    def _do(self, person: int) -> None:
        chance = self._random.random
        buttons = [
            (message.id, button.data)
            for message in self._sandbox.messages(person)[-5:]
            for row in message.buttons
            for button in row
        ]
        if buttons and chance() < PRESSES:
            try:
                self._sandbox.press_data(person, *self._random.choice(buttons))
                self.pressed += 1
            except InputError:
                # the message has changed meanwhile
                pass
        labels = [label for row in self._sandbox.keyboard(person) for label in row]
        if labels and chance() < STATES:
            self._sandbox.press(person, self._random.choice(labels))
            self.pressed += 1
        if chance() < FIGURES:
            self._sandbox.press(person, "/stats")
            self.pressed += 1
