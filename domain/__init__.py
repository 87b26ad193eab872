"""The words of the system: records, settings and errors. Knows no other package."""
