-- Who may do what only one may do: a camera's copy that announces, the process that talks to Telegram.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    -- grows with each holder; whoever has an older one has lost it
    token INTEGER NOT NULL,
    -- node/process/its beginning
    holder TEXT NOT NULL,
    -- counts until then without being renewed; NULL: until the next one takes it
    until REAL
) STRICT, WITHOUT ROWID;
