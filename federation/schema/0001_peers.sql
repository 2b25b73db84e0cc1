CREATE TABLE migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   BLOB NOT NULL,
    applied_ms INTEGER NOT NULL
) STRICT;

-- epoch: drawn when the file is made; a cursor of another epoch means nothing. counter: of our own records.
CREATE TABLE own (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    epoch   INTEGER NOT NULL,
    counter INTEGER NOT NULL
) STRICT;

-- A paired device; the counts are its conduct, from which reputation follows.
CREATE TABLE peer (
    id         INTEGER PRIMARY KEY,
    device     BLOB NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    address    TEXT,
    paired_ms  INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL DEFAULT 0,
    arrived    INTEGER NOT NULL DEFAULT 0,
    accepted   INTEGER NOT NULL DEFAULT 0,
    rejected   INTEGER NOT NULL DEFAULT 0,
    forged     INTEGER NOT NULL DEFAULT 0,
    improper   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Which identity certified which device. A revoked one stays, so that nothing new of it is taken.
CREATE TABLE device (
    key        BLOB PRIMARY KEY,
    identity   BLOB NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE scope (
    id   INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE
) STRICT;

-- id is the sequence that cursors count in: never used twice. `bytes` is NULL once deleted; the row
-- stays, so that a deleted record is known when somebody brings it again.
CREATE TABLE record (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    scope      INTEGER NOT NULL REFERENCES scope,
    hash       BLOB NOT NULL UNIQUE,
    state      INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    origin     INTEGER, -- peer that brought it; NULL: our own
    arrived_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    author     BLOB NOT NULL,
    refers     BLOB,
    bytes      BLOB
) STRICT;
CREATE INDEX record_scope ON record (scope);
CREATE INDEX record_orders ON record (scope) WHERE kind = 7; -- revocations
CREATE INDEX record_waits ON record (origin) WHERE state = 1;
CREATE INDEX record_refers ON record (refers) WHERE refers IS NOT NULL;
CREATE INDEX record_expires ON record (expires_ms) WHERE expires_ms > 0;

-- What we have of a peer's scope, in its epoch and sequence.
CREATE TABLE cursor (
    peer  INTEGER NOT NULL REFERENCES peer ON DELETE CASCADE,
    scope INTEGER NOT NULL REFERENCES scope,
    epoch INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (peer, scope)
) STRICT, WITHOUT ROWID;
