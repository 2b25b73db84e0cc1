// drift: which edges between modules a change added, and which of them close a cycle. The new side
// is the tree as it is; an edge is new when every import behind it came with the change.
#include "core/agents/leonardo.h"

#include "core/agents/modules.h"
#include "core/agents/sherlock.h"
#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/workspace/outline.h"
#include "core/workspace/workspace.h"

#include <string.h>

struct drift {
    struct change c;
    struct modules m;
    struct derived *derived;
    struct syntax *syntax[CREW_MAX];
    struct change_texts texts; // some neighbouring files, and their imports before
    struct outline old[CHANGE_TEXTS_MAX];
    bool has_old[CHANGE_TEXTS_MAX];
    struct err failed[CHANGE_TEXTS_MAX];
    uint32_t *added;  // imports of each edge that the change added
    uint32_t removed; // imports that are gone
};

static bool had(const struct outline *old, const char *module) {
    for (uint32_t i = 0; i < old->import_count; i++)
        if (strcmp(old->imports[i], module) == 0)
            return true;
    return false;
}

static bool has(const struct facts *now, const char *module) {
    for (uint32_t i = 0; i < now->import_count; i++)
        if (strcmp(facts_text(now, facts_import(now, i)->module), module) == 0)
            return true;
    return false;
}

static void count_edge(struct drift *d, uint32_t from, uint32_t to) {
    for (uint32_t e = 0; e < d->m.edge_count; e++)
        if (d->m.edges[e].from == from && d->m.edges[e].to == to) {
            d->added[e]++;
            return;
        }
}

// The file of the snapshot that belongs to a module; < 0: none.
static int64_t module_file(const struct drift *d, const struct diff_file *f) {
    int64_t at = f->new_path ? snapshot_find(d->c.snapshot, f->new_path, strlen(f->new_path)) : -1;
    const struct snapshot_file *file = at < 0 ? NULL : snapshot_file(d->c.snapshot, (uint32_t)at);
    return file && file->facts && d->m.of_file[at] != UINT32_MAX ? at : -1;
}

static struct outline_want before(const struct drift *d, uint32_t i, int64_t at) {
    const struct change_text *t = &d->texts.list[i];
    return (struct outline_want){.path = d->c.diff->files[d->texts.first + i].old_path,
                                 .lang = snapshot_file(d->c.snapshot, (uint32_t)at)->lang,
                                 .id = t->old_id,
                                 .text = t->old.len ? t->old.data : NULL,
                                 .bytes = t->old.len};
}

// What is known by its name is not read.
static unsigned need(void *ctx, uint32_t i, const struct change_text *t) {
    struct drift *d = ctx;
    const struct diff_file *f = &d->c.diff->files[d->texts.first + i];
    int64_t at = module_file(d, f);
    if (at < 0 || !f->old_path)
        return 0;
    const struct outline_want w = before(d, i, at);
    d->has_old[i] = t->old_id && outline_of(d->derived, NULL, &w, &d->old[i], NULL) == 0;
    return d->has_old[i] ? 0 : CHANGE_OLD;
}

static int look_at(void *ctx, unsigned worker, uint32_t i) {
    struct drift *d = ctx;
    const struct diff_file *f = &d->c.diff->files[d->texts.first + i];
    const struct change_text *t = &d->texts.list[i];
    int64_t at = module_file(d, f);
    if (at < 0 || d->has_old[i] || t->result < 0 || !t->old.len)
        return 0;
    if (!d->syntax[worker] && !(d->syntax[worker] = syntax_new()))
        return err_set(&d->failed[i], ERR_NOMEM, "out of memory");
    const struct outline_want w = before(d, i, at);
    return outline_of(d->derived, d->syntax[worker], &w, &d->old[i], &d->failed[i]);
}

static void compare_file(struct drift *d, uint32_t i) {
    const struct diff_file *f = &d->c.diff->files[d->texts.first + i];
    const struct outline *old = &d->old[i];
    int64_t at = module_file(d, f);
    if (at < 0)
        return;
    const struct facts *now = snapshot_file(d->c.snapshot, (uint32_t)at)->facts;
    for (uint32_t k = 0; k < now->import_count; k++) {
        int64_t to = snapshot_import(d->c.snapshot, (uint32_t)at, k);
        if (to >= 0 && d->m.of_file[to] != UINT32_MAX && d->m.of_file[to] != d->m.of_file[at] &&
            !had(old, facts_text(now, facts_import(now, k)->module)))
            count_edge(d, d->m.of_file[at], d->m.of_file[to]);
    }
    for (uint32_t k = 0; k < old->import_count; k++)
        d->removed += !has(now, old->imports[k]);
}

static void clear(struct drift *d) {
    for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++)
        outline_done(&d->old[i]);
    memset(d->has_old, 0, sizeof d->has_old);
}

static int compare_all(struct agent_call *call, struct drift *d, struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < d->c.diff->file_count; i += d->texts.count) {
        if (agent_cancelled(call))
            return err_set(err, ERR_CANCELLED, "cancelled");
        d->texts.first = i;
        r = change_read(&d->c, i, need, d, &d->texts, err);
        if (r == 0)
            r = crew_run(d->texts.count, look_at, d);
        for (uint32_t k = 0; r < 0 && k < d->texts.count; k++)
            if (d->failed[k].message[0])
                return err_set(err, r, "%s", err_text(&d->failed[k]));
        for (uint32_t k = 0; r == 0 && k < d->texts.count; k++)
            compare_file(d, k);
        clear(d);
    }
    return r;
}

static void put_edges(struct drift *d, struct report *r) {
    uint32_t fresh = 0;
    for (uint32_t e = 0; e < d->m.edge_count; e++) {
        const struct module_edge *x = &d->m.edges[e];
        const struct module *from = &d->m.list[x->from], *to = &d->m.list[x->to];
        bool cycle = from->cycle && from->cycle == to->cycle;
        if (!d->added[e] || d->added[e] < x->imports)
            continue;
        fresh++;
        report_item(r,
                    json_pack("{s:s, s:s, s:I, s:s, s:I, s:b}", "from", from->name, "to", to->name,
                              "imports", (json_int_t)x->imports, "path",
                              snapshot_file(d->c.snapshot, x->file)->path, "line",
                              (json_int_t)x->line, "cycle", cycle),
                    "new: %s → %s, e.g. %s:%u%s", from->name, to->name,
                    snapshot_file(d->c.snapshot, x->file)->path, x->line,
                    cycle ? "; it closes a cycle" : "");
    }
    report_title(r, "%s: %u new edge%s between modules, %u import%s gone", d->c.what, fresh,
                 fresh == 1 ? "" : "s", d->removed, d->removed == 1 ? "" : "s");
    report_nothing(r, "No module uses another that it did not use before.");
}

static int drift(struct agent_call *call, struct text range, uint32_t depth, struct drift *d,
                 struct report *report, struct err *err) {
    int r = change_open(call, range, NULL, &d->c, err);
    if (r == 0)
        r = modules_of(d->c.snapshot, &(struct modules_options){.depth = depth}, &d->m, err);
    if (r < 0)
        return r;
    d->added = mem_zalloc((d->m.edge_count + 1) * sizeof *d->added);
    if (!d->added)
        return err_set(err, ERR_NOMEM, "out of memory");
    r = compare_all(call, d, err);
    if (r < 0)
        return r;
    put_edges(d, report);
    if (d->c.side == GIT_COMMIT)
        report_note(report, "the new side is the working tree as it is, not the end of the range");
    agent_note_limits(report, d->c.snapshot);
    return 0;
}

int leonardo_drift(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct drift_input *in = input;
    struct drift *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->derived = workspace_derived(call->ws);
    int r = drift(call, in->range, (uint32_t)in->depth, d, report, err);
    clear(d);
    for (unsigned i = 0; i < CREW_MAX; i++)
        syntax_free(d->syntax[i]);
    change_texts_done(&d->texts);
    mem_free(d->added);
    modules_done(&d->m);
    change_close(&d->c);
    mem_free(d);
    return r;
}
