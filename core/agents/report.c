#include "core/agents/report.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/base/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct item {
    json_t *object;
    uint32_t text, text_bytes; // in report->text
    uint32_t group;            // 1 + index of its heading; 0 = none
};

struct report {
    struct buf title, nothing, text;
    struct item *items;
    uint32_t count, capacity, dropped;
    struct item *groups; // their texts
    uint32_t group_count, group_capacity;
    json_t *notes; // array of strings
    json_t *extra; // object
    bool failed, passing;
};

struct report *report_new(void) {
    struct report *r = mem_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->title = r->nothing = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    r->text = BUF_INIT(REPORT_TEXT_BYTES_MAX);
    r->notes = json_array();
    r->extra = json_object();
    r->failed = !r->notes || !r->extra;
    return r;
}

void report_free(struct report *r) {
    if (!r)
        return;
    for (uint32_t i = 0; i < r->count; i++)
        json_decref(r->items[i].object);
    mem_free(r->items);
    mem_free(r->groups);
    buf_done(&r->title);
    buf_done(&r->nothing);
    buf_done(&r->text);
    json_decref(r->notes);
    json_decref(r->extra);
    mem_free(r);
}

void report_failed(struct report *r) {
    r->failed = true;
}

uint32_t report_count(const struct report *r) {
    return r->count + r->dropped;
}

__attribute__((format(printf, 2, 0))) static int append_format(struct buf *out, const char *format,
                                                               va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    int r = n < 0 ? ERR_INVAL : buf_reserve(out, (size_t)n + 1);
    if (r == 0) {
        (void)vsnprintf(out->data + out->len, (size_t)n + 1, format, again);
        out->len += (size_t)n;
    }
    va_end(again);
    return r;
}

__attribute__((format(printf, 3, 0))) static void set_format(struct report *r, struct buf *out,
                                                             const char *format, va_list args) {
    buf_clear(out);
    r->failed |= append_format(out, format, args) < 0;
}

void report_title(struct report *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_format(r, &r->title, format, args);
    va_end(args);
}

void report_nothing(struct report *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_format(r, &r->nothing, format, args);
    va_end(args);
}

// Room for one more; false when there is none.
static bool grow(struct item **items, uint32_t count, uint32_t *capacity) {
    if (count < *capacity)
        return true;
    uint32_t more = *capacity ? *capacity * 2 : 32;
    struct item *grown = mem_realloc(*items, more * sizeof *grown);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static void keep_item(struct report *r, json_t *object, size_t begin) {
    bool fits = r->count < REPORT_ITEMS_MAX && !r->text.failed;
    if (!object || (fits && !grow(&r->items, r->count, &r->capacity))) {
        r->failed = true;
        json_decref(object);
        return;
    }
    if (!fits) { // too many to keep: they are counted
        if (r->text.failed)
            r->text.failed = false;
        r->dropped++;
        json_decref(object);
        return;
    }
    r->items[r->count++] = (struct item){.object = object,
                                         .text = (uint32_t)begin,
                                         .text_bytes = (uint32_t)(r->text.len - begin),
                                         .group = r->group_count};
}

void report_item(struct report *r, json_t *object, const char *format, ...) {
    size_t begin = r->text.len;
    va_list args;
    va_start(args, format);
    if (r->count < REPORT_ITEMS_MAX && append_format(&r->text, format, args) == ERR_NOMEM)
        r->failed = true;
    va_end(args);
    keep_item(r, object, begin);
}

void report_item_text(struct report *r, json_t *object, const char *text, size_t n) {
    size_t begin = r->text.len;
    if (r->count < REPORT_ITEMS_MAX && buf_append(&r->text, text, n) == ERR_NOMEM)
        r->failed = true;
    keep_item(r, object, begin);
}

void report_group(struct report *r, const char *format, ...) {
    size_t begin = r->text.len;
    va_list args;
    va_start(args, format);
    int code = append_format(&r->text, format, args);
    va_end(args);
    if (code < 0 || !grow(&r->groups, r->group_count, &r->group_capacity)) {
        r->failed |= code != ERR_LIMIT;
        return;
    }
    r->groups[r->group_count++] =
        (struct item){.text = (uint32_t)begin, .text_bytes = (uint32_t)(r->text.len - begin)};
}

void report_note(struct report *r, const char *format, ...) {
    AUTO_BUF text = BUF_INIT(4096);
    va_list args;
    va_start(args, format);
    int code = append_format(&text, format, args);
    va_end(args);
    size_t i;
    const json_t *note;
    if (code < 0) {
        r->failed |= code == ERR_NOMEM;
        return;
    }
    json_array_foreach(r->notes, i,
                       note) if (strcmp(json_string_value(note), text.data) == 0) return;
    if (json_array_size(r->notes) < REPORT_NOTES_MAX)
        r->failed |= json_array_append_new(r->notes, json_string(text.data)) < 0;
}

void report_set(struct report *r, const char *name, json_t *value) {
    r->failed |= json_object_set_new(r->extra, name, value) < 0;
}

// --- kept --------------------------------------------------------------------------------------

void report_passing(struct report *r) {
    r->passing = true;
}

static void write_buf(struct buf *ret, const struct buf *b) {
    wire_put_text(ret, b->len ? b->data : "", b->len);
}

static void write_json(struct buf *ret, const json_t *value) {
    AUTO_BUF text = BUF_INIT(0);
    if (buf_put_json(&text, value, JSON_COMPACT) < 0)
        ret->failed = true;
    write_buf(ret, &text);
}

static void write_places(struct buf *ret, const struct item *list, uint32_t count) {
    wire_put_u32(ret, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_put_u32(ret, list[i].text);
        wire_put_u32(ret, list[i].text_bytes);
        wire_put_u32(ret, list[i].group);
    }
}

bool report_write(const struct report *r, struct buf *ret) {
    if (r->failed || r->passing)
        return false;
    write_buf(ret, &r->title);
    write_buf(ret, &r->nothing);
    write_buf(ret, &r->text);
    wire_put_u32(ret, r->dropped);
    write_places(ret, r->groups, r->group_count);
    write_places(ret, r->items, r->count);
    for (uint32_t i = 0; i < r->count; i++)
        write_json(ret, r->items[i].object);
    write_json(ret, r->notes);
    write_json(ret, r->extra);
    return !ret->failed;
}

static bool read_buf(struct wire *w, struct buf *ret) {
    size_t n;
    const char *text = wire_text(w, &n);
    buf_clear(ret);
    return !w->failed && (n == 0 || buf_append(ret, text, n) == 0);
}

static json_t *read_json(struct wire *w) {
    size_t n;
    const char *text = wire_text(w, &n);
    json_t *value = json_loadb(text, n, JSON_ALLOW_NUL, NULL);
    AUTO_BUF again = BUF_INIT(0);
    // jansson 2.14 leaves bytes out of a string when its lexer runs out of memory, and says
    // nothing.
    if (value && (buf_put_json(&again, value, JSON_COMPACT) < 0 || again.len != n ||
                  memcmp(again.data, text, n) != 0)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

// Their objects come later.
static bool read_places(struct wire *w, const struct report *r, struct item **ret,
                        uint32_t *ret_count) {
    uint32_t count = wire_u32(w);
    if (count > (size_t)(w->end - w->at) / (3 * sizeof(uint32_t)) ||
        !(*ret = mem_zalloc((count + 1) * sizeof **ret)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct item *x = &(*ret)[i];
        x->text = wire_u32(w);
        x->text_bytes = wire_u32(w);
        x->group = wire_u32(w);
        if (x->text > r->text.len || x->text_bytes > r->text.len - x->text ||
            x->group > r->group_count)
            return false;
    }
    *ret_count = count;
    return !w->failed;
}

static bool read_all(struct report *r, struct wire *w) {
    uint32_t count = 0;
    bool good = read_buf(w, &r->title) && read_buf(w, &r->nothing) && read_buf(w, &r->text);
    r->dropped = wire_u32(w);
    good = good && read_places(w, r, &r->groups, &r->group_count) &&
           read_places(w, r, &r->items, &count);
    r->group_capacity = r->group_count;
    r->capacity = count;
    for (; good && r->count < count; r->count++)
        if (!(r->items[r->count].object = read_json(w)))
            return false;
    json_decref(r->notes);
    json_decref(r->extra);
    r->notes = good ? read_json(w) : NULL;
    r->extra = good ? read_json(w) : NULL;
    return json_is_array(r->notes) && json_is_object(r->extra) && wire_done(w);
}

bool report_read(struct report *r, const void *bytes, size_t n) {
    struct report *fresh = report_new();
    struct wire w = wire_of(bytes, n);
    bool good = fresh && !fresh->failed && read_all(fresh, &w);
    if (good) {
        struct report was = *r;
        *r = *fresh;
        *fresh = was;
    }
    report_free(fresh);
    return good;
}

void report_answer_done(struct report_answer *a) {
    json_decref(a->structured);
    buf_done(&a->text);
    *a = (struct report_answer){0};
}

// --- paging ------------------------------------------------------------------------------------

enum { TOKENS_OF_THE_END = 40 }; // "… 12 more", notes' lead-in

static void write_cursor(char ret[32], uint32_t first, uint32_t question) {
    (void)snprintf(ret, 32, "p%u-%08x", first, question);
}

static int read_cursor(const struct report *r, const struct report_page *page, uint32_t *ret_first,
                       struct err *err) {
    unsigned first = 0, question = 0;
    char text[32] = "", same[32];
    *ret_first = 0;
    if (!page->cursor || page->cursor_bytes == 0)
        return 0;
    if (page->cursor_bytes < sizeof text)
        memcpy(text, page->cursor, page->cursor_bytes);
    int fields = sscanf(text, "p%u-%8x", &first, &question);
    write_cursor(same, first, question); // only what we would write ourselves
    if (fields != 2 || strcmp(text, same) != 0)
        return err_set(err, ERR_INVAL, "cursor: not one of paired's; leave it out to begin anew");
    if (question != page->question)
        return err_set(err, ERR_INVAL,
                       "cursor: it belongs to other arguments; repeat those, or leave it out");
    *ret_first = first < r->count ? first : r->count;
    return 0;
}

static const char *text_of(const struct report *r, const struct item *item, size_t *ret_n) {
    *ret_n = item->text_bytes;
    return item->text_bytes ? r->text.data + item->text : "";
}

static uint32_t tokens_of(const struct report *r, const struct item *item) {
    size_t n;
    const char *text = text_of(r, item, &n);
    return (uint32_t)tokens_count(text, n) + 1;
}

// Items from `first` that fit; at least one, so that every page gets on.
static uint32_t fit(const struct report *r, uint32_t first, uint32_t budget, uint32_t used) {
    uint32_t end = first, group = 0;
    for (; end < r->count; end++) {
        uint32_t cost = tokens_of(r, &r->items[end]);
        if (r->items[end].group != group && r->items[end].group)
            cost += tokens_of(r, &r->groups[r->items[end].group - 1]);
        group = r->items[end].group;
        if (budget && used + cost > budget && end > first)
            break;
        used += cost;
    }
    return end;
}

static uint32_t tokens_around(const struct report *r) {
    uint32_t tokens = (uint32_t)tokens_count(r->title.data ? r->title.data : "", r->title.len);
    size_t i;
    const json_t *note;
    json_array_foreach(r->notes, i, note) tokens +=
        (uint32_t)tokens_count(json_string_value(note), json_string_length(note)) + 3;
    return tokens + TOKENS_OF_THE_END;
}

static void put_text(const struct report *r, uint32_t first, uint32_t end, const char *next,
                     struct buf *out) {
    uint32_t group = 0;
    size_t n, i;
    const json_t *note;
    if (r->title.len)
        (void)buf_printf(out, "%s\n", r->title.data);
    if (r->count == 0 && r->nothing.len)
        (void)buf_printf(out, "%s\n", r->nothing.data);
    for (uint32_t k = first; k < end; k++) {
        const struct item *item = &r->items[k];
        if (item->group && item->group != group) {
            const char *heading = text_of(r, &r->groups[item->group - 1], &n);
            (void)buf_append(out, heading, n);
            (void)buf_putc(out, '\n');
        }
        group = item->group;
        const char *text = text_of(r, item, &n);
        (void)buf_append(out, text, n);
        (void)buf_putc(out, '\n');
    }
    if (next)
        (void)buf_printf(out, "… %u more: cursor \"%s\"\n", r->count + r->dropped - end, next);
    json_array_foreach(r->notes, i, note)(void)
        buf_printf(out, "%s%s\n", i ? "- " : "Not covered:\n- ", json_string_value(note));
}

static json_t *put_structured(const struct report *r, uint32_t first, uint32_t end,
                              const char *next) {
    json_t *items = json_array();
    for (uint32_t k = first; items && k < end; k++)
        if (json_array_append(items, r->items[k].object) < 0) {
            json_decref(items);
            items = NULL;
        }
    json_t *whole =
        json_pack("{s:s%, s:o, s:I, s:s*, s:O}", "title", r->title.data ? r->title.data : "",
                  r->title.len, "items", items, "total", (json_int_t)(r->count + r->dropped),
                  "next", next, "notes", r->notes);
    if (whole && json_object_update(whole, r->extra) < 0) {
        json_decref(whole);
        whole = NULL;
    }
    return whole;
}

int report_finish(struct report *r, const struct report_page *page, struct report_answer *ret,
                  struct err *err) {
    uint32_t first;
    char next[32];
    int code = read_cursor(r, page, &first, err);
    if (code < 0)
        return code;
    if (r->dropped)
        report_note(r, "%u results beyond the first %u are counted, not shown", r->dropped,
                    r->count);
    uint32_t end = fit(r, first, page->budget, tokens_around(r));
    bool more = end < r->count;
    if (more)
        write_cursor(next, end, page->question);
    *ret = (struct report_answer){.text = BUF_INIT(REPORT_TEXT_BYTES_MAX)};
    put_text(r, first, end, more ? next : NULL, &ret->text);
    ret->structured = put_structured(r, first, end, more ? next : NULL);
    if (r->failed || ret->text.failed || !ret->structured) {
        report_answer_done(ret);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    ret->tokens = (uint32_t)tokens_count(ret->text.data ? ret->text.data : "", ret->text.len);
    return 0;
}
