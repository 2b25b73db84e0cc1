// What one text of a change has to say by itself: findings and secrets with their names, functions
// with how hard they are to follow. It follows from the text, so it is worked out once for each
// content (derived.h): the old side of one range is the new side of another.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/base/wire.h"
#include "core/code/checks.h"
#include "core/code/secrets.h"
#include "core/workspace/derived.h"

#include <stdio.h>
#include <string.h>

enum {
    SIDE_VERSION = 4, // also of what the checks mean: their findings are kept
    PARSE_MS = 2000,
    SIDE_BYTES_MAX = 16 * 1024 * 1024, // of one text of two megabytes: never seen
    IS_FINDING = 'F',
    IS_FUNCTION = 'M'
};

struct making {
    struct reviewer *rv;
    const struct side_want *want;
    struct buf *out;
    struct err *err;
    bool timed_out; // it may come out otherwise on another day
};

static int put_finding(struct making *m, const struct finding *f) {
    const struct side_want *w = m->want;
    struct buf *b = m->out;
    size_t before = b->len;
    (void)buf_putc(b, IS_FINDING);
    wire_put_u64(b, finding_print(f->rule, w->path, w->text, w->bytes, f->line));
    wire_put_string(b, f->rule->id);
    wire_put_u32(b, f->start);
    wire_put_u32(b, f->end);
    wire_put_u32(b, f->line);
    wire_put_u32(b, f->end_line);
    wire_put_u32(b, f->confidence | (f->has_fix ? 0x100U : 0));
    wire_put_string(b, f->message);
    if (f->has_fix) {
        wire_put_u32(b, f->fix_start);
        wire_put_u32(b, f->fix_end);
        wire_put_string(b, f->fix_text);
    }
    if (!b->failed)
        return 0;
    if (b->len < SIDE_BYTES_MAX / 2)
        return err_set(m->err, ERR_NOMEM, "out of memory");
    b->len = before; // so many that nobody reads them
    b->failed = false;
    return 0;
}

static int on_finding(void *ctx, const struct finding *f) {
    return put_finding(ctx, f);
}

static int on_secret(void *ctx, const struct secret_finding *s) {
    struct finding f = {.rule = &review_secret,
                        .start = (uint32_t)s->start,
                        .end = (uint32_t)s->end,
                        .line = s->line,
                        .end_line = s->line,
                        .confidence = s->confidence};
    (void)snprintf(f.message, sizeof f.message, "%s: %s", s->what, s->shown);
    return put_finding(ctx, &f);
}

// Functions with their names; nested ones by their own.
static int put_functions(struct making *m) {
    AUTO_FREE struct news_function *all = NULL;
    uint32_t n = 0;
    int r = news_measure(m->rv->syntax, &all, &n, m->err);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        (void)buf_putc(m->out, IS_FUNCTION);
        wire_put_u32(m->out, all[i].line);
        wire_put_u32(m->out, all[i].end_line);
        wire_put_u32(m->out, all[i].cognitive);
        wire_put_string(m->out, all[i].name);
    }
    return r == 0 && m->out->failed ? err_set(m->err, ERR_NOMEM, "out of memory") : r;
}

static int parse(struct making *m) {
    const struct side_want *w = m->want;
    const struct syntax_limits limits = {.ms = PARSE_MS};
    if (w->kept)
        return syntax_parse_kept(m->rv->syntax, w->lang, w->text, w->bytes, &limits, w->kept, NULL);
    return syntax_parse(m->rv->syntax, w->lang, w->text, w->bytes, &limits, NULL);
}

static int make(struct making *m, uint32_t *ret_unparsed) {
    const struct side_want *w = m->want;
    if (!m->rv->syntax && !(m->rv->syntax = syntax_new()))
        return err_set(m->err, ERR_NOMEM, "out of memory");
    int r = secrets_scan(w->text, w->bytes, w->path, on_secret, m);
    if (r < 0 || !language_has_tree(w->lang))
        return r;
    int parsed = parse(m);
    m->timed_out = parsed == ERR_TIMEOUT || parsed == ERR_NOMEM || parsed == ERR_CANCELLED;
    if (parsed < 0) {
        *ret_unparsed = 1;
        return 0;
    }
    r = checks_run(m->rv->syntax, w->path, on_finding, m, m->err);
    return r == 0 && w->functions ? put_functions(m) : r;
}

// By git's name of the content where there is one: then it need not be read to be known.
static struct derived_key key_of(const struct reviewer *rv, const struct side_want *w) {
    const char *id = w->id ? w->id : "";
    const struct derived_part parts[] = {DERIVED_TEXT(id),
                                         {w->id ? "" : w->text, w->id ? 0 : w->bytes},
                                         DERIVED_TEXT(w->path),
                                         DERIVED_VALUE(w->lang),
                                         DERIVED_VALUE(w->functions)};
    return derived_key(rv->derived, DERIVED_SIDE, SIDE_VERSION, parts, COUNT_OF(parts));
}

int side_read(struct reviewer *rv, const struct side_want *w, struct buf *ret, struct err *err) {
    struct making m = {.rv = rv, .want = w, .out = ret, .err = err};
    struct derived_key key = {{0}};
    uint32_t unparsed = 0;
    buf_done(ret);
    *ret = BUF_INIT(SIDE_BYTES_MAX);
    if (rv->derived && (w->id || w->text)) {
        key = key_of(rv, w);
        if (derived_get(rv->derived, &key, ret))
            return 0;
        buf_clear(ret);
    }
    if (!w->text)
        return 1;
    wire_put_u32(ret, 0);
    if (ret->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = make(&m, &unparsed);
    if (r < 0)
        return r;
    memcpy(ret->data, &unparsed, sizeof unparsed);
    if (rv->derived && !m.timed_out)
        derived_put(rv->derived, &key, ret->data, ret->len);
    return 0;
}

bool side_unparsed(const struct buf *side) {
    struct wire w = wire_of(side->data, side->len);
    return wire_u32(&w) != 0;
}

void side_begin(const struct buf *side, struct side_cursor *ret) {
    *ret = (struct side_cursor){.wire = wire_of(side->data, side->len)};
    (void)wire_u32(&ret->wire);
}

static void take_text(struct wire *w, char *ret, size_t max) {
    size_t n;
    const char *s = wire_text(w, &n);
    n = n < max ? n : max - 1;
    memcpy(ret, s, n);
    ret[n] = '\0';
}

static void take_finding(struct side_cursor *c) {
    struct wire *w = &c->wire;
    struct finding *f = &c->finding;
    size_t n;
    *f = (struct finding){.rule = c->last};
    c->print = wire_u64(w);
    const char *id = wire_text(w, &n);
    if (!f->rule || strcmp(f->rule->id, id) != 0)
        f->rule = c->last = review_rule_find(id, n);
    f->start = wire_u32(w);
    f->end = wire_u32(w);
    f->line = wire_u32(w);
    f->end_line = wire_u32(w);
    uint32_t how = wire_u32(w);
    f->confidence = how & 0xff;
    f->has_fix = how & 0x100;
    take_text(w, f->message, sizeof f->message);
    if (!f->has_fix)
        return;
    f->fix_start = wire_u32(w);
    f->fix_end = wire_u32(w);
    take_text(w, f->fix_text, sizeof f->fix_text);
}

bool side_next(struct side_cursor *c) {
    char kind;
    while (!c->wire.failed && c->wire.at < c->wire.end) {
        wire_take(&c->wire, &kind, 1);
        c->is_finding = kind == IS_FINDING;
        if (c->is_finding) {
            take_finding(c);
        } else {
            c->function.line = wire_u32(&c->wire);
            c->function.end_line = wire_u32(&c->wire);
            c->function.cognitive = wire_u32(&c->wire);
            c->function.name = wire_text(&c->wire, NULL);
        }
        if (c->wire.failed)
            return false;
        if (!c->is_finding || c->finding.rule)
            return true;
    }
    return false;
}
