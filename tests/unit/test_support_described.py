"""The check that stands behind all tests of the bot finds what it is there to find."""

import json

import pytest
from support.described import mistakes

from bot.sandbox import Call

BUTTON = {"text": "Иду", "callback_data": "t:7:"}


def call(method: str, files: dict[str, bytes] | None = None, **values: object) -> Call:
    """A call as the library writes it: what is no text is JSON."""
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return Call(method=method, values=written, files=files or {}, at=0.0)


def keyboard(**button: object) -> dict[str, object]:
    return {"inline_keyboard": [[BUTTON | button]]}


@pytest.mark.parametrize(
    "right",
    [
        call("getMe"),
        call("getUpdates", offset=7, timeout=25, allowed_updates=["message", "callback_query"]),
        call("sendMessage", chat_id=1001, text="Подойдите", reply_markup=keyboard()),
        call("sendMessage", chat_id=1001, text=f"<b>{'&lt;' * 4096}</b>", parse_mode="HTML"),
        call("sendMessage", chat_id=1001, text="x", reply_markup={"remove_keyboard": True}),
        call("sendPhoto", {"photo": b"JPEG"}, chat_id=1001, caption="x" * 1024),
        call("sendPhoto", {"part": b"JPEG"}, chat_id=1001, photo="attach://part"),
        call("setMyCommands", commands=[{"command": "start", "description": "Начать"}], language_code="ru"),
        call("deleteWebhook", drop_pending_updates=False),
    ],
    ids=lambda one: one.method,
)
def test_a_right_call_is_right(right):
    assert mistakes(right) == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (call("sendMesage", chat_id=1, text="x"), "no such method"),
        (call("sendMessage", chat_id=1, text="x", parse_mod="HTML"), "parse_mod: unknown"),
        (call("sendMessage", chat_id=1, text="x", parse_mode="Html5"), "parse_mode"),
        (call("sendMessage", chat_id=1), "text: Field required"),
        (call("sendMessage", chat_id=1, text=""), "text: 0 characters"),
        (call("sendMessage", chat_id=1, text="x" * 4097), "text: 4097 characters"),
        (call("sendMessage", chat_id=1, text="😀" * 2049), "text: 4098 characters"),
        (call("sendMessage", chat_id=1, text="x", disable_notification="yes"), "disable_notification is no JSON"),
        (call("sendMessage", chat_id=1, text="x", disable_notification=1), "disable_notification"),
        (call("sendMessage", chat_id=1, text="x", reply_markup="[not JSON"), "reply_markup is no JSON"),
        (call("sendMessage", chat_id=1, text="x", reply_markup={"inline_keyboard": [BUTTON]}), "inline_keyboard"),
        (call("sendMessage", chat_id=1, text="x", reply_markup=keyboard(callback="x")), "callback: unknown"),
        (call("sendMessage", chat_id=1, text="x", reply_markup=keyboard(callback_data="ы" * 33)), "66 bytes"),
        (call("sendMessage", chat_id=1, text="x", reply_markup=keyboard(text=7)), "inline_keyboard"),
        (call("sendPhoto", {"foto": b"JPEG"}, chat_id=1), "photo: Field required"),
        (call("sendPhoto", {"photo": b"JPEG"}, chat_id=1, caption="x" * 1025), "caption: 1025 characters"),
        (call("editMessageText", chat_id=1, message_id="x", text="x"), "message_id"),
        (call("answerCallbackQuery", callback_query_id="1", text="x" * 201), "text: 201 characters"),
        (call("answerCallbackQuery", text="x"), "callback_query_id: Field required"),
        (call("setMyCommands", commands=[{"command": "start", "description": ""}]), "description: 0 characters"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.method,
)
def test_a_wrong_call_is_found_out(wrong, word):
    assert word in "\n".join(mistakes(wrong))
