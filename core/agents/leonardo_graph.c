// Modules and what they use of each other: cycles first, then layers; as text, DOT or Mermaid.
#include "core/agents/leonardo.h"

#include "core/agents/modules.h"
#include "core/base/mem.h"

#include <string.h>

enum { MODULES_FEW = 4, USES_SHOWN = 12, DIAGRAM_EDGES_MAX = 300 };

static const char *path_of(const struct snapshot *s, uint32_t file) {
    return snapshot_file(s, file)->path;
}

// The edges inside of a cycle, the thinnest first: those are the cheapest to cut.
static void put_cycle(struct report *r, const struct snapshot *s, const struct modules *m,
                      uint32_t cycle) {
    AUTO_BUF text = BUF_INIT(64 * 1024);
    json_t *members = json_array(), *edges = json_array();
    const struct module_edge *cheapest = NULL;
    bool first = true;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->list[i].cycle == cycle) {
            (void)buf_printf(&text, "%s%s", first ? "cycle: " : " ↔ ", m->list[i].name);
            (void)json_array_append_new(members, json_string(m->list[i].name));
            first = false;
        }
    for (uint32_t e = 0; e < m->edge_count; e++) {
        const struct module_edge *x = &m->edges[e];
        if (m->list[x->from].cycle != cycle || m->list[x->to].cycle != cycle)
            continue;
        (void)buf_printf(&text, "\n  %s → %s: %u import%s, e.g. %s:%u", m->list[x->from].name,
                         m->list[x->to].name, x->imports, x->imports == 1 ? "" : "s",
                         path_of(s, x->file), x->line);
        (void)json_array_append_new(
            edges, json_pack("{s:s, s:s, s:I, s:s, s:I}", "from", m->list[x->from].name, "to",
                             m->list[x->to].name, "imports", (json_int_t)x->imports, "path",
                             path_of(s, x->file), "line", (json_int_t)x->line));
        if (!cheapest || x->imports < cheapest->imports)
            cheapest = x;
    }
    if (cheapest)
        (void)buf_printf(&text, "\n  cheapest edge to look at: %s → %s",
                         m->list[cheapest->from].name, m->list[cheapest->to].name);
    if (text.failed)
        report_failed(r);
    report_item_text(
        r, json_pack("{s:s, s:o, s:o}", "kind", "cycle", "members", members, "edges", edges),
        text.len ? text.data : "", text.len);
}

static void put_module(struct report *r, const struct modules *m, uint32_t i) {
    const struct module *x = &m->list[i];
    AUTO_BUF uses = BUF_INIT(64 * 1024);
    json_t *list = json_array();
    uint32_t n = 0;
    for (uint32_t e = 0; e < m->edge_count; e++) {
        if (m->edges[e].from != i)
            continue;
        if (n < USES_SHOWN)
            (void)buf_printf(&uses, "%s%s (%u)", n ? ", " : " → ", m->list[m->edges[e].to].name,
                             m->edges[e].imports);
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:I}", "to", m->list[m->edges[e].to].name,
                                              "imports", (json_int_t)m->edges[e].imports));
        n++;
    }
    if (n > USES_SHOWN)
        (void)buf_printf(&uses, " and %u more", n - USES_SHOWN);
    report_item(r,
                json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "kind", "module", "name",
                          x->name, "layer", (json_int_t)x->layer, "files", (json_int_t)x->files,
                          "code_lines", (json_int_t)x->code_lines, "used_by", (json_int_t)x->in,
                          "cycle", (json_int_t)x->cycle, "uses", list),
                "%s: %u file%s, %u lines, used by %u%s", x->name, x->files,
                x->files == 1 ? "" : "s", x->code_lines, x->in, uses.len ? uses.data : "");
}

static void put_text(struct report *r, const struct snapshot *s, const struct modules *m) {
    uint32_t top = 0;
    if (m->cycles)
        report_group(r, "## Cycles");
    for (uint32_t c = 1; c <= m->cycles; c++)
        put_cycle(r, s, m, c);
    for (uint32_t i = 0; i < m->count; i++)
        top = m->list[i].layer > top ? m->list[i].layer : top;
    for (uint32_t layer = top + 1; layer-- > 0;) {
        report_group(r, "## Layer %u%s", layer, layer == 0 ? " (uses no other)" : "");
        for (uint32_t i = 0; i < m->count; i++)
            if (m->list[i].layer == layer)
                put_module(r, m, i);
    }
}

// A name in quotes of DOT or Mermaid: other people's bytes must not end them.
static void put_quoted(struct buf *out, const char *name) {
    for (; *name; name++)
        (void)buf_putc(out,
                       *name == '"' || *name == '\\' || (unsigned char)*name < 32 ? '_' : *name);
}

static void put_diagram(struct report *r, const struct modules *m, bool dot) {
    AUTO_BUF text = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    uint32_t shown = 0;
    (void)buf_puts(&text, dot ? "digraph modules {\n  rankdir=BT;\n" : "flowchart BT\n");
    for (uint32_t i = 0; i < m->count; i++) {
        (void)buf_printf(&text, dot ? "  m%u [label=\"" : "  m%u[\"", i);
        put_quoted(&text, m->list[i].name);
        (void)buf_puts(&text, dot ? "\"" : "\"]");
        if (dot)
            (void)buf_printf(&text, "%s];", m->list[i].cycle ? " color=red" : "");
        (void)buf_putc(&text, '\n');
    }
    for (uint32_t e = 0; e < m->edge_count && shown < DIAGRAM_EDGES_MAX; e++, shown++)
        if (dot)
            (void)buf_printf(&text, "  m%u -> m%u [label=\"%u\"];\n", m->edges[e].from,
                             m->edges[e].to, m->edges[e].imports);
        else
            (void)buf_printf(&text, "  m%u -->|%u| m%u\n", m->edges[e].from, m->edges[e].imports,
                             m->edges[e].to);
    (void)buf_puts(&text, dot ? "}" : "");
    if (shown < m->edge_count)
        report_note(r, "%u of %u edges are drawn: choose a path or a smaller depth", shown,
                    m->edge_count);
    if (text.failed)
        report_failed(r);
    report_item_text(r,
                     json_pack("{s:s, s:s%}", "kind", dot ? "dot" : "mermaid", "text",
                               text.len ? text.data : "", text.len),
                     text.len ? text.data : "", text.len);
}

int leonardo_graph(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct graph_input *in = input;
    struct snapshot *s = NULL;
    struct modules m = {0};
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r < 0)
        return r;
    struct modules_options o = {.files = in->files,
                                .depth = (uint32_t)in->depth,
                                .below = in->path.data,
                                .below_bytes = in->path.len};
    r = modules_of(s, &o, &m, err);
    // A project in one or two folders has its structure between files.
    if (r == 0 && !o.files && !o.depth && m.count < MODULES_FEW) {
        modules_done(&m);
        o.files = true;
        r = modules_of(s, &o, &m, err);
    }
    if (r == 0) {
        report_title(report, "%u modules, %u edges, %u cycle%s", m.count, m.edge_count, m.cycles,
                     m.cycles == 1 ? "" : "s");
        if (in->format == GRAPH_TEXT)
            put_text(report, s, &m);
        else if (m.count)
            put_diagram(report, &m, in->format == GRAPH_DOT);
        report_nothing(report, "No code of this project there.");
        if (m.cut)
            report_note(report, "more than %d modules: the rest is left out", MODULES_MAX);
        report_note(report, "edges are imports that resolve to a file of the workspace; tests, "
                            "vendored and generated files are left out");
        agent_note_limits(report, s);
    }
    modules_done(&m);
    snapshot_put(s);
    return r;
}
