// Who may say how a line goes on. A completer is asked on a worker, in the order of the list, until
// one of them is sure enough of what it says; most of the time none is, and nothing is shown. What
// the repository's own code shows is the first (lsp_complete.c); a model is one more row.
#pragma once

#include "server/lsp_face.h"

enum { COMPLETION_BYTES_MAX = 4096 };

struct completion_place { // borrowed by a completer during the call
    const struct lsp_copy *copy;
    size_t at;        // byte of the text
    bool asked;       // the user asked for it; false: he only types
    const char *root; // of the workspace; NULL: none
    struct services *services;
    bool (*cancelled)(void *ctx); // the user has typed on: nobody wants it any more
    void *ctx;
};
struct completion {
    struct buf text;  // empty: nothing
    size_t replaced;  // bytes behind the place that it stands for
    unsigned percent; // how sure it is
};
struct completer {
    const char *name;
    unsigned percent_min; // it is not heard below that
    // 0, ERR_CANCELLED, ERR_NOMEM. Fills ret->text, which is freed by the caller.
    int (*complete)(const struct completion_place *place, struct completion *ret, struct err *err);
};
extern const struct completer completer_model;     // lsp_complete_model.c
extern const struct completer *const completers[]; // NULL-terminated
// The first completion that may be shown; an empty text: none.
int completers_ask(const struct completion_place *place, struct completion *ret, struct err *err);

extern const struct lsp_feature lsp_feature_complete;
