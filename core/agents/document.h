// What the agents find in one text, saved or not: for editors. The same checks, silences and
// baseline as review, on bytes instead of a file. Blocks (parses, asks the store); any thread.
#pragma once

#include "core/agents/findings.h"
#include "core/code/language.h"
#include "core/code/syntax.h"

struct store;

struct document_text { // borrows
    const char *root;  // of the workspace, for mutes and baseline; NULL: in none
    const char *path;  // below root; NULL: it has no place (an editor's untitled text)
    enum lang lang;
    const char *text;
    size_t bytes;
    struct store *store; // NULL: cannot be used now: neither muted nor known ones are left out
    bool (*cancelled)(void *ctx); // may be NULL
    void *ctx;
    struct syntax_kept **kept; // for the next keystroke (syntax.h); NULL: a fresh parse
    bool *ret_errors;          // does the text have errors of syntax? May be NULL
};

enum { DOCUMENT_CHECK_BYTES_MAX = SYNTAX_BYTES_MAX }; // larger ones have no findings, as in review

// Ordered by place. Other people's and generated files, and texts that are too large, have none.
// ERR_CANCELLED, ERR_NOMEM. findings_done() in any case.
int document_findings(const struct document_text *d, struct findings *ret, struct err *err);

// Of any finding that a document can have; NULL: no such rule.
const struct rule *document_rule(const char *id, size_t n);

// Would this repair hold? Bytes [from, to) replaced by `text`: 1 when the text then parses as well
// as before and the tree checks say less; 0 when not, or when it cannot be told. ERR_NOMEM.
// `errors` and `findings` are what a parse and the checks said of the text before; s is
// overwritten.
int document_holds(struct syntax *s, const struct document_text *d, uint32_t errors,
                   uint32_t findings, size_t from, size_t to, const char *text);
// The same when that is not known yet.
int document_try(const struct document_text *d, size_t from, size_t to, const char *text,
                 struct err *err);
