// An editor's unsaved texts in the place of files.
#include "core/base/mem.h"
#include "core/workspace/index_impl.h"

#include <string.h>

static bool is_beneath(const char *path) {
    size_t n = strlen(path);
    if (n == 0 || n > WALK_PATH_BYTES_MAX || path[0] == '/' || path[n - 1] == '/')
        return false;
    for (const char *part = path;; part++) {
        size_t m = strcspn(part, "/");
        if (m == 0 || (part[0] == '.' && (m == 1 || (m == 2 && part[1] == '.'))))
            return false;
        part += m;
        if (!*part)
            return true;
    }
}

static uint32_t place_of(const struct index *ix, const char *path, bool *ret_there) {
    uint32_t low = 0, high = ix->overlay_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(ix->overlays[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < ix->overlay_count && strcmp(ix->overlays[low]->path, path) == 0;
    return low;
}

static int set(struct index *ix, const char *path, struct text *text) {
    bool there;
    uint32_t at = place_of(ix, path, &there);
    struct entry *e = entry_new(path, strlen(path));
    if (!e)
        return ERR_NOMEM;
    e->text = text_ref(text);
    if (there) {
        entry_put(ix->overlays[at]);
        ix->overlays[at] = e;
        return 0;
    }
    struct entry **more =
        ix->overlay_count < INDEX_OVERLAYS_MAX
            ? mem_realloc(ix->overlays, (ix->overlay_count + 1) * sizeof(struct entry *))
            : NULL;
    if (!more) {
        entry_put(e);
        return ix->overlay_count < INDEX_OVERLAYS_MAX ? ERR_NOMEM : ERR_LIMIT;
    }
    ix->overlays = more;
    memmove(more + at + 1, more + at, (ix->overlay_count - at) * sizeof *more);
    more[at] = e;
    ix->overlay_count++;
    return 0;
}

static void unset(struct index *ix, const char *path) {
    bool there;
    uint32_t at = place_of(ix, path, &there);
    if (!there)
        return;
    entry_put(ix->overlays[at]);
    ix->overlay_count--;
    memmove(ix->overlays + at, ix->overlays + at + 1,
            (ix->overlay_count - at) * sizeof *ix->overlays);
}

// A file that is on the disk too changes its entry at once; others need the list made anew.
static int apply(struct index *ix, const char *path, struct text *text) {
    int64_t i = index_find_entry(ix, path);
    const struct entry *old = i < 0 ? NULL : ix->entries[i];
    if (!old || !old->stat.inode || old->flags & (FILE_SYMLINK | FILE_SUBMODULE)) {
        ix->overlays_changed = true;
        return 0;
    }
    struct entry *e = entry_copy(old);
    if (!e)
        return ERR_NOMEM;
    text_put(e->text);
    e->text = text_ref(text);
    e->block = 0;
    e->state = ENTRY_NEW;
    e->racy = !text; // the file may be any by now
    int r = index_queue(ix, STAGE_LEXICAL, e);
    if (r < 0) {
        entry_put(e);
        return r;
    }
    ix->overlay_bytes += text ? text->bytes + 1 : e->stat.bytes + 1;
    (void)index_replace(ix, old, e);
    return 0;
}

int index_overlay(struct index *ix, const char *path, const char *text, size_t bytes,
                  struct err *err) {
    if (!is_beneath(path))
        return err_set(err, ERR_INVAL, "\"%s\" is no path inside of the workspace", path);
    if (bytes > INDEX_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s is longer than %d bytes", path, INDEX_FILE_BYTES_MAX);
    struct text *t = text ? text_new(text, bytes) : NULL;
    if (text && !t)
        return err_set(err, ERR_NOMEM, "out of memory for %s", path);
    (void)pthread_mutex_lock(&ix->lock);
    int r = 0;
    if (t)
        r = set(ix, path, t);
    else
        unset(ix, path);
    if (r == 0)
        r = apply(ix, path, t);
    (void)pthread_mutex_unlock(&ix->lock);
    text_put(t);
    if (r == ERR_LIMIT)
        return err_set(err, r, "at most %d texts can be open at once", INDEX_OVERLAYS_MAX);
    return r < 0 ? err_set(err, r, "out of memory for %s", path) : 0;
}
