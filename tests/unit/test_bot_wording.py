import dataclasses
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from support.chats import DEPARTMENTS, notification, prediction, settings_of, store

from bot.texts import LANGUAGES, texts
from bot.wording import Wording, percent
from domain.records import (
    NOT_A_CUSTOMER,
    AssistantDay,
    AssistantState,
    Notice,
    NoticeKind,
    Notification,
    NotificationState,
    StoreOverview,
)
from domain.settings import Camera

HOURS = (0,) * 24


def said(one: Notification, at: float = 3.0, wording: Wording | None = None) -> str:
    """As a person reads it."""
    text = (wording or Wording(settings_of())).notification(one, at=at)
    return html.unescape(re.sub(r"</?b>", "", text))


def test_the_department_comes_first_and_stands_out():
    text = Wording(settings_of()).notification(notification(), at=3.0)
    assert text.splitlines() == [
        "Подойдите в отдел <b>Toys</b> — 72%. Посетитель № 12",
        "Или: Electronics (15%), Beauty Technique (8%)",
        "Вошёл 3 секунды назад",
    ], "the fourth department helps nobody"


def test_a_store_with_one_department_has_no_other_to_name():
    text = said(notification(prediction=prediction(("Toys", 1.0))))
    assert text.splitlines()[:2] == ["Подойдите в отдел Toys — 100%. Посетитель № 12", "Вошёл 3 секунды назад"]


def test_without_a_prediction_the_visitor_is_announced_all_the_same():
    assert said(notification(prediction=None)).startswith("Посетитель № 12 у входа\n")
    assert said(notification(prediction=None, language="en")).startswith("Visitor no. 12 at the entrance\n")


def test_in_english():
    assert said(notification(language="en")).startswith("Please go to Toys: 72%. Visitor no. 12\nOr: Electronics (15%)")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "только что"),
        (0.9, "только что"),
        (1.0, "1 секунду назад"),
        (5.9, "5 секунд назад"),
        (22.0, "22 секунды назад"),
        (99.0, "99 секунд назад"),
        (130.0, "2 минуты назад"),
    ],
)
def test_how_long_ago_the_visitor_came_in(seconds, words):
    assert said(notification(), at=seconds).splitlines()[-1] == f"Вошёл {words}"


def door(name: str, label: str | None = None) -> Camera:
    return Camera(id=name, name=label, role="entrance", source=SecretStr("0"))


def test_store_and_door_are_named_where_there_are_several():
    two_doors = store(cameras=[door("door", "с Садовой"), door("yard")])
    other = store(id="spb-2", name="Амико, Садовая")
    assert len(said(notification()).splitlines()) == 3
    assert said(notification(), wording=Wording(settings_of(two_doors))).splitlines()[2] == "Вход: с Садовой"
    both = Wording(settings_of(two_doors, other))
    assert said(notification(), wording=both).splitlines()[2] == "Амико, Невский. Вход: с Садовой"
    assert said(notification(camera="yard"), wording=both).splitlines()[2] == "Амико, Невский. Вход: yard"
    assert said(notification(store="spb-2"), wording=both).splitlines()[2] == "Амико, Садовая"


def test_departments_are_called_as_people_call_them_in_their_language():
    wording = Wording(settings_of(store(department_names={"Toys": {"ru": "Игрушки"}})))
    assert said(notification(), wording=wording).startswith("Подойдите в отдел Игрушки — 72%. Посетитель № 12")
    assert said(notification(language="en"), wording=wording).startswith("Please go to Toys: 72%. Visitor no. 12")
    taken = notification(state=NotificationState.TAKEN, answer="Toys", answerable_until=10.0)
    assert "Отмечено: Игрушки" in said(taken, wording=wording)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", NotificationState)
def test_what_became_of_it_stands_below(language, state):
    about = said(notification(language=language)).splitlines()[:2]
    text = said(notification(language=language, state=state))
    assert text.splitlines()[:2] == about
    assert ("\n\n" in text) == (state not in {NotificationState.QUEUED, NotificationState.SENT})


def test_the_others_read_who_meets_the_visitor():
    met = notification(state=NotificationState.EXPIRED, met_by="Анна <3")
    assert said(met).endswith("Клиента встречает Анна <3")
    assert "не нужно" in said(dataclasses.replace(met, met_by=None))


def test_the_answer_is_shown_and_may_be_changed_for_an_hour():
    taken = notification(state=NotificationState.TAKEN, answerable_until=10.0)
    assert "отметьте" in said(taken)
    assert said(taken, at=11.0).endswith("👍 Вы встретили посетителя")
    for answer, words in (("Toys", "Toys"), (NOT_A_CUSTOMER, "Не клиент")):
        answered = dataclasses.replace(taken, answer=answer)
        assert said(answered).endswith(f"Отмечено: {words}. Исправить можно в течение часа")
        assert said(answered, at=11.0).endswith(f"Отмечено: {words}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", AssistantState)
def test_each_state_is_one_line(language, state):
    wording, t = Wording(settings_of()), texts(language)
    for already in (True, False):
        assert len(wording.state(state, t, already=already).splitlines()) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_each_notice_has_its_words(language, kind):
    values = dict.fromkeys(("name", "store", "camera", "reason", "version", "bot"), "<Анна>")
    notice = Notice(id=1, chat=1, bot="main", kind=kind, language=language, values=values, created_at=0.0)
    text = Wording(settings_of()).notice(notice)
    assert "&lt;Анна&gt;" in text
    assert "<Анна>" not in text


def test_an_assistants_day():
    wording, t = Wording(settings_of()), texts("ru")
    day = AssistantDay(met=2, shown=5, median_take_s=7.6, answered=2, right=1, met_by_hour=HOURS)
    assert wording.day(day, t).splitlines() == [
        "<b>Ваш день</b>",
        "Вы встретили 2 посетителей",
        "Сообщений о посетителях: 5",
        "Обычно нажимали «Иду» через 8 секунд",
        "Отдел угадан: 1 из 2",
    ]
    nothing = AssistantDay(met=0, shown=0, median_take_s=None, answered=0, right=0, met_by_hour=HOURS)
    assert wording.day(nothing, t).splitlines()[1:] == ["Сегодня вы ещё никого не встретили"]


def test_how_a_store_is():
    wording = Wording(settings_of(store(cameras=[door("door", "с Садовой"), door("yard")])))
    overview = StoreOverview(store="spb-1", waiting=1, busy=0, visits=37, met=30, lost=("yard",))
    assert wording.overview(overview, texts("ru")).splitlines() == [
        "<b>Амико, Невский</b>",
        "Камер на связи: 1 из 2",
        "Нет связи: yard",
        "🟢 ждёт 1 продавец",
        "Сегодня: 37 посетителей, встречено 30",
    ]


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)


@given(name=names, probability=st.floats(0, 1), language=st.sampled_from(LANGUAGES))
def test_whatever_a_department_is_called_it_is_named_as_it_is(name, probability, language):
    separator = {"ru": " —", "en": ":"}
    text = said(notification(prediction=prediction((name, probability)), language=language))
    assert f"{name}{separator[language]} {percent(probability)}%" in text


@given(st.floats(0, 1))
def test_a_share_is_whole_per_cent(probability):
    assert abs(int(percent(probability)) - 100 * probability) <= 0.5


def test_no_department_is_lost():
    assert [Wording(settings_of()).department("spb-1", name, "ru") for name in DEPARTMENTS] == list(DEPARTMENTS)
