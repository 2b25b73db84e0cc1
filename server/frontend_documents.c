#include "server/frontend_documents.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "protocol/json_pull.h"

#include <string.h>

enum {
    BUCKETS = 256,
    URI_BYTES_MAX = 64 * 1024,
    HEAD_BYTES_MAX = 16 * 1024, // that of a large message: its method and URI stand there
    CHUNK_BYTES = 256 * 1024,   // so large that its memory is mapped, and goes back when it is free
    SMALL_BYTES_MAX = CHUNK_BYTES / 4
};

// Small messages of one document, in the order in which they came and are dropped. Thousands of
// letters, each with memory of its own, would leave holes that nobody gets back.
struct chunk {
    size_t used, live;
};

struct message {
    struct message *next;
    uint64_t seq;
    size_t bytes;
    struct chunk *chunk; // where it stands, or NULL
    char *own;           // a large one: its bytes; NULL: they stand here
    char body[];
};

struct document {
    struct document *next;
    struct message *first, *last; // the first one is a didOpen
    struct chunk *chunk;          // the one that has room, or NULL
    size_t uri_bytes;
    char uri[];
};

struct documents {
    struct document *buckets[BUCKETS];
    size_t count, bytes, messages;
};

struct documents *documents_new(void) {
    return mem_zalloc(sizeof(struct documents));
}

static void first_free(struct documents *d, struct document *doc) {
    struct message *m = doc->first;
    struct chunk *chunk = m->chunk;
    doc->first = m->next;
    d->bytes -= m->bytes;
    d->messages--;
    mem_free(m->own);
    if (!chunk) {
        mem_free(m);
    } else if (--chunk->live == 0) {
        doc->chunk = doc->chunk == chunk ? NULL : doc->chunk;
        mem_free(chunk);
    }
}

static void document_drop(struct documents *d, struct document **slot) {
    struct document *doc = *slot;
    *slot = doc->next;
    while (doc->first)
        first_free(d, doc);
    d->count--;
    mem_free(doc);
}

void documents_clear(struct documents *d) {
    for (size_t i = 0; i < BUCKETS; i++)
        while (d->buckets[i])
            document_drop(d, &d->buckets[i]);
}

void documents_free(struct documents *d) {
    if (!d)
        return;
    documents_clear(d);
    mem_free(d);
}

size_t documents_bytes(const struct documents *d) {
    return d->bytes;
}

size_t documents_messages(const struct documents *d) {
    return d->messages;
}

// The document's slot, or that behind the last one in its bucket.
static struct document **document_slot(struct documents *d, const char *uri, size_t n) {
    uint32_t hash = 2166136261U; // FNV-1a
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)uri[i]) * 16777619U;
    struct document **slot = &d->buckets[hash % BUCKETS];
    while (*slot && ((*slot)->uri_bytes != n || memcmp((*slot)->uri, uri, n) != 0))
        slot = &(*slot)->next;
    return slot;
}

static struct message *in_chunk(struct document *doc, size_t n) {
    size_t bytes = (sizeof(struct message) + n + 15) / 16 * 16;
    if (!doc->chunk || bytes > CHUNK_BYTES - doc->chunk->used) {
        struct chunk *chunk = mem_alloc(CHUNK_BYTES);
        if (!chunk)
            return NULL;
        *chunk = (struct chunk){.used = sizeof *chunk};
        doc->chunk = chunk;
    }
    struct message *m = (struct message *)(void *)((char *)doc->chunk + doc->chunk->used);
    doc->chunk->used += bytes;
    doc->chunk->live++;
    *m = (struct message){.chunk = doc->chunk};
    return m;
}

// Takes the memory of `own` where it is given.
static struct message *message_new(struct documents *d, struct document *doc, uint64_t seq,
                                   const char *body, size_t n, struct buf *own) {
    // An opening is kept for long: it must not hold a chunk.
    bool small = !own && doc->first && n <= SMALL_BYTES_MAX;
    struct message *m = small ? in_chunk(doc, n) : mem_zalloc(sizeof *m + (own ? 0 : n));
    if (!m)
        return NULL;
    m->seq = seq;
    m->bytes = n;
    if (own) {
        char *less = mem_realloc(own->data, n); // it had grown by doubling
        m->own = less ? less : own->data;
        *own = BUF_INIT(own->max);
    } else {
        memcpy(m->body, body, n);
    }
    d->bytes += n;
    d->messages++;
    return m;
}

static int note_open(struct documents *d, struct document **slot, const struct buf *uri,
                     uint64_t seq, const char *body, size_t n, struct buf *own) {
    if (*slot) // opened again without a close: it begins anew
        document_drop(d, slot);
    if (d->count >= DOCUMENTS_MAX || n > DOCUMENTS_BYTES_MAX - d->bytes)
        return ERR_LIMIT;
    struct document *doc = mem_alloc(sizeof *doc + uri->len + 1);
    if (!doc)
        return ERR_NOMEM;
    *doc = (struct document){.next = *slot, .uri_bytes = uri->len};
    doc->first = doc->last = message_new(d, doc, seq, body, n, own);
    if (!doc->first) {
        mem_free(doc);
        return ERR_NOMEM;
    }
    memcpy(doc->uri, uri->data ? uri->data : "", uri->len);
    *slot = doc;
    d->count++;
    return 0;
}

static int note_change(struct documents *d, struct document **slot, uint64_t seq, const char *body,
                       size_t n, struct buf *own) {
    if (!*slot)
        return 0; // never opened, or not kept
    bool room = n <= DOCUMENTS_BYTES_MAX - d->bytes;
    struct message *m = room ? message_new(d, *slot, seq, body, n, own) : NULL;
    if (!m) { // half of a document's edits is worse than none
        document_drop(d, slot);
        return room ? ERR_NOMEM : ERR_LIMIT;
    }
    (*slot)->last->next = m;
    (*slot)->last = m;
    return 0;
}

// Which of ours a message is.
enum kind { DID_OPEN, DID_CHANGE, DID_CLOSE, DID_OTHER };

static enum kind kind_of(const struct jsonrpc_message *m) {
    static const char *const methods[] = {"textDocument/didOpen", "textDocument/didChange",
                                          "textDocument/didClose"};
    size_t which = 0;
    while (which < COUNT_OF(methods) &&
           (m->method.len != strlen(methods[which]) ||
            memcmp(m->method.data, methods[which], m->method.len) != 0))
        which++;
    return (enum kind)which;
}

// As it stands in the message.
static struct span document_uri(const struct jsonrpc_message *m) {
    static const char *const outer[] = {"textDocument"}, *const inner[] = {"uri"};
    struct span document = {0}, name = {0};
    if (json_pull_members_past(m->params, m->longest, outer, &document, 1))
        (void)json_pull_members_past(document, m->longest, inner, &name, 1);
    return name;
}

static int note_named(struct documents *d, enum kind kind, struct span name, uint64_t seq,
                      const char *body, size_t n, struct buf *own) {
    AUTO_BUF uri = BUF_INIT(URI_BYTES_MAX);
    int r = json_pull_string(name, &uri);
    if (r < 0)
        return r == ERR_NOMEM ? r : 0; // the engine will say what is wrong with it
    struct document **slot = document_slot(d, uri.data ? uri.data : "", uri.len);
    if (kind == DID_OPEN)
        return note_open(d, slot, &uri, seq, body, n, own);
    if (kind == DID_CHANGE)
        return note_change(d, slot, seq, body, n, own);
    if (*slot)
        document_drop(d, slot);
    return 0;
}

int documents_note(struct documents *d, const struct jsonrpc_message *m, uint64_t seq,
                   const char *body, size_t n) {
    enum kind kind = kind_of(m);
    struct span uri = kind == DID_OTHER ? (struct span){0} : document_uri(m);
    return uri.data ? note_named(d, kind, uri, seq, body, n, NULL) : 0;
}

// An id, which would make it a request, may stand behind params; then it is no object that ends
// right before the message does.
static bool ends_with_params(const char *body, size_t n) {
    size_t closed = 0;
    for (; n && closed < 2; n--) {
        if (body[n - 1] == '}')
            closed++;
        else if (!memchr(" \t\r\n", body[n - 1], 4))
            return false;
    }
    return closed == 2;
}

int documents_note_large(struct documents *d, uint64_t seq, struct buf *body) {
    struct jsonrpc_message m;
    size_t head = utf_cut(body->data, body->len, HEAD_BYTES_MAX);
    if (head == body->len || !jsonrpc_read_head(body->data, head, &m) ||
        m.kind != JSONRPC_NOTIFICATION || !ends_with_params(body->data, body->len))
        return 0;
    enum kind kind = kind_of(&m);
    struct span uri = document_uri(&m);
    bool whole = uri.len > 1 && *uri.data == '"' && uri.data[uri.len - 1] == '"' &&
                 uri.data + uri.len < body->data + head;
    if (!whole || (kind != DID_OPEN && kind != DID_CHANGE))
        return 0;
    int r = note_named(d, kind, uri, seq, body->data, body->len, body);
    return r < 0 ? r : 1;
}

// Bytes of the URI that stands behind the first four.
static int64_t told_uri_bytes(const char *body, size_t n, struct err *err) {
    size_t uri_bytes = 0;
    for (size_t i = 4; n >= 4 && i-- > 0;)
        uri_bytes = uri_bytes << 8 | (unsigned char)body[i];
    return n < 4 || uri_bytes > n - 4 ? err_set(err, ERR_PARSE, "a cut frame") : (int64_t)uri_bytes;
}

int documents_told(struct documents *d, uint64_t seq, const char *body, size_t n, struct err *err) {
    int64_t known = told_uri_bytes(body, n, err);
    if (known < 0)
        return (int)known;
    struct buf uri = {.data = (char *)body + 4, .len = (size_t)known};
    struct document **slot = document_slot(d, uri.data, uri.len);
    size_t head = 4 + uri.len;
    if (*slot)
        document_drop(d, slot);
    if (n > head)
        (void)note_open(d, slot, &uri, seq, body + head, n - head, NULL);
    return 0;
}

int documents_state(struct documents *d, uint64_t seq, const char *body, size_t n,
                    struct err *err) {
    int64_t known = told_uri_bytes(body, n, err);
    if (known < 0)
        return (int)known;
    size_t uri_bytes = (size_t)known;
    struct document **slot = document_slot(d, body + 4, uri_bytes), *doc = *slot;
    size_t head = 4 + uri_bytes;
    if (!doc || doc->first->seq > seq)
        return 0;                 // closed meanwhile, or opened anew
    struct buf own = BUF_INIT(0); // not in a chunk: it is the opening now
    struct message *m = buf_append(&own, body + head, n - head) == 0
                            ? message_new(d, doc, seq, own.data, own.len, &own)
                            : NULL;
    buf_done(&own);
    if (!m)
        return 0; // what is kept still says the same
    while (doc->first && doc->first->seq <= seq)
        first_free(d, doc);
    m->next = doc->first;
    if (!m->next)
        doc->last = m;
    doc->first = m;
    return 0;
}

int documents_each(const struct documents *d, documents_fn *fn, void *ctx) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct document *doc = d->buckets[i]; doc; doc = doc->next) {
            for (const struct message *m = doc->first; m; m = m->next) {
                int r = fn(ctx, m->seq, m->own ? m->own : m->body, m->bytes);
                if (r < 0)
                    return r;
            }
        }
    }
    return 0;
}
