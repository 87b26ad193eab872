"""The Bot API sandbox on a host of its own, played through standard input: JSON, a line each, answered by one each.

Arguments: the address to listen at, the port, the bot's token, and the numbers of the people.
"""

import json
import sys

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

import bot.sandbox.server
import bot.sandbox.web
from bot.sandbox import Person, Sandbox


class Anyone(TrustedHostMiddleware):
    """The sandbox itself keeps to loopback; here it is a host of its own, in a network of its own."""

    def __init__(self, app: ASGIApp, **_: object) -> None:
        super().__init__(app, allowed_hosts=["*"])


address, port, token, *people = sys.argv[1:]
bot.sandbox.server._HOST = address
bot.sandbox.web.TrustedHostMiddleware = Anyone
sandbox = Sandbox(token, port=int(port), people=[Person(id=int(one), name=f"№{one}") for one in people])
sandbox.start()
print(json.dumps({"url": sandbox.url}), flush=True)  # noqa: T201 - it is read by who started it
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "press":
        sandbox.press(asked["person"], asked["text"])
        answer: object = None
    else:
        answer = [[one.id, one.at, one.text] for one in sandbox.messages(asked["person"]) if one.from_bot]
    print(json.dumps(answer), flush=True)  # noqa: T201 - it is read by who started it
