"""Every visit, notification and status, held against what was announced, pressed and shown.

Plain functions over plain records: what they call lost can be tried without breaking anything.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.records import AssistantState, NotificationState
from tests.chaos.assistants import BEGIN, NEXT, PAUSE, Copy, Press, Shown

#: Seconds for which somebody must have been waiting, by what they were shown, while a visit was open, to count as
#: one who should have heard of it: two restarts and a line that fails.
SURE_S = 20.0
ENDED = {
    NotificationState.TAKEN,
    NotificationState.DECLINED,
    NotificationState.EXPIRED,
    NotificationState.FAILED,
}
#: Seconds around a death of the dispatcher in which an answer of Telegram's may have died with it.
WITH_IT_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """What a camera's process wrote in its log."""

    at: float
    visit: str
    store: str
    camera: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A notification in the database."""

    visit: str
    number: int
    chat: int
    state: str
    message: int | None
    created_at: float
    expires_at: float
    answered_at: float | None
    taken: bool
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """Both sides: what the system says, and what the harness saw."""

    lifetime_s: float
    announced: Sequence[Announced]
    #: Visit -> its number, as the database has it.
    heard: Mapping[str, int]
    notifications: Sequence[Kept]
    #: Chat -> store and state, as the database has them.
    staff: Mapping[int, tuple[str, str]]
    #: Stores that tell all who wait.
    to_all: frozenset[str]
    copies: Mapping[tuple[int, int], Sequence[Copy]]
    shown: Mapping[int, Sequence[Shown]]
    presses: Sequence[Press]
    lost_answers: Mapping[tuple[int, int], Sequence[float]]
    #: When the dispatcher was killed or stopped.
    senders_died: Sequence[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What became of everything. Each string says what is wrong with one thing."""

    lost: list[str]
    duplicated: list[str]
    wrong_status: list[str]
    #: Copies beyond the first: of a message whose answer was lost on the line, or died with the dispatcher.
    copies: dict[str, int]
    states: dict[str, int]
    #: Ended before they were sent, by what ended them.
    unsent: dict[str, int]


def judge(book: Book) -> Verdict:
    copies: Counter[str] = Counter()
    return Verdict(
        lost=[*_unheard(book), *_untold(book), *_unended(book)],
        duplicated=_duplicated(book, copies),
        wrong_status=_wrong_status(book),
        copies=dict(copies),
        states=dict(Counter(one.state for one in book.notifications)),
        unsent=dict(Counter(_why(one) for one in book.notifications if (one.chat, one.number) not in book.copies)),
    )


def _why(one: Kept) -> str:
    """What ended a notification that was not sent."""
    match one.state:
        case NotificationState.EXPIRED:
            return "somebody else went" if one.taken else "its minute was over"
        case NotificationState.DECLINED:
            return "paused"
        case _:
            return one.reason or one.state


def _unheard(book: Book) -> list[str]:
    return [
        f"visit {one.visit} of {one.store}/{one.camera} was announced and never heard"
        for one in book.announced
        if one.visit not in book.heard
    ]


def _untold(book: Book) -> list[str]:
    """Those who waited for so long, while the visit was open, that they should have heard of it."""
    known = {(one.visit, one.chat) for one in book.notifications}
    taken: dict[tuple[str, int], float] = {}
    for press in book.presses:
        if press.what == "t" and press.number is not None:
            key = (book.staff[press.person][0], press.number)
            taken[key] = min(press.at, taken.get(key, press.at))
    found = []
    for one in book.announced:
        number = book.heard.get(one.visit)
        if number is None or one.store not in book.to_all:
            continue
        over = min(one.at + book.lifetime_s, taken.get((one.store, number), float("inf")))
        for chat, (store, _) in book.staff.items():
            waited = max((min(over, until) - max(one.at, since) for since, until in waiting(book, chat)), default=0.0)
            if store == one.store and waited > SURE_S and (one.visit, chat) not in known:
                found.append(f"{chat} waited for {waited:.0f} s of visit {one.visit} and was not told")
    return found


def waiting(book: Book, chat: int) -> list[tuple[float, float]]:
    """From when to when somebody certainly waited: shown so, and nothing pressed since that changes it."""
    moves = sorted(
        press.at for press in book.presses if press.person == chat and press.what in {BEGIN, NEXT, PAUSE, "t"}
    )
    spans = []
    told = book.shown[chat]
    for number, one in enumerate(told):
        if one.state is AssistantState.WAITING:
            ends = [at for at in moves if at > one.at] + [later.at for later in told[number + 1 :]]
            spans.append((one.at, min(ends, default=float("inf"))))
    return spans


def _unended(book: Book) -> list[str]:
    found = []
    for one in book.notifications:
        who = f"notification of visit {one.visit} for {one.chat}"
        copies = {copy.message for copy in book.copies.get((one.chat, one.number), ())}
        if NotificationState(one.state) not in ENDED:
            found.append(f"{who} is {one.state} for ever")
        elif one.message is not None and one.message not in copies:
            found.append(f"{who} counts as message {one.message}, which nobody saw")
        elif one.state == NotificationState.TAKEN and not copies:
            found.append(f"{who} is taken, and nobody saw it")
        elif one.state == NotificationState.FAILED and not one.reason:
            found.append(f"{who} failed without a reason")
        elif one.state == NotificationState.EXPIRED and not one.taken and (one.answered_at or 0) < one.expires_at:
            found.append(f"{who} expired before its time, and nobody had taken the visit")
    return found


def _duplicated(book: Book, copies: Counter[str]) -> list[str]:
    """What neither a lost answer nor a sender's death explains."""
    found = []
    kept = {(one.chat, one.number): one for one in book.notifications}
    for (chat, number), seen in book.copies.items():
        if (chat, number) not in kept:
            found.append(f"{chat} was told of № {number}, which the database knows nothing of")
        first = min(copy.at for copy in seen)
        lost = len(book.lost_answers.get((chat, number), ()))
        extra = len(seen) - 1
        on_the_line = min(extra, lost)
        last = max(copy.at for copy in seen)
        deaths = sum(first - WITH_IT_S <= at <= last for at in book.senders_died)
        with_the_sender = min(extra - on_the_line, deaths)
        copies["lost answer"] += on_the_line
        copies["sender died"] += with_the_sender
        found += [f"{chat} was told of № {number} again, for no reason"] * (extra - on_the_line - with_the_sender)
    return found


def _wrong_status(book: Book) -> list[str]:
    found = []
    for chat, (_, state) in book.staff.items():
        told = book.shown[chat][-1].state if book.shown[chat] else None
        if told is not None and told != state:
            found.append(f"{chat} was last told {told.value!r} and is {state!r}")
    return found
