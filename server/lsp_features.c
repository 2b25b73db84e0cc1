// The features of the language server, in the order in which they hear of things. One more: its
// file, and a row here.
#include "server/lsp_complete.h"
#include "server/lsp_findings.h"
#include "server/lsp_impl.h"
#include "server/lsp_knowledge.h"
#include "server/lsp_rhythm.h"

const struct lsp_feature *const lsp_features[] = {
    &lsp_feature_life,
    &lsp_feature_workspace,
    &lsp_feature_sync,
    &lsp_feature_calm,        // hears of an edit before those who ask it
    &lsp_feature_diagnostics, // before the one that finds: a document has the state of both then
    &lsp_feature_findings,
    &lsp_feature_diagnostics_all,
    &lsp_feature_commands,
    &lsp_feature_actions,
    &lsp_feature_pages,
    &lsp_feature_knowledge,
    &lsp_feature_lens,
    &lsp_feature_hover,
    &lsp_feature_complete,
    &lsp_feature_hints,
    &lsp_feature_rhythm,
    &lsp_feature_handoff,
    NULL,
};
