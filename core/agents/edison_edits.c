// Edits that the history made again and again. Of each commit that mended or rebuilt something,
// each small hunk inside of a function teaches: the function as it is after the commit, and the
// same with the hunk taken back. What is left of that is text without anybody's names
// (docs/PATTERNS.md), kept by the commit's id; so a new commit costs a look at that commit.
#include "core/agents/edison_mined.h"

#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/base/wire.h"
#include "core/code/secrets.h"
#include "core/workspace/classify.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EDITS_VERSION = 1,
    COMMITS_AT_ONCE = 64,   // in one run of git, which keeps what it unpacked
    COMMIT_FILES_MAX = 300, // a larger one moved or reformatted things
    COMMIT_DIFF_BYTES_MAX = 1024 * 1024,
    FILES_AT_ONCE = 64, // read together, and looked at by several threads
    WINDOW_BYTES_MAX = 16 * 1024 * 1024,
    FILE_BYTES_MAX = 1024 * 1024,
    COMMIT_EDITS_MAX = 400,
    HUNK_LINES_MAX = 12, // a pattern has four statements a side

    FUNCTION_BYTES_MAX = 16 * 1024,
    ALL_EDITS_MAX = 40 * 1000,
    EDIT_FILES_MIN = 3, // that it was made in
    EDIT_TIMES_MIN = 6, // or so many times in fewer
    FEW_FILES_MIN = 2   // and in so many in any case
};

struct commit { // that is looked at
    char id[GIT_ID_CHARS_MAX + 1];
    struct buf edits; // of each: language, hash of the path, text
    bool known;
};
struct edits {
    struct agent_call *call;
    struct git *git;
    struct miner *miners[CREW_MAX];
    struct commit *commits;
    uint32_t count;
};

// --- which commits -----------------------------------------------------------------------------

static bool has_word(const char *subject, const char *word) {
    size_t n = strlen(word);
    for (const char *at = subject; (at = strcasestr(at, word)); at += n)
        if (at == subject || !isalpha((unsigned char)at[-1]))
            return true;
    return false;
}

// What rebuilds says so, and it is where calls are exchanged for others.
static bool rebuilds(const struct history_commit *c) {
    static const char *const words[] = {"refactor", "replac", "convert", "migrat",   "simplif",
                                        "clean",    "use ",   "avoid",   "moderniz", "prefer "};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (has_word(c->subject, words[i]))
            return true;
    return false;
}

static bool readable(const struct history_commit *c) {
    return !(c->flags & (HISTORY_MERGE | HISTORY_REVERT | HISTORY_REVERTED | HISTORY_CUT)) &&
           c->parent_count == 1 && c->file_count && c->file_count <= COMMIT_FILES_MAX;
}

// The newest of both kinds, so that many small repairs do not push the others out.
static int choose(struct edits *x, const struct history *h, struct err *err) {
    uint32_t mended = 0, rebuilt = 0;
    x->commits = mem_zalloc(EDITS_COMMITS_MAX * sizeof *x->commits);
    if (!x->commits)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < history_commit_count(h) && x->count < EDITS_COMMITS_MAX; i++) {
        struct history_commit c;
        history_commit(h, i, &c);
        if (!readable(&c))
            continue;
        bool rebuild = rebuilds(&c);
        if (!rebuild && !(c.flags & HISTORY_FIX))
            continue;
        if ((rebuild ? rebuilt++ : mended++) >= EDITS_COMMITS_MAX / 2)
            continue;
        struct commit *to = &x->commits[x->count++];
        *to = (struct commit){.edits = BUF_INIT(DERIVED_VALUE_BYTES_MAX)};
        memcpy(to->id, c.id, sizeof to->id);
    }
    return 0;
}

// --- one file ----------------------------------------------------------------------------------

struct look { // at one file of a commit
    struct diff *diff;
    const struct diff_file *file;
    uint32_t commit; // of the batch
    struct buf text, edits;
    uint32_t edit_count;
    bool late; // its text comes with the next window
};
struct batch {
    struct edits *all;
    struct buf diffs[COMMITS_AT_ONCE]; // by their place in the batch
    struct diff *parsed[COMMITS_AT_ONCE];
    uint32_t edit_count[COMMITS_AT_ONCE];
    uint32_t first, count;
    struct look *looks; // in order of the commits
    uint32_t look_count;
    uint32_t window; // the first of those that are looked at together
    size_t bytes;
    const char *ids[FILES_AT_ONCE];
};

static uint64_t hash_text(const char *s) { // FNV-1a
    uint64_t h = 14695981039346656037u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static const char *line_at(const char *at, const char *end, uint32_t lines) {
    for (; lines && at < end; lines--) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        at = eol ? eol + 1 : end;
    }
    return at;
}

static int stop(void *ctx, const struct secret_finding *f) {
    (void)ctx, (void)f;
    return 1;
}

// A method by itself is no program in these languages.
static bool needs_class(enum lang lang, const struct fact_symbol *y) {
    return y->kind == SYMBOL_METHOD && (lang == LANG_JAVA || lang == LANG_JAVASCRIPT ||
                                        lang == LANG_TYPESCRIPT || lang == LANG_TSX);
}

// The lines that the hunk took out stand where its new ones are now.
static void put_before(struct buf *b, const char *from, const char *to, const char *first,
                       const char *behind, const struct diff_hunk *h) {
    (void)buf_append(b, from, (size_t)(first - from));
    const char *at = h->text, *end = h->text + h->text_bytes;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        const char *next = eol ? eol + 1 : end;
        if (*at == '-')
            (void)buf_append(b, at + 1, (size_t)(next - at) - 1);
        at = next;
    }
    (void)buf_append(b, behind, (size_t)(to - behind));
}

static int learn(struct look *l, struct miner *miner, enum lang lang, const struct fact_symbol *y,
                 const struct diff_hunk *h, uint32_t first_line, struct err *err) {
    const char *from = l->text.data + y->start, *to = l->text.data + y->end;
    uint32_t into = h->new_start - first_line + (h->new_count ? 0 : 1);
    const char *first = line_at(from, to, into), *behind = line_at(first, to, h->new_count);
    const char *path = l->file->new_path;
    AUTO_BUF before = BUF_INIT(2 * FUNCTION_BYTES_MAX);
    AUTO_BUF after = BUF_INIT(2 * FUNCTION_BYTES_MAX);
    AUTO_BUF edit = BUF_INIT(PATTERN_TEXT_BYTES_MAX);
    bool wrap = needs_class(lang, y);
    if (wrap) {
        (void)buf_puts(&before, "class A {\n");
        (void)buf_puts(&after, "class A {\n");
    }
    put_before(&before, from, to, first, behind, h);
    (void)buf_append(&after, from, (size_t)(to - from));
    if (wrap) {
        (void)buf_puts(&before, "\n}\n");
        (void)buf_puts(&after, "\n}\n");
    }
    if (before.failed || after.failed || !before.len || !after.len ||
        secrets_scan(before.data, before.len, path, stop, NULL) != 0)
        return 0;
    int r =
        miner_edit_text(miner, lang, before.data, before.len, after.data, after.len, &edit, err);
    if (r < 0 || !edit.len)
        return r == ERR_NOMEM ? r : 0;
    wire_put_u32(&l->edits, lang);
    wire_put_u64(&l->edits, hash_text(path));
    wire_put_text(&l->edits, edit.data, edit.len);
    l->edit_count++;
    return l->edits.failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// The innermost function that holds all of the hunk below its first line.
static const struct fact_symbol *function_around(const struct facts *f, const struct diff_hunk *h,
                                                 const char *text, uint32_t *ret_first) {
    uint32_t from = h->new_start, to = h->new_count ? from + h->new_count - 1 : from + 1;
    const struct fact_symbol *best = NULL;
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if (y->kind != SYMBOL_FUNCTION && y->kind != SYMBOL_METHOD && y->kind != SYMBOL_TEST)
            continue;
        if ((y->flags & SYMBOL_DECLARATION) || y->line >= from || y->end_line < to ||
            y->end - y->start > FUNCTION_BYTES_MAX || y->end > f->text_bytes)
            continue;
        if (!best || y->end - y->start < best->end - best->start)
            best = y;
    }
    if (!best)
        return NULL;
    uint32_t lines = 0; // behind its first one, which may stand above the one with its name
    for (uint32_t i = best->start; i + 1 < best->end; i++)
        lines += text[i] == '\n';
    *ret_first = best->end_line - lines;
    return *ret_first < from ? best : NULL;
}

// What only adds says nothing of a form that was there before.
static bool may_teach(const struct diff_hunk *h) {
    return h->old_count && h->old_count <= HUNK_LINES_MAX && h->new_count <= HUNK_LINES_MAX;
}

static int learn_file(struct look *l, struct miner *miner, struct err *err) {
    const char *path = l->file->new_path, *text = l->text.data;
    size_t n = l->text.len;
    enum lang lang = language_of(path, text, n);
    struct facts *facts = NULL;
    const struct facts_options o = {
        .path = path, .no_findings = true, .no_words = true, .no_clones = true};
    if (!language_has_tree(lang) ||
        classify_content(lang, text, n) & (FILE_GENERATED | FILE_BINARY) ||
        secrets_scan(text, n, path, stop, NULL) != 0)
        return 0;
    int r = facts_from_text(lang, text, n, &o, &facts, err);
    if (r < 0)
        return r == ERR_NOMEM ? r : 0;
    for (uint32_t i = 0; r == 0 && i < l->file->hunk_count; i++) {
        const struct diff_hunk *h = &l->diff->hunks[l->file->first_hunk + i];
        uint32_t first = 0;
        const struct fact_symbol *y = may_teach(h) ? function_around(facts, h, text, &first) : NULL;
        if (y && l->edit_count < COMMIT_EDITS_MAX)
            r = learn(l, miner, lang, y, h, first, err);
    }
    mem_free(facts);
    return r;
}

static int look_at(void *ctx, unsigned worker, uint32_t i) {
    struct batch *b = ctx;
    struct look *l = &b->looks[b->window + i];
    struct miner **miner = &b->all->miners[worker];
    if (agent_cancelled(b->all->call))
        return ERR_CANCELLED;
    if (!*miner && !(*miner = miner_new(NULL)))
        return ERR_NOMEM;
    return l->text.len ? learn_file(l, *miner, NULL) : 0;
}

// --- some commits ------------------------------------------------------------------------------

static bool teaches_file(const struct diff *d, const struct diff_file *f) {
    const uint16_t others = FILE_VENDORED | FILE_GENERATED | FILE_TEST | FILE_EXAMPLE;
    bool any = false;
    if (f->status != DIFF_MODIFIED || !f->new_path || !f->old_path || f->binary || !f->new_id ||
        (classify_path(f->new_path, strlen(f->new_path)) & others) ||
        !language_has_tree(language_of(f->new_path, NULL, 0)))
        return false;
    for (uint32_t i = 0; i < f->hunk_count && !any; i++)
        any = may_teach(&d->hunks[f->first_hunk + i]);
    return any;
}

// git is busy with its list: what it says is looked at when it has said all.
static int take_change(void *ctx, const char *id, const char *text, size_t n, struct err *err) {
    struct batch *b = ctx;
    for (uint32_t i = 0; text && i < b->count; i++)
        if (strcmp(b->all->commits[b->first + i].id, id) == 0)
            return buf_append(&b->diffs[i], text, n) < 0 ? err_set(err, ERR_NOMEM, "out of memory")
                                                         : 0;
    return 0;
}

static int list_looks(struct batch *b, struct err *err) {
    b->looks = mem_zalloc(COMMITS_AT_ONCE * COMMIT_FILES_MAX * sizeof *b->looks);
    if (!b->looks)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t count = 0;
        if (!b->diffs[i].len)
            continue;
        int r = diff_parse(b->diffs[i].data, b->diffs[i].len, &b->parsed[i], NULL);
        if (r == ERR_NOMEM)
            return err_set(err, r, "out of memory");
        for (uint32_t k = 0; r == 0 && k < b->parsed[i]->file_count; k++) {
            const struct diff_file *f = &b->parsed[i]->files[k];
            if (count == COMMIT_FILES_MAX || !teaches_file(b->parsed[i], f) ||
                strlen(f->new_id) != git_id_chars(b->all->git))
                continue; // what cannot be read teaches nothing
            b->looks[b->look_count++] = (struct look){.diff = b->parsed[i],
                                                      .file = f,
                                                      .commit = i,
                                                      .text = BUF_INIT(FILE_BYTES_MAX),
                                                      .edits = BUF_INIT(DERIVED_VALUE_BYTES_MAX)};
            count++;
        }
    }
    return 0;
}

static int take_blob(void *ctx, size_t i, const char *bytes, size_t n, struct err *err) {
    struct batch *b = ctx;
    struct look *l = &b->looks[b->window + i];
    if (agent_cancelled(b->all->call))
        return err_set(err, ERR_CANCELLED, "cancelled");
    if (!bytes || !n)
        return 0;
    l->late = b->bytes + n > WINDOW_BYTES_MAX;
    if (l->late)
        return 0;
    b->bytes += n;
    return buf_append(&l->text, bytes, n) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// *ret_count: files; the next window begins behind them.
static int look_at_window(struct batch *b, uint32_t *ret_count, struct err *err) {
    uint32_t left = b->look_count - b->window, count = left < FILES_AT_ONCE ? left : FILES_AT_ONCE;
    b->bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        b->ids[i] = b->looks[b->window + i].file->new_id;
    int r = git_blobs(b->all->git, b->ids, count, FILE_BYTES_MAX, take_blob, b, err);
    if (r == ERR_NOMEM || r == ERR_CANCELLED)
        return r;
    for (uint32_t i = 1; i < count; i++)
        if (b->looks[b->window + i].late)
            count = i;
    r = crew_run(count, look_at, b);
    if (r < 0)
        return err_set(err, r, r == ERR_CANCELLED ? "cancelled" : "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        struct look *l = &b->looks[b->window + i];
        struct buf *to = &b->all->commits[b->first + l->commit].edits;
        buf_done(&l->text);
        if (b->edit_count[l->commit] + l->edit_count > COMMIT_EDITS_MAX)
            continue;
        b->edit_count[l->commit] += l->edit_count;
        if (l->edits.len && buf_append(to, l->edits.data, l->edits.len) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        buf_done(&l->edits);
    }
    for (uint32_t i = b->window + count; i < b->look_count; i++)
        buf_clear(&b->looks[i].text); // behind one that is late
    *ret_count = count;
    return 0;
}

static struct derived_key key_of(const struct derived *d, const struct commit *c) {
    const struct derived_part part = DERIVED_TEXT(c->id);
    return derived_key(d, DERIVED_EDITS, EDITS_VERSION, &part, 1);
}

static int look_at_batch(struct batch *b, const char *const *ids, uint32_t id_count,
                         struct err *err) {
    struct derived *d = workspace_derived(b->all->call->ws);
    uint32_t count = 0;
    int r = git_changes(b->all->git, ids, id_count, COMMIT_DIFF_BYTES_MAX, take_change, b, err);
    if (r == 0)
        r = list_looks(b, err);
    for (b->window = 0; r == 0 && b->window < b->look_count; b->window += count)
        r = look_at_window(b, &count, err);
    for (uint32_t i = 0; r == 0 && i < b->count; i++) {
        struct commit *c = &b->all->commits[b->first + i];
        struct derived_key key = key_of(d, c);
        if (!c->known)
            derived_put(d, &key, c->edits.data, c->edits.len);
        c->known = true;
    }
    return r;
}

static void batch_done(struct batch *b) {
    for (uint32_t i = 0; i < b->look_count; i++) {
        buf_done(&b->looks[i].text);
        buf_done(&b->looks[i].edits);
    }
    mem_free(b->looks);
    for (uint32_t i = 0; i < b->count; i++) {
        buf_done(&b->diffs[i]);
        diff_free(b->parsed[i]);
    }
}

static int look_at_all(struct edits *x, struct err *err) {
    struct derived *d = workspace_derived(x->call->ws);
    struct batch *b = mem_zalloc(sizeof *b);
    const char *ids[COMMITS_AT_ONCE];
    int r = b ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < x->count; i++) {
        struct derived_key key = key_of(d, &x->commits[i]);
        x->commits[i].known = derived_get(d, &key, &x->commits[i].edits);
        if (!x->commits[i].known)
            buf_clear(&x->commits[i].edits);
    }
    for (uint32_t i = 0; r == 0 && i < x->count; i += COMMITS_AT_ONCE) {
        uint32_t unknown = 0, left = x->count - i;
        *b = (struct batch){
            .all = x, .first = i, .count = left < COMMITS_AT_ONCE ? left : COMMITS_AT_ONCE};
        for (uint32_t k = 0; k < b->count; k++) {
            b->diffs[k] = BUF_INIT(COMMIT_DIFF_BYTES_MAX);
            if (!x->commits[i + k].known)
                ids[unknown++] = x->commits[i + k].id;
        }
        if (agent_cancelled(x->call))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        else if (unknown)
            r = look_at_batch(b, ids, unknown, err);
        batch_done(b);
    }
    mem_free(b);
    return r;
}

// --- what they have in common ------------------------------------------------------------------

struct edit {
    uint64_t path;
    const char *text;
    uint32_t bytes, place, commit; // place: in order of the commits
    enum lang lang;
};

static int by_path(const void *a, const void *b) {
    const struct edit *x = a, *y = b;
    if (x->path != y->path)
        return x->path < y->path ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static struct edit *list_edits(const struct edits *x, uint32_t *ret_count) {
    struct edit *list = mem_alloc(ALL_EDITS_MAX * sizeof *list);
    uint32_t n = 0;
    for (uint32_t i = 0; list && i < x->count; i++) {
        struct wire w = wire_of(x->commits[i].edits.data, x->commits[i].edits.len);
        while (!w.failed && w.at < w.end && n < ALL_EDITS_MAX) {
            size_t bytes;
            struct edit *e = &list[n];
            *e = (struct edit){.commit = i, .place = n};
            e->lang = (enum lang)wire_u32(&w);
            e->path = wire_u64(&w);
            e->text = wire_text(&w, &bytes);
            e->bytes = (uint32_t)bytes;
            n += !w.failed;
        }
    }
    if (list && n)
        qsort(list, n, sizeof *list, by_path);
    *ret_count = n;
    return list;
}

// The newest commit that made it.
static const char *example_of(const struct edits *x, const struct edit *list, uint32_t count,
                              const struct mined *m) {
    size_t bytes = strlen(m->pattern->text);
    uint32_t newest = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (list[i].commit < newest && list[i].lang == m->pattern->lang && list[i].bytes == bytes &&
            memcmp(list[i].text, m->pattern->text, bytes) == 0)
            newest = list[i].commit;
    return newest == UINT32_MAX ? "" : x->commits[newest].id;
}

// What some commits did and others undid is no direction.
static int is_undone(struct pattern_reader *reader, const struct mined *list, uint32_t count,
                     const struct mined *m, struct err *err) {
    static const char arrow[] = "\n=>\n";
    const char *text = m->pattern->text, *at = strstr(text, arrow);
    struct pattern *back = NULL;
    bool found = false;
    if (!at)
        return 0;
    AUTO_FREE char *turned =
        mem_format("%s%s%.*s", at + sizeof arrow - 1, arrow, (int)(at - text), text);
    if (!turned)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = pattern_parse(reader, m->pattern->lang, turned, strlen(turned), &back, NULL);
    for (uint32_t i = 0; r == 0 && i < count && !found; i++)
        found = pattern_equal(back, list[i].pattern);
    pattern_free(back);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : found;
}

static int write_mined(const struct edits *x, const struct edit *list, uint32_t n,
                       struct mined *mined, uint32_t count, struct buf *ret, struct err *err) {
    struct pattern_reader *reader = pattern_reader_new();
    AUTO_FREE struct mined *good = mem_alloc((count + 1) * sizeof *good);
    AUTO_FREE const char **examples = mem_alloc((count + 1) * sizeof *examples);
    uint32_t kept = 0;
    int r = reader && good && examples ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (mined[i].files < EDIT_FILES_MIN && mined[i].count < EDIT_TIMES_MIN)
            continue;
        r = is_undone(reader, mined, count, &mined[i], err);
        if (r == 0) {
            examples[kept] = example_of(x, list, n, &mined[i]);
            good[kept++] = mined[i];
        }
        r = r > 0 ? 0 : r;
    }
    if (r == 0)
        r = idioms_write(good, examples, kept, ret, err);
    pattern_reader_free(reader);
    return r;
}

// Whoever moves a project from one call to another often does it alone: here one author is enough.
static int mine(struct edits *x, struct buf *ret, struct err *err) {
    uint32_t n = 0, count = 0;
    struct mined *mined = NULL;
    AUTO_FREE struct edit *list = list_edits(x, &n);
    struct miner *miner = miner_new(NULL);
    int r = list && miner ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < n; i++)
        r = miner_add_edit_text(miner, list[i].lang, list[i].text, list[i].bytes, NULL,
                                i > 0 && list[i].path == list[i - 1].path, err);
    const struct miner_gates gates = {.authors_min = 1, .files_min = FEW_FILES_MIN};
    if (r == 0)
        r = miner_finish(miner, &gates, &mined, &count, err);
    if (r == 0)
        r = write_mined(x, list, n, mined, count, ret, err);
    mined_free(mined, count);
    miner_free(miner);
    return r;
}

// All of it follows from which commits there are. 1: kept from before; 0: mined now, if `mined`.
static int get(struct edits *x, bool mined, struct buf *ret, struct err *err) {
    struct derived *d = workspace_derived(x->call->ws);
    AUTO_BUF ids = BUF_INIT(0);
    for (uint32_t i = 0; i < x->count; i++)
        (void)buf_printf(&ids, "%s ", x->commits[i].id);
    if (ids.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    const struct derived_part parts[] = {DERIVED_TEXT("all"), {ids.data, ids.len}};
    struct derived_key key = derived_key(d, DERIVED_EDITS, EDITS_VERSION, parts, COUNT_OF(parts));
    if (derived_get(d, &key, ret))
        return 1;
    buf_clear(ret);
    if (!mined)
        return 0;
    int r = look_at_all(x, err);
    if (r == 0)
        r = mine(x, ret, err);
    if (r == 0)
        derived_put(d, &key, ret->data, ret->len);
    return r;
}

// 1: they were known.
static int read_edits(struct agent_call *call, const struct workspace_past *past, bool mined,
                      struct idioms *ret, uint32_t *ret_commits, struct err *err) {
    struct edits x = {.call = call, .git = past->git};
    *ret = (struct idioms){.bytes = BUF_INIT(0)};
    int r = past->git ? choose(&x, past->history, err) : 0;
    bool known = false;
    if (r == 0) {
        r = get(&x, mined, &ret->bytes, err);
        known = r > 0;
    }
    if (r >= 0)
        r = ret->bytes.len ? idioms_read(ret, err) : 0;
    *ret_commits = x.count;
    for (uint32_t i = 0; i < x.count; i++)
        buf_done(&x.commits[i].edits);
    mem_free(x.commits);
    for (unsigned i = 0; i < CREW_MAX; i++)
        miner_free(x.miners[i]);
    if (r < 0)
        idioms_done(ret);
    return r < 0 ? r : known;
}

int edits_of(struct agent_call *call, const struct workspace_past *past, struct idioms *ret,
             uint32_t *ret_commits, struct err *err) {
    int r = read_edits(call, past, true, ret, ret_commits, err);
    return r < 0 ? r : 0;
}

int edits_known(struct agent_call *call, const struct workspace_past *past, struct idioms *ret,
                struct err *err) {
    uint32_t commits;
    return read_edits(call, past, false, ret, &commits, err);
}
