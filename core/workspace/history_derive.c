// From the list of commits: files under their newest names with their commits, links between
// commits.
#include "core/workspace/history_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void history_derived_done(struct history *h) {
    mem_free(h->files);
    mem_free(h->file_commits);
    mem_free(h->change_file);
    mem_free(h->path_file);
    mem_free(h->by_id);
    mem_free(h->flags);
    h->files = NULL;
    h->file_commits = h->change_file = h->path_file = h->by_id = NULL;
    h->flags = NULL;
    h->file_count = 0;
}

double history_weight(int64_t time, int64_t now) {
    double age = time < now ? (double)now - (double)time : 0;
    return exp2(-age / ((double)HISTORY_HALF_LIFE_DAYS * 86400.0));
}

// --- commits by id

// Ids are hashes already: their first bytes choose the slot.
static uint32_t slot_of(const struct history *h, const uint8_t *id) {
    uint32_t first;
    memcpy(&first, id, sizeof first);
    return first & h->by_id_mask;
}

int64_t log_find(const struct history *h, const uint8_t *id) {
    for (uint32_t at = slot_of(h, id); h->by_id[at]; at = (at + 1) & h->by_id_mask)
        if (memcmp(h->log.commits[h->by_id[at] - 1].id, id, HISTORY_ID_BYTES_MAX) == 0)
            return h->by_id[at] - 1;
    return -1;
}

static void index_ids(struct history *h) {
    for (uint32_t i = 0; i < h->log.commit_count; i++) {
        uint32_t at = slot_of(h, h->log.commits[i].id);
        while (h->by_id[at])
            at = (at + 1) & h->by_id_mask;
        h->by_id[at] = i + 1;
    }
}

static void link_commits(struct history *h) {
    struct log *l = &h->log;
    uint32_t n = l->commit_count;
    index_ids(h);
    h->cut = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct log_commit *c = &l->commits[i];
        h->flags[i] |= c->flags;
        for (uint32_t k = 0; k < c->parent_count + c->has_revert; k++) {
            struct log_link *link = &l->links[c->first_link + k];
            if (!l->linked) {
                int64_t found = log_find(h, link->id);
                link->commit = found < 0 ? HISTORY_NONE : (uint32_t)found;
            }
            bool there = link->commit != HISTORY_NONE;
            if (k < c->parent_count)
                h->cut |= !there;
            else if (there)
                h->flags[link->commit] |= HISTORY_REVERTED;
        }
    }
}

// --- files

// Newest first: the name a file has now is the first one met; a rename makes its older name lead to
// the same file from there on.
static void name_files(struct history *h) {
    struct log *l = &h->log;
    uint32_t files = 0;
    for (uint32_t i = 0; i < l->paths.count; i++)
        h->path_file[i] = HISTORY_NONE;
    for (uint32_t i = 0; i < l->commit_count; i++) {
        const struct log_commit *c = &l->commits[i];
        for (uint32_t k = c->first_change; k < c->first_change + c->change_count; k++) {
            const struct log_change *x = &l->changes[k];
            if (h->path_file[x->path] == HISTORY_NONE) {
                h->files[files] = (struct derived_file){.path = x->path, .gone = x->status == 'D'};
                h->path_file[x->path] = files++;
            }
            h->change_file[k] = h->path_file[x->path];
        }
        // After all of them: within one commit names do not lead on (swapped files stay apart).
        for (uint32_t k = c->first_change; k < c->first_change + c->change_count; k++)
            if (l->changes[k].from != HISTORY_NONE)
                h->path_file[l->changes[k].from] = h->change_file[k];
    }
    h->file_count = files;
}

struct named {
    const char *path;
    uint32_t file;
};

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->path, ((const struct named *)b)->path);
}

static int sort_files(struct history *h, struct err *err) {
    uint32_t n = h->file_count;
    AUTO_FREE struct named *named = mem_alloc((n + 1U) * sizeof *named);
    AUTO_FREE uint32_t *place = mem_alloc((n + 1U) * sizeof *place);
    struct derived_file *sorted = mem_alloc((n + 1U) * sizeof *sorted);
    if (!named || !place || !sorted) {
        mem_free(sorted);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++)
        named[i] = (struct named){log_name(&h->log.paths, h->files[i].path), i};
    if (n > 1)
        qsort(named, n, sizeof *named, by_path);
    for (uint32_t i = 0; i < n; i++) {
        place[named[i].file] = i;
        sorted[i] = h->files[named[i].file];
    }
    mem_free(h->files);
    h->files = sorted;
    for (uint32_t i = 0; i < h->log.paths.count; i++)
        if (h->path_file[i] != HISTORY_NONE)
            h->path_file[i] = place[h->path_file[i]];
    for (uint32_t i = 0; i < h->log.commit_count; i++) {
        const struct log_commit *c = &h->log.commits[i];
        for (uint32_t k = c->first_change; k < c->first_change + c->change_count; k++)
            h->change_file[k] = place[h->change_file[k]];
    }
    return 0;
}

// A file stands once in a commit's row even if two of its names were touched there.
static uint32_t each_commit(struct history *h, uint32_t *last, bool place) {
    uint32_t total = 0;
    memset(last, 0xFF, h->file_count * sizeof *last);
    for (uint32_t i = 0; i < h->log.commit_count; i++) {
        const struct log_commit *c = &h->log.commits[i];
        for (uint32_t k = c->first_change; k < c->first_change + c->change_count; k++) {
            struct derived_file *f = &h->files[h->change_file[k]];
            if (last[h->change_file[k]] == i)
                continue;
            last[h->change_file[k]] = i;
            total++;
            if (place)
                h->file_commits[f->first + f->count] = i;
            f->count++;
        }
    }
    return total;
}

static void sum_up(struct history *h, uint32_t *stamp) {
    memset(stamp, 0xFF, (h->log.people.count + 1U) * sizeof *stamp);
    for (uint32_t i = 0; i < h->file_count; i++) {
        struct derived_file *f = &h->files[i];
        for (uint32_t k = 0; k < f->count; k++) {
            uint32_t at = h->file_commits[f->first + k];
            const struct log_commit *c = &h->log.commits[at];
            f->fixes += (c->flags & HISTORY_FIX) != 0;
            f->authors += stamp[c->author] != i;
            stamp[c->author] = i;
            f->last_time = k == 0 || c->time > f->last_time ? c->time : f->last_time;
            f->first_time = k == 0 || c->time < f->first_time ? c->time : f->first_time;
        }
    }
}

static int place_commits(struct history *h, struct err *err) {
    uint32_t most = h->file_count > h->log.people.count ? h->file_count : h->log.people.count;
    AUTO_FREE uint32_t *scratch = mem_alloc((most + 1U) * sizeof *scratch);
    if (!scratch)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint32_t total = each_commit(h, scratch, false), at = 0;
    h->file_commits = mem_alloc((total + 1U) * sizeof *h->file_commits);
    if (!h->file_commits)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < h->file_count; i++) {
        h->files[i].first = at;
        at += h->files[i].count;
        h->files[i].count = 0;
    }
    (void)each_commit(h, scratch, true);
    sum_up(h, scratch);
    return 0;
}

int history_derive(struct history *h, struct err *err) {
    const struct log *l = &h->log;
    history_derived_done(h);
    h->files = mem_alloc((l->paths.count + 1U) * sizeof *h->files);
    h->path_file = mem_alloc((l->paths.count + 1U) * sizeof *h->path_file);
    h->change_file = mem_alloc((l->change_count + 1U) * sizeof *h->change_file);
    uint32_t slots = 16;
    while (slots < 2 * l->commit_count)
        slots *= 2;
    h->by_id_mask = slots - 1;
    h->by_id = mem_zalloc(slots * sizeof *h->by_id);
    h->flags = mem_zalloc(l->commit_count + 1U);
    if (!h->files || !h->path_file || !h->change_file || !h->by_id || !h->flags)
        return err_set(err, ERR_NOMEM, "out of memory");
    link_commits(h);
    name_files(h);
    int r = sort_files(h, err);
    return r < 0 ? r : place_commits(h, err);
}
