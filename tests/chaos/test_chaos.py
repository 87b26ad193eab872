"""Killed and stopped processes lose nothing: a short run of `make chaos`."""

import pytest

from tests.support.processes import document, running

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.timeout(600)]

SEED, SECONDS = 2, 60


def test_nothing_is_lost_whoever_is_killed() -> None:
    with running("--seed", str(SEED), "--seconds", str(SECONDS), module="tests.chaos.run") as run:
        output, said = run.communicate(timeout=540)
    assert run.returncode == 0, said
    result = document(output.splitlines()[-1])
    assert (result["lost"], result["duplicated"], result["wrong_status"]) == (0, 0, 0), said
    assert result["not_back"] == [], said
    assert result["visits"] >= SECONDS
    assert result["notifications"] >= SECONDS
    assert result["kills"] >= 8
