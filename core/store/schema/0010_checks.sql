-- What is known of the checks that judge models' patches (check_rates.h): how often they ran and
-- passed, and what the user said of the answers that they passed and failed.

CREATE TABLE check_rate (
    workspace    TEXT NOT NULL, -- absolute path
    name         TEXT NOT NULL, -- of the check
    model        TEXT NOT NULL, -- whose answer it judged
    kind         TEXT NOT NULL, -- patch, build, test, lint
    runs         INTEGER NOT NULL,
    passes       INTEGER NOT NULL,
    right_passed REAL NOT NULL,
    right_failed REAL NOT NULL,
    wrong_passed REAL NOT NULL,
    wrong_failed REAL NOT NULL,
    changed_ms   INTEGER NOT NULL,
    PRIMARY KEY (workspace, name, model)
) STRICT, WITHOUT ROWID;

-- Which verdict the rates have counted of it: good, bad; '' none.
ALTER TABLE judgement ADD COLUMN counted TEXT NOT NULL DEFAULT '';
