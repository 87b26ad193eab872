"""What the bot needs of the assistant registry. The real one is an actor; `bot.testing` has one in memory."""

from typing import Protocol

from domain.records import Assistant, Notification


class Registry(Protocol):
    """Who the assistants are, who of them waits, and what they are told.

    Every call may be repeated: Telegram delivers an update twice where an acknowledgement was lost, and a bot that
    was killed does not know how far it came. A call may raise whatever a registry that is just starting again raises.
    """

    async def login(self, *, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        """Recognise a person, by id or else by user name, and refresh user name and language.

        `name` is what Telegram calls the person; the staff list's own name stays.
        Raises NotRegisteredError for someone who is on no store's staff list.
        """

    async def wait(self, *, telegram_id: int, update: int) -> bool:
        """The assistant wants the next visitor. True: waits from now on; False: was waiting already.

        The person's last `update` again has the same answer again. Raises NotRegisteredError for someone who is not
        logged in.
        """

    async def off(self, *, telegram_id: int, update: int) -> bool:
        """The assistant wants no visitors. True: changed; False: was off already, or is nobody's assistant."""

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant goes. Returns the notification as it is now: unchanged where it has expired or was declined.

        A notification may be taken before `mark_sent` was heard of it: the person can be quicker than the note.
        Raises NotRegisteredError where the notification is another's, or there is no such one. So do the next two.
        """

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant can't go, and waits for another visitor. Returns the notification as it is now: unchanged
        where it was taken or has expired.
        """

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        """What the visitor came for: a department's name or NOT_A_CUSTOMER. A later answer replaces an earlier one.

        Returns the notification as it is now: unchanged unless it was taken.
        """

    async def outbox(self, *, wait_s: float) -> list[Notification]:
        """The notifications that are queued and not expired. At once if there are any, else after `wait_s` seconds
        at the latest. What was handed out comes again until it is marked.
        """

    async def mark_sent(self, *, notification: int, message: int) -> None:
        """Telegram has accepted it, as its message number `message`."""

    async def mark_failed(self, *, notification: int, reason: str) -> None:
        """It can't be delivered, and trying again won't help: the person has blocked the bot, for example."""


class Reports(Protocol):
    """What admins may ask the trainer for."""

    async def reports(self) -> list[tuple[str, bytes]]:
        """Each store's name with a sheet of pictures (PNG); stores without a training are left out."""
