-- How far the audit log had come, signed, and who cosigned it (checkpoints.h). Hashes, keys, times.
CREATE TABLE audit_log (
    id  INTEGER PRIMARY KEY CHECK (id = 0),
    log BLOB NOT NULL -- 16 random bytes
) STRICT;
INSERT INTO audit_log VALUES (0, randomblob(16));
CREATE TABLE checkpoint (
    entries   INTEGER PRIMARY KEY,
    text      TEXT NOT NULL,
    device    BLOB NOT NULL,
    signature BLOB NOT NULL,
    frontier  BLOB NOT NULL -- RFC 6962 subtrees, the largest first; empty: came from a peer
) STRICT;
CREATE TABLE cosignature (
    key       BLOB NOT NULL,
    entries   INTEGER NOT NULL,
    time_s    INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (key, entries)
) STRICT, WITHOUT ROWID;
CREATE INDEX cosignature_entries ON cosignature (entries);
