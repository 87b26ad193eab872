"""`make chaos SEED=1 SECONDS=120`: the whole system on this machine, and one process after the other is hit."""

import argparse
import contextlib
import json
import os
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from amiko import environment

#: Visits in two minutes, and the share of them that real cameras see.
VISITS, OF_S = 300, 120
STORES, REAL, EACH = 4, 2, (3, 3, 2, 2)
FIRST = 100_001
LIFETIME_S = 60.0
#: Seconds for which visitors still come, once nothing is hit any more: what was hit last is seen to work.
CALM_S = 15.0
#: Seconds for everything to settle, once nothing is hit any more.
SETTLE_S = LIFETIME_S + 60.0


def main() -> None:
    """Print one line of JSON, last; what happens meanwhile goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=OF_S)
    parser.add_argument("--only", help="Hit these alone, separated by commas.")
    parser.add_argument("--keep", type=Path, help="Leave the database and a protocol in this folder.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="amiko-chaos-") as folder:
        os.environ["AMIKO_HOME"] = folder
        environment.prepare(own_ray=True)
        with contextlib.redirect_stdout(sys.stderr):
            result = run(asked.seed, asked.seconds, Path(folder), asked.only.split(",") if asked.only else None)
    print(json.dumps(result, ensure_ascii=False))


def run(seed: int, seconds: float, folder: Path, only: list[str] | None) -> dict[str, Any]:
    # Ray reads the environment as it is imported
    import ray
    from pydantic import SecretStr

    from actors.plan import DATABASE
    from amiko import madeup, playing
    from amiko.running import started
    from benchmarks.bot_shop import stores
    from bot.sandbox import Person, Sandbox
    from domain.settings import Camera, Door, Settings, Telegram
    from tests.chaos.accounting import judge
    from tests.chaos.assistants import People
    from tests.chaos.cameras import DrawnCameraActor
    from tests.chaos.plan import VICTIMS, faults
    from tests.chaos.trouble import Trouble
    from tests.chaos.victims import Victims
    from tests.support.mjpeg import MjpegCamera

    door = Door(line=(250, 100, 250, 479), inside=(400, 300))
    token = f"1000000001:{secrets.token_hex(18)[:35]}"
    of = stores(["all", "all", "all", "one"], lifetime_s=LIFETIME_S)
    streets = [MjpegCamera(_pictures(), fps=madeup.FPS) for _ in range(REAL)]
    for number, store in enumerate(of):
        seen = streets[-1 - number].url if number < REAL else None
        cameras = [Camera(id="door", role="entrance", source=SecretStr(seen), door=door)] if seen else []
        of[number] = store.model_copy(update={"cameras": cameras, "departments": list(madeup.DEPARTMENTS)})
    numbers = iter(range(FIRST, FIRST + sum(EACH)))
    people = {next(numbers): store.id for store, many in zip(of, EACH, strict=True) for _ in range(many)}
    sandbox = Sandbox(token, people=[Person(id=one, name=f"P{one}") for one in people])
    sandbox.start()
    settings = Settings(telegram=Telegram(token=SecretStr(token), api_url=sandbox.url), stores=of)
    say("training the made-up shop's classifier")
    playing.prepare(folder, of[0], assistants=[])
    _hire(folder / DATABASE, people)
    trouble, hands, victims = Trouble(sandbox, seed), People(sandbox, people, seed), Victims()
    with started(settings, folder, say=say):
        # so many visits a second altogether; the real cameras' visitors come by their own clock
        real_per_s = REAL * len(madeup.CHARACTERS) * madeup.FPS / len(streets[0].pictures)
        per_s = max(0.1, VISITS / OF_S - real_per_s) / STORES
        begun = time.time()
        drawn: Any = ray.remote(DrawnCameraActor)
        options = {"namespace": "chaos", "lifetime": "detached", "max_restarts": -1, "max_task_retries": -1}
        there = [
            drawn.options(name=f"drawn/{store.id}", num_cpus=0, **options).remote(
                store, per_s, begun + seconds + CALM_S, seed, folder
            )
            for store in of
        ]
        ray.get([one.about.remote() for one in there])
        hands.start()
        trouble.begin()
        begun = time.time()
        for fault in faults(seed, seconds, only or [name for name in VICTIMS if name != "gcs"]):
            time.sleep(max(0.0, begun + fault.at - time.time()))
            say(f"{time.time() - begun:5.1f} s  {fault.kind}")
            victims.hit(fault)
        time.sleep(max(0.0, begun + seconds - time.time()))
        say("nothing is hit any more")
        time.sleep(CALM_S)
        for street in streets:
            street.close()
        victims.join()
        hands.pressing = False
        trouble.end()
        _settle(folder / DATABASE)
        hands.stop()
        logs = Path(ray._private.worker._global_node.get_logs_dir_path())  # type: ignore[attr-defined]
        book = _book(folder / DATABASE, logs, of, hands, trouble, victims)
        verdict = judge(book)
    sandbox.stop()
    for wrong in [*verdict.lost, *verdict.duplicated, *verdict.wrong_status]:
        say(wrong)
    recovered = _recovered(book, victims)
    times = sorted(one for some in recovered.values() for one in some)
    return {
        "visits": len(book.announced),
        "notifications": len(book.notifications),
        "kills": len(victims.hits),
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "wrong_status": len(verdict.wrong_status),
        "recovery_s": {"p50": round(median(times), 1), "max": times[-1]} if times else {"p50": None, "max": None},
        "by_kind": {
            kind: {"times": len(some), "p50": round(median(some), 1), "max": max(some)}
            for kind, some in sorted(recovered.items())
        },
        "not_back": [hit.fault.kind for hit in victims.hits if hit.back is None],
        "copies": verdict.copies,
        "states": verdict.states,
        "unsent": verdict.unsent,
        "real": sum(one.camera == "door" for one in book.announced),
        "presses": len(hands.presses),
        "calls": trouble.calls,
        "failed_calls": dict(trouble.failed),
        "visits_per_s": round(len(book.announced) / (seconds + CALM_S), 2),
        "seed": seed,
        "seconds": seconds,
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _pictures() -> list[bytes]:
    import cv2

    from amiko import madeup

    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in madeup.frames()]


def _hire(path: Path, people: dict[int, str]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO assistants (store, name, telegram_id, since) VALUES (?, ?, ?, 0)",
            [(store, f"P{one}", one) for one, store in people.items()],
        )


def _rows(path: Path, sql: str) -> list[sqlite3.Row]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql).fetchall()


def _settle(path: Path) -> None:
    """Until every notification has ended and its message says so."""
    until = time.time() + SETTLE_S
    wanted = "SELECT count(*) FROM notifications WHERE state IN ('queued', 'sent') OR shown < revision"
    while time.time() < until and _rows(path, wanted)[0][0]:
        time.sleep(0.5)
    time.sleep(3)


def _announced(logs: Path) -> Iterator[Any]:
    from tests.chaos.accounting import Announced

    seen = set()
    for file in logs.glob("worker-*.err"):
        for line in file.read_text(errors="replace").splitlines():
            if '"a visitor came in"' not in line:
                continue
            told = json.loads(line)
            if told["visit"] not in seen:
                seen.add(told["visit"])
                at = told["timestamp_ns"] / 1e9
                yield Announced(at=at, visit=told["visit"], store=told["store"], camera=told["camera"])


def _book(path: Path, logs: Path, of: Any, hands: Any, trouble: Any, victims: Any) -> Any:
    from tests.chaos.accounting import Book, Kept

    kept = _rows(
        path,
        "SELECT n.visit, v.number, a.telegram_id AS chat, n.state, n.message, n.created_at, n.expires_at,"
        " n.answered_at, v.taken_at IS NOT NULL AS taken, n.reason FROM notifications n"
        " JOIN visits v ON v.id = n.visit JOIN assistants a ON a.id = n.assistant",
    )
    staff = _rows(path, "SELECT telegram_id, store, state FROM assistants")
    return Book(
        lifetime_s=LIFETIME_S,
        announced=sorted(_announced(logs), key=lambda one: one.at),
        heard={row["id"]: row["number"] for row in _rows(path, "SELECT id, number FROM visits")},
        notifications=[Kept(**dict(row)) for row in kept],
        staff={row["telegram_id"]: (row["store"], row["state"]) for row in staff},
        to_all=frozenset(store.id for store in of if store.notify == "all"),
        copies=hands.copies,
        shown=hands.shown,
        presses=hands.presses,
        lost_answers=trouble.lost_answers,
        senders_died=[hit.at for hit in victims.hits if hit.fault.victim in {"dispatcher", "registry"}],
    )


def _recovered(book: Any, victims: Any) -> dict[str, list[float]]:
    """Seconds from each fault until what was hit works again and somebody was told of a visit that came after it."""
    sent: dict[str, float] = {}
    for one in book.notifications:
        for copy in book.copies.get((one.chat, one.number), ()):
            sent[one.visit] = min(copy.at, sent.get(one.visit, copy.at))
    found: dict[str, list[float]] = {}
    for hit in victims.hits:
        told = min((sent[one.visit] for one in book.announced if one.at > hit.at and one.visit in sent), default=None)
        if hit.back is not None and told is not None:
            found.setdefault(hit.fault.kind, []).append(round(max(hit.back, told) - hit.at, 1))
    return found


if __name__ == "__main__":
    main()
