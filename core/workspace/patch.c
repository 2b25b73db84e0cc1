#include "core/workspace/patch.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// What the search for the places of a file's hunks may take: alike lines make it quadratic.
enum { STEPS_MAX = 16 * 1024 * 1024, STEP_BYTES = 64 };

struct line {         // of a hunk
    const char *text; // behind its sign, without '\n'
    uint32_t bytes;
    char sign;   // ' ', '-', '+'
    bool no_end; // "\ No newline at end of file" follows
};
struct hunk {
    uint32_t first_line, line_count;
    uint32_t start; // the old line that it says, from 1; 0: it says none
    uint32_t at;    // line of the text, for messages
};
struct patch {
    char *text;
    struct patch_file files[PATCH_FILES_MAX];
    uint32_t file_count;
    struct hunk *hunks;
    struct line *lines;
    uint32_t hunk_count, hunk_capacity, line_count, line_capacity;
};

struct reading {
    struct patch *p;
    char *at, *end;
    uint32_t number;     // of the line, from 1
    bool in_hunk;        // lines belong to the last hunk
    uint32_t blank;      // lines without anything, of which it is not known where they belong
    bool added, deleted; // the head says that the file is new, or goes
    bool executable;
    char *git; // behind "diff --git ", until names or another such line come; NULL
    size_t git_bytes;
    struct err *err;
};

// --- lines of the text

static int refuse(const struct reading *r, int code, const char *what) {
    return err_set(r->err, code, "line %u of the patch: %s", r->number, what);
}

static bool begins(const char *line, size_t n, const char *with) {
    size_t k = strlen(with);
    return n >= k && memcmp(line, with, k) == 0;
}

static size_t line_bytes(const char *at, const char *end) {
    const char *eol = memchr(at, '\n', (size_t)(end - at));
    return (size_t)((eol ? eol : end) - at);
}

// The line behind the one of `n` bytes at `at`; NULL at the end.
static char *behind(const struct reading *r, char *at, size_t n) {
    return at + n < r->end ? at + n + 1 : NULL;
}

// "--- a" with "+++ b" behind it: a file's names, and not a line "-- a" that is taken away.
static bool is_head(const struct reading *r, char *at, size_t n) {
    char *next = begins(at, n, "--- ") ? behind(r, at, n) : NULL;
    return next && next < r->end && begins(next, line_bytes(next, r->end), "+++ ");
}

// --- names

static bool bad_part(const char *part, size_t n) {
    return n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.') ||
           (n == 4 && strncasecmp(part, ".git", 4) == 0);
}

static bool good_path(const char *path) {
    size_t n = strlen(path);
    if (n == 0 || n >= PATCH_PATH_BYTES_MAX || !utf_valid(path, n))
        return false;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '\\' || *c == '"')
            return false;
    for (const char *part = path;;) {
        size_t k = strcspn(part, "/");
        if (bad_part(part, k))
            return false;
        if (!part[k])
            return true;
        part += k + 1;
    }
}

// Behind "--- " or "+++ ": terminated in place, a time behind a tab cut off.
static char *name_of(char *at, size_t n) {
    char *name = at + 4;
    size_t k = n - 4;
    char *tab = memchr(name, '\t', k);
    k = tab ? (size_t)(tab - name) : k;
    while (k && (name[k - 1] == ' ' || name[k - 1] == '\r'))
        k--;
    name[k] = '\0';
    return name;
}

static bool is_null(const char *name) {
    return strcmp(name, "/dev/null") == 0;
}

static const char *below(const char *name, bool prefixed) {
    if (prefixed)
        name += 2;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    return name;
}

static int add_file(struct reading *r, const char *path, bool add, bool gone) {
    struct patch *p = r->p;
    if (!good_path(path))
        return refuse(r, ERR_PERM, "a path that is not below the folder, or has odd characters");
    r->in_hunk = false;
    for (uint32_t i = 0; i < p->file_count; i++)
        if (strcmp(p->files[i].path, path) == 0) {
            if (i + 1 == p->file_count && p->files[i].kind == PATCH_CHANGE && !add && !gone &&
                !r->added && !r->deleted)
                return 0; // more hunks of it
            return refuse(r, ERR_PARSE, "a file that the patch has changed already");
        }
    if (p->file_count == PATCH_FILES_MAX)
        return refuse(r, ERR_LIMIT, "too many files");
    p->files[p->file_count++] = (struct patch_file){.path = path,
                                                    .kind = add || r->added      ? PATCH_ADD
                                                            : gone || r->deleted ? PATCH_DELETE
                                                                                 : PATCH_CHANGE,
                                                    .executable = r->executable,
                                                    .first_hunk = p->hunk_count};
    return 0;
}

static int begin_file(struct reading *r, char *old_line, size_t old_n) {
    char *new_line = behind(r, old_line, old_n);
    size_t new_n = line_bytes(new_line, r->end);
    r->at = new_line + new_n < r->end ? new_line + new_n + 1 : r->end;
    char *from = name_of(old_line, old_n), *to = name_of(new_line, new_n);
    bool add = is_null(from), gone = is_null(to);
    bool a = strncmp(from, "a/", 2) == 0, b = strncmp(to, "b/", 2) == 0;
    const char *old_path = below(from, a && (b || gone));
    const char *new_path = below(to, b && (a || add));
    const char *path = gone ? old_path : new_path;
    r->number++;
    if (add && gone)
        return refuse(r, ERR_PARSE, "no file is named");
    if (!add && !gone && strcmp(old_path, new_path) != 0)
        return refuse(r, ERR_UNSUPPORTED, "renames are not taken: delete one file, add the other");
    r->git = NULL;
    return add_file(r, path, add, gone);
}

// "diff --git a/PATH b/PATH": a file without a line that comes or goes has no other names.
static int end_head(struct reading *r) {
    char *line = r->git;
    size_t n = r->git_bytes, k = n / 2 - 2; // of PATH
    bool named = line && (r->added || r->deleted);
    r->git = NULL;
    if (!named)
        return 0;
    if (n < 7 || n % 2 == 0 || strncmp(line, "a/", 2) != 0 ||
        strncmp(line + k + 2, " b/", 3) != 0 || memcmp(line + 2, line + k + 5, k) != 0)
        return refuse(r, ERR_PARSE, "the name of the file before this line cannot be read");
    line[2 + k] = '\0';
    int failed = add_file(r, line + 2, false, false);
    r->added = r->deleted = r->executable = false;
    return failed;
}

// --- hunks

static int begin_hunk(struct reading *r, const char *line, size_t n) {
    struct patch *p = r->p;
    if (p->file_count == 0)
        return refuse(r, ERR_PARSE, "a hunk without the names of a file before it");
    int g = mem_grow((void **)&p->hunks, p->hunk_count, &p->hunk_capacity, sizeof *p->hunks,
                     PATCH_HUNKS_MAX);
    if (g < 0)
        return refuse(r, g, g == ERR_LIMIT ? "too many hunks" : "out of memory");
    uint32_t start = 0;
    const char *digits = memchr(line, '-', n);
    for (size_t i = digits ? (size_t)(digits - line) + 1 : n;
         i < n && line[i] >= '0' && line[i] <= '9' && start < 100000000; i++)
        start = start * 10 + (uint32_t)(line[i] - '0');
    p->hunks[p->hunk_count++] =
        (struct hunk){.first_line = p->line_count, .start = start, .at = r->number};
    p->files[p->file_count - 1].hunk_count++;
    r->in_hunk = true;
    r->blank = 0;
    return 0;
}

static int add_line(struct reading *r, char sign, const char *text, size_t n) {
    struct patch *p = r->p;
    int g = mem_grow((void **)&p->lines, p->line_count, &p->line_capacity, sizeof *p->lines,
                     PATCH_LINES_MAX);
    if (g < 0)
        return refuse(r, g, g == ERR_LIMIT ? "too many lines" : "out of memory");
    p->lines[p->line_count++] = (struct line){text, (uint32_t)n, sign, false};
    p->hunks[p->hunk_count - 1].line_count++;
    return 0;
}

static int hunk_line(struct reading *r, const char *line, size_t n) {
    int failed = 0;
    if (n == 0 || (n == 1 && line[0] == '\r')) {
        r->blank++; // an empty line of the file, if more of the hunk follows
        return 0;
    }
    if (line[0] == '\\') {
        if (r->p->hunks[r->p->hunk_count - 1].line_count)
            r->p->lines[r->p->line_count - 1].no_end = true;
        return 0;
    }
    if (line[0] != ' ' && line[0] != '-' && line[0] != '+') {
        r->in_hunk = false;
        return 0;
    }
    for (; failed == 0 && r->blank; r->blank--)
        failed = add_line(r, ' ', "", 0);
    return failed < 0 ? failed : add_line(r, line[0], line + 1, n - 1);
}

// --- what stands around hunks

static int head_line(struct reading *r, char *line, size_t n) {
    static const char *const foreign[] = {"rename from ", "rename to ",       "copy from ",
                                          "copy to ",     "GIT binary patch", "Binary files ",
                                          "old mode ",    "new mode "};
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (begins(line, n, foreign[i]))
            return refuse(r, ERR_UNSUPPORTED,
                          "renames, copies, modes and binary files are not taken");
    if (begins(line, n, "diff --git ")) {
        int failed = end_head(r);
        r->added = r->deleted = r->executable = false;
        r->git = line + strlen("diff --git ");
        r->git_bytes = n - strlen("diff --git ");
        r->git_bytes -= r->git_bytes && line[n - 1] == '\r';
        return failed;
    }
    if (begins(line, n, "deleted file mode "))
        r->deleted = true;
    if (begins(line, n, "new file mode ")) {
        r->added = true;
        r->executable = begins(line, n, "new file mode 100755");
        if (!r->executable && !begins(line, n, "new file mode 100644"))
            return refuse(r, ERR_UNSUPPORTED, "only plain files are taken");
    }
    if (n > 0 && (line[0] == '+' || line[0] == '-') && r->p->hunk_count &&
        !begins(line, n, "---") && !begins(line, n, "+++"))
        return refuse(r, ERR_PARSE, "a changed line outside of a hunk");
    return 0;
}

static int read_line(struct reading *r) {
    char *line = r->at;
    size_t n = line_bytes(line, r->end);
    r->at = line + n < r->end ? line + n + 1 : r->end;
    r->number++;
    if (is_head(r, line, n)) {
        int failed = begin_file(r, line, n);
        r->added = r->deleted = r->executable = false;
        return failed;
    }
    if (begins(line, n, "@@"))
        return begin_hunk(r, line, n);
    if (r->in_hunk) {
        int failed = hunk_line(r, line, n);
        if (failed < 0 || r->in_hunk)
            return failed;
    }
    return head_line(r, line, n);
}

static int check_whole(const struct patch *p, struct err *err) {
    if (p->file_count == 0)
        return err_set(err, ERR_PARSE, "no file is named in the patch (--- and +++ lines)");
    for (uint32_t i = 0; i < p->file_count; i++) {
        const struct patch_file *f = &p->files[i];
        bool changes = false;
        for (uint32_t h = f->first_hunk; h < f->first_hunk + f->hunk_count; h++)
            for (uint32_t k = 0; k < p->hunks[h].line_count; k++) {
                char sign = p->lines[p->hunks[h].first_line + k].sign;
                changes |= sign != ' ';
                if (f->kind == PATCH_ADD && sign != '+')
                    return err_set(err, ERR_PARSE, "%s is new, and yet has old lines", f->path);
            }
        if (!changes && f->kind == PATCH_CHANGE)
            return err_set(err, ERR_PARSE, "%s is not changed by the patch", f->path);
    }
    return 0;
}

int patch_parse(const char *text, size_t n, struct patch **ret, struct err *err) {
    if (n > PATCH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a patch has %d KB at most", PATCH_BYTES_MAX / 1024);
    if (memchr(text, '\0', n))
        return err_set(err, ERR_PARSE, "the patch has a NUL in it");
    struct patch *p = mem_zalloc(sizeof *p);
    if (p)
        p->text = mem_strndup(text, n);
    if (!p || !p->text) {
        patch_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    struct reading r = {.p = p, .at = p->text, .end = p->text + n, .err = err};
    int failed = 0;
    while (failed == 0 && r.at < r.end)
        failed = read_line(&r);
    if (failed == 0)
        failed = end_head(&r);
    if (failed == 0)
        failed = check_whole(p, err);
    if (failed < 0) {
        patch_free(p);
        return failed;
    }
    *ret = p;
    return 0;
}

void patch_free(struct patch *p) {
    if (!p)
        return;
    mem_free(p->text);
    mem_free(p->hunks);
    mem_free(p->lines);
    mem_free(p);
}

uint32_t patch_count(const struct patch *p) {
    return p->file_count;
}

const struct patch_file *patch_file(const struct patch *p, uint32_t i) {
    return &p->files[i];
}

// --- applying

struct old_text {
    const char **lines; // starts, with one more: the end
    uint32_t count;
    bool crlf; // all of its lines end so
};
struct applying {
    const struct patch *p;
    const struct patch_file *f;
    struct old_text old;
    uint64_t steps; // lines that were compared
    struct buf *ret;
    struct err *err;
};

static int split(const char *text, size_t n, struct old_text *ret) {
    uint32_t count = 0, crlf = 0;
    for (const char *at = text; at < text + n; count++) {
        size_t k = line_bytes(at, text + n);
        crlf += k > 0 && at[k - 1] == '\r';
        at += k + (at + k < text + n ? 1 : 0);
    }
    ret->lines = mem_alloc((count + 1) * sizeof *ret->lines);
    if (!ret->lines)
        return ERR_NOMEM;
    const char *at = text;
    for (uint32_t i = 0; i < count; i++) {
        ret->lines[i] = at;
        size_t k = line_bytes(at, text + n);
        at += k + (at + k < text + n ? 1 : 0);
    }
    ret->lines[count] = text + n;
    ret->count = count;
    ret->crlf = count > 0 && crlf == count;
    return 0;
}

// A line of the file without its end.
static size_t plain_bytes(const struct old_text *o, uint32_t i) {
    size_t n = (size_t)(o->lines[i + 1] - o->lines[i]);
    if (n && o->lines[i][n - 1] == '\n')
        n--;
    return o->crlf && n && o->lines[i][n - 1] == '\r' ? n - 1 : n;
}

static size_t wanted_bytes(const struct old_text *o, const struct line *l) {
    return o->crlf && l->bytes && l->text[l->bytes - 1] == '\r' ? l->bytes - 1 : l->bytes;
}

static bool same(const struct old_text *o, uint32_t at, const struct line *l) {
    size_t n = wanted_bytes(o, l);
    return plain_bytes(o, at) == n && memcmp(o->lines[at], l->text, n) == 0;
}

static uint32_t old_lines(const struct applying *a, const struct hunk *h) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->line_count; i++)
        n += a->p->lines[h->first_line + i].sign != '+';
    return n;
}

static bool fits(struct applying *a, const struct hunk *h, uint32_t at, uint32_t need) {
    if (need > a->old.count || at > a->old.count - need)
        return false;
    for (uint32_t i = 0; i < h->line_count; i++) {
        const struct line *l = &a->p->lines[h->first_line + i];
        a->steps += 1 + l->bytes / STEP_BYTES;
        if (l->sign != '+' && !same(&a->old, at++, l))
            return false;
    }
    return true;
}

// Where the hunk stands, lines from 0, not before `from`.
static int place(struct applying *a, uint32_t number, const struct hunk *h, uint32_t from,
                 uint32_t *ret) {
    uint32_t need = old_lines(a, h), found = 0, first = 0, second = 0;
    const char *path = a->f->path;
    if (need == 0) {
        // "-5,0" stands behind line 5. Without any old line there is nothing else to go by.
        if (h->start > a->old.count || h->start < from || (h->start == 0 && a->old.count))
            return err_set(a->err, ERR_INVAL,
                           "%s, hunk %u (line %u of the patch): it only adds, and its number says "
                           "no place in the file",
                           path, number, h->at);
        *ret = h->start;
        return 0;
    }
    if (h->start > from && fits(a, h, h->start - 1, need)) {
        *ret = h->start - 1;
        return 0;
    }
    for (uint32_t at = from; found < 2 && a->old.count >= need && at <= a->old.count - need; at++) {
        if (fits(a, h, at, need)) {
            second = at;
            first = found++ ? first : at;
        }
        if (a->steps > STEPS_MAX)
            return err_set(a->err, ERR_LIMIT,
                           "%s, hunk %u (line %u of the patch): its place takes too long to find; "
                           "right line numbers are needed",
                           path, number, h->at);
    }
    if (found == 1) {
        *ret = first;
        return 0;
    }
    if (found)
        return err_set(a->err, ERR_INVAL,
                       "%s, hunk %u (line %u of the patch): its lines stand at %u and at %u of the "
                       "file; more lines around the change are needed",
                       path, number, h->at, first + 1, second + 1);
    return err_set(a->err, ERR_INVAL,
                   "%s, hunk %u (line %u of the patch): its lines are not in the file%s", path,
                   number, h->at, from ? " behind the hunk before" : "");
}

static void put_old(struct applying *a, uint32_t from, uint32_t to) {
    (void)buf_append(a->ret, a->old.lines[from], (size_t)(a->old.lines[to] - a->old.lines[from]));
}

// What stands last in the file may lack its end; a line that comes behind it does not.
static void put_end(struct applying *a) {
    if (a->ret->len && a->ret->data[a->ret->len - 1] != '\n')
        (void)buf_puts(a->ret, a->old.crlf ? "\r\n" : "\n");
}

static uint32_t put_hunk(struct applying *a, const struct hunk *h, uint32_t at) {
    for (uint32_t i = 0; i < h->line_count; i++) {
        const struct line *l = &a->p->lines[h->first_line + i];
        if (l->sign == ' ') {
            put_end(a);
            put_old(a, at, at + 1);
        }
        if (l->sign == '+') {
            put_end(a);
            (void)buf_append(a->ret, l->text, wanted_bytes(&a->old, l));
            if (!l->no_end)
                (void)buf_puts(a->ret, a->old.crlf ? "\r\n" : "\n");
        }
        at += l->sign != '+';
    }
    return at;
}

static int apply_hunks(struct applying *a) {
    uint32_t from = 0;
    for (uint32_t i = 0; i < a->f->hunk_count; i++) {
        const struct hunk *h = &a->p->hunks[a->f->first_hunk + i];
        uint32_t at = 0;
        int r = place(a, i + 1, h, from, &at);
        if (r < 0)
            return r;
        if (at > from)
            put_end(a);
        put_old(a, from, at);
        from = put_hunk(a, h, at);
    }
    if (a->f->kind == PATCH_DELETE) {
        bool whole = a->f->hunk_count == 0 || (from == a->old.count && a->ret->len == 0);
        buf_clear(a->ret);
        return whole ? 0
                     : err_set(a->err, ERR_INVAL, "%s is deleted, but the patch leaves lines of it",
                               a->f->path);
    }
    if (from < a->old.count)
        put_end(a);
    put_old(a, from, a->old.count);
    return 0;
}

int patch_apply(const struct patch *p, uint32_t i, const char *old, size_t old_bytes,
                struct buf *ret, struct err *err) {
    struct applying a = {.p = p, .f = &p->files[i], .ret = ret, .err = err};
    if (old_bytes > PATCH_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s is larger than %d MB", a.f->path,
                       PATCH_FILE_BYTES_MAX >> 20);
    buf_clear(ret);
    ret->max = PATCH_FILE_BYTES_MAX;
    int r = split(old_bytes ? old : "", old_bytes, &a.old);
    if (r == 0)
        r = apply_hunks(&a);
    else
        (void)err_set(err, r, "out of memory");
    mem_free(a.old.lines);
    if (r == 0 && ret->failed)
        return err_set(err, ERR_LIMIT, "%s becomes too large", a.f->path);
    return r;
}
