"""What the bot needs of the assistant registry. The real one is `actors.registry.AssistantRegistry`, an actor."""

from collections.abc import Collection, Mapping
from typing import Protocol

from domain.records import (
    Assistant,
    AssistantDay,
    Invite,
    NoticeKind,
    Notification,
    Outbox,
    Standing,
    StoreOverview,
    StoreReport,
)


class Registry(Protocol):
    """Who the assistants are, who of them waits, and what they are told.

    Every call may be repeated: Telegram delivers an update twice where an acknowledgement was lost, and a bot that
    was killed does not know how far it came. A call may raise whatever a registry that is just starting again raises.
    """

    # -- assistants ---------------------------------------------------------------------------------------

    async def login(self, *, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        """Recognise a person, by id or else by user name, and refresh user name and language.

        `name` is what Telegram calls the person; the staff list's own name stays.
        Raises NotRegisteredError for someone who is on no store's staff list.
        """

    async def join(self, *, code: str, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        """Put whoever has an invite's code on its store's staff list, and tell the admin.

        The same person may use the code again; nobody else may. Raises NotRegisteredError for a code that does not
        count (any more).
        """

    async def standing(self, *, telegram_id: int) -> Standing:
        """What an assistant does now. Raises NotRegisteredError for someone who is not logged in; so do the next."""

    async def wait(self, *, telegram_id: int, update: int) -> Standing:
        """The assistant waits from now on, and hears at once of visitors whom nobody has met yet.

        One of the person's last updates again has the same answer again and changes nothing.
        """

    async def pause(self, *, telegram_id: int, update: int) -> Standing:
        """The assistant wants no visitors. What this one was told and has not answered is declined."""

    async def know(self, *, telegram_id: int, departments: Collection[str]) -> Standing:
        """The departments that the assistant knows best; names that the store does not have are left out."""

    async def day(self, *, telegram_id: int) -> AssistantDay:
        """The assistant's own day so far."""

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant goes. The first one takes the visit and is busy then; the others' notifications expire.

        Returns the notification as it is now: unchanged where it has expired or was declined. It may be taken before
        `mark_sent` was heard of it: the person can be quicker than the note.
        Raises NotRegisteredError where the notification is another's, or there is no such one. So do the next two.
        """

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant can't go; state and all as they were.

        Returns the notification as it is now: unchanged where it was taken or has expired.
        """

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        """What the visitor came for: a department's name or NOT_A_CUSTOMER. A later answer replaces an earlier one.

        Returns the notification as it is now: unchanged unless this assistant has taken the visit, for an answer
        that is none, and after `answerable_until`.
        """

    async def look_at(self, *, notification: int, telegram_id: int, message: int) -> None:
        """The assistant looks at that message, which may show anything: it is to be brought up to date."""

    # -- delivery -----------------------------------------------------------------------------------------

    async def outbox(self, *, bot: str, seen: int | None, wait_s: float) -> Outbox:
        """What that bot has to do: notifications to send and to edit, notices.

        The oldest first, 200 of each at the most. Of one assistant's all, but of more than fifteen the newest three.

        `seen` is the version of the outbox that was had last: the answer comes as soon as there may be something
        else, after `wait_s` seconds at the latest. With None it comes at once if there is anything at all.
        What was handed out comes again, with each answer, until it is marked; or until newer ones go before it, and
        then again when these are done.
        """

    async def mark_sent(self, *, notification: int, message: int, revision: int) -> None:
        """Telegram has accepted it as its message number `message`, which shows that revision."""

    async def mark_shown(self, *, notification: int, message: int, revision: int) -> None:
        """That message shows that revision now; nothing is noted where another one is the notification's meanwhile."""

    async def mark_failed(self, *, notification: int, reason: str, blocked: bool) -> None:
        """It can't be sent (or edited), and trying again won't help.

        What was to be sent has failed; a message that was to be edited stays as it is. `blocked`: the person doesn't
        want the bot; the assistant is off from now, and the admins are told.
        """

    async def mark_noticed(self, *, notice: int) -> None:
        """It was told, or never can be."""

    # -- admins -------------------------------------------------------------------------------------------

    async def invite(self, *, admin: int | None, store: str) -> Invite:
        """A new one-time code, good for a day. Raises InputError for a store that is not in the settings."""

    async def assistants(self) -> tuple[Assistant, ...]:
        """Everybody on a staff list, by store and name."""

    async def remove(self, *, assistant: int) -> Assistant | None:
        """Take a person off the staff list. None where that was done already."""

    async def stores(self) -> tuple[StoreOverview, ...]:
        """How each store is at this moment."""

    async def report(self, *, store: str, days: int) -> StoreReport:
        """A store's last days, today among them. Raises InputError for a store that is not in the settings."""

    async def greet(self, *, admin: int, language: str) -> None:
        """Note an admin's language: notices are written in it."""

    # -- other actors -------------------------------------------------------------------------------------

    async def alarm(self, *, kind: NoticeKind, subject: str, values: Mapping[str, str]) -> None:
        """Tell the admins, at most once an hour about the same subject."""


class Reports(Protocol):
    """What admins may ask the trainer for."""

    async def report(self, store: str, language: str) -> bytes | None:
        """A sheet of pictures (PNG) of what the store's trainings found out; None before the first."""
