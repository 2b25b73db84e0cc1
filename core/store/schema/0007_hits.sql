-- Answers that were given from the exact cache (answers.h) are counted where requests are, and what
-- may be spent for one workspace. Money is in millionths of a US dollar.

ALTER TABLE usage ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN hit_tokens INTEGER NOT NULL DEFAULT 0; -- that they would have taken

CREATE TABLE budget (
    workspace  TEXT PRIMARY KEY, -- absolute path
    day        INTEGER NOT NULL, -- 0 no limit
    month      INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
