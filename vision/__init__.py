"""From a source to visits: capture, motion, tracking, doors and crops. No Ray, no torch, no Telegram."""
