// Asking: the lines before the place are looked up, the longest run of them first; the places found
// vote word by word on what comes next.
#include "core/base/mem.h"
#include "core/code/follow_impl.h"

#include <string.h>

enum {
    CANDIDATES_MAX = 96,
    ITEMS_MAX = 112, // tokens of a candidate's continuation
    NAMES_MAX = 48,
    TAB_COLUMNS = 8,
    WEIGHT_MIN = 6, // tokens that are alike before the place
    AGREE_MIN = 3,
    ALONE_PERCENT = 80, // … of the places, where all that agree are in one file
    AGREE_MIN_LONG = 2, // … when so many lines before are alike:
    LONG_LINES = 3,
    LINE_PERCENT = 15,  // more of them have to agree on a line of which nothing is typed yet
    LINES_PERCENT = 92, // of the places that agree on a line, for the next one
    LETTERS_MIN = 3,
    OWN_BEFORE_BYTES = 128 * 1024, // of the text itself that is read for examples
    OWN_BEHIND_BYTES = 64 * 1024,
    LINE_LETTERS_MIN = 8,
    LINE_TOKENS_MIN = 3
};

struct name { // of a candidate, and what stands for it here
    struct follow_token theirs;
    const char *ours;
    uint32_t hash;
    uint16_t bytes;
};
enum item_kind { ITEM_TOKEN, ITEM_FIRST, ITEM_END }; // FIRST: of a line after the first
struct item {
    const char *text;
    uint32_t hash;
    uint16_t bytes;
    int16_t indent; // ITEM_FIRST: against the line that is written
    uint8_t kind;
    bool spaced, is_free; // is_free: a name that is not known to be one of here
};
struct candidate {
    uint32_t file; // UINT32_MAX: the text itself
    uint32_t count;
    struct item items[ITEMS_MAX];
};

struct asking {
    const struct follow *all;
    const struct follow_question *q;
    struct follow *own; // the lines of the text itself
    uint32_t end;       // number of its first line behind the place
    struct follow_line_tokens before[FOLLOW_CONTEXT_LINES]; // nearest first
    uint32_t forms[FOLLOW_CONTEXT_LINES];
    unsigned depth; // how many there are
    struct follow_line_tokens typed;
    bool partial;                  // its last word may go on
    int previous, indent;          // columns
    size_t line, rest, rest_bytes; // where the line begins; what stands behind the place
    // candidates of the depth that is being tried
    struct candidate *list;
    uint32_t count;
    struct follow_line_tokens line_tokens; // scratch
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}
static bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c & 0x80);
}

// --- the place -----------------------------------------------------------------------------------

// Neither in a comment nor in a text: a word written here would be one.
static int is_code(const struct follow_question *q) {
    struct clone_lexer x;
    struct clone_token t, last = {0};
    AUTO_FREE char *probe = mem_alloc(q->at + 2);
    if (!probe)
        return ERR_NOMEM;
    memcpy(probe, q->text, q->at);
    memcpy(probe + q->at, " q", 2);
    (void)clone_lexer_start(&x, q->lang, probe, q->at + 2);
    x.imports = true;
    while (clone_lexer_next(&x, &t))
        last = t;
    return last.kind == CLONE_WORD && x.from == probe + q->at + 1 && x.at == probe + q->at + 2;
}

static int columns(const char *text, size_t n) {
    int c = 0;
    for (size_t i = 0; i < n; i++)
        c += text[i] == '\t' ? TAB_COLUMNS - c % TAB_COLUMNS : 1;
    return c;
}

// What stands behind the place on its line may only be what an editor has closed by itself.
static bool rest_is_closing(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_blank(text[i]) && !strchr(")]};,", text[i]))
            return false;
    return true;
}

// false: nothing can be said here.
static bool look_at_line(struct asking *a) {
    const struct follow_question *q = a->q;
    size_t line = q->at, eol = q->at, typed;
    while (line && q->text[line - 1] != '\n')
        line--;
    const char *end = memchr(q->text + eol, '\n', q->bytes - eol);
    eol = end ? (size_t)(end - q->text) : q->bytes;
    a->line = line;
    a->rest = q->at;
    a->rest_bytes = eol - q->at;
    while (a->rest_bytes && is_blank(q->text[a->rest + a->rest_bytes - 1]))
        a->rest_bytes--;
    for (typed = line; typed < q->at && is_blank(q->text[typed]);)
        typed++;
    a->indent = columns(q->text + line, typed - line);
    a->partial = q->at > typed && is_word(q->text[q->at - 1]);
    if (q->at - typed > FOLLOW_LINE_BYTES_MAX || !rest_is_closing(q->text + q->at, eol - q->at))
        return false;
    a->typed.count = 0;
    if (q->at > typed && !follow_tokens(q->lang, q->text + typed, q->at - typed, &a->typed))
        return false;
    a->partial = a->partial && a->typed.list[a->typed.count - 1].kind == CLONE_WORD;
    return true;
}

// The text's own lines, before and behind the place, are the nearest examples.
static int take_own(struct asking *a, struct err *err) {
    const struct follow_question *q = a->q;
    uint32_t file;
    size_t eol = a->rest + a->rest_bytes, from = 0, to = q->bytes - eol;
    if (a->line >
        OWN_BEFORE_BYTES) { // from a line on; should that be in a comment, it costs a word
        const char *start = memchr(q->text + a->line - OWN_BEFORE_BYTES, '\n', OWN_BEFORE_BYTES);
        from = start ? (size_t)(start - q->text) : a->line;
    }
    if (to > OWN_BEHIND_BYTES)
        to = OWN_BEHIND_BYTES;
    a->own = follow_new();
    if (!a->own)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = follow_add(a->own, q->lang, q->text + from, a->line - from, &file, err);
    a->end = a->own->line_count;
    if (r == 0)
        r = follow_add(a->own, q->lang, q->text + eol, to, &file, err);
    return r;
}

static bool look_before(struct asking *a) {
    const struct follow *own = a->own;
    for (uint32_t i = a->end; a->depth < FOLLOW_CONTEXT_LINES && i > 1; i--) {
        const struct follow_text *t = &own->texts[own->lines[i - 1].text];
        if (!t->form ||
            !follow_tokens(a->q->lang, own->pool + t->at, t->bytes, &a->before[a->depth]))
            break;
        a->forms[a->depth++] = t->form;
    }
    if (a->depth)
        a->previous = own->lines[a->end - 1].indent;
    return a->depth > 0;
}

// --- names ---------------------------------------------------------------------------------------

struct names {
    struct name list[NAMES_MAX];
    uint32_t count;
};

static bool same_text(const struct follow_token *a, const struct follow_token *b) {
    return a->hash == b->hash && a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0;
}

static const struct name *find_name(const struct names *n, const struct follow_token *theirs) {
    for (uint32_t i = 0; i < n->count; i++)
        if (same_text(&n->list[i].theirs, theirs))
            return &n->list[i];
    return NULL;
}

// One name of theirs is one of ours, everywhere; and the other way round.
static bool bind(struct names *n, const struct follow_token *theirs,
                 const struct follow_token *ours) {
    for (uint32_t i = 0; i < n->count; i++) {
        bool one = same_text(&n->list[i].theirs, theirs);
        bool other = n->list[i].hash == ours->hash && n->list[i].bytes == ours->bytes;
        if (one || other)
            return one && other;
    }
    if (n->count == NAMES_MAX)
        return false;
    n->list[n->count++] = (struct name){*theirs, ours->text, ours->hash, ours->bytes};
    return true;
}

static bool align(struct names *n, const struct follow_line_tokens *theirs,
                  const struct follow_line_tokens *ours, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct follow_token *t = &theirs->list[i], *o = &ours->list[i];
        if (t->kind != o->kind)
            return false;
        if (t->kind == CLONE_LITERAL)
            continue;
        // Of ours the rest of the line may be missing that makes it a definition: theirs counts.
        if (t->kept ? !same_text(t, o) : !bind(n, t, o))
            return false;
    }
    return true;
}

// --- candidates ----------------------------------------------------------------------------------

static bool tokens_of(const struct follow *f, uint32_t line, struct follow_line_tokens *ret) {
    const struct follow_text *t = &f->texts[f->lines[line].text];
    return t->form && follow_tokens((enum lang)t->lang, f->pool + t->at, t->bytes, ret);
}

static int sign(int x) {
    return (x > 0) - (x < 0);
}

static void put_tokens(struct candidate *c, const struct names *names,
                       const struct follow_line_tokens *t, uint32_t from, int indent) {
    for (uint32_t i = from; i < t->count && c->count < ITEMS_MAX; i++) {
        const struct follow_token *x = &t->list[i];
        const struct name *name = x->kept ? NULL : find_name(names, x);
        enum item_kind kind = i == 0 && c->count ? ITEM_FIRST : ITEM_TOKEN;
        c->items[c->count++] = (struct item){
            .text = name ? name->ours : x->text,
            .hash = name ? name->hash : x->hash,
            .bytes = name ? name->bytes : x->bytes,
            .indent = (int16_t)indent,
            .kind = (uint8_t)kind,
            .spaced = x->spaced,
            .is_free = !name && !x->kept && x->kind == CLONE_WORD,
        };
    }
    if (c->count < ITEMS_MAX)
        c->items[c->count++] = (struct item){.kind = ITEM_END};
}

// The rest of the line at `line`, whose first tokens are like those typed; then the lines below it.
static bool continue_line(struct asking *a, const struct follow *f, uint32_t line,
                          struct names *names, struct candidate *c) {
    struct follow_line_tokens *t = &a->line_tokens;
    uint32_t typed = a->typed.count, whole = typed - (a->partial ? 1 : 0);
    if (!tokens_of(f, line, t) || t->count < typed + (a->partial ? 0 : 1) ||
        !align(names, t, &a->typed, whole))
        return false;
    c->count = 0;
    if (a->partial) {
        const struct follow_token *x = &t->list[whole], *o = &a->typed.list[whole];
        const struct name *name = x->kept ? NULL : find_name(names, x);
        const char *text = name ? name->ours : x->text;
        uint16_t bytes = name ? name->bytes : x->bytes;
        if (x->kind != CLONE_WORD || bytes < o->bytes || memcmp(text, o->text, o->bytes) != 0)
            return false;
        if (bytes > o->bytes) {
            uint32_t h = 2166136261U;
            for (uint16_t i = o->bytes; i < bytes; i++)
                h = (h ^ (unsigned char)text[i]) * 16777619U;
            c->items[c->count++] = (struct item){.text = text + o->bytes,
                                                 .hash = h,
                                                 .bytes = (uint16_t)(bytes - o->bytes),
                                                 .kind = ITEM_TOKEN,
                                                 .is_free = !name && !x->kept};
        }
    }
    if (typed < t->count)
        put_tokens(c, names, t, typed, 0);
    else if (c->count < ITEMS_MAX)
        c->items[c->count++] = (struct item){.kind = ITEM_END};
    int base = f->lines[line].indent;
    for (uint32_t i = 1; i < FOLLOW_ANSWER_LINES && line + i < f->line_count; i++) {
        int indent = f->lines[line + i].indent;
        if (indent < base || !tokens_of(f, line + i, t))
            break;
        put_tokens(c, names, t, 0, indent - base);
    }
    return true;
}

// Is `line` of f, with `depth` lines before it that are alike, one to learn from?
static void consider(struct asking *a, const struct follow *f, uint32_t line, unsigned depth,
                     uint32_t file) {
    struct follow_line_tokens before[FOLLOW_CONTEXT_LINES];
    struct names names = {.count = 0};
    int step = a->indent - a->previous, theirs = f->lines[line].indent - f->lines[line - 1].indent;
    if (a->count == CANDIDATES_MAX || sign(step) != sign(theirs))
        return;
    for (unsigned k = 0; k < depth; k++)
        if (!tokens_of(f, line - 1 - k, &before[k]) || before[k].count != a->before[k].count ||
            !align(&names, &before[k], &a->before[k], before[k].count))
            return;
    struct candidate *c = &a->list[a->count];
    if (!continue_line(a, f, line, &names, c))
        return;
    c->file = file;
    a->count++;
}

// -1, 0, 1: the lines before `line` against those of the place.
static int against(const struct asking *a, uint32_t line, unsigned depth) {
    const struct follow *f = a->all;
    for (unsigned k = 0; k < depth; k++) {
        uint32_t x = k + 1 <= line ? follow_form_at(f, line - 1 - k) : 0;
        if (x != a->forms[k])
            return x < a->forms[k] ? -1 : 1;
    }
    return 0;
}

static uint32_t bound(const struct asking *a, unsigned depth, bool upper) {
    uint32_t low = 0, high = a->all->order_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = against(a, a->all->order[middle], depth);
        if (c < 0 || (upper && c == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool own_is_alike(const struct asking *a, uint32_t line, unsigned depth) {
    for (unsigned k = 0; k < depth; k++)
        if (line < k + 1 || follow_form_at(a->own, line - 1 - k) != a->forms[k])
            return false;
    return true;
}

static void collect(struct asking *a, unsigned depth) {
    enum { LOOKED_AT_MAX = 240 };
    a->count = 0;
    for (uint32_t i = a->own->line_count; i-- > 1;) // the nearest above first
        if (a->own->lines[i].text != FOLLOW_BREAK && own_is_alike(a, i, depth))
            consider(a, a->own, i, depth, UINT32_MAX);
    if (!a->all)
        return;
    uint32_t from = bound(a, depth, false), to = bound(a, depth, true);
    uint32_t step = (to - from) / LOOKED_AT_MAX + 1;
    for (uint32_t i = from; i < to; i += step) {
        uint32_t line = a->all->order[i], file = a->all->lines[line].file;
        if ((int64_t)file != a->q->file)
            consider(a, a->all, line, depth, file);
    }
}

// --- the vote ------------------------------------------------------------------------------------

struct vote {
    bool active[CANDIDATES_MAX];
    uint32_t places, agree; // of the line that is being written
    const struct item *free_names[ITEMS_MAX];
    uint32_t free_count;
    unsigned lines; // finished
    unsigned tokens;
    size_t whole; // bytes of the answer up to the last finished one
    uint32_t whole_free;
};

static bool same_item(const struct item *x, const struct item *y) {
    return x->kind == y->kind && x->hash == y->hash && x->bytes == y->bytes &&
           (x->kind != ITEM_FIRST || x->indent == y->indent) &&
           (!x->bytes || memcmp(x->text, y->text, x->bytes) == 0);
}

// What most of the active ones have at `t`; how many they are.
static uint32_t most(const struct asking *a, const struct vote *v, uint32_t t,
                     const struct item **ret) {
    uint32_t best = 0, left = 0;
    for (uint32_t i = 0; i < a->count; i++)
        left += v->active[i] && t < a->list[i].count;
    for (uint32_t i = 0; i < a->count && left >= best; i++) {
        const struct candidate *c = &a->list[i];
        uint32_t n = 0;
        if (!v->active[i] || t >= c->count)
            continue;
        left--; // those behind cannot be more than are left
        for (uint32_t k = i; k < a->count; k++)
            n += v->active[k] && t < a->list[k].count &&
                 same_item(&c->items[t], &a->list[k].items[t]);
        if (n > best) {
            best = n;
            *ret = &c->items[t];
        }
    }
    return best;
}

static void put_item(const struct asking *a, const struct item *x, bool first, struct buf *out) {
    const struct follow_question *q = a->q;
    if (x->kind == ITEM_FIRST) {
        bool tabs = a->indent && q->text[a->line] == '\t';
        int n = a->indent + x->indent;
        (void)buf_putc(out, '\n');
        for (; tabs && n >= TAB_COLUMNS; n -= TAB_COLUMNS)
            (void)buf_putc(out, '\t');
        for (; n > 0; n--)
            (void)buf_putc(out, ' ');
    } else if (x->spaced && !(first && (q->at == a->line || is_blank(q->text[q->at - 1])))) {
        (void)buf_putc(out, ' ');
    }
    (void)buf_append(out, x->text, x->bytes);
}

static void keep_agreeing(const struct asking *a, struct vote *v, uint32_t t,
                          const struct item *item) {
    for (uint32_t i = 0; i < a->count; i++)
        v->active[i] =
            v->active[i] && t < a->list[i].count && same_item(item, &a->list[i].items[t]);
}

static void walk(const struct asking *a, unsigned depth, struct vote *v, struct buf *out) {
    uint32_t percent = a->q->percent ? a->q->percent : FOLLOW_PERCENT, total = a->count;
    uint32_t least = depth >= LONG_LINES ? AGREE_MIN_LONG : AGREE_MIN;
    const struct item *item = NULL;
    bool closing = a->rest_bytes > 0;
    if (!a->typed.count)
        percent += LINE_PERCENT;
    for (uint32_t t = 0; t < ITEMS_MAX; t++) {
        uint32_t n = most(a, v, t, &item);
        if (n < least || n * 100 < percent * total || out->failed)
            break;
        keep_agreeing(a, v, t, item);
        v->agree = n;
        if (item->kind == ITEM_END) {
            v->lines++;
            v->whole = out->len;
            v->whole_free = v->free_count;
            total = n;
            percent = LINES_PERCENT;
            if (closing)
                break;
            continue;
        }
        put_item(a, item, t == 0, out);
        v->tokens++;
        if (item->is_free)
            v->free_names[v->free_count++] = item;
    }
    if (v->lines && out->len > v->whole) { // below the first line only whole ones
        out->len = v->whole;
        out->data[out->len] = '\0';
        v->free_count = v->whole_free;
    }
}

// --- may it be said? -----------------------------------------------------------------------------

static bool stands_in(const struct follow_question *q, const struct item *x) {
    const char *end = q->text + q->bytes;
    for (const char *p = q->text; (p = memmem(p, (size_t)(end - p), x->text, x->bytes)); p++)
        if ((p == q->text || !is_word(p[-1])) && (p + x->bytes == end || !is_word(p[x->bytes])))
            return true;
    return false;
}

static uint32_t files_that_agree(const struct asking *a, const struct vote *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = v->active[k] && a->list[k].file == a->list[i].file;
        n += v->active[i] && !seen;
    }
    return n;
}

// The closing brackets behind the place have to be how the line ends anyway.
static bool ends_with_rest(const struct asking *a, const struct vote *v, const struct buf *out) {
    const char *rest = a->q->text + a->rest;
    size_t n = a->rest_bytes;
    while (n && is_blank(*rest)) {
        rest++;
        n--;
    }
    return !n || (v->lines && out->len > n && memcmp(out->data + out->len - n, rest, n) == 0);
}

static bool may_be_said(const struct asking *a, const struct vote *v, const struct buf *out,
                        uint32_t files) {
    size_t letters = 0;
    for (size_t i = 0; i < out->len; i++)
        letters += !is_blank(out->data[i]) && out->data[i] != '\n';
    bool little = letters < LETTERS_MIN ||
                  (!a->typed.count && (letters < LINE_LETTERS_MIN || v->tokens < LINE_TOKENS_MIN));
    if (out->failed || little || !ends_with_rest(a, v, out))
        return false;
    // One file alone is its author's habit: it has to be a firm one.
    if (files < 2 && (v->agree < AGREE_MIN || v->agree * 100 < ALONE_PERCENT * v->places))
        return false;
    // A name that only one other file has is that file's own.
    for (uint32_t i = 0; files < 2 && i < v->free_count; i++)
        if (!stands_in(a->q, v->free_names[i]))
            return false;
    return true;
}

static unsigned weight(const struct asking *a, unsigned depth) {
    unsigned n = a->typed.count;
    for (unsigned k = 0; k < depth; k++)
        n += a->before[k].count;
    return n;
}

static int ask_depth(struct asking *a, unsigned depth, struct follow_answer *ret, struct err *err) {
    struct vote v = {.lines = 0};
    collect(a, depth);
    v.places = a->count;
    for (uint32_t i = 0; i < a->count; i++)
        v.active[i] = true;
    buf_clear(&ret->text);
    walk(a, depth, &v, &ret->text);
    if (ret->text.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint32_t files = files_that_agree(a, &v);
    if (!may_be_said(a, &v, &ret->text, files)) {
        buf_clear(&ret->text);
        return 0;
    }
    ret->replaced = a->rest_bytes;
    ret->places = v.places;
    ret->agree = v.agree;
    ret->files = files;
    ret->context = depth;
    return 1;
}

int follow_ask(const struct follow *f, const struct follow_question *q, struct follow_answer *ret,
               struct err *err) {
    struct asking a = {.all = f, .q = q};
    *ret = (struct follow_answer){.text = BUF_INIT(16 * 1024)};
    if (q->at > q->bytes || q->bytes > FOLLOW_ASK_BYTES_MAX || !follow_knows(q->lang) ||
        !look_at_line(&a))
        return 0;
    int r = is_code(q);
    if (r <= 0)
        return r < 0 ? err_set(err, r, "out of memory") : 0;
    r = take_own(&a, err);
    a.list = r == 0 && look_before(&a) ? mem_alloc(CANDIDATES_MAX * sizeof *a.list) : NULL;
    if (r == 0 && a.depth && !a.list)
        r = err_set(err, ERR_NOMEM, "out of memory");
    for (unsigned depth = a.list ? a.depth : 0; r == 0 && depth; depth--)
        if (weight(&a, depth) >= WEIGHT_MIN)
            r = ask_depth(&a, depth, ret, err);
    mem_free(a.list);
    follow_free(a.own);
    if (r < 0)
        buf_done(&ret->text);
    return r < 0 ? r : 0;
}
