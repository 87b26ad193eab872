from support.chats import notification

from actors.cards import Cards
from domain.records import Visit


def visit(name: str, card: bytes | None = b"a picture") -> Visit:
    return Visit(id=name, store="s", camera="door", at=0.0, card=card)


def card_of(cards: Cards, name: str) -> bytes | None:
    return cards.onto(notification(visit=name, card=None)).card


def test_a_card_is_kept_while_its_visit_is_open() -> None:
    cards = Cards()
    cards.keep(visit("a"), until=60.0, now=0.0)
    cards.keep(visit("b", card=None), until=60.0, now=0.0)
    assert card_of(cards, "a") == b"a picture"
    assert card_of(cards, "b") is None
    cards.keep(visit("c"), until=121.0, now=61.0)
    assert card_of(cards, "a") is None
    assert card_of(cards, "c") == b"a picture"


def test_a_clock_that_was_set_takes_no_card_away() -> None:
    cards = Cards()
    cards.keep(visit("a"), until=60.0, now=0.0)
    cards.shift(3600.0)
    cards.keep(visit("b"), until=3661.0, now=3601.0)
    assert card_of(cards, "a") == b"a picture"
    cards.keep(visit("c"), until=3721.0, now=3661.0)
    assert card_of(cards, "a") is None
