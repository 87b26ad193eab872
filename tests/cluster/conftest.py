"""One chain for all of them: a minute and a half to bring up."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.chain import PEOPLE, STORES, Chain, environment
from tests.cluster.hosts import Hosts, can_be_made


@pytest.fixture(scope="session")
def report() -> Iterator[list[dict[str, object]]]:
    """What was measured, a line a fault: printed at the end, and written where AMIKO_CLUSTER_REPORT says."""
    lines: list[dict[str, object]] = []
    yield lines
    sys.stdout.write("\n" + "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    if path := os.environ.get("AMIKO_CLUSTER_REPORT"):
        Path(path).write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, weights: None) -> Iterator[Chain]:
    """`ray up` on four hosts, `amiko run` on the head; each store has an assistant who waits."""
    if why := can_be_made():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("chain")
    with Hosts(4, folder, environment()) as hosts:
        made = Chain(hosts, folder)
        try:
            made.start_telegram()
            made.start_redis()
            made.write_cluster_file()
            for store in STORES:
                made.start_camera(store)
            brought = made.up()
            assert brought.returncode == 0, brought.stderr
            for store, person in PEOPLE.items():
                added = made.amiko("assistants", "add", str(person), "--store", store)
                assert added.returncode == 0, added.stderr
                made.press(store, "/start")
                made.press(store, "Начнём!")
            begun = made.amiko("run", "stores.yaml", "--address", "auto", "--detach", "--json")
            assert begun.returncode == 0, begun.stderr
            yield made
        finally:
            made.stop()
