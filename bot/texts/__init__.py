"""What the bot says, in Russian and in English: one gettext catalogue a language, with the same message names."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import NoReturn

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

LANGUAGES = ("ru", "en")

_LOCALE = Path(__file__).parent / "locale"


def language_of(code: str | None) -> str:
    """The bot's language for what Telegram says of a person's: Russian where it says nothing."""
    return "ru" if code is None or code.lower().startswith("ru") else "en"


class _Nothing(NullTranslations):
    """gettext answers a name that it does not know with the name itself, which nobody should read."""

    def gettext(self, message: str) -> NoReturn:
        raise KeyError(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> NoReturn:  # noqa: ARG002 - the library's signature
        raise KeyError(msgid1)


class Texts:
    """The texts of one language, by name. All raise KeyError for a name or a value that's missing."""

    def __init__(self, language: str) -> None:
        self.language = language
        # read at run time: a catalogue that was changed needs no compiling
        with (_LOCALE / language / "LC_MESSAGES" / "amiko.po").open("rb") as file:
            catalogue = read_po(file, locale=language, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self._translations = GNUTranslations(compiled)
        self._translations.add_fallback(_Nothing())

    def __call__(self, name: str, /, **values: str | int) -> Markup:
        """A message in Telegram's HTML, and here alone all that is filled in gets escaped.

        What is `Markup` already goes in as it is. `count` chooses the plural form.
        """
        return Markup(self._pattern(name, values)).format(**values)  # noqa: S704 - the catalogues are our own

    def plain(self, name: str, /, **values: str | int) -> str:
        """A label, a hint or a command's description: Telegram takes no HTML there."""
        return self._pattern(name, values).format(**values)

    def _pattern(self, name: str, values: dict[str, str | int]) -> str:
        if "count" in values:
            return self._translations.ngettext(name, name, int(values["count"]))
        return self._translations.gettext(name)


@cache
def texts(language: str) -> Texts:
    """The texts of that language, read once; those in Russian for a language that the bot doesn't speak."""
    return Texts(language if language in LANGUAGES else "ru")
