// The forms, what their values may be, and writing.
#include "core/privacy/payload.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/privacy/payload_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const rules[] = {"idiom", "edit", NULL};
static const char *const decided[] = {"proposed", "accepted", "rejected", "replaced", NULL};
static const char *const reached[] = {"planned", "reached", "missed", "dropped", NULL};

#define AT(member) .offset = offsetof(struct payload, member)
static const struct line_row pattern_rows[] = {
    {.name = "language", .kind = LINE_WORD, AT(language)},
    {.name = "rule", .kind = LINE_CHOICE, AT(rule), .choices = rules},
    {.name = "files", .kind = LINE_BUCKET, AT(files)},
    {.name = "times", .kind = LINE_BUCKET, AT(times)},
    {0}};
static const struct line_row tags_rows[] = {
    {.name = "epoch", .kind = LINE_NUMBER, AT(epoch), .min = 1970 * 12, .max = 9999 * 12},
    {.name = "tag", .kind = LINE_TAGS, .optional = true},
    {0}};
static const struct line_row template_rows[] = {
    {.name = "language", .kind = LINE_WORD, AT(language)},
    {.name = "title", .kind = LINE_TITLE, AT(title), .optional = true},
    {.name = "label", .kind = LINE_LABELS, .optional = true},
    {0}};
static const struct line_row resource_rows[] = {
    {.name = "title", .kind = LINE_TITLE, AT(title)},
    {.name = "link", .kind = LINE_LINK, AT(link), .optional = true},
    {.name = "label", .kind = LINE_LABELS, .optional = true},
    {0}};
static const struct line_row metric_rows[] = {
    {.name = "name", .kind = LINE_WORD, AT(name)},
    {.name = "month", .kind = LINE_MONTH, AT(period)},
    {.name = "most-of-a-day", .kind = LINE_NUMBER, AT(per_day), .min = 1, .max = 1000 * 1000},
    {.name = "epsilon", .kind = LINE_EPSILON, AT(epsilon)},
    {.name = "value",
     .kind = LINE_NUMBER,
     AT(value),
     .min = -(INT64_C(1) << 62),
     .max = INT64_C(1) << 62},
    {0}};
static const struct line_row decision_rows[] = {
    {.name = "title", .kind = LINE_TITLE, AT(title)},
    {.name = "state", .kind = LINE_CHOICE, AT(decided), .choices = decided},
    {.name = "date", .kind = LINE_DATE, AT(date), .optional = true},
    {.name = "label", .kind = LINE_LABELS, .optional = true},
    {0}};
static const struct line_row milestone_rows[] = {
    {.name = "title", .kind = LINE_TITLE, AT(title)},
    {.name = "state", .kind = LINE_CHOICE, AT(reached), .choices = reached},
    {.name = "date", .kind = LINE_DATE, AT(date), .optional = true},
    {.name = "label", .kind = LINE_LABELS, .optional = true},
    {0}};

const struct form_rows payload_forms[PAYLOAD_FORMS] = {
    [PAYLOAD_PATTERN] = {"pattern", pattern_rows, PAYLOAD_PATTERN_BYTES_MAX, false},
    [PAYLOAD_TAGS] = {"tags", tags_rows, 0, true},
    [PAYLOAD_TEMPLATE] = {"template", template_rows, PAYLOAD_TEMPLATE_BYTES_MAX, false},
    [PAYLOAD_RESOURCE] = {"resource", resource_rows, PAYLOAD_TEXT_BYTES_MAX, true},
    [PAYLOAD_METRIC] = {"metric", metric_rows, 0, true},
    [PAYLOAD_DECISION] = {"decision", decision_rows, PAYLOAD_TEXT_BYTES_MAX, false},
    [PAYLOAD_MILESTONE] = {"milestone", milestone_rows, PAYLOAD_TEXT_BYTES_MAX, true},
};

const char *payload_form_name(unsigned form) {
    return form && form < PAYLOAD_FORMS ? payload_forms[form].name : NULL;
}

// ------------------------------------------------------------------------------------ the values

bool payload_word_good(struct text t) {
    if (!t.len || t.len > PAYLOAD_WORD_BYTES_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!good && (i == 0 || i + 1 == t.len || !strchr(".-", c) || !c))
            return false;
    }
    return true;
}

bool payload_title_good(struct text t) {
    if (!t.len || t.len > PAYLOAD_TITLE_BYTES_MAX || t.data[0] == ' ' || t.data[t.len - 1] == ' ' ||
        !utf_valid(t.data, t.len))
        return false;
    for (size_t i = 0, bytes; i < t.len; i += bytes)
        if (utf_hides(utf_decode(t.data + i, t.len - i, &bytes)))
            return false;
    return true;
}

bool payload_link_good(struct text t) {
    if (t.len < 10 || t.len > PAYLOAD_LINK_BYTES_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= ' ' || t.data[i] > '~')
            return false;
    return memcmp(t.data, "https://", 8) == 0 || memcmp(t.data, "http://", 7) == 0;
}

static int two_digits(const char *s) {
    return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' ? (s[0] - '0') * 10 + s[1] - '0'
                                                                    : -1;
}

bool payload_date_good(struct text t, bool month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t.len != (month ? 7u : 10u) || t.data[4] != '-' || (!month && t.data[7] != '-'))
        return false;
    int high = two_digits(t.data), low = two_digits(t.data + 2), m = two_digits(t.data + 5);
    if (high < 0 || low < 0 || m < 1 || m > 12)
        return false;
    int year = high * 100 + low;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int day = month ? 1 : two_digits(t.data + 8);
    return year >= 1970 && day >= 1 && day <= days[m - 1] + (m == 2 && leap);
}

// Lines without blanks at their ends, no two empty ones together, none at either end; the last one
// has its line break.
bool payload_text_good(struct text t, size_t max) {
    if (t.len < 2 || t.len > max || !utf_valid(t.data, t.len) || t.data[0] == '\n' ||
        t.data[t.len - 1] != '\n' || t.data[t.len - 2] == '\n')
        return false;
    for (size_t i = 0, bytes; i < t.len; i += bytes) {
        uint32_t c = utf_decode(t.data + i, t.len - i, &bytes);
        if (c != '\n' && utf_hides(c))
            return false;
        if (c == '\n' &&
            (t.data[i - 1] == ' ' || (i >= 2 && t.data[i - 1] == '\n' && t.data[i - 2] == '\n')))
            return false;
    }
    return true;
}

int64_t payload_bucket(int64_t count) {
    int64_t b = 1;
    while (b * 2 <= count && b < PAYLOAD_BUCKET_MAX)
        b *= 2;
    return b;
}

void payload_tag(const struct payload *p, uint32_t i, uint8_t ret[PAYLOAD_TAG_BYTES]) {
    const char *line = p->tags.data + (size_t)i * (sizeof "tag: \n" - 1 + 2 * PAYLOAD_TAG_BYTES);
    const char *hex = line + sizeof "tag: " - 1;
    for (size_t k = 0; k < PAYLOAD_TAG_BYTES; k++) {
        unsigned v = 0;
        for (size_t d = 0; d < 2; d++) {
            char c = hex[2 * k + d];
            v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        ret[k] = (uint8_t)v;
    }
}

int payload_put_tags(struct buf *out, const uint8_t (*tags)[PAYLOAD_TAG_BYTES], uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        (void)buf_puts(out, "tag: ");
        for (size_t k = 0; k < PAYLOAD_TAG_BYTES; k++)
            (void)buf_printf(out, "%02x", tags[i][k]);
        (void)buf_putc(out, '\n');
    }
    return out->failed ? ERR_NOMEM : 0;
}

// --------------------------------------------------------------------------------------- writing

static void put_text(struct buf *out, const char *name, struct text t) {
    (void)buf_printf(out, "%s: ", name);
    (void)buf_append(out, t.data, t.len);
    (void)buf_putc(out, '\n');
}

static void put_row(struct buf *out, const struct line_row *row, const struct payload *p) {
    const void *at = (const char *)p + row->offset;
    struct text text = {0};
    int64_t number = 0;
    unsigned choice = 0;
    switch (row->kind) {
    case LINE_LABELS:
        for (uint32_t i = 0; i < p->label_count && i < PAYLOAD_LABELS_MAX; i++)
            put_text(out, row->name, p->labels[i]);
        return;
    case LINE_TAGS:
        (void)buf_append(out, p->tags.data, p->tags.len);
        return;
    case LINE_CHOICE:
        memcpy(&choice, at, sizeof choice);
        for (unsigned i = 0; row->choices[i]; i++)
            if (i == choice)
                (void)buf_printf(out, "%s: %s\n", row->name, row->choices[i]);
        return;
    case LINE_BUCKET:
    case LINE_NUMBER:
        memcpy(&number, at, sizeof number);
        (void)buf_printf(out, "%s: %" PRId64 "\n", row->name, number);
        return;
    case LINE_EPSILON:
        memcpy(&number, at, sizeof number);
        (void)buf_printf(out, "%s: %" PRId64 ".%06" PRId64 "\n", row->name, number / 1000000,
                         number % 1000000);
        return;
    default:
        memcpy(&text, at, sizeof text);
        if (text.len || !row->optional)
            put_text(out, row->name, text);
    }
}

static bool same_text(struct text a, struct text b) {
    return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

// A line break in a value would have made another body of it.
static bool same_texts(const struct payload *a, const struct payload *b) {
    bool same = a->label_count == b->label_count && a->tag_count == b->tag_count &&
                same_text(a->language, b->language) && same_text(a->title, b->title) &&
                same_text(a->link, b->link) && same_text(a->text, b->text) &&
                same_text(a->name, b->name) && same_text(a->period, b->period) &&
                same_text(a->date, b->date);
    for (uint32_t i = 0; same && i < a->label_count; i++)
        same = same_text(a->labels[i], b->labels[i]);
    return same;
}

int payload_format(const struct payload *p, struct buf *out, struct err *err) {
    size_t start = out->len;
    if (!payload_form_name(p->form))
        return err_set(err, ERR_INVAL, "there is no body of form %u", (unsigned)p->form);
    if (p->label_count > PAYLOAD_LABELS_MAX)
        return err_set(err, ERR_LIMIT, "over %d labels", PAYLOAD_LABELS_MAX);
    const struct form_rows *form = &payload_forms[p->form];
    (void)buf_printf(out, "paired %s 1\n", form->name);
    for (const struct line_row *row = form->rows; row->name; row++)
        put_row(out, row, p);
    if (form->text_max && p->text.len) {
        (void)buf_putc(out, '\n');
        (void)buf_append(out, p->text.data, p->text.len);
    }
    if (out->failed)
        return err_set(err, ERR_NOMEM, "out of memory, or no room for the body");
    struct payload again;
    int r = payload_parse(out->data + start, out->len - start, &again, err);
    if (r == 0 && !same_texts(p, &again))
        r = err_set(err, ERR_PARSE, "it has a value that cannot stand in this form");
    if (r < 0)
        out->len = start;
    return r == ERR_PARSE || r == ERR_VERSION ? err_context(err, ERR_INVAL, "it cannot be shared")
                                              : r;
}

// ----------------------------------------------------------------------------------- tidying up

struct tidy {
    struct buf *out;
    size_t start;
    unsigned breaks, blanks;
    bool one_line;
};

// Breaks and blanks before the first byte go, but for the indentation of a first line.
static void tidy_put(struct tidy *t, const char *bytes, size_t n) {
    bool first = t->out->len == t->start;
    for (unsigned i = 0; !first && i < t->breaks && i < 2; i++)
        (void)buf_putc(t->out, '\n');
    for (unsigned i = 0; !(first && t->one_line) && i < t->blanks; i++)
        (void)buf_putc(t->out, ' ');
    t->breaks = t->blanks = 0;
    (void)buf_append(t->out, bytes, n);
}

int payload_tidy(const char *text, size_t n, bool one_line, struct buf *out, struct err *err) {
    struct tidy t = {.out = out, .start = out->len, .one_line = one_line};
    for (size_t i = 0, bytes; i < n; i += bytes) {
        bool valid = utf_sequence_bytes(text + i, n - i) > 0;
        uint32_t c = utf_decode(text + i, n - i, &bytes);
        if (c == '\n' || (c == '\r' && (i + 1 == n || text[i + 1] != '\n'))) {
            t.breaks += !one_line;
            t.blanks = one_line;
        } else if (c == ' ' || c == '\t') {
            t.blanks += one_line ? !t.blanks : c == '\t' ? 4 - t.blanks % 4 : 1;
        } else if (valid && !utf_hides(c)) {
            tidy_put(&t, text + i, bytes);
        }
    }
    if (out->len > t.start && !one_line)
        (void)buf_putc(out, '\n');
    return out->failed ? err_set(err, ERR_LIMIT, "the text is too long to be shared") : 0;
}
