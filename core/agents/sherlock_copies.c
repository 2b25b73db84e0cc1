// Code that stands twice: pairs of the whole tree, worked out once for its contents (derived.h),
// of which a question shows those it is about.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/code/clones.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COPIES_VERSION = 4,
    COPY_TOKENS_MIN = 70,
    NEWS_TOKENS_MIN = 100, // what a change is told of: the sizes of SonarSource
    NEWS_LINES_MIN = 10,
    COPIES_SHOWN = 200,
    PAIRS_MAX = 2000,
    NAMED_FIRST = COPIES_SHOWN, // pairs whose names are worked out along with them
    LINES_MAX = 400,            // of a copy that are compared
    SAME_PERCENT_MIN = 60,
    KNOWN_PERCENT = 40 // of a copy that the change took from elsewhere: so much is no news
};

struct copy_end {   // one of the two places
    bool known;     // the next two are
    bool ignored;   // a comment there says so
    uint64_t print; // name of the finding
};
struct copy {
    struct clone_pair pair; // files by their number in `sources`
    struct copy_end a, b;
};
struct copies {
    const struct snapshot *s;
    struct clone_source *sources; // their `file`: of the snapshot
    uint32_t source_count;
    struct copy *list;
    uint32_t count;
    struct buf text; // of the file that is read
    bool changed;    // one could not be read: its content is another by now
};

static const struct snapshot_file *file_of(const struct copies *c, uint32_t source) {
    return snapshot_file(c->s, c->sources[source].file);
}

static int copy_text(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                     size_t *ret_bytes) {
    struct copies *c = ctx;
    buf_clear(&c->text);
    int r = snapshot_text(c->s, file, &c->text, NULL);
    c->changed |= r < 0;
    *ret_lang = snapshot_file(c->s, file)->lang;
    *ret_text = c->text.len ? c->text.data : "";
    *ret_bytes = c->text.len;
    return r;
}

static bool looked_at(const struct snapshot_file *f) {
    return !(f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_TOO_LARGE |
                         FILE_UNREADABLE | FILE_SYMLINK | FILE_SUBMODULE));
}

static int collect_sources(struct copies *c, struct err *err) {
    uint32_t n = snapshot_count(c->s);
    c->sources = mem_alloc((n + 1) * sizeof *c->sources);
    if (!c->sources)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        const struct snapshot_file *f = snapshot_file(c->s, i);
        // A test may repeat itself: what it says plainly twice is easier to read than what it
        // shares. An example has to stand alone.
        if (f->facts && f->facts->clone_count && looked_at(f) && language_is_code(f->lang) &&
            !(f->flags & (FILE_TEST | FILE_EXAMPLE | FILE_DOCUMENT)))
            c->sources[c->source_count++] =
                (struct clone_source){facts_clone(f->facts, 0), f->facts->clone_count, i};
    }
    return 0;
}

// --- the pairs ---------------------------------------------------------------------------------

static void name_end(struct copies *c, uint32_t source, uint32_t line, struct copy_end *ret) {
    const char *path = file_of(c, source)->path, *text = c->text.len ? c->text.data : "";
    ret->known = true;
    ret->ignored = finding_ignored(text, c->text.len, line, &review_copied);
    ret->print = finding_print(&review_copied, path, text, c->text.len, line);
}

// Of the longest pairs: each file is read once.
static void name_first(struct copies *c) {
    uint32_t count = c->count < NAMED_FIRST ? c->count : NAMED_FIRST;
    for (uint32_t i = 0; i < 2 * count; i++) {
        const struct copy *x = &c->list[i / 2];
        uint32_t source = i % 2 ? x->pair.file_b : x->pair.file_a;
        if (i % 2 ? x->b.known : x->a.known)
            continue;
        buf_clear(&c->text);
        if (snapshot_text(c->s, c->sources[source].file, &c->text, NULL) < 0) {
            c->changed = true;
            continue;
        }
        for (uint32_t k = i / 2; k < count; k++) {
            struct copy *y = &c->list[k];
            if (y->pair.file_a == source)
                name_end(c, source, y->pair.line_a, &y->a);
            if (y->pair.file_b == source)
                name_end(c, source, y->pair.line_b, &y->b);
        }
    }
}

static uint32_t source_of(const struct copies *c, uint32_t file) {
    uint32_t low = 0, high = c->source_count;
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->sources[middle].file <= file)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// --- worth telling -----------------------------------------------------------------------------

// Lines `line` to `end_line` of a text.
static const char *cut_lines(const struct buf *text, uint32_t line, uint32_t end_line,
                             size_t *ret_bytes) {
    const char *at = text->len ? text->data : "", *end = at + text->len, *from = end;
    for (uint32_t k = 1; k <= end_line && at < end; k++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        from = k == line ? at : from;
        at = eol ? eol + 1 : end;
    }
    *ret_bytes = from < at ? (size_t)(at - from) : 0;
    return from;
}

struct lines {        // what is said at one end of a pair
    uint64_t *hashes; // of each line with something on it, without layout; sorted
    uint32_t count;
    bool known, never; // never: nobody is to be told of it
};

// FNV-1a
static uint32_t hash_lines(const char *at, size_t bytes, uint64_t *hashes) {
    const char *end = at + bytes;
    uint32_t n = 0;
    for (; at < end && n < LINES_MAX; at++) {
        uint64_t h = 14695981039346656037u;
        bool says = false;
        for (; at < end && *at != '\n'; at++) {
            if (*at == ' ' || *at == '\t' || *at == '\r')
                continue;
            says |= *at != '{' && *at != '}' && *at != ')' && *at != ';';
            h = (h ^ (unsigned char)*at) * 1099511628211u;
        }
        if (says)
            hashes[n++] = h;
    }
    return n;
}

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// #ifdef X_TEST … is open there: tests at the end of what they test.
static bool in_c_tests(const char *text, size_t n) {
    int depth = 0; // of conditions inside of it; 0: not in one
    for (const char *at = text, *end = text + n; at < end;) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((eol ? eol : end) - at);
        bool begins = bytes > 3 && memcmp(at, "#if", 3) == 0;
        if (depth || (begins && memmem(at, bytes, "TEST", 4)))
            depth += begins - (bytes >= 6 && memcmp(at, "#endif", 6) == 0);
        at += bytes + 1;
    }
    return depth > 0;
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// One of a table, of fields, of parameters: ends in a comma and calls nothing.
static bool is_entry(const char *line, size_t n) {
    if (!n || line[n - 1] != ',')
        return false;
    for (size_t i = 1; i < n; i++)
        if (line[i] == '(' && is_name(line[i - 1]))
            return false;
    return true;
}

// Mostly entries: data, or a signature that has to be repeated.
static bool is_list(const char *text, size_t bytes) {
    uint32_t lines = 0, entries = 0;
    for (const char *at = text, *end = text + bytes; at < end;) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        const char *from = at, *to = eol ? eol : end;
        at = to + (eol != NULL);
        while (to > from && strchr(" \t\r", to[-1]))
            to--;
        while (from < to && strchr(" \t{}()[];", *from))
            from++;
        lines += from < to;
        entries += from < to && is_entry(from, (size_t)(to - from));
    }
    return entries * 2 >= lines;
}

static bool in_tests(enum lang lang, const char *text, size_t before) {
    if (lang == LANG_C || lang == LANG_CPP)
        return in_c_tests(text, before);
    return lang == LANG_RUST && memmem(text, before, "#[cfg(test)]", 12);
}

bool text_in_tests(enum lang lang, const char *text, size_t bytes, uint32_t line) {
    const char *at = text, *end = text + bytes;
    for (; line > 1 && at < end; line--) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        at = eol ? eol + 1 : end;
    }
    return at > text && in_tests(lang, text, (size_t)(at - text));
}

// Declarations of C without a body, which a header and its source have to repeat; tests of Rust,
// which stand in the file that they test, as some of C do.
static bool is_never(enum lang lang, const struct buf *text, const char *from, size_t bytes) {
    size_t before = bytes ? (size_t)(from - text->data) : 0;
    if ((lang == LANG_C || lang == LANG_CPP) && !memchr(from, '{', bytes))
        return true;
    return before && in_tests(lang, text->data, before);
}

static int read_end(struct copies *c, uint32_t source, uint32_t line, uint32_t end_line,
                    struct lines *ret) {
    uint64_t hashes[LINES_MAX];
    size_t bytes;
    const char *from = cut_lines(&c->text, line, end_line, &bytes);
    ret->known = true;
    ret->never = is_never(file_of(c, source)->lang, &c->text, from, bytes) || is_list(from, bytes);
    ret->count = hash_lines(from, bytes, hashes);
    ret->hashes = mem_alloc((ret->count + 1) * sizeof *ret->hashes);
    if (!ret->hashes)
        return ERR_NOMEM;
    if (ret->count)
        memcpy(ret->hashes, hashes, ret->count * sizeof *hashes);
    qsort(ret->hashes, ret->count, sizeof *ret->hashes, compare_hashes);
    return 0;
}

// Both ends of each pair; each file is read once.
static int read_ends(struct copies *c, struct lines *ends) {
    for (uint32_t i = 0; i < 2 * c->count; i++) {
        uint32_t source = i % 2 ? c->list[i / 2].pair.file_b : c->list[i / 2].pair.file_a;
        if (ends[i].known)
            continue;
        buf_clear(&c->text);
        c->changed |= snapshot_text(c->s, c->sources[source].file, &c->text, NULL) < 0;
        for (uint32_t k = i / 2; k < c->count; k++) {
            const struct clone_pair *p = &c->list[k].pair;
            int r = 0;
            if (p->file_a == source)
                r = read_end(c, source, p->line_a, p->end_line_a, &ends[2 * k]);
            if (r == 0 && p->file_b == source)
                r = read_end(c, source, p->line_b, p->end_line_b, &ends[2 * k + 1]);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

// Fingerprints do not look at literals: what differs in most of its lines is a table that is
// written as code.
static bool is_telling(const struct lines *a, const struct lines *b) {
    uint32_t same = 0;
    for (uint32_t i = 0; i < b->count; i++)
        same += a->count && bsearch(&b->hashes[i], a->hashes, a->count, sizeof *a->hashes,
                                    compare_hashes) != NULL;
    return !a->never && !b->never && same * 100 >= b->count * SAME_PERCENT_MIN;
}

static int keep_telling(struct copies *c, struct err *err) {
    struct lines *ends = mem_zalloc((2 * c->count + 1) * sizeof *ends);
    int r = ends ? read_ends(c, ends) : ERR_NOMEM;
    uint32_t kept = 0;
    for (uint32_t i = 0; r == 0 && i < c->count; i++)
        if (is_telling(&ends[2 * i], &ends[2 * i + 1]))
            c->list[kept++] = c->list[i];
    for (uint32_t i = 0; ends && i < 2 * c->count; i++)
        mem_free(ends[i].hashes);
    mem_free(ends);
    c->count = r == 0 ? kept : c->count;
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int find_pairs(struct copies *c, struct err *err) {
    AUTO_FREE struct clone_pair *pairs = NULL;
    struct clone_options o = {.tokens_min = COPY_TOKENS_MIN,
                              .pairs_max = PAIRS_MAX,
                              .only_file = -1,
                              .text = copy_text,
                              .ctx = c};
    uint32_t count = 0;
    int r = clones_match(c->sources, c->source_count, &o, &pairs, &count, err);
    if (r < 0)
        return r;
    c->list = mem_zalloc((count + 1) * sizeof *c->list);
    if (!c->list)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (; c->count < count; c->count++) {
        struct clone_pair *p = &c->list[c->count].pair;
        *p = pairs[c->count];
        p->file_a = source_of(c, p->file_a);
        p->file_b = source_of(c, p->file_b);
    }
    r = keep_telling(c, err);
    if (r == 0)
        name_first(c);
    return r;
}

// --- kept --------------------------------------------------------------------------------------

// All that the pairs follow from: which files, under which names, with which content. false: one
// has not been read.
static bool key_of(const struct copies *c, const struct derived *d, struct derived_key *ret) {
    static const uint8_t unread[FACTS_HASH_BYTES] = {0};
    AUTO_BUF all = BUF_INIT(0);
    for (uint32_t i = 0; i < c->source_count; i++) {
        const struct snapshot_file *f = file_of(c, i);
        if (memcmp(f->hash, unread, sizeof unread) == 0)
            return false;
        (void)buf_append(&all, f->hash, sizeof f->hash);
        (void)buf_append(&all, &f->lang, sizeof f->lang);
        (void)buf_append(&all, f->path, strlen(f->path) + 1);
    }
    const struct derived_part part = {all.data, all.len};
    *ret = derived_key(d, DERIVED_COPIES, COPIES_VERSION, &part, 1);
    return !all.failed;
}

static bool take_kept(struct copies *c, const struct buf *kept) {
    uint32_t count = (uint32_t)(kept->len / sizeof *c->list);
    if (kept->len % sizeof *c->list)
        return false;
    c->list = mem_alloc((count + 1) * sizeof *c->list);
    if (!c->list)
        return false;
    if (count)
        memcpy(c->list, kept->data, kept->len);
    c->count = count;
    for (uint32_t i = 0; i < count; i++)
        if (c->list[i].pair.file_a >= c->source_count || c->list[i].pair.file_b >= c->source_count)
            return false;
    return true;
}

static int get_pairs(struct copies *c, struct derived *d, struct err *err) {
    struct derived_key key;
    AUTO_BUF kept = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    bool keyed = d && key_of(c, d, &key);
    if (keyed && derived_get(d, &key, &kept)) {
        if (take_kept(c, &kept))
            return 0;
        mem_free(c->list);
        c->list = NULL;
        c->count = 0;
    }
    int r = find_pairs(c, err);
    if (r == 0 && keyed && !c->changed)
        derived_put(d, &key, c->list, c->count * sizeof *c->list);
    return r;
}

// --- shown -------------------------------------------------------------------------------------

static int add_copy(struct findings *out, struct copies *c, struct copy *x, bool second,
                    struct err *err) {
    const struct clone_pair *p = &x->pair;
    struct copy_end *at = second ? &x->b : &x->a;
    uint32_t source = second ? p->file_b : p->file_a, other = second ? p->file_a : p->file_b;
    uint32_t line = second ? p->line_b : p->line_a, end = second ? p->end_line_b : p->end_line_a;
    struct finding f = {.rule = &review_copied, .line = line, .end_line = end};
    (void)snprintf(f.message, sizeof f.message, "lines %u-%u stand at %s:%u-%u too (%u tokens)",
                   line, end, file_of(c, other)->path, second ? p->line_a : p->line_b,
                   second ? p->end_line_a : p->end_line_b, p->tokens);
    if (!at->known) {
        buf_clear(&c->text);
        if (snapshot_text(c->s, c->sources[source].file, &c->text, NULL) < 0)
            return 0;
        name_end(c, source, line, at);
    }
    if (at->ignored) {
        out->ignored++;
        return 0;
    }
    return findings_add(out, &f, file_of(c, source)->path, at->print, err);
}

static bool mostly_added(const struct diff *d, const char *path, uint32_t line, uint32_t end_line) {
    const struct diff_file *f = diff_find(d, path);
    uint32_t added = 0, lines = end_line - line + 1;
    for (uint32_t h = 0; f && h < f->hunk_count; h++) {
        const struct diff_hunk *k = &d->hunks[f->first_hunk + h];
        uint32_t from = k->new_start > line ? k->new_start : line;
        uint32_t to =
            k->new_start + k->new_count < end_line + 1 ? k->new_start + k->new_count : end_line + 1;
        added += to > from ? to - from : 0;
    }
    return added * 10 >= lines * 7;
}

// Of a change: the copy is new when most of its lines were added, and not many of them came
// from elsewhere (edited on the way, perhaps). 0 or 1, or ERR_NOMEM.
static int is_new(struct copies *c, const struct diff *d, struct news_removed *removed,
                  uint32_t source, uint32_t line, uint32_t end_line, struct err *err) {
    unsigned known = 0;
    if (!mostly_added(d, file_of(c, source)->path, line, end_line))
        return 0;
    buf_clear(&c->text);
    if (snapshot_text(c->s, c->sources[source].file, &c->text, NULL) < 0)
        return 0;
    const struct news_piece piece = {c->text.len ? c->text.data : "", c->text.len, line, end_line};
    int r = news_known_percent(removed, d, NULL, piece, &known, err);
    return r < 0 ? r : known < KNOWN_PERCENT;
}

static bool is_news_size(const struct clone_pair *p) {
    return p->tokens >= NEWS_TOKENS_MIN && p->end_line_a - p->line_a + 1 >= NEWS_LINES_MIN &&
           p->end_line_b - p->line_b + 1 >= NEWS_LINES_MIN;
}

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

int copies_find(const struct snapshot *s, struct derived *known, const struct diff *d,
                struct news_removed *removed, const char *under, struct findings *out,
                struct err *err) {
    struct copies c = {.s = s, .text = BUF_INIT(INDEX_FILE_BYTES_MAX)};
    uint32_t shown = 0;
    int r = collect_sources(&c, err);
    if (r == 0)
        r = get_pairs(&c, known, err);
    for (uint32_t i = 0; r == 0 && i < c.count && shown < COPIES_SHOWN; i++) {
        struct copy *x = &c.list[i];
        const struct clone_pair *p = &x->pair;
        const char *a = file_of(&c, p->file_a)->path, *b = file_of(&c, p->file_b)->path;
        if (d && !is_news_size(p))
            continue;
        int new_b =
            d ? is_new(&c, d, removed, p->file_b, p->line_b, p->end_line_b, err) : below(b, under);
        int new_a = new_b || !d ? below(a, under)
                                : is_new(&c, d, removed, p->file_a, p->line_a, p->end_line_a, err);
        r = new_a < 0 ? new_a : new_b < 0 ? new_b : 0;
        if (r < 0 || (!new_a && !new_b))
            continue;
        shown++;
        r = add_copy(out, &c, x, new_b > 0, err);
    }
    mem_free(c.list);
    mem_free(c.sources);
    buf_done(&c.text);
    return r;
}
