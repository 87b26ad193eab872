-- What the third network learns from.
CREATE TABLE samples (
    number INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    -- a track's, a visit's, or a picture's sha256; the same one twice in a store is one sample
    id TEXT NOT NULL,
    department TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('camera', 'assistant', 'import')),
    camera TEXT,
    -- the store's calendar day, YYYY-MM-DD
    day TEXT NOT NULL,
    -- never torn apart by a split: a track, a visit, a recording
    "group" TEXT NOT NULL,
    encoder TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    -- float16 numbers
    vector BLOB NOT NULL CHECK (length(vector) = 2 * dimensions),
    UNIQUE (store, id)
) STRICT;
CREATE INDEX samples_by_encoder ON samples (store, encoder, number);
CREATE INDEX samples_by_day ON samples (store, day);

-- Every classifier that was trained, promoted or not; the file may be gone, the figures stay.
CREATE TABLE classifiers (
    store TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    encoder TEXT NOT NULL,
    -- of the file's content
    sha256 TEXT NOT NULL,
    -- 1 while the file is kept
    kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1)),
    -- why it was promoted or not, one line
    reason TEXT NOT NULL,
    -- JSON: the figures of its training
    scores TEXT NOT NULL,
    PRIMARY KEY (store, version)
) STRICT, WITHOUT ROWID;

-- Which classifier is used since when: the last one of a store is the current one.
CREATE TABLE promotions (
    number INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    version INTEGER NOT NULL,
    at REAL NOT NULL,
    -- who said so
    cause TEXT NOT NULL CHECK (cause IN ('training', 'promote', 'rollback')),
    FOREIGN KEY (store, version) REFERENCES classifiers (store, version)
) STRICT;
CREATE INDEX promotions_last ON promotions (store, number);

-- What became of each training; the last one tells the schedule what is done.
CREATE TABLE trainings (
    number INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    at REAL NOT NULL,
    -- the moment that it was due; NULL where somebody asked for it
    due REAL,
    -- one line
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX trainings_due ON trainings (store, due) WHERE due IS NOT NULL;
