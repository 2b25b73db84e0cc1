#include "server/frontend_journal.h"

#include "core/base/mem.h"
#include "server/frontend_documents.h"

#include <jansson.h>
#include <string.h>

enum { SLOTS = JOURNAL_REQUESTS_MAX }; // a power of two

struct entry {
    struct entry *next, *prev; // all of them, by seq
    struct entry *same_slot;
    uint64_t seq;
    enum hop_type type;
    size_t total;    // length of the whole message
    unsigned deaths; // engines that ended with it
    bool sent;       // to the present engine
    bool ever_sent;  // to any
    bool immediate;  // a faulty message: answered, if at all, before anything that came later
    bool lasting;    // a subscription: open as long as the client likes
    struct span id;  // in `body`; of a single request
    bool batch;
    bool mute; // a response that is no use: two sides answering such would never stop
    size_t bytes;
    char body[];
};

enum state_kind { STATE_INITIALIZE, STATE_ONCE, STATE_EACH, STATE_SUBSCRIBE };
// Of notifications and requests that make a session. Those that stand behind initialize only count
// after it.
struct state_method {
    const char *name;
    enum state_kind kind; // ONCE: the newer one takes the older one's place; EACH: all are kept
};
static const struct state_method mcp_state[] = {
    {"initialize", STATE_INITIALIZE},           {"notifications/initialized", STATE_ONCE},
    {"logging/setLevel", STATE_ONCE},           {"resources/subscribe", STATE_SUBSCRIBE},
    {"resources/unsubscribe", STATE_SUBSCRIBE}, {0}};
static const struct state_method lsp_state[] = {{"initialize", STATE_INITIALIZE},
                                                {"initialized", STATE_ONCE},
                                                {"$/setTrace", STATE_ONCE},
                                                {"workspace/didChangeConfiguration", STATE_ONCE},
                                                {"workspace/didChangeWorkspaceFolders", STATE_EACH},
                                                {0}};

// What its sessions are, the engine says (HOP_STATE).
static const struct state_method acp_state[] = {{"initialize", STATE_INITIALIZE}, {0}};

struct state {
    struct state *next;
    const struct state_method *method;
    uint64_t seq;
    char *uri; // STATE_SUBSCRIBE
    size_t bytes;
    char body[];
};

struct journal {
    struct entry *first, *last;
    struct entry *slots[SLOTS];
    size_t count, bytes, lasting, immediate;
    const struct state_method *methods;
    struct state *state;
    size_t state_count, state_bytes;
    struct documents *documents; // of LSP; of ACP: its sessions
    bool told;                   // they are what the engine says they are
};

struct journal *journal_new(void) {
    struct journal *j = mem_zalloc(sizeof *j);
    if (j)
        j->methods = mcp_state;
    return j;
}

struct journal *journal_new_lsp(void) {
    struct journal *j = mem_zalloc(sizeof *j);
    struct documents *documents = documents_new();
    if (!j || !documents) {
        mem_free(j);
        documents_free(documents);
        return NULL;
    }
    j->methods = lsp_state;
    j->documents = documents;
    return j;
}

struct journal *journal_new_acp(void) {
    struct journal *j = journal_new_lsp();
    if (j) {
        j->methods = acp_state;
        j->told = true;
    }
    return j;
}

static void state_free(struct journal *j, struct state *s) {
    j->state_count--;
    j->state_bytes -= s->bytes;
    mem_free(s->uri);
    mem_free(s);
}

static void entry_remove(struct journal *j, struct entry *e) {
    *(e->prev ? &e->prev->next : &j->first) = e->next;
    *(e->next ? &e->next->prev : &j->last) = e->prev;
    struct entry **at = &j->slots[e->seq % SLOTS];
    while (*at != e)
        at = &(*at)->same_slot;
    *at = e->same_slot;
    j->count--;
    j->bytes -= e->bytes;
    j->lasting -= e->lasting;
    j->immediate -= e->immediate;
    mem_free(e);
}

void journal_free(struct journal *j) {
    if (!j)
        return;
    while (j->first)
        entry_remove(j, j->first);
    while (j->state) {
        struct state *s = j->state;
        j->state = s->next;
        state_free(j, s);
    }
    documents_free(j->documents);
    mem_free(j);
}

// --- answers of our own --------------------------------------------------------------------------

static void put_error(struct buf *out, struct span id, const char *text) {
    (void)buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id.data)
        (void)buf_append(out, id.data, id.len);
    else
        (void)buf_puts(out, "null");
    (void)buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", JSONRPC_INTERNAL_ERROR);
    (void)buf_put_json_string(out, text, strlen(text));
    (void)buf_puts(out, "}}");
}

struct batch_errors {
    struct buf *out;
    const char *text;
    size_t count;
};

static int put_batch_error(void *ctx, const char *element, size_t n) {
    struct batch_errors *b = ctx;
    struct jsonrpc_message m;
    if (jsonrpc_read(element, n, &m, NULL) == 0 && m.kind == JSONRPC_REQUEST) {
        (void)buf_putc(b->out, b->count++ ? ',' : '[');
        put_error(b->out, m.id, b->text);
    }
    return 0;
}

static void put_answer(struct buf *out, bool batch, struct span id, const char *body, size_t n,
                       const char *text) {
    if (!batch) {
        put_error(out, id, text);
        return;
    }
    struct batch_errors b = {.out = out, .text = text};
    (void)jsonrpc_each(body, n, put_batch_error, &b);
    if (b.count)
        (void)buf_putc(out, ']');
}

// --- session state -------------------------------------------------------------------------------

static bool is_method(struct span method, const char *name) {
    return method.len == strlen(name) && memcmp(method.data, name, method.len) == 0;
}

static char *uri_of(struct span params) {
    json_t *object = params.data ? json_loadb(params.data, params.len, 0, NULL) : NULL;
    const char *uri = json_string_value(json_object_get(object, "uri"));
    char *copy = uri ? mem_strdup(uri) : NULL;
    json_decref(object);
    return copy;
}

// The newer message of a method takes the place of the older one; of subscriptions, that of its
// URI.
static void state_drop(struct journal *j, const struct state_method *method, const char *uri) {
    for (struct state **at = &j->state; *at;) {
        struct state *s = *at;
        bool same = uri ? s->uri && strcmp(s->uri, uri) == 0 : s->method == method;
        if (!same) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        state_free(j, s);
    }
}

static int state_keep(struct journal *j, const struct state_method *method, char *uri, uint64_t seq,
                      const char *body, size_t n) {
    if (j->state_count >= JOURNAL_STATE_MAX || n > JOURNAL_STATE_BYTES_MAX - j->state_bytes) {
        mem_free(uri);
        return ERR_LIMIT;
    }
    struct state *s = mem_alloc(sizeof *s + n);
    if (!s) {
        mem_free(uri);
        return ERR_NOMEM;
    }
    *s = (struct state){.method = method, .seq = seq, .uri = uri, .bytes = n};
    memcpy(s->body, body, n);
    struct state **at = &j->state;
    while (*at)
        at = &(*at)->next;
    *at = s;
    j->state_count++;
    j->state_bytes += n;
    return 0;
}

static int state_subscription(struct journal *j, const struct state_method *method,
                              const struct jsonrpc_message *m, uint64_t seq, const char *body,
                              size_t n) {
    char *uri = uri_of(m->params);
    if (!uri)
        return 0; // the engine will say what is wrong with it
    state_drop(j, method, uri);
    if (is_method(m->method, "resources/subscribe"))
        return state_keep(j, method, uri, seq, body, n);
    mem_free(uri);
    return 0;
}

static int state_note(struct journal *j, const struct jsonrpc_message *m, uint64_t seq,
                      const char *body, size_t n) {
    const struct state_method *method = j->methods;
    while (method->name && !is_method(m->method, method->name))
        method++;
    if (!method->name)
        return j->documents ? documents_note(j->documents, m, seq, body, n) : 0;
    switch (method->kind) {
    case STATE_INITIALIZE:
        // LSP: a second one is refused and changes nothing. MCP: a session begins anew.
        if (j->documents && j->state)
            return 0;
        while (j->state) {
            struct state *s = j->state;
            j->state = s->next;
            state_free(j, s);
        }
        break;
    case STATE_ONCE:
        state_drop(j, method, NULL);
        break;
    case STATE_EACH:
        break;
    case STATE_SUBSCRIBE:
        return state_subscription(j, method, m, seq, body, n);
    }
    return state_keep(j, method, NULL, seq, body, n);
}

// --- requests ------------------------------------------------------------------------------------

static struct entry *entry_add(struct journal *j, uint64_t seq, const char *body, size_t n) {
    struct entry *e = mem_alloc(sizeof *e + n);
    if (!e)
        return NULL;
    *e = (struct entry){.seq = seq, .type = HOP_MESSAGE, .total = n, .bytes = n, .prev = j->last};
    memcpy(e->body, body, n);
    *(j->last ? &j->last->next : &j->first) = e;
    j->last = e;
    struct entry **slot = &j->slots[seq % SLOTS];
    e->same_slot = *slot;
    *slot = e;
    j->count++;
    j->bytes += n;
    return e;
}

static int refuse(struct buf *refusal, bool batch, struct span id, const char *body, size_t n) {
    put_answer(refusal, batch, id, body, n,
               "paired is out of memory; the request was not carried out");
    return ERR_NOMEM;
}

// MCP: a cancelled request is not answered, so it must not be asked again either. (LSP: it is.)
static void drop_cancelled(struct journal *j, struct span params) {
    json_t *object = params.data ? json_loadb(params.data, params.len, 0, NULL) : NULL;
    const json_t *id = json_object_get(object, "requestId");
    for (struct entry *e = id ? j->last : NULL; e; e = e->prev) {
        if (!e->id.data)
            continue;
        json_t *own = json_loadb(e->id.data, e->id.len, JSON_DECODE_ANY, NULL);
        bool same = own && json_equal(own, id);
        json_decref(own);
        if (same) {
            entry_remove(j, e);
            break;
        }
    }
    json_decref(object);
}

static int find_request(void *ctx, const char *element, size_t n) {
    struct jsonrpc_message m;
    bool *found = ctx;
    *found |= jsonrpc_read(element, n, &m, NULL) < 0 || m.kind == JSONRPC_REQUEST ||
              m.kind == JSONRPC_INVALID;
    return *found ? -1 : 0;
}

int journal_add(struct journal *j, uint64_t seq, const char *body, size_t n, struct buf *refusal) {
    struct jsonrpc_message m;
    int r = jsonrpc_read(body, n, &m, NULL);
    return journal_add_read(j, seq, body, n, r == 0 ? &m : NULL, refusal);
}

int journal_add_read(struct journal *j, uint64_t seq, const char *body, size_t n,
                     const struct jsonrpc_message *message, struct buf *refusal) {
    const struct jsonrpc_message m = message ? *message : (struct jsonrpc_message){0};
    bool readable = message != NULL;
    bool batch = readable && m.kind == JSONRPC_BATCH;
    bool wanted = true;
    if (readable && (m.kind == JSONRPC_REQUEST || m.kind == JSONRPC_NOTIFICATION)) {
        int r = state_note(j, &m, seq, body, n);
        if (r < 0 && m.kind == JSONRPC_REQUEST) {
            put_error(refusal, m.id,
                      r == ERR_LIMIT ? "this session has too many subscriptions" : "out of memory");
            return r;
        }
    }
    if (batch) {
        wanted = false;
        (void)jsonrpc_each(body, n, find_request, &wanted);
    } else if (readable && m.kind == JSONRPC_NOTIFICATION) {
        wanted = false;
        if (!j->documents && is_method(m.method, "notifications/cancelled"))
            drop_cancelled(j, m.params);
    } else if (readable && m.kind == JSONRPC_RESPONSE) {
        wanted = false;
    }
    if (!wanted)
        return 0;
    struct entry *e = entry_add(j, seq, body, n);
    if (!e)
        return refuse(refusal, batch, m.id, body, n);
    e->batch = batch;
    e->immediate = !readable || m.kind == JSONRPC_INVALID;
    e->mute =
        readable && m.kind == JSONRPC_INVALID && !m.method.data && (m.result.data || m.error.data);
    e->lasting =
        readable && m.kind == JSONRPC_REQUEST && is_method(m.method, "subscriptions/listen");
    if (m.id.data && !batch)
        e->id = (struct span){e->body + (m.id.data - body), m.id.len};
    j->immediate += e->immediate;
    j->lasting += e->lasting;
    return 0;
}

bool journal_add_large(struct journal *j, uint64_t seq, struct buf *body) {
    return j->documents && !j->told && documents_note_large(j->documents, seq, body) != 0;
}

int journal_add_oversize(struct journal *j, uint64_t seq, const char *head, size_t n, size_t total,
                         struct buf *refusal) {
    struct span id = jsonrpc_find_id(head, n);
    struct entry *e = entry_add(j, seq, head, n);
    if (!e)
        return refuse(refusal, false, id, head, n);
    e->type = HOP_OVERSIZE;
    e->total = total;
    e->immediate = true;
    if (id.data)
        e->id = (struct span){e->body + (id.data - head), id.len};
    j->immediate++;
    return 0;
}

static struct entry *find(const struct journal *j, uint64_t seq) {
    struct entry *e = j->slots[seq % SLOTS];
    while (e && e->seq != seq)
        e = e->same_slot;
    return e;
}

void journal_answered(struct journal *j, uint64_t seq) {
    struct entry *e = find(j, seq);
    if (e)
        entry_remove(j, e);
    // The engine takes messages in order and answers faulty ones on the spot, or not at all (an
    // unusable response): whatever is older and faulty is done with.
    for (e = j->immediate ? j->first : NULL; e && e->seq < seq;) {
        struct entry *next = e->next;
        if (e->immediate && e->sent)
            entry_remove(j, e);
        e = next;
    }
}

bool journal_full(const struct journal *j) {
    return j->count >= JOURNAL_REQUESTS_MAX || j->bytes >= JOURNAL_BYTES_MAX;
}

size_t journal_open(const struct journal *j) {
    return j->count - j->lasting;
}

struct replay {
    journal_replay_fn *fn;
    void *ctx;
};

static int replay_document(void *ctx, uint64_t seq, const char *body, size_t n) {
    const struct replay *to = ctx;
    return to->fn(to->ctx, HOP_MESSAGE, HOP_REPLAY | HOP_SILENT, seq, body, n, n);
}

int journal_document_state(struct journal *j, uint64_t seq, const char *body, size_t n,
                           struct err *err) {
    return !j->documents ? err_set(err, ERR_PARSE, "this session has no documents")
           : j->told     ? documents_told(j->documents, seq, body, n, err)
                         : documents_state(j->documents, seq, body, n, err);
}

int journal_replay(struct journal *j, journal_replay_fn *fn, void *ctx) {
    for (const struct state *s = j->state; s; s = s->next) {
        struct entry *open = find(j, s->seq);
        // Below, among the other requests, in their order: an older unsubscribe may be open too.
        if (open && s->method->kind != STATE_INITIALIZE)
            continue;
        unsigned flags = !open ? HOP_REPLAY | HOP_SILENT : open->ever_sent ? HOP_REPLAY : 0;
        int r = fn(ctx, HOP_MESSAGE, flags, s->seq, s->body, s->bytes, s->bytes);
        if (r < 0)
            return r;
        if (open)
            open->sent = open->ever_sent = true;
    }
    struct replay to = {fn, ctx};
    int told = j->documents ? documents_each(j->documents, replay_document, &to) : 0;
    if (told < 0)
        return told;
    for (struct entry *e = j->first; e; e = e->next) {
        if (e->sent)
            continue;
        int r =
            fn(ctx, e->type, e->ever_sent ? HOP_REPLAY : 0, e->seq, e->body, e->bytes, e->total);
        if (r < 0)
            return r;
        e->sent = e->ever_sent = true;
    }
    return 0;
}

void journal_mark_sent(struct journal *j) {
    for (struct entry *e = j->last; e && !e->sent; e = e->prev)
        e->sent = e->ever_sent = true;
}

static void give_answer(struct journal *j, struct entry *e, const char *text, journal_answer_fn *fn,
                        void *ctx) {
    AUTO_BUF out = BUF_INIT(0);
    if (!e->mute)
        put_answer(&out, e->batch, e->id, e->body, e->bytes, text);
    entry_remove(j, e);
    if (out.len && !out.failed)
        fn(ctx, out.data, out.len);
}

void journal_engine_left(struct journal *j, bool crashed, journal_answer_fn *fn, void *ctx) {
    for (struct entry *e = j->first; e;) {
        struct entry *next = e->next;
        if (crashed && e->sent && !e->lasting)
            e->deaths++;
        e->sent = false;
        if (e->deaths >= JOURNAL_DEATHS_MAX)
            give_answer(j, e,
                        "paired's engine ended three times while it worked on this request, so the "
                        "request was given up; `paired doctor` shows what happened",
                        fn, ctx);
        e = next;
    }
}

void journal_fail_all(struct journal *j, const char *text, journal_answer_fn *fn, void *ctx) {
    while (j->first)
        give_answer(j, j->first, text, fn, ctx);
}
