#include "core/agents/modules.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MODULES_FEW = 5, MODULES_MANY = 40, DEPTH_MAX = 8 };

void modules_done(struct modules *m) {
    mem_free(m->list);
    mem_free(m->edges);
    mem_free(m->of_file);
    mem_free(m->names);
    *m = (struct modules){0};
}

static bool below(const char *path, const char *folder, size_t n) {
    while (n && folder[n - 1] == '/')
        n--;
    if (n == 0 || (n == 1 && folder[0] == '.'))
        return true;
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool counts(const struct snapshot_file *f, const struct modules_options *o) {
    return f->facts && language_is_code(f->lang) &&
           !(f->flags & (FILE_VENDORED | FILE_GENERATED)) &&
           (o->tests || !(f->flags & FILE_TEST)) && below(f->path, o->below, o->below_bytes);
}

// Bytes of the path that name its module.
static size_t name_bytes(const char *path, bool files, uint32_t depth) {
    const char *last = strrchr(path, '/');
    size_t folder = last ? (size_t)(last - path) : 0, at = 0;
    if (files)
        return strlen(path);
    for (uint32_t d = 0; d < depth && at < folder; d++) {
        const char *next = memchr(path + at + 1, '/', folder - at - 1);
        at = next && at + 1 < folder ? (size_t)(next - path) : folder;
    }
    return at;
}

// How many modules a depth gives: files are sorted by path, but a folder's own files may stand
// between those of its subfolders, so each new name is looked up.
static uint32_t count_modules(const struct snapshot *s, const struct modules_options *o,
                              uint32_t depth) {
    uint32_t count = 0;
    const char *seen[MODULES_MANY * 4];
    size_t seen_bytes[MODULES_MANY * 4];
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (!counts(f, o))
            continue;
        size_t n = name_bytes(f->path, false, depth);
        uint32_t k = 0;
        while (k < count && (seen_bytes[k] != n || memcmp(seen[k], f->path, n) != 0))
            k++;
        if (k < count)
            continue;
        if (count == COUNT_OF(seen))
            return count + 1;
        seen[count] = f->path;
        seen_bytes[count++] = n;
    }
    return count;
}

static uint32_t choose_depth(const struct snapshot *s, const struct modules_options *o) {
    uint32_t best = 1, last = 0;
    for (uint32_t d = 1; d <= DEPTH_MAX; d++) {
        uint32_t n = count_modules(s, o, d);
        if (n > MODULES_MANY || n == last)
            break;
        best = d;
        last = n;
        if (n >= 3 * MODULES_FEW)
            break;
    }
    return best;
}

// --- collecting --------------------------------------------------------------------------------

struct named {
    const char *path;
    size_t bytes;
    uint32_t file;
};

static int by_name(const void *a, const void *b) {
    const struct named *x = a, *y = b;
    size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order = memcmp(x->path, y->path, n);
    if (order == 0 && x->bytes != y->bytes)
        order = x->bytes < y->bytes ? -1 : 1;
    return order ? order : x->file < y->file ? -1 : x->file > y->file;
}

static void add_file(struct module *m, const struct facts *f) {
    m->files++;
    m->code_lines += f->code_lines;
    m->symbols += f->symbol_count;
}

static int collect(const struct snapshot *s, const struct modules_options *o, uint32_t depth,
                   struct modules *ret) {
    uint32_t files = snapshot_count(s), n = 0;
    struct named *names = mem_alloc((files + 1) * sizeof *names);
    ret->of_file = mem_alloc((files + 1) * sizeof *ret->of_file);
    ret->list = mem_zalloc(MODULES_MAX * sizeof *ret->list);
    ret->names = mem_alloc(MODULES_MAX * (size_t)MODULE_NAME_BYTES_MAX);
    if (!names || !ret->of_file || !ret->list || !ret->names) {
        mem_free(names);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < files; i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        ret->of_file[i] = UINT32_MAX;
        if (counts(f, o))
            names[n++] = (struct named){f->path, name_bytes(f->path, o->files, depth), i};
    }
    qsort(names, n, sizeof *names, by_name);
    char *to = ret->names;
    for (uint32_t i = 0; i < n; i++) {
        bool same = i && names[i].bytes == names[i - 1].bytes &&
                    memcmp(names[i].path, names[i - 1].path, names[i].bytes) == 0;
        if (!same && ret->count == MODULES_MAX) {
            ret->cut = true;
            break;
        }
        if (!same) {
            size_t bytes = names[i].bytes < MODULE_NAME_BYTES_MAX - 1 ? names[i].bytes
                                                                      : MODULE_NAME_BYTES_MAX - 1;
            memcpy(to, bytes ? names[i].path : ".", bytes ? bytes : 1);
            to[bytes ? bytes : 1] = '\0';
            ret->list[ret->count++].name = to;
            to += MODULE_NAME_BYTES_MAX;
        }
        ret->of_file[names[i].file] = ret->count - 1;
        add_file(&ret->list[ret->count - 1], snapshot_file(s, names[i].file)->facts);
    }
    mem_free(names);
    return 0;
}

static int by_edge(const void *a, const void *b) {
    const struct module_edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int connect(const struct snapshot *s, struct modules *m) {
    uint32_t capacity = 0, n = 0;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        if (m->of_file[i] == UINT32_MAX)
            continue;
        const struct facts *f = snapshot_file(s, i)->facts;
        for (uint32_t k = 0; k < f->import_count; k++) {
            int64_t target = snapshot_import(s, i, k);
            uint32_t to = target < 0 ? UINT32_MAX : m->of_file[target];
            if (to == UINT32_MAX || to == m->of_file[i])
                continue;
            if (n == capacity) {
                capacity = capacity ? capacity * 2 : 1024;
                struct module_edge *more = mem_realloc(m->edges, capacity * sizeof *more);
                if (!more)
                    return ERR_NOMEM;
                m->edges = more;
            }
            m->edges[n++] = (struct module_edge){
                m->of_file[i], to, 1, i, facts_import(f, k)->line, (uint32_t)target};
        }
    }
    if (n)
        qsort(m->edges, n, sizeof *m->edges, by_edge);
    for (uint32_t i = 0; i < n; i++) {
        struct module_edge *last = m->edge_count ? &m->edges[m->edge_count - 1] : NULL;
        if (last && last->from == m->edges[i].from && last->to == m->edges[i].to)
            last->imports++;
        else
            m->edges[m->edge_count++] = m->edges[i];
    }
    for (uint32_t i = 0; i < m->edge_count; i++) {
        m->list[m->edges[i].from].out++;
        m->list[m->edges[i].to].in++;
    }
    return 0;
}

// --- cycles: Tarjan's strongly connected components (1972), with a stack of our own -------------

struct tarjan {
    uint32_t *index, *low, *stack, *work, *next_edge, *first_edge, *component;
    bool *on_stack;
    uint32_t counter, depth, components;
};

static void close_component(struct tarjan *t, struct modules *m, uint32_t v) {
    uint32_t size = 0, at = t->depth;
    do
        size++;
    while (t->stack[--at] != v);
    uint32_t cycle = size > 1 ? ++m->cycles : 0;
    while (t->depth > at) {
        uint32_t w = t->stack[--t->depth];
        t->on_stack[w] = false;
        t->component[w] = t->components;
        m->list[w].cycle = cycle;
    }
    t->components++;
}

static void visit(struct tarjan *t, struct modules *m, uint32_t root) {
    uint32_t n = 1;
    t->work[0] = root;
    while (n) {
        uint32_t v = t->work[n - 1];
        if (t->index[v] == 0) {
            t->index[v] = t->low[v] = ++t->counter;
            t->stack[t->depth++] = v;
            t->on_stack[v] = true;
            t->next_edge[v] = t->first_edge[v];
        }
        bool deeper = false;
        while (t->next_edge[v] < t->first_edge[v + 1] && !deeper) {
            uint32_t w = m->edges[t->next_edge[v]++].to;
            if (t->index[w] == 0) {
                t->work[n++] = w;
                deeper = true;
            } else if (t->on_stack[w] && t->index[w] < t->low[v])
                t->low[v] = t->index[w];
        }
        if (deeper)
            continue;
        if (t->low[v] == t->index[v])
            close_component(t, m, v);
        n--;
        if (n && t->low[v] < t->low[t->work[n - 1]])
            t->low[t->work[n - 1]] = t->low[v];
    }
}

// A module's layer is one above the highest that it uses. Components close in the order in which
// they are used, so one pass over them is enough.
static void layers(struct tarjan *t, struct modules *m) {
    for (uint32_t c = 0; c < t->components; c++) {
        uint32_t layer = 0;
        for (uint32_t e = 0; e < m->edge_count; e++) {
            uint32_t from = m->edges[e].from, to = m->edges[e].to;
            if (t->component[from] == c && t->component[to] != c && m->list[to].layer + 1 > layer)
                layer = m->list[to].layer + 1;
        }
        for (uint32_t v = 0; v < m->count; v++)
            if (t->component[v] == c)
                m->list[v].layer = layer;
    }
}

static int find_cycles(struct modules *m) {
    uint32_t n = m->count + 1;
    uint32_t *block = mem_zalloc(7 * (size_t)n * sizeof *block);
    bool *on_stack = mem_zalloc(n);
    if (!block || !on_stack) {
        mem_free(block);
        mem_free(on_stack);
        return ERR_NOMEM;
    }
    struct tarjan t = {.index = block,
                       .low = block + n,
                       .stack = block + 2 * n,
                       .work = block + 3 * n,
                       .next_edge = block + 4 * n,
                       .first_edge = block + 5 * n,
                       .component = block + 6 * n,
                       .on_stack = on_stack};
    for (uint32_t v = 0, e = 0; v < m->count; v++) {
        t.first_edge[v] = e;
        while (e < m->edge_count && m->edges[e].from == v)
            e++;
        t.first_edge[v + 1] = e;
    }
    for (uint32_t v = 0; v < m->count; v++)
        if (t.index[v] == 0)
            visit(&t, m, v);
    layers(&t, m);
    mem_free(block);
    mem_free(on_stack);
    return 0;
}

int modules_of(const struct snapshot *s, const struct modules_options *o, struct modules *ret,
               struct err *err) {
    *ret = (struct modules){0};
    uint32_t depth = o->depth ? o->depth : choose_depth(s, o);
    int r = collect(s, o, depth, ret);
    if (r == 0)
        r = connect(s, ret);
    if (r == 0)
        r = find_cycles(ret);
    if (r == 0)
        return 0;
    modules_done(ret);
    return err_set(err, r, "out of memory");
}
