-- Which backend was taken, why, and how it went: the router's latest choices (judgements.h), as
-- `paired why` shows them. Names and figures, no content.

CREATE TABLE judgement (
    id        TEXT PRIMARY KEY, -- as answers name it
    at_ms     INTEGER NOT NULL,
    workspace TEXT NOT NULL, -- absolute path, '' none
    value     TEXT NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX judgement_at ON judgement (at_ms, id);
