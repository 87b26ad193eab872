"""HTML as Telegram reads it; its errors in Telegram's words."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.markup import Entity, MarkupError, find, parse_html, units


def kinds(source: str) -> list[tuple[str, int, int]]:
    return [(one.kind, one.offset, one.length) for one in parse_html(source)[1]]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("просто", "просто", []),
        ("<b>a</b><i>b</i>", "ab", [("bold", 0, 1), ("italic", 1, 1)]),
        ("<B>a</b>", "a", [("bold", 0, 1)]),
        ("<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
        ("<b>a</>", "a", [("bold", 0, 1)]),
        ("<b></b>a", "a", []),
        ("&lt;b&gt; &amp;amp; &quot;&#33;&#x1F600;", '<b> &amp; "!😀', []),
        ("R&D &nbsp; &", "R&D &nbsp; &", []),
        ("a > b", "a > b", []),
        ("<code>/help</code> /help", "/help /help", [("code", 0, 5), ("bot_command", 6, 5)]),
        ('<span class="tg-spoiler">a</span>', "a", [("spoiler", 0, 1)]),
    ],
)
def test_what_parses(source, text, entities):
    assert parse_html(source)[0] == text
    assert kinds(source) == entities


def test_a_link_has_its_address():
    assert parse_html('<a href="https://t.me/x?start=a&amp;b">туда</a>') == (
        "туда",
        (Entity(kind="text_link", offset=0, length=4, url="https://t.me/x?start=a&b"),),
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Tom <3", "Unclosed start tag at byte offset 4"),
        ("Я <3 >", 'Unsupported start tag "3" at byte offset 3'),
        ("a <b>b", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<script>", 'Unsupported start tag "script" at byte offset 0'),
        ("<br>", 'Unsupported start tag "br"'),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler"'),
    ],
)
def test_what_does_not(source, words):
    with pytest.raises(MarkupError) as told:
        parse_html(source)
    assert str(told.value).startswith(words)


@given(st.text())
def test_what_is_escaped_comes_back_as_it_was(text):
    assert parse_html(f"<b>{html.escape(text)}</b>")[0] == text
    assert units(text) == sum(2 if ord(one) > 0xFFFF else 1 for one in text)


def test_commands_and_links_are_found_in_plain_text():
    found = {(one.kind, one.offset, one.length) for one in find("/start a/b, см. https://t.me/x?start=1. 😀 /help!")}
    assert found == {("bot_command", 0, 6), ("url", 16, 22), ("bot_command", 43, 5)}
