// Inside of the language server's core: what lsp_session.c, lsp_client.c, lsp_documents.c,
// lsp_sync.c, lsp_workspace.c, lsp_talk.c and lsp_work.c share. Features include lsp_face.h.
#pragma once

#include "server/lsp_face.h"

enum { LSP_MEMBERS_MAX = 200000, LSP_METHODS_MAX = 128 };

extern const struct lsp_feature lsp_feature_life; // lsp_session.c

// --- features (lsp_session.c)
size_t lsp_feature_index(const struct lsp_feature *feature);
void lsp_tell_document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event);

// --- what the client can (lsp_client.c)
// From the parameters of initialize. Starts nothing. ERR_INVAL: they are none.
int lsp_client_read(struct lsp_face *f, const json_t *params, struct err *err);
void lsp_client_done(struct lsp_face *f);
// {"capabilities": …, "serverInfo": …}; NULL: out of memory.
json_t *lsp_client_welcome(struct lsp_face *f);
const char *lsp_encoding_name(enum lsp_encoding e);
