"""The sandbox's routes: the Bot API for the bot, and the chat page for whoever plays the people."""

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.api import ApiError, Bell, BotApi, Call
from bot.sandbox.faults import Fault
from bot.sandbox.page import Page, json_of
from bot.sandbox.state import Json, World

_TOKEN = re.compile(r"\d+:[\w-]+")


def application(
    worlds: Mapping[str, World], bell: Bell, *, heard: Callable[[Call], None], reset: Callable[[Request], None]
) -> Starlette:
    """Everything that the sandbox answers to: one bot for each token.

    `heard` is told of each call as it comes in; `reset` breaks the connection that a request came by.
    """
    calls = Calls(worlds, bell, heard=heard, reset=reset)
    page = Page(worlds.values(), bell)
    return Starlette(
        routes=[
            Route("/bot{token}/{method}", calls.call, methods=["GET", "POST"]),
            Route("/", page.show),
            Route("/assets/{name}", page.asset),
            Route("/events", page.events),
            Route("/chat/{bot:int}/{person:int}/photos/{message:int}", page.photo),
            Route("/chat/{bot:int}/{person:int}/write", page.write, methods=["POST"]),
            Route("/chat/{bot:int}/{person:int}/press", page.press, methods=["POST"]),
        ],
        # A page elsewhere must not get at this one through a name of its own that leads to 127.0.0.1.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class Calls:
    """The bot's side."""

    def __init__(
        self,
        worlds: Mapping[str, World],
        bell: Bell,
        *,
        heard: Callable[[Call], None],
        reset: Callable[[Request], None],
    ) -> None:
        self._worlds = {token.encode(): (world, BotApi(world, bell)) for token, world in worlds.items()}
        self._bell = bell
        self._heard = heard
        self._reset = reset

    async def call(self, request: Request) -> Response:
        """One call of the Bot API, with the fault that is scripted for it."""
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token):
            return _refusal(404, "Not Found")
        meant = [one for known, one in self._worlds.items() if secrets.compare_digest(known, token.encode())]
        if not meant:
            return _refusal(401, "Unauthorized")
        world, api = meant[0]
        call = await _read(request)
        self._heard(call)
        fault = world.fault(call.method, call.chat) or Fault(done=True)
        response = Response()
        if fault.done:
            response = await self._answer(api, call, request)
        if fault.delay_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(fault.delay_s):
                    await self._bell.closed.wait()
        if fault.reset:
            self._reset(request)
        elif fault.status is not None:
            response = _refusal(fault.status, fault.description, fault.retry_after)
        return response

    async def _answer(self, api: BotApi, call: Call, request: Request) -> Response:
        try:
            return JSONResponse({"ok": True, "result": await api.answer(call, request.is_disconnected)})
        except ApiError as error:
            return _refusal(error.code, error.description, error.retry_after)


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
        given = await json_of(request)
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
