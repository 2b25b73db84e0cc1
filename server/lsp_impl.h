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

// --- folders, settings (lsp_workspace.c)
extern const struct lsp_feature lsp_feature_workspace;
void lsp_workspace_read(struct lsp_face *f); // from f->params
void lsp_workspace_done(struct lsp_face *f);

// --- documents (lsp_documents.c)
struct lsp_opening { // borrows
    const char *uri, *language;
    int64_t version;
    struct buf *text; // taken when it succeeds
};
// ERR_LIMIT, ERR_NOMEM. Tells nobody.
int lsp_document_open(struct lsp_face *f, const struct lsp_opening *o, struct lsp_document **ret,
                      struct err *err);
// Also one that is lost.
struct lsp_document *lsp_document_find_any(const struct lsp_face *f, const char *uri, size_t n);
void lsp_document_lose(struct lsp_face *f, struct lsp_document *d);    // idempotent
void lsp_document_recover(struct lsp_face *f, struct lsp_document *d); // its text is known again
void lsp_document_edited(struct lsp_face *f, struct lsp_document *d);  // its text is another
void lsp_document_close(struct lsp_face *f, struct lsp_document *d);   // tells the features; frees
int lsp_document_place(struct lsp_face *f, struct lsp_document *d);    // root, relative. ERR_NOMEM

// --- didOpen, didChange … (lsp_sync.c)
extern const struct lsp_feature lsp_feature_sync;
// true: it was one of the two that are read without a tree. `text`: where m->text is decoded.
bool lsp_sync_take(struct lsp_face *f, const struct jsonrpc_message *m, struct buf *text,
                   size_t message_bytes);
void lsp_sync_state(struct lsp_face *f, struct lsp_document *d); // HOP_STATE, when it is worth it

// --- the rest
extern const struct lsp_feature lsp_feature_calm; // lsp_calm.c
void lsp_work_close(struct lsp_face *f);
void lsp_work_changed(struct lsp_face *f, const struct lsp_document *d); // its text is another
void lsp_talk_close(struct lsp_face *f);
void lsp_progress_cancel(void *face, json_t *params);
