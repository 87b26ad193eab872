-- Times are seconds since 1970, UTC.

CREATE TABLE assistants (
    id INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    name TEXT NOT NULL,
    -- without the @; compared without regard to case, as Telegram does
    username TEXT COLLATE NOCASE,
    -- NULL until the first login of a person registered by user name
    telegram_id INTEGER,
    language TEXT NOT NULL DEFAULT 'ru',
    state TEXT NOT NULL DEFAULT 'off' CHECK (state IN ('off', 'waiting', 'busy')),
    since REAL NOT NULL,
    -- the last update that changed the state and what it answered: an update that comes twice answers the same
    last_update INTEGER,
    last_update_changed INTEGER,
    CHECK (username IS NOT NULL OR telegram_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX assistants_username ON assistants (username) WHERE username IS NOT NULL;
CREATE UNIQUE INDEX assistants_telegram_id ON assistants (telegram_id) WHERE telegram_id IS NOT NULL;
CREATE INDEX assistants_waiting ON assistants (store, since) WHERE state = 'waiting';

CREATE TABLE visits (
    id TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    camera TEXT NOT NULL,
    at REAL NOT NULL,
    -- float16 numbers, and the encoder that made them; forgotten after keep_samples_days
    embedding BLOB,
    encoder TEXT,
    -- JSON: {"classifier": 3, "ranking": [["Toys", 0.7], ...]}
    prediction TEXT,
    -- nobody waited so far; the next who waits hears of it until then
    open_until REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_open ON visits (store, at) WHERE open_until IS NOT NULL;
CREATE INDEX visits_at ON visits (at);

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    visit TEXT NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    assistant INTEGER NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sent', 'taken', 'declined', 'expired', 'failed')),
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    sent_at REAL,
    -- Telegram's number of the message
    message INTEGER,
    answered_at REAL,
    -- a department, or "not a customer"
    answer TEXT,
    -- why it failed
    reason TEXT,
    UNIQUE (visit, assistant)
) STRICT;
CREATE INDEX notifications_queued ON notifications (expires_at) WHERE state = 'queued';
CREATE INDEX notifications_assistant ON notifications (assistant, id);
