"""A chain of two stores on hosts of its own: it works, it is closed, it changes in place, and faults cost nothing.

`make cluster-test`; AMIKO_LONG_CUT=1 adds a cut of five minutes. They build on each other and run in this order.
"""

import json
import os
import time
from typing import Any

import pytest

from tests.cluster.chain import FIRST, HEAD, PASSWORD, SECOND, STORES, TOKEN, Chain, Report
from tests.cluster.hosts import HOME

pytestmark = [pytest.mark.chain, pytest.mark.timeout(1800)]


#: What docs/operations.md says is open on a node, beside the ports that Serve's replicas take anywhere
#: from 32768 on (Linux' own range).
DOCUMENTED = {22, *range(6379, 6387), *range(10002, 11000), 44217, 44227}
EPHEMERAL = range(32768, 61000)

_SCAN = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((sys.argv[1], port)) == 0

with ThreadPoolExecutor(64) as threads:
    ports = range(1, 65536)
    print([port for port, found in zip(ports, threads.map(is_open, ports)) if found])
"""


def test_visitors_are_announced_in_both_stores(chain: Chain) -> None:
    for store in STORES:
        chain.until(lambda store=store: chain.visits(store), f"a visit in {store}")
    told = chain.status()
    addresses = chain.hosts.addresses
    where = {name: one["node"] for name, one in told["actors"].items()}
    assert where == {
        "registry": addresses[HEAD],
        "trainer": addresses[HEAD],
        "dispatcher": addresses[HEAD],
        "camera/spb-1/door": addresses[FIRST],
        "camera/spb-2/door": addresses[SECOND],
    }
    assert told["problems"] == []


def test_bringing_it_up_again_changes_nothing(chain: Chain) -> None:
    before = chain.pids()
    again = chain.up()
    assert again.returncode == 0, again.stderr
    assert chain.pids() == before


def test_the_dashboard_asks_for_the_token_and_amiko_says_how_to_give_it(chain: Chain) -> None:
    for given, code in (("", "401"), ("-H 'Authorization: Bearer $(cat ~/.ray/auth_token)'", "200")):
        asked = f"curl -s -o /dev/null -w '%{{http_code}}' {given} http://127.0.0.1:8265/api/v0/actors".replace(
            "'", '"'
        )
        assert chain.hosts.run(HEAD, asked).stdout == code
    without = chain.hosts.run(HEAD, "RAY_AUTH_TOKEN_PATH=/nowhere python -m amiko run stores.yaml --address auto")
    assert without.returncode == 1
    assert "RAY_AUTH_TOKEN_PATH" in without.stderr


def test_what_is_open_is_what_the_manual_says(chain: Chain) -> None:
    (chain.hosts.disk(SECOND) / "scan.py").write_text(_SCAN)
    for number in (HEAD, FIRST):
        found = json.loads(chain.hosts.run(SECOND, f"python scan.py {chain.hosts.addresses[number]}").stdout)
        assert 6380 in found
        assert [port for port in found if port not in DOCUMENTED and port not in EPHEMERAL] == []
    # from another network that the store's host is in, the shop's own say: no replica listens there
    chain.hosts.run(SECOND, "ip addr add 10.79.0.2/24 dev eth0")
    chain.hosts.run(FIRST, "ip addr add 10.79.0.1/24 dev eth0")
    elsewhere = json.loads(chain.hosts.run(SECOND, "python scan.py 10.79.0.1").stdout)
    chain.hosts.run(FIRST, "ip addr del 10.79.0.1/24 dev eth0")
    chain.hosts.run(SECOND, "ip addr del 10.79.0.2/24 dev eth0")
    assert 6380 in elsewhere
    assert [port for port in elsewhere if port not in DOCUMENTED] == []


def test_no_secret_is_where_it_can_be_read(chain: Chain) -> None:
    asked = 'curl -s -H "Authorization: Bearer $(cat ~/.ray/auth_token)" http://127.0.0.1:8265/'
    for page in ("api/v0/actors?detail=1", "logical/actors", "api/v0/tasks?detail=1", "api/serve/applications/"):
        shown = chain.hosts.run(HEAD, asked + page).stdout
        assert len(shown) > 100
        assert TOKEN not in shown
        assert PASSWORD not in shown
    for number in (HEAD, FIRST, SECOND):
        # Ray's logs and sessions, our own files, what Redis wrote; the settings themselves alone have them
        found = chain.hosts.run(
            number,
            f"grep -rlE '{TOKEN}|{PASSWORD}' /tmp/ray {HOME}/home {HOME}/appendonlydir 2>/dev/null || true",
        )
        assert found.stdout == ""


def test_a_change_touches_what_changed_alone(chain: Chain, report: Report) -> None:
    before = chain.pids()

    def back_door(document: dict[str, Any]) -> None:
        document["stores"][1]["cameras"].append(
            {"id": "back", "role": "entrance", "source": f"rtsp://anna:{PASSWORD}@127.0.0.1:8554/door"}
        )

    chain.write_settings(back_door)
    began = time.monotonic()
    added = chain.amiko("run", "stores.yaml", "--address", "auto")
    assert (added.returncode, added.stdout.strip()) == (0, "added: camera spb-2/back"), added.stderr
    report.append({"what": "a camera added", "seconds": round(time.monotonic() - began, 1)})
    after = chain.pids()
    assert after.pop("camera/spb-2/back")
    assert after == before

    def move(document: dict[str, Any]) -> None:
        back_door(document)
        document["stores"][1]["cameras"][1]["fps"] = 2
        document["stores"].append(
            {
                "id": "spb-3",
                "name": "Лиговский",
                "departments": ["Toys"],
                "cameras": [{"id": "door", "role": "entrance", "source": "rtsp://127.0.0.1:8554/door"}],
            }
        )

    chain.write_settings(move)
    moved = chain.amiko("run", "stores.yaml", "--address", "auto")
    assert moved.stdout.strip() == "added: store spb-3, camera spb-3/door; changed: camera spb-2/back", moved.stderr

    began = time.monotonic()
    told = chain.status()
    assert time.monotonic() - began < 10
    assert any("no node has the label store=spb-3" in line for line in told["problems"])
    for name in ("camera/spb-1/door", "camera/spb-2/door"):
        assert told["actors"][name]["pid"] == before[name]
    chain.until(
        lambda: chain.pids().get("camera/spb-2/back") not in {None, after.get("camera/spb-2/back")}, "back door"
    )

    chain.write_settings()
    removed = chain.amiko("run", "stores.yaml", "--address", "auto")
    assert removed.stdout.strip() == "removed: camera spb-2/back, store spb-3, camera spb-3/door", removed.stderr
    chain.until(lambda: set(chain.status()["cameras"]) == set(chain.pids()) - {"registry"} or True, "all there")
    assert {name: chain.pids()[name] for name in before if name.startswith("camera/")} == {
        name: pid for name, pid in before.items() if name.startswith("camera/")
    }


@pytest.mark.parametrize("actor", ["registry", "dispatcher", "trainer", "camera/spb-1/door", "camera/spb-2/door"])
def test_a_killed_actor_is_back(chain: Chain, report: Report, actor: str) -> None:
    one = chain.status()["actors"][actor]
    host = chain.hosts.addresses.index(one["node"])
    began, at = time.monotonic(), time.time()
    chain.hosts.run(host, f"kill -9 {one['pid']}")
    chain.until(lambda: chain.pids().get(actor) not in {None, one["pid"]}, f"{actor} again")
    back = time.monotonic() - began
    visits = {store: round(chain.next_visit(store, at), 1) for store in STORES}
    report.append({"what": f"{actor} killed", "back_s": round(back, 1), "next_message_s": visits, "lost": chain.lost()})
    assert chain.lost() == 0


@pytest.mark.parametrize(
    "process", ["ray::ServeReplica:networks:", "ray::ServeReplica:networks-spb-1:", "ray::ServeController"]
)
def test_a_killed_replica_or_controller_costs_no_visit(chain: Chain, report: Report, process: str) -> None:
    host = FIRST if "spb-1" in process else HEAD
    at = time.time()
    killed = chain.hosts.run(host, f"kill -9 $(pgrep -f '^{process}') && echo killed")
    assert "killed" in killed.stdout
    visits = {store: round(chain.next_visit(store, at), 1) for store in STORES}
    report.append(
        {"what": f"all {process.removeprefix('ray::')} killed", "next_message_s": visits, "lost": chain.lost()}
    )
    assert chain.lost() == 0


@pytest.mark.parametrize("seconds", [10, 60, *([300] if os.environ.get("AMIKO_LONG_CUT") else [])])
def test_visits_during_a_cut_link_are_kept_and_told_after_it(chain: Chain, report: Report, seconds: int) -> None:
    store, before = "spb-1", chain.pids()
    chain.hosts.cut(FIRST)
    began = time.time()
    if seconds > 30:
        chain.until(lambda: chain.kept(store), "a visit in the journal", seconds)
        # the other store is none the worse
        chain.next_visit("spb-2", began)
    time.sleep(max(0.0, began + seconds - time.time()))
    kept = chain.kept(store)
    chain.hosts.heal(FIRST)
    healed = time.time()
    chain.until(lambda: not chain.kept(store) & kept, "an empty journal")
    emptied = time.time() - healed
    after = chain.next_visit(store, healed)
    assert kept <= chain.recorded()
    camera = chain.until(lambda: chain.pids().get("camera/spb-1/door"), "the camera's answer")
    report.append(
        {
            "what": f"link cut for {seconds} s",
            "kept": len(kept),
            "journal_empty_s": round(emptied, 1),
            "next_message_s": {store: round(after, 1)},
            "same_camera": camera == before["camera/spb-1/door"],
            "lost": chain.lost(),
        }
    )
    assert chain.lost() == 0


@pytest.mark.parametrize("at_once", [False, True])
def test_a_stores_node_that_was_killed_comes_back(chain: Chain, report: Report, at_once: bool) -> None:
    known = chain.known("spb-1")
    chain.hosts.kill(FIRST)
    kept = chain.kept("spb-1")
    began = time.time()
    noticed = 0.0
    if not at_once:
        told = chain.until(lambda: chain.status()["problems"], "the missing node", 200)
        assert any("store=spb-1" in line for line in told)
        noticed = time.time() - began
        chain.next_visit("spb-2", began)
    chain.hosts.boot(FIRST)
    chain.start_camera("spb-1")
    chain.start_node(FIRST)
    began = time.time()
    after = chain.next_visit("spb-1", began)
    missing = (known | kept) - chain.recorded()
    report.append(
        {
            "what": f"a store's node killed and booted {'at once' if at_once else 'after it was missed'}",
            "noticed_s": round(noticed, 1),
            "next_message_s": {"spb-1": round(after, 1)},
            "lost": len(missing),
        }
    )
    assert missing == set()


def test_a_head_that_was_killed_comes_back(chain: Chain, report: Report) -> None:
    chain.hosts.kill(HEAD)
    time.sleep(5)
    chain.hosts.boot(HEAD)
    began = time.time()
    chain.start_redis()
    chain.start_head()
    visits = {store: round(chain.next_visit(store, began), 1) for store in STORES}
    chain.until(lambda: not chain.kept("spb-1"), "an empty journal")
    report.append({"what": "the head killed and booted", "next_message_s": visits, "lost": chain.lost()})
    assert chain.lost() == 0
