import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chats import ANNA, DEPARTMENTS, assistant, notification, prediction, settings_of, store
from telegram import InlineKeyboardMarkup

from bot.keyboards import Action, Choice, Press, answers, departments_keyboard, digest, named, state_keyboard
from bot.keyboards import notification_keyboard as keyboard_at
from bot.texts import LANGUAGES, texts
from bot.wording import Wording
from domain.records import NOT_A_CUSTOMER, AssistantState, Notification, NotificationState

taken = notification(state=NotificationState.TAKEN, answerable_until=60.0)


def notification_keyboard(one: Notification, at: float = 0.0) -> InlineKeyboardMarkup | None:
    return keyboard_at(one, Wording(settings_of()), at=at)


def answer_of(digest_: str, one: Notification) -> str | None:
    return named(digest_, answers(one))


def labels(keyboard: InlineKeyboardMarkup | None) -> list[list[str]]:
    assert keyboard is not None
    return [[button.text for button in row] for row in keyboard.inline_keyboard]


def presses(keyboard: InlineKeyboardMarkup | None) -> list[Press]:
    assert keyboard is not None
    found = [Press.decode(str(button.callback_data)) for row in keyboard.inline_keyboard for button in row]
    return [press for press in found if press is not None]


@pytest.mark.parametrize("state", [NotificationState.QUEUED, NotificationState.SENT])
def test_a_new_one_is_taken_or_declined(state):
    keyboard = notification_keyboard(notification(state=state))
    assert labels(keyboard) == [["Иду", "Занят"]]
    assert [press.action for press in presses(keyboard)] == [Action.TAKE, Action.DECLINE]


def test_a_taken_one_is_answered():
    keyboard = notification_keyboard(taken)
    assert labels(keyboard) == [
        ["Отдел верный"],
        ["Appliances", "Beauty Technique"],
        ["Electronics", "Large equipment"],
        ["Не клиент"],
    ]
    meant = [answer_of(press.digest, taken) for press in presses(keyboard)]
    assert meant == ["Toys", "Appliances", "Beauty Technique", "Electronics", "Large equipment", NOT_A_CUSTOMER]


def test_without_a_prediction_nothing_can_be_right():
    keyboard = notification_keyboard(dataclasses.replace(taken, prediction=None))
    flat = [label for row in labels(keyboard) for label in row]
    assert flat == [*DEPARTMENTS, "Не клиент"]


@pytest.mark.parametrize(
    ("answer", "label"), [("Toys", "✓ Отдел верный"), ("Electronics", "✓ Electronics"), (NOT_A_CUSTOMER, "✓ Не клиент")]
)
def test_the_answer_is_ticked_and_can_still_be_changed(answer, label):
    keyboard = notification_keyboard(dataclasses.replace(taken, answer=answer))
    ticked = [one for row in labels(keyboard) for one in row if one.startswith("✓")]
    assert ticked == [label]
    assert presses(keyboard) == presses(notification_keyboard(taken))


@pytest.mark.parametrize("state", [NotificationState.DECLINED, NotificationState.EXPIRED, NotificationState.FAILED])
def test_what_is_over_has_no_buttons(state):
    assert notification_keyboard(notification(state=state)) is None


def test_an_old_button_never_means_another_department():
    shuffled = dataclasses.replace(taken, departments=("Garden", *reversed(DEPARTMENTS)))
    for press in presses(notification_keyboard(taken)):
        assert answer_of(press.digest, shuffled) == answer_of(press.digest, taken)
    without = dataclasses.replace(taken, departments=("Garden", "Toys"))
    assert answer_of(digest("Electronics"), without) is None


def test_a_long_name_is_cut_on_the_button_and_nowhere_else():
    name = "Крупная бытовая техника для кухни и ванной комнаты, встроенная"
    keyboard = notification_keyboard(dataclasses.replace(taken, departments=(name,)))
    label = labels(keyboard)[0][0]
    assert len(label) == 40
    assert label.endswith("…")
    assert answer_of(presses(keyboard)[0].digest, dataclasses.replace(taken, departments=(name,))) == name


names = st.text(min_size=1, max_size=64)


@given(
    id_=st.integers(0, 2**59),
    departments=st.lists(names, min_size=1, max_size=30, unique=True),
    state=st.sampled_from(NotificationState),
    predicted=st.booleans(),
)
def test_each_button_fits_and_means_what_it_says(id_, departments, state, predicted):
    one = notification(
        id=id_,
        departments=tuple(departments),
        state=state,
        answerable_until=60.0,
        prediction=prediction((departments[-1], 0.5)) if predicted else None,
    )
    keyboard = notification_keyboard(one)
    if keyboard is None:
        return
    for row in keyboard.inline_keyboard:
        for button in row:
            assert 1 <= len(str(button.callback_data).encode()) <= 64
            press = Press.decode(str(button.callback_data))
            assert press is not None
            assert press.notification == id_
    if state is NotificationState.TAKEN:
        assert {answer_of(press.digest, one) for press in presses(keyboard)} == set(answers(one))


@given(st.none() | st.text(max_size=64))
def test_what_a_changed_client_may_send_is_nothing_or_a_press(data):
    press = Press.decode(data)
    assert press is None or press.encode() == data


@pytest.mark.parametrize("data", ["t:" + "9" * 19 + ":", "t:-1:", "t:1", "t::", "x:1:", "t:1::", "t:\u0661:", ""])
def test_no_button_of_ours(data):
    assert Press.decode(data) is None


def test_after_an_hour_nothing_can_be_answered():
    assert notification_keyboard(taken, at=60.0) is not None
    assert notification_keyboard(taken, at=61.0) is None


def test_a_department_that_is_no_more_cannot_be_right():
    gone = dataclasses.replace(taken, departments=("Electronics",))
    assert labels(notification_keyboard(gone)) == [["Electronics"], ["Не клиент"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_below_the_input_line_stands_what_can_be_done(language):
    t = texts(language)
    expected = {
        AssistantState.OFF: ["button-begin"],
        AssistantState.WAITING: ["button-pause"],
        AssistantState.BUSY: ["button-next", "button-pause"],
    }
    for state, names in expected.items():
        (row,) = state_keyboard(state, t).keyboard
        assert [button.text for button in row] == [t.plain(name) for name in names]


def test_departments_are_ticked_and_the_button_says_what_a_press_makes_of_it():
    anna = assistant(1, ANNA, departments=("Toys",))
    shop = store(department_names={"Toys": {"ru": "Игрушки"}})
    keyboard = departments_keyboard(anna, shop, Wording(settings_of(shop)), texts("ru"))
    flat = {button.text: str(button.callback_data) for row in keyboard.inline_keyboard for button in row}
    assert flat["✓ Игрушки"] == Choice.FORGET.of(digest("Toys"))
    assert flat["Electronics"] == Choice.KNOW.of(digest("Electronics"))


@given(st.none() | st.text(max_size=64))
def test_a_choice_is_one_of_ours_or_nothing(data):
    chosen = Choice.decode(data)
    assert chosen is None or chosen[0].of(chosen[1]) == data
