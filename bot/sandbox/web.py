"""The sandbox's routes: the Bot API for the bot, and the chat page for whoever plays the people."""

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.sandbox.api import ApiError, Bell, BotApi, Call
from bot.sandbox.faults import Fault
from bot.sandbox.state import Chat, Json, Message, World
from domain.errors import InputError

_FOLDER = Path(__file__).parent
_ASSETS = {"page.js": "text/javascript", "page.css": "text/css"}
#: Seconds between signs of life to the page.
_SIGN_S = 15.0
_TOKEN = re.compile(r"\d+:[\w-]+")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def application(
    world: World, token: str, bell: Bell, *, heard: Callable[[Call], None], reset: Callable[[Request], None]
) -> Starlette:
    """Everything that the sandbox answers to.

    `heard` is told of each call as it comes in; `reset` breaks the connection that a request came by.
    """
    calls = Calls(world, token, bell, heard=heard, reset=reset)
    page = Page(world, bell)
    return Starlette(
        routes=[
            Route("/bot{token}/{method}", calls.call, methods=["GET", "POST"]),
            Route("/", page.show),
            Route("/assets/{name}", page.asset),
            Route("/chat/{person:int}/events", page.events),
            Route("/chat/{person:int}/photos/{message:int}", page.photo),
            Route("/chat/{person:int}/write", page.write, methods=["POST"]),
            Route("/chat/{person:int}/press", page.press, methods=["POST"]),
        ],
        # A page elsewhere must not get at this one through a name of its own that leads to 127.0.0.1.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class Calls:
    """The bot's side."""

    def __init__(
        self,
        world: World,
        token: str,
        bell: Bell,
        *,
        heard: Callable[[Call], None],
        reset: Callable[[Request], None],
    ) -> None:
        self._world = world
        self._token = token
        self._bell = bell
        self._heard = heard
        self._reset = reset
        self._api = BotApi(world, bell)

    async def call(self, request: Request) -> Response:
        """One call of the Bot API, with the fault that is scripted for it."""
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token):
            return _refusal(404, "Not Found")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return _refusal(401, "Unauthorized")
        call = await _read(request)
        self._heard(call)
        fault = self._world.fault(call.method, call.chat) or Fault(done=True)
        response = Response()
        if fault.done:
            response = await self._answer(call, request)
        if fault.delay_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(fault.delay_s):
                    await self._bell.closed.wait()
        if fault.reset:
            self._reset(request)
        elif fault.status is not None:
            response = _refusal(fault.status, fault.description, fault.retry_after)
        return response

    async def _answer(self, call: Call, request: Request) -> Response:
        try:
            return JSONResponse({"ok": True, "result": await self._api.answer(call, request.is_disconnected)})
        except ApiError as error:
            return _refusal(error.code, error.description)


class Page:
    """The side of the people, in a browser."""

    def __init__(self, world: World, bell: Bell) -> None:
        self._world = world
        self._bell = bell
        people = [{"id": one.id, "name": one.name, "username": one.username} for one in world.people.values()]
        template = (_FOLDER / "page.html").read_text(encoding="utf-8")
        self._html = template.replace("{{people}}", _in_html(json.dumps(people, ensure_ascii=False)))
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
            chat = self._world.chat(request.path_params["person"])
        except InputError:
            return Response(status_code=404)
        message = chat.messages.get(request.path_params["message"])
        if message is None or message.photo is None:
            return Response(status_code=404)
        png = message.photo.startswith(b"\x89PNG")
        media_type = "image/png" if png else "image/jpeg"
        return Response(message.photo, media_type=media_type, headers=_HEADERS)

    async def write(self, request: Request) -> Response:
        """The person writes."""
        match await _json(request):
            case {"text": str(text)} if text.strip():
                return self._done(lambda: self._world.write(request.path_params["person"], text.strip()[:4096]))
        return JSONResponse({"error": "expected a JSON object with text"}, status_code=400)

    async def press(self, request: Request) -> Response:
        """The person presses a button below a message."""
        match await _json(request):
            case {"message": int(message), "data": str(data)}:
                return self._done(lambda: self._world.press(request.path_params["person"], message, data))
        return JSONResponse({"error": "expected a JSON object with message and data"}, status_code=400)

    async def events(self, request: Request) -> Response:
        """The chat as it is, and again at each change, as server-sent events."""
        try:
            chat = self._world.chat(request.path_params["person"])
        except InputError as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        return StreamingResponse(self._follow(chat), media_type="text/event-stream", headers=_HEADERS)

    async def _follow(self, chat: Chat) -> AsyncIterator[str]:
        seen = -1
        while not self._bell.closed.is_set():
            event = self._bell.event
            with self._world.changed:
                fresh = self._world.revision != seen
                seen = self._world.revision
                text = json.dumps(_chat_json(chat, self._world), ensure_ascii=False) if fresh else ""
            if fresh:
                yield f"data: {text}\n\n"
                continue
            try:
                async with asyncio.timeout(_SIGN_S):
                    await event.wait()
            except TimeoutError:
                yield ": still here\n\n"

    def _done(self, action: Callable[[], int]) -> Response:
        try:
            return JSONResponse({"update": action()})
        except InputError as error:
            return JSONResponse({"error": str(error)}, status_code=409)


def _chat_json(chat: Chat, world: World) -> Json:
    waiting = set(chat.unanswered.values())
    toast = chat.toasts[-1] if chat.toasts else None
    return {
        "messages": [_message_json(one, waiting=one.id in waiting) for one in chat.messages.values()],
        "keyboard": chat.keyboard,
        "online": world.polls > 0,
        "toast": None if toast is None else {"id": toast.id, "text": toast.text, "alert": toast.alert},
        "newest": {person: world.newest(person) for person in world.people},
        "commands": world.commands.get(chat.person.language or "") or world.commands.get("", []),
    }


def _message_json(message: Message, *, waiting: bool) -> Json:
    return {
        "id": message.id,
        "mine": not message.from_bot,
        "text": message.text,
        "photo": message.photo is not None,
        "buttons": [[{"text": one.text, "data": one.data} for one in row] for row in message.buttons],
        "at": message.at,
        "edited": message.edited_at is not None,
        "waiting": waiting,
    }


def _refusal(code: int, description: str, retry_after: int | None = None) -> Response:
    content: Json = {"ok": False, "error_code": code, "description": description}
    if retry_after is not None:
        content["parameters"] = {"retry_after": retry_after}
    return JSONResponse(content, status_code=code)


async def _read(request: Request) -> Call:
    """A call's parameters, wherever they stand: in the address, a form or JSON."""
    values = dict(request.query_params)
    files: dict[str, bytes] = {}
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        given = await _json(request)
        if isinstance(given, dict):
            values |= {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    elif kind:
        async with request.form() as form:
            for name, part in form.multi_items():
                if isinstance(part, UploadFile):
                    files[name] = await part.read()
                else:
                    values[name] = part
    return Call(method=request.path_params["method"], values=values, files=files, at=time.monotonic())


async def _json(request: Request) -> object:
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
