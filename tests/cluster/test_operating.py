"""The same chain as operators run it, after the faults: copies, settings, clocks, releases, metrics."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.chain import FIRST, HEAD, OUTSIDE, PASSWORD, Chain, Report
from tests.cluster.hosts import HOME, ROOT

pytestmark = [pytest.mark.chain, pytest.mark.timeout(1800)]

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
BEHIND_S = 61
#: No errors, no training: these say nothing in so short a time.
SELDOM = {"ray_amiko_classifier_score"}


def back_door(store: int) -> dict[str, Any]:
    return {"id": "back", "role": "entrance", "source": f"rtsp://anna:{PASSWORD}@127.0.0.1:8554/door"}


def test_of_two_copies_of_a_camera_one_is_heard(chain: Chain, report: Report) -> None:
    name = "camera/spb-2/door"
    # it takes its lease with its first visit
    chain.next_visit("spb-2", 0)
    first, token = chain.pids()[name], chain.lease(name)
    began = time.time()
    with chain.copy(name) as copy:
        # the copy takes the lease; the first one is refused, ends, is started again and takes it back
        chain.until(lambda: copy.status() is None, "the copy's end")
    ended = time.time() - began
    after = chain.until(lambda: chain.pids().get(name), "the camera's answer")
    assert after != first
    assert chain.lease(name) == token + 2
    chain.next_visit("spb-2", time.time())
    said = chain.logs("--camera", "door", "--store", "spb-2", "--level", "error")
    assert sum("this copy's lease is over" in line["message"] for line in said) >= 2
    report.append({"what": "a second copy of a camera", "one_again_s": round(ended, 1), "lost": chain.lost()})
    assert chain.lost() == 0


def test_of_two_bots_one_waits_and_takes_over(chain: Chain, report: Report) -> None:
    pid, began = chain.pids()["dispatcher"], time.time()
    with chain.copy("dispatcher") as copy:
        for _ in range(2):
            chain.next_visit("spb-2", time.time())
        waiting = copy.status()
        assert waiting is not None
        assert not waiting["healthy"]
        assert chain.status()["dispatcher"]["healthy"]
        told = [text for _, at, text in chain.visits("spb-2") if at > began]
        numbers = [re.findall(r"№\s*(\d+)", text) for text in told]
        assert len(numbers) == len({*map(str, numbers)}) > 0
        chain.hosts.run(HEAD, f"kill -9 {pid}")
        # whichever of them comes first; never both
        healthy = chain.until(lambda: both(chain, copy.status()), "a bot")
        assert sum(healthy) == 1
        chain.next_visit("spb-2", time.time())
        assert sum(both(chain, copy.status())) == 1
    ended = time.time()
    chain.until(lambda: chain.status()["dispatcher"]["healthy"], "the bot")
    report.append({"what": "a second bot; ended", "the_other_after_s": round(time.time() - ended, 1)})


def both(chain: Chain, copy: dict[str, Any] | None) -> list[bool]:
    """Whether each of the two bots is at work; empty while none is."""
    real = chain.status()["dispatcher"]
    healthy = [bool(one and one["healthy"]) for one in (copy, real)]
    return healthy if any(healthy) else []


def test_a_camera_moves_to_another_store(chain: Chain) -> None:
    before = chain.pids()
    for store, told in (
        (1, "added: camera spb-2/back"),
        (0, "added: camera spb-1/back; removed: camera spb-2/back"),
    ):
        chain.write_settings(
            lambda document, store=store: document["stores"][store]["cameras"].append(back_door(store))
        )
        moved = chain.amiko("run", "stores.yaml", "--address", "auto")
        assert moved.stdout.strip() == told, moved.stderr
    there = chain.until(lambda: chain.status()["actors"].get("camera/spb-1/back"), "the back door")
    assert there["node"] == chain.hosts.addresses[FIRST]
    chain.until(lambda: "camera/spb-2/back" not in chain.status()["actors"], "its end in the other store")
    chain.write_settings()
    assert chain.amiko("run", "stores.yaml", "--address", "auto").stdout.strip() == "removed: camera spb-1/back"
    chain.until(lambda: "camera/spb-1/back" not in chain.pids(), "the end of the back door")
    assert chain.pids() == before


def test_settings_that_break_while_they_are_watched_change_nothing(chain: Chain, tmp_path: Path) -> None:
    before = chain.pids()
    log = tmp_path / "watch.log"
    watching = chain.hosts.start(
        HEAD, "COLUMNS=200 exec python -m amiko run stores.yaml --address auto --detach --watch", log
    )
    try:
        chain.until(lambda: "ends the watching" in log.read_text(), "the watching")
        settings = chain.hosts.disk(HEAD) / "stores.yaml"
        good = settings.read_text()
        settings.write_text(good.replace("departments:", "departements:"))
        chain.until(lambda: "The settings that were there before stay" in log.read_text(), "a word about it")
        assert "departements" in log.read_text()
        assert chain.pids() == before
        chain.write_settings(lambda document: document["stores"][1]["cameras"].append(back_door(1)))
        chain.until(lambda: "settings: added: camera spb-2/back" in log.read_text(), "the new settings")
        chain.write_settings()
        chain.until(lambda: "settings: removed: camera spb-2/back" in log.read_text(), "the old ones")
    finally:
        watching.terminate()
        watching.wait()
    chain.until(lambda: chain.pids() == before, "what was there before")


@pytest.mark.skipif(not FAKETIME.exists(), reason="clocks can't differ: apt-get install libfaketime")
def test_a_node_whose_clock_is_a_minute_behind_costs_nothing(chain: Chain, report: Report) -> None:
    def came_in() -> dict[str, dict[str, Any]]:
        lines = chain.logs("--store", "spb-1")
        return {line["visit"]: line for line in lines if line["message"] == "a visitor came in"}

    before = came_in()
    chain.hosts.run(FIRST, "ray stop")
    chain.start_node(FIRST, LD_PRELOAD=str(FAKETIME), FAKETIME=f"-{BEHIND_S}s")
    began = time.time()
    after = chain.next_visit("spb-1", began)
    # by its clock that was before the last ones of the node's time before
    seen = next(line for visit, line in came_in().items() if visit not in before)
    chain.until(lambda: seen["visit"] in chain.recorded(), "the visit in the database")
    told, written = chain.came_at(seen["visit"]), seen["timestamp_ns"] / 1e9
    # the node's own log has its own time, headquarters have theirs
    assert abs(told - written - BEHIND_S) < 10
    assert abs(told - time.time()) < 120
    report.append(
        {"what": f"a node's clock {BEHIND_S} s behind", "next_message_s": round(after, 1), "lost": chain.lost()}
    )
    assert chain.lost() == 0


def test_a_node_with_another_release_says_so_and_does_not_watch(chain: Chain) -> None:
    other = chain.hosts.disk(FIRST) / "other" / "amiko-99.0.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: amiko\nVersion: 99.0.0\n")
    chain.hosts.run(FIRST, "ray stop")
    chain.start_node(FIRST, PYTHONPATH=f"{HOME}/other:{ROOT}")
    told = chain.until(
        lambda: [line for line in chain.status()["problems"] if "99.0.0" in line], "a word about the release"
    )
    assert "upgrade the older one" in told[0]
    assert chain.status()["cameras"]["spb-1/door"] is None
    chain.hosts.run(FIRST, "ray stop")
    chain.start_node(FIRST)
    chain.next_visit("spb-1", time.time())
    chain.until(lambda: chain.status()["problems"] == [], "no problems")


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus: apt-get install prometheus")
def test_prometheus_answers_for_each_metric_of_alerts_and_board(chain: Chain, tmp_path: Path) -> None:
    texts = [(ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()]
    texts += [(ROOT / "deploy" / "grafana" / "amiko.json").read_text(), (ROOT / "docs" / "operations.md").read_text()]
    wanted = {name for text in texts for name in re.findall(r"ray_amiko_\w+", text)} - SELDOM
    assert len(wanted) > 15
    prometheus = chain.hosts.start(
        HEAD,
        "cd amiko/deploy/prometheus && exec prometheus --config.file=prometheus.yml"
        f" --web.listen-address=127.0.0.1:9090 --storage.tsdb.path={HOME}/prometheus",
        tmp_path / "prometheus.log",
    )
    try:
        # so that there is an error of Telegram's to tell of
        chain.hosts.cut(OUTSIDE)
        time.sleep(15)
        chain.hosts.heal(OUTSIDE)
        left = set(wanted)

        def answered() -> bool:
            asked = "curl -sG http://127.0.0.1:9090/api/v1/query --data-urlencode"
            for name in sorted(left):
                told = chain.hosts.run(HEAD, f"{asked} query={name}").stdout
                if told and json.loads(told)["data"]["result"]:
                    left.discard(name)
            return not left

        try:
            chain.until(answered, "all metrics", 120)
        except TimeoutError:
            assert left == set()
        rules = json.loads(chain.hosts.run(HEAD, "curl -s http://127.0.0.1:9090/api/v1/rules").stdout)
        assert all(rule["health"] == "ok" for group in rules["data"]["groups"] for rule in group["rules"])
    finally:
        prometheus.terminate()
        prometheus.wait()
