"""An assistant registry in memory, for tests of the bot and for trying it without a database."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from domain.errors import NotRegisteredError
from domain.records import Assistant, AssistantState, Notification, NotificationState, Prediction


class MemoryRegistry:
    """Behaves as `bot.registry.Registry` says. To be used within one event loop."""

    def __init__(self, assistants: Iterable[Assistant], departments: tuple[str, ...]) -> None:
        """Register people, by Telegram id or by user name."""
        self.assistants = {assistant.id: assistant for assistant in assistants}
        self.notifications: dict[int, Notification] = {}
        #: Why each failed one failed.
        self.reasons: dict[int, str] = {}
        #: How often each method was called.
        self.calls: Counter[str] = Counter()
        self._departments = departments
        self._answers: dict[tuple[str, int], bool] = {}
        self._failures: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def fail_next(self, method: str, times: int = 1) -> None:
        """The next calls of a method fail as those of a process do that has just been killed."""
        self._failures[method] += times

    def announce(
        self,
        prediction: Prediction | None = None,
        *,
        telegram_id: int,
        card: bytes | None = None,
        lifetime_s: float = 60,
    ) -> Notification:
        """Queue a notification for an assistant, whatever state they are in."""
        assistant = self._of(telegram_id)
        now = time.time()
        number = len(self.notifications) + 1
        notification = Notification(
            id=number,
            visit=f"visit-{number}",
            store=assistant.store,
            assistant=assistant.id,
            chat=telegram_id,
            language=assistant.language,
            state=NotificationState.QUEUED,
            prediction=prediction,
            departments=self._departments,
            created_at=now,
            expires_at=now + lifetime_s,
            card=card,
        )
        self.notifications[number] = notification
        self._become(assistant, AssistantState.BUSY)
        self._ring()
        return notification

    def state(self, telegram_id: int) -> AssistantState:
        """What an assistant does."""
        return self._of(telegram_id).state

    async def login(
        self,
        *,
        telegram_id: int,
        username: str | None,
        name: str,  # noqa: ARG002 - the contract has it
        language: str,
    ) -> Assistant:
        self._called("login")
        for assistant in self.assistants.values():
            by_name = assistant.telegram_id is None and username and assistant.username == username
            if assistant.telegram_id == telegram_id or by_name:
                known = replace(assistant, telegram_id=telegram_id, username=username, language=language)
                self.assistants[known.id] = known
                return known
        raise NotRegisteredError(f"no assistant has the Telegram id {telegram_id}")

    async def wait(self, *, telegram_id: int, update: int) -> bool:
        self._called("wait")
        return self._move("wait", telegram_id, update, AssistantState.WAITING)

    async def off(self, *, telegram_id: int, update: int) -> bool:
        self._called("off")
        try:
            return self._move("off", telegram_id, update, AssistantState.OFF)
        except NotRegisteredError:
            return False

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        self._called("take")
        found = self._own(notification, telegram_id)
        if found.state in {NotificationState.QUEUED, NotificationState.SENT}:
            return self._set(replace(found, state=NotificationState.TAKEN))
        return found

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        self._called("decline")
        found = self._own(notification, telegram_id)
        if found.state in {NotificationState.QUEUED, NotificationState.SENT}:
            assistant = self._of(telegram_id)
            if assistant.state is AssistantState.BUSY:
                self._become(assistant, AssistantState.WAITING)
            return self._set(replace(found, state=NotificationState.DECLINED))
        return found

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        self._called("answer")
        found = self._own(notification, telegram_id)
        if found.state is NotificationState.TAKEN:
            return self._set(replace(found, answer=answer))
        return found

    async def outbox(self, *, wait_s: float) -> list[Notification]:
        self._called("outbox")
        until = time.monotonic() + wait_s
        while not (queued := self._queued()) and (left := until - time.monotonic()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                break
        return queued

    async def mark_sent(self, *, notification: int, message: int) -> None:
        self._called("mark_sent")
        found = self.notifications[notification]
        state = NotificationState.SENT if found.state is NotificationState.QUEUED else found.state
        self._set(replace(found, state=state, message=message))

    async def mark_failed(self, *, notification: int, reason: str) -> None:
        self._called("mark_failed")
        self._set(replace(self.notifications[notification], state=NotificationState.FAILED))
        self.reasons[notification] = reason

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if self._failures[method] > 0:
            self._failures[method] -= 1
            raise ConnectionError("the registry is starting again")

    def _of(self, telegram_id: int) -> Assistant:
        for assistant in self.assistants.values():
            if assistant.telegram_id == telegram_id:
                return assistant
        raise NotRegisteredError(f"no assistant has the Telegram id {telegram_id}")

    def _move(self, what: str, telegram_id: int, update: int, state: AssistantState) -> bool:
        assistant = self._of(telegram_id)
        if (what, update) not in self._answers:
            self._answers[what, update] = assistant.state is not state
            self._become(assistant, state)
        return self._answers[what, update]

    def _become(self, assistant: Assistant, state: AssistantState) -> None:
        if assistant.state is not state:
            self.assistants[assistant.id] = replace(assistant, state=state, since=time.time())

    def _own(self, notification: int, telegram_id: int) -> Notification:
        self._expire()
        found = self.notifications.get(notification)
        if found is None or found.assistant != self._of(telegram_id).id:
            raise NotRegisteredError(f"notification {notification} is not one of {telegram_id}")
        return found

    def _queued(self) -> list[Notification]:
        self._expire()
        return [one for one in self.notifications.values() if one.state is NotificationState.QUEUED]

    def _expire(self) -> None:
        now = time.time()
        for one in list(self.notifications.values()):
            if one.state is NotificationState.QUEUED and one.expires_at <= now:
                self.notifications[one.id] = replace(one, state=NotificationState.EXPIRED)

    def _set(self, notification: Notification) -> Notification:
        self.notifications[notification.id] = notification
        self._ring()
        return notification

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
