// Reading: line by line, in the order of the rows.
#include "core/privacy/payload_impl.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

struct reader {
    const char *at, *end;
    unsigned line;
    struct err *err;
};

static int wrong(const struct reader *r, const char *what) {
    return err_set(r->err, ERR_PARSE, "line %u of the body: %s", r->line, what);
}

// The value of the next line when it is of this name; it is taken then.
static bool take_line(struct reader *r, const char *name, struct text *ret) {
    size_t prefix = strlen(name), left = (size_t)(r->end - r->at);
    if (left < prefix + 2 || memcmp(r->at, name, prefix) != 0 || r->at[prefix] != ':' ||
        r->at[prefix + 1] != ' ')
        return false;
    const char *value = r->at + prefix + 2;
    const char *stop = memchr(value, '\n', (size_t)(r->end - value));
    if (!stop)
        return false;
    *ret = (struct text){value, (size_t)(stop - value)};
    r->at = stop + 1;
    r->line++;
    return true;
}

// Decimal, no plus, no leading zero, no "-0"; `point`: exactly six digits behind a point.
static bool read_number(struct text t, bool point, int64_t *ret) {
    size_t i = 0, whole, digits = 0, decimals = 0;
    bool minus = t.len && t.data[0] == '-';
    uint64_t v = 0;
    i = whole = minus;
    for (; i < t.len && digits < 19; i++) {
        if (point && t.data[i] == '.' && i > whole && !decimals) {
            decimals = i + 1;
            continue;
        }
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(t.data[i] - '0');
        digits++;
    }
    size_t whole_digits = point && decimals ? decimals - 1 - whole : digits;
    if (i < t.len || !digits || v > INT64_MAX || (minus && (v == 0 || point)))
        return false;
    if ((point && (!decimals || t.len - decimals != 6)) ||
        (whole_digits > 1 && t.data[whole] == '0'))
        return false;
    *ret = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static int compare(struct text a, struct text b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int read_labels(struct reader *r, const char *name, struct payload *p) {
    struct text t;
    while (take_line(r, name, &t)) {
        if (p->label_count == PAYLOAD_LABELS_MAX)
            return wrong(r, "more labels than there can be");
        if (!payload_word_good(t))
            return wrong(r, "a label is a word of a-z, 0-9, points and dashes");
        if (p->label_count && compare(p->labels[p->label_count - 1], t) >= 0)
            return wrong(r, "labels are ascending");
        p->labels[p->label_count++] = t;
    }
    return 0;
}

static int read_tags(struct reader *r, const char *name, struct payload *p) {
    struct text t, before = {0};
    p->tags.data = r->at;
    while (take_line(r, name, &t)) {
        if (p->tag_count == PAYLOAD_TAGS_MAX)
            return wrong(r, "more tags than there can be");
        bool good = t.len == 2 * PAYLOAD_TAG_BYTES;
        for (size_t i = 0; good && i < t.len; i++)
            good = strchr("0123456789abcdef", t.data[i]) && t.data[i];
        if (!good)
            return wrong(r, "a tag is 32 hexadecimal digits");
        if (before.data && compare(before, t) >= 0)
            return wrong(r, "tags are ascending");
        before = t;
        p->tag_count++;
    }
    p->tags.len = (size_t)(r->at - p->tags.data);
    return 0;
}

static bool text_of_row(const struct line_row *row, struct text t) {
    switch (row->kind) {
    case LINE_WORD:
        return payload_word_good(t);
    case LINE_TITLE:
        return payload_title_good(t);
    case LINE_LINK:
        return payload_link_good(t);
    default:
        return payload_date_good(t, row->kind == LINE_MONTH);
    }
}

static bool number_of_row(const struct line_row *row, struct text t, int64_t *ret) {
    if (!read_number(t, row->kind == LINE_EPSILON, ret))
        return false;
    if (row->kind == LINE_BUCKET)
        return *ret > 0 && payload_bucket(*ret) == *ret;
    if (row->kind == LINE_EPSILON)
        return *ret > 0 && *ret <= INT64_C(100) * 1000 * 1000;
    return *ret >= row->min && *ret <= row->max;
}

static int read_row(struct reader *r, const struct line_row *row, struct payload *p) {
    void *at = (char *)p + row->offset;
    struct text t;
    int64_t number;
    if (row->kind == LINE_LABELS)
        return read_labels(r, row->name, p);
    if (row->kind == LINE_TAGS)
        return read_tags(r, row->name, p);
    if (!take_line(r, row->name, &t))
        return row->optional ? 0 : wrong(r, "another line is due here");
    switch (row->kind) {
    case LINE_CHOICE:
        for (unsigned i = 0; row->choices[i]; i++)
            if (text_is(t, row->choices[i])) {
                memcpy(at, &i, sizeof i);
                return 0;
            }
        return wrong(r, "none of the words that can stand here");
    case LINE_BUCKET:
    case LINE_NUMBER:
    case LINE_EPSILON:
        if (!number_of_row(row, t, &number))
            return wrong(r, "a number that cannot stand here");
        memcpy(at, &number, sizeof number);
        return 0;
    default:
        if (!text_of_row(row, t))
            return wrong(r, "a value that cannot stand here");
        memcpy(at, &t, sizeof t);
        return 0;
    }
}

static int read_text(struct reader *r, const struct form_rows *form, struct payload *p) {
    if (r->at == r->end)
        return form->text_optional ? 0 : wrong(r, "the text is missing");
    if (!form->text_max || *r->at != '\n')
        return wrong(r, "nothing may stand here");
    r->line++;
    p->text = (struct text){r->at + 1, (size_t)(r->end - r->at) - 1};
    return payload_text_good(p->text, form->text_max)
               ? 0
               : wrong(r, "the text is too long, or not in the layout of texts");
}

static int read_form(struct reader *r, enum payload_form *ret) {
    for (unsigned form = 1; form < PAYLOAD_FORMS; form++) {
        char first[32];
        int n = snprintf(first, sizeof first, "paired %s ", payload_forms[form].name);
        if (r->end - r->at < n + 2 || memcmp(r->at, first, (size_t)n) != 0)
            continue;
        if (memcmp(r->at + n, "1\n", 2) != 0)
            return err_set(r->err, ERR_VERSION, "a body of a newer format");
        r->at += n + 2;
        r->line++;
        *ret = (enum payload_form)form;
        return 0;
    }
    return wrong(r, "not the beginning of a body");
}

int payload_parse(const char *bytes, size_t n, struct payload *ret, struct err *err) {
    struct reader r = {.at = bytes, .end = bytes + n, .line = 1, .err = err};
    *ret = (struct payload){0};
    if (n > PAYLOAD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a body of over %d bytes", PAYLOAD_BYTES_MAX);
    int e = n ? read_form(&r, &ret->form) : wrong(&r, "it is empty");
    if (e < 0)
        return e;
    const struct form_rows *form = &payload_forms[ret->form];
    for (const struct line_row *row = form->rows; e == 0 && row->name; row++)
        e = read_row(&r, row, ret);
    if (e == 0)
        e = read_text(&r, form, ret);
    if (e == 0 && ret->form == PAYLOAD_RESOURCE && !ret->link.len && !ret->text.len)
        e = wrong(&r, "a resource has a link or a text");
    return e;
}
