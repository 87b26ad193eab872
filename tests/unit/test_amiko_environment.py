"""What Ray finds in the environment, and the token that it asks for."""

import json
import os
import stat
from pathlib import Path

import pytest

from amiko import environment
from amiko.environment import is_ray_ours, make_token, prepare


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of Ray's; and whatever is set is taken back."""
    monkeypatch.setattr(
        os, "environ", {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    )


def test_the_token_is_for_this_users_eyes_and_stays(home: Path) -> None:
    make_token()
    path = home / environment.TOKEN
    token = path.read_text()
    assert len(token) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    make_token()
    assert path.read_text() == token


def test_a_ray_of_our_own_listens_here_alone_and_asks_for_the_token(home: Path) -> None:
    prepare(own_ray=True)
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert (os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN_PATH"]) == ("token", str(home / "ray-token"))
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_cluster_that_is_joined_asks_for_its_own_token(home: Path) -> None:
    prepare(own_ray=False)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


@pytest.mark.parametrize(
    ("arguments", "note", "ours"),
    [
        (["run", "stores.yaml"], None, True),
        (["run", "--address", "auto"], None, False),
        (["run", "--address=auto"], None, False),
        (["status"], {"owned": True}, True),
        (["status"], {"owned": False}, False),
        (["status"], ["no note"], True),
    ],
)
def test_whose_ray_it_is(home: Path, arguments: list[str], note: object, ours: bool) -> None:
    if note is not None:
        home.mkdir()
        (home / environment.NOTE).write_text(json.dumps(note))
    assert is_ray_ours(arguments) is ours


def test_a_cluster_that_the_environment_names_is_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RAY_ADDRESS", "10.0.0.1:6379")
    assert not is_ray_ours(["status"])
