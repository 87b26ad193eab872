"""The chat page's own side: what it shows, and what is pressed on it."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.sandbox.api import Bell
from bot.sandbox.state import Chat, Json, Message, World
from domain.errors import InputError

_FOLDER = Path(__file__).parent
_ASSETS = {"page.js": "text/javascript", "page.css": "text/css"}
#: Seconds between signs of life to the page.
_SIGN_S = 15.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """The side of the people, in a browser."""

    def __init__(self, worlds: Iterable[World], bell: Bell) -> None:
        self._worlds = {world.bot["id"]: world for world in worlds}
        self._bell = bell
        chats = [
            {
                "bot": world.bot["id"],
                "botName": world.bot["first_name"],
                "username": world.bot["username"],
                "person": person.id,
                "name": person.name,
                "role": person.role,
                "hint": person.hint,
            }
            for world in self._worlds.values()
            for person in world.people.values()
        ]
        template = (_FOLDER / "page.html").read_text(encoding="utf-8")
        self._html = template.replace("{{chats}}", _in_html(json.dumps(chats, ensure_ascii=False)))
        self._assets = {name: (_FOLDER / name).read_bytes() for name in _ASSETS}

    async def show(self, _: Request) -> Response:
        return Response(self._html, media_type="text/html", headers=_HEADERS)

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets:
            return Response(status_code=404)
        return Response(self._assets[name], media_type=_ASSETS[name], headers=_HEADERS)

    async def photo(self, request: Request) -> Response:
        try:
            messages = self._world(request).chat(request.path_params["person"]).messages
        except InputError:
            return Response(status_code=404)
        message = messages.get(request.path_params["message"])
        if message is None or message.photo is None:
            return Response(status_code=404)
        png = message.photo.startswith(b"\x89PNG")
        media_type = "image/png" if png else "image/jpeg"
        return Response(message.photo, media_type=media_type, headers=_HEADERS)

    async def write(self, request: Request) -> Response:
        """The person writes."""
        match await json_of(request):
            case {"text": str(text)} if text.strip():
                return self._done(
                    lambda: self._world(request).write(request.path_params["person"], text.strip()[:4096])
                )
        return JSONResponse({"error": "expected a JSON object with text"}, status_code=400)

    async def press(self, request: Request) -> Response:
        """The person presses a button below a message."""
        match await json_of(request):
            case {"message": int(message), "data": str(data)}:
                return self._done(lambda: self._world(request).press(request.path_params["person"], message, data))
        return JSONResponse({"error": "expected a JSON object with message and data"}, status_code=400)

    async def events(self, _: Request) -> Response:
        """All chats as they are, and again each that changes, as server-sent events."""
        return StreamingResponse(self._follow(), media_type="text/event-stream", headers=_HEADERS)

    async def _follow(self) -> AsyncIterator[str]:
        seen = dict.fromkeys(self._worlds.values(), -1)
        while not self._bell.closed.is_set():
            event = self._bell.event
            fresh = False
            chats: list[Json] = []
            for world, revision in seen.items():
                with world.changed:
                    if world.revision != revision:
                        fresh = True
                        seen[world] = world.revision
                        chats += [_chat_json(chat, world) for chat in world.chats if chat.revision > revision]
            if fresh:
                online = {number: world.polls > 0 for number, world in self._worlds.items()}
                yield f"data: {json.dumps({'online': online, 'chats': chats}, ensure_ascii=False)}\n\n"
                continue
            try:
                async with asyncio.timeout(_SIGN_S):
                    await event.wait()
            except TimeoutError:
                yield ": still here\n\n"

    def _world(self, request: Request) -> World:
        number = request.path_params["bot"]
        if number not in self._worlds:
            raise InputError(f"the sandbox has no bot {number}")
        return self._worlds[number]

    def _done(self, action: Callable[[], int]) -> Response:
        try:
            return JSONResponse({"update": action()})
        except InputError as error:
            return JSONResponse({"error": str(error)}, status_code=409)


def _chat_json(chat: Chat, world: World) -> Json:
    waiting = set(chat.unanswered.values())
    toast = chat.toasts[-1] if chat.toasts else None
    return {
        "bot": world.bot["id"],
        "person": chat.person.id,
        "messages": [_message_json(one, waiting=one.id in waiting) for one in chat.messages.values()],
        "keyboard": chat.keyboard,
        "toast": None if toast is None else {"id": toast.id, "text": toast.text, "alert": toast.alert},
        "commands": world.menu(chat.person.id),
    }


def _message_json(message: Message, *, waiting: bool) -> Json:
    return {
        "id": message.id,
        "mine": not message.from_bot,
        "text": message.text,
        "entities": [
            {"kind": one.kind, "offset": one.offset, "length": one.length, "url": one.url} for one in message.entities
        ],
        # another picture has another number: the page shows it anew
        "photo": None if message.photo is None else f"{message.id}?{zlib.crc32(message.photo)}",
        "buttons": [[{"text": one.text, "data": one.data} for one in row] for row in message.buttons],
        "at": message.at,
        "edited": message.edited_at is not None,
        "waiting": waiting,
    }


async def json_of(request: Request) -> object:
    """The body as JSON; None where it is none. Asking for the type keeps forms on other sites out."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        decoded: object = await request.json()
    except ValueError:
        return None
    return decoded


def _in_html(text: str) -> str:
    """JSON that can stand inside a script element, whatever people are called."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
