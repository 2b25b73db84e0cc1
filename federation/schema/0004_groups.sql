-- Groups that this engine is a member of (federation/groups).
CREATE TABLE member (
    name   TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    since  INTEGER NOT NULL -- ms since 1970
) STRICT;
