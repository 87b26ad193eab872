import dataclasses
import re
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor
from hypothesis import given
from hypothesis import strategies as st
from support.chats import notification, prediction

import bot.texts
from bot.handlers import COMMANDS
from bot.texts import LANGUAGES, Texts, language_of, notification_text, percent, texts
from domain.records import NOT_A_CUSTOMER, NotificationState


class Variables(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802 - the library's name
        self.names.add(node.id.name)


def messages_of(language: str) -> dict[str, set[str]]:
    """The names in a language's file, with what each wants filled in."""
    source = (Path(bot.texts.__file__).parent / f"{language}.ftl").read_text(encoding="utf-8")
    found = {}
    for entry in FluentParser().parse(source).body:
        assert not isinstance(entry, ast.Junk), entry.content
        if isinstance(entry, ast.Message):
            assert entry.id.name not in found, f"{entry.id.name} stands twice"
            variables = Variables()
            variables.visit(entry)
            found[entry.id.name] = variables.names
    return found


def test_both_languages_have_the_same_texts_with_the_same_values():
    assert messages_of("ru") == messages_of("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_renders(language):
    for name, variables in messages_of(language).items():
        text = Texts(language)(name, **dict.fromkeys(variables, "«что-то»"))
        assert text.strip()
        assert "{" not in text
        assert text.count("«что-то»") >= len(variables)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_fit_where_telegram_puts_them(language):
    t = Texts(language)
    for name, variables in messages_of(language).items():
        if name.startswith("toast-"):
            assert len(t(name)) <= 200
        if name.startswith("button-") and not variables:
            assert len(t(name)) <= 20, "buttons are narrow on a phone"
    for command in COMMANDS:
        assert 1 <= len(t(f"command-{command}")) <= 256


def test_a_missing_text_or_value_is_an_error():
    with pytest.raises(LookupError):
        texts("ru")("no-such-text")
    with pytest.raises(KeyError, match="welcome"):
        texts("ru")("welcome")


@pytest.mark.parametrize(
    ("code", "language"),
    [
        (None, "ru"),
        ("ru", "ru"),
        ("ru-RU", "ru"),
        ("RU", "ru"),
        ("en", "en"),
        ("en-GB", "en"),
        ("de", "en"),
        ("uk", "en"),
    ],
)
def test_russian_unless_telegram_says_otherwise(code, language):
    assert language_of(code) == language


def test_the_notification_says_where_to_go_first():
    lines = notification_text(notification()).splitlines()
    assert lines[0] == "Подойдите в отдел Toys — 72%"
    assert lines[1] == "Ещё вероятно: Electronics (15%), Beauty Technique (8%)"
    assert len(lines) == 2, "the fourth department helps nobody"


def test_a_store_with_one_department_has_no_other_to_name():
    text = notification_text(notification(prediction=prediction(("Toys", 1.0))))
    assert text == "Подойдите в отдел Toys — 100%"


def test_without_a_prediction_the_visitor_is_announced_all_the_same():
    assert notification_text(notification(prediction=None)) == "Посетитель у входа"
    assert notification_text(notification(prediction=None, language="en")) == "A visitor at the entrance"


def test_in_english():
    assert notification_text(notification(language="en")).startswith("Go to Toys — 72%")


def test_one_that_may_have_come_before_says_so():
    assert notification_text(notification(), again=True).startswith("Повторно: Подойдите в отдел Toys")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", NotificationState)
def test_what_became_of_it_stands_below(language, state):
    plain = notification_text(notification(language=language))
    text = notification_text(notification(language=language, state=state))
    assert text.startswith(plain)
    changed = state not in {NotificationState.QUEUED, NotificationState.SENT}
    assert (text != plain) == changed


def test_the_answer_is_shown_and_not_being_a_customer_is_translated():
    taken = notification(state=NotificationState.TAKEN)
    assert "Отмечено: Toys" in notification_text(dataclasses.replace(taken, answer="Toys"))
    assert "Отмечено: Не покупатель" in notification_text(dataclasses.replace(taken, answer=NOT_A_CUSTOMER))


names = st.text(min_size=1, max_size=64).filter(lambda name: name.strip())


@given(name=names, probability=st.floats(0, 1), language=st.sampled_from(LANGUAGES))
def test_whatever_a_department_is_called_it_is_named_as_it_is(name, probability, language):
    text = notification_text(notification(prediction=prediction((name, probability)), language=language))
    assert name in text
    assert re.search(r"\d+%$", text)


@given(st.floats(0, 1))
def test_a_share_is_whole_per_cent(probability):
    assert abs(int(percent(probability)) - 100 * probability) <= 0.5
