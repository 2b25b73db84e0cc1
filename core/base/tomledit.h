// Adds, updates or takes out one table of a TOML text in place: every other byte stays as it was.
// For files that are somebody else's. Any thread; no I/O; no recursion on the text.
// Source: TOML 1.0.0. What is no concern of the table is skipped, not checked: numbers and dates
// are any characters up to the end of their line.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { TOMLEDIT_BYTES_MAX = 16 * 1024 * 1024, TOMLEDIT_PARTS_MAX = 8, TOMLEDIT_DEPTH_MAX = 64 };

// `table` names the parts of "[a.b]" and ends with NULL. ERR_PARSE with the line where the text
// cannot be read, or writes the table twice; ERR_UNSUPPORTED with the line where it is written in
// another form than under a header of its own ("a.b.c = …", "b = {…}", "[[a]]"); ERR_LIMIT;
// ERR_NOMEM.

// `members`: an object of strings and of lists of strings. Those that are missing or differ are
// written, others of the table are left alone. 1 changed, 0 all of it was there.
int tomledit_set(const char *text, size_t n, const char *const *table, const json_t *members,
                 struct buf *out, struct err *err);
// The table and those below it ("[a.b.c]") go. 1 changed, 0 there was none.
int tomledit_remove(const char *text, size_t n, const char *const *table, struct buf *out,
                    struct err *err);
// How many of the members are there with that value; *ret_table: the table is.
int tomledit_count(const char *text, size_t n, const char *const *table, const json_t *members,
                   size_t *ret_count, bool *ret_table, struct err *err);
