// The text of an open document, and LSP's positions in it. A gap buffer with the beginnings of its
// lines, so that an edit beside the last one costs what it changes, not what the document is long.
// Bytes in, bytes out; no I/O; one owner. Source: LSP 3.17/3.18 "Text Documents", "Position".
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { LSP_TEXT_BYTES_MAX = 64 * 1024 * 1024 };

// What `character` of a position counts.
enum lsp_encoding { LSP_UTF16, LSP_UTF8, LSP_UTF32 };

// Both from 0. Lines end with \n, \r\n or \r. A character past the end of its line stands for the
// end of the line (before its line break), a line past the last one for the end of the text; one
// within a character (half of a surrogate pair, a byte within a sequence) for that character's
// beginning.
struct lsp_position {
    uint32_t line, character;
};
struct lsp_range {
    struct lsp_position start, end;
};

struct lsp_text;
// `text` is copied. Invalid UTF-8 is kept byte for byte; each such byte counts as one character.
// ERR_LIMIT, ERR_NOMEM.
int lsp_text_new(const char *text, size_t n, struct lsp_text **ret, struct err *err);
// The same, without a copy: takes the buffer's memory when it succeeds.
int lsp_text_take(struct buf *text, struct lsp_text **ret, struct err *err);
void lsp_text_free(struct lsp_text *t); // accepts NULL

size_t lsp_text_bytes(const struct lsp_text *t);
uint32_t lsp_text_lines(const struct lsp_text *t); // at least 1
// Replaces the range; start and end may stand in either order. On failure the text is as before:
// ERR_LIMIT, ERR_NOMEM.
int lsp_text_edit(struct lsp_text *t, enum lsp_encoding e, struct lsp_range range, const char *text,
                  size_t n, struct err *err);
int lsp_text_replace(struct lsp_text *t, size_t from, size_t to, const char *text, size_t n,
                     struct err *err); // by bytes; from <= to <= bytes

size_t lsp_text_offset(const struct lsp_text *t, enum lsp_encoding e, struct lsp_position p);
// offset > bytes stands for the end.
struct lsp_position lsp_text_position(const struct lsp_text *t, enum lsp_encoding e, size_t offset);
size_t lsp_text_line_start(const struct lsp_text *t, uint32_t line); // bytes for lines past the end
uint32_t lsp_text_line_at(const struct lsp_text *t, size_t offset);

// Appends [from, to) to `out` (clamped). 0 or ERR_NOMEM.
int lsp_text_copy(const struct lsp_text *t, size_t from, size_t to, struct buf *out);
// All of it in one piece, not terminated; valid until the next edit. Moves the gap to the end.
const char *lsp_text_flat(struct lsp_text *t, size_t *ret_bytes);
