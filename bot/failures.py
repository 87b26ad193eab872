"""What a failed call of the Bot API means for the next one."""

from enum import Enum, auto

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

#: Causes that show that not a word of the message has left.
_NOT_WRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Fault(Enum):
    """What a failed call means."""

    #: Telegram says when: obey.
    PAUSE = auto()
    #: It was certainly not accepted: again, later.
    AGAIN = auto()
    #: Its answer is lost, and it may have been accepted: again, later, to the letter as it was.
    UNSURE = auto()
    #: The person does not want the bot, or is not there: nothing will ever be accepted.
    UNREACHABLE = auto()
    #: Telegram doesn't like what it was given, and never will.
    REFUSED = auto()


def fault_of(error: TelegramError) -> Fault:
    """What a failed call means."""
    match error:
        case RetryAfter():
            return Fault.PAUSE
        case Forbidden() | ChatMigrated():
            return Fault.UNREACHABLE
        case BadRequest():
            return Fault.UNREACHABLE if "chat not found" in error.message.lower() else Fault.REFUSED
        case TimedOut() | NetworkError() if error.__cause__ is not None:
            return Fault.AGAIN if isinstance(error.__cause__, _NOT_WRITTEN) else Fault.UNSURE
        case _:
            return Fault.AGAIN


def is_unchanged(error: TelegramError) -> bool:
    """The message shows already what it was to be changed to: an earlier call whose answer was lost."""
    return isinstance(error, BadRequest) and "message is not modified" in error.message.lower()


def is_other_kind(error: TelegramError) -> bool:
    """The message is a picture where a text was to be changed, or the other way round."""
    return isinstance(error, BadRequest) and "in the message to edit" in error.message.lower()
