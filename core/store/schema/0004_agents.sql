-- What agents remember of a workspace: mutes, baselines, what they saw the last time.
CREATE TABLE agent_memory (
    workspace  TEXT NOT NULL, -- absolute path
    agent      TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL, -- JSON
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace, agent, key)
) STRICT, WITHOUT ROWID;
