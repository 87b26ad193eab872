"""Many more cameras than the processors can see for: frames are dropped, visits come late, and the bot answers."""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from amiko import environment

#: Pixels across: decoding is not what is to be too much.
WIDTH = 320
#: Visits a second of drawn cameras: what real ones announce depends on what they have time to see.
PER_S = 1.0
#: Seconds for which all run before anything is measured.
WARM_S = 10.0


def main() -> None:
    """Print one line of JSON, last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="amiko-overload-") as folder:
        os.environ["AMIKO_HOME"] = folder
        environment.prepare(own_ray=True)
        with contextlib.redirect_stdout(sys.stderr):
            result = run(asked.cameras, asked.seconds, Path(folder))
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")


def run(cameras: int, seconds: float, folder: Path) -> dict[str, Any]:
    """What becomes of frames, visits and presses."""
    import ray

    from amiko.running import started
    from tests.chaos import reading, shop
    from tests.chaos.accounting import judge
    from tests.chaos.assistants import People
    from tests.chaos.trouble import Trouble
    from tests.chaos.victims import Victims

    real = [cameras // 4 + (number < cameras % 4) for number in range(4)]
    with shop.opened(folder, real=real, width=WIDTH) as place:
        # fifty processes would take minutes to start, and it is the networks that are to have too much to do
        alone = [store.model_copy(update={"cameras": []}) for store in place.settings.stores]
        with started(place.settings.model_copy(update={"stores": alone}), folder, say=shop.say):
            hands, trouble = People(place.sandbox, place.people, 1), Trouble(place.sandbox, 1)
            hands.start()
            made = shop.place_drawn_cameras(place, 1, per_s=PER_S, until=time.time() + WARM_S + seconds)
            ray.get([one.watch.remote(its, folder) for one, its in zip(made, place.settings.stores, strict=True)])
            time.sleep(WARM_S)
            before, memory = _counted(made), [_megabytes()]
            begun = time.time()
            while time.time() < begun + seconds:
                time.sleep(seconds / 6)
                memory.append(_megabytes())
            after = _counted(made)
            took = time.time() - begun
            hands.pressing = False
            place.street.close()
            reading.settle(place.database, shop.SETTLE_S)
            hands.stop()
            book = reading.book(
                place.settings, place.database, shop.logs(), hands=hands, trouble=trouble, victims=Victims()
            )
            verdict = judge(book)
    for wrong in [*verdict.lost, *verdict.duplicated, *verdict.wrong_status]:
        shop.say(wrong)
    return {
        "cameras": cameras,
        "seconds": round(took, 1),
        "streaming": after["streaming"],
        "per_s": {key: round((after[key] - before[key]) / took, 1) for key in after if key != "streaming"},
        "visits": len(book.announced),
        "seen_by_real_cameras": sum(one.camera != "drawn" for one in book.announced),
        "notifications": len(book.notifications),
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "wrong_status": len(verdict.wrong_status),
        "message_s": _spread(reading.delays(book)),
        "answer_s": _spread(reading.answers(book)),
        "memory_mb": [one.total() for one in memory],
        "memory_by_process_mb": {name: [one[name] for one in memory] for name in memory[-1] if memory[-1][name] >= 50},
    }


def _counted(cameras: list[Any]) -> Counter[str]:
    import ray

    return sum((Counter(one) for one in ray.get([one.counted.remote() for one in cameras])), Counter())


def _megabytes() -> Counter[str]:
    """Of memory, by what a process is; pages that several share are counted once."""
    import psutil

    found: Counter[str] = Counter()
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            name = line[0].split(".")[0] if line and line[0].startswith("ray::") else process.name()
            found[name] += round(process.memory_full_info().pss / 1e6)
    return found


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {
        "count": len(ordered),
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "max": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    main()
