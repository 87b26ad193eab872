"""What all handlers share: whom they talk with, and how they answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup
from telegram import Message, Update, User

from bot.keyboards import state_keyboard
from bot.limits import refusals
from bot.registry import Registry
from bot.texts import Texts, language_of, texts
from bot.wording import Wording, paragraphs
from domain.errors import NotRegisteredError
from domain.records import Assistant, AssistantState
from domain.settings import Settings, Store


class OtherBotError(NotRegisteredError):
    """The person's store works with another bot."""

    def __init__(self, store: Store) -> None:
        super().__init__(f"store {store.id} works with the bot {store.bot}")
        self.store = store


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A message of a person in the private chat."""

    update: int
    message: Message
    user: User
    t: Texts
    #: What stands behind the command.
    words: tuple[str, ...]

    @classmethod
    def of(cls, update: Update) -> "Asked":
        message, user = update.effective_message, update.effective_user
        if message is None or user is None:
            raise ValueError("the filters let only people's messages through")
        words = (message.text or "").split()
        return cls(
            update=update.update_id,
            message=message,
            user=user,
            t=texts(language_of(user.language_code)),
            words=tuple(words[1:]),
        )


class Desk:
    """Answers people; each answer to an assistant says what state they are in, with the buttons that fit it."""

    def __init__(self, registry: Registry, settings: Settings, *, bot: str, usernames: Mapping[str, str]) -> None:
        """`bot`: the name of the one that people talk to here; `usernames`: each bot's in Telegram, as far as known."""
        self.registry = registry
        self.settings = settings
        self.wording = Wording(settings)
        self._bot = bot
        self._usernames = usernames
        self._refusals = refusals()
        #: The state that each assistant's buttons below the input line were last made for.
        self._shown: dict[int, AssistantState] = {}

    def is_admin(self, user: User) -> bool:
        """By number, as the settings say."""
        return user.id in self.settings.telegram.admins

    def store_of(self, assistant: Assistant) -> Store:
        """Raises SettingsError where the settings have it no more."""
        return self.settings.store(assistant.store)

    def link(self, bot: str, code: str = "") -> str | None:
        """A bot's address, with a code for it; None where the bot has not said hello to Telegram yet."""
        username = self._usernames.get(bot)
        if username is None:
            return None
        return f"https://t.me/{username}?start={code}" if code else f"https://t.me/{username}"

    async def assistant(self, user: User) -> Assistant:
        """Who it is. Raises NotRegisteredError, and OtherBotError where another bot is the right one."""
        try:
            found = (await self.registry.standing(telegram_id=user.id)).assistant
        except NotRegisteredError:
            # registered since, or never pressed /start
            found = await self.login(user)
        return self.checked(found)

    async def login(self, user: User) -> Assistant:
        """Recognise a person. Raises NotRegisteredError."""
        known = await self.registry.login(
            telegram_id=user.id,
            username=user.username,
            name=user.full_name,
            language=language_of(user.language_code),
        )
        self.forgive(user)
        return known

    def checked(self, assistant: Assistant) -> Assistant:
        """Raises OtherBotError where another bot is the right one for this assistant."""
        store = self.store_of(assistant)
        if store.bot != self._bot:
            raise OtherBotError(store)
        return assistant

    @property
    def one_bot(self) -> bool:
        """There is no other bot that could be the right one."""
        return len(self.settings.telegram.tokens) == 1

    async def say(
        self, asked: Asked, assistant: Assistant, text: Markup | None = None, *, already: bool = False
    ) -> None:
        """Answer an assistant; `already`: the state was so before."""
        state = self.wording.state(assistant.state, asked.t, already=already)
        self._shown[asked.user.id] = assistant.state
        await asked.message.reply_text(
            paragraphs(text or "", state), reply_markup=state_keyboard(assistant.state, asked.t)
        )

    async def show_picture(self, asked: Asked, assistant: Assistant, picture: bytes, text: Markup) -> None:
        """Answer an assistant with a picture (PNG)."""
        state = self.wording.state(assistant.state, asked.t)
        self._shown[asked.user.id] = assistant.state
        await asked.message.reply_photo(
            picture,
            caption=paragraphs(text, state),
            reply_markup=state_keyboard(assistant.state, asked.t),
            filename="amiko.png",
        )

    def shows(self, user: User, state: AssistantState) -> bool:
        """Whether the person's buttons are made for that state, as far as is known."""
        return self._shown.get(user.id) is state

    async def show_state(self, user: User, assistant: Assistant, t: Texts) -> None:
        """Say the state after a press that has changed it."""
        self._shown[user.id] = assistant.state
        await user.send_message(self.wording.state(assistant.state, t), reply_markup=state_keyboard(assistant.state, t))

    # -- those without access -----------------------------------------------------------------------------

    def is_ignored(self, user: User) -> bool:
        """A stranger who has been answered a moment ago."""
        return self._refusals.reached(user.id)

    def forgive(self, user: User) -> None:
        """A stranger no more."""
        self._refusals.forget(user.id)

    def refusal(self, error: NotRegisteredError, user: User, t: Texts) -> Markup | None:
        """What to say to somebody who has no access here; None: nothing, for now."""
        if isinstance(error, OtherBotError):
            link = self.link(error.store.bot)
            return t("other-bot", link=link) if link else t("other-bot-unknown")
        if self.is_admin(user):
            return t("welcome-admin", name=user.full_name)
        return t("no-access", id=user.id) if self._refusals.allows(user.id) else None
