import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import bot.texts
from bot.commands import ADMIN_COMMANDS, COMMANDS
from bot.texts import LANGUAGES, Texts, language_of, texts

#: Where Telegram takes no HTML.
PLAIN = ("button-", "toast-", "command-", "chart-")


def catalogue(language: str) -> Catalog:
    path = Path(bot.texts.__file__).parent / "locale" / language / "LC_MESSAGES" / "amiko.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def forms(language: str) -> dict[str, tuple[str, ...]]:
    """Each message's name with its text, or its plural forms."""
    found = {}
    for message in catalogue(language):
        if message.id:
            name = message.id[0] if isinstance(message.id, tuple | list) else message.id
            found[name] = message.string if isinstance(message.string, tuple) else (message.string,)
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def filled(name: str, language: str) -> dict[str, str | int]:
    known = {value for form in forms(language)[name] for value in placeholders(form)}
    values: dict[str, str | int] = dict.fromkeys(known, "что-то")
    return values | ({"count": 5} if len(forms(language)[name]) > 1 else {})


def test_both_languages_have_the_same_texts_with_the_same_values():
    ru, en = forms("ru"), forms("en")
    assert list(ru) == list(en), "in the same order, so that a translator finds them"
    for name in ru:
        assert (len(ru[name]) > 1) == (len(en[name]) > 1), name
        wanted = {frozenset(placeholders(text)) for text in (*ru[name], *en[name])}
        assert len(wanted) == 1, name
        assert len(ru[name]) in {1, 3}
        assert len(en[name]) in {1, 2}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_renders(language):
    t = Texts(language)
    for name in forms(language):
        text = (t.plain if name.startswith(PLAIN) else t)(name, **filled(name, language))
        assert text.strip()
        assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_is_telegrams(language):
    for name, texts_ in forms(language).items():
        for text in texts_:
            tags = re.findall(r"</?([a-z]+)>", text)
            assert set(tags) <= {"b", "i", "code"}, name
            assert all(text.count(f"<{tag}>") == text.count(f"</{tag}>") for tag in tags), name
            assert "<" not in re.sub(r"</?[a-z]+>", "", text), name
            assert not (name.startswith(PLAIN) and tags), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_fit_where_telegram_puts_them(language):
    for name, texts_ in forms(language).items():
        if name.startswith("toast-"):
            assert all(len(text) <= 130 for text in texts_), "200, with a name in it"
        if name.startswith("button-") and not placeholders(texts_[0]):
            assert len(texts_[0]) <= 20, "buttons are narrow on a phone"
    for command in (*COMMANDS, *ADMIN_COMMANDS):
        assert 1 <= len(Texts(language).plain(f"command-{command}")) <= 256


def test_no_text_is_left_over():
    """Each name stands somewhere in the code, whole or up to what is put together."""
    folder = Path(bot.texts.__file__).parent.parent
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    whole = set(re.findall(r'"([a-z]+(?:-[a-z]+)+|[a-z]+)"', code))
    begun = tuple(re.findall(r'f"([a-z]+-)\{', code))
    states = {"taken", "declined", "expired", "failed"}
    assert not [name for name in forms("ru") if name not in whole | states and not name.startswith(begun)]


def test_a_missing_text_or_value_is_an_error():
    for call in (texts("ru"), texts("ru").plain):
        with pytest.raises(KeyError, match="no-such-text"):
            call("no-such-text")
        with pytest.raises(KeyError, match="name"):
            call("hello")
    with pytest.raises(KeyError, match="hello"):
        texts("ru")("hello", name="", count=1)


@pytest.mark.parametrize(
    ("count", "ru"),
    [
        (0, "0 посетителей"),
        (1, "1 посетитель"),
        (2, "2 посетителя"),
        (4, "4 посетителя"),
        (5, "5 посетителей"),
        (11, "11 посетителей"),
        (12, "12 посетителей"),
        (21, "21 посетитель"),
        (22, "22 посетителя"),
        (111, "111 посетителей"),
        (1001, "1001 посетитель"),
    ],
)
def test_russian_counts_as_russians_do(count, ru):
    assert texts("ru")("store-visits", count=count, met=0) == f"Сегодня: {ru}, встречено 0"


def test_english_counts_too():
    assert texts("en")("store-visits", count=1, met=0).startswith("Today: 1 visitor,")
    assert texts("en")("store-visits", count=2, met=0).startswith("Today: 2 visitors,")


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


def test_what_is_filled_in_is_escaped_once_and_only_in_messages():
    t = texts("ru")
    assert t("hello", name="Tom <3 & co") == "Здравствуйте, Tom &lt;3 &amp; co!"
    nested = t("ranked", department="<b>", percent="5")
    assert "&lt;b&gt; (5%)" in t("visitor-more", departments=nested)
    assert t.plain("button-remove", name="Tom <3") == "✕ Tom <3"


@given(st.text(max_size=64))
def test_no_name_can_make_html(name):
    text = texts("ru")("visitor", number=1, department=name, percent="5")
    assert re.findall(r"<[^>]*>?", text) == ["<b>", "</b>"]
