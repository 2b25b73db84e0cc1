// A unified diff (POSIX diff -u), written from which lines became which.
#include "core/base/linediff.h"
#include "core/base/mem.h"
#include "server/cli_setup_impl.h"

#include <string.h>

enum { AROUND = 3 };

struct side {
    const char *text;
    size_t n;
    size_t *starts; // of each line, and the end
    uint32_t lines;
};

static int split(const struct buf *text, struct side *ret) {
    *ret = (struct side){.text = text->data ? text->data : "", .n = text->len};
    size_t lines = 0;
    for (size_t i = 0; i < ret->n; i++)
        lines += ret->text[i] == '\n';
    lines += ret->n && ret->text[ret->n - 1] != '\n';
    if (lines > UINT32_MAX - 1 || !(ret->starts = mem_alloc((lines + 1) * sizeof *ret->starts)))
        return ERR_NOMEM;
    size_t at = 0;
    for (; ret->lines < lines; ret->lines++) {
        ret->starts[ret->lines] = at;
        const char *end = memchr(ret->text + at, '\n', ret->n - at);
        at = end ? (size_t)(end - ret->text) + 1 : ret->n;
    }
    ret->starts[lines] = ret->n;
    return 0;
}

static void put_lines(struct buf *out, const struct side *s, uint32_t from, uint32_t to,
                      char mark) {
    for (uint32_t i = from; i < to; i++) {
        size_t n = s->starts[i + 1] - s->starts[i];
        (void)buf_putc(out, mark);
        (void)buf_append(out, s->text + s->starts[i], n);
        if (s->text[s->starts[i + 1] - 1] != '\n')
            (void)buf_puts(out, "\n\\ No newline at end of file\n");
    }
}

static void put_range(struct buf *out, char mark, uint32_t from, uint32_t count) {
    // An empty range names the line in front of it; one line needs no count.
    (void)buf_printf(out, "%c%u", mark, count ? from + 1 : from);
    if (count != 1)
        (void)buf_printf(out, ",%u", count);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// The changes [from, to) stand close enough to share their surroundings.
static void put_hunk(struct buf *out, const struct linediff *d, uint32_t from, uint32_t to,
                     const struct side *a, const struct side *b) {
    const struct line_change *first = &d->changes[from], *last = &d->changes[to - 1];
    uint32_t before = least(first->old_start, AROUND);
    uint32_t old_end = last->old_start + last->old_count;
    uint32_t after = least(a->lines - old_end, AROUND);
    uint32_t new_end = last->new_start + last->new_count;
    (void)buf_puts(out, "@@ ");
    put_range(out, '-', first->old_start - before, old_end + after - first->old_start + before);
    (void)buf_putc(out, ' ');
    put_range(out, '+', first->new_start - before, new_end + after - first->new_start + before);
    (void)buf_puts(out, " @@\n");
    uint32_t at = first->old_start - before;
    for (uint32_t i = from; i < to; i++) {
        const struct line_change *c = &d->changes[i];
        put_lines(out, a, at, c->old_start, ' ');
        put_lines(out, a, c->old_start, c->old_start + c->old_count, '-');
        put_lines(out, b, c->new_start, c->new_start + c->new_count, '+');
        at = c->old_start + c->old_count;
    }
    put_lines(out, a, at, at + after, ' ');
}

int setup_diff(const char *path, const struct buf *before, const struct buf *after, struct buf *out,
               struct err *err) {
    static const struct buf nothing = {0};
    struct side a = {0}, b = {0};
    struct linediff d = {0};
    const struct buf *old = before ? before : &nothing, *new = after ? after : &nothing;
    int r = split(old, &a) < 0 || split(new, &b) < 0 ? err_set(err, ERR_NOMEM, "out of memory")
                                                     : linediff(a.text, a.n, b.text, b.n, &d, err);
    if (r == 0 && (d.count || !before != !after))
        (void)buf_printf(out, "--- %s\n+++ %s\n", before ? path : "/dev/null",
                         after ? path : "/dev/null");
    for (uint32_t i = 0; r == 0 && i < d.count;) {
        uint32_t end = i + 1;
        while (end < d.count && d.changes[end].old_start - d.changes[end - 1].old_start -
                                        d.changes[end - 1].old_count <=
                                    2 * AROUND)
            end++;
        put_hunk(out, &d, i, end, &a, &b);
        i = end;
    }
    if (r == 0 && out->failed)
        r = err_set(err, ERR_NOMEM, "out of memory");
    linediff_done(&d);
    mem_free(a.starts);
    mem_free(b.starts);
    return r;
}
