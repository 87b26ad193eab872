-- What people in the bot want: who hears of a visit, who meets it, and messages that follow the truth.

-- JSON: ["Toys", ...], those that the assistant knows best
ALTER TABLE assistants ADD COLUMN departments TEXT NOT NULL DEFAULT '[]';
-- the place in the line of who is told one after the other: when the assistant began to wait or was last told
ALTER TABLE assistants ADD COLUMN turn REAL NOT NULL DEFAULT 0;
UPDATE assistants SET turn = since;
-- JSON: [[update, changed], ...], the last ones that changed the state and what they answered
ALTER TABLE assistants ADD COLUMN updates TEXT NOT NULL DEFAULT '[]';
ALTER TABLE assistants DROP COLUMN last_update;
ALTER TABLE assistants DROP COLUMN last_update_changed;

-- the store's calendar day, YYYY-MM-DD, and the visit's number in it, from 1
ALTER TABLE visits ADD COLUMN day TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
-- who meets the visitor
ALTER TABLE visits ADD COLUMN taken_by INTEGER REFERENCES assistants (id) ON DELETE SET NULL;
ALTER TABLE visits ADD COLUMN taken_at REAL;
-- a department, or "not a customer"
ALTER TABLE visits ADD COLUMN answer TEXT;
-- told one after the other: when the next one hears of it; NULL: as soon as there is one
ALTER TABLE visits ADD COLUMN next_offer_at REAL;
UPDATE visits SET (taken_by, taken_at, answer) =
    (SELECT assistant, coalesce(sent_at, created_at), answer FROM notifications
     WHERE visit = visits.id AND state = 'taken' ORDER BY notifications.id LIMIT 1);
CREATE INDEX visits_day ON visits (store, day, number);
CREATE INDEX visits_taken ON visits (taken_by, taken_at) WHERE taken_by IS NOT NULL;
CREATE INDEX visits_next_offer ON visits (next_offer_at) WHERE next_offer_at IS NOT NULL;
CREATE INDEX visits_over ON visits (open_until) WHERE open_until IS NOT NULL;

-- raised with every change of what the message should say, and the one that it shows
ALTER TABLE notifications ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE notifications ADD COLUMN shown INTEGER;
-- when the revision was raised
ALTER TABLE notifications ADD COLUMN changed_at REAL NOT NULL DEFAULT 0;
ALTER TABLE notifications DROP COLUMN answer;
UPDATE notifications SET shown = 1 WHERE message IS NOT NULL;
-- those that were sent and never answered did not end so far; their messages are too old to be changed
UPDATE notifications SET state = 'expired', answered_at = expires_at WHERE state = 'sent';
DROP INDEX notifications_queued;
DROP INDEX notifications_assistant;
CREATE INDEX notifications_queued ON notifications (id) WHERE state = 'queued';
CREATE INDEX notifications_unanswered ON notifications (expires_at) WHERE state IN ('queued', 'sent');
CREATE INDEX notifications_unanswered_of ON notifications (assistant) WHERE state IN ('queued', 'sent');
CREATE INDEX notifications_stale ON notifications (changed_at) WHERE shown < revision;
CREATE INDEX notifications_assistant ON notifications (assistant, created_at);

CREATE TABLE invites (
    -- sha256 of the code
    hash TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    -- the admin's Telegram id; NULL for the command line
    invited_by INTEGER,
    expires_at REAL NOT NULL,
    -- the Telegram id of who has joined with it
    used_by INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE admins (
    telegram_id INTEGER PRIMARY KEY,
    language TEXT NOT NULL
) STRICT;

-- Words to admins: an outbox, and the memory of what was told.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    chat INTEGER NOT NULL,
    bot TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- JSON: {"name": "Anna", ...}
    "values" TEXT NOT NULL,
    created_at REAL NOT NULL,
    -- not before
    due_at REAL NOT NULL,
    told_at REAL
) STRICT;
CREATE INDEX notices_due ON notices (due_at) WHERE told_at IS NULL;
CREATE INDEX notices_subject ON notices (kind, subject, due_at);
CREATE INDEX notices_created ON notices (created_at);
