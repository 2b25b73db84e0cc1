#include "server/lsp_texts.h"

#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/workspace.h"
#include "server/texts_held.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct lsp_texts {
    struct workspaces *workspaces;
    struct pool *pool;
    char *root;
    struct lsp_copy *copies[LSP_TEXTS_MAX];
    bool put[LSP_TEXTS_MAX];  // it stands for its file
    bool same[LSP_TEXTS_MAX]; // as the file is
    size_t count;
    lsp_texts_fn *fn;
    void *ctx;
    struct lsp_texts *next; // in the queue
    bool back;              // its turn is to give the files back, not to put texts in
};

// One after the other, of all sessions: a text that is put in must not be taken out by a giving
// back that was begun before.
static struct {
    struct lsp_texts *first, *last;
    bool running;
} queue;

static void texts_free(struct lsp_texts *t) {
    for (size_t i = 0; i < t->count; i++)
        lsp_copy_put(t->copies[i]);
    mem_free(t->root);
    mem_free(t);
}

// --- on a worker ---------------------------------------------------------------------------------

static bool is_on_disk(const char *root, const struct lsp_copy *c) {
    AUTO_BUF disk = BUF_INIT(INDEX_FILE_BYTES_MAX);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? ERR_NOT_FOUND : beneath_read(fd, c->relative, INDEX_FILE_BYTES_MAX, &disk);
    if (fd >= 0)
        (void)close(fd);
    return r >= 0 && disk.len == c->bytes &&
           memcmp(disk.len ? disk.data : "", c->text, c->bytes) == 0;
}

static void put_in(struct lsp_texts *t, const struct job *job) {
    struct workspace *ws = NULL;
    if (workspaces_get(t->workspaces, t->root, &ws, NULL) < 0)
        return;
    for (size_t i = 0; i < t->count && !job_cancelled(job); i++) {
        const struct lsp_copy *c = t->copies[i];
        t->same[i] = is_on_disk(t->root, c);
        t->put[i] = !t->same[i] &&
                    index_overlay(workspace_index(ws), c->relative, c->text, c->bytes, NULL) == 0;
    }
    workspace_put(ws);
}

static void give_back(struct lsp_texts *t) {
    struct workspace *ws = NULL;
    if (workspaces_get(t->workspaces, t->root, &ws, NULL) < 0)
        return;
    for (size_t i = 0; i < t->count; i++)
        if (t->put[i])
            (void)index_overlay(workspace_index(ws), t->copies[i]->relative, NULL, 0, NULL);
    workspace_put(ws);
}

static void turn_run(void *ctx, struct job *job) {
    struct lsp_texts *t = ctx;
    if (t->back)
        give_back(t);
    else
        put_in(t, job);
}

// --- on the loop ---------------------------------------------------------------------------------

static void turn_over(struct lsp_texts *t) {
    if (t->back) {
        texts_free(t);
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->put[i])
            texts_was_put(t->root, t->copies[i]->relative);
    t->fn(t->ctx, t);
}

static void next_turn(void);

static void turn_done(void *ctx, bool cancelled) {
    (void)cancelled; // then the engine is going, and the index with it
    queue.running = false;
    turn_over(ctx);
    next_turn();
}

static void next_turn(void) {
    while (queue.first && !queue.running) {
        struct lsp_texts *t = queue.first;
        queue.first = t->next;
        queue.running = true;
        if (pool_submit(t->pool, POOL_INTERACTIVE, turn_run, turn_done, t, NULL) < 0) {
            queue.running = false;
            turn_over(t); // nothing was put in: the files on disk have to do
        }
    }
}

static void join_queue(struct lsp_texts *t) {
    t->next = NULL;
    *(queue.first ? &queue.last->next : &queue.first) = t;
    queue.last = t;
    next_turn();
}

void lsp_texts_learn(struct lsp_face *f, const struct lsp_texts *t) {
    for (size_t i = 0; t && i < t->count; i++)
        for (struct lsp_document *d = f->documents; d && t->same[i]; d = d->next)
            if (strcmp(d->uri, t->copies[i]->uri) == 0 && d->edits == t->copies[i]->edits)
                d->saved_edits = d->edits;
}

void lsp_texts_let_go(struct lsp_texts *t) {
    bool any = false;
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        t->put[i] = texts_let_go(t->root, t->copies[i]->relative);
        any |= t->put[i];
    }
    t->back = true;
    if (any)
        join_queue(t);
    else
        texts_free(t);
}

// Unsaved, of this root, and one of those the index would read.
static bool is_wanted(const struct lsp_document *d, const char *root) {
    return d->edits != d->saved_edits && !d->lost && d->root && d->relative &&
           strcmp(d->root, root) == 0 && lsp_text_bytes(d->text) <= INDEX_FILE_BYTES_MAX;
}

static struct lsp_texts *collect(struct lsp_face *f, const char *root) {
    struct lsp_texts *t = NULL;
    for (struct lsp_document *d = f->documents; d; d = d->next) {
        if (!is_wanted(d, root))
            continue;
        if (!t) {
            t = mem_zalloc(sizeof *t);
            if (!t)
                return NULL;
            t->workspaces = session_services(f->session)->workspaces;
            t->pool = session_pool(f->session);
            t->root = mem_strdup(root);
        }
        struct lsp_copy *c = t->root && t->count < LSP_TEXTS_MAX ? lsp_document_copy(f, d) : NULL;
        if (!c)
            break;
        if (texts_hold(root, d->relative))
            t->copies[t->count++] = c;
        else
            lsp_copy_put(c);
    }
    return t;
}

void lsp_texts_hold(struct lsp_face *f, const char *root, lsp_texts_fn *fn, void *ctx) {
    struct lsp_texts *t = root ? collect(f, root) : NULL;
    if (t && t->count) {
        t->fn = fn;
        t->ctx = ctx;
        join_queue(t);
        return;
    }
    if (t)
        texts_free(t);
    fn(ctx, NULL);
}
