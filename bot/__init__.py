"""What Telegram sees: the bot, its texts and keyboards, delivery, and a Bot API sandbox to try it without Telegram."""

import os

# Without it the library warns of its own change of a type each time that Telegram answers 429.
os.environ.setdefault("PTB_TIMEDELTA", "true")
