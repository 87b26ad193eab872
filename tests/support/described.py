"""Whether a call is one that the Bot API knows, by an independent description of it: aiogram's method classes.

Types and required parameters stand in the classes' fields. How long a text may be stands in the sentences below the
fields, in the Bot API's own words ("1-4096 characters after entities parsing"), and is read from there.
"""

import ast
import html
import inspect
import json
import re
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

import aiogram.methods
from aiogram.enums import ParseMode
from aiogram.methods import TelegramMethod
from pydantic import BaseModel, ValidationError

from bot.sandbox import Call

_METHODS: dict[str, type[TelegramMethod[Any]]] = {
    made.__api_method__: made
    for made in vars(aiogram.methods).values()
    if isinstance(made, type) and issubclass(made, TelegramMethod) and made is not TelegramMethod
}
_LIMIT = re.compile(r"(\d+)-(\d+) (characters|bytes)")
_TAG = re.compile(r"</?(?:b|strong|i|em|u|s|code|pre|a|blockquote|tg-spoiler)(?: [^<>]*)?>")


def mistakes(call: Call) -> list[str]:
    """What is wrong with a call, a line each; nothing where it is as the Bot API wants it."""
    described = _METHODS.get(call.method)
    if described is None:
        return [f"{call.method}: no such method"]
    given: dict[str, object] = {name: f"attach://{name}" for name in call.files if name in described.model_fields}
    for name, text in call.values.items():
        field = described.model_fields.get(name)
        try:
            # as Telegram reads a form: what is no text is JSON
            given[name] = text if field is None or _is_text(field.annotation) else json.loads(text)
        except ValueError:
            return [f"{call.method}: {name} is no JSON: {text[:100]!r}"]
    try:
        read = described.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        return [
            f"{call.method}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)
        ]
    parse_mode = call.values.get("parse_mode")
    if parse_mode is not None and parse_mode not in set(ParseMode):
        return [f"{call.method}: parse_mode: {parse_mode!r} is none"]
    return [f"{call.method}: {wrong}" for wrong in _wrong_within(read, as_html=parse_mode == ParseMode.HTML)]


def _wrong_within(read: BaseModel, *, as_html: bool, where: str = "") -> list[str]:
    found = [f"{where}{name}: unknown" for name in read.model_extra or ()]
    limits = _limits(type(read))
    for name in read.model_fields_set & type(read).model_fields.keys():
        value = getattr(read, name)
        if isinstance(value, str) and name in limits:
            least, most, unit = limits[name]
            shown = _shown(value) if as_html and name in {"text", "caption"} and not where else value
            length = len(shown.encode()) if unit == "bytes" else len(shown.encode("utf-16-le")) // 2
            if not least <= length <= most:
                found.append(f"{where}{name}: {length} {unit}, and {least} to {most} are allowed")
        found += _wrong_inside(value, as_html=as_html, where=f"{where}{name}.")
    return found


def _wrong_inside(value: object, *, as_html: bool, where: str) -> list[str]:
    if isinstance(value, BaseModel):
        return _wrong_within(value, as_html=as_html, where=where)
    if isinstance(value, list):
        return [
            wrong
            for number, one in enumerate(value)
            for wrong in _wrong_inside(one, as_html=as_html, where=f"{where}{number}.")
        ]
    return []


def _shown(text: str) -> str:
    """HTML as people see it: what is counted."""
    return html.unescape(_TAG.sub("", text))


def _is_text(annotation: object) -> bool:
    """Whether a parameter may be a plain text."""
    if get_origin(annotation) in {Union, UnionType}:
        return any(_is_text(one) for one in get_args(annotation))
    return annotation is str


@cache
def _limits(described: type[BaseModel]) -> dict[str, tuple[int, int, str]]:
    """The shortest and the longest that each text may be, from the sentence below its field."""
    found = {}
    (body,) = ast.parse(inspect.getsource(described)).body
    assert isinstance(body, ast.ClassDef)
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(sentence))):
                if limit := _LIMIT.search(sentence):
                    found[name] = (int(limit[1]), int(limit[2]), limit[3])
    return found
