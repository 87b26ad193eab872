"""`amiko assistants invite` with the sandbox in Telegram's place."""

from pathlib import Path

import pytest
from support.chats import STRANGER, TOKEN
from support.processes import amiko, document

from actors.registry import AssistantRegistry
from bot.sandbox import Sandbox
from domain.settings_file import read_settings
from storage.database import Database


@pytest.fixture
def settings(tmp_path: Path, sandbox: Sandbox) -> Path:
    path = tmp_path / "stores.yaml"
    path.write_text(
        f"telegram: {{token: '{TOKEN}', api_url: '{sandbox.url}'}}\n"
        "stores:\n  - {id: nevsky, name: Невский, departments: [Toys]}\n",
        encoding="utf-8",
    )
    return path


async def test_an_invitation_is_a_link_to_the_bot_that_lets_one_person_in(settings: Path, home: Path) -> None:
    ended = amiko("assistants", "invite", "--settings", str(settings), "--json")
    assert ended.returncode == 0, ended.stderr
    told = document(ended.stdout)
    assert told["store"] == "nevsky"
    assert told["link"].startswith("https://t.me/")
    assert told["link"].endswith(f"bot?start={told['code']}")
    async with Database.open(home / "amiko.db") as database:
        joined = await AssistantRegistry(read_settings(settings), database).join(
            code=told["code"], telegram_id=STRANGER, username=None, name="Чужой", language="ru"
        )
    assert joined.store == "nevsky"
    for_people = amiko("assistants", "invite", "--settings", str(settings))
    assert "/login " in for_people.stdout


def test_without_telegram_there_is_no_link(settings: Path, sandbox: Sandbox) -> None:
    sandbox.stop()
    ended = amiko("assistants", "invite", "--settings", str(settings))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "can't be reached" in ended.stderr
