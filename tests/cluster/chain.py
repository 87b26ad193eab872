"""A chain on hosts of its own: a head, two stores whose cameras play a clip over and over, and Telegram."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import yaml

from amiko import madeup
from domain.places import cache
from tests.cluster.hosts import HOME, ROOT, Hosts
from tests.support.recordings import write_video

HEAD, FIRST, SECOND, OUTSIDE = range(4)
STORES = {"spb-1": FIRST, "spb-2": SECOND}
PEOPLE = {"spb-1": 1001, "spb-2": 1002}
TOKEN = "1234567890:AAF-secret_secret_secret_secret_secr"
PASSWORD = "geheim"
#: Seconds for things that a busy machine takes its time for.
LONG_S = 600.0

SETTINGS = """
telegram: {{token: "${{AMIKO_TELEGRAM_TOKEN}}", api_url: "http://{telegram}:8081"}}
networks:
  scaling: {{detector: {{max_replicas: 1}}, encoder: {{max_replicas: 1}}, classifier: {{max_replicas: 1}}}}
stores:
  - id: spb-1
    name: Невский
    networks: local
    departments: [Toys, Cars]
    cameras: [{{id: door, role: entrance, source: "rtsp://anna:geheim@127.0.0.1:8554/door"}}]
  - id: spb-2
    name: Садовая
    departments: [Toys, Cars]
    cameras: [{{id: door, role: entrance, source: "rtsp://anna:geheim@127.0.0.1:8554/door"}}]
"""

Report = list[dict[str, object]]


class Chain:
    """What a test does with it."""

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self.hosts = hosts
        self._folder = folder
        self._beside: list[subprocess.Popen[bytes]] = []
        self._telegram: subprocess.Popen[str] | None = None
        write_video(folder / "clip.mp4", madeup.frames(), fps=madeup.FPS)

    # -- bringing it up -----------------------------------------------------------------------------------

    def start_telegram(self) -> None:
        script = ROOT / "tests" / "cluster" / "telegram.py"
        people = " ".join(map(str, PEOPLE.values()))
        command = f"{sys.executable} {script} {self.hosts.addresses[OUTSIDE]} 8081 {TOKEN} {people}"
        self._telegram = subprocess.Popen(
            self.hosts._entered(OUTSIDE, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._telegram.stdout is not None
        assert json.loads(self._telegram.stdout.readline())["url"]

    def start_camera(self, store: str) -> None:
        """An RTSP camera on the store's own host; each connection sees the clip from its beginning."""
        script = ROOT / "tests" / "support" / "rtsp_server.py"
        command = f"exec /usr/bin/python3 {script} 8554 {self._folder / 'clip.mp4'} anna:{PASSWORD}"
        self._beside.append(self.hosts.start(STORES[store], command, self._folder / f"camera-{store}.log"))

    def start_redis(self) -> None:
        command = (
            f"exec redis-server --bind 127.0.0.1 --port 6390 --appendonly yes --dir {HOME} --logfile {HOME}/redis.log"
        )
        self._beside.append(self.hosts.start(HEAD, command, self._folder / "redis.log"))
        self.until(lambda: "PONG" in self.hosts.run(HEAD, "redis-cli -p 6390 ping").stdout, "Redis", 30)

    def write_cluster_file(self) -> None:
        """The project's own, with these hosts in it; installing is left out, since all share one environment."""
        document = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
        document["provider"] |= {"head_ip": self.hosts.addresses[HEAD], "worker_ips": self.hosts.addresses[1:3]}
        document["auth"] = {"ssh_user": "root", "ssh_private_key": f"{HOME}/.ssh/key"}
        document |= {"file_mounts": {}, "setup_commands": []}
        deploy = self._folder / "deploy"
        shutil.copytree(ROOT / "deploy", deploy)
        (deploy / "nodes").write_text(
            "".join(f"{self.hosts.addresses[number]} {store}\n" for store, number in STORES.items())
        )
        for number in range(3):
            (self.hosts.disk(number) / "amiko").mkdir(exist_ok=True)
            shutil.copytree(deploy, self.hosts.disk(number) / "amiko" / "deploy")
            (self.hosts.disk(number) / ".ray").mkdir(exist_ok=True)
            (self.hosts.disk(number) / ".ray" / "auth_token").write_text("f" * 64)
        (self.hosts.disk(HEAD) / "ray_cluster.yaml").write_text(yaml.safe_dump(document))
        self.write_settings()

    def write_settings(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        document = yaml.safe_load(SETTINGS.format(telegram=self.hosts.addresses[OUTSIDE]))
        change(document)
        (self.hosts.disk(HEAD) / "stores.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))

    def up(self) -> "subprocess.CompletedProcess[str]":
        return self.hosts.run(HEAD, "RAY_UP_enable_autoscaler_v2=0 ray up ray_cluster.yaml --yes", timeout_s=LONG_S)

    def start_node(self, number: int, **environment: str) -> None:
        """Ray on a store's host that was booted, as its systemd unit starts it."""
        line = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())["worker_start_ray_commands"][-1]
        given = {"RAY_HEAD_IP": self.hosts.addresses[HEAD], **environment}
        exports = " ".join(f"{key}={value}" for key, value in given.items())
        started = self.hosts.run(number, f"export {exports}; {line}")
        assert started.returncode == 0, started.stderr

    def start_head(self) -> None:
        """The same on the head."""
        line = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())["head_start_ray_commands"][-1]

        def start() -> bool:
            # again and again, as the unit's Restart=always does
            return self.hosts.run(HEAD, line).returncode == 0

        self.until(start, "Ray on the head", LONG_S)

    def copy(self, actor: str) -> "Copy":
        """A second copy of an actor, as no fault should make one."""
        return Copy(self.hosts._entered(HEAD, f"exec {sys.executable} -m tests.cluster.copies {actor}"))

    def amiko(self, *arguments: str, timeout_s: float = LONG_S) -> "subprocess.CompletedProcess[str]":
        line = " ".join(arguments)
        return self.hosts.run(HEAD, f"{sys.executable} -m amiko {line}", timeout_s=timeout_s)

    def stop(self) -> None:
        for process in [*self._beside, *([self._telegram] if self._telegram else [])]:
            process.kill()
            process.wait()

    # -- looking ------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        told = self.amiko("status", "--json")
        assert told.returncode == 0, told.stderr
        document: dict[str, Any] = json.loads(told.stdout)
        return document

    def pids(self) -> dict[str, int]:
        return {name: one["pid"] for name, one in self.status()["actors"].items() if one}

    def lost(self) -> int:
        """Visits that a store's node knew of and headquarters do not, nor are they kept."""
        missing = set()
        for store in STORES:
            known = self.known(store)
            missing |= known - self.recorded() - self.kept(store)
        return len(missing)

    def press(self, store: str, text: str) -> None:
        self._ask({"do": "press", "person": PEOPLE[store], "text": text})

    def messages(self, store: str) -> list[tuple[int, float, str]]:
        """Number, time and text of what the bot has written to the store's assistant."""
        return [tuple(one) for one in self._ask({"do": "messages", "person": PEOPLE[store]})]

    def visits(self, store: str) -> list[tuple[int, float, str]]:
        """The messages about visitors."""
        return [one for one in self.messages(store) if "Посетитель" in one[2]]

    def recorded(self) -> set[str]:
        """Visits in the head's database."""
        return {row[0] for row in self._asked("SELECT id FROM visits")}

    def came_at(self, visit: str) -> float:
        """When it was, as the head's database has it."""
        ((at,),) = self._asked("SELECT at FROM visits WHERE id = ?", visit)
        return float(at)

    def lease(self, name: str) -> int:
        """The number of its holder: each has a larger one than who had it before."""
        ((token,),) = self._asked("SELECT token FROM leases WHERE name = ?", name)
        return int(token)

    def logs(self, *options: str) -> list[dict[str, Any]]:
        told = self.amiko("logs", "--json", "-n", "1000", *options)
        assert told.returncode == 0, told.stderr
        return [json.loads(line) for line in told.stdout.splitlines()]

    def kept(self, store: str) -> set[str]:
        """Visits in a store's journal, which headquarters have not heard of."""
        path = self.hosts.disk(STORES[store]) / "home" / "journal.db"
        if not path.exists():
            return set()
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return {row[0] for row in connection.execute("SELECT id FROM visits")}

    def known(self, store: str) -> set[str]:
        """Visits of which a store's node has said so in its log since it was booted."""
        told = self.hosts.run(
            STORES[store], "cat /tmp/ray/session_*/logs/worker-*.err | grep -h 'a visitor came in' || true"
        )
        return {json.loads(line)["visit"] for line in told.stdout.splitlines() if line.startswith("{")}

    def next_visit(self, store: str, since: float, limit_s: float = LONG_S) -> float:
        """Seconds from then until a visitor who came later was told of."""
        found = self.until(
            lambda: [at for _, at, _ in self.visits(store) if at > since], f"a visit in {store}", limit_s
        )
        return float(found[0]) - since

    def until(self, condition: Callable[[], Any], what: str, limit_s: float = LONG_S) -> Any:
        """The first true answer. Raises TimeoutError."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if answer := condition():
                return answer
            time.sleep(0.3)
        raise TimeoutError(f"not within {limit_s:.0f} s: {what}")

    def _asked(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.hosts.disk(HEAD)}/home/amiko.db?mode=ro", uri=True)
        ) as connection:
            return connection.execute(sql, values).fetchall()

    def _ask(self, question: dict[str, object]) -> Any:
        assert self._telegram is not None
        assert self._telegram.stdin is not None
        assert self._telegram.stdout is not None
        self._telegram.stdin.write(json.dumps(question) + "\n")
        self._telegram.stdin.flush()
        return json.loads(self._telegram.stdout.readline())


class Copy:
    """A context manager: the copy ends with it."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def status(self) -> dict[str, Any] | None:
        """What it says of itself; None once it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        told: dict[str, Any] | None = json.loads(self._process.stdout.readline())
        return told


def environment() -> dict[str, str]:
    """What a login on each host sets, as the set-up commands would have done it."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(ROOT),
        "AMIKO_HOME": f"{HOME}/home",
        "AMIKO_CACHE": str(cache().resolve()),
        "AMIKO_TELEGRAM_TOKEN": TOKEN,
        "RAY_AUTH_MODE": "token",
        "LANG": "C.UTF-8",
        "TORCH_HOME": os.devnull,
    }
