// Another tool has handed over what was being done (`handoff`): the editor's user is told, once,
// when he looks up, with one button to read it. Setting handoff.notify. Source: LSP 3.17
// "ShowMessage Request".
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "server/lsp_knowledge.h"

#include <string.h>

enum { TITLE_SHOWN_MAX = 160 };

struct handed {            // of one session
    struct lsp_face *face; // NULL: the session is over; freed when nobody points to it any more
    unsigned users;        // jobs and questions under way
    char last[NOTE_UID_BYTES];
    char *title, *source; // of the one to be told
    struct buf page;
    bool asking;
};
struct reading {
    struct handed *for_whom;
    struct services *services;
    char *root;
    char uid[NOTE_UID_BYTES];
    char *title, *source;
    struct buf page;
};

// --- on a worker ---------------------------------------------------------------------------------

static void put_part(struct buf *out, const char *name, const char *text) {
    if (text && *text)
        (void)buf_printf(out, "**%s** %s\n\n", name, text);
}

static void take(struct reading *l, const struct handoff *h) {
    l->page = BUF_INIT(64 * 1024);
    memcpy(l->uid, h->uid, sizeof l->uid);
    l->title = mem_strdup(h->title ? h->title : "");
    l->source = mem_strdup(h->source ? h->source : "");
    (void)buf_printf(&l->page, "# %s\n\n", h->title ? h->title : "");
    put_part(&l->page, "Done.", h->summary);
    put_part(&l->page, "Open.", h->question);
    put_part(&l->page, "Next.", h->next);
    for (const char *p = h->files; p && *p;) {
        size_t n = strcspn(p, "\n");
        (void)buf_printf(&l->page, "- `%.*s`\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static void reading_run(void *ctx, struct job *job) {
    struct reading *l = ctx;
    struct store *store = l->services->store(l->services, NULL);
    struct handoff_result found = {0};
    struct db *db = NULL;
    (void)job;
    if (!store || store_state(store) != STORE_OPEN || store_reader_get(store, &db, NULL) < 0)
        return;
    if (handoff_load(db, l->root, NULL, 1, &found, NULL) == 0 && found.count)
        take(l, &found.items[0]);
    handoff_result_done(&found);
    store_reader_put(store, db);
}

// --- on the loop ---------------------------------------------------------------------------------

static void put_handed(struct handed *h) {
    if (h->face || h->users)
        return;
    mem_free(h->title);
    mem_free(h->source);
    buf_done(&h->page);
    mem_free(h);
}

static void reading_free(struct reading *l) {
    mem_free(l->root);
    mem_free(l->title);
    mem_free(l->source);
    buf_done(&l->page);
    mem_free(l);
}

static void on_chosen(void *ctx, int chosen) {
    struct handed *h = ctx;
    h->users--;
    h->asking = false;
    if (h->face && h->face->live && chosen == 0 && h->page.data)
        lsp_page_show(h->face, h->title, h->page.data, h->page.len);
    put_handed(h);
}

static void tell(void *ctx, uint64_t key) {
    static const char *const actions[] = {"Show", "Not now", NULL};
    struct handed *h = ctx;
    AUTO_BUF text = BUF_INIT(1024);
    (void)key;
    if (h->asking || !h->title)
        return;
    (void)buf_printf(&text, "%s handed over: %.*s", *h->source ? h->source : "Another tool",
                     TITLE_SHOWN_MAX, h->title);
    if (text.failed)
        return;
    h->asking = true;
    h->users++;
    lsp_ask(h->face, LSP_INFO, text.data, actions, on_chosen, h);
}

static void reading_done(void *ctx, bool cancelled) {
    struct reading *l = ctx;
    struct handed *h = l->for_whom;
    h->users--;
    struct lsp_face *f = h->face;
    bool news = f && !cancelled && l->title && l->source && !l->page.failed &&
                strcmp(l->uid, h->last) != 0 && strcmp(l->source, session_client(f->session)) != 0;
    if (news) {
        memcpy(h->last, l->uid, sizeof h->last);
        mem_free(h->title);
        mem_free(h->source);
        buf_done(&h->page);
        h->title = TAKE(l->title);
        h->source = TAKE(l->source);
        h->page = l->page;
        l->page = BUF_INIT(0);
    }
    reading_free(l);
    if (news)
        lsp_when_calm(f, tell, h, 0);
    put_handed(h);
}

static void look(struct lsp_face *f) {
    struct handed *h = lsp_state(f, &lsp_feature_handoff);
    const char *root = lsp_root(f);
    struct reading *l = root ? mem_zalloc(sizeof *l) : NULL;
    if (!l)
        return;
    l->for_whom = h;
    l->services = session_services(f->session);
    l->root = mem_strdup(root);
    if (!l->root || pool_submit(session_pool(f->session), POOL_BACKGROUND, reading_run,
                                reading_done, l, NULL) < 0)
        reading_free(l);
    else
        h->users++;
}

static void changed(struct lsp_face *f, json_t *uris, bool list_changed) {
    size_t i;
    const json_t *uri;
    (void)list_changed;
    if (!lsp_setting_bool(f, "handoff.notify", true))
        return;
    json_array_foreach(uris, i, uri) {
        if (strcmp(json_string_value(uri), "memory://handoff/latest") == 0) {
            look(f);
            return;
        }
    }
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    struct handed *h = mem_zalloc(sizeof *h);
    if (!h)
        return err_set(err, ERR_NOMEM, "out of memory");
    h->face = f;
    *ret = h;
    return 0;
}

static void close_state(struct lsp_face *f, void *state) {
    struct handed *h = state;
    if (f->quiet)
        lsp_forget_calm(f, h, 0);
    h->face = NULL;
    put_handed(h);
}

const struct lsp_feature lsp_feature_handoff = {
    .name = "handoff", .open = open_state, .close = close_state, .changed = changed};
