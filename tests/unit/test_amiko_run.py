"""`amiko run --watch`: what a settings file that changes brings about."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import amiko.run
from amiko.applying import Difference
from domain.settings import Settings

GOOD = "telegram: {{token: '1:a'}}\nstores: [{{id: {store}, name: N, departments: [Toys]}}]\n"


class System:
    """Applies whatever it is given."""

    def __init__(self) -> None:
        self.applied: list[str] = []

    def apply(self, settings: Settings) -> Difference:
        self.applied.append(settings.stores[0].id)
        return Difference(first=False, added=[f"store {settings.stores[0].id}"], changed=[], removed=[])


class Stopping:
    """Each look at the files is a step of the test."""

    def __init__(self, steps: Iterator[Callable[[], object]]) -> None:
        self.wanted = False
        self._steps = steps

    def wait(self, seconds: float) -> None:
        step = next(self._steps, None)
        if step is None:
            self.wanted = True
        else:
            step()


def watch(path: Path, *steps: Callable[[], object]) -> System:
    system = System()
    amiko.run._stay(system, [path], {}, Stopping(iter(steps)), watch=True)
    return system


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "stores.yaml"
    made.write_text(GOOD.format(store="a"))
    return made


def test_it_is_applied_when_it_changes_and_only_then(path: Path) -> None:
    system = watch(path, lambda: None, lambda: path.write_text(GOOD.format(store="b")), lambda: None)
    assert system.applied == ["b"]


@pytest.mark.parametrize("broken", ["stores: [", "telegram: {token: '1:a'}\nstores: []\n", ""])
def test_a_broken_file_is_told_once_and_the_old_settings_stay(
    path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    system = watch(path, lambda: path.write_text(broken), lambda: None, lambda: path.write_text(GOOD.format(store="c")))
    assert system.applied == ["c"]
    told = capsys.readouterr().err
    assert told.count("The settings that were there before stay") == 1
    assert "stores.yaml" in told


def test_a_file_that_goes_away_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(path, path.unlink, lambda: None).applied == []
    assert "no such file" in capsys.readouterr().err


def test_secrets_leave_the_environment_and_nothing_else_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("${SECRET} ${HOME} ${RAY_ADDRESS} ${UNSET}")
    monkeypatch.setenv("SECRET", "1:a")
    assert amiko.run._withheld([path]) == {"SECRET": "1:a"}
    assert "SECRET" not in os.environ
    assert "HOME" in os.environ
