"""A shop as its owner runs it: settings, staff, `run --detach`, `status`, `stop`; Telegram is the sandbox."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from bot.sandbox import PEOPLE, Sandbox
from tests.support import leaks
from tests.support.processes import amiko, document, until

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.timeout(900)]

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#: Of a camera.
PASSWORD = "w1re-Pa55-of-the-door"
SECRETS = {"TOKEN": TOKEN, "PASSWORD": PASSWORD}
ANNA = PEOPLE[0]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    server = Sandbox(TOKEN)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, sandbox: Sandbox) -> Path:
    from amiko import madeup

    clip = tmp_path / "clip.mp4"
    madeup.write_clip(clip)
    path = tmp_path / "stores.yaml"
    path.write_text(
        f"""
telegram: {{token: "${{TOKEN}}", api_url: "{sandbox.url}"}}
stores:
  - id: nevsky
    name: Невский
    departments: [Toys, Cars]
    card: photo
    cameras:
      - {{id: door, role: entrance, source: "{clip}"}}
      - {{id: broken, role: entrance, source: "{tmp_path / "missing.mp4"}"}}
      - {{id: broken-line, role: entrance, source: "rtsp://owner:${{PASSWORD}}@127.0.0.1:1/door"}}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def stopped(home: Path) -> Iterator[None]:
    """Whatever the test does, nothing goes on after it."""
    yield
    amiko("stop")


def everybodys_word() -> dict[str, Any] | None:
    """The status, once nobody is too busy to answer."""
    told = document(amiko("status", "--json").stdout or "{}")
    known = told and told["dispatcher"] is not None and None not in (told["stores"], *told["cameras"].values())
    return cast("dict[str, Any]", told) if known else None


def told_of_a_notification() -> list[dict[str, str]]:
    """All lines of the actors, once it is among them that one was sent."""
    said = amiko("logs", "--store", "nevsky", "--json", "-n", "1000").stdout
    lines = [json.loads(line) for line in said.splitlines()]
    return lines if any(line["message"] == "a notification was sent" for line in lines) else []


def test_a_new_shops_visitor_is_announced(settings: Path, sandbox: Sandbox, stopped: None, home: Path) -> None:
    assert amiko("assistants", "add", f"@{ANNA.username}", "--settings", str(settings), **SECRETS).returncode == 0
    sandbox.press(ANNA.id, "/login")
    sandbox.press(ANNA.id, "Начнём!")

    begun = amiko("run", str(settings), "--detach", "--watch", "--json", timeout_s=300, **SECRETS)
    assert begun.returncode == 0, begun.stderr
    process = psutil.Process(document(begun.stdout)["pid"])
    family = [process, *process.children(recursive=True)]

    # no classifier yet: announced all the same
    sandbox.wait_for(ANNA.id, "у входа", timeout_s=180)

    told = until(everybodys_word, "everybody's word")
    assert told["cameras"]["nevsky/door"]["state"] in {"streaming", "ended"}
    # one source that can't be read does not stop the others
    assert told["cameras"]["nevsky/broken"]["state"] == "lost"
    assert "missing.mp4" in told["cameras"]["nevsky/broken"]["reason"]
    assert told["dispatcher"]["healthy"]

    assert_nothing_leaks(home, process, document(begun.stdout)["dashboard"], sandbox)

    # a settings file that breaks changes nothing; one that is right again is applied, and the door goes on
    good = settings.read_text(encoding="utf-8")
    settings.write_text("stores: [", encoding="utf-8")
    until(
        lambda: "The settings that were there before stay" in (home / "amiko.log").read_text(), "the broken file's end"
    )
    lines_without = [line for line in good.splitlines() if "id: broken" not in line]
    settings.write_text("\n".join(lines_without) + "\n", encoding="utf-8")
    until(lambda: "removed: camera nevsky/broken" in (home / "amiko.log").read_text(), "the new settings")
    now = until(everybodys_word, "everybody's word")
    assert now["cameras"].keys() == {"nevsky/door"}
    assert now["actors"]["camera/nevsky/door"]["pid"] == told["actors"]["camera/nevsky/door"]["pid"]

    # one visit's way through the actors, and what was said by one that is no more
    lines = until(told_of_a_notification, "the log's lines", limit_s=300)
    sent = next(line for line in lines if line["message"] == "a notification was sent")
    way = dict.fromkeys(line["actor"] for line in lines if line.get("visit") == sent["visit"])
    assert list(way) == ["camera/nevsky/door", "registry"]
    assert any(line["actor"] == "camera/nevsky/broken" and "missing.mp4" in line["message"] for line in lines)

    twice = amiko("run", str(settings), **SECRETS)
    assert (twice.returncode, "amiko stop" in twice.stderr) == (2, True)

    # what is kept of its visitors is deleted under its hands, and it goes on
    until(lambda: until(everybodys_word, "a word")["cameras"]["nevsky/door"]["state"] == "ended", "the end")
    forgotten = amiko("forget", "--store", "nevsky", "--yes", "--json", "--settings", str(settings), **SECRETS)
    assert forgotten.returncode == 0, forgotten.stderr
    assert document(forgotten.stdout)["deleted"]["visits"] > 0
    assert set(document(forgotten.stdout)["left"].values()) == {0}
    sandbox.press(ANNA.id, "/ping")
    sandbox.wait_for(ANNA.id, "на связи", timeout_s=180)

    assert amiko("stop").returncode == 0
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive
    assert not (home / "running.json").exists()


def assert_nothing_leaks(home: Path, process: psutil.Process, dashboard: str, sandbox: Sandbox) -> None:
    """While it runs and has sent a photograph: no secret and no picture is anywhere but where it belongs."""
    photo = next(message.photo for message in sandbox.messages(ANNA.id) if message.photo)
    secrets = [*leaks.secret(TOKEN), *leaks.secret(PASSWORD)]
    needles = [*secrets, *leaks.PICTURES, *leaks.parts(photo)]
    family = process.children(recursive=True)
    backup = home / "backup.tar"
    assert amiko("backup", str(backup)).returncode == 0
    folders = [home, leaks.session(family)]
    assert leaks.spill_folder(family) == Path("/dev/shm")
    said = amiko("logs", "--json", "-n", "10000").stdout + amiko("status", "--json").stdout
    token = (home / "ray-token").read_text()

    def look() -> list[str]:
        return [
            *(found for folder in folders for found in leaks.in_files(folder, needles)),
            *leaks.in_processes(family, secrets),
            *leaks.in_answers(dashboard, token, needles),
            *map(repr, leaks.within(said.encode(), needles)),
        ]

    assert look() == []
    assert not leaks.within(b"\0".join(" ".join(process.cmdline()).encode().split()), secrets)
    # else the search proves nothing: where it looks, it finds
    for place in (home / "planted", leaks.session(family) / "logs" / "planted.log"):
        for what in (TOKEN.encode(), photo):
            place.write_bytes(b"before" + what + b"after")
            assert look()
            place.unlink()


def test_a_wrong_token_is_told_before_anything_is_started(settings: Path, home: Path) -> None:
    ended = amiko("run", str(settings), **{**SECRETS, "TOKEN": TOKEN.replace("A", "B")})
    assert ended.returncode == 2
    assert "@BotFather" in ended.stderr
    assert "BBBB" not in ended.stderr
    # nor where in the code it came from
    ended = amiko("run", str(settings), "--debug", **{**SECRETS, "TOKEN": TOKEN.replace("A", "B")})
    assert "Traceback" in ended.stderr
    assert "BBBB" not in ended.stderr
    assert PASSWORD not in ended.stderr
    assert not (home / "running.json").exists()


def test_an_unset_token_is_told(settings: Path) -> None:
    ended = amiko("run", str(settings))
    assert ended.returncode == 2
    assert "TOKEN is not set" in ended.stderr
