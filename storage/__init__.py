"""SQLite: one file a subject, numbered migrations."""
