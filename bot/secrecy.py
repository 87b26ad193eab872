"""The token stays out of the logs, although it is part of each request's address."""

import logging

#: Whose records may hold it: those who name addresses, and those who quote what a server (or a proxy) answered.
_LOGGERS = (
    "asyncio",
    "bot.application",
    "bot.delivery",
    "bot.errands",
    "bot.handlers",
    "bot.polling",
    "telegram.Bot",
    "telegram.ext.Application",
    "telegram.ext.ExtBot",
    "telegram.request.BaseRequest",
    "telegram.request.HTTPXRequest",
)
#: These name every request's address; below a warning there's nothing in them that one would miss.
_TALKATIVE = ("httpcore", "httpx")


class Redaction(logging.Filter):
    """Replaces the token in whatever is logged: in the text and in tracebacks."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def install(self) -> None:
        """Watch the loggers; those that say nothing else are told to be quiet."""
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        for name in (*_LOGGERS, *_TALKATIVE):
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        """Watch no more. The talkative ones stay quiet: there may be other bots."""
        for name in (*_LOGGERS, *_TALKATIVE):
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Called by logging; lets every record through, without the token."""
        text = record.getMessage()
        if self._token in text:
            record.msg, record.args = self.redacted(text), None
        if record.exc_info:
            traceback = logging.Formatter().formatException(record.exc_info)
            if self._token in traceback:
                record.exc_info, record.exc_text = None, self.redacted(traceback)
        return True

    def redacted(self, text: str) -> str:
        """The text without the token."""
        return text.replace(self._token, "<token>") if self._token else text
