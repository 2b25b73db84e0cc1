// The features of the language server. One more: its file, and a row here.
#include "server/lsp_impl.h"

const struct lsp_feature *const lsp_features[] = {
    &lsp_feature_life,
    &lsp_feature_workspace,
    &lsp_feature_sync,
    &lsp_feature_commands,
    &lsp_feature_calm, // hears of an edit before those who ask it
    NULL,
};
