"""Training a department classifier and deciding whether it earns its place. No Ray."""
