#include "core/code/syntax.h"

#include "core/base/mem.h"
#include "core/code/syntax_impl.h"

#include <string.h>
#include <time.h>

#ifdef PAIRED_TREES
#ifdef PAIRED_TREE_UNIT
#include <tree_sitter/memory.h>

static void *take_chunk(size_t bytes) {
    return mem_alloc(bytes);
}

static bool make_memory(struct syntax *s) {
    static const struct tree_chunks chunks = {SYNTAX_TREE_BYTES_MAX, take_chunk, mem_free};
    s->memory = tree_memory_new(&chunks);
    return s->memory != NULL;
}

static void free_memory(struct syntax *s) {
    tree_memory_free(s->memory);
}
#else
static bool make_memory(struct syntax *s) {
    (void)s;
    return true;
}

static void free_memory(struct syntax *s) {
    (void)s;
}
#endif

struct syntax *syntax_new(void) {
    struct syntax *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    if (!make_memory(s)) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void syntax_free(struct syntax *s) {
    if (!s)
        return;
    free_memory(s);
    ts_parser_delete(s->parser);
    mem_free(s->nodes);
    mem_free(s->stack);
    mem_free(s);
}

struct watch {
    const struct syntax_limits *limits;
    unsigned ms;
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
    s->lang = lang;
    return 0;
}

static struct watch watch_from(const struct syntax_limits *limits) {
    unsigned ms = limits && limits->ms ? limits->ms : SYNTAX_BACKGROUND_MS;
    return (struct watch){.limits = limits,
                          .ms = ms,
                          .end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (int64_t)ms * 1000000,
                          .ask_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)ms * 1000000};
}

static int not_parsed(const struct watch *w, int reason, struct err *err) {
    switch (reason) {
    case ERR_CANCELLED:
        return err_set(err, reason, "cancelled");
    case ERR_TIMEOUT:
        return err_set(err, reason, "not parsed within %u ms", w->ms);
    case ERR_LIMIT:
        return err_set(err, reason, "more than %d nodes, or %d MB of them: not parsed",
                       SYNTAX_NODES_MAX, SYNTAX_TREE_BYTES_MAX >> 20);
    default:
        return err_set(err, ERR_NOMEM, "out of memory");
    }
}

// A tree that can be kept.
static int parse_tree(struct syntax *s, const TSTree *old, const struct syntax_limits *limits,
                      TSTree **ret, struct err *err) {
    if (!s->parser)
        s->parser = ts_parser_new();
    if (s->parser_lang != s->lang && !ts_parser_set_language(s->parser, s->grammar->ts))
        return err_set(err, ERR_UNSUPPORTED, "the grammar of %s does not fit",
                       language_name(s->lang));
    s->parser_lang = s->lang;
    struct watch watch = watch_from(limits);
    TSInput input = {.payload = s, .read = read_whole, .encoding = TSInputEncodingUTF8};
    TSParseOptions options = {.payload = &watch, .progress_callback = watch_stop};
    TSTree *tree = ts_parser_parse_with_options(s->parser, old, input, options);
    if (!tree) {
        ts_parser_reset(s->parser);
        return not_parsed(&watch, watch.reason, err);
    }
    int r = s->plain ? syntax_flatten_cursor(s, tree) : syntax_flatten(s, tree);
    if (r == 0) {
        *ret = tree;
        return 0;
    }
    ts_tree_delete(tree);
    s->count = 0;
    return not_parsed(&watch, r, err);
}

static int parse_by_itself(struct syntax *s, const struct syntax_limits *limits, struct err *err) {
    TSTree *tree;
    int r = parse_tree(s, NULL, limits, &tree, err);
    if (r == 0)
        ts_tree_delete(tree);
    return r;
}

// A tree that is read once: nothing of it stays but the array.
#ifdef PAIRED_TREE_UNIT
static int parse_once(struct syntax *s, const struct syntax_limits *limits, struct err *err) {
    if (s->plain)
        return parse_by_itself(s, limits, err);
    struct watch watch = watch_from(limits);
    TSParseOptions options = {.payload = &watch, .progress_callback = watch_stop};
    const TSTree *tree;
    enum tree_result result =
        tree_memory_parse(s->memory, s->grammar->ts, s->text, s->bytes, options, &tree);
    int r = result == TREE_PARSED                        ? syntax_flatten(s, tree)
            : result == TREE_TOO_LARGE                   ? ERR_LIMIT
            : result == TREE_STOPPED && watch.reason < 0 ? watch.reason
                                                         : ERR_NOMEM;
    if (r == 0)
        return 0;
    s->count = 0;
    return not_parsed(&watch, r, err);
}
#else
static int parse_once(struct syntax *s, const struct syntax_limits *limits, struct err *err) {
    return parse_by_itself(s, limits, err);
}
#endif

int syntax_parse(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                 const struct syntax_limits *limits, struct err *err) {
    int r = prepare(s, lang, text, bytes, err);
    return r < 0 ? r : parse_once(s, limits, err);
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
