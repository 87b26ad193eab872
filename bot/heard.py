"""Updates as they come in: what can't be read loses its content and keeps its number.

A poll brings up to a hundred. One that the library can't read would make the poll fail, be brought again by each poll
after it, and leave the bot deaf for good; without its content it is acknowledged like any other. What is read here is
what the bot uses, with the types that the Bot API gives; a letter that is none (half a surrogate pair) and a number
that no database takes are no such types.
"""

import logging
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from telegram import Update
from telegram.request import HTTPXRequest

_LOGGER = logging.getLogger(__name__)


def _whole(text: str) -> str:
    text.encode()  # raises what pydantic takes for a wrong value
    return text


#: What the bot wants to hear of; anything else is not even sent.
ALLOWED_UPDATES = ("message", "callback_query")

Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Text = Annotated[str, AfterValidator(_whole)]


class _Read(BaseModel):
    model_config = ConfigDict(strict=True)


class _User(_Read):
    id: Number
    first_name: Text
    last_name: Text | None = None
    username: Text | None = None
    language_code: Text | None = None


class _Chat(_Read):
    id: Number
    type: Text


class _Message(_Read):
    message_id: Number
    chat: _Chat
    #: None: whoever wrote it hides behind a channel or a group; the bot answers people alone.
    sender: _User | None = Field(default=None, alias="from")
    text: Text | None = None


class _Query(_Read):
    id: Text
    sender: _User = Field(alias="from")
    message: _Message | None = None
    data: Text | None = None


class _Update(_Read):
    update_id: Number
    message: _Message | None = None
    callback_query: _Query | None = None


class UpdatesRequest(HTTPXRequest):
    """The library's way to ask for updates."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, object]:
        """As the library's; raises TelegramError for what is no JSON."""
        answer: dict[str, object] = HTTPXRequest.parse_json_payload(payload)
        if isinstance(answer, dict) and isinstance(updates := answer.get("result"), list):
            answer["result"] = [read for one in updates if (read := readable(one)) is not None]
        return answer


def readable(update: object) -> dict[str, object] | None:
    """What the bot hears of the update: all of it, or its number alone, or None where it has no number.

    The number alone of one that can't be read, is of another kind than the bot asks for, or comes from nobody.
    """
    try:
        known = _Update.model_validate(update)
        assert isinstance(update, dict)
        heard: dict[str, object] = {"update_id": known.update_id}
        if known.message is None or known.message.sender is not None:
            heard |= {kind: update[kind] for kind in ALLOWED_UPDATES if kind in update}
        Update.de_json(heard, None)
    except Exception as error:  # noqa: BLE001 - the library's own words may quote a person's; pydantic's would, too
        number = update.get("update_id") if isinstance(update, dict) else None
        _LOGGER.warning("an update can't be read and is passed over (%s)", type(error).__name__)
        try:
            return {"update_id": _Update.model_validate({"update_id": number}).update_id}
        except ValidationError:
            return None
    return heard
