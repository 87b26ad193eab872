"""What can go wrong between a bot and Telegram, to be played on purpose."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One way in which a call goes wrong."""

    #: The HTTP status of the answer; None where it goes through, or there is no answer.
    status: int | None = None
    description: str = ""
    #: Seconds, with status 429.
    retry_after: int | None = None
    #: The connection is reset: before the call is done, or after.
    reset: bool = False
    #: The call is done all the same, and only its answer is lost or late.
    done: bool = False
    #: Seconds until anything happens.
    delay_s: float = 0.0


#: The person has blocked the bot.
BLOCKED = Fault(status=403, description="Forbidden: bot was blocked by the user")
#: Someone else polls with the same token.
CONFLICT = Fault(
    status=409,
    description="Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
)
BAD_GATEWAY = Fault(status=502, description="Bad Gateway")
#: The token is not valid (any more).
UNAUTHORIZED = Fault(status=401, description="Unauthorized")
#: The connection breaks before the call is looked at.
RESET = Fault(reset=True)
#: The call is done, and the connection breaks before its answer is out.
LOST_ANSWER = Fault(reset=True, done=True)


def flood(retry_after: int) -> Fault:
    """Too much: Telegram wants to be left alone for so many seconds."""
    description = f"Too Many Requests: retry after {retry_after}"
    return Fault(status=429, description=description, retry_after=retry_after)


def slow(seconds: float) -> Fault:
    """The call is done and answered, late."""
    return Fault(done=True, delay_s=seconds)


class Faults:
    """The faults that wait for their calls. Not thread-safe: whoever holds it guards it."""

    def __init__(self) -> None:
        self._script: list[_Scripted] = []
        self._chance: Callable[[], Fault | None] = lambda: None

    def add(self, method: str, fault: Fault, times: int, chat: int | None) -> None:
        """The next `times` calls of a method (to that chat, if given) go wrong."""
        self._script.append(_Scripted(method.lower(), chat, fault, times))

    def by_chance(self, chance: Callable[[], Fault | None]) -> None:
        """Each call that nothing else is scripted for is asked about."""
        self._chance = chance

    def clear(self) -> None:
        """Everything works again."""
        self._script.clear()
        self._chance = lambda: None

    def next(self, method: str, chat: int | None) -> Fault | None:
        """What happens to this call; None if nothing does. Uses the fault up."""
        for entry in self._script:
            if entry.method == method.lower() and entry.chat in {None, chat}:
                entry.left -= 1
                self._script = [one for one in self._script if one.left > 0]
                return entry.fault
        return self._chance()


@dataclass(slots=True)
class _Scripted:
    method: str
    chat: int | None
    fault: Fault
    left: int
