"""What Telegram sees: the bot, its texts and keyboards, delivery, and a Bot API sandbox to try it without Telegram."""
