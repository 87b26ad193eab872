-- Counting a day's visits looks at that day's alone, and at nothing but the index.
DROP INDEX visits_at;
CREATE INDEX visits_at ON visits (at, store);
