// Edits of the repository's history as code actions. Internal to lsp_actions.c and lsp_apply.c.
#pragma once

#include "server/lsp_face.h"

// Answers a textDocument/codeAction with `list` (taken) and what the history has to say of the
// range. Of a document in a workspace, of a language with a tree.
void lsp_apply_answer(struct lsp_face *f, struct lsp_document *d, struct rpc_request *req,
                      struct lsp_range range, json_t *list);
