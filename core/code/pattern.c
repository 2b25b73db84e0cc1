#include "core/code/pattern.h"

#include "core/base/mem.h"
#include "core/code/pattern_impl.h"
#include "core/code/stdnames.h"

#include <sodium.h>
#include <string.h>

struct pattern_reader *pattern_reader_new(void) {
    struct pattern_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->code = BUF_INIT(4 * PATTERN_TEXT_BYTES_MAX);
    r->s = syntax_new();
    if (!r->s) {
        mem_free(r);
        return NULL;
    }
    return r;
}

void pattern_reader_free(struct pattern_reader *r) {
    if (!r)
        return;
    syntax_free(r->s);
    form_done(&r->form);
    form_walk_done(&r->walk);
    buf_done(&r->code);
    mem_free(r);
}

// Code around the statements, so that the grammar takes them for the body of a function.
struct frame {
    const char *open, *close;
};

static struct frame frame_of(enum lang lang) {
    switch (lang) {
    case LANG_C:
    case LANG_CPP:
        return (struct frame){"void zq(void) {\n", "\n}\n"};
    case LANG_GO:
        return (struct frame){"package zq\nfunc zq() {\n", "\n}\n"};
    case LANG_RUST:
        return (struct frame){"fn zq() {\n", "\n}\n"};
    case LANG_JAVA:
        return (struct frame){"class Zq { void zq() {\n", "\n} }\n"};
    default:
        return (struct frame){"", "\n"};
    }
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A metavariable at text[0] == '$'. 0: none, the dollar is the language's own.
static size_t scan_metavariable(const char *text, size_t n, struct form_slot *ret, uint16_t *key) {
    if (n >= 4 && memcmp(text, "$...", 4) == 0) {
        *ret = (struct form_slot){.kind = FORM_HOLE};
        return 4;
    }
    if (n < 2 || text[1] < 'A' || text[1] > 'Z')
        return 0;
    size_t at = 2;
    uint16_t number = 0;
    while (at < n && at < 4 && text[at] >= '0' && text[at] <= '9')
        number = (uint16_t)(number * 10 + (text[at++] - '0'));
    if (at < n && is_word(text[at]))
        return 0;
    *ret = (struct form_slot){.kind = FORM_NAME};
    if (text[1] == 'S' || text[1] == 'N' || text[1] == 'C') {
        ret->kind = FORM_LITERAL;
        ret->code = text[1] == 'S' ? FORM_STRING : text[1] == 'N' ? FORM_NUMBER : FORM_CHARACTER;
    }
    bool numbered = at > 2;
    *key = (uint16_t)((text[1] - 'A') << 8 | (numbered ? number + 1 : 0));
    return at;
}

static const char *stand_in(const struct form_slot *slot) {
    if (slot->kind != FORM_LITERAL)
        return "zq";
    return slot->code == FORM_STRING ? "\"zq\"" : slot->code == FORM_NUMBER ? "77" : "'z'";
}

// The number of a metavariable by first use; equal keys are equal ones.
static int number_slot(struct pattern_reader *r, struct form_slot *slot, uint16_t key) {
    bool literal = slot->kind == FORM_LITERAL;
    if (slot->kind == FORM_HOLE)
        return 0;
    if (literal && ((key & 0xFF) != 0) != r->literals)
        return ERR_INVAL;
    uint32_t k = 0;
    if (!literal || r->literals)
        while (k < r->key_count && r->keys[k] != key)
            k++;
    else
        k = r->key_count; // each stands for itself
    if (k == COUNT_OF(r->keys))
        return ERR_LIMIT;
    if (k == r->key_count)
        r->keys[r->key_count++] = key;
    slot->name = (uint16_t)k;
    return 0;
}

static int substitute(struct pattern_reader *r, enum lang lang, const char *text, size_t n) {
    struct frame frame = frame_of(lang);
    buf_clear(&r->code);
    (void)buf_puts(&r->code, frame.open);
    r->slot_count = 0;
    for (size_t at = 0; at < n;) {
        struct form_slot slot;
        uint16_t key = 0;
        size_t bytes = text[at] == '$' ? scan_metavariable(text + at, n - at, &slot, &key) : 0;
        if (!bytes) {
            (void)buf_putc(&r->code, text[at++]);
            continue;
        }
        if (r->slot_count == COUNT_OF(r->slots))
            return ERR_LIMIT;
        int e = number_slot(r, &slot, key);
        if (e < 0)
            return e;
        slot.start = (uint32_t)r->code.len;
        (void)buf_puts(&r->code, stand_in(&slot));
        slot.end = (uint32_t)r->code.len;
        r->slots[r->slot_count++] = slot;
        at += bytes;
    }
    r->text_end = (uint32_t)r->code.len;
    char last = n ? text[n - 1] : '\0';
    bool semicolons = lang == LANG_C || lang == LANG_CPP || lang == LANG_JAVA;
    if (semicolons && last != ';' && last != '}')
        (void)buf_putc(&r->code, ';');
    (void)buf_puts(&r->code, frame.close);
    return r->code.failed ? ERR_NOMEM : 0;
}

// The form node whose children are the pattern's statements.
static uint32_t find_body(const struct pattern_reader *r, enum lang lang) {
    if (!*frame_of(lang).open)
        return 0;
    for (uint32_t k = 0; k < r->form.count; k++) {
        uint32_t node = r->form.nodes[k].node;
        if (r->s->nodes[node].role == ROLE_BLOCK)
            return k;
    }
    return 0;
}

// A shell takes a name for a command: there a lone `$...` has wrappers around it.
static bool is_lone_hole(const struct form *f, uint32_t k) {
    return f->lang == LANG_BASH && f->nodes[k].kind == FORM_INNER &&
           f->nodes[f->nodes[k].next - 1].kind == FORM_HOLE && f->nodes[k].next - k <= 3;
}

static int check_node(const struct pattern_reader *r, uint32_t k, struct err *err) {
    const struct form_node *n = &r->form.nodes[k];
    size_t bytes;
    const char *text = syntax_text(r->s, n->node, &bytes);
    if (n->flags & FORM_UNFIT)
        return err_set(err, ERR_INVAL, "holds something that patterns do not have");
    if (n->kind == FORM_NAME && n->name >= FORM_SLOT_NAMES)
        return err_set(err, ERR_INVAL, "the name %.*s is not of the standard library",
                       (int)(bytes < 40 ? bytes : 40), text);
    bool is_slot = n->name < FORM_SLOT_NAMES;
    if (n->kind == FORM_LITERAL && n->code <= FORM_CHARACTER && !is_slot)
        return err_set(err, ERR_INVAL, "a literal other than 0, 1, -1 and \"\"");
    return 0;
}

static int copy_side(struct pattern_reader *r, uint32_t body, struct pattern_side *side,
                     struct err *err) {
    const struct form *f = &r->form;
    uint32_t from = body + 1, to = f->nodes[body].next;
    uint16_t base = (uint16_t)(f->nodes[body].depth + 1);
    for (uint32_t k = from; k < to; k++) {
        int e = check_node(r, k, err);
        if (e < 0)
            return e;
    }
    for (uint32_t k = from; k < to; k = f->nodes[k].next)
        side->statements += f->nodes[k].kind != FORM_TOKEN;
    if (!side->statements || side->statements > PATTERN_STATEMENTS_MAX)
        return err_set(err, ERR_LIMIT, "a pattern has 1 to %d statements", PATTERN_STATEMENTS_MAX);
    if (form_weight(f, from, to) > PATTERN_NODES_MAX)
        return err_set(err, ERR_LIMIT, "larger than %d nodes", PATTERN_NODES_MAX);
    side->nodes = mem_alloc((to - from + 1) * sizeof *side->nodes);
    if (!side->nodes)
        return err_set(err, ERR_NOMEM, "out of memory");
    side->count = to - from;
    for (uint32_t k = from; k <= to; k++) {
        struct form_node *n = &side->nodes[k - from];
        *n = f->nodes[k];
        n->next -= from;
        n->depth = (uint16_t)(n->depth - base);
        n->before -= f->nodes[from].before;
        n->node = 0;
    }
    side->nodes[side->count].next = side->count;
    return 0;
}

// The walk goes on over both sides of an edit, so that a name keeps its number.
static int measure(struct pattern_reader *r, uint32_t body, struct pattern_side *side) {
    const struct form *f = &r->form;
    struct form_walk *w = &r->walk;
    uint32_t to = f->nodes[body].next;
    uint16_t holes = w->holes, repeats = w->repeats, kept = w->kept, cut = w->cut,
             weight = w->weight;
    for (uint32_t k = body + 1; k < to; k = f->nodes[k].next)
        form_walk_add(w, f, k, false);
    side->hash = form_walk_hash(w);
    side->holes = (uint16_t)(w->holes - holes);
    side->repeats = (uint16_t)(w->repeats - repeats);
    side->kept = (uint16_t)(w->kept - kept);
    side->cut = (uint16_t)(w->cut - cut);
    side->weight = (uint16_t)(w->weight - weight);
    return 0;
}

static int measure_cut(struct pattern_reader *r, uint32_t body, struct pattern_side *side) {
    struct form_walk w = {.epoch = 0};
    side->cut_hash = side->hash;
    if (side->statements != 1)
        return 0;
    int e = form_walk_start(&w, &r->form);
    if (e == 0) {
        form_walk_add(&w, &r->form, body + 1, true);
        side->cut_hash = form_walk_hash(&w);
    }
    form_walk_done(&w);
    return e;
}

// The form as text, in the same words for every grammar version.
static void add_to_id(const struct pattern_reader *r, uint32_t body, crypto_generichash_state *h) {
    const struct form *f = &r->form;
    uint16_t base = (uint16_t)(f->nodes[body].depth + 1);
    for (uint32_t k = body + 1; k < f->nodes[body].next; k++) {
        const struct form_node *n = &f->nodes[k];
        uint8_t head[5] = {n->kind, (uint8_t)(n->depth - base), 0, 0, 0};
        size_t bytes = 0;
        const char *text = "";
        if (n->kind == FORM_NAME)
            head[2] = (uint8_t)r->walk.number[n->name];
        else if (n->kind == FORM_LITERAL)
            head[2] = (uint8_t)n->code;
        else if (n->kind == FORM_KEPT || (n->kind == FORM_TOKEN && syntax_named(r->s, n->node)))
            text = syntax_text(r->s, n->node, &bytes);
        else if (n->kind != FORM_HOLE)
            bytes = strlen(text = syntax_type(r->s, n->node));
        if (n->kind == FORM_LITERAL && r->literals && n->code <= FORM_CHARACTER)
            head[3] = (uint8_t)(1 + r->walk.number[n->name]);
        head[4] = (uint8_t)bytes;
        (void)crypto_generichash_update(h, head, sizeof head);
        (void)crypto_generichash_update(h, (const uint8_t *)text, bytes);
    }
}

static int parse_side(struct pattern_reader *r, struct pattern *p, struct pattern_side *side,
                      const char *text, size_t n, struct buf *out, crypto_generichash_state *hash,
                      struct err *err) {
    struct pattern_names names = {.count = 0};
    int e = substitute(r, p->lang, text, n);
    if (e < 0)
        return err_set(err, e,
                       e == ERR_INVAL ? "only an edit numbers its literals, and it does with all"
                                      : "too many metavariables");
    e = syntax_parse(r->s, p->lang, r->code.data, r->code.len, NULL, err);
    if (e < 0)
        return e;
    if (r->s->errors)
        return err_set(err, ERR_PARSE, "not code of this language");
    e = form_build(&r->form, r->s, 0, r->slots, r->slot_count, err);
    if (e < 0)
        return e;
    uint32_t body = r->body = find_body(r, p->lang);
    if (!r->form.count || is_lone_hole(&r->form, body))
        return err_set(err, ERR_PARSE, "no statement");
    if (r->s->nodes[r->form.nodes[body].node].end < r->text_end)
        return err_set(err, ERR_PARSE, "a bracket is closed that was not opened");
    e = copy_side(r, body, side, err);
    if (e < 0)
        return e;
    if (side == &p->before) {
        e = form_walk_start(&r->walk, &r->form);
        r->walk.literals = r->literals;
    }
    if (e == 0)
        e = measure(r, body, side);
    if (e == 0)
        e = measure_cut(r, body, side);
    if (e < 0)
        return err_set(err, e, "out of memory");
    add_to_id(r, body, hash);
    // Letters by the walk's numbers: a name may be new on the second side.
    names.literals = r->literals;
    for (uint32_t k = 0; k < r->key_count && k < COUNT_OF(names.name); k++)
        if (r->walk.seen[k] == r->walk.epoch && r->walk.number[k] < COUNT_OF(names.name)) {
            names.name[r->walk.number[k]] = k;
            names.count++;
        }
    e = pattern_print(out, r->s, &r->form, body + 1, side->statements, NULL, false, &names);
    return e < 0 ? err_set(err, e, "cannot be written as a pattern") : 0;
}

// The line that parts the sides of an edit.
static const char *find_arrow(const char *text, size_t n) {
    return memmem(text, n, "\n=>\n", 4);
}

static int parse_pattern(struct pattern_reader *r, struct pattern *p, const char *text, size_t n,
                         struct err *err) {
    AUTO_BUF out = BUF_INIT(4 * PATTERN_TEXT_BYTES_MAX);
    crypto_generichash_state hash;
    const char *arrow = find_arrow(text, n);
    const char *name = language_name(p->lang);
    r->key_count = 0;
    r->literals = p->edit = arrow != NULL;
    (void)crypto_generichash_init(&hash, NULL, 0, PATTERN_ID_BYTES);
    (void)crypto_generichash_update(&hash, (const uint8_t *)name, strlen(name) + 1);
    size_t first = arrow ? (size_t)(arrow - text) : n;
    int e = parse_side(r, p, &p->before, text, first, &out, &hash, err);
    if (e == 0 && arrow) {
        (void)buf_puts(&out, "\n=>\n");
        (void)crypto_generichash_update(&hash, (const uint8_t *)"=>", 2);
        e = parse_side(r, p, &p->after, arrow + 4, n - first - 4, &out, &hash, err);
    }
    if (e < 0)
        return e;
    p->metavariables = r->walk.metavariables;
    if (p->metavariables > PATTERN_METAVARIABLES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d metavariables", PATTERN_METAVARIABLES_MAX);
    (void)crypto_generichash_final(&hash, p->id, sizeof p->id);
    p->text = buf_take(&out);
    return p->text ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int pattern_parse(struct pattern_reader *r, enum lang lang, const char *text, size_t bytes,
                  struct pattern **ret, struct err *err) {
    if (!language_has_tree(lang))
        return err_set(err, ERR_UNSUPPORTED, "no grammar for %s in this build",
                       language_name(lang));
    if (bytes > PATTERN_TEXT_BYTES_MAX || !bytes)
        return err_set(err, ERR_LIMIT, "a pattern has 1 to %d bytes", PATTERN_TEXT_BYTES_MAX);
    if (memchr(text, '\0', bytes))
        return err_set(err, ERR_PARSE, "holds a zero byte");
    struct pattern *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->lang = lang;
    int e = parse_pattern(r, p, text, bytes, err);
    if (e < 0) {
        pattern_free(p);
        return e;
    }
    *ret = p;
    return 0;
}

void pattern_free(struct pattern *p) {
    if (!p)
        return;
    mem_free(p->before.nodes);
    mem_free(p->after.nodes);
    mem_free(p->text);
    mem_free(p);
}

bool pattern_equal(const struct pattern *a, const struct pattern *b) {
    return a->lang == b->lang && memcmp(a->id, b->id, sizeof a->id) == 0;
}

void pattern_id_text(const struct pattern *p, char ret[2 * PATTERN_ID_BYTES + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t k = 0; k < PATTERN_ID_BYTES; k++) {
        ret[2 * k] = digits[p->id[k] >> 4];
        ret[2 * k + 1] = digits[p->id[k] & 15];
    }
    ret[2 * PATTERN_ID_BYTES] = '\0';
}
