"""The place where the network was: a bot's calls, and answers as Telegram's."""

import json

from telegram.request import BaseRequest, RequestData

#: What the bot is called.
ME = {"id": 1, "is_bot": True, "first_name": "Амико", "username": "amiko_bot"}


class Recorder(BaseRequest):
    """Stands where the network was: notes each call and answers as Telegram does."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        #: Status and description instead of the answer, by method.
        self.refuse: dict[str, tuple[int, str]] = {}

    @property
    def read_timeout(self) -> float:
        return 1.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, **_: object
    ) -> tuple[int, bytes]:
        name = url.rsplit("/", 1)[1]
        values = dict(request_data.parameters) if request_data else {}
        if name == "getMe":
            return 200, json.dumps({"ok": True, "result": ME}).encode()
        self.calls.append((name, values))
        if name in self.refuse:
            code, description = self.refuse[name]
            return code, json.dumps({"ok": False, "error_code": code, "description": description}).encode()
        message = {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}, "text": "x"}
        result = True if name in {"answerCallbackQuery", "setMyCommands"} else message
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def said(self) -> list[str]:
        """What the bot wrote, below pictures too."""
        return [
            values.get("text") or values["caption"]
            for name, values in self.calls
            if name in {"sendMessage", "sendPhoto"}
        ]

    def toasts(self) -> list[str]:
        return [values.get("text", "") for name, values in self.calls if name == "answerCallbackQuery"]

    def keyboard(self) -> list[str]:
        """What stands below the input line, by the last message that changed it."""
        made = [values["reply_markup"] for _, values in self.calls if "keyboard" in values.get("reply_markup", {})]
        return [button["text"] for row in made[-1]["keyboard"] for button in row]

    def inline(self) -> dict[str, str]:
        """The buttons below the last message that has some: what each carries, by its label."""
        made = [v["reply_markup"] for _, v in self.calls if "inline_keyboard" in v.get("reply_markup", {})]
        return {button["text"]: button["callback_data"] for row in made[-1]["inline_keyboard"] for button in row}

    def edits(self) -> list[dict]:
        return [values for name, values in self.calls if name.startswith("editMessage")]
