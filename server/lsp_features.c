// The features of the language server. One more: its file, and a row here.
#include "server/lsp_impl.h"

const struct lsp_feature *const lsp_features[] = {
    &lsp_feature_life,
    NULL,
};
