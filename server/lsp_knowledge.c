#include "server/lsp_knowledge.h"

#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "core/workspace/workspace.h"

#include <string.h>

enum { MENTIONS_MAX = 2000 };
enum { BASE_BYTES_MAX = 2 * 1024 * 1024, SUPPORT_MIN = 4, PERCENT_MIN = 50 };

struct known { // of one document
    struct lsp_face *face;
    struct lsp_document *document; // NULL: closed; freed when the job is done
    struct lsp_knowledge *now;
    bool running, again;
    bool names; // asked for at the last look
    struct lsp_functions_cache *functions;
};
struct look {
    struct known *for_whom;
    struct workspaces *workspaces;
    char *root, *relative;
    enum lang lang;
    bool names;
    struct lsp_knowledge *result;
};

struct lsp_knowledge *lsp_knowledge_hold(struct lsp_knowledge *k) {
    if (k)
        (void)atomic_fetch_add(&k->holders, 1);
    return k;
}

void lsp_knowledge_put(struct lsp_knowledge *k) {
    if (!k || atomic_fetch_sub(&k->holders, 1) != 1)
        return;
    mem_free((void *)(uintptr_t)k->base);
    mem_free(k->with);
    mem_free(k->main_author);
    mem_free(k);
}

void lsp_uses_of(const struct snapshot *s, const char *name, struct lsp_uses *ret) {
    struct mention list[MENTIONS_MAX];
    uint32_t n = snapshot_mentions(s, name, strlen(name), list, MENTIONS_MAX), last = UINT32_MAX;
    *ret = (struct lsp_uses){0};
    for (uint32_t i = 0; i < n && i < MENTIONS_MAX; i++) {
        const struct snapshot_file *file = snapshot_file(s, list[i].file);
        const struct fact_ref *r = facts_ref(file->facts, list[i].ref);
        if (r->kind != REF_CALL)
            continue;
        ret->calls += r->count;
        ret->files += list[i].file != last;
        ret->tests += list[i].file != last && (file->flags & FILE_TEST);
        last = list[i].file;
    }
}

// --- on the worker -------------------------------------------------------------------------------

static void look_at_history(const struct look *l, const struct workspace_past *past,
                            const char *path) {
    struct lsp_knowledge *k = l->result;
    const struct history *h = past->history;
    int64_t file = history_find(h, path);
    if (file < 0)
        return;
    struct history_file f;
    history_file(h, (uint32_t)file, &f);
    k->commits = f.commits;
    k->fixes = f.fixes;
    k->authors = f.authors;
    k->last_s = f.last;
    struct history_cochange c;
    uint32_t count = 0;
    const struct history_cochange_want want = {.paths = &f.path, .path_count = 1};
    if (history_cochanges(h, &want, &c, 1, &count, NULL) == 0 && count && c.of &&
        c.support >= SUPPORT_MIN && c.support * 100 / c.of >= PERCENT_MIN) {
        history_file(h, c.file, &f);
        const char *below = workspace_below(past, f.path);
        k->with = mem_strdup(below ? below : f.path);
        k->with_percent = c.support * 100 / c.of;
        k->with_support = c.support;
    }
    struct history_owners o;
    if (l->names && history_owners(h, path, 0, &o, NULL) == 0 && o.share_count) {
        const char *name = history_author(h, o.shares[0].author, NULL);
        k->main_author = name ? mem_strdup(name) : NULL;
        k->main_percent = (unsigned)(o.main_share * 100);
    }
}

static const struct facts *look_at_base(const struct look *l, struct git *g, const char *path) {
    static const struct facts_options bare = {
        .no_findings = true, .no_words = true, .no_clones = true};
    char id[GIT_ID_CHARS_MAX + 1];
    AUTO_BUF text = BUF_INIT(BASE_BYTES_MAX);
    struct facts *facts = NULL;
    if (git_head(g, id, NULL) < 0 || git_blob(g, id, path, BASE_BYTES_MAX, &text, NULL) < 0)
        return NULL;
    struct syntax *s = syntax_new();
    struct facts_options o = bare;
    o.path = path;
    if (s)
        (void)facts_build(s, l->lang, text.data ? text.data : "", text.len, &o, &facts, NULL);
    syntax_free(s);
    return facts;
}

static void look_run(void *ctx, struct job *job) {
    struct look *l = ctx;
    struct workspace *ws = NULL;
    struct workspace_past past = {0};
    AUTO_BUF path = BUF_INIT(0);
    const struct index_want soon = {.tier = TIER_LEXICAL};
    struct snapshot *snapshot = NULL;
    (void)job;
    l->result = mem_zalloc(sizeof *l->result);
    if (!l->result)
        return;
    atomic_store(&l->result->holders, 1);
    if (workspaces_get(l->workspaces, l->root, &ws, NULL) < 0)
        return;
    // The folder is being worked in: from now on its index is there when it is asked.
    if (index_get(workspace_index(ws), &soon, &snapshot, NULL) == 0)
        snapshot_put(snapshot);
    if (workspace_past(ws, NULL, NULL, &past, NULL) == 0 && past.git &&
        buf_printf(&path, "%s%s", past.prefix, l->relative) == 0) {
        l->result->tracked = history_commit_count(past.history) > 0;
        look_at_history(l, &past, path.data);
        if (language_is_code(l->lang)) // lenses stand above functions
            l->result->base = look_at_base(l, past.git, path.data);
    }
    workspace_past_done(&past);
    workspace_put(ws);
}

// --- a folder that has just been opened ----------------------------------------------------------

// The first question comes when a window is a second old: by then its folder is read, so that the
// answer does not wait for that.
enum { WARM_MAX = 4 };
struct warm {
    struct workspaces *workspaces;
    char *root;
};

static bool warm_gone(void *ctx) {
    return job_cancelled(ctx);
}

static void warm_run(void *ctx, struct job *job) {
    struct warm *x = ctx;
    struct workspace *ws = NULL;
    struct workspace_past past = {0};
    const struct index_want soon = {.tier = TIER_LEXICAL, .cancelled = warm_gone, .ctx = job};
    struct snapshot *snapshot = NULL;
    if (workspaces_get(x->workspaces, x->root, &ws, NULL) < 0)
        return;
    if (index_get(workspace_index(ws), &soon, &snapshot, NULL) == 0)
        snapshot_put(snapshot);
    (void)workspace_past(ws, warm_gone, job, &past, NULL);
    workspace_past_done(&past);
    workspace_put(ws);
}

static void warm_done(void *ctx, bool cancelled) {
    struct warm *x = ctx;
    (void)cancelled;
    mem_free(x->root);
    mem_free(x);
}

static void warm_all(struct lsp_face *f) {
    for (size_t i = 0; i < f->folder_count && i < WARM_MAX; i++) {
        struct warm *x = f->folders[i].root ? mem_zalloc(sizeof *x) : NULL;
        if (!x)
            continue;
        x->workspaces = session_services(f->session)->workspaces;
        x->root = mem_strdup(f->folders[i].root);
        if (!x->root || pool_submit(session_pool(f->session), POOL_BACKGROUND, warm_run, warm_done,
                                    x, NULL) < 0)
            warm_done(x, true);
    }
}

// --- on the loop ---------------------------------------------------------------------------------

static void start(struct known *k);

static void known_free(struct known *k) {
    lsp_functions_cache_put(k->functions);
    lsp_knowledge_put(k->now);
    mem_free(k);
}

static void look_free(struct look *l) {
    lsp_knowledge_put(l->result);
    mem_free(l->root);
    mem_free(l->relative);
    mem_free(l);
}

static void look_done(void *ctx, bool cancelled) {
    struct look *l = ctx;
    struct known *k = l->for_whom;
    k->running = false;
    if (!k->document) {
        known_free(k);
        look_free(l);
        return;
    }
    bool first = !k->now;
    if (!cancelled && l->result) {
        lsp_knowledge_put(k->now);
        k->now = TAKE(l->result);
    }
    look_free(l);
    if (first && k->now && k->face->live && lsp_setting_bool(k->face, "lens.enable", false))
        lsp_refresh(k->face, "workspace.codeLens.refreshSupport", "workspace/codeLens/refresh");
    if (k->again)
        start(k);
}

static void start(struct known *k) {
    struct lsp_document *d = k->document;
    struct lsp_face *f = k->face;
    k->again = k->running;
    k->names = lsp_setting_bool(f, "hover.owners", false);
    if (k->running || !d->root || !d->relative)
        return;
    struct look *l = mem_zalloc(sizeof *l);
    if (!l)
        return;
    *l = (struct look){.for_whom = k,
                       .workspaces = session_services(f->session)->workspaces,
                       .root = mem_strdup(d->root),
                       .relative = mem_strdup(d->relative),
                       .lang = d->lang,
                       .names = k->names};
    k->running =
        l->root && l->relative &&
        pool_submit(session_pool(f->session), POOL_BACKGROUND, look_run, look_done, l, NULL) == 0;
    if (!k->running)
        look_free(l);
}

static struct known *known_of(struct lsp_document *d) {
    return *lsp_document_state(d, &lsp_feature_knowledge);
}

struct lsp_knowledge *lsp_knowledge_of(struct lsp_document *d) {
    struct known *k = known_of(d);
    return k ? k->now : NULL;
}

struct lsp_functions_cache *lsp_functions_cache_hold(struct lsp_document *d) {
    struct known *k = known_of(d);
    return k && k->functions ? lsp_functions_cache_share(k->functions) : NULL;
}

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    struct known *k = known_of(d);
    if (event == LSP_CLOSED && k) {
        k->document = NULL;
        *lsp_document_state(d, &lsp_feature_knowledge) = NULL;
        if (!k->running)
            known_free(k);
        return;
    }
    if (event == LSP_OPENED) {
        k = mem_zalloc(sizeof *k);
        if (k)
            *k = (struct known){.face = f, .document = d, .functions = lsp_functions_cache_new()};
        *lsp_document_state(d, &lsp_feature_knowledge) = k;
    }
    if (k && (event == LSP_OPENED || event == LSP_SAVED))
        start(k);
}

static void all_again(struct lsp_face *f) {
    for (struct lsp_document *d = f->documents; d; d = d->next)
        if (known_of(d))
            start(known_of(d));
}

// Of the settings only one changes what is looked for.
static void configured(struct lsp_face *f) {
    for (struct lsp_document *d = f->documents; d; d = d->next) {
        struct known *k = known_of(d);
        if (k && k->names != lsp_setting_bool(f, "hover.owners", false))
            start(k);
    }
}

const struct lsp_feature lsp_feature_knowledge = {.name = "knowledge",
                                                  .initialized = warm_all,
                                                  .document = document,
                                                  .folders = all_again,
                                                  .configured = configured};
