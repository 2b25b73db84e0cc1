-- Model tokens of the text (core/base/tokens.h, exact), counted once when it is written: recall has a
-- budget to keep and would count them at every question. 0: not counted.
ALTER TABLE note ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
