"""Calls of the sandbox's Bot API, as any bot could make them."""

import json

import httpx
from support.chats import ANNA, TOKEN

#: The bot's own number.
BOT = TOKEN.partition(":")[0]
#: Two buttons below a message.
KEYS = {"inline_keyboard": [[{"text": "Иду", "callback_data": "t:1:"}, {"text": "Не могу", "callback_data": "d:1:"}]]}


def call(http: httpx.Client, method: str, *, token: str = TOKEN, **values: object) -> tuple[int, object]:
    """The status, with the result or the description."""
    data = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    answer = http.post(f"/bot{token}/{method}", data=data)
    told = answer.json()
    assert told["ok"] == (answer.status_code == 200)
    if not told["ok"]:
        assert told["error_code"] == answer.status_code
    return answer.status_code, told["result"] if told["ok"] else told["description"]


def updates(http: httpx.Client, **values: object) -> list[int]:
    status, found = call(http, "getUpdates", **values)
    assert status == 200
    assert isinstance(found, list)
    return [one["update_id"] for one in found]


def send_photo(http: httpx.Client, photo: bytes, **values: str) -> httpx.Response:
    data = {"chat_id": str(ANNA), "photo": "attach://file0", **values}
    return http.post(f"/bot{TOKEN}/sendPhoto", data=data, files={"file0": ("x.jpg", photo)})
