-- A notification's number stands on the buttons of its message, which people can press for years: it is never given
-- again, whatever was deleted. (An assistant who was taken off the list and invited again has old messages still.)
CREATE TABLE notifications_numbered (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
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
    -- why it failed
    reason TEXT,
    -- raised with every change of what the message should say, and the one that it shows
    revision INTEGER NOT NULL DEFAULT 1,
    shown INTEGER,
    -- when the revision was raised
    changed_at REAL NOT NULL DEFAULT 0,
    UNIQUE (visit, assistant)
) STRICT;
INSERT INTO notifications_numbered
    SELECT id, visit, assistant, state, created_at, expires_at, sent_at, message, answered_at, reason, revision, shown,
        changed_at
    FROM notifications;
DROP TABLE notifications;
ALTER TABLE notifications_numbered RENAME TO notifications;
CREATE INDEX notifications_queued ON notifications (id) WHERE state = 'queued';
CREATE INDEX notifications_unanswered ON notifications (expires_at) WHERE state IN ('queued', 'sent');
CREATE INDEX notifications_unanswered_of ON notifications (assistant) WHERE state IN ('queued', 'sent');
CREATE INDEX notifications_stale ON notifications (changed_at) WHERE shown < revision;
CREATE INDEX notifications_assistant ON notifications (assistant, created_at);
