"""A Bot API on loopback with a chat page: the bot can be tried, shown and tested without Telegram."""

from bot.sandbox.api import Call
from bot.sandbox.faults import (
    BAD_GATEWAY,
    BLOCKED,
    CONFLICT,
    LOST_ANSWER,
    RESET,
    UNAUTHORIZED,
    Fault,
    flood,
    slow,
)
from bot.sandbox.server import PEOPLE, Sandbox
from bot.sandbox.state import Button, Message, Person, Toast

__all__ = [
    "BAD_GATEWAY",
    "BLOCKED",
    "CONFLICT",
    "LOST_ANSWER",
    "PEOPLE",
    "RESET",
    "UNAUTHORIZED",
    "Button",
    "Call",
    "Fault",
    "Message",
    "Person",
    "Sandbox",
    "Toast",
    "flood",
    "slow",
]
