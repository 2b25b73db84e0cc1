#include "core/agents/reading.h"

#include "core/agents/findings.h"
#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/code/secrets.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    READING_VERSION = 1,
    WINDOW_FILES = 256, // read together
    READING_BYTES_MAX = 8 * 1024 * 1024,
    FILE_MARKS_MAX = 5001 // one more than a question takes: it says that it cuts
};

// --- marked places -----------------------------------------------------------------------------

static const char *const mark_words[] = {"TO"
                                         "DO",
                                         "FIX"
                                         "ME",
                                         "XX"
                                         "X",
                                         "HA"
                                         "CK"};

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

// A mark counts in a comment only: behind one of the signs that begin one, on its line.
static bool in_comment(const char *line, const char *at) {
    for (const char *p = line; p < at; p++)
        if (*p == '#' || *p == ';' || *p == '%' || (*p == '/' && (p[1] == '/' || p[1] == '*')) ||
            (*p == '-' && p[1] == '-') || (*p == '<' && p[1] == '!') ||
            (*p == '*' && (p == line || isspace((unsigned char)p[-1]))))
            return true;
    return false;
}

static const char *find_mark(const char *line, size_t n) {
    for (size_t w = 0; w < COUNT_OF(mark_words); w++) {
        size_t m = strlen(mark_words[w]);
        const char *at = memmem(line, n, mark_words[w], m);
        if (at && (at == line || !is_word(at[-1])) && (at + m == line + n || !is_word(at[m])) &&
            in_comment(line, at))
            return at;
    }
    return NULL;
}

static void put_mark(struct buf *b, uint32_t line, const char *at, const char *end) {
    char text[READING_MARK_BYTES_MAX];
    size_t n = 0;
    while (end > at && (isspace((unsigned char)end[-1]) || end[-1] == '/' || end[-1] == '*'))
        end--;
    for (; at < end && n + 1 < sizeof text; at++)
        text[n++] = (unsigned char)*at < 32 ? ' ' : *at;
    while (n && ((unsigned char)text[n - 1] & 0xC0U) == 0x80U && at < end)
        n--; // no half of a character
    wire_put_u32(b, line);
    wire_put_text(b, text, n);
}

// The words are looked for in all of the text; only lines that hold one are looked at.
static uint32_t put_marks(struct buf *b, const char *text, size_t bytes) {
    const char *next[COUNT_OF(mark_words)], *at = text, *end = text + bytes, *begin = text;
    uint32_t line = 1, count = 0;
    for (size_t w = 0; w < COUNT_OF(mark_words); w++)
        next[w] = memmem(text, bytes, mark_words[w], strlen(mark_words[w]));
    while (count < FILE_MARKS_MAX) {
        const char *first = NULL;
        for (size_t w = 0; w < COUNT_OF(mark_words); w++) {
            if (next[w] && next[w] < at)
                next[w] = memmem(at, (size_t)(end - at), mark_words[w], strlen(mark_words[w]));
            if (next[w] && (!first || next[w] < first))
                first = next[w];
        }
        if (!first)
            break;
        for (const char *eol; (eol = memchr(begin, '\n', (size_t)(first - begin))); line++)
            begin = eol + 1;
        const char *eol = memchr(first, '\n', (size_t)(end - first));
        at = eol = eol ? eol : end;
        const char *mark = find_mark(begin, (size_t)(eol - begin));
        if (mark) {
            put_mark(b, line, mark, eol);
            count++;
        }
    }
    return count;
}

// --- one file ----------------------------------------------------------------------------------

struct secrets {
    struct buf *out;
    const char *path;
    const struct buf *text;
    uint32_t count;
};

static int on_secret(void *ctx, const struct secret_finding *x) {
    struct secrets *s = ctx;
    struct buf *b = s->out;
    wire_put_string(b, x->rule);
    wire_put_string(b, x->what);
    wire_put_string(b, x->shown);
    wire_put_u32(b, x->line);
    wire_put_u32(b, x->column);
    wire_put_u32(
        b,
        x->confidence | (x->fixture ? 0x100U : 0) |
            (finding_ignored(s->text->data, s->text->len, x->line, &review_secret) ? 0x200U : 0));
    wire_put_u64(b, finding_print(&review_secret, s->path, s->text->data, s->text->len, x->line));
    s->count++;
    return b->failed ? ERR_NOMEM : 0;
}

static uint32_t put_known(struct buf *b, const struct snapshot_file *f, const struct buf *text) {
    uint32_t count = 0;
    const char *bytes = text->len ? text->data : "";
    for (uint32_t i = 0; f->facts && i < f->facts->finding_count; i++) {
        const struct fact_finding *x = facts_finding(f->facts, i);
        const struct rule *rule = rules_at(x->rule);
        if (!rule || rule->review_only)
            continue;
        wire_put_u32(b, i | (finding_ignored(bytes, text->len, x->line, rule) ? 1U << 31 : 0));
        wire_put_u64(b, finding_print(rule, f->path, bytes, text->len, x->line));
        count++;
    }
    return count;
}

// Where nothing is to be said, as in most files, nothing is kept but that.
static int make(const struct snapshot_file *f, const struct buf *text, struct buf *ret) {
    struct secrets secrets = {.out = ret, .path = f->path, .text = text};
    uint32_t head[5] = {0};
    if (buf_append(ret, head, sizeof head) < 0)
        return ERR_NOMEM;
    if (text->len && secrets_scan(text->data, text->len, f->path, on_secret, &secrets) < 0)
        return ERR_NOMEM;
    head[0] = secrets.count;
    head[3] = (uint32_t)ret->len;
    if (language_is_code(f->lang) && text->len)
        head[1] = put_marks(ret, text->data, text->len);
    head[4] = (uint32_t)ret->len;
    head[2] = put_known(ret, f, text);
    if (ret->failed)
        return ERR_NOMEM;
    memcpy(ret->data, head, sizeof head);
    if (!head[0] && !head[1] && !head[2])
        buf_clear(ret);
    return 0;
}

static bool open_reading(const struct buf *b, struct reading *ret) {
    uint32_t head[5];
    *ret = (struct reading){.end = b->data};
    if (!b->len)
        return true;
    if (b->len < sizeof head)
        return false;
    memcpy(head, b->data, sizeof head);
    if (head[3] > b->len || head[4] > b->len || head[3] > head[4] || head[3] < sizeof head)
        return false;
    *ret = (struct reading){.secret_count = head[0],
                            .mark_count = head[1],
                            .known_count = head[2],
                            .secrets = b->data + sizeof head,
                            .marks = b->data + head[3],
                            .known = b->data + head[4],
                            .end = b->data + b->len};
    return true;
}

static struct derived_key key_of(const struct derived *d, const struct snapshot_file *f) {
    const uint32_t facts[] = {f->lang, f->facts ? f->facts->tier : 0,
                              f->facts ? f->facts->flags : 0,
                              f->facts ? f->facts->finding_count : 0, FACTS_VERSION};
    const struct derived_part parts[] = {
        {f->hash, sizeof f->hash}, DERIVED_TEXT(f->path), DERIVED_VALUE(facts)};
    return derived_key(d, DERIVED_READING, READING_VERSION, parts, COUNT_OF(parts));
}

// --- many --------------------------------------------------------------------------------------

struct window {
    const struct snapshot *s;
    struct derived *derived;
    uint32_t files[WINDOW_FILES];
    uint32_t count;
    struct buf bytes[WINDOW_FILES];
    bool gone[WINDOW_FILES]; // changed meanwhile
    struct buf text[CREW_MAX];
};

static int read_file(void *ctx, unsigned worker, uint32_t i) {
    static const uint8_t unread[FACTS_HASH_BYTES] = {0};
    struct window *w = ctx;
    const struct snapshot_file *f = snapshot_file(w->s, w->files[i]);
    struct derived *d = memcmp(f->hash, unread, sizeof unread) == 0 ? NULL : w->derived;
    struct derived_key key = {{0}};
    if (d) {
        key = key_of(d, f);
        if (derived_get(d, &key, &w->bytes[i]))
            return 0;
        buf_clear(&w->bytes[i]);
    }
    buf_clear(&w->text[worker]);
    w->gone[i] = snapshot_text(w->s, w->files[i], &w->text[worker], NULL) < 0;
    if (w->gone[i])
        return 0;
    int r = make(f, &w->text[worker], &w->bytes[i]);
    if (r == 0 && d)
        derived_put(d, &key, w->bytes[i].data, w->bytes[i].len);
    return r;
}

static int tell_window(struct window *w, reading_fn *fn, void *ctx, struct err *err) {
    int r = crew_run(w->count, read_file, w);
    if (r < 0)
        return err_set(err, r, "out of memory");
    for (uint32_t i = 0; r == 0 && i < w->count; i++) {
        struct reading one;
        if (!w->gone[i] && open_reading(&w->bytes[i], &one))
            r = fn(ctx, w->files[i], &one, err);
    }
    for (uint32_t i = 0; i < w->count; i++)
        buf_clear(&w->bytes[i]);
    w->count = 0;
    return r;
}

int reading_each(struct agent_call *call, const struct snapshot *s, reading_want_fn *want,
                 reading_fn *fn, void *ctx, struct err *err) {
    struct window *w = mem_zalloc(sizeof *w);
    int r = w ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (w) {
        w->s = s;
        w->derived = snapshot_count(s) <= DERIVED_FILES_MAX ? workspace_derived(call->ws) : NULL;
        for (uint32_t i = 0; i < WINDOW_FILES; i++)
            w->bytes[i] = BUF_INIT(READING_BYTES_MAX);
        for (unsigned i = 0; i < CREW_MAX; i++)
            w->text[i] = BUF_INIT(INDEX_FILE_BYTES_MAX);
    }
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        if (!want(ctx, snapshot_file(s, i)))
            continue;
        w->files[w->count++] = i;
        if (w->count < WINDOW_FILES)
            continue;
        r = agent_cancelled(call) ? err_set(err, ERR_CANCELLED, "cancelled")
                                  : tell_window(w, fn, ctx, err);
    }
    if (r == 0)
        r = tell_window(w, fn, ctx, err);
    for (uint32_t i = 0; w && i < WINDOW_FILES; i++)
        buf_done(&w->bytes[i]);
    for (unsigned i = 0; w && i < CREW_MAX; i++)
        buf_done(&w->text[i]);
    mem_free(w);
    return r;
}

// --- reading it --------------------------------------------------------------------------------

static struct wire part(const struct reading *r, const char *at) {
    return wire_of(at, at ? (size_t)(r->end - at) : 0);
}

struct wire reading_secrets(const struct reading *r) {
    return part(r, r->secrets);
}

struct wire reading_marks(const struct reading *r) {
    return part(r, r->marks);
}

struct wire reading_knowns(const struct reading *r) {
    return part(r, r->known);
}

void reading_next_secret(struct wire *w, struct reading_secret *ret) {
    ret->rule = wire_text(w, NULL);
    ret->what = wire_text(w, NULL);
    ret->shown = wire_text(w, NULL);
    ret->line = wire_u32(w);
    ret->column = wire_u32(w);
    uint32_t how = wire_u32(w);
    ret->confidence = how & 0xff;
    ret->fixture = how & 0x100;
    ret->ignored = how & 0x200;
    ret->print = wire_u64(w);
}

void reading_next_mark(struct wire *w, struct reading_mark *ret) {
    ret->line = wire_u32(w);
    ret->text = wire_text(w, NULL);
}

void reading_next_known(struct wire *w, struct reading_known *ret) {
    uint32_t both = wire_u32(w);
    ret->finding = both & ~(1U << 31);
    ret->ignored = both >> 31;
    ret->print = wire_u64(w);
}
