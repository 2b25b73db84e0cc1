// Findings of the open documents: worked out on a worker from the text as it is, one job for each
// document at a time; a text that changed meanwhile makes its answer void and is looked at again.
// Owner: lsp_findings.c. Main loop.
#pragma once

#include "core/code/finding.h"
#include "server/lsp_face.h"

struct lsp_finding {
    const struct rule *rule;
    char *message;
    uint64_t print;  // stable name (core/agents/findings.h)
    uint32_t line;   // from 0
    size_t from, to; // bytes of the text that it was found in
    struct lsp_range range;
    bool has_fix;
    struct lsp_range fix_range; // replaced by …
    char *fix;                  // … this, when has_fix
    char *json;                 // the diagnostic
};
struct lsp_findings {
    uint64_t edits;  // lsp_document.edits of the text
    int64_t version; // its version
    uint32_t count;
    struct lsp_finding *list; // by place
};

extern const struct lsp_feature lsp_feature_findings;
// The newest there are, of the text as it is now or of one before (compare `edits`). NULL: none
// yet.
const struct lsp_findings *lsp_findings_of(const struct lsp_face *f, struct lsp_document *d);
// How findings are written for this client.
struct lsp_style {
    char *documentation; // address of the rules' descriptions; NULL: none
    bool tags;           // the client knows "unnecessary"
    bool pages;          // … and opens paired: pages from a rule's name
    bool related;        // … and shows other places of a finding
};
int lsp_style_init(const struct lsp_face *f, struct lsp_style *ret); // ERR_NOMEM
void lsp_style_done(struct lsp_style *s);
// On a worker: the diagnostics of a text that is not open, "{…},{…}"; nothing when there are none.
struct store;
int lsp_findings_of_text(const struct lsp_copy *c, const struct lsp_style *style,
                         struct store *store, struct lsp_job *job, struct buf *out,
                         struct err *err);

// Among the resources that have changed: mutes, a baseline.
#define LSP_FINDINGS_URI "paired://findings"
// Look again although the text is the same: something was muted.
void lsp_findings_again(struct lsp_face *f, struct lsp_document *d);

extern const struct lsp_feature lsp_feature_diagnostics;     // lsp_diagnostics.c
extern const struct lsp_feature lsp_feature_diagnostics_all; // lsp_diagnostics_all.c
// New ones have come.
void lsp_diagnostics_found(struct lsp_face *f, struct lsp_document *d);
void lsp_actions_found(struct lsp_face *f, struct lsp_document *d); // lsp_actions.c
