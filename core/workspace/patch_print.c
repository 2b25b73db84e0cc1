// A patch as git writes it, and where one is in what a model said.
#include "core/base/linediff.h"
#include "core/base/mem.h"
#include "core/workspace/patch.h"

#include <string.h>

enum { CONTEXT = 3 };

// --- printing

struct side {
    const char *text;
    size_t bytes, at; // of the line `line`, from 0
    uint32_t line;
};

static size_t next_line(struct side *s) {
    const char *eol = s->at < s->bytes ? memchr(s->text + s->at, '\n', s->bytes - s->at) : NULL;
    size_t n = eol ? (size_t)(eol - s->text) + 1 - s->at : s->bytes - s->at;
    s->at += n;
    s->line++;
    return n;
}

static void skip_to(struct side *s, uint32_t line) {
    while (s->line < line && s->at < s->bytes)
        (void)next_line(s);
    s->line = line;
}

static void put_lines(struct side *s, char sign, uint32_t count, struct buf *out) {
    for (uint32_t i = 0; i < count && s->at < s->bytes; i++) {
        size_t from = s->at, n = next_line(s);
        (void)buf_putc(out, sign);
        (void)buf_append(out, s->text + from, n);
        if (s->text[from + n - 1] != '\n')
            (void)buf_puts(out, "\n\\ No newline at end of file\n");
    }
}

static void put_range(char sign, uint32_t start, uint32_t count, struct buf *out) {
    // Nothing on a side stands behind the line before it.
    (void)buf_printf(out, "%c%u", sign, count ? start + 1 : start);
    if (count != 1)
        (void)buf_printf(out, ",%u", count);
}

// The changes [first, last] with what is around them.
static void put_hunk(const struct linediff *d, uint32_t first, uint32_t last, struct side *old,
                     struct side *fresh, struct buf *out) {
    const struct line_change *a = &d->changes[first], *z = &d->changes[last];
    uint32_t before = a->old_start < CONTEXT ? a->old_start : CONTEXT;
    uint32_t old_end = z->old_start + z->old_count, left = d->old_lines - old_end;
    uint32_t after = left < CONTEXT ? left : CONTEXT;
    uint32_t old_from = a->old_start - before, new_from = a->new_start - before;
    (void)buf_puts(out, "@@ ");
    put_range('-', old_from, old_end + after - old_from, out);
    (void)buf_putc(out, ' ');
    put_range('+', new_from, z->new_start + z->new_count + after - new_from, out);
    (void)buf_puts(out, " @@\n");
    skip_to(old, old_from);
    for (uint32_t i = first; i <= last; i++) {
        const struct line_change *c = &d->changes[i];
        put_lines(old, ' ', c->old_start - old->line, out);
        put_lines(old, '-', c->old_count, out);
        skip_to(fresh, c->new_start);
        put_lines(fresh, '+', c->new_count, out);
    }
    put_lines(old, ' ', after, out);
}

static void put_head(const struct patch_file *f, struct buf *out) {
    (void)buf_printf(out, "diff --git a/%s b/%s\n", f->path, f->path);
    if (f->kind == PATCH_ADD)
        (void)buf_printf(out, "new file mode %s\n", f->executable ? "100755" : "100644");
    if (f->kind == PATCH_DELETE)
        (void)buf_puts(out, "deleted file mode 100644\n");
}

// A blank in a name makes git end it by a tab.
static void put_names(const struct patch_file *f, struct buf *out) {
    const char *tab = strchr(f->path, ' ') ? "\t" : "";
    if (f->kind == PATCH_ADD)
        (void)buf_puts(out, "--- /dev/null\n");
    else
        (void)buf_printf(out, "--- a/%s%s\n", f->path, tab);
    if (f->kind == PATCH_DELETE)
        (void)buf_puts(out, "+++ /dev/null\n");
    else
        (void)buf_printf(out, "+++ b/%s%s\n", f->path, tab);
}

int patch_print(const struct patch_file *f, const char *old, size_t old_bytes, const char *fresh,
                size_t fresh_bytes, struct buf *out, struct err *err) {
    struct side a = {.text = old, .bytes = old_bytes}, b = {.text = fresh, .bytes = fresh_bytes};
    struct linediff d;
    int r =
        linediff(old_bytes ? old : "", old_bytes, fresh_bytes ? fresh : "", fresh_bytes, &d, err);
    if (r < 0)
        return r;
    put_head(f, out);
    if (d.count)
        put_names(f, out);
    for (uint32_t first = 0; first < d.count;) {
        uint32_t last = first;
        while (last + 1 < d.count && d.changes[last + 1].old_start - (d.changes[last].old_start +
                                                                      d.changes[last].old_count) <=
                                         2 * CONTEXT)
            last++;
        put_hunk(&d, first, last, &a, &b, out);
        first = last + 1;
    }
    linediff_done(&d);
    return out->failed ? err_set(err, ERR_LIMIT, "the patch becomes too large") : 0;
}

// --- finding

static bool begins(const char *line, size_t n, const char *with) {
    size_t k = strlen(with);
    return n >= k && memcmp(line, with, k) == 0;
}

static size_t indent(const char *line, size_t n) {
    size_t i = 0;
    while (i < n && i < 3 && line[i] == ' ')
        i++;
    return i;
}

// How many ` or ~ open or close a block; 0: the line does not.
static size_t fence(const char *line, size_t n, char *mark, size_t *ret_behind) {
    size_t i = indent(line, n), k = i;
    char c = i < n ? line[i] : 0;
    if (c != '`' && c != '~')
        return 0;
    while (k < n && line[k] == c)
        k++;
    *mark = c;
    *ret_behind = k;
    return k - i >= 3 ? k - i : 0;
}

static bool is_named(const char *line, size_t n, size_t at) {
    return begins(line + at, n - at, "diff") || begins(line + at, n - at, "patch");
}

struct finding {
    struct buf *ret, *prose;
    size_t open; // marks of the block that is open; 0 none
    char mark;
    bool ours; // … and it is a patch
    bool found;
};

static void one_line(struct finding *f, const char *line, size_t n, size_t whole) {
    char mark = 0;
    size_t behind = 0, marks = fence(line, n, &mark, &behind);
    if (f->open == 0 && marks) {
        f->open = marks;
        f->mark = mark;
        f->ours = is_named(line, n, behind);
        f->found |= f->ours;
        if (f->ours)
            return;
    } else if (f->open && marks >= f->open && mark == f->mark && behind == n &&
               (!f->ours || line[0] == mark)) { // a line of the file has its sign before it
        bool ours = f->ours;
        f->open = 0;
        f->ours = false;
        if (ours)
            return;
    } else if (f->ours) {
        (void)buf_append(f->ret, line, whole);
        return;
    }
    if (f->prose)
        (void)buf_append(f->prose, line, whole);
}

static size_t line_at(const char *said, size_t n, size_t at, size_t *ret_plain) {
    const char *eol = memchr(said + at, '\n', n - at);
    size_t whole = eol ? (size_t)(eol - said) + 1 - at : n - at;
    *ret_plain = whole - (eol ? 1 : 0);
    if (*ret_plain && said[at + *ret_plain - 1] == '\r')
        --*ret_plain;
    return whole;
}

// Where the first file's head stands outside of any block; n: nowhere.
static size_t bare(const char *said, size_t n) {
    size_t plain, next_plain, names = n;
    for (size_t at = 0, whole; at < n; at += whole) {
        whole = line_at(said, n, at, &plain);
        if (begins(said + at, plain, "diff --git ") && names == n)
            names = at;
        if (!begins(said + at, plain, "--- ") || at + whole >= n)
            continue;
        (void)line_at(said, n, at + whole, &next_plain);
        if (begins(said + at + whole, next_plain, "+++ "))
            return names < at ? names : at;
    }
    return n;
}

int patch_extract(const char *said, size_t n, struct buf *ret, struct buf *ret_prose,
                  struct err *err) {
    struct finding f = {.ret = ret, .prose = ret_prose};
    size_t begun = ret_prose ? ret_prose->len : 0;
    for (size_t at = 0, plain, whole; at < n; at += whole) {
        whole = line_at(said, n, at, &plain);
        one_line(&f, said + at, plain, whole);
    }
    if (!f.found) {
        size_t from = bare(said, n);
        f.found = from < n;
        (void)buf_append(ret, said + from, n - from);
        if (ret_prose && f.found)
            ret_prose->len = begun + from;
    }
    if (ret->failed || (ret_prose && ret_prose->failed))
        return err_set(err, ERR_LIMIT, "the answer is too long");
    return f.found ? 1 : 0;
}
