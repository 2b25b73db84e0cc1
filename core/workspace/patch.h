// A patch as a model writes it, applied in memory. Lenient where models are careless and nothing is
// lost by it (line numbers and counts that are wrong, missing "diff --git" lines, an empty line
// without its blank); strict where the meaning would change: the lines that a hunk takes away or
// stands on must be in the file, letter for letter, behind those of the hunk before, and at one
// place alone unless the hunk's own number says which. The same change comes back as a diff with
// right numbers, which git applies.
//
// Bytes in, values out; no I/O; any thread. The text is untrusted: paths that are absolute, lead
// upwards or into a .git are refused; renames, links, modes and binary patches are, too.
// Source: POSIX.1-2017 diff -u; git-diff "Generating patch text with -p".
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PATCH_BYTES_MAX = 512 * 1024, // of the text
    PATCH_FILES_MAX = 64,
    PATCH_HUNKS_MAX = 1024,
    PATCH_LINES_MAX = 64 * 1024,
    PATCH_PATH_BYTES_MAX = 1024,
    PATCH_FILE_BYTES_MAX = 2 * 1024 * 1024 // of a file that is changed, before and after
};

enum patch_kind { PATCH_CHANGE, PATCH_ADD, PATCH_DELETE };

struct patch_file {
    const char *path; // relative to the workspace
    enum patch_kind kind;
    bool executable; // PATCH_ADD, as the text says
    uint32_t first_hunk, hunk_count;
};

struct patch;

// The patch in what a model said: the blocks between ``` marks that are named diff or patch, or
// else the text from its first file's head on. What is around it goes to `ret_prose` (may be NULL).
// 1 there is one, 0 none; ERR_NOMEM, ERR_LIMIT.
int patch_extract(const char *said, size_t n, struct buf *ret, struct buf *ret_prose,
                  struct err *err);

// ERR_PARSE: nothing is changed by it, or a line of it has no place (with its number);
// ERR_UNSUPPORTED: a rename, a link, a binary one; ERR_PERM: a path that must not be; ERR_LIMIT,
// ERR_NOMEM. Copies.
int patch_parse(const char *text, size_t n, struct patch **ret, struct err *err);
void patch_free(struct patch *p); // accepts NULL
uint32_t patch_count(const struct patch *p);
const struct patch_file *patch_file(const struct patch *p, uint32_t i);

// The file's new content instead of what `ret` holds, from its old one (empty for PATCH_ADD).
// ERR_INVAL: it does not apply, with hunk and reason; ERR_LIMIT, ERR_NOMEM.
int patch_apply(const struct patch *p, uint32_t i, const char *old, size_t old_bytes,
                struct buf *ret, struct err *err);
// Appends the change as git writes it, with three lines around it. ERR_LIMIT, ERR_NOMEM.
int patch_print(const struct patch_file *f, const char *old, size_t old_bytes, const char *fresh,
                size_t fresh_bytes, struct buf *out, struct err *err);
