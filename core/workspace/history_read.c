// From `git log --raw -z` to the list of commits, and from that to files under their newest names.
#include "core/workspace/history_impl.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXTS_BYTES_MAX = 512 * 1024 * 1024, FIELDS = 8, FILES_MAX = HISTORY_PATHS_MAX };

// --- tables ------------------------------------------------------------------------------------

static int grow(void *list, uint32_t count, uint32_t *capacity, size_t size) {
    void *old, *more;
    memcpy(&old, list, sizeof old);
    if (count < *capacity)
        return 0;
    uint32_t wanted = *capacity ? *capacity * 2 : 256;
    more = mem_realloc(old, wanted * size);
    if (!more)
        return ERR_NOMEM;
    memcpy(list, &more, sizeof more);
    *capacity = wanted;
    return 0;
}

static int keep_text(struct history *h, const char *s, size_t n, uint32_t *ret) {
    *ret = (uint32_t)h->texts.len;
    int r = buf_append(&h->texts, s, n);
    return r < 0 ? r : buf_putc(&h->texts, '\0');
}

static uint32_t hash_of(const char *s, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

struct slot *history_slot(const struct history *h, const char *path, size_t n) {
    for (uint32_t at = hash_of(path, n) & h->slot_mask;; at = (at + 1) & h->slot_mask) {
        struct slot *s = &h->slots[at];
        if (s->file == HISTORY_NONE)
            return s;
        const char *own = history_text(h, s->path);
        if (strlen(own) == n && memcmp(own, path, n) == 0)
            return s;
    }
}

static int grow_slots(struct history *h, uint32_t names) {
    if (h->slots && names * 2 <= h->slot_mask)
        return 0;
    uint32_t size = h->slots ? (h->slot_mask + 1) * 2 : 4096;
    struct slot *old = h->slots, *slots = mem_alloc(size * sizeof *slots);
    uint32_t old_size = old ? h->slot_mask + 1 : 0;
    if (!slots)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < size; i++)
        slots[i].file = HISTORY_NONE;
    h->slots = slots;
    h->slot_mask = size - 1;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].file != HISTORY_NONE) {
            const char *path = history_text(h, old[i].path);
            *history_slot(h, path, strlen(path)) = old[i];
        }
    mem_free(old);
    return 0;
}

// --- the stream --------------------------------------------------------------------------------
// Records end with NUL. A commit begins with \x01 and has its fields parted by \x02; then come, for
// each file, ":modes ids status" and one path (two for a rename).

struct reader {
    struct history *h;
    struct buf record;
    uint32_t names; // in slots
    char status;    // of the file whose path comes next; 0: none
    bool second;    // the path that comes is the new one of a rename
    uint32_t old_path;
    bool cut, full;
};

static int find_author(struct history *h, const char *name, size_t name_bytes, const char *email,
                       size_t email_bytes, uint32_t *ret) {
    for (uint32_t i = h->author_count; i-- > 0;) { // the newest are the likeliest
        const char *own = history_text(h, h->authors[i].email);
        if (strlen(own) == email_bytes && memcmp(own, email, email_bytes) == 0) {
            *ret = i;
            return 0;
        }
    }
    if (h->author_count == HISTORY_AUTHORS_MAX) {
        *ret = HISTORY_AUTHORS_MAX - 1;
        return 0;
    }
    int r = grow(&h->authors, h->author_count, &h->author_capacity, sizeof *h->authors);
    if (r == 0)
        r = keep_text(h, name, name_bytes, &h->authors[h->author_count].name);
    if (r == 0)
        r = keep_text(h, email, email_bytes, &h->authors[h->author_count].email);
    *ret = h->author_count;
    h->author_count += r == 0;
    return r;
}

static bool has_word(const char *s, size_t n, const char *word) {
    size_t m = strlen(word);
    for (size_t i = 0; i + m <= n; i++)
        if ((i == 0 || !isalpha((unsigned char)s[i - 1])) &&
            (i + m == n || !isalpha((unsigned char)s[i + m])) && strncasecmp(s + i, word, m) == 0)
            return true;
    return false;
}

static unsigned flags_of(const char *subject, size_t n, uint32_t parents) {
    static const char *const fixes[] = {"fix",    "fixes",  "fixed", "fixing",     "bug",
                                        "bugs",   "bugfix", "crash", "regression", "leak",
                                        "repair", "hotfix", "fixup"};
    unsigned flags = parents > 1 ? HISTORY_MERGE : 0;
    if (n > 7 && strncasecmp(subject, "revert ", 7) == 0)
        return flags | HISTORY_REVERT;
    for (size_t i = 0; i < COUNT_OF(fixes); i++)
        if (has_word(subject, n, fixes[i]))
            return flags | HISTORY_FIX;
    return flags;
}

static int add_parents(struct history *h, struct commit *c, const char *s, size_t n) {
    c->first_parent = h->parent_count;
    while (n) {
        size_t m = 0;
        while (m < n && s[m] != ' ')
            m++;
        if (m > 0 && m <= GIT_ID_CHARS_MAX) {
            int r = grow(&h->parents, h->parent_count, &h->parent_capacity, sizeof *h->parents);
            if (r < 0)
                return r;
            memcpy(h->parents[h->parent_count], s, m);
            h->parents[h->parent_count++][m] = '\0';
            c->parent_count++;
        }
        s += m + (m < n);
        n -= m + (m < n);
    }
    return 0;
}

// id, parents, committer time, author time, name, email, subject, id of what it reverts
static int take_commit(struct reader *x, const char *s, size_t n) {
    struct history *h = x->h;
    const char *field[FIELDS];
    size_t bytes[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        const char *end = i + 1 < FIELDS ? memchr(s, 2, n) : s + n;
        if (!end)
            return ERR_PARSE;
        field[i] = s;
        bytes[i] = (size_t)(end - s);
        n -= bytes[i] + (i + 1 < FIELDS);
        s = end + 1;
    }
    int r = grow(&h->commits, h->commit_count, &h->commit_capacity, sizeof *h->commits);
    if (r < 0 || bytes[0] > GIT_ID_CHARS_MAX)
        return r < 0 ? r : ERR_PARSE;
    struct commit *c = &h->commits[h->commit_count];
    *c = (struct commit){.first_change = h->change_count, .reverts = HISTORY_NONE};
    memcpy(c->id, field[0], bytes[0]);
    c->time = strtoll(field[2], NULL, 10);
    c->author_time = strtoll(field[3], NULL, 10);
    size_t subject = bytes[6] < HISTORY_SUBJECT_BYTES_MAX ? bytes[6] : HISTORY_SUBJECT_BYTES_MAX;
    while (subject < bytes[6] && subject && ((unsigned char)field[6][subject] & 0xC0U) == 0x80U)
        subject--; // no half of a character
    r = add_parents(h, c, field[1], bytes[1]);
    if (r == 0)
        r = find_author(h, field[4], bytes[4], field[5], bytes[5], &c->author);
    if (r == 0)
        r = keep_text(h, field[6], subject, &c->subject);
    c->flags = flags_of(field[6], bytes[6], c->parent_count);
    h->commit_count += r == 0;
    return r;
}

// The file that this name means in commits older than those read so far.
static int file_of(struct reader *x, const char *path, size_t n, uint32_t *ret) {
    struct history *h = x->h;
    int r = grow_slots(h, x->names + 1);
    if (r < 0)
        return r;
    struct slot *s = history_slot(h, path, n);
    if (s->file != HISTORY_NONE) {
        *ret = s->file;
        return 0;
    }
    if (h->file_count == FILES_MAX) {
        x->full = true;
        return ERR_LIMIT;
    }
    r = grow(&h->files, h->file_count, &h->file_capacity, sizeof *h->files);
    uint32_t text = 0;
    if (r == 0)
        r = keep_text(h, path, n, &text);
    if (r < 0)
        return r;
    s->path = text;
    s->file = h->file_count;
    x->names++;
    h->files[h->file_count] = (struct file){.path = text};
    *ret = h->file_count++;
    return 0;
}

// In older commits the file has this other name.
static int also_called(struct reader *x, uint32_t file, uint32_t path) {
    struct history *h = x->h;
    int r = grow_slots(h, x->names + 1);
    if (r < 0)
        return r;
    const char *text = history_text(h, path);
    struct slot *s = history_slot(h, text, strlen(text));
    if (s->file != HISTORY_NONE)
        return 0; // that name came back later as a file of its own
    s->path = path;
    s->file = file;
    x->names++;
    return 0;
}

static int add_change(struct reader *x, const char *path, size_t n) {
    struct history *h = x->h;
    struct commit *c = &h->commits[h->commit_count - 1];
    c->file_total++;
    if (c->change_count >= HISTORY_COMMIT_FILES_MAX) {
        c->flags |= HISTORY_CUT;
        return 0;
    }
    if (h->change_count >= HISTORY_CHANGES_MAX) {
        x->cut = true;
        return 0;
    }
    int r = grow(&h->changes, h->change_count, &h->change_capacity, sizeof *h->changes);
    struct change k = {.status = x->status};
    if (r == 0)
        r = file_of(x, path, n, &k.file);
    if (r == ERR_LIMIT)
        return 0;
    if (r < 0)
        return r;
    k.path = history_slot(h, path, n)->path;
    h->changes[h->change_count++] = k;
    c->change_count++;
    return x->status == 'R' ? also_called(x, k.file, x->old_path) : 0;
}

static int take_record(struct reader *x, const char *s, size_t n) {
    if (n && s[0] == 1)
        return take_commit(x, s + 1, n - 1);
    while (n && (*s == '\n' || *s == '\0')) { // between a commit and its files
        s++;
        n--;
    }
    if (n == 0)
        return 0;
    if (n && s[0] == 1)
        return take_commit(x, s + 1, n - 1);
    if (!x->h->commit_count)
        return ERR_PARSE;
    if (!x->status) {
        const char *last = memrchr(s, ' ', n);
        if (s[0] != ':' || !last || last + 1 >= s + n)
            return ERR_PARSE;
        x->status = last[1] == 'C' ? 'A' : last[1];
        x->second = false;
        return 0;
    }
    if (x->status == 'R' && !x->second) {
        x->second = true;
        return keep_text(x->h, s, n, &x->old_path);
    }
    int r = add_change(x, s, n);
    x->status = 0;
    return r;
}

static int feed(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct reader *x = ctx;
    while (n) {
        const char *end = memchr(bytes, '\0', n);
        size_t m = end ? (size_t)(end - bytes) : n;
        int r = buf_append(&x->record, bytes, m);
        if (r == 0 && end) {
            r = take_record(x, x->record.len ? x->record.data : "", x->record.len);
            buf_clear(&x->record);
        }
        if (r < 0)
            return err_set(err, r,
                           r == ERR_PARSE ? "git log said something that was not expected"
                                          : "out of memory or too much history");
        bytes += m + (end != NULL);
        n -= m + (end != NULL);
    }
    return 0;
}

int history_read(struct history *h, struct git *g, const char *head, unsigned commits_max,
                 struct err *err) {
    char most[32];
    struct reader x = {.h = h, .record = BUF_INIT(1024 * 1024)};
    (void)snprintf(most, sizeof most, "--max-count=%u", commits_max);
    const char *const arguments[] = {"log",
                                     "-z",
                                     "--raw",
                                     "--no-abbrev",
                                     "-M100%",
                                     "-l10000",
                                     "--topo-order",
                                     most,
                                     "--use-mailmap",
                                     "--format=%x01%H%x02%P%x02%ct%x02%at%x02%aN%x02%aE%x02%s%x02",
                                     head,
                                     "--",
                                     NULL};
    struct git_run run = {.arguments = arguments, .output = feed, .output_ctx = &x};
    h->texts = BUF_INIT(TEXTS_BYTES_MAX);
    int r = buf_putc(&h->texts, '\0'); // offset 0: the empty text
    if (r == 0)
        r = git_run(g, &run, NULL, err);
    buf_done(&x.record);
    if (r == 0 && h->commit_count == commits_max)
        h->notes[h->note_count++] =
            "only the newest commits were read: older changes are not known";
    if (r == 0 && (x.cut || x.full))
        h->notes[h->note_count++] = "the history is too large: part of its changes is left out";
    return r;
}

// --- what follows ------------------------------------------------------------------------------

static int by_path(const void *a, const void *b, void *ctx) {
    const struct history *h = ctx;
    const uint32_t *x = a, *y = b;
    return strcmp(history_text(h, h->files[*x].path), history_text(h, h->files[*y].path));
}

static int by_id(const void *a, const void *b, void *ctx) {
    const struct history *h = ctx;
    const uint32_t *x = a, *y = b;
    return strcmp(h->commits[*x].id, h->commits[*y].id);
}

static int sort_files(struct history *h) {
    uint32_t *order = mem_alloc((h->file_count + 1) * sizeof *order);
    uint32_t *place = mem_alloc((h->file_count + 1) * sizeof *place);
    struct file *files = mem_alloc((h->file_count + 1) * sizeof *files);
    bool ok = order && place && files;
    if (ok) {
        for (uint32_t i = 0; i < h->file_count; i++)
            order[i] = i;
        qsort_r(order, h->file_count, sizeof *order, by_path, h);
        for (uint32_t i = 0; i < h->file_count; i++) {
            files[i] = h->files[order[i]];
            place[order[i]] = i;
        }
        for (uint32_t i = 0; i < h->change_count; i++)
            h->changes[i].file = place[h->changes[i].file];
        for (uint32_t i = 0; h->slots && i <= h->slot_mask; i++)
            if (h->slots[i].file != HISTORY_NONE)
                h->slots[i].file = place[h->slots[i].file];
        mem_free(h->files);
        h->files = files;
        h->file_capacity = h->file_count + 1;
    } else
        mem_free(files);
    mem_free(order);
    mem_free(place);
    return ok ? 0 : ERR_NOMEM;
}

// Commits of each file, newest first, and its sums.
static int fill_files(struct history *h) {
    uint32_t at = 0;
    h->file_commits = mem_alloc((h->change_count + 1) * sizeof *h->file_commits);
    uint32_t *seen = mem_zalloc((h->author_count + 1) * sizeof *seen);
    if (!h->file_commits || !seen) {
        mem_free(seen);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < h->change_count; i++)
        h->files[h->changes[i].file].commit_count++;
    for (uint32_t f = 0; f < h->file_count; f++) {
        h->files[f].first_commit = at;
        at += h->files[f].commit_count;
        h->files[f].commit_count = 0;
    }
    for (uint32_t c = 0; c < h->commit_count; c++)
        for (uint32_t k = 0; k < h->commits[c].change_count; k++) {
            const struct change *x = &h->changes[h->commits[c].first_change + k];
            struct file *f = &h->files[x->file];
            if (!f->commit_count) {
                f->last = h->commits[c].time;
                f->gone = x->status == 'D';
            } else if (h->file_commits[f->first_commit + f->commit_count - 1] == c)
                continue; // twice in one commit, under two names
            h->file_commits[f->first_commit + f->commit_count++] = c;
            f->first = h->commits[c].time;
            f->commits++;
            f->fixes += (h->commits[c].flags & HISTORY_FIX) != 0;
        }
    for (uint32_t f = 0; f < h->file_count; f++)
        for (uint32_t k = 0; k < h->files[f].commit_count; k++) {
            uint32_t *last =
                &seen[h->commits[h->file_commits[h->files[f].first_commit + k]].author];
            h->files[f].authors += *last != f + 1;
            *last = f + 1;
        }
    mem_free(seen);
    return 0;
}

static int resolve_ids(struct history *h) {
    h->by_id = mem_alloc((h->commit_count + 1) * sizeof *h->by_id);
    h->parent_index = mem_alloc((h->parent_count + 1) * sizeof *h->parent_index);
    if (!h->by_id || !h->parent_index)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < h->commit_count; i++)
        h->by_id[i] = i;
    qsort_r(h->by_id, h->commit_count, sizeof *h->by_id, by_id, h);
    for (uint32_t i = 0; i < h->parent_count; i++) {
        int64_t at = history_find_commit(h, h->parents[i]);
        h->parent_index[i] = at < 0 ? HISTORY_NONE : (uint32_t)at;
    }
    return 0;
}

// `Revert "subject"`: the newest older commit that says just that.
static void find_reverted(struct history *h) {
    for (uint32_t i = 0; i < h->commit_count; i++) {
        struct commit *c = &h->commits[i];
        const char *s = history_text(h, c->subject);
        size_t n = strlen(s);
        if (!(c->flags & HISTORY_REVERT) || n < 10 || strncasecmp(s, "revert \"", 8) != 0)
            continue;
        const char *own = s + 8;
        size_t m = n - 8 - (s[n - 1] == '"');
        for (uint32_t k = i + 1; k < h->commit_count && k < i + 1000; k++) {
            const char *other = history_text(h, h->commits[k].subject);
            if (strncmp(other, own, m) != 0 || other[m] != '\0')
                continue;
            c->reverts = k;
            h->commits[k].flags |= HISTORY_REVERTED;
            break;
        }
    }
}

int history_derive(struct history *h, struct err *err) {
    int r = sort_files(h);
    if (r == 0)
        r = fill_files(h);
    if (r == 0)
        r = resolve_ids(h);
    if (r < 0)
        return err_set(err, r, "out of memory");
    find_reverted(h);
    return 0;
}
