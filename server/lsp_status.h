// What paired holds of a session, for who asks: figures for an editor's status, and what is known
// of an open document, so that an editor or a test can see whether both have the same text. Main
// loop.
#pragma once

#include "server/lsp_face.h"

// {"documents", "live", "findings", "quiet", "rhythm", "engine", "index"}
void lsp_status_answer(struct lsp_face *f, struct rpc_request *req);
// {"version", "bytes", "lines", "hash"}: BLAKE2b of 128 bits, in hex, of the text as UTF-8.
void lsp_document_answer(struct lsp_face *f, struct rpc_request *req, struct lsp_document *d);
