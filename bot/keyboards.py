"""The buttons: those below the input line, and those below the message about a visitor.

A button of a message carries what it does, the notification's id and, for an answer, a digest of the department's
name, in a few bytes (Telegram allows 64). A digest and not a place in the list: the list may have changed in the
settings since the message was sent, and an old button must not turn into another department's label.
"""

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from bot.texts import Texts, texts
from domain.records import NOT_A_CUSTOMER, Notification, NotificationState

#: Longer department names are cut on buttons only; Telegram shows about so many letters.
_LABEL = 40
#: A notification's id: what fits into the database's integers. A changed client can send anything.
_ID = re.compile(r"[0-9]{1,18}")


class Action(StrEnum):
    """What a button of a message about a visitor does."""

    TAKE = "t"
    DECLINE = "d"
    ANSWER = "a"


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What a pressed button says."""

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
        """What was pressed; None for data that no button of this bot carries."""
        parts = (data or "").split(":")
        if len(parts) != 3 or parts[0] not in set(Action) or not _ID.fullmatch(parts[1]):
            return None
        return cls(action=Action(parts[0]), notification=int(parts[1]), digest=parts[2])


def digest(answer: str) -> str:
    """Eight letters that stand for an answer on a button."""
    return f"{zlib.crc32(answer.encode()):08x}"


def answers(notification: Notification) -> tuple[str, ...]:
    """What can be answered: the predicted department first, then the others, then that it was no customer."""
    ranking = notification.prediction.ranking if notification.prediction else ()
    first = (ranking[0].department,) if ranking else ()
    others = tuple(name for name in notification.departments if name not in first)
    return (*first, *others, NOT_A_CUSTOMER)


def answer_of(digest_: str, notification: Notification) -> str | None:
    """The answer that a digest stands for; None where the notification can't be answered so (any more)."""
    return next((answer for answer in answers(notification) if digest(answer) == digest_), None)


def _label(answer: str, notification: Notification, t: Texts) -> str:
    ranking = notification.prediction.ranking if notification.prediction else ()
    if answer == NOT_A_CUSTOMER:
        label = t("button-not-a-customer")
    elif ranking and answer == ranking[0].department:
        label = t("button-right")
    else:
        label = answer if len(answer) <= _LABEL else f"{answer[: _LABEL - 1]}…"
    return t("button-chosen", label=label) if answer == notification.answer else label


def notification_keyboard(notification: Notification) -> InlineKeyboardMarkup | None:
    """The buttons that fit the notification's state; None where there's nothing left to say."""
    t = texts(notification.language)

    def button(label: str, action: Action, digest_: str = "") -> InlineKeyboardButton:
        press = Press(action=action, notification=notification.id, digest=digest_)
        return InlineKeyboardButton(label, callback_data=press.encode())

    match notification.state:
        case NotificationState.QUEUED | NotificationState.SENT:
            take = button(t("button-take"), Action.TAKE)
            return InlineKeyboardMarkup([[take, button(t("button-decline"), Action.DECLINE)]])
        case NotificationState.TAKEN:
            buttons = [
                button(_label(answer, notification, t), Action.ANSWER, digest(answer))
                for answer in answers(notification)
            ]
            head = 1 if notification.prediction else 0
            middle = buttons[head:-1]
            pairs = [middle[i : i + 2] for i in range(0, len(middle), 2)]
            return InlineKeyboardMarkup([*([one] for one in buttons[:head]), *pairs, buttons[-1:]])
        case NotificationState.DECLINED | NotificationState.EXPIRED | NotificationState.FAILED:
            return None


def off_keyboard(t: Texts) -> ReplyKeyboardMarkup:
    """For someone who doesn't wait: «Начнём!»."""
    return _reply_keyboard(t("button-begin"))


def on_keyboard(t: Texts) -> ReplyKeyboardMarkup:
    """For someone who waits, or is with a visitor: «Следующий!»."""
    return _reply_keyboard(t("button-next"))


def _reply_keyboard(label: str) -> ReplyKeyboardMarkup:
    return ReplyKeyboardMarkup([[KeyboardButton(label)]], resize_keyboard=True, is_persistent=True)
