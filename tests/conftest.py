"""What all tests share: folders of their own, the weights, the footage, and one Ray for those that need it."""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# read when Ray and torch are imported: tests never listen beyond this machine, and share two cores
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop("RAY_ADDRESS", None)
_token = Path(tempfile.mkdtemp(prefix="amiko-tests-")) / "ray-token"
_token.write_text(secrets.token_hex(32))
os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN_PATH"] = "token", str(_token)

# the same examples at each run where a change is judged; new ones each time on a developer's machine
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own: nothing of the person's who runs the tests is touched."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AMIKO_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def calls_as_described(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every call that reaches a sandbox in this process is one that the Bot API knows, or the test fails."""
    if request.node.get_closest_marker("wrong_calls"):
        yield
        return
    from bot.sandbox import Call, Sandbox

    calls: list[Call] = []
    made = Sandbox.__init__

    def listening(self: Sandbox, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self.on_call.append(calls.append)

    monkeypatch.setattr(Sandbox, "__init__", listening)
    yield
    if calls:
        from support.described import mistakes

        wrong = sorted({mistake for call in calls for mistake in mistakes(call)})
        assert not wrong, f"calls that the Bot API doesn't know: {wrong}"


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Close the databases that a test has opened without a word."""
    yield
    if "support.registry" in sys.modules:
        sys.modules["support.registry"].close_all()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    from support.disks import mounted

    with mounted(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(scope="session")
def weights() -> None:
    """The embedded networks' weights; brought if they are not there."""
    from domain.errors import NetworksError
    from networks.weights import EMBEDDED, pull

    try:
        for network in EMBEDDED:
            pull(network)
    except NetworksError as error:
        pytest.skip(f"no weights: {error}")


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of recordings, which are not part of the project."""
    folder = Path(os.environ.get("AMIKO_FOOTAGE", ROOT.parent / "shared" / "footage"))
    if not folder.is_dir():
        pytest.skip("no footage: AMIKO_FOOTAGE names its folder")
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """One Ray on the loopback interface for all tests that need one."""
    import ray

    from actors import cluster

    cluster.start_or_join(None)
    yield
    ray.shutdown()
