"""Each command with junk: 0, 1 or 2, a line or two for people, and no traceback."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import tried

from amiko import cli

SETTINGS = """
telegram: {token: "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", api_url: "http://127.0.0.1:9"}
stores:
  - {id: nevsky, name: Невский, departments: [Toys, Cars]}
"""
#: What each command would do in earnest with these; all of it ends before anything is started.
SHAPES = (
    ("check", "{path}"),
    ("check", "{settings}", "{text}"),
    ("run", "{path}"),
    ("run", "{settings}", "--address", "{path}"),
    ("demo", "--headless", "--video", "{path}"),
    ("demo", "--seconds", "{number}", "--video", "{path}"),
    ("demo", "--port", "{number}", "--video", "{path}"),
    ("visits", "{path}"),
    ("visits", "{path}", "--line", "{text}"),
    ("networks", "{text}"),
    ("networks", "list", "--settings", "{path}"),
    ("assistants", "add", "{text}", "--settings", "{settings}"),
    ("assistants", "add", "{text}", "--store", "{text}", "--settings", "{settings}"),
    ("assistants", "add", "{number}", "--settings", "{settings}"),
    ("assistants", "remove", "{text}"),
    ("assistants", "invite", "--store", "{text}", "--settings", "{settings}"),
    ("samples", "import", "{path}", "--department", "{text}", "--settings", "{settings}"),
    ("samples", "{text}"),
    ("samples", "list", "--store", "{text}"),
    ("train", "{text}", "--settings", "{settings}"),
    ("train", "--store", "{text}", "--settings", "{settings}"),
    ("classifiers", "list", "{text}"),
    ("classifiers", "promote", "{number}", "--store", "{text}"),
    ("classifiers", "rollback", "--store", "{text}"),
    ("logs", "--store", "{text}"),
    ("status", "{text}"),
    ("stop", "{text}"),
    ("backup", "{path}"),
    ("restore", "{path}"),
    ("forget", "--store", "{text}"),
    ("forget", "--day", "{text}"),
    ("bench", "{text}"),
    ("bench", "soak", "--seconds", "{text}"),
    ("bench", "seeing", "--seconds", "{number}"),
    ("{text}",),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["--", "-1", "--help", "[bold]", "../../etc/passwd", "%s{}", "a" * 5000, "' OR 1=1 --", "@", "nevsky", "2026-13-45"]
)
NUMBER = st.integers().map(str) | st.floats().map(str)


@pytest.fixture(scope="module")
def junk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths of files that are none of what they should be."""
    folder = tmp_path_factory.mktemp("junk")
    (folder / "empty").touch()
    (folder / "text.yaml").write_text("nonsense: [")
    (folder / "binary.mp4").write_bytes(bytes(range(256)) * 40)
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    return [
        *(str(path) for path in folder.iterdir()),
        str(folder / "missing"),
        "/dev/null",
        "/proc/self/mem",
        "x" * 300,
    ]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """As it was before: a command sets what Ray reads, for its own process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@tried(60)
@given(data=st.data())
def test_junk_is_told_in_a_line(
    junk: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    settings = tmp_path / "stores.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    shape = data.draw(st.sampled_from(SHAPES))
    words = {"settings": st.just(str(settings)), "path": st.sampled_from(junk), "text": TEXT, "number": NUMBER}
    arguments = [data.draw(words[one[1:-1]]) if one[0] == "{" else one for one in shape]
    monkeypatch.setattr(sys, "argv", ["amiko", *arguments])
    # a command that would really start something is stopped here
    monkeypatch.setattr("amiko.running.started", _not_here)
    monkeypatch.setattr("amiko.playing.prepare", _not_here)
    try:
        cli.main()
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr()
    assert code in {None, 0, 1, 2}, (arguments, code)
    assert "Traceback" not in told.err
    assert "fault of Amiko" not in told.err, (arguments, told.err)
    if code in {1, 2} and "Usage:" not in told.err:
        assert len(told.err.strip().splitlines()) <= 3, (arguments, told.err)


def _not_here(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be started with junk")
