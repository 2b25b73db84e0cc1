#include "core/workspace/diff.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct diff_box { // what is given out is its first member
    struct diff pub;
    char *text;
    char *names; // all paths, terminated
    size_t names_used, names_size;
    uint32_t *by_path; // files by the path they are found under
    uint32_t file_cap, hunk_cap;
};

struct parser {
    struct diff_box *box;
    const char *at, *end;
    uint32_t line; // of the text, from 1
    bool in_file;  // the last file may still get names, modes and hunks
    bool git;      // it began with "diff --git"
    bool named;    // by ---/+++ or rename lines, not only by its head
    struct err *err;
};

static int fail(struct parser *p, const char *what) {
    return err_set(p->err, ERR_PARSE, "line %u of the diff: %s", p->line, what);
}

static int grow(void **slot, uint32_t *cap, uint32_t count, uint32_t max, size_t each,
                struct err *err) {
    if (count < *cap)
        return 0;
    if (count >= max)
        return err_set(err, ERR_LIMIT, "the diff has more than %u parts", max);
    uint32_t larger = *cap ? *cap * 2 : 16;
    larger = larger < max ? larger : max;
    void *fresh = mem_realloc(*slot, larger * each);
    if (!fresh)
        return err_set(err, ERR_NOMEM, "out of memory");
    *slot = fresh;
    *cap = larger;
    return 0;
}

static struct diff_file *current(struct parser *p) {
    return &p->box->pub.files[p->box->pub.file_count - 1];
}

static int begin_file(struct parser *p, bool git) {
    struct diff *d = &p->box->pub;
    int r = grow((void **)&d->files, &p->box->file_cap, d->file_count, DIFF_FILES_MAX,
                 sizeof *d->files, p->err);
    if (r < 0)
        return r;
    d->files[d->file_count++] =
        (struct diff_file){.status = DIFF_MODIFIED, .first_hunk = d->hunk_count};
    p->in_file = true;
    p->git = git;
    p->named = false;
    return 0;
}

// --- names

// A quoted name as git writes it: C escapes, octal bytes. Returns its end in the text, or NULL.
static const char *unquote(const char *s, const char *end, char *out, size_t *ret_n) {
    static const char letters[] = "abfnrtv\"\\", bytes[] = "\a\b\f\n\r\t\v\"\\";
    size_t n = 0;
    for (s++; s < end && *s != '"'; s++) {
        if (*s != '\\') {
            out[n++] = *s;
            continue;
        }
        if (++s >= end)
            return NULL;
        const char *known = *s ? strchr(letters, *s) : NULL;
        if (known) {
            out[n++] = bytes[known - letters];
        } else if (end - s >= 3 && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' &&
                   s[2] >= '0' && s[2] <= '7') {
            unsigned v =
                (unsigned)(s[0] - '0') << 6 | (unsigned)(s[1] - '0') << 3 | (unsigned)(s[2] - '0');
            out[n++] = (char)v;
            s += 2;
        } else {
            return NULL;
        }
    }
    if (s >= end || memchr(out, '\0', n))
        return NULL;
    *ret_n = n;
    return s + 1;
}

static bool has_prefix(const char *s, size_t n) {
    return n > 2 && s[1] == '/' && memchr("abciow", s[0], 6);
}

// The name in [s, end), into the box. *ret NULL: /dev/null. Names together are never longer than
// the text they come from.
static int take_name(struct parser *p, const char *s, const char *end, bool strip,
                     const char **ret) {
    struct diff_box *box = p->box;
    char *out = box->names + box->names_used;
    size_t n = (size_t)(end - s);
    if (box->names_size - box->names_used < n + 1)
        return err_set(p->err, ERR_LIMIT, "the diff names too much");
    if (n > 0 && *s == '"') {
        if (!unquote(s, end, out, &n))
            return fail(p, "a quoted name that does not end");
    } else {
        const char *tab = memchr(s, '\t', n);
        n = tab ? (size_t)(tab - s) : n;
        if (memchr(s, '\0', n))
            return fail(p, "a name with a NUL");
        memcpy(out, s, n);
    }
    if (n == 9 && memcmp(out, "/dev/null", 9) == 0) {
        *ret = NULL;
        return 0;
    }
    size_t skip = strip && has_prefix(out, n) ? 2 : 0;
    if (n == skip)
        return fail(p, "an empty name");
    out[n] = '\0';
    box->names_used += n + 1;
    *ret = out + skip;
    return 0;
}

// "a/x b/x" when nothing else names the file: both halves are the same.
static int take_head(struct parser *p, const char *s, const char *end) {
    struct diff_file *f = current(p);
    size_t n = (size_t)(end - s);
    const char *name = NULL;
    int r = 0;
    if (n > 0 && *s == '"') {
        r = take_name(p, s, end, true, &name);
    } else if (n >= 3 && n % 2 == 1 && s[n / 2] == ' ') {
        const char *b = s + n / 2 + 1;
        size_t half = n / 2;
        size_t skip = has_prefix(s, half) && has_prefix(b, half) ? 2 : 0;
        if (memcmp(s + skip, b + skip, half - skip) == 0)
            r = take_name(p, b, end, true, &name);
    }
    f->old_path = f->new_path = name;
    return r;
}

// --- hunks

static int open_run(struct parser *p, uint32_t old_line, uint32_t new_line) {
    struct diff *d = &p->box->pub;
    int r = grow((void **)&d->hunks, &p->box->hunk_cap, d->hunk_count, DIFF_HUNKS_MAX,
                 sizeof *d->hunks, p->err);
    if (r < 0)
        return r;
    d->hunks[d->hunk_count++] =
        (struct diff_hunk){.old_start = old_line, .new_start = new_line, .text = p->at};
    current(p)->hunk_count++;
    return 0;
}

static void close_run(struct parser *p) {
    struct diff_hunk *h = &p->box->pub.hunks[p->box->pub.hunk_count - 1];
    h->text_bytes = (uint32_t)(p->at - h->text);
    h->old_start -= h->old_count == 0;
    h->new_start -= h->new_count == 0;
    current(p)->removed += h->old_count;
    current(p)->added += h->new_count;
}

// "-12,3" or "-12"
static const char *take_range(const char *s, const char *end, char sign, uint32_t *ret_start,
                              uint32_t *ret_count) {
    uint64_t v[2] = {0, 1};
    if (s >= end || *s++ != sign)
        return NULL;
    for (int k = 0; k < 2; k++) {
        const char *begin = s;
        uint64_t n = 0;
        while (s < end && *s >= '0' && *s <= '9' && n <= DIFF_LINE_MAX)
            n = n * 10 + (uint64_t)(*s++ - '0');
        if (s == begin || n > DIFF_LINE_MAX)
            return NULL;
        v[k] = n;
        if (k == 1 || s >= end || *s != ',')
            break;
        s++;
    }
    *ret_start = (uint32_t)v[0];
    *ret_count = (uint32_t)v[1];
    return s;
}

static const char *line_end(const struct parser *p) {
    const char *stop = memchr(p->at, '\n', (size_t)(p->end - p->at));
    return stop ? stop : p->end;
}

static void next_line(struct parser *p, const char *stop) {
    p->at = stop < p->end ? stop + 1 : p->end;
    p->line++;
}

static int take_hunk(struct parser *p, const char *stop) {
    uint32_t old_line, old_left, new_line, new_left;
    const char *s = take_range(p->at + 3, stop, '-', &old_line, &old_left);
    if (!s || s >= stop || *s != ' ' || !(s = take_range(s + 1, stop, '+', &new_line, &new_left)) ||
        stop - s < 3 || memcmp(s, " @@", 3) != 0)
        return fail(p, "the head of a hunk cannot be read");
    if (!p->in_file)
        return fail(p, "a hunk of no file");
    old_line += old_left == 0; // with no lines, the line before is given
    new_line += new_left == 0;
    next_line(p, stop);
    bool run = false;
    while (old_left > 0 || new_left > 0) {
        if (p->at >= p->end)
            return fail(p, "a hunk ends too early");
        stop = line_end(p);
        char kind = stop == p->at || *p->at == '\r' ? ' ' : *p->at;
        struct diff_hunk *h = NULL;
        if (kind == ' ') {
            if (old_left == 0 || new_left == 0)
                return fail(p, "a hunk is longer than its head says");
            if (run)
                close_run(p);
            run = false;
            old_left--, new_left--, old_line++, new_line++;
        } else if (kind == '-' || kind == '+') {
            if (kind == '-' ? old_left == 0 : new_left == 0)
                return fail(p, "a hunk is longer than its head says");
            int r = run ? 0 : open_run(p, old_line, new_line);
            if (r < 0)
                return r;
            run = true;
            h = &p->box->pub.hunks[p->box->pub.hunk_count - 1];
            if (kind == '-')
                h->old_count++, old_left--, old_line++;
            else
                h->new_count++, new_left--, new_line++;
        } else if (kind != '\\') {
            return fail(p, "a line of a hunk begins with none of ' ', '-', '+'");
        }
        next_line(p, stop);
    }
    if (run)
        close_run(p);
    return 0;
}

// --- the lines between

static bool starts(const char *s, const char *stop, const char *word, const char **ret_rest) {
    size_t n = strlen(word);
    if ((size_t)(stop - s) < n || memcmp(s, word, n) != 0)
        return false;
    *ret_rest = s + n;
    return true;
}

static uint32_t mode_of(const char *s, const char *stop) {
    uint32_t v = 0;
    for (int k = 0; k < 6 && s < stop && *s >= '0' && *s <= '7'; k++, s++)
        v = v << 3 | (uint32_t)(*s - '0');
    return v;
}

// "<id>..<id>"; they are shorter than the text that names them.
static void take_ids(struct parser *p, const char *s, const char *stop) {
    struct diff_box *box = p->box;
    const char *const digits = "0123456789abcdef";
    size_t n = (size_t)(stop - s), a = 0, b = 0;
    while (a < n && s[a] && strchr(digits, s[a]))
        a++;
    if (a == 0 || n - a < 3 || s[a] != '.' || s[a + 1] != '.')
        return;
    for (b = a + 2; b < n && s[b] && strchr(digits, s[b]);)
        b++;
    if (b != n || box->names_size - box->names_used < n + 1)
        return;
    char *out = box->names + box->names_used;
    memcpy(out, s, n);
    out[a] = out[n] = '\0';
    box->names_used += n + 1;
    current(p)->old_id = out;
    current(p)->new_id = out + a + 2;
}

static int take_extended(struct parser *p, const char *stop, bool *ret_known) {
    struct diff_file *f = current(p);
    const char *rest;
    *ret_known = true;
    if (starts(p->at, stop, "old mode ", &rest))
        f->old_mode = mode_of(rest, stop);
    else if (starts(p->at, stop, "new mode ", &rest))
        f->new_mode = mode_of(rest, stop);
    else if (starts(p->at, stop, "new file mode ", &rest))
        f->new_mode = mode_of(rest, stop), f->status = DIFF_ADDED;
    else if (starts(p->at, stop, "deleted file mode ", &rest))
        f->old_mode = mode_of(rest, stop), f->status = DIFF_DELETED;
    else if (starts(p->at, stop, "rename from ", &rest) || starts(p->at, stop, "copy from ", &rest))
        return take_name(p, rest, stop, false, &f->old_path);
    else if (starts(p->at, stop, "rename to ", &rest)) {
        f->status = DIFF_RENAMED;
        return take_name(p, rest, stop, false, &f->new_path);
    } else if (starts(p->at, stop, "copy to ", &rest)) {
        f->status = DIFF_COPIED;
        return take_name(p, rest, stop, false, &f->new_path);
    } else if (starts(p->at, stop, "Binary files ", &rest) ||
               starts(p->at, stop, "GIT binary patch", &rest))
        f->binary = true;
    else if (starts(p->at, stop, "index ", &rest)) {
        const char *blank = memchr(rest, ' ', (size_t)(stop - rest));
        take_ids(p, rest, blank ? blank : stop);
        if (blank && f->old_mode == 0 && f->new_mode == 0)
            f->old_mode = f->new_mode = mode_of(blank + 1, stop);
    } else
        *ret_known = false;
    return 0;
}

// "--- x" and "+++ y"
static int take_names(struct parser *p, const char *stop) {
    const char *old_name = p->at + 4, *old_end = stop, *rest;
    next_line(p, stop);
    stop = line_end(p);
    const char *new_end = stop;
    if (!starts(p->at, stop, "+++ ", &rest))
        return 0; // no head of a file after all: prose
    old_end -= old_end > old_name && old_end[-1] == '\r';
    new_end -= new_end > rest && new_end[-1] == '\r';
    bool fresh = !p->in_file || !p->git || p->named;
    int r = fresh ? begin_file(p, false) : 0;
    if (r < 0)
        return r;
    bool strip = p->git || (old_end - old_name > 2 && new_end - rest > 2 &&
                            ((memcmp(old_name, "a/", 2) == 0 && memcmp(rest, "b/", 2) == 0) ||
                             (memcmp(old_name, "a/", 2) == 0 && *rest == '/') ||
                             (*old_name == '/' && memcmp(rest, "b/", 2) == 0)));
    struct diff_file *f = current(p);
    const char *old_path = NULL, *new_path = NULL;
    if ((r = take_name(p, old_name, old_end, strip, &old_path)) < 0 ||
        (r = take_name(p, rest, new_end, strip, &new_path)) < 0)
        return r;
    if (!old_path && !new_path)
        return fail(p, "a file without a name");
    if (f->status == DIFF_MODIFIED)
        f->status = !old_path ? DIFF_ADDED : !new_path ? DIFF_DELETED : DIFF_MODIFIED;
    f->old_path = old_path;
    f->new_path = new_path;
    p->named = true;
    next_line(p, stop);
    return 0;
}

static int take_line(struct parser *p) {
    const char *stop = line_end(p), *rest;
    int r = 0;
    bool known = false;
    if (starts(p->at, stop, "diff --git ", &rest)) {
        const char *end = stop - (stop > rest && stop[-1] == '\r');
        r = begin_file(p, true);
        r = r < 0 ? r : take_head(p, rest, end);
    } else if (starts(p->at, stop, "diff --cc ", &rest) ||
               starts(p->at, stop, "diff --combined ", &rest) ||
               starts(p->at, stop, "@@@", &rest)) {
        r = fail(p, "a combined diff (of a merge) cannot be read; give the diff to one parent");
    } else if (starts(p->at, stop, "* Unmerged path ", &rest)) {
        r = begin_file(p, true);
        if (r == 0) {
            current(p)->status = DIFF_UNMERGED;
            r = take_name(p, rest, stop, false, &current(p)->new_path);
            current(p)->old_path = current(p)->new_path;
        }
    } else if (starts(p->at, stop, "--- ", &rest)) {
        return take_names(p, stop);
    } else if (starts(p->at, stop, "@@ ", &rest)) {
        p->named = true;
        return take_hunk(p, stop);
    } else if (p->in_file && p->git) {
        r = take_extended(p, stop, &known);
    }
    if (r == 0)
        next_line(p, stop);
    return r;
}

// --- the end

// A file that became a link comes as deleted and added; files that no line names are no files.
static int settle(struct parser *p) {
    struct diff *d = &p->box->pub;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->file_count; i++) {
        struct diff_file f = d->files[i];
        if (f.status == DIFF_ADDED)
            f.old_path = NULL;
        if (f.status == DIFF_DELETED)
            f.new_path = NULL;
        if (!f.old_path && !f.new_path)
            return fail(p, "a file without a name");
        struct diff_file *before = kept ? &d->files[kept - 1] : NULL;
        if (before && before->status == DIFF_DELETED && f.status == DIFF_ADDED &&
            strcmp(before->old_path, f.new_path) == 0) {
            before->status = DIFF_TYPE;
            before->new_path = f.new_path;
            before->new_mode = f.new_mode;
            before->hunk_count += f.hunk_count;
            before->added += f.added;
            before->removed += f.removed;
            before->binary |= f.binary;
            continue;
        }
        d->files[kept++] = f;
    }
    d->file_count = kept;
    return 0;
}

static const char *key_of(const struct diff_file *f) {
    return f->new_path ? f->new_path : f->old_path;
}

static int by_key(const void *a, const void *b, void *ctx) {
    const struct diff *d = ctx;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int c = strcmp(key_of(&d->files[i]), key_of(&d->files[k]));
    return c ? c : i < k ? -1 : i > k;
}

static int index_files(struct diff_box *box, struct err *err) {
    struct diff *d = &box->pub;
    box->by_path = mem_alloc((d->file_count + 1U) * sizeof *box->by_path);
    if (!box->by_path)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < d->file_count; i++)
        box->by_path[i] = i;
    if (d->file_count > 1)
        qsort_r(box->by_path, d->file_count, sizeof *box->by_path, by_key, d);
    return 0;
}

int diff_parse(const char *text, size_t n, struct diff **ret, struct err *err) {
    if (n > DIFF_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the diff is larger than %d MB",
                       DIFF_BYTES_MAX / (1024 * 1024));
    struct diff_box *box = mem_zalloc(sizeof *box);
    if (!box)
        return err_set(err, ERR_NOMEM, "out of memory");
    box->names_size = n + 16;
    box->text = mem_alloc(n + 1);
    box->names = mem_alloc(box->names_size);
    struct parser p = {.box = box, .line = 1, .err = err};
    int r = box->text && box->names ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        memcpy(box->text, text, n);
        box->text[n] = '\0';
        p.at = box->text;
        p.end = box->text + n;
    }
    while (r == 0 && p.at < p.end)
        r = take_line(&p);
    if (r == 0)
        r = settle(&p);
    if (r == 0 && box->pub.file_count == 0 && n > strspn(box->text, " \t\r\n"))
        r = err_set(err, ERR_PARSE, "this is no unified diff: it changes no file");
    if (r == 0)
        r = index_files(box, err);
    if (r < 0) {
        diff_free(&box->pub);
        return r;
    }
    *ret = &box->pub;
    return 0;
}

void diff_free(struct diff *d) {
    if (!d)
        return;
    struct diff_box *box = (struct diff_box *)d;
    mem_free(d->files);
    mem_free(d->hunks);
    mem_free(box->text);
    mem_free(box->names);
    mem_free(box->by_path);
    mem_free(box);
}

const struct diff_file *diff_find(const struct diff *d, const char *path) {
    const struct diff_box *box = (const struct diff_box *)d;
    uint32_t low = 0, high = d->file_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct diff_file *f = &d->files[box->by_path[mid]];
        int c = strcmp(key_of(f), path);
        if (c == 0)
            return f;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool diff_touches(const struct diff *d, const struct diff_file *f, uint32_t first, uint32_t last) {
    for (uint32_t k = 0; k < f->hunk_count; k++) {
        const struct diff_hunk *h = &d->hunks[f->first_hunk + k];
        uint32_t begin = h->new_start, end = h->new_start + h->new_count - 1;
        if (h->new_count == 0) // between two lines
            end = begin + 1;
        if (begin <= last && end >= first)
            return true;
    }
    return false;
}
