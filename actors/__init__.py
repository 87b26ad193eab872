"""Ray actors: cameras, the assistant registry, the dispatcher, the trainer, and what starts them."""
