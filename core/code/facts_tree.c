#include "core/code/facts_tree.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/checks.h"
#include "core/code/metrics.h"
#include "core/code/shapes.h"

#include <string.h>

enum { SHAPE_DEPTH_MAX = 12 };

struct scope *walk_scope(struct walk *w) {
    return &w->scopes[w->depth - 1];
}

void walk_enter(struct walk *w, uint32_t node, uint32_t symbol, bool function) {
    if (w->depth == w->capacity) {
        uint32_t capacity = w->capacity * 2;
        if (w->depth >= WALK_DEPTH_MAX) {
            w->m->flags |= FACTS_CUT;
            return;
        }
        struct scope *scopes = mem_realloc(w->scopes, capacity * sizeof *scopes);
        if (!scopes) {
            w->m->failed = ERR_NOMEM;
            return;
        }
        w->scopes = scopes;
        w->capacity = capacity;
    }
    const struct scope *around = walk_scope(w);
    w->scopes[w->depth++] = (struct scope){.node = node,
                                           .end = w->s->nodes[node].next,
                                           .symbol = symbol ? symbol : around->symbol,
                                           .function = function,
                                           .hidden = around->hidden};
}

// Only white space, and at most one line break, between a comment's end and `at`.
static bool is_next_to(const struct walk *w, uint32_t at) {
    unsigned breaks = 0;
    if (!w->doc_end || at < w->doc_end || at - w->doc_end > 400)
        return false;
    for (uint32_t i = w->doc_end; i < at; i++) {
        char c = w->s->text[i];
        breaks += c == '\n';
        if (breaks > 1 || (c != '\n' && c != ' ' && c != '\t' && c != '\r'))
            return false;
    }
    return true;
}

// Symbols that the lexical tier has added in between have no node.
static bool remember_function(struct walk *w, uint32_t symbol, uint32_t node) {
    if (symbol >= w->function_capacity) {
        uint32_t capacity = w->function_capacity ? w->function_capacity * 2 : 64;
        while (capacity <= symbol)
            capacity *= 2;
        uint32_t *function = mem_realloc(w->function, capacity * sizeof *function);
        if (!function) {
            w->m->failed = ERR_NOMEM;
            return false;
        }
        w->function = function;
        w->function_capacity = capacity;
    }
    while (w->function_count <= symbol)
        w->function[w->function_count++] = 0;
    w->function[symbol] = node;
    return true;
}

static uint8_t count_parameters(const struct walk *w, uint32_t list) {
    unsigned count = 0;
    for (uint32_t c = list ? syntax_first_named(w->s, list) : 0; c; c = syntax_next_named(w->s, c))
        count += !(count == 0 && syntax_text_is(w->s, c, "void"));
    return (uint8_t)(count < UINT8_MAX ? count : UINT8_MAX);
}

uint32_t walk_define(struct walk *w, const struct definition *d) {
    const struct node *nodes = w->s->nodes;
    uint32_t outer = d->outer ? d->outer : d->node;
    const char *text = d->text;
    size_t n = d->n;
    if (!text && d->name)
        text = walk_text(w, d->name, &n);
    if (!text || !n)
        return 0;
    if (d->name && w->mark[d->name] == MARK_NONE)
        w->mark[d->name] = MARK_DONE;
    uint32_t last = w->m->symbol_count;
    struct fact_symbol f = {.name = make_name(w->m, text, n),
                            .scope = walk_scope(w)->symbol,
                            .start = nodes[outer].start,
                            .end = nodes[d->node].end,
                            .kind = (uint8_t)d->kind,
                            .flags = d->flags,
                            .parameters = count_parameters(w, d->parameters)};
    f.line = d->line ? d->line : nodes[d->name ? d->name : d->node].line;
    f.end_line = syntax_end_line(w->s, d->node);
    if (f.end_line < f.line)
        f.end_line = f.line;
    f.body = d->body ? nodes[d->body].start : f.end;
    if (f.body < f.start || f.body > f.end)
        f.body = f.end;
    if (is_next_to(w, f.start))
        f.flags |= SYMBOL_DOCUMENTED;
    // Of functions in functions only the outer few: each hash reads what is inside again.
    if (d->body && d->kind <= SYMBOL_METHOD && w->depth <= SHAPE_DEPTH_MAX) {
        uint64_t shape = canon_shape(w->s, d->body);
        f.shape_low = (uint32_t)shape;
        f.shape_high = (uint32_t)(shape >> 32);
    }
    uint32_t index = make_symbol(w->m, &f);
    if (index == UINT32_MAX || !remember_function(w, last, d->function))
        return 0;
    return index + 1;
}

// A comment at a line's end belongs to what stands before it.
static void comment(struct walk *w, uint32_t i) {
    const struct node *n = &w->s->nodes[i];
    uint32_t at = n->start;
    while (at && (w->s->text[at - 1] == ' ' || w->s->text[at - 1] == '\t'))
        at--;
    if (at && w->s->text[at - 1] != '\n')
        return;
    w->doc_end = n->end;
    w->m->comment_lines += syntax_end_line(w->s, i) - n->line + 1;
}

static void count_code(struct walk *w, uint32_t i) {
    const struct node *n = &w->s->nodes[i];
    uint32_t last = n->line;
    if (n->start == n->end)
        return;
    w->m->tokens++;
    if (n->end - n->start > 2 && n->role != ROLE_KEYWORD && n->role != ROLE_IDENTIFIER &&
        memchr(w->s->text + n->start, '\n', n->end - n->start))
        last = syntax_end_line(w->s, i);
    if (last > w->code_line) {
        uint32_t first = n->line > w->code_line ? n->line : w->code_line + 1;
        w->m->code_lines += last - first + 1;
        w->code_line = last;
    }
}

static void visit(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    while (w->depth > 1 && i >= walk_scope(w)->end)
        w->depth--;
    uint8_t role = s->nodes[i].role;
    if (role == ROLE_COMMENT) {
        comment(w, i);
        w->skip_to = s->nodes[i].next;
        return;
    }
    if (s->nodes[i].next == i + 1) {
        count_code(w, i);
        if (role == ROLE_IDENTIFIER || role == ROLE_FIELD_IDENTIFIER) {
            w->define(w, i);
            walk_leaf_refs(w, i);
        } else if (role == ROLE_TYPE_IDENTIFIER) {
            walk_leaf_refs(w, i);
        }
        return;
    }
    w->define(w, i);
    if (w->skip_to <= i)
        walk_uses(w, i);
    if (role == ROLE_DECORATOR && is_next_to(w, s->nodes[i].start))
        w->doc_end = s->nodes[i].end;
}

static void walk_all(struct walk *w) {
    for (uint32_t i = 1; i < w->s->count && !w->m->failed;) {
        visit(w, i);
        if (w->skip_to <= i) {
            i++;
            continue;
        }
        for (; i < w->skip_to; i++) // what is passed over is code all the same
            if (w->s->nodes[i].next == i + 1 && w->s->nodes[i].role != ROLE_COMMENT)
                count_code(w, i);
    }
}

static void add_metrics(struct walk *w) {
    struct metrics *all = NULL;
    uint32_t count = 0;
    if (w->m->failed)
        return;
    if (metrics_of(w->s, &all, &count, NULL) < 0) {
        w->m->failed = ERR_NOMEM;
        return;
    }
    for (uint32_t i = 0; i < w->m->symbol_count; i++) {
        struct fact_symbol *f = &w->m->symbols[i];
        const struct metrics *m = i < w->function_count && w->function[i]
                                      ? metrics_find(all, count, w->function[i])
                                      : NULL;
        if (!m)
            continue;
        f->cyclomatic = m->cyclomatic;
        f->cognitive = m->cognitive;
        f->nesting = m->nesting;
        f->code_lines = m->code_lines;
    }
    mem_free(all);
}

static int add_finding(void *ctx, const struct finding *f) {
    struct walk *w = ctx;
    make_finding(w->m, f);
    return w->m->failed;
}

static void define_nothing(struct walk *w, uint32_t i) {
    (void)w, (void)i;
}

static void (*define_of(enum lang lang))(struct walk *, uint32_t) {
    switch (lang) {
    case LANG_C:
    case LANG_CPP:
        return define_c;
    case LANG_PYTHON:
        return define_python;
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        return define_javascript;
    case LANG_GO:
        return define_go;
    case LANG_RUST:
        return define_rust;
    case LANG_JAVA:
        return define_java;
    case LANG_BASH:
        return define_bash;
    case LANG_RUBY:
        return define_ruby;
    default:
        return define_nothing;
    }
}

static bool is_header(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot &&
           (dot[1] == 'h' || dot[1] == 'H' || strcmp(dot, ".inc") == 0 ||
            strcmp(dot, ".ipp") == 0 || strcmp(dot, ".tpp") == 0 || strcmp(dot, ".inl") == 0);
}

static int walk_start(struct walk *w) {
    w->capacity = 16;
    w->scopes = mem_zalloc(w->capacity * sizeof *w->scopes);
    w->mark = mem_zalloc(w->s->count);
    if (!w->scopes || !w->mark)
        return ERR_NOMEM;
    w->depth = 1;
    w->scopes[0].end = w->s->count;
    return 0;
}

int facts_from_tree(const struct syntax *s, const struct facts_options *o, struct facts **ret,
                    struct err *err) {
    static const struct facts_options none = {0};
    struct maker m;
    if (!o)
        o = &none;
    make_start(&m, s->lang, s->text, s->bytes);
    struct walk w = {.s = s, .m = &m, .path = o->path ? o->path : "", .define = define_of(s->lang)};
    w.is_header = is_header(w.path);
    m.lines = s->lines;
    m.flags |= s->errors ? FACTS_ERRORS : 0;
    m.flags |= make_is_generated(s->text, s->bytes, s->lines) ? FACTS_GENERATED : 0;
    m.flags |= utf_valid(s->text, s->bytes) ? 0 : FACTS_INVALID_UTF8;
    if (!m.failed)
        m.failed = walk_start(&w);
    if (!m.failed)
        walk_all(&w);
    add_metrics(&w);
    if (!o->no_findings && !m.failed && checks_run(s, w.path, add_finding, &w, err) < 0)
        m.failed = ERR_NOMEM;
    if (!o->no_clones)
        make_clones(&m);
    if (!o->no_words)
        make_words(&m);
    int r = make_finish(&m, TIER_TREE, ret, err);
    mem_free(w.scopes);
    mem_free(w.mark);
    mem_free(w.function);
    make_end(&m);
    return r;
}

// --- small questions that the languages' functions ask

bool walk_has_word(const struct walk *w, uint32_t i, const char *word) {
    for (uint32_t c = syntax_first(w->s, i); c; c = syntax_sibling(w->s, c))
        if (syntax_text_is(w->s, c, word))
            return true;
    return false;
}

bool walk_starts(const struct walk *w, uint32_t i, const char *with) {
    size_t n, m = strlen(with);
    const char *text = walk_text(w, i, &n);
    return n >= m && memcmp(text, with, m) == 0;
}

bool walk_is_caps(const struct walk *w, uint32_t leaf) {
    size_t n, letters = 0;
    const char *text = walk_text(w, leaf, &n);
    for (size_t k = 0; k < n; k++) {
        if (text[k] >= 'a' && text[k] <= 'z')
            return false;
        letters += text[k] >= 'A' && text[k] <= 'Z';
    }
    return letters > 0;
}

bool walk_path_has(const struct walk *w, const char *part) {
    return strstr(w->path, part) != NULL;
}

const char *walk_string(const struct walk *w, uint32_t i, size_t *ret_n) {
    const char *text = walk_text(w, i, ret_n);
    size_t n = *ret_n, lead = 0;
    if (n > 1 && text[0] == ':') { // a symbol of Ruby
        *ret_n = n - 1;
        return text + 1;
    }
    while (lead < n && lead < 3 && !strchr("\"'`<", text[lead]))
        lead++; // prefixes: r"…", u8"…"
    if (lead + 2 > n || !strchr("\"'`<", text[lead]) || !text[lead])
        return text;
    while (n - lead >= 6 && text[lead] != '<' && text[lead] == text[lead + 1] &&
           text[n - 1] == text[lead] && text[n - 2] == text[lead]) { // """…"""
        lead++;
        n--;
    }
    *ret_n = n - lead - 2;
    return text + lead + 1;
}
