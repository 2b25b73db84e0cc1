-- What is kept about model backends: which there are, where the user lets what go, what went there,
-- and what it cost. Times are milliseconds since 1970-01-01 UTC.

CREATE TABLE backend (
    name       TEXT PRIMARY KEY,
    family     TEXT NOT NULL, -- anthropic, chat, responses, gemini
    url        TEXT NOT NULL, -- https, or http to this machine; no slash at its end
    account    TEXT NOT NULL, -- backends of one account share its quota; '' none
    key_source TEXT NOT NULL, -- none, env, store
    key_env    TEXT NOT NULL, -- name of the variable; '' unless env
    key_sealed BLOB,          -- nonce, tag, ciphertext (backends.h); NULL unless store
    enabled    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE backend_model (
    backend  TEXT NOT NULL,
    position INTEGER NOT NULL, -- as the user named them
    model    TEXT NOT NULL,
    price    TEXT NOT NULL, -- price class, '' by the model's name
    PRIMARY KEY (backend, model)
) STRICT, WITHOUT ROWID;

-- What the user agreed to. One stands for (kind, audience, direction, scope) at a time; ended ones
-- are the history.
CREATE TABLE consent (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL, -- backend; later pattern, template, resource, metric …
    audience     TEXT NOT NULL, -- name of the backend; later a peer, a group, everyone
    direction    TEXT NOT NULL, -- out, in
    scope        TEXT NOT NULL, -- absolute path of a workspace, '' any
    given_ms     INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL, -- 0 never
    given_by     TEXT NOT NULL,    -- face that asked
    text_version INTEGER NOT NULL, -- of the words that the user was shown
    text_hash    BLOB NOT NULL,    -- SHA-256 of them
    ended_ms     INTEGER NOT NULL, -- 0 it stands
    ended_by     TEXT NOT NULL     -- revoked, replaced, expired, changed; '' it stands
) STRICT;
CREATE UNIQUE INDEX consent_standing ON consent (kind, audience, direction, scope) WHERE ended_ms = 0;

-- What left, was let go, or was refused. Rows are added, never changed (audit.h has the bytes).
CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY, -- from 1 without a gap
    leaf BLOB NOT NULL,
    link BLOB NOT NULL -- chain up to this one
) STRICT;

-- What says which workspace an entry speaks of. Erased with the workspace; the chain stays valid.
CREATE TABLE audit_place (
    id   INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE audit_private (
    seq   INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    salt  BLOB NOT NULL
) STRICT;
CREATE INDEX audit_private_place ON audit_private (place);

CREATE TABLE audit_head (
    id        INTEGER PRIMARY KEY CHECK (id = 0),
    entries   INTEGER NOT NULL, -- number of the newest
    link      BLOB NOT NULL,    -- of the newest
    base      INTEGER NOT NULL, -- entries up to this one were dropped for their age
    base_link BLOB NOT NULL,
    frontier  BLOB NOT NULL     -- RFC 6962 subtrees over the dropped ones, the largest first
) STRICT;
INSERT INTO audit_head VALUES (0, 0, zeroblob(32), 0, zeroblob(32), zeroblob(0));

-- Tokens and money (millionths of a US dollar). Old rows are joined, see usage.h.
CREATE TABLE usage (
    day         INTEGER NOT NULL, -- since 1970-01-01 UTC
    agent       TEXT NOT NULL,
    backend     TEXT NOT NULL,
    model       TEXT NOT NULL,
    session     TEXT NOT NULL, -- '' joined
    workspace   TEXT NOT NULL, -- absolute path, '' none
    requests    INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    input       INTEGER NOT NULL,
    cached      INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    cost        INTEGER NOT NULL,
    saved       INTEGER NOT NULL,
    PRIMARY KEY (day, agent, backend, model, session, workspace)
) STRICT, WITHOUT ROWID;

-- Small things that the router keeps in a form of its own: weights, quota windows.
CREATE TABLE blob (
    key        TEXT PRIMARY KEY,
    value      BLOB NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT;
