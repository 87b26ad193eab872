"""What the bot says, in Russian and in English: one Fluent file a language, with the same message names."""

from functools import cache
from pathlib import Path

from fluent.runtime import FluentBundle, FluentResource

from domain.records import NOT_A_CUSTOMER, Notification, NotificationState, Ranked

LANGUAGES = ("ru", "en")


def language_of(code: str | None) -> str:
    """The bot's language for what Telegram says of a person's: Russian where it says nothing."""
    return "ru" if code is None or code.lower().startswith("ru") else "en"


class Texts:
    """The texts of one language, by name."""

    def __init__(self, language: str) -> None:
        # Isolation marks are for mixed right-to-left text; in a chat they show up when a text is copied.
        self._bundle = FluentBundle([language], use_isolating=False)
        source = (Path(__file__).parent / f"{language}.ftl").read_text(encoding="utf-8")
        self._bundle.add_resource(FluentResource(source))

    def __call__(self, name: str, /, **values: str) -> str:
        """The text of that name with its values filled in. Raises KeyError for a name or a value that's missing."""
        pattern = self._bundle.get_message(name).value
        if pattern is None:
            raise KeyError(name)
        text, errors = self._bundle.format_pattern(pattern, dict(values))
        if errors:
            raise KeyError(f"{name}: {errors[0]}")
        return str(text)


@cache
def texts(language: str) -> Texts:
    """The texts of that language, read once; those in Russian for a language that the bot doesn't speak."""
    return Texts(language if language in LANGUAGES else "ru")


def percent(probability: float) -> str:
    """0 to 1 as whole per cent."""
    return f"{probability * 100:.0f}"


def _announcement(notification: Notification, t: Texts) -> str:
    if notification.prediction is None or not notification.prediction.ranking:
        return t("visitor-unknown")
    first, *others = notification.prediction.ranking

    def ranked(one: Ranked) -> str:
        return t("ranked", department=one.department, percent=percent(one.probability))

    lines = [t("visitor", department=first.department, percent=percent(first.probability))]
    if others:
        lines.append(t("visitor-more", departments=", ".join(ranked(one) for one in others[:2])))
    return "\n".join(lines)


def answer_label(answer: str, t: Texts) -> str:
    """How an answer is called in that language: departments have one name, in all."""
    return t("button-not-a-customer") if answer == NOT_A_CUSTOMER else answer


def notification_text(notification: Notification, *, again: bool = False) -> str:
    """The message about a visitor, with what has become of it since.

    `again` marks one that may have arrived before, so that nobody looks for a second visitor.
    """
    t = texts(notification.language)
    text = _announcement(notification, t)
    if again:
        text = t("repeated", text=text)
    match notification.state:
        case NotificationState.TAKEN if notification.answer is not None:
            status = t("answered", answer=answer_label(notification.answer, t))
        case NotificationState.TAKEN:
            status = t("taken" if notification.prediction else "taken-unknown")
        case NotificationState.DECLINED:
            status = t("declined")
        case NotificationState.EXPIRED:
            status = t("expired")
        case NotificationState.FAILED:
            status = t("failed")
        case NotificationState.QUEUED | NotificationState.SENT:
            return text
    return f"{text}\n\n{status}"
