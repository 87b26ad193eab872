"""What the sandbox knows of one bot: its chats with people, and the updates that it has not heard of yet.

All in memory and bounded. Every method may be called from any thread.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.limits import Limits
from bot.sandbox.markup import Entity, find
from domain.errors import InputError

#: What a chat keeps of its messages, and the bot's line of its updates.
_MESSAGES, _UPDATES, _TOASTS, _UNANSWERED = 200, 1000, 50, 50

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Someone who can write to the bot."""

    #: As Telegram would number them.
    id: int
    name: str
    #: Without the @.
    username: str | None = None
    #: As Telegram tells it, `ru` or `en-GB`; None where it tells none.
    language: str | None = "ru"
    #: What the page says of the person.
    role: str = "продавец"
    #: What the page suggests to do where nothing else is to be done.
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button below a message."""

    text: str
    #: What the bot gets when it is pressed.
    data: str


Rows = tuple[tuple[Button, ...], ...]
Keyboard = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message in a chat, as it looks now."""

    id: int
    #: The person whose chat with the bot it stands in.
    person: int
    from_bot: bool
    #: The text, or what stands below the photo; without its tags.
    text: str
    #: What in it is bold, a link and so on.
    entities: tuple[Entity, ...] = ()
    photo: bytes | None = None
    buttons: Rows = ()
    #: When it was accepted, seconds since 1970.
    at: float
    edited_at: float | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What stands on its buttons, row by row."""
        return tuple(button.text for row in self.buttons for button in row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Toast:
    """What pops up after a press."""

    #: Of the press: the callback query.
    id: str
    text: str
    alert: bool
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingUpdate:
    """Something that the bot is yet to hear of."""

    id: int
    #: `message` or `callback_query`.
    kind: str
    content: Json


@dataclass(slots=True)
class Chat:
    """A person's private chat with the bot."""

    person: Person
    messages: OrderedDict[int, Message] = field(default_factory=OrderedDict)
    #: The buttons below the input line.
    keyboard: Keyboard = ()
    toasts: deque[Toast] = field(default_factory=lambda: deque(maxlen=_TOASTS))
    #: Presses that the bot has not answered yet, by the message.
    unanswered: dict[str, int] = field(default_factory=dict)
    #: The world's revision at the chat's last change.
    revision: int = 0

    @property
    def open(self) -> bool:
        """A bot may not write first."""
        return bool(self.messages)


class World:
    """The state of the sandbox."""

    def __init__(self, number: int, username: str, people: Iterable[Person], limits: Limits | None = None) -> None:
        """`number`, `username`: the bot's own; with `limits` it is told when it is too loud."""
        self.bot: Json = {"id": number, "is_bot": True, "first_name": "Амико", "username": username}
        self.limits = limits
        self.people = {person.id: person for person in people}
        self.changed = threading.Condition(threading.RLock())
        #: Called at each change, with the condition held, from whatever thread.
        self.listeners: list[Callable[[], None]] = []
        self.revision = 0
        #: How many polls are held open: none means that no bot listens.
        self.polls = 0
        #: The menus of commands, by scope (`default`, `all_private_chats` or a chat's number) and language.
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.faults = Faults()
        self._chats = {person.id: Chat(person) for person in self.people.values()}
        self._pending: deque[PendingUpdate] = deque(maxlen=_UPDATES)
        self._allowed: tuple[str, ...] = ()
        self._last_update = 100_000
        self._last_message = 0
        self._last_query = 0

    # What people do

    def write(self, person: int, text: str) -> int:
        """A person writes, or presses a button below the input line. Returns the update's id."""
        with self.changed:
            chat = self.chat(person)
            message = self._add(
                chat, Message(id=0, person=person, from_bot=False, text=text, entities=find(text), at=time.time())
            )
            content = message_json(message, chat.person)
            content["from"] = user_json(chat.person)
            return self._update("message", content)

    def press(self, person: int, message: int, data: str) -> int:
        """A person presses a button below a message. Returns the update's id."""
        with self.changed:
            chat = self.chat(person)
            found = chat.messages.get(message)
            if found is None or all(button.data != data for row in found.buttons for button in row):
                raise InputError(f"message {message} has no such button (any more)")
            self._last_query += 1
            query = str(self._last_query)
            chat.unanswered[query] = message
            if len(chat.unanswered) > _UNANSWERED:
                del chat.unanswered[next(iter(chat.unanswered))]
            self._touch(chat)
            content: Json = {
                "id": query,
                "from": user_json(chat.person),
                "chat_instance": str(person),
                "message": message_json(found, chat.person),
                "data": data,
            }
            return self._update("callback_query", content)

    # What the bot does

    def chat(self, person: int) -> Chat:
        """The chat with a person. Raises InputError for a stranger."""
        if person not in self._chats:
            known = ", ".join(f"{one.id} ({one.name})" for one in self.people.values())
            raise InputError(f"the sandbox has no person {person}; there are: {known}")
        return self._chats[person]

    def knows(self, person: int) -> bool:
        """The bot may write to that person."""
        return person in self._chats and self._chats[person].open

    @property
    def chats(self) -> Iterable[Chat]:
        """All chats, also those that nobody has opened yet."""
        return self._chats.values()

    def menu(self, person: int) -> list[Json]:
        """The commands that Telegram would show to that person: those of the narrowest scope that has some."""
        language = self.chat(person).person.language or ""
        for scope in (str(person), "all_private_chats", "default"):
            for code in (language.split("-")[0], ""):
                if found := self.commands.get((scope, code)):
                    return found
        return []

    def send(self, message: Message, keyboard: Keyboard | None) -> Message:
        """The bot writes; a keyboard replaces the one below the input line. Returns the message with its number."""
        with self.changed:
            chat = self.chat(message.person)
            if keyboard is not None:
                chat.keyboard = keyboard
            return self._add(chat, message)

    def replace(self, message: Message) -> None:
        """The bot changes a message of its own."""
        with self.changed:
            chat = self.chat(message.person)
            chat.messages[message.id] = replace(message, edited_at=time.time())
            self._touch(chat)
            self._ring()

    def answer(self, query: str, text: str, *, alert: bool) -> bool:
        """The bot answers a press. False where there's no such press to be answered."""
        with self.changed:
            for chat in self._chats.values():
                if chat.unanswered.pop(query, None) is not None:
                    chat.toasts.append(Toast(id=query, text=text, alert=alert, at=time.time()))
                    self._touch(chat)
                    self._ring()
                    return True
            return False

    def set_commands(self, scope: str, language: str, commands: list[Json]) -> None:
        """The menu for a scope and language; an empty one is none."""
        with self.changed:
            self.commands[scope, language] = commands
            for chat in self._chats.values():
                self._touch(chat)
            self._ring()

    def confirm(self, offset: int) -> None:
        """The bot has all updates before that one; a negative number leaves so many of the newest."""
        with self.changed:
            while self._pending and (len(self._pending) > -offset if offset < 0 else self._pending[0].id < offset):
                self._pending.popleft()

    def pending(self, limit: int) -> list[PendingUpdate]:
        """The oldest updates that are not confirmed."""
        with self.changed:
            return list(self._pending)[:limit]

    def polling(self, change: int) -> None:
        """A poll is held open from now on (1), or no longer (-1)."""
        with self.changed:
            self.polls += change
            self._ring()

    def allow(self, kinds: tuple[str, ...]) -> None:
        """The kinds of updates that the bot wants from now on; none means all."""
        with self.changed:
            self._allowed = kinds

    def fault(self, method: str, chat: int | None) -> Fault | None:
        """What goes wrong with this call; None if nothing does."""
        with self.changed:
            return self.faults.next(method, chat)

    def _update(self, kind: str, content: Json) -> int:
        self._last_update += 1
        if not self._allowed or kind in self._allowed:
            self._pending.append(PendingUpdate(id=self._last_update, kind=kind, content=content))
        self._ring()
        return self._last_update

    def _add(self, chat: Chat, message: Message) -> Message:
        self._last_message += 1
        numbered = replace(message, id=self._last_message)
        chat.messages[numbered.id] = numbered
        while len(chat.messages) > _MESSAGES:
            chat.messages.popitem(last=False)
        self._touch(chat)
        self._ring()
        return numbered

    def _touch(self, chat: Chat) -> None:
        """Before the bell is rung: the chat looks different from now on."""
        chat.revision = self.revision + 1

    def _ring(self) -> None:
        self.revision += 1
        self.changed.notify_all()
        for listener in self.listeners:
            listener()


def user_json(person: Person) -> Json:
    """A person as Telegram describes one."""
    content: Json = {"id": person.id, "is_bot": False, "first_name": person.name}
    if person.username is not None:
        content["username"] = person.username
    if person.language is not None:
        content["language_code"] = person.language
    return content


def message_json(message: Message, person: Person) -> Json:
    """A message as Telegram describes one, without its sender."""
    content: Json = {
        "message_id": message.id,
        "date": int(message.at),
        "chat": {"id": person.id, "type": "private", "first_name": person.name},
    }
    if message.edited_at is not None:
        content["edit_date"] = int(message.edited_at)
    if message.photo is not None:
        content["photo"] = [
            {"file_id": f"photo-{message.id}", "file_unique_id": f"p{message.id}", "width": 1, "height": 1}
        ]
        content["caption"] = message.text
    else:
        content["text"] = message.text
    if message.entities:
        content["entities" if message.photo is None else "caption_entities"] = [
            {"type": one.kind, "offset": one.offset, "length": one.length} | ({"url": one.url} if one.url else {})
            for one in message.entities
        ]
    if message.buttons:
        rows = [[{"text": b.text, "callback_data": b.data} for b in row] for row in message.buttons]
        content["reply_markup"] = {"inline_keyboard": rows}
    return content
