"""Training, scoring, the gate and the report: plain functions, neither Ray nor SQLite."""
