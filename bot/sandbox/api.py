"""The methods of the Bot API that the bot uses, with Telegram's own errors."""

import asyncio
import contextlib
import io
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from PIL import Image, UnidentifiedImageError

from bot.sandbox.faults import CONFLICT, flood
from bot.sandbox.markup import Entity, MarkupError, find, parse_html, units
from bot.sandbox.state import Button, Json, Keyboard, Message, Rows, World, message_json

#: What Telegram allows: letters (as UTF-16 counts them) and bytes.
_TEXT, _CAPTION, _BUTTON_DATA, _PHOTO = 4096, 1024, 64, 10 * 1024 * 1024
#: The longest poll, seconds.
_POLL_S = 50
#: Seconds between two looks whether a poller has hung up.
_LOOK_S = 1.0
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
#: Commands in a menu, and letters in what is said of one.
_COMMANDS, _DESCRIPTION = 100, 256
#: What counts for how loud the bot is.
_LOUD = {
    "sendmessage",
    "sendphoto",
    "editmessagetext",
    "editmessagecaption",
    "editmessagemedia",
    "editmessagereplymarkup",
}


class ApiError(Exception):
    """Telegram's answer to a call that it doesn't accept."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after


class Bell:
    """Wakes coroutines of one event loop from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: Take it before looking; wait for it where there was nothing to see.
        self.event = asyncio.Event()
        #: The server goes down.
        self.closed = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self._loop.call_soon_threadsafe(self._ring)

    def close(self) -> None:
        """Wake all who wait, and let nobody wait again."""
        self._loop.call_soon_threadsafe(self.closed.set)
        self.ring()

    def _ring(self) -> None:
        self.event.set()
        self.event = asyncio.Event()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call: its parameters as text, as forms carry them, and its files."""

    method: str
    values: Mapping[str, str]
    files: Mapping[str, bytes]
    #: When it had come in, in seconds of `time.monotonic`.
    at: float

    @property
    def chat(self) -> int | None:
        """The chat that it is about."""
        return self.number("chat_id")

    def number(self, name: str) -> int | None:
        try:
            return int(self.values[name])
        except (KeyError, ValueError):
            return None

    def object(self, name: str) -> object:
        """A parameter that is written as JSON; None where it is not given."""
        if not self.values.get(name):
            return None
        try:
            decoded: object = json.loads(self.values[name])
        except ValueError:
            raise ApiError(400, f"Bad Request: can't parse {name} JSON object") from None
        return decoded


class BotApi:
    """Answers calls. Lives in the server's event loop."""

    def __init__(self, world: World, bell: Bell) -> None:
        self._world = world
        self._bell = bell
        self._poll = 0
        self._methods = {
            "getme": self._get_me,
            "sendmessage": self._send_message,
            "sendphoto": self._send_photo,
            "editmessagetext": self._edit_text,
            "editmessagecaption": self._edit_text,
            "editmessagemedia": self._edit_media,
            "editmessagereplymarkup": self._edit_markup,
            "answercallbackquery": self._answer_query,
            "setmycommands": self._set_commands,
            "deletemycommands": self._set_commands,
            "deletewebhook": self._delete_webhook,
        }

    async def answer(self, call: Call, gone: Callable[[], Awaitable[bool]]) -> object:
        """What stands in `result`; `gone` tells whether the caller has hung up. Raises ApiError."""
        name = call.method.lower()
        if name == "getupdates":
            return await self._get_updates(call, gone)
        if name not in self._methods:
            raise ApiError(404, "Not Found: method not found")
        if name in _LOUD and self._world.limits is not None and call.chat is not None:
            with self._world.changed:
                silent_s = self._world.limits.refuse(call.chat)
            if silent_s is not None:
                raise ApiError(429, flood(silent_s).description, silent_s)
        return self._methods[name](call)

    async def _get_updates(self, call: Call, gone: Callable[[], Awaitable[bool]]) -> list[Json]:
        self._poll += 1
        mine = self._poll
        self._bell.ring()
        if (offset := call.number("offset")) is not None:
            self._world.confirm(offset)
        kinds = call.object("allowed_updates")
        if isinstance(kinds, list):
            self._world.allow(tuple(str(kind) for kind in kinds))
        limit = min(max(call.number("limit") or 100, 1), 100)
        until = time.monotonic() + min(call.number("timeout") or 0, _POLL_S)
        self._world.polling(1)
        try:
            while True:
                event = self._bell.event
                if self._poll != mine:
                    raise ApiError(409, CONFLICT.description)
                updates = self._world.pending(limit)
                left = until - time.monotonic()
                if updates or left <= 0 or self._bell.closed.is_set() or await gone():
                    return [{"update_id": one.id, one.kind: one.content} for one in updates]
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _LOOK_S)):
                        await event.wait()
        finally:
            self._world.polling(-1)

    def _get_me(self, _: Call) -> Json:
        return {**self._world.bot, "can_join_groups": False, "can_read_all_group_messages": False}

    def _delete_webhook(self, _: Call) -> bool:
        return True

    def _set_commands(self, call: Call) -> bool:
        commands = call.object("commands") if call.method.lower() == "setmycommands" else []
        if not isinstance(commands, list) or len(commands) > _COMMANDS:
            raise ApiError(400, "Bad Request: can't parse commands JSON array")
        for one in commands:
            match one:
                case {"command": str(name), "description": str(said)}:
                    if not _COMMAND.fullmatch(name):
                        raise ApiError(400, "Bad Request: BOT_COMMAND_INVALID")
                    if not 1 <= units(said) <= _DESCRIPTION:
                        raise ApiError(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
                case _:
                    raise ApiError(400, "Bad Request: can't parse BotCommand")
        self._world.set_commands(self._scope(call), call.values.get("language_code", ""), commands)
        return True

    def _scope(self, call: Call) -> str:
        match call.object("scope"):
            case None | {"type": "default"}:
                return "default"
            case {"type": "all_private_chats"}:
                return "all_private_chats"
            case {"type": "chat", "chat_id": int(person)}:
                if not self._world.knows(person):
                    raise ApiError(400, "Bad Request: chat not found")
                return str(person)
        raise ApiError(400, "Bad Request: can't parse BotCommandScope")

    def _send_message(self, call: Call) -> Json:
        self._chat(call)
        return self._send(call, *_text(call), None)

    def _send_photo(self, call: Call) -> Json:
        self._chat(call)
        return self._send(call, *_caption(call), _photo(call, call.values.get("photo", "photo")))

    def _send(self, call: Call, text: str, entities: tuple[Entity, ...], photo: bytes | None) -> Json:
        person = self._chat(call)
        buttons, keyboard = _markup(call)
        message = Message(
            id=0,
            person=person,
            from_bot=True,
            text=text,
            entities=entities,
            photo=photo,
            buttons=buttons,
            at=time.time(),
        )
        return self._json(self._world.send(message, keyboard))

    def _edit_text(self, call: Call) -> Json:
        message = self._own_message(call)
        of_photo = call.method.lower() == "editmessagecaption"
        if of_photo != (message.photo is not None):
            what = "caption" if of_photo else "text"
            raise ApiError(400, f"Bad Request: there is no {what} in the message to edit")
        text, entities = _caption(call) if of_photo else _text(call)
        return self._edit(message, replace(message, text=text, entities=entities, buttons=_markup(call)[0]))

    def _edit_media(self, call: Call) -> Json:
        message = self._own_message(call)
        match call.object("media"):
            case {"type": "photo", "media": str(name), **more}:
                photo = _photo(call, name)
                values = {key: str(more[key]) for key in ("caption", "parse_mode") if more.get(key)}
                text, entities = _caption(replace(call, values=values))
            case _:
                raise ApiError(400, "Bad Request: can't parse InputMedia")
        new = replace(message, text=text, entities=entities, photo=photo, buttons=_markup(call)[0])
        return self._edit(message, new)

    def _edit_markup(self, call: Call) -> Json:
        message = self._own_message(call)
        return self._edit(message, replace(message, buttons=_markup(call)[0]))

    def _edit(self, old: Message, new: Message) -> Json:
        if old == new:
            raise ApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly"
                " the same as a current content and reply markup of the message",
            )
        self._world.replace(new)
        return self._json(new)

    def _answer_query(self, call: Call) -> bool:
        alert = call.values.get("show_alert", "").lower() == "true"
        query, text = call.values.get("callback_query_id", ""), call.values.get("text", "")
        if not self._world.answer(query, text, alert=alert):
            raise ApiError(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            )
        return True

    def _chat(self, call: Call) -> int:
        if not call.values.get("chat_id"):
            raise ApiError(400, "Bad Request: chat_id is empty")
        person = call.chat
        if person is None or not self._world.knows(person):
            raise ApiError(400, "Bad Request: chat not found")
        return person

    def _own_message(self, call: Call) -> Message:
        found = self._world.chat(self._chat(call)).messages.get(call.number("message_id") or 0)
        if found is None:
            raise ApiError(400, "Bad Request: message to edit not found")
        if not found.from_bot:
            raise ApiError(400, "Bad Request: message can't be edited")
        return found

    def _json(self, message: Message) -> Json:
        return {**message_json(message, self._world.people[message.person]), "from": self._world.bot}


def _text(call: Call) -> tuple[str, tuple[Entity, ...]]:
    text, entities = _formatted(call, "text")
    if not text.strip():
        raise ApiError(400, "Bad Request: message text is empty")
    if units(text) > _TEXT:
        raise ApiError(400, "Bad Request: message is too long")
    return text, entities


def _caption(call: Call) -> tuple[str, tuple[Entity, ...]]:
    caption, entities = _formatted(call, "caption")
    if units(caption) > _CAPTION:
        raise ApiError(400, "Bad Request: message caption is too long")
    return caption, entities


def _formatted(call: Call, name: str) -> tuple[str, tuple[Entity, ...]]:
    source = call.values.get(name, "")
    match call.values.get("parse_mode", "").lower():
        case "":
            return source, find(source)
        case "html":
            try:
                return parse_html(source)
            except MarkupError as error:
                raise ApiError(400, f"Bad Request: can't parse entities: {error}") from None
    raise ApiError(400, "Bad Request: unsupported parse_mode")


def _photo(call: Call, name: str) -> bytes:
    # Telegram's clients name the part as they like and refer to it with attach://.
    photo = call.files.get(name.removeprefix("attach://"))
    if not photo:
        raise ApiError(400, "Bad Request: there is no photo in the request")
    if len(photo) > _PHOTO:
        raise ApiError(413, "Request Entity Too Large")
    try:
        Image.open(io.BytesIO(photo)).verify()
    except (UnidentifiedImageError, OSError, SyntaxError):
        raise ApiError(400, "Bad Request: IMAGE_PROCESS_FAILED") from None
    return photo


def _markup(call: Call) -> tuple[Rows, Keyboard | None]:
    """The buttons below the message, and those below the input line; None leaves these as they are."""
    markup = call.object("reply_markup")
    if markup is None:
        return (), None
    match markup:
        case {"inline_keyboard": [*rows]}:
            return tuple(tuple(_button(one) for one in _row(row)) for row in rows), None
        case {"keyboard": [*rows]}:
            return (), tuple(tuple(_label(one) for one in _row(row)) for row in rows)
        case {"remove_keyboard": True}:
            return (), ()
    raise ApiError(400, "Bad Request: object expected as reply markup")


def _row(row: object) -> list[object]:
    if not isinstance(row, list):
        raise ApiError(400, "Bad Request: can't parse keyboard: each row must be an Array")
    return row


def _label(button: object) -> str:
    match button:
        case str(text) | {"text": str(text)} if text:
            return text
    raise ApiError(400, "Bad Request: can't parse keyboard button: text is empty")


def _button(button: object) -> Button:
    match button:
        case {"text": str(text), "callback_data": str(data)} if text:
            if not 1 <= len(data.encode()) <= _BUTTON_DATA:
                raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
            return Button(text=text, data=data)
    raise ApiError(400, "Bad Request: can't parse inline keyboard button: text buttons are unallowed")
