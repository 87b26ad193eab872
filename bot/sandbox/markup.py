"""Formatted text as Telegram takes it: HTML with a few tags, and the commands and links that it finds by itself.

A text and where in it what is: offsets and lengths count UTF-16 code units, as everywhere in the Bot API.
"""

import re
from dataclasses import dataclass

#: The entity that each tag makes.
_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_CHARACTER = re.compile(
    r"&(?:#(?P<decimal>\d{1,7})|#x(?P<hexadecimal>[0-9a-f]{1,6})|(?P<name>lt|gt|amp|quot));?", re.IGNORECASE
)
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[^\s>]*)(?P<attributes>(?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")
_FOUND = re.compile(r"(?<![\w/@])/[a-z0-9_]{1,32}\b|https?://[^\s<>\"«»]*[^\s<>\"«».,;:!?)]", re.IGNORECASE)
#: In these Telegram looks for nothing.
_OPAQUE = {"code", "pre", "text_link"}


class MarkupError(ValueError):
    """A text that doesn't parse; in Telegram's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A part of a text that is more than text."""

    #: As the Bot API calls it: bold, italic, code, text_link, bot_command, url, …
    kind: str
    offset: int
    length: int
    #: Of a text_link.
    url: str | None = None


def units(text: str) -> int:
    """How long Telegram says that a text is."""
    return len(text.encode("utf-16-le")) // 2


def find(text: str) -> tuple[Entity, ...]:
    """The commands and links that stand in a plain text."""
    return tuple(
        Entity(
            kind="bot_command" if one[0][0] == "/" else "url", offset=units(text[: one.start()]), length=units(one[0])
        )
        for one in _FOUND.finditer(text)
    )


def parse_html(source: str) -> tuple[str, tuple[Entity, ...]]:
    """The text and its entities. Raises MarkupError."""
    parts: list[str] = []
    entities: list[Entity] = []
    #: Name, offset in the text, and link of each tag that waits for its end.
    waiting: list[tuple[str, int, str | None]] = []
    place = length = 0
    while place < len(source):
        if source[place] == "<":
            tag = _TAG.match(source, place)
            at = f"at byte offset {len(source[:place].encode())}"
            if tag is None:
                raise MarkupError(f"Unclosed {'end' if source[place + 1 : place + 2] == '/' else 'start'} tag {at}")
            if not tag["slash"]:
                waiting.append((_open(tag, at), length, _link(tag)))
            elif not waiting:
                raise MarkupError(f"Unexpected end tag {at}")
            else:
                name, offset, url = waiting.pop()
                if tag["name"].lower() not in {"", name}:
                    raise MarkupError(f'Unmatched end tag {at}, expected "</{name}>", found "</{tag["name"]}>"')
                if length > offset and (name != "a" or url):
                    entities.append(Entity(kind=_TAGS[name], offset=offset, length=length - offset, url=url))
            place = tag.end()
            continue
        character = _CHARACTER.match(source, place)
        shown = _shown(character) if character else source[place]
        place = character.end() if character else place + 1
        parts.append(shown)
        length += units(shown)
    if waiting:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{waiting[-1][0]}"')
    text = "".join(parts)
    opaque = [one for one in entities if one.kind in _OPAQUE]
    entities += [one for one in find(text) if not any(o.offset <= one.offset < o.offset + o.length for o in opaque)]
    return text, tuple(sorted(entities, key=lambda one: (one.offset, -one.length)))


def _open(tag: re.Match[str], at: str) -> str:
    name = tag["name"].lower()
    spoiler = name != "span" or _attribute(tag, "class") == "tg-spoiler"
    if name not in _TAGS:
        raise MarkupError(f'Unsupported start tag "{name}" {at}')
    if not spoiler:
        raise MarkupError(f'Tag "span" must have class "tg-spoiler" {at}')
    return name


def _link(tag: re.Match[str]) -> str | None:
    return _attribute(tag, "href") if tag["name"].lower() == "a" else None


def _attribute(tag: re.Match[str], wanted: str) -> str | None:
    for name, *values in _ATTRIBUTE.findall(tag["attributes"]):
        if name.lower() == wanted:
            return _CHARACTER.sub(_shown, "".join(values))
    return None


def _shown(character: re.Match[str]) -> str:
    if character["name"]:
        return _NAMED[character["name"].lower()]
    code = int(character["decimal"]) if character["decimal"] else int(character["hexadecimal"], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else character[0]
