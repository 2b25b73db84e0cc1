#include "core/code/syntax.h"

#include "core/base/mem.h"

#include <string.h>
#include <time.h>

#ifdef PAIRED_TREES
#include <tree_sitter/api.h>

struct syntax *syntax_new(void) {
    struct syntax *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->parser = ts_parser_new();
    if (!s->parser) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void syntax_free(struct syntax *s) {
    if (!s)
        return;
    ts_parser_delete(s->parser);
    mem_free(s->nodes);
    mem_free(s->stack);
    mem_free(s);
}

struct watch {
    const struct syntax_limits *limits;
    int64_t end_ns; // by the thread's clock
    int64_t ask_ns; // by the wall's: not before this can it be over
    int reason;
};

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// The limit is on this thread's own time, so that what a busy machine makes of it does not decide
// what is known of a file. That clock is dear to ask, so the other one says when it is worth it.
static bool is_over(struct watch *w) {
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now <= w->ask_ns)
        return false;
    int64_t left = w->end_ns - clock_ns(CLOCK_THREAD_CPUTIME_ID);
    w->ask_ns = now + left;
    return left <= 0;
}

// tree-sitter asks about every hundred operations.
static bool watch_stop(TSParseState *state) {
    struct watch *w = state->payload;
    if (w->limits && w->limits->cancelled && w->limits->cancelled(w->limits->ctx))
        w->reason = ERR_CANCELLED;
    else if (is_over(w))
        w->reason = ERR_TIMEOUT;
    return w->reason != 0;
}

static const char *read_whole(void *payload, uint32_t byte, TSPoint point, uint32_t *ret_n) {
    const struct syntax *s = payload;
    (void)point;
    *ret_n = byte < s->bytes ? s->bytes - byte : 0;
    return byte < s->bytes ? s->text + byte : "";
}

static int grow(struct syntax *s) {
    if (s->count < s->capacity)
        return 0;
    if (s->capacity >= SYNTAX_NODES_MAX)
        return ERR_LIMIT;
    uint32_t capacity = s->capacity ? s->capacity * 2 : 4096;
    struct node *nodes = mem_realloc(s->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return ERR_NOMEM;
    s->nodes = nodes;
    s->capacity = capacity;
    return 0;
}

static int push(struct syntax *s, uint32_t depth, uint32_t node) {
    if (depth == s->stack_capacity) {
        uint32_t capacity = depth ? depth * 2 : 256;
        uint32_t *stack = mem_realloc(s->stack, capacity * sizeof *stack);
        if (!stack)
            return ERR_NOMEM;
        s->stack = stack;
        s->stack_capacity = capacity;
    }
    s->stack[depth] = node;
    return 0;
}

static void put_node(struct syntax *s, const TSTreeCursor *cursor, uint32_t parent) {
    const struct grammar *g = s->grammar;
    TSNode node = ts_tree_cursor_current_node(cursor);
    TSFieldId field = s->count ? ts_tree_cursor_current_field_id(cursor) : 0;
    struct node *n = &s->nodes[s->count];
    n->start = ts_node_start_byte(node);
    n->end = ts_node_end_byte(node);
    n->line = ts_node_start_point(node).row + 1;
    n->parent = parent;
    n->symbol = ts_node_symbol(node);
    n->field = field <= g->field_count ? g->field[field] : FIELD_ROLE_OTHER;
    n->role = n->symbol < g->symbol_count ? g->role[n->symbol] : ROLE_ERROR;
    if (n->start == n->end && ts_node_is_missing(node))
        n->role = ROLE_MISSING;
    s->errors += n->role == ROLE_ERROR || n->role == ROLE_MISSING;
}

static int flatten(struct syntax *s, TSTree *tree) {
    TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
    uint32_t depth = 0;
    int r = 0;
    for (;;) {
        r = grow(s);
        if (r < 0)
            break;
        put_node(s, &cursor, depth ? s->stack[depth - 1] : 0);
        uint32_t here = s->count++;
        if (ts_tree_cursor_goto_first_child(&cursor)) {
            r = push(s, depth++, here);
            if (r < 0)
                break;
            continue;
        }
        s->nodes[here].next = s->count;
        while (depth && !ts_tree_cursor_goto_next_sibling(&cursor)) {
            s->nodes[s->stack[--depth]].next = s->count;
            (void)ts_tree_cursor_goto_parent(&cursor);
        }
        if (!depth)
            break;
    }
    ts_tree_cursor_delete(&cursor);
    return r;
}

static bool line_too_long(struct syntax *s) {
    const char *at = s->text, *end = s->text + s->bytes;
    s->lines = 1;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if ((eol ? eol : end) - at > SYNTAX_LINE_BYTES_MAX)
            return true;
        if (!eol)
            break;
        s->lines++;
        at = eol + 1;
    }
    return false;
}

static int prepare(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                   struct err *err) {
    s->count = s->errors = s->lines = s->bytes = 0;
    s->lang = LANG_NONE;
    s->grammar = language_grammar(lang);
    if (!s->grammar)
        return err_set(err, ERR_UNSUPPORTED, "no grammar for %s in this build",
                       language_name(lang));
    if (bytes > SYNTAX_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "larger than %d bytes: not parsed", SYNTAX_BYTES_MAX);
    s->text = text;
    s->bytes = (uint32_t)bytes;
    if (line_too_long(s))
        return err_set(err, ERR_LIMIT, "a line of more than %d bytes: not parsed",
                       SYNTAX_LINE_BYTES_MAX);
    if (s->parser_lang != lang && !ts_parser_set_language(s->parser, s->grammar->ts))
        return err_set(err, ERR_UNSUPPORTED, "the grammar of %s does not fit", language_name(lang));
    s->parser_lang = s->lang = lang;
    return 0;
}

static int parse_tree(struct syntax *s, const TSTree *old, const struct syntax_limits *limits,
                      TSTree **ret, struct err *err) {
    unsigned ms = limits && limits->ms ? limits->ms : SYNTAX_BACKGROUND_MS;
    struct watch watch = {.limits = limits,
                          .end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (int64_t)ms * 1000000,
                          .ask_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)ms * 1000000};
    TSInput input = {.payload = s, .read = read_whole, .encoding = TSInputEncodingUTF8};
    TSParseOptions options = {.payload = &watch, .progress_callback = watch_stop};
    TSTree *tree = ts_parser_parse_with_options(s->parser, old, input, options);
    if (!tree) {
        ts_parser_reset(s->parser);
        return err_set(err, watch.reason ? watch.reason : ERR_NOMEM,
                       watch.reason == ERR_CANCELLED ? "cancelled" : "not parsed within %u ms", ms);
    }
    int r = flatten(s, tree);
    if (r == 0) {
        *ret = tree;
        return 0;
    }
    ts_tree_delete(tree);
    s->count = 0;
    return r == ERR_LIMIT ? err_set(err, r, "more than %d nodes: not parsed", SYNTAX_NODES_MAX)
                          : err_set(err, r, "out of memory");
}

int syntax_parse(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                 const struct syntax_limits *limits, struct err *err) {
    TSTree *tree;
    int r = prepare(s, lang, text, bytes, err);
    if (r == 0)
        r = parse_tree(s, NULL, limits, &tree, err);
    if (r == 0)
        ts_tree_delete(tree);
    return r;
}

// --- again after an edit -------------------------------------------------------------------------

struct syntax_kept {
    TSTree *tree;
    enum lang lang;
    uint32_t bytes;
    char text[];
};

void syntax_kept_free(struct syntax_kept *k) {
    if (!k)
        return;
    ts_tree_delete(k->tree);
    mem_free(k);
}

static TSPoint point_at(const char *text, uint32_t offset) {
    TSPoint p = {0, offset};
    for (const char *at = text, *end = text + offset, *eol;
         at < end && (eol = memchr(at, '\n', (size_t)(end - at)));) {
        at = eol + 1;
        p.row++;
        p.column = (uint32_t)(end - at);
    }
    return p;
}

static bool is_inside(const char *text, uint32_t at, uint32_t bytes) { // … a character
    return at < bytes && ((unsigned char)text[at] & 0xC0) == 0x80;
}

// Tells the tree what has changed: everything between the bytes that are the same at the beginning
// and those at the end.
static void edit_tree(struct syntax_kept *k, const char *text, uint32_t bytes) {
    uint32_t least = k->bytes < bytes ? k->bytes : bytes, front = 0, back = 0;
    while (front < least && k->text[front] == text[front])
        front++;
    while (front && (is_inside(text, front, bytes) || is_inside(k->text, front, k->bytes)))
        front--;
    while (back < least - front && k->text[k->bytes - 1 - back] == text[bytes - 1 - back])
        back++;
    while (back && is_inside(text, bytes - back, bytes))
        back--;
    TSInputEdit edit = {.start_byte = front,
                        .old_end_byte = k->bytes - back,
                        .new_end_byte = bytes - back,
                        .start_point = point_at(text, front),
                        .old_end_point = point_at(k->text, k->bytes - back),
                        .new_end_point = point_at(text, bytes - back)};
    ts_tree_edit(k->tree, &edit);
}

int syntax_parse_kept(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                      const struct syntax_limits *limits, struct syntax_kept **kept,
                      struct err *err) {
    struct syntax_kept *old = *kept;
    TSTree *tree;
    *kept = NULL;
    int r = prepare(s, lang, text, bytes, err);
    if (r == 0 && old && old->lang == lang)
        edit_tree(old, text, (uint32_t)bytes);
    if (r == 0)
        r = parse_tree(s, old && old->lang == lang ? old->tree : NULL, limits, &tree, err);
    syntax_kept_free(old);
    if (r < 0)
        return r;
    struct syntax_kept *k = mem_alloc(sizeof *k + bytes);
    if (!k) { // the next parse is a fresh one
        ts_tree_delete(tree);
        return 0;
    }
    *k = (struct syntax_kept){tree, lang, (uint32_t)bytes};
    if (bytes)
        memcpy(k->text, text, bytes);
    *kept = k;
    return 0;
}

#else // no grammar in this build

struct syntax *syntax_new(void) {
    return mem_zalloc(sizeof(struct syntax));
}

void syntax_free(struct syntax *s) {
    mem_free(s);
}

int syntax_parse(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                 const struct syntax_limits *limits, struct err *err) {
    (void)text, (void)bytes, (void)limits;
    s->count = 0;
    return err_set(err, ERR_UNSUPPORTED, "no grammar for %s in this build", language_name(lang));
}

int syntax_parse_kept(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                      const struct syntax_limits *limits, struct syntax_kept **kept,
                      struct err *err) {
    *kept = NULL;
    return syntax_parse(s, lang, text, bytes, limits, err);
}

void syntax_kept_free(struct syntax_kept *k) {
    (void)k;
}
#endif
