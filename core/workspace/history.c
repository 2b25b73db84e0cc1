#include "core/workspace/history.h"

#include "core/base/mem.h"
#include "core/workspace/history_impl.h"

#include <string.h>

static void drop(struct history *h) {
    mem_free(h->commits);
    mem_free(h->changes);
    mem_free(h->parents);
    mem_free(h->parent_index);
    mem_free(h->files);
    mem_free(h->file_commits);
    mem_free(h->authors);
    mem_free(h->slots);
    mem_free(h->by_id);
    buf_done(&h->texts);
    *h = (struct history){0};
}

int history_new(struct history **ret, struct err *err) {
    *ret = mem_zalloc(sizeof **ret);
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

void history_free(struct history *h) {
    if (!h)
        return;
    drop(h);
    mem_free(h);
}

int history_refresh(struct history *h, struct git *g, const struct history_config *c,
                    bool *ret_changed, struct err *err) {
    char head[GIT_ID_CHARS_MAX + 1] = "";
    struct history fresh = {.note_count = 0};
    unsigned max = c->commits_max ? c->commits_max : HISTORY_COMMITS_DEFAULT;
    int r = 0;
    if (c->head)
        memcpy(head, c->head, strlen(c->head) < sizeof head ? strlen(c->head) + 1 : 1);
    else
        r = git_head(g, head, err);
    if (ret_changed)
        *ret_changed = false;
    if (r == ERR_NOT_FOUND) // no commit yet
        r = 0;
    if (r < 0 || strcmp(head, h->head) == 0)
        return r;
    if (head[0]) {
        r = history_read(&fresh, g, head, max < HISTORY_COMMITS_MAX ? max : HISTORY_COMMITS_MAX,
                         err);
        if (r == 0)
            r = history_derive(&fresh, err);
    }
    if (r < 0) {
        drop(&fresh);
        return r;
    }
    memcpy(fresh.head, head, sizeof head);
    drop(h);
    *h = fresh;
    if (ret_changed)
        *ret_changed = true;
    return 0;
}

const char *history_head(const struct history *h) {
    return h->head;
}

const char *history_note(const struct history *h, unsigned i) {
    return i < h->note_count ? h->notes[i] : NULL;
}

// --- commits -----------------------------------------------------------------------------------

uint32_t history_commit_count(const struct history *h) {
    return h->commit_count;
}

void history_commit(const struct history *h, uint32_t i, struct history_commit *ret) {
    const struct commit *c = &h->commits[i];
    *ret = (struct history_commit){.time = c->time,
                                   .author_time = c->author_time,
                                   .author = c->author,
                                   .flags = c->flags,
                                   .subject = history_text(h, c->subject),
                                   .file_count = c->change_count,
                                   .parent_count = c->parent_count,
                                   .reverts = c->reverts};
    memcpy(ret->id, c->id, sizeof ret->id);
}

uint32_t history_parent(const struct history *h, uint32_t i, uint32_t k) {
    const struct commit *c = &h->commits[i];
    // One that was not read ends the list only behind those that were: look on.
    for (uint32_t p = 0, seen = 0; p < c->parent_count; p++) {
        uint32_t at = h->parent_index[c->first_parent + p];
        if (at != HISTORY_NONE && seen++ == k)
            return at;
    }
    return HISTORY_NONE;
}

int64_t history_find_commit(const struct history *h, const char *id) {
    uint32_t from = 0, to = h->commit_count;
    while (from < to) {
        uint32_t at = from + (to - from) / 2;
        int order = strcmp(h->commits[h->by_id[at]].id, id);
        if (order == 0)
            return h->by_id[at];
        if (order < 0)
            from = at + 1;
        else
            to = at;
    }
    return -1;
}

void history_change(const struct history *h, uint32_t i, uint32_t k, struct history_change *ret) {
    const struct change *c = &h->changes[h->commits[i].first_change + k];
    *ret = (struct history_change){c->file, history_text(h, c->path), c->status};
}

// --- files -------------------------------------------------------------------------------------

uint32_t history_file_count(const struct history *h) {
    return h->file_count;
}

void history_file(const struct history *h, uint32_t i, struct history_file *ret) {
    const struct file *f = &h->files[i];
    *ret = (struct history_file){.path = history_text(h, f->path),
                                 .commits = f->commits,
                                 .fixes = f->fixes,
                                 .authors = f->authors,
                                 .first = f->first,
                                 .last = f->last,
                                 .gone = f->gone};
}

int64_t history_find(const struct history *h, const char *path) {
    if (!h->slots)
        return -1;
    const struct slot *s = history_slot(h, path, strlen(path));
    return s->file == HISTORY_NONE ? -1 : (int64_t)s->file;
}

uint32_t history_file_commit(const struct history *h, uint32_t i, uint32_t k) {
    const struct file *f = &h->files[i];
    return k < f->commit_count ? h->file_commits[f->first_commit + k] : HISTORY_NONE;
}

// --- people ------------------------------------------------------------------------------------

uint32_t history_author_count(const struct history *h) {
    return h->author_count;
}

const char *history_author(const struct history *h, uint32_t author, const char **ret_email) {
    if (author >= h->author_count)
        return "";
    if (ret_email)
        *ret_email = history_text(h, h->authors[author].email);
    return history_text(h, h->authors[author].name);
}
