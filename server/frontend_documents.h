// The documents that an editor has open, as the front end keeps them for the next engine: of each
// its didOpen and the didChange after it. Shortened when the engine says what they come to
// (HOP_STATE). Texts are not looked into. Bounded. No I/O.
#pragma once

#include "core/base/buf.h"
#include "protocol/hop.h"
#include "protocol/jsonrpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOCUMENTS_MAX = 1000, // the engine takes no more (lsp_face.h)
    DOCUMENTS_BYTES_MAX = 320 * 1024 * 1024
};

struct documents;
struct documents *documents_new(void);     // NULL when out of memory
void documents_free(struct documents *d);  // accepts NULL
void documents_clear(struct documents *d); // a session begins anew

// A notification of the client. 0: kept, or none of ours; ERR_LIMIT, ERR_NOMEM: a document was not
// kept, or is not any more: if the engine ends now, the next one does not know it.
int documents_note(struct documents *d, const struct jsonrpc_message *m, uint64_t seq,
                   const char *body, size_t n);
// The same of a message that is too large to be read here: from its head and its end, the rest is
// not looked at. 1: kept, its memory taken (`body` becomes empty); 0: they do not say what it is;
// ERR_LIMIT, ERR_NOMEM as above.
int documents_note_large(struct documents *d, uint64_t seq, struct buf *body);
// What the engine says: everything about one document up to message `seq` comes to this didOpen.
// Body: u32 bytes of the URI, little-endian; the URI; the message. ERR_PARSE: a cut frame.
int documents_state(struct documents *d, uint64_t seq, const char *body, size_t n, struct err *err);
// The same where only the engine says what there is (sessions of ACP): one that is not known is
// new, and with an empty message it is gone. Over the maximum nothing is kept of it.
int documents_told(struct documents *d, uint64_t seq, const char *body, size_t n, struct err *err);
size_t documents_bytes(const struct documents *d);
size_t documents_messages(const struct documents *d);

// All of it, each document's messages in order. A negative return of fn stops it.
typedef int documents_fn(void *ctx, uint64_t seq, const char *body, size_t n);
int documents_each(const struct documents *d, documents_fn *fn, void *ctx);
