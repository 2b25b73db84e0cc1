#include "core/workspace/history.h"

#include "core/workspace/git_impl.h"
#include "core/workspace/history_impl.h"

#include <stdio.h>
#include <string.h>

#define NOMEM(e) err_set(e, ERR_NOMEM, "out of memory")

int history_new(struct history **ret, struct err *err) {
    struct history *h = mem_zalloc(sizeof *h);
    if (!h)
        return NOMEM(err);
    log_init(&h->log, 20);
    int r = history_derive(h, err);
    if (r < 0) {
        history_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

void history_free(struct history *h) {
    if (!h)
        return;
    history_derived_done(h);
    log_done(&h->log);
    mem_free(h);
}

// --- reading what is new

static int run_log(struct git *g, struct log *l, unsigned max, const char *head, const char * not,
                   struct err *err) {
    char count[32];
    AUTO_FREE char *without = not ? mem_format("^%s", not ) : NULL;
    if (not &&!without)
        return NOMEM(err);
    (void)snprintf(count, sizeof count, "-n%u", max);
    const char *const arguments[] = {"log",
                                     "-z",
                                     "--raw",
                                     "--no-renames",
                                     "--no-abbrev",
                                     "--no-color",
                                     "--no-decorate",
                                     "--no-show-signature",
                                     "--no-ext-diff",
                                     "--no-textconv",
                                     "--diff-merges=off",
                                     "--encoding=UTF-8",
                                     HISTORY_LOG_FORMAT,
                                     count,
                                     head,
                                     without ? without : "--",
                                     without ? "--" : NULL,
                                     NULL};
    struct log_parser p;
    log_parser_init(&p, l);
    struct git_run run = {.arguments = arguments, .output = log_parser_feed, .output_ctx = &p};
    int r = git_run(g, &run, NULL, err);
    if (r == 0)
        r = log_parser_end(&p, err);
    log_parser_done(&p);
    return r;
}

// Commits that the old head reaches and the new one does not: after a rebase, or on another branch.
struct dropped {
    const struct history *h;
    uint8_t *gone; // of each commit
    char line[GIT_ID_CHARS_MAX + 1];
    size_t n;
    uint32_t count;
};

static int take_dropped(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct dropped *d = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (d->n < GIT_ID_CHARS_MAX)
                d->line[d->n++] = bytes[i];
            continue;
        }
        uint8_t id[HISTORY_ID_BYTES_MAX];
        int64_t at = -1;
        if (d->n == d->h->log.id_bytes * 2U && log_id_parse(d->line, d->h->log.id_bytes, id))
            at = log_find(d->h, id);
        if (at >= 0)
            d->gone[at] = 1;
        d->count += at >= 0;
        d->n = 0;
    }
    return 0;
}

static int find_dropped(struct git *g, struct dropped *d, const char *head, struct err *err) {
    AUTO_FREE char *without = mem_format("^%s", head);
    if (!without)
        return NOMEM(err);
    const char *const arguments[] = {"rev-list", d->h->head, without, "--", NULL};
    struct git_run run = {.arguments = arguments, .output = take_dropped, .output_ctx = d};
    return git_run(g, &run, NULL, err);
}

// The new commits, then those of before that still count. 1: done; 0: it has to be read whole.
static int read_more(const struct history *h, struct git *g, struct log *l, unsigned max,
                     const char *head, struct err *err) {
    struct dropped d = {.h = h};
    AUTO_FREE uint8_t *gone = mem_zalloc(h->log.commit_count + 1U);
    if (!gone)
        return NOMEM(err);
    d.gone = gone;
    // The old head may have been collected meanwhile; then git fails and all is read again.
    int r = find_dropped(g, &d, head, NULL);
    if (r == ERR_NOMEM || r == ERR_CANCELLED || r == ERR_TIMEOUT)
        return err_set(err, r, "reading the history was interrupted");
    if (r < 0 || d.count > h->log.commit_count / 2)
        return 0;
    r = run_log(g, l, max, head, h->head, err);
    // With older ones known to be missing, dropped commits leave a gap at the old end.
    if (r == 0 && h->cut && d.count > l->commit_count)
        return 0;
    for (uint32_t i = 0; i < h->log.commit_count && r == 0; i++)
        if (!gone[i])
            r = log_copy(l, &h->log, i, err);
    if (r == ERR_LIMIT) { // older commits are left out
        l->commit_count--;
        r = 0;
    }
    return r < 0 ? r : 1;
}

static uint64_t shallow_hash(const struct git *g) {
    AUTO_FREE char *path = git_join(g->common_dir, "shallow");
    AUTO_BUF text = BUF_INIT(0);
    if (!path || git_read_small(path, &text, NULL) < 0 || text.len == 0)
        return 0;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001B3);
    return hash | 1;
}

static int read_all(const struct history *h, struct history *fresh, struct git *g, const char *head,
                    struct err *err) {
    unsigned max = fresh->commits_max, id_bytes = git_id_chars(g) / 2;
    // What was kept can be gone on from: same kind of ids, same ends.
    bool same = h->head[0] && h->log.id_bytes == id_bytes && h->commits_max == max &&
                h->shallow_hash == fresh->shallow_hash;
    log_init(&fresh->log, id_bytes);
    int r = same ? read_more(h, g, &fresh->log, max, head, err) : 0;
    if (r == 0) {
        log_done(&fresh->log);
        log_init(&fresh->log, id_bytes);
        r = run_log(g, &fresh->log, max, head, NULL, err);
    }
    if (r >= 0)
        r = log_sort(&fresh->log, max, err);
    if (r >= 0)
        r = history_derive(fresh, err);
    return r;
}

int history_refresh(struct history *h, struct git *g, const struct history_config *c,
                    bool *ret_changed, struct err *err) {
    struct history *fresh = mem_zalloc(sizeof *fresh);
    if (!fresh)
        return NOMEM(err);
    unsigned max = c && c->commits_max ? c->commits_max : HISTORY_COMMITS_DEFAULT;
    fresh->commits_max = max < HISTORY_COMMITS_MAX ? max : HISTORY_COMMITS_MAX;
    fresh->shallow_hash = shallow_hash(g);
    int r = 0;
    bool changed = true;
    if (c && c->head)
        r = git_resolve(g, c->head, strlen(c->head), fresh->head, err);
    else if (!git_head_quick(g, fresh->head) || strcmp(fresh->head, h->head) != 0)
        r = git_head(g, fresh->head, err); // what is new is looked at properly
    if (r == 0 && strcmp(fresh->head, h->head) == 0 && h->commits_max == fresh->commits_max &&
        h->shallow_hash == fresh->shallow_hash) {
        changed = false;
    } else if (r == 0) {
        r = read_all(h, fresh, g, fresh->head, err);
    } else if (r == ERR_NOT_FOUND && !(c && c->head)) { // no commit yet
        log_init(&fresh->log, git_id_chars(g) / 2);
        changed = h->head[0] != '\0';
        r = history_derive(fresh, err);
    }
    if (r == 0 && changed) {
        struct history old = *h;
        *h = *fresh;
        *fresh = old;
    }
    history_free(fresh);
    if (r == 0 && ret_changed)
        *ret_changed = changed;
    return r;
}

// --- what there is

const char *history_head(const struct history *h) {
    return h->head;
}

const char *history_note(const struct history *h, unsigned i) {
    if (h->log.commit_count == 0)
        return i == 0 ? "no history: no commit was read" : NULL;
    bool shallow = h->shallow_hash != 0;
    if (shallow && i-- == 0)
        return "a shallow clone: commits before its depth are not known";
    if (h->cut && i == 0)
        return "only the newest commits were read: first dates and totals count from there";
    return NULL;
}

uint32_t history_commit_count(const struct history *h) {
    return h->log.commit_count;
}

void history_commit(const struct history *h, uint32_t i, struct history_commit *ret) {
    const struct log_commit *c = &h->log.commits[i];
    *ret = (struct history_commit){
        .time = c->time,
        .author_time = c->author_time,
        .author = c->author,
        .flags = h->flags[i],
        .subject = h->log.text + c->subject,
        .file_count = c->change_count,
        .parent_count = c->parent_count,
        .reverts =
            c->has_revert ? h->log.links[c->first_link + c->parent_count].commit : HISTORY_NONE,
    };
    log_id_format(c->id, h->log.id_bytes, ret->id);
}

uint32_t history_parent(const struct history *h, uint32_t i, uint32_t k) {
    const struct log_commit *c = &h->log.commits[i];
    return k < c->parent_count ? h->log.links[c->first_link + k].commit : HISTORY_NONE;
}

int64_t history_find_commit(const struct history *h, const char *id) {
    uint8_t bytes[HISTORY_ID_BYTES_MAX];
    if (strlen(id) != h->log.id_bytes * 2U || !log_id_parse(id, h->log.id_bytes, bytes))
        return -1;
    return log_find(h, bytes);
}

void history_change(const struct history *h, uint32_t i, uint32_t k, struct history_change *ret) {
    uint32_t at = h->log.commits[i].first_change + k;
    const struct log_change *x = &h->log.changes[at];
    *ret = (struct history_change){
        .file = h->change_file[at], .path = log_name(&h->log.paths, x->path), .status = x->status};
}

uint32_t history_file_count(const struct history *h) {
    return h->file_count;
}

void history_file(const struct history *h, uint32_t i, struct history_file *ret) {
    const struct derived_file *f = &h->files[i];
    *ret = (struct history_file){.path = log_name(&h->log.paths, f->path),
                                 .commits = f->count,
                                 .fixes = f->fixes,
                                 .authors = f->authors,
                                 .first = f->first_time,
                                 .last = f->last_time,
                                 .gone = f->gone};
}

int64_t history_find(const struct history *h, const char *path) {
    uint32_t low = 0, high = h->file_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c = strcmp(log_name(&h->log.paths, h->files[mid].path), path);
        if (c == 0)
            return mid;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    int64_t number = log_find_name(&h->log.paths, path);
    if (number < 0 || h->path_file[number] == HISTORY_NONE)
        return -1;
    return h->path_file[number];
}

uint32_t history_file_commit(const struct history *h, uint32_t i, uint32_t k) {
    const struct derived_file *f = &h->files[i];
    return k < f->count ? h->file_commits[f->first + k] : HISTORY_NONE;
}

uint32_t history_author_count(const struct history *h) {
    return h->log.people.count;
}

const char *history_author(const struct history *h, uint32_t author, const char **ret_email) {
    if (ret_email)
        *ret_email = log_name(&h->log.people, author);
    return h->log.text + h->log.person_names[author];
}
