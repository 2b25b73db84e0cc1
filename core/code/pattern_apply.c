#include "core/code/pattern_apply.h"

#include "core/base/mem.h"
#include "core/code/miner_impl.h"

#include <string.h>

enum { TOKENS_MAX = 256, INDENT = 4, APPLIED_BYTES_MAX = 64 * 1024 };

static const char arrow[] = "\n=>\n";

// --- the text ------------------------------------------------------------------------------------

struct metavariable { // as the pattern's text has it
    const char *text;
    size_t bytes;
};

// The next one at or behind *at; false: none. `$...` counts as one of four bytes.
static bool next_metavariable(const char **at, const char *end, struct metavariable *ret) {
    const char *p = *at < end ? memchr(*at, '$', (size_t)(end - *at)) : NULL;
    if (!p)
        return false;
    const char *to = p + 1;
    if (end - p >= 4 && memcmp(p, "$...", 4) == 0) {
        to = p + 4;
    } else {
        to += to < end && *to >= 'A' && *to <= 'Z';
        while (to > p + 1 && to < end && *to >= '0' && *to <= '9')
            to++;
    }
    *ret = (struct metavariable){p, (size_t)(to - p)};
    *at = to;
    return true;
}

static bool same(struct metavariable a, struct metavariable b) {
    return a.bytes == b.bytes && memcmp(a.text, b.text, a.bytes) == 0;
}

static uint32_t list_metavariables(const char *from, const char *end,
                                   struct metavariable list[TOKENS_MAX]) {
    uint32_t n = 0;
    while (n < TOKENS_MAX && next_metavariable(&from, end, &list[n]))
        n++;
    return n;
}

static bool has_own_dollar(enum lang lang) {
    return lang == LANG_BASH || lang == LANG_PERL || lang == LANG_PHP || lang == LANG_RUBY;
}

bool pattern_can_apply(const struct pattern *p) {
    struct metavariable list[TOKENS_MAX], one;
    const char *middle = p->edit ? strstr(p->text, arrow) : NULL;
    if (!middle || p->before.cut || p->after.cut || has_own_dollar(p->lang) ||
        strstr(p->text, "$..."))
        return false;
    uint32_t n = list_metavariables(p->text, middle, list);
    const char *at = middle + sizeof arrow - 1, *end = at + strlen(at);
    while (next_metavariable(&at, end, &one)) {
        uint32_t i = 0;
        while (i < n && !same(list[i], one))
            i++;
        if (i == n)
            return false; // written by hand, each time another
    }
    return n < TOKENS_MAX;
}

// --- what stands there ---------------------------------------------------------------------------

struct bound {
    struct metavariable name;
    const char *text;
    size_t bytes;
};
struct place {
    const struct pattern *p;
    const struct syntax *s;
    struct form form;
    uint32_t from, to; // form nodes
    struct bound bound[TOKENS_MAX];
    uint32_t bound_count;
    uint32_t start, end; // bytes that go
    bool closes;         // with a semicolon
};

// The innermost node around the match.
static uint32_t node_around(const struct syntax *s, uint32_t start, uint32_t end) {
    uint32_t root = 0;
    for (uint32_t c = syntax_first(s, 0); c;) {
        bool around = s->nodes[c].start <= start && s->nodes[c].end >= end;
        root = around ? c : root;
        c = around ? syntax_first(s, c) : syntax_sibling(s, c);
    }
    return root;
}

// 1: found.
static int find_form(struct place *x, const struct pattern_match *m, struct err *err) {
    uint32_t root = node_around(x->s, m->start, m->end);
    // What is at the top of a form may not begin a pattern: from one further out.
    int r = form_build(&x->form, x->s, x->s->nodes[root].parent, NULL, 0, err);
    for (uint32_t i = 0; r == 0 && i < x->form.count; i++) {
        const struct form_node *n = &x->form.nodes[i];
        if (x->s->nodes[n->node].start != m->start || !pattern_fits(&x->p->before, &x->form, i))
            continue;
        uint32_t to = i, last = i;
        for (uint32_t k = 0; k < x->p->before.statements; k++) {
            last = to;
            to = x->form.nodes[to].next;
        }
        if (x->s->nodes[x->form.nodes[last].node].end != m->end)
            continue;
        x->from = i;
        x->to = to;
        return 1;
    }
    return r == ERR_NOMEM ? r : 0;
}

static enum form_literal class_of(struct metavariable m) {
    bool plain = m.bytes > 1;
    return !plain             ? FORM_EMPTY_STRING // of nothing
           : m.text[1] == 'S' ? FORM_STRING
           : m.text[1] == 'N' ? FORM_NUMBER
           : m.text[1] == 'C' ? FORM_CHARACTER
                              : 0;
}

static bool bind_one(struct place *x, struct metavariable name, const struct form_node *n) {
    enum form_literal class = class_of(name);
    size_t bytes;
    const char *text = syntax_text(x->s, n->node, &bytes);
    if (n->kind == FORM_NAME ? class != 0 : n->code != (uint32_t) class)
        return false;
    for (uint32_t i = 0; i < x->bound_count; i++)
        if (same(x->bound[i].name, name))
            return x->bound[i].bytes == bytes && memcmp(x->bound[i].text, text, bytes) == 0;
    x->bound[x->bound_count++] = (struct bound){name, text, bytes};
    return true;
}

// Leaves stand in a form as they stand in the text, and so do the pattern's metavariables.
static bool bind_all(struct place *x) {
    struct metavariable list[TOKENS_MAX];
    uint32_t n = list_metavariables(x->p->text, strstr(x->p->text, arrow), list), k = 0;
    for (uint32_t i = x->from; i < x->to; i++) {
        const struct form_node *f = &x->form.nodes[i];
        bool variable =
            f->kind == FORM_NAME || (f->kind == FORM_LITERAL && f->code <= FORM_CHARACTER);
        if (variable && (k == n || !bind_one(x, list[k++], f)))
            return false;
    }
    return k == n;
}

static bool has_comment(const struct syntax *s, uint32_t start, uint32_t end) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].role == ROLE_COMMENT && s->nodes[i].start < end && s->nodes[i].end > start)
            return true;
    return false;
}

// Of statements the last one's semicolon goes and comes with it.
static void take_semicolon(struct place *x) {
    const char *after = strstr(x->p->text, arrow) + sizeof arrow - 1;
    char last = after[strlen(after) - 1];
    bool statements =
        x->p->before.statements > 1 || x->p->after.statements > 1 || last == ';' || last == '}';
    x->closes = statements && x->end < x->s->bytes && x->s->text[x->end] == ';';
    x->end += x->closes;
}

// --- what comes ----------------------------------------------------------------------------------

// Of the line where it begins.
static size_t indent_of(const struct syntax *s, uint32_t start, const char **ret) {
    uint32_t line = start;
    while (line && s->text[line - 1] != '\n')
        line--;
    size_t n = 0;
    while (line + n < start && (s->text[line + n] == ' ' || s->text[line + n] == '\t'))
        n++;
    *ret = s->text + line;
    return n;
}

static bool uses_tabs(const struct syntax *s) {
    const char *end = s->text + s->bytes;
    for (const char *at = s->text; at < end; at++) {
        if (*at == '\t' || (*at == ' ' && end - at > 1 && at[1] == ' '))
            return *at == '\t';
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            break;
    }
    return false;
}

static void put_piece(const struct place *x, const char *from, const char *end, struct buf *out) {
    struct metavariable one;
    const char *at = from;
    while (next_metavariable(&at, end, &one)) {
        (void)buf_append(out, from, (size_t)(one.text - from));
        for (uint32_t i = 0; i < x->bound_count; i++)
            if (same(x->bound[i].name, one))
                (void)buf_append(out, x->bound[i].text, x->bound[i].bytes);
        from = at;
    }
    (void)buf_append(out, from, (size_t)(end - from));
}

static void put_text(const struct place *x, struct buf *out) {
    const char *at = strstr(x->p->text, arrow) + sizeof arrow - 1, *indent;
    size_t indent_bytes = indent_of(x->s, x->start, &indent);
    bool tabs = uses_tabs(x->s), first = true;
    while (*at) {
        size_t n = strcspn(at, "\n"), skip = 0;
        if (!first) {
            (void)buf_putc(out, '\n');
            (void)buf_append(out, indent, indent_bytes);
            while (tabs && strncmp(at + skip, "    ", INDENT) == 0) {
                (void)buf_putc(out, '\t');
                skip += INDENT;
            }
        }
        put_piece(x, at + skip, at + n, out);
        first = false;
        at += n + (at[n] == '\n');
    }
    char last = out->len ? out->data[out->len - 1] : '\0';
    if (x->closes && last != ';' && last != '}')
        (void)buf_putc(out, ';');
}

// --- is it so? -----------------------------------------------------------------------------------

struct wanted {
    uint32_t start, end;
    bool closes; // the match ends before a semicolon, or not
    bool found;
};

static int on_match(void *ctx, const struct pattern_match *m) {
    struct wanted *w = ctx;
    w->found |= m->start == w->start && (m->end == w->end || (w->closes && m->end + 1 == w->end));
    return 0;
}

// Exactly the form from after stands there.
static int stands(const struct place *x, const struct syntax *now, uint32_t end, struct err *err) {
    const char *middle = strstr(x->p->text, arrow), *after = middle + sizeof arrow - 1;
    AUTO_FREE char *turned =
        mem_format("%s%s%.*s", after, arrow, (int)(middle - x->p->text), x->p->text);
    struct pattern_reader *reader = pattern_reader_new();
    struct pattern_matcher *matcher = pattern_matcher_new();
    struct pattern_set *set = NULL;
    struct pattern *p = NULL;
    struct wanted w = {.start = x->start, .end = end, .closes = now->text[end - 1] == ';'};
    int r = turned && reader && matcher ? 0 : ERR_NOMEM;
    if (r == 0)
        r = pattern_parse(reader, x->p->lang, turned, strlen(turned), &p, NULL);
    if (r == 0)
        r = pattern_set_new(&p, 1, &set, NULL);
    if (r == 0)
        r = patterns_match_range(set, matcher, now, x->start, end, on_match, &w, err);
    pattern_set_free(set);
    pattern_free(p);
    pattern_matcher_free(matcher);
    pattern_reader_free(reader);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : r == 0 && w.found;
}

static uint32_t moved(const struct place *x, uint32_t at, uint32_t end) {
    return at >= x->end ? at - x->end + end : at;
}

static bool inside(const struct node *n, uint32_t start, uint32_t end) {
    return n->start >= start && n->end <= end && n->end > n->start;
}

// All of the tree around it is what it was.
static bool rest_is_same(const struct place *x, const struct syntax *now, uint32_t end) {
    uint32_t i = 0, k = 0;
    while (i < x->s->count || k < now->count) {
        const struct node *a = &x->s->nodes[i], *b = &now->nodes[k];
        if (i < x->s->count && inside(a, x->start, x->end)) {
            i = a->next;
        } else if (k < now->count && inside(b, x->start, end)) {
            k = b->next;
        } else if (i == x->s->count || k == now->count || a->symbol != b->symbol ||
                   moved(x, a->start, end) != b->start || moved(x, a->end, end) != b->end) {
            return false;
        } else {
            i++;
            k++;
        }
    }
    return true;
}

// The outermost node with exactly these bytes; 0: none.
static uint32_t node_at(const struct syntax *s, uint32_t start, uint32_t end) {
    for (uint32_t i = 1; i < s->count && s->nodes[i].start <= start; i++)
        if (s->nodes[i].start == start && s->nodes[i].end == end)
            return i;
    return 0;
}

// An expression of another kind binds in another way, and a grammar that is made for editors lets
// pass what a compiler does not: such a one only where nothing stands beside it.
static bool binds_alike(const struct place *x, const struct syntax *now, uint32_t end) {
    static const char *const alone[] = {"statement", "parenthesized", "arguments", "argument_list",
                                        "condition", "block",         "module",    "program"};
    uint32_t old = node_at(x->s, x->start, x->end), new = node_at(now, x->start, end);
    if (!old || !new || x->s->nodes[old].symbol == now->nodes[new].symbol)
        return true; // statements, or the same kind
    const char *around = syntax_type(x->s, x->s->nodes[old].parent);
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        if (strstr(around, alone[i]))
            return true;
    return false;
}

static int try_it(const struct place *x, const struct buf *text, struct err *err) {
    AUTO_BUF whole = BUF_INIT(SYNTAX_BYTES_MAX);
    struct syntax *now = syntax_new();
    uint32_t end = x->start + (uint32_t)text->len;
    (void)buf_append(&whole, x->s->text, x->start);
    (void)buf_append(&whole, text->data, text->len);
    (void)buf_append(&whole, x->s->text + x->end, x->s->bytes - x->end);
    int r = !now ? err_set(err, ERR_NOMEM, "out of memory") : whole.failed ? 0 : 1;
    if (r > 0)
        r = syntax_parse(now, x->s->lang, whole.data, whole.len, NULL, NULL) == 0 &&
            now->errors <= x->s->errors && rest_is_same(x, now, end) && binds_alike(x, now, end);
    if (r > 0)
        r = stands(x, now, end, err);
    syntax_free(now);
    return r;
}

int pattern_apply(const struct pattern *p, const struct syntax *s, const struct pattern_match *m,
                  struct pattern_application *ret, struct err *err) {
    struct place *x = mem_zalloc(sizeof *x);
    struct buf text = BUF_INIT(APPLIED_BYTES_MAX);
    if (!x)
        return err_set(err, ERR_NOMEM, "out of memory");
    *x = (struct place){.p = p, .s = s, .start = m->start, .end = m->end};
    form_init(&x->form);
    int r = pattern_can_apply(p) && !has_comment(s, m->start, m->end) ? find_form(x, m, err) : 0;
    if (r > 0 && !bind_all(x))
        r = 0;
    if (r > 0) {
        take_semicolon(x);
        put_text(x, &text);
        r = text.failed || !text.len ? 0 : try_it(x, &text, err);
    }
    if (r > 0) {
        *ret = (struct pattern_application){.start = x->start, .end = x->end, .text = text};
        text = BUF_INIT(0);
    }
    buf_done(&text);
    form_done(&x->form);
    mem_free(x);
    return r;
}
