"""What admins write and press."""

import contextlib
from dataclasses import replace

from telegram import CallbackQuery, InlineKeyboardMarkup, Message
from telegram.error import BadRequest

from bot.drawing import draw_report
from bot.handlers.assistants import set_buttons, toast
from bot.handlers.desk import Asked, Desk
from bot.keyboards import Choice, member, named, remove_keyboard, staff_keyboard, stores_keyboard
from bot.registry import Reports
from bot.texts import Texts, language_of, texts
from bot.wording import lines, paragraphs
from domain.records import AssistantState
from domain.settings import Store

#: Days of a report.
_DAYS = 14
#: Stores in one message: Telegram's message holds 4096 letters.
_STORES = 20
_MARKS = {AssistantState.OFF: "⚪", AssistantState.WAITING: "🟢", AssistantState.BUSY: "🔵"}


class Admins:
    """All that admins can do beside. Whoever calls has made sure that it is one."""

    def __init__(self, desk: Desk, reports: Reports | None) -> None:
        self._desk = desk
        self._registry = desk.registry
        self._reports = reports
        self._stores = {store.id: store for store in desk.settings.stores}

    async def invite(self, asked: Asked) -> None:
        """/invite [store]: a link with a one-time code."""
        if store := await self._store_named(asked, Choice.INVITE):
            await self._invite(asked.message, asked.user.id, store, asked.t)

    async def assistants(self, asked: Asked) -> None:
        """/assistants [store]: who is on the list, to be taken off it."""
        if store := await self._store_named(asked, Choice.STAFF):
            text, keyboard = await self._staff(store, asked.t)
            await asked.message.reply_text(text, reply_markup=keyboard)

    async def stores(self, asked: Asked) -> None:
        """/stores: how each store is at this moment."""
        told = [self._desk.wording.overview(one, asked.t) for one in await self._registry.stores()]
        for first in range(0, len(told), _STORES):
            await asked.message.reply_text(paragraphs(*told[first : first + _STORES]))

    async def report(self, asked: Asked) -> None:
        """/report [store]: the last two weeks, as pictures."""
        if store := await self._store_named(asked, Choice.REPORT):
            await self._report(asked.message, store, asked.t)

    async def choose(self, query: CallbackQuery, choice: Choice, value: str) -> None:
        """A button below one of those answers."""
        t = texts(language_of(query.from_user.language_code))
        message = query.message
        if not isinstance(message, Message):
            await toast(query, t.plain("toast-not-valid"))
            return
        if choice in {Choice.REMOVE, Choice.REMOVE_REALLY}:
            await self._remove(query, choice, value, t)
            return
        store = self._stores.get(named(value, self._stores) or "")
        if store is None:
            await toast(query, t.plain("toast-not-valid"))
            return
        await toast(query, "")
        match choice:
            case Choice.INVITE:
                await self._invite(message, query.from_user.id, store, t)
            case Choice.REPORT:
                await self._report(message, store, t)
            case _:
                await _edit(query, *await self._staff(store, t))

    async def _store_named(self, asked: Asked, choice: Choice) -> Store | None:
        """The store that stands behind the command, or the only one; else the person is asked."""
        given = " ".join(asked.words).casefold()
        if not given and len(self._stores) == 1:
            return next(iter(self._stores.values()))
        for store in self._stores.values():
            if given in {store.id.casefold(), store.name.casefold()}:
                return store
        await asked.message.reply_text(
            asked.t("unknown-store" if given else "choose-store"),
            reply_markup=stores_keyboard(self._stores.values(), choice),
        )
        return None

    async def _invite(self, message: Message, admin: int, store: Store, t: Texts) -> None:
        invite = await self._registry.invite(admin=admin, store=store.id)
        link = self._desk.link(invite.bot, invite.code)
        text = (
            t("invite", store=store.name, code=invite.code, link=link)
            if link
            else t("invite-no-link", store=store.name, code=invite.code)
        )
        await message.reply_text(text)

    async def _staff(self, store: Store, t: Texts) -> tuple[str, InlineKeyboardMarkup | None]:
        staff = [one for one in await self._registry.assistants() if one.store == store.id]
        if not staff:
            return lines(t("store-title", store=store.name), t("staff-none")), None
        listed = [
            t("staff-one", state=_MARKS[one.state], name=one.name)
            if one.telegram_id is not None
            else t("staff-new", name=one.name)
            for one in staff
        ]
        text = paragraphs(lines(t("store-title", store=store.name), *listed), t("staff-hint"))
        return text, staff_keyboard(staff, t)

    async def _remove(self, query: CallbackQuery, choice: Choice, value: str, t: Texts) -> None:
        """Asks once more before it does it."""
        found = next((one for one in await self._registry.assistants() if member(one) == value), None)
        store = self._stores.get(found.store) if found is not None else None
        if found is None or store is None:
            await toast(query, t.plain("toast-not-valid"))
            await set_buttons(query, None)
            return
        await toast(query, "")
        if choice is Choice.REMOVE:
            await _edit(query, t("remove-really", store=store.name, name=found.name), remove_keyboard(found, t))
            return
        await self._registry.remove(assistant=found.id)
        await _edit(query, *await self._staff(store, t))

    async def _report(self, message: Message, store: Store, t: Texts) -> None:
        report = await self._registry.report(store=store.id, days=_DAYS)
        text = self._desk.wording.report(report, t)
        departments = tuple((store.department(one, t.language), count) for one, count in report.visits_by_department)
        picture = None
        if any(day.visits for day in report.days):
            picture = await draw_report(replace(report, visits_by_department=departments), t.language)
        if picture is None:
            await message.reply_text(text)
        else:
            await message.reply_photo(picture, caption=text, filename="report.png")
        sheet = await self._reports.report(store.id, t.language) if self._reports is not None else None
        if sheet is not None:
            await message.reply_photo(sheet, caption=t("report-training", store=store.name), filename="training.png")


async def _edit(query: CallbackQuery, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
    with contextlib.suppress(BadRequest):  # pressed twice, or deleted by the person
        await query.edit_message_text(text, reply_markup=keyboard)
