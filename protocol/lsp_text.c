#include "protocol/lsp_text.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "protocol/chars.h"

#include <stdbool.h>
#include <string.h>

enum { SPARE_BYTES = 256, SPARE_LINES = 64 };

// Both arrays have a gap where the last edit was. Line beginnings before the gap count from the
// start of the text, those after it from its end: typing moves neither.
struct lsp_text {
    char *data;
    size_t gap_start, gap_end, capacity;
    uint32_t *lines; // line 0 begins at 0 and stands at the front always
    uint32_t lines_gap_start, lines_gap_end, lines_capacity;
    struct {
        bool set;
        enum lsp_encoding encoding;
        uint32_t line, character;
        size_t offset;
    } hint; // where the last edit began: the next one is near, and lines may be megabytes long
};

size_t lsp_text_bytes(const struct lsp_text *t) {
    return t->capacity - (t->gap_end - t->gap_start);
}

uint32_t lsp_text_lines(const struct lsp_text *t) {
    return t->lines_capacity - (t->lines_gap_end - t->lines_gap_start);
}

static inline unsigned char byte_at(const struct lsp_text *t, size_t offset) {
    return (unsigned char)
        t->data[offset < t->gap_start ? offset : offset + (t->gap_end - t->gap_start)];
}

size_t lsp_text_line_start(const struct lsp_text *t, uint32_t line) {
    if (line < t->lines_gap_start)
        return t->lines[line];
    if (line >= lsp_text_lines(t))
        return lsp_text_bytes(t);
    return lsp_text_bytes(t) - t->lines[line + (t->lines_gap_end - t->lines_gap_start)];
}

// First line that begins at or after the offset.
static uint32_t first_line_from(const struct lsp_text *t, size_t offset) {
    uint32_t low = 0, high = lsp_text_lines(t);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lsp_text_line_start(t, middle) < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t lsp_text_line_at(const struct lsp_text *t, size_t offset) {
    uint32_t line = first_line_from(t, offset);
    return line < lsp_text_lines(t) && lsp_text_line_start(t, line) == offset ? line : line - 1;
}

static size_t line_end(const struct lsp_text *t, uint32_t line) { // without its line break
    size_t start = lsp_text_line_start(t, line), end = lsp_text_line_start(t, line + 1);
    if (line + 1 >= lsp_text_lines(t))
        return end;
    end--;
    return end > start && byte_at(t, end) == '\n' && byte_at(t, end - 1) == '\r' ? end - 1 : end;
}

// --- characters ----------------------------------------------------------------------------------

// The character at `offset`, not reaching past `end`: its bytes, and what it counts for.
static size_t next_character(const struct lsp_text *t, enum lsp_encoding e, size_t offset,
                             size_t end, uint32_t *units) {
    char copy[4];
    size_t n = 0, bytes = 1;
    for (; n < sizeof copy && offset + n < end; n++)
        copy[n] = (char)byte_at(t, offset + n);
    uint32_t code = utf_decode(copy, n, &bytes);
    *units = e == LSP_UTF8 ? (uint32_t)bytes : e == LSP_UTF16 && code > 0xFFFF ? 2 : 1;
    return bytes;
}

// How many of the n bytes at p are ASCII.
static size_t ascii_run(const char *p, size_t n) {
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & 0x8080808080808080U)
            break;
    }
    while (i < n && (signed char)p[i] >= 0)
        i++;
    return i;
}

// Goes from `*offset` on until `end` or until `wanted` units are counted; never into a character.
static uint32_t walk(const struct lsp_text *t, enum lsp_encoding e, size_t *offset, size_t end,
                     uint32_t wanted) {
    uint32_t counted = 0;
    size_t at = *offset;
    while (at < end && counted < wanted) {
        size_t stop = at < t->gap_start && t->gap_start < end ? t->gap_start : end;
        const char *p = t->data + (at < t->gap_start ? at : at + (t->gap_end - t->gap_start));
        size_t most = stop - at < wanted - counted ? stop - at : wanted - counted;
        size_t plain = ascii_run(p, most);
        at += plain;
        counted += (uint32_t)plain;
        if (plain == most)
            continue;
        uint32_t units = 1;
        size_t bytes = next_character(t, e, at, end, &units);
        if (units > wanted - counted)
            break;
        at += bytes;
        counted += units;
    }
    *offset = at;
    return counted;
}

size_t lsp_text_offset(const struct lsp_text *t, enum lsp_encoding e, struct lsp_position p) {
    if (p.line >= lsp_text_lines(t))
        return lsp_text_bytes(t);
    size_t offset = lsp_text_line_start(t, p.line);
    (void)walk(t, e, &offset, line_end(t, p.line), p.character);
    return offset;
}

struct lsp_position lsp_text_position(const struct lsp_text *t, enum lsp_encoding e,
                                      size_t offset) {
    size_t bytes = lsp_text_bytes(t);
    if (offset > bytes)
        offset = bytes;
    uint32_t line = lsp_text_line_at(t, offset);
    size_t at = lsp_text_line_start(t, line), end = line_end(t, line), whole = end;
    if (end > offset)
        end = offset;
    // `end` may stand within a character: it must be seen whole to be told from broken bytes.
    uint32_t character = 0;
    size_t ahead = end > at + 4 ? end - 4 : at;
    while (ahead > at && (byte_at(t, ahead) & 0xC0) == 0x80)
        ahead--;
    character = walk(t, e, &at, ahead, UINT32_MAX);
    while (at < end) {
        uint32_t units;
        size_t n = next_character(t, e, at, whole, &units);
        if (at + n > end)
            break;
        at += n;
        character += units;
    }
    return (struct lsp_position){line, character};
}

// --- editing -------------------------------------------------------------------------------------

static void move_gap(struct lsp_text *t, size_t to) {
    size_t n = t->gap_end - t->gap_start;
    if (n && to < t->gap_start)
        memmove(t->data + to + n, t->data + to, t->gap_start - to);
    else if (n && to > t->gap_start)
        memmove(t->data + t->gap_start, t->data + t->gap_end, to - t->gap_start);
    t->gap_start = to;
    t->gap_end = to + n;
}

static void move_lines_gap(struct lsp_text *t, uint32_t to) {
    uint32_t bytes = (uint32_t)lsp_text_bytes(t);
    while (to < t->lines_gap_start)
        t->lines[--t->lines_gap_end] = bytes - t->lines[--t->lines_gap_start];
    while (to > t->lines_gap_start)
        t->lines[t->lines_gap_start++] = bytes - t->lines[t->lines_gap_end++];
}

static int reserve_bytes(struct lsp_text *t, size_t n) {
    size_t gap = t->gap_end - t->gap_start;
    if (n <= gap)
        return 0;
    size_t bytes = lsp_text_bytes(t), more = bytes / 8 + SPARE_BYTES;
    size_t tail = t->capacity - t->gap_end, capacity = bytes + n + more;
    char *data = mem_realloc(t->data, capacity);
    if (!data)
        return ERR_NOMEM;
    memmove(data + capacity - tail, data + t->gap_end, tail);
    t->data = data;
    t->gap_end = capacity - tail;
    t->capacity = capacity;
    return 0;
}

static int reserve_lines(struct lsp_text *t, uint32_t n) {
    if (n <= t->lines_gap_end - t->lines_gap_start)
        return 0;
    uint32_t count = lsp_text_lines(t), tail = t->lines_capacity - t->lines_gap_end;
    uint32_t capacity = count + n + count / 8 + SPARE_LINES;
    uint32_t *lines = mem_realloc(t->lines, capacity * sizeof *lines);
    if (!lines)
        return ERR_NOMEM;
    memmove(lines + capacity - tail, lines + t->lines_gap_end, tail * sizeof *lines);
    t->lines = lines;
    t->lines_gap_end = capacity - tail;
    t->lines_capacity = capacity;
    return 0;
}

// Lines that begin in (or right behind) n bytes of new text between two old bytes; -1: none there.
// Their offsets, counted from the beginning of the new text, go to ret where it is not NULL.
static uint32_t find_lines(int before, const char *text, size_t n, int after, uint32_t base,
                           uint32_t *ret) {
    uint32_t count = 0;
    const char *p = text, *end = n ? text + n : text;
    int now = n ? (unsigned char)*text : after;
    if (before == '\n' || (before == '\r' && now != '\n')) {
        if (ret)
            ret[count] = base;
        count++;
    }
    while (p < end) {
        p = chars_find_break(p, end);
        if (p++ == end)
            break;
        now = p < end ? (unsigned char)*p : after;
        if (p[-1] == '\r' && now == '\n')
            continue;
        if (ret)
            ret[count] = base + (uint32_t)(p - text);
        count++;
    }
    return count;
}

int lsp_text_replace(struct lsp_text *t, size_t from, size_t to, const char *text, size_t n,
                     struct err *err) {
    size_t bytes = lsp_text_bytes(t);
    if (bytes - (to - from) + n > LSP_TEXT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a document may have at most %d MB",
                       LSP_TEXT_BYTES_MAX / (1024 * 1024));
    int before = from ? byte_at(t, from - 1) : -1, after = to < bytes ? byte_at(t, to) : -1;
    uint32_t count = find_lines(before, text, n, after, 0, NULL);
    if (reserve_bytes(t, n) < 0 || reserve_lines(t, count) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->hint.set = false;

    // A line begins where the byte before says so, and after \r also the byte itself: those that
    // begin at `from` or at `to` are looked at anew.
    uint32_t first = first_line_from(t, from ? from : 1), behind = first_line_from(t, to + 1);
    move_lines_gap(t, first);
    t->lines_gap_end += behind > first ? behind - first : 0;

    move_gap(t, from);
    t->gap_end += to - from;
    if (n)
        memcpy(t->data + from, text, n);
    t->gap_start += n;

    (void)find_lines(before, text, n, after, (uint32_t)from, t->lines + t->lines_gap_start);
    t->lines_gap_start += count;
    return 0;
}

// The offset of a position, found from the last edit where that is on the same line before it.
static size_t offset_near(struct lsp_text *t, enum lsp_encoding e, struct lsp_position p) {
    if (p.line >= lsp_text_lines(t))
        return lsp_text_bytes(t);
    size_t at = lsp_text_line_start(t, p.line);
    uint32_t counted = 0;
    if (t->hint.set && t->hint.encoding == e && t->hint.line == p.line &&
        t->hint.character <= p.character) {
        at = t->hint.offset;
        counted = t->hint.character;
    }
    counted += walk(t, e, &at, line_end(t, p.line), p.character - counted);
    t->hint.set = true;
    t->hint.encoding = e;
    t->hint.line = p.line;
    t->hint.character = counted;
    t->hint.offset = at;
    return at;
}

static bool is_after(struct lsp_position a, struct lsp_position b) {
    return a.line > b.line || (a.line == b.line && a.character > b.character);
}

int lsp_text_edit(struct lsp_text *t, enum lsp_encoding e, struct lsp_range range, const char *text,
                  size_t n, struct err *err) {
    if (is_after(range.start, range.end))
        range = (struct lsp_range){range.end, range.start};
    t->hint.set = t->hint.set && range.start.line == t->hint.line;
    size_t from = offset_near(t, e, range.start);
    __typeof__(t->hint) kept = t->hint;
    size_t to = offset_near(t, e, range.end);
    if (to < from)
        to = from;
    int r = lsp_text_replace(t, from, to, text, n, err);
    // What stands before the edit stays what it was, but for a \r that gets its \n, and for broken
    // bytes that become a character.
    if (r == 0 && (!from || (byte_at(t, from - 1) != '\r' && byte_at(t, from - 1) < 0x80)))
        t->hint = kept;
    return r;
}

// --- life and reading ----------------------------------------------------------------------------

int lsp_text_new(const char *text, size_t n, struct lsp_text **ret, struct err *err) {
    struct lsp_text *t = mem_zalloc(sizeof *t);
    uint32_t *lines = mem_alloc(sizeof *lines);
    if (!t || !lines) {
        mem_free(t);
        mem_free(lines);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    lines[0] = 0;
    t->lines = lines;
    t->lines_gap_start = t->lines_gap_end = t->lines_capacity = 1;
    int r = lsp_text_replace(t, 0, 0, text, n, err);
    if (r < 0) {
        lsp_text_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

// Of a text that is the first one, in one pass: the array grows as they come.
static int index_lines(struct lsp_text *t, const char *text, size_t n) {
    const char *p = text, *end = text + n;
    while ((p = chars_find_break(p, end)) < end) {
        p++;
        if (p[-1] == '\r' && p < end && *p == '\n')
            p++;
        if (t->lines_gap_start == t->lines_gap_end &&
            reserve_lines(t, t->lines_gap_start / 2 + SPARE_LINES) < 0)
            return ERR_NOMEM;
        t->lines[t->lines_gap_start++] = (uint32_t)(p - text);
    }
    return 0;
}

// The memory that the buffer has beyond its bytes, but for some room to type in, is given back:
// where the gap moves through untouched memory, it is touched.
static void trim(struct buf *text) {
    size_t want = text->len + text->len / 64 + SPARE_BYTES;
    char *data = want < text->cap ? mem_realloc(text->data, want) : NULL;
    if (data) {
        text->data = data;
        text->cap = want;
    }
}

int lsp_text_take(struct buf *text, struct lsp_text **ret, struct err *err) {
    struct lsp_text *t;
    if (text->len > LSP_TEXT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a document may have at most %d MB",
                       LSP_TEXT_BYTES_MAX / (1024 * 1024));
    int r = lsp_text_new("", 0, &t, err);
    if (r < 0 || !text->len) {
        if (r == 0)
            *ret = t;
        return r;
    }
    if (index_lines(t, text->data, text->len) < 0) {
        lsp_text_free(t);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    trim(text);
    mem_free(t->data);
    t->data = text->data;
    t->gap_start = text->len;
    t->gap_end = t->capacity = text->cap;
    *text = BUF_INIT(text->max);
    *ret = t;
    return 0;
}

void lsp_text_free(struct lsp_text *t) {
    if (!t)
        return;
    mem_free(t->data);
    mem_free(t->lines);
    mem_free(t);
}

int lsp_text_copy(const struct lsp_text *t, size_t from, size_t to, struct buf *out) {
    size_t bytes = lsp_text_bytes(t);
    if (to > bytes)
        to = bytes;
    if (from >= to)
        return 0;
    if (buf_reserve(out, to - from) < 0)
        return ERR_NOMEM;
    size_t gap = t->gap_end - t->gap_start, cut = t->gap_start;
    size_t first = from < cut ? (to < cut ? to : cut) - from : 0;
    if (first)
        (void)buf_append(out, t->data + from, first);
    if (from + first < to)
        (void)buf_append(out, t->data + gap + from + first, to - from - first);
    return out->failed ? ERR_NOMEM : 0;
}

const char *lsp_text_flat(struct lsp_text *t, size_t *ret_bytes) {
    *ret_bytes = lsp_text_bytes(t);
    move_gap(t, *ret_bytes);
    return t->data ? t->data : "";
}
