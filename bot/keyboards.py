"""The buttons: those below the input line, and those below messages.

A button of a message about a visitor carries what it does, the notification's id and, for an answer, a digest of the
department's name, in a few bytes (Telegram allows 64). A digest and not a place in the list: the list may have changed
in the settings since the message was sent, and an old button must not turn into another department's label. What a
button carries is a claim and no more: a changed client can send anything, and the registry checks it.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from bot.texts import Texts, texts
from bot.wording import Wording
from domain.records import NOT_A_CUSTOMER, Assistant, AssistantState, Notification, NotificationState
from domain.settings import Store

#: Longer names are cut on buttons only; Telegram shows about so many letters.
_LABEL = 40
#: A notification's id: what fits into the database's integers.
_ID = re.compile(r"[0-9]{1,18}")
#: Buttons that Telegram shows below one message.
_MOST = 100


class Action(StrEnum):
    """What a button of a message about a visitor does."""

    TAKE = "t"
    DECLINE = "d"
    ANSWER = "a"


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What a pressed button of a message about a visitor says."""

    action: Action
    #: The notification's id.
    notification: int
    #: Of the answer, for `Action.ANSWER`.
    digest: str = ""

    def encode(self) -> str:
        """The callback data, at most 64 bytes."""
        return f"{self.action}:{self.notification}:{self.digest}"

    @classmethod
    def decode(cls, data: str | None) -> "Press | None":
        """What was pressed; None for data that no such button carries."""
        parts = (data or "").split(":")
        if len(parts) != 3 or parts[0] not in set(Action) or not _ID.fullmatch(parts[1]):
            return None
        return cls(action=Action(parts[0]), notification=int(parts[1]), digest=parts[2])


class Choice(StrEnum):
    """What any other button does; behind it stands a store's or department's digest, or who is meant."""

    KNOW = "know"
    FORGET = "forget"
    INVITE = "invite"
    STAFF = "staff"
    REMOVE = "remove"
    REMOVE_REALLY = "really"
    REPORT = "report"

    def of(self, value: str) -> str:
        """The callback data."""
        return f"{self}:{value}"

    @classmethod
    def decode(cls, data: str | None) -> "tuple[Choice, str] | None":
        """What was chosen; None for data that no such button carries."""
        name, colon, value = (data or "").partition(":")
        return (cls(name), value) if colon and name in set(cls) else None


def digest(name: str) -> str:
    """Eight letters that stand for a name on a button."""
    return f"{zlib.crc32(name.encode()):08x}"


def named(digest_: str, names: Iterable[str]) -> str | None:
    """The name that a digest stands for; None where it is none of them (any more)."""
    return next((name for name in names if digest(name) == digest_), None)


def member(assistant: Assistant) -> str:
    """Who is meant: the number on the list, and whom that number stood for. A number that is free is given again."""
    return f"{assistant.id}-{digest(f'{assistant.telegram_id} {assistant.name}')}"


def answers(notification: Notification) -> tuple[str, ...]:
    """What can be answered: the predicted department first, then the others, then that it was no customer."""
    ranking = notification.prediction.ranking if notification.prediction else ()
    first = tuple(one.department for one in ranking[:1] if one.department in notification.departments)
    others = tuple(name for name in notification.departments if name not in first)
    return (*first, *others, NOT_A_CUSTOMER)


def notification_keyboard(notification: Notification, wording: Wording, *, at: float) -> InlineKeyboardMarkup | None:
    """The buttons that fit what has become of the notification; None where there's nothing left to say.

    `at`: when it is shown.
    """
    t = texts(notification.language)

    def button(label: str, action: Action, digest_: str = "") -> InlineKeyboardButton:
        press = Press(action=action, notification=notification.id, digest=digest_)
        return InlineKeyboardButton(label, callback_data=press.encode())

    def answer_button(answer: str, *, right: bool) -> InlineKeyboardButton:
        label = t.plain("button-right") if right else _cut(wording.answer(answer, notification.store, t))
        chosen = answer == notification.answer
        return button(t.plain("button-chosen", label=label) if chosen else label, Action.ANSWER, digest(answer))

    match notification.state:
        case NotificationState.QUEUED | NotificationState.SENT:
            take = button(t.plain("button-take"), Action.TAKE)
            return InlineKeyboardMarkup([[take, button(t.plain("button-decline"), Action.DECLINE)]])
        case NotificationState.TAKEN if at <= (notification.answerable_until or 0):
            possible = answers(notification)
            ranking = notification.prediction.ranking if notification.prediction else ()
            head = 1 if ranking and possible[0] == ranking[0].department else 0
            buttons = [answer_button(answer, right=number < head) for number, answer in enumerate(possible)]
            return InlineKeyboardMarkup([*([one] for one in buttons[:head]), *_pairs(buttons[head:-1]), buttons[-1:]])
        case _:
            return None


def departments_keyboard(assistant: Assistant, store: Store, wording: Wording, t: Texts) -> InlineKeyboardMarkup:
    """The store's departments; those that the assistant knows best are ticked, and a press changes that."""
    buttons = []
    for name in store.departments[:_MOST]:
        known = name in assistant.departments
        label = _cut(wording.department(store.id, name, t.language))
        choice = Choice.FORGET if known else Choice.KNOW
        label = t.plain("button-chosen", label=label) if known else label
        buttons.append(InlineKeyboardButton(label, callback_data=choice.of(digest(name))))
    return InlineKeyboardMarkup(_pairs(buttons))


def stores_keyboard(stores: Iterable[Store], choice: Choice) -> InlineKeyboardMarkup:
    """One of the stores."""
    buttons = [[InlineKeyboardButton(_cut(one.name), callback_data=choice.of(digest(one.id)))] for one in stores]
    return InlineKeyboardMarkup(buttons[:_MOST])


def staff_keyboard(staff: Iterable[Assistant], t: Texts) -> InlineKeyboardMarkup:
    """One of the people, to be taken off the list."""
    buttons = [
        InlineKeyboardButton(t.plain("button-remove", name=_cut(one.name)), callback_data=Choice.REMOVE.of(member(one)))
        for one in staff
    ]
    return InlineKeyboardMarkup(_pairs(buttons[:_MOST]))


def remove_keyboard(assistant: Assistant, t: Texts) -> InlineKeyboardMarkup:
    """Really?"""
    really = Choice.REMOVE_REALLY.of(member(assistant))
    yes = InlineKeyboardButton(t.plain("button-remove-really"), callback_data=really)
    no = InlineKeyboardButton(t.plain("button-keep"), callback_data=Choice.STAFF.of(digest(assistant.store)))
    return InlineKeyboardMarkup([[yes, no]])


def state_keyboard(state: AssistantState, t: Texts) -> ReplyKeyboardMarkup:
    """Below the input line: what can be done in that state."""
    labels = {
        AssistantState.OFF: ["button-begin"],
        AssistantState.WAITING: ["button-pause"],
        AssistantState.BUSY: ["button-next", "button-pause"],
    }[state]
    return ReplyKeyboardMarkup(
        [[KeyboardButton(t.plain(label)) for label in labels]], resize_keyboard=True, is_persistent=True
    )


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"


def _pairs(buttons: list[InlineKeyboardButton]) -> list[list[InlineKeyboardButton]]:
    return [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
