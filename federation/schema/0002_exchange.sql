-- Bytes a second that the user allows a peer (0: no cap), and what only its device and ours share.
ALTER TABLE peer ADD COLUMN in_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN out_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN secret BLOB;

-- Where a peer was reached; peer.address is the last of them.
CREATE TABLE address (
    peer    INTEGER NOT NULL REFERENCES peer ON DELETE CASCADE,
    place   TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (peer, place)
) STRICT, WITHOUT ROWID;
INSERT INTO address SELECT id, address, seen_ms FROM peer WHERE address IS NOT NULL AND address <> '';

-- The proof of a device, as it was shown.
ALTER TABLE device ADD COLUMN chain BLOB;

-- Identities that were rotated: the next key of each, the first that was heard of.
CREATE TABLE succession (
    old   BLOB PRIMARY KEY,
    later BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Signed revocations of devices, to be passed on.
CREATE TABLE statement (
    identity BLOB NOT NULL,
    subject  BLOB NOT NULL,
    heard_ms INTEGER NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (identity, subject)
) STRICT, WITHOUT ROWID;

-- Whose records lie in a scope: their certificates go to whom it goes.
CREATE TABLE writer (
    device BLOB NOT NULL,
    scope  INTEGER NOT NULL REFERENCES scope,
    PRIMARY KEY (device, scope)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO writer SELECT substr(bytes, 41, 32), scope FROM record WHERE bytes IS NOT NULL;

-- Who confirmed that it deleted a record; and the receipts that we owe, until they are written.
CREATE TABLE receipt (
    deleted    BLOB NOT NULL,
    device     BLOB NOT NULL,
    author     BLOB NOT NULL,
    revocation BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (deleted, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE owed (
    deleted    BLOB PRIMARY KEY,
    revocation BLOB NOT NULL,
    scope      INTEGER NOT NULL REFERENCES scope
) STRICT, WITHOUT ROWID;

-- What waits for the user, as it came.
CREATE INDEX record_open ON record (id) WHERE state < 3;
