-- What a session was doing, saved in one tool and resumed in another.
CREATE TABLE handoffs (
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,
    workspace  TEXT NOT NULL DEFAULT '', -- absolute path; '' is none
    source     TEXT,
    title      TEXT NOT NULL,
    question   TEXT,
    next       TEXT NOT NULL,
    files      TEXT, -- one a line
    summary    TEXT,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX handoffs_by_time ON handoffs (created_ms, id);
CREATE INDEX handoffs_by_workspace ON handoffs (workspace, created_ms, id);

-- What housekeeping looks for: notes that were forgotten and wait to be erased.
CREATE INDEX note_forgotten ON note (id) WHERE forgotten <> 0;
