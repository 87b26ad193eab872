"""Requests of any shape to the sandbox: an answer of the Bot API's kind, never a fault of the server's."""

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.chats import ANNA, BORIS, PEOPLE, TOKEN
from support.fuzz import tried

from bot.sandbox.api import Bell
from bot.sandbox.state import World
from bot.sandbox.web import application

METHODS = st.sampled_from(
    [
        "sendMessage", "sendPhoto", "editMessageText", "editMessageCaption", "editMessageMedia",
        "editMessageReplyMarkup", "answerCallbackQuery", "getMe", "deleteWebhook", "setMyCommands", "getUpdates",
        "SENDMESSAGE", "sendDice", "__init__", "../x", "%00",
    ]
)  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
BUTTONS = st.fixed_dictionaries({"text": WORDS, "callback_data": WORDS | JSON}) | JSON
MARKUP = st.one_of(
    st.fixed_dictionaries({"inline_keyboard": st.lists(st.lists(BUTTONS, max_size=2) | JSON, max_size=2)}),
    st.fixed_dictionaries({"keyboard": st.lists(st.lists(BUTTONS, max_size=2) | JSON, max_size=2)}),
    JSON,
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "chat_id": st.sampled_from([ANNA, BORIS, 5]) | JSON,
        "text": WORDS | st.sampled_from(["<b>x</b>", "<b>x", "&#x110000;", "<a href='", "x" * 5000]) | JSON,
        "parse_mode": st.sampled_from(["HTML", "html", "Markdown"]) | JSON,
        "caption": WORDS | JSON,
        "message_id": st.integers(-1, 5) | JSON,
        "reply_markup": MARKUP | MARKUP.map(json.dumps),
        "callback_query_id": st.sampled_from(["1", "2"]) | JSON,
        "commands": st.lists(st.fixed_dictionaries({"command": WORDS, "description": WORDS}), max_size=2) | JSON,
        "scope": st.fixed_dictionaries({"type": st.sampled_from(["default", "chat"]), "chat_id": JSON}) | JSON,
        "media": st.fixed_dictionaries({"type": st.just("photo"), "media": WORDS}) | JSON,
        "offset": st.integers() | JSON,
        "allowed_updates": JSON,
        "photo": JSON,
    },
)


def small() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


PHOTOS = st.none() | st.binary(max_size=60) | st.just(small()) | st.just(small()[:40])
REQUESTS = st.tuples(METHODS, PARAMETERS, PHOTOS, st.sampled_from(["json", "form", "raw"]), st.binary(max_size=60))
PAGE = st.tuples(
    st.sampled_from(["write", "press", "photos/1", "photos/99999999999999999999", "x"]), st.integers(-1, 2**70), JSON
)


@pytest.mark.wrong_calls
@tried(40)
@given(calls=st.lists(REQUESTS, max_size=20), played=st.lists(PAGE, max_size=5))
def test_nothing_breaks_the_sandbox(calls: list[Any], played: list[Any]) -> None:
    asyncio.run(asyncio.wait_for(attack(calls, played), 60))


async def attack(calls: list[Any], played: list[Any]) -> None:
    world, bell = World(1234567890, "amiko_sandbox_bot", PEOPLE), Bell()
    world.write(ANNA, "/start")
    app = application({TOKEN: world}, bell, heard=lambda _: None, reset=lambda _: None)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, values, photo, how, raw in calls:
            address = f"/bot{TOKEN}/{method}"
            if how == "json":
                answer = await client.post(address, json={**values, "timeout": 0})
            elif how == "raw":
                answer = await client.post(address, content=raw, headers={"content-type": "application/json"})
            else:
                told = {key: one if isinstance(one, str) else json.dumps(one) for key, one in values.items()}
                files = {"photo": ("photo.jpg", photo)} if photo is not None else None
                answer = await client.post(address, data={**told, "timeout": "0"}, files=files)
            assert answer.status_code < 500, (method, values, answer.text)
        for what, number, content in played:
            for person in (ANNA, number):
                answer = await client.post(f"/chat/1234567890/{person}/{what}", json=content)
                assert answer.status_code < 500, (what, person, content, answer.text)
            answer = await client.get(f"/chat/{number}/{ANNA}/photos/1")
            assert answer.status_code < 500
