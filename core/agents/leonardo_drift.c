// drift: which edges between modules a change added, and which of them close a cycle. The new side
// is the tree as it is; an edge is new when every import behind it came with the change.
#include "core/agents/leonardo.h"

#include "core/agents/modules.h"
#include "core/agents/sherlock.h"
#include "core/base/mem.h"

#include <string.h>

struct drift {
    struct change c;
    struct modules m;
    struct syntax *syntax;
    uint32_t *added;  // imports of each edge that the change added
    uint32_t removed; // imports that are gone
};

static bool had(const struct facts *old, const char *module) {
    for (uint32_t i = 0; old && i < old->import_count; i++)
        if (strcmp(facts_text(old, facts_import(old, i)->module), module) == 0)
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

static int compare_file(struct drift *d, const struct diff_file *f, struct err *err) {
    int64_t at = f->new_path ? snapshot_find(d->c.snapshot, f->new_path, strlen(f->new_path)) : -1;
    const struct snapshot_file *file = at < 0 ? NULL : snapshot_file(d->c.snapshot, (uint32_t)at);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct facts *old = NULL;
    int r = 0;
    if (!file || !file->facts || d->m.of_file[at] == UINT32_MAX)
        return 0;
    struct facts_options o = {
        .path = f->old_path, .no_findings = true, .no_words = true, .no_clones = true};
    if (change_old_text(&d->c, f, &text, NULL) == 0 && text.len)
        r = facts_build(d->syntax, file->lang, text.data, text.len, &o, &old, err);
    for (uint32_t i = 0; r == 0 && i < file->facts->import_count; i++) {
        int64_t to = snapshot_import(d->c.snapshot, (uint32_t)at, i);
        if (to >= 0 && d->m.of_file[to] != UINT32_MAX && d->m.of_file[to] != d->m.of_file[at] &&
            !had(old, facts_text(file->facts, facts_import(file->facts, i)->module)))
            count_edge(d, d->m.of_file[at], d->m.of_file[to]);
    }
    for (uint32_t i = 0; r == 0 && old && i < old->import_count; i++)
        d->removed += !had(file->facts, facts_text(old, facts_import(old, i)->module));
    mem_free(old);
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

int leonardo_drift(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct drift_input *in = input;
    struct drift d = {.removed = 0};
    int r = change_open(call, in->range, NULL, &d.c, err);
    if (r == 0)
        r = modules_of(d.c.snapshot, &(struct modules_options){.depth = (uint32_t)in->depth}, &d.m,
                       err);
    if (r == 0) {
        d.syntax = syntax_new();
        d.added = mem_zalloc((d.m.edge_count + 1) * sizeof *d.added);
        r = d.syntax && d.added ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; r == 0 && i < d.c.diff->file_count; i++)
        r = agent_cancelled(call) ? err_set(err, ERR_CANCELLED, "cancelled")
                                  : compare_file(&d, &d.c.diff->files[i], err);
    if (r == 0) {
        put_edges(&d, report);
        if (d.c.side == GIT_COMMIT)
            report_note(report,
                        "the new side is the working tree as it is, not the end of the range");
        agent_note_limits(report, d.c.snapshot);
    }
    mem_free(d.added);
    syntax_free(d.syntax);
    modules_done(&d.m);
    change_close(&d.c);
    return r;
}
