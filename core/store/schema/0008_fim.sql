-- Which API a backend has for what belongs between two pieces of a text (backends.h).

ALTER TABLE backend ADD COLUMN fim TEXT NOT NULL DEFAULT 'none';
