"""What a failed call means for the next one."""

import httpx
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.failures import Fault, fault_of, is_other_kind, is_unchanged


def after(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (RetryAfter(3), Fault.PAUSE),
        (Forbidden("bot was blocked by the user"), Fault.UNREACHABLE),
        (ChatMigrated(-100), Fault.UNREACHABLE),
        (BadRequest("Chat not found"), Fault.UNREACHABLE),
        (BadRequest("message text is empty"), Fault.REFUSED),
        (NetworkError("Bad Gateway"), Fault.AGAIN),
        (Conflict("terminated by other getUpdates request"), Fault.AGAIN),
        (InvalidToken(), Fault.AGAIN),
        (TelegramError("Invalid server response"), Fault.AGAIN),
        (after(NetworkError("x"), httpx.ConnectError("refused")), Fault.AGAIN),
        (after(TimedOut(), httpx.ConnectTimeout("")), Fault.AGAIN),
        (after(TimedOut(), httpx.PoolTimeout("")), Fault.AGAIN),
        (after(TimedOut(), httpx.ReadTimeout("")), Fault.UNSURE),
        (after(TimedOut(), httpx.WriteTimeout("")), Fault.UNSURE),
        (after(NetworkError("x"), httpx.RemoteProtocolError("")), Fault.UNSURE),
        (after(NetworkError("x"), httpx.WriteError("")), Fault.UNSURE),
        (after(NetworkError("x"), RuntimeError("")), Fault.UNSURE),
        (after(NetworkError("httpx.ReadError: "), httpx.ReadError("")), Fault.UNSURE),
    ],
    ids=lambda value: getattr(value, "name", None) or repr(value.__cause__ or value),
)
def test_what_a_failure_means(error, fault):
    assert fault_of(error) is fault


def test_a_message_that_shows_it_already_is_told_from_one_that_cannot_be_changed():
    unchanged = BadRequest("Message is not modified: the same as before")
    picture = BadRequest("There is no text in the message to edit")
    gone = BadRequest("Message to edit not found")
    assert [is_unchanged(error) for error in (unchanged, picture, gone)] == [True, False, False]
    assert [is_other_kind(error) for error in (unchanged, picture, gone)] == [False, True, False]
