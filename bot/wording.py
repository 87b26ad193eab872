"""The messages made of records: about visitors, notices, an assistant's day, how the stores are."""

import time
from typing import TYPE_CHECKING

from markupsafe import Markup

from bot.texts import Texts, texts
from domain.records import (
    NOT_A_CUSTOMER,
    AssistantDay,
    AssistantState,
    Notice,
    Notification,
    NotificationState,
    Ranked,
    StoreOverview,
    StoreReport,
)
from domain.settings import Settings, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds from which on "a minute ago" is exact enough.
_MINUTES_FROM = 100
_UNDECIDED = {NotificationState.QUEUED, NotificationState.SENT}


def percent(probability: float) -> str:
    """0 to 1 as whole per cent."""
    return f"{probability * 100:.0f}"


def lines(*parts: str) -> Markup:
    """One below the other; those that are empty are left out."""
    return Markup("\n").join(part for part in parts if part)


def paragraphs(*parts: str) -> Markup:
    """With an empty line between them; those that are empty are left out."""
    return Markup("\n\n").join(part for part in parts if part)


class Wording:
    """Says things in people's words: departments, stores and doors are called as the settings have it."""

    def __init__(self, settings: Settings) -> None:
        self._stores = {store.id: store for store in settings.stores}

    def department(self, store: str, department: str, language: str) -> str:
        """As it is called in that store and language; the catalogue's name for a store that is no more."""
        known = self._stores.get(store)
        return known.department(department, language) if known else department

    def answer(self, answer: str, store: str, t: Texts) -> str:
        """How an answer is called."""
        if answer == NOT_A_CUSTOMER:
            return t.plain("button-not-a-customer")
        return self.department(store, answer, t.language)

    def notification(self, notification: Notification, *, at: float | None = None) -> Markup:
        """The message about a visitor, with what has become of it since.

        `at`: when it is sent, for how long ago the visitor came in; now if not given.
        """
        t, now = texts(notification.language), time.time() if at is None else at
        about = lines(self._visitor(notification, t), self._place(notification, t))
        if notification.state in _UNDECIDED:
            return lines(about, _ago(now - notification.came_at, t))
        return paragraphs(about, self._outcome(notification, t, now))

    def notice(self, notice: Notice) -> Markup:
        """What an admin is told."""
        t = texts(notice.language)
        return t(f"notice-{notice.kind.value.replace(' ', '-')}", **notice.values)

    def state(self, state: AssistantState, t: Texts, *, already: bool = False) -> Markup:
        """What an assistant does, in one line; `already`: it was so before the press."""
        again = already and state is not AssistantState.BUSY
        return t(f"state-{state.value}-already" if again else f"state-{state.value}")

    def day(self, day: AssistantDay, t: Texts) -> Markup:
        """An assistant's own day."""
        if not day.met:
            shown = t("stats-shown", count=day.shown) if day.shown else ""
            return lines(t("stats-title"), t("stats-none"), shown)
        take = t("stats-take", count=max(1, round(day.median_take_s))) if day.median_take_s is not None else ""
        right = t("stats-right", right=day.right, answered=day.answered) if day.answered else ""
        return lines(t("stats-title"), t("stats-met", count=day.met), t("stats-shown", count=day.shown), take, right)

    def overview(self, overview: StoreOverview, t: Texts) -> Markup:
        """How a store is at this moment."""
        store = self._stores[overview.store]
        cameras = t("store-cameras", alive=len(store.cameras) - len(overview.lost), all=len(store.cameras))
        names = ", ".join(camera.label for camera in store.cameras if camera.id in overview.lost)
        return lines(
            t("store-title", store=store.name),
            cameras if store.cameras else "",
            t("store-lost", cameras=names) if names else "",
            t("store-waiting", count=overview.waiting),
            t("store-busy", count=overview.busy) if overview.busy else "",
            t("store-visits", count=overview.visits, met=overview.met),
        )

    def report(self, report: StoreReport, t: Texts) -> Markup:
        """A store's last days in a line."""
        visits, met = sum(day.visits for day in report.days), sum(day.met for day in report.days)
        if not visits:
            return lines(t("store-title", store=report.name), t("report-none"))
        return t("report-summary", store=report.name, count=visits, share=percent(met / visits))

    def _visitor(self, notification: Notification, t: Texts) -> Markup:
        ranking: Sequence[Ranked] = notification.prediction.ranking if notification.prediction else ()
        if not ranking:
            return t("visitor-unknown", number=notification.number)

        def name(one: Ranked) -> str:
            return self.department(notification.store, one.department, t.language)

        first, *others = ranking
        more = Markup(", ").join(
            t("ranked", department=name(one), percent=percent(one.probability)) for one in others[:2]
        )
        return lines(
            t("visitor", number=notification.number, department=name(first), percent=percent(first.probability)),
            t("visitor-more", departments=more) if more else "",
        )

    def _place(self, notification: Notification, t: Texts) -> Markup:
        """Which store and which door, where there are several."""
        store = self._stores.get(notification.store)
        if store is None:
            return Markup()
        known = [store.name] if len(self._stores) > 1 else []
        doors = _doors(store)
        if len(doors) > 1 and notification.camera in doors:
            known.append(t("place-door", door=doors[notification.camera]))
        return Markup(". ").join(known)

    def _outcome(self, notification: Notification, t: Texts, now: float) -> Markup:
        over = notification.answerable_until is not None and now > notification.answerable_until
        match notification.state:
            case NotificationState.TAKEN if notification.answer is not None:
                answer = self.answer(notification.answer, notification.store, t)
                return t("answered-over" if over else "answered", answer=answer)
            case NotificationState.EXPIRED if notification.met_by is not None:
                return t("met", name=notification.met_by)
            case NotificationState.TAKEN if over:
                return t("taken-over")
            case _:
                return t(notification.state.value)


def _doors(store: Store) -> dict[str, str]:
    return {camera.id: camera.label for camera in store.cameras if camera.role == "entrance"}


def _ago(seconds: float, t: Texts) -> Markup:
    whole = int(seconds)
    if whole < 1:
        return t("came-now")
    if whole < _MINUTES_FROM:
        return t("came-seconds", count=whole)
    return t("came-minutes", count=round(whole / 60))
