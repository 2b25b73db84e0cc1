-- Notes and what ranks them. A note's id is its workspace's number * 2^40 + a count within it, so
-- that every workspace is one range of ids: the full-text index is searched by range and newest first.
CREATE TABLE workspace (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, -- '' is the global one
    notes INTEGER NOT NULL DEFAULT 0, -- rows in `note`
    newest_id INTEGER NOT NULL DEFAULT 0 -- where the latest note went
);
INSERT INTO workspace (id, path) VALUES (0, '');

CREATE TABLE thread (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL,
    name TEXT NOT NULL,
    last_id INTEGER NOT NULL, -- its latest note
    UNIQUE (workspace, name)
);

CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    workspace INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 0 note, 1 fact, 2 decision
    text TEXT NOT NULL,
    subject TEXT,
    subject_key TEXT, -- subject without case and spacing; what supersedes goes by it
    source TEXT,
    thread TEXT,
    tags TEXT, -- '\n'-separated
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL DEFAULT 0, -- 0 = never
    superseded_by TEXT, -- uid
    forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX note_newest ON note (workspace, created_ms, id);
CREATE INDEX note_newest_all ON note (created_ms, id);
CREATE INDEX note_subject ON note (workspace, subject_key) WHERE subject_key IS NOT NULL;
CREATE INDEX note_superseded ON note (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX note_expiry ON note (expires_ms) WHERE expires_ms > 0;

-- What the second stage of recall reads of a candidate: small rows, no text.
CREATE TABLE note_rank (
    id INTEGER PRIMARY KEY,
    state INTEGER NOT NULL, -- bits 0-1 kind, 2 superseded, 3 forgotten, 8… traits of the text
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    thread INTEGER NOT NULL, -- 0 = none
    prev_id INTEGER NOT NULL, -- neighbours in the thread, 0 = none
    next_id INTEGER NOT NULL,
    words BLOB NOT NULL -- recall_words.h
);

-- Labels: tags (from 16) and the kinds 1 and 2, whose names no tag can have.
CREATE TABLE tag (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    uses INTEGER NOT NULL
);
INSERT INTO tag VALUES (1, '', 0), (2, char(10), 0);
CREATE INDEX tag_by_use ON tag (uses);
CREATE TABLE note_label (
    label INTEGER NOT NULL,
    workspace INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    note INTEGER NOT NULL,
    PRIMARY KEY (label, workspace, created_ms, note)
) WITHOUT ROWID;
CREATE INDEX note_label_newest ON note_label (label, created_ms, note);

-- Terms are made by recall_words.c (ASCII letters and digits, and bytes from 0x80), one blank between.
CREATE VIRTUAL TABLE note_fts USING fts5(terms, content = '', detail = none, columnsize = 0, tokenize = 'ascii');
-- Small leaves: reading newest first unpacks a whole leaf before its first note.
INSERT INTO note_fts (note_fts, rank) VALUES ('pgsz', 1000);
CREATE VIRTUAL TABLE note_vocabulary USING fts5vocab('note_fts', 'instance');
