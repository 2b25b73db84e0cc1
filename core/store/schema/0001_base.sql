-- What the store itself needs. Times are milliseconds since 1970-01-01 UTC.

-- One row per applied file of this folder; the checksum tells a build whose files differ.
CREATE TABLE migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   BLOB NOT NULL, -- BLAKE2b-256 of the file
    applied_ms INTEGER NOT NULL
) STRICT;

-- Small facts about the store: when it was last scrubbed, whether a scrub is owed.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Writes that were applied, with their results, so that a repeat after an engine restart returns
-- the first result. A NULL result was erased together with what it spoke of.
CREATE TABLE applied (
    session TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    result  BLOB,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX applied_by_time ON applied (at_ms);
