#include "core/privacy/look.h"

#include "core/base/mem.h"
#include "core/code/pattern.h"
#include "core/code/scrub.h"
#include "core/privacy/metric.h"
#include "core/privacy/template.h"

#include <string.h>

enum { MASKINGS_MAX = 8 };

static const struct {
    const char *name, *text;
} reasons[LOOK_REASONS] = {
    [LOOK_SECRET] = {"secret", "what looks like a secret"},
    [LOOK_RANDOM] = {"random", "a random-looking run of letters and digits"},
    [LOOK_MAIL] = {"mail", "a mail address or user name"},
    [LOOK_ADDRESS] = {"address", "the address or name of a machine"},
    [LOOK_LINK] = {"link", "a link that is not public"},
    [LOOK_PATH] = {"path", "the path of a file"},
    [LOOK_PERSON] = {"person", "a name of a person, machine or project of yours"},
    [LOOK_NAME] = {"name", "a name out of code"},
};

const char *look_reason_name(enum look_reason r) {
    return reasons[r].name;
}

const char *look_reason_text(enum look_reason r) {
    return reasons[r].text;
}

// ------------------------------------------------------------------------------------------
// masking

struct masking {
    const char *text;
    struct buf *out;
    size_t at;
    uint32_t *counts;
    struct err *err;
};

static int mask(void *ctx, const struct look_finding *f) {
    struct masking *m = ctx;
    if (f->reason == LOOK_SECRET)
        return err_set(m->err, ERR_PERM,
                       "line %u holds %s: take it out (and change it, when it is real)", f->line,
                       look_reason_text(f->reason));
    (void)buf_append(m->out, m->text + m->at, f->start - m->at);
    (void)buf_printf(m->out, "[%s]", look_reason_name(f->reason));
    m->at = f->end;
    m->counts[f->reason]++;
    return 0;
}

static int mask_once(const char *text, size_t n, const struct look_own *own, struct buf *out,
                     uint32_t *counts, struct err *err) {
    struct masking m = {.text = text, .out = out, .counts = counts, .err = err};
    int r = look_text(text, n, own, mask, &m, err);
    if (r < 0)
        return r;
    (void)buf_append(out, text + m.at, n - m.at);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory, or the text is too long") : 0;
}

static int refuse_any(void *ctx, const struct look_finding *f) {
    (void)ctx;
    (void)f;
    return 1;
}

// A word that goes can leave a path or an address in what is around it, so it is looked at again.
int look_mask(const char *text, size_t n, const struct look_own *own, struct buf *out,
              uint32_t counts[LOOK_REASONS], struct err *err) {
    AUTO_BUF a = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    AUTO_BUF b = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    int r = mask_once(text, n, own, &a, counts, err);
    for (int again = 0; r == 0; again++) {
        const char *now = a.data ? a.data : "";
        r = look_text(now, a.len, own, refuse_any, NULL, err);
        if (r <= 0)
            break;
        if (again == MASKINGS_MAX)
            return err_set(err, ERR_PERM, "too much of it would have to be masked");
        buf_clear(&b);
        r = mask_once(now, a.len, own, &b, counts, err);
        struct buf other = a;
        a = b;
        b = other;
    }
    if (r == 0 && a.len && buf_append(out, a.data, a.len) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory, or the text is too long");
    return r;
}

// --------------------------------------------------------------------------------------- whole
// bodies

struct look {
    struct syntax *syntax;
    struct pattern_reader *patterns;
};

struct look *look_new(void) {
    struct look *l = mem_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->syntax = syntax_new();
    l->patterns = pattern_reader_new();
    if (l->syntax && l->patterns)
        return l;
    look_free(l);
    return NULL;
}

void look_free(struct look *l) {
    if (!l)
        return;
    syntax_free(l->syntax);
    pattern_reader_free(l->patterns);
    mem_free(l);
}

struct refusing {
    const char *where;
    struct err *err;
};

static int refuse(void *ctx, const struct look_finding *f) {
    struct refusing *r = ctx;
    return err_set(r->err, ERR_PERM, "%s holds %s (line %u of it)", r->where,
                   look_reason_text(f->reason), f->line);
}

static int look_at(const char *where, struct text t, const struct look_own *own, struct err *err) {
    struct refusing r = {where, err};
    return t.len ? look_text(t.data, t.len, own, refuse, &r, err) : 0;
}

static int look_at_texts(const struct payload *p, const struct look_own *own, struct err *err) {
    int r = look_at("the title", p->title, own, err);
    if (r == 0)
        r = look_at("the text", p->text, own, err);
    for (uint32_t i = 0; r == 0 && i < p->label_count; i++)
        r = look_at("a label", p->labels[i], own, err);
    if (r == 0 && p->link.len && !look_link_good(p->link.data, p->link.len))
        r = err_set(err, ERR_PERM,
                    "the link is not one that anybody may have (a private host, an address, "
                    "credentials, or something random in it)");
    return r < 0 || !p->link.len ? r : look_at("the link", p->link, own, err);
}

static enum lang language_of_payload(const struct payload *p) {
    return language_by_name(p->language.data, p->language.len);
}

// In the one layout that equal patterns share: another one could carry a message.
static int look_at_pattern(struct look *l, const struct payload *p, struct err *err) {
    enum lang lang = language_of_payload(p);
    struct pattern *pattern = NULL;
    size_t n = p->text.len - 1; // without its line break
    if (!lang || !language_has_tree(lang))
        return err_set(err, ERR_UNSUPPORTED, "no grammar for its language in this build");
    int r = scrub_check(l->syntax, lang, p->text.data, n, err);
    if (r == 0)
        r = pattern_parse(l->patterns, lang, p->text.data, n, &pattern, err);
    if (r == 0 && (strlen(pattern->text) != n || memcmp(pattern->text, p->text.data, n) != 0))
        r = err_set(err, ERR_PERM, "the pattern is not in the layout of patterns");
    if (r == 0 && pattern->edit != (p->rule == PAYLOAD_EDIT))
        r = err_set(err, ERR_PERM, "an idiom is given out as an edit, or an edit as an idiom");
    if (r == ERR_PARSE || r == ERR_INVAL || r == ERR_LIMIT)
        r = err_set(err, ERR_PERM, "it is no pattern");
    pattern_free(pattern);
    return r;
}

int look_payload(struct look *l, const struct payload *p, const struct look_own *own,
                 struct err *err) {
    int r = 0;
    switch (p->form) {
    case PAYLOAD_PATTERN:
        return look_at_pattern(l, p, err);
    case PAYLOAD_TAGS:
        return 0; // hashes
    case PAYLOAD_METRIC:
        return metric_check(p, err);
    case PAYLOAD_TEMPLATE:
        r = template_check(language_of_payload(p), p->text.data, p->text.len, err);
        if (r == 0) {
            struct payload words = *p;
            words.text = (struct text){0}; // code, and judged as such
            r = look_at_texts(&words, own, err);
        }
        return r;
    default:
        return look_at_texts(p, own, err);
    }
}
