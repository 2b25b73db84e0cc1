// What is known of an open document's file beside its text: what its commits say, and how it was at
// HEAD. Worked out in the background when the document is opened and when it is saved, so that a
// hover or a lens reads it and waits for nothing. Main loop, except where said.
#pragma once

#include "core/code/facts.h"
#include "server/lsp_face.h"

struct lsp_knowledge { // immutable; any thread
    atomic_uint holders;
    bool tracked;             // its repository has commits
    const struct facts *base; // of the text at HEAD; NULL: it was not there
    uint32_t commits, fixes, authors;
    int64_t last_s; // of its newest commit
    char *with;     // the file that most often changes along; NULL: none does
    unsigned with_percent, with_support;
    char *main_author; // NULL unless names are wanted (hover.owners)
    unsigned main_percent;
};
struct lsp_knowledge *lsp_knowledge_hold(struct lsp_knowledge *k); // accepts NULL
void lsp_knowledge_put(struct lsp_knowledge *k);                   // accepts NULL
// Of the newest save; NULL: nothing yet. Borrowed until the next message.
struct lsp_knowledge *lsp_knowledge_of(struct lsp_document *d);

struct snapshot;
struct lsp_uses {
    uint32_t calls, files, tests; // tests: files of tests among them
};
void lsp_uses_of(const struct snapshot *s, const char *name, struct lsp_uses *ret); // any thread

// --- functions of a text against those at HEAD; any thread

struct lsp_functions { // immutable
    atomic_uint holders;
    uint64_t edits; // of the text
    struct facts *facts;
};
void lsp_functions_put(struct lsp_functions *f); // accepts NULL
// Read once for a text, whoever asks: the first waits for the parse, the others for the first.
struct lsp_functions_cache;
struct lsp_functions_cache *lsp_functions_cache_new(void); // NULL: no memory
struct lsp_functions_cache *lsp_functions_cache_share(struct lsp_functions_cache *cache);
struct lsp_functions_cache *lsp_functions_cache_hold(struct lsp_document *d); // main loop; or NULL
void lsp_functions_cache_put(struct lsp_functions_cache *cache);              // accepts NULL
int lsp_functions_of(struct lsp_functions_cache *cache, const struct lsp_copy *c,
                     struct lsp_functions **ret, struct err *err);
bool lsp_is_function(const struct fact_symbol *s);
// Is `s` of `now` another than in `base` (NULL: there was none)? *ret_was: NULL: it is new.
bool lsp_function_changed(const struct facts *base, const struct facts *now,
                          const struct fact_symbol *s, const struct fact_symbol **ret_was);

extern const struct lsp_feature lsp_feature_hints;     // lsp_hints.c
extern const struct lsp_feature lsp_feature_handoff;   // lsp_handoff.c
extern const struct lsp_feature lsp_feature_knowledge; // lsp_knowledge.c
extern const struct lsp_feature lsp_feature_lens;      // lsp_lens.c
extern const struct lsp_feature lsp_feature_hover;     // lsp_hover.c
