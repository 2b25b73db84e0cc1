#include "core/base/io.h"
#include "core/base/mem.h"
#include "server/cli_setup_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void sync_folder(const char *path) {
    char folder[SETUP_PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

int setup_replace(const char *target, const struct buf *text, mode_t mode, const struct stat *like,
                  struct err *err) {
    AUTO_FREE char *temporary = mem_format("%s.paired-XXXXXX", target);
    if (!temporary)
        return err_set(err, ERR_NOMEM, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC); // 0600
    if (fd < 0)
        return err_errno(err, errno, "cannot write beside %s", target);
    int r = io_write_all(fd, text->data, text->len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    // The group first: changing it takes the set-id bits away.
    if (r == 0 && like && fchown(fd, (uid_t)-1, like->st_gid) < 0 && errno != EPERM)
        r = -errno;
    if (r == 0 && fchmod(fd, like ? like->st_mode & 07777 : mode) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, target) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary);
        return err_errno(err, -r, "cannot write %s", target);
    }
    sync_folder(target);
    return 0;
}

// Missing folders on the way to `path`; those that were made go to `made`, outermost first.
static int make_folders(const char *path, json_t *made, struct err *err) {
    char partial[SETUP_PATH_BYTES];
    (void)snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0700) == 0) {
            if (json_array_append_new(made, json_string(partial)) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
        } else if (errno != EEXIST) {
            return err_errno(err, errno, "cannot make the folder %s", partial);
        }
        *slash = '/';
    }
    return 0;
}

static int unchanged(const struct setup_file *planned, struct err *err) {
    struct setup_file now = {.before = BUF_INIT(SETUP_FILE_BYTES_MAX)};
    memcpy(now.path, planned->path, sizeof now.path);
    int r = setup_read(&now, err);
    if (r == 0 &&
        (now.exists != planned->exists || strcmp(now.target, planned->target) != 0 ||
         now.before.len != planned->before.len ||
         (now.before.len && memcmp(now.before.data, planned->before.data, now.before.len) != 0)))
        r = err_set(err, ERR_BUSY, "%s has changed meanwhile: run it again", planned->path);
    buf_done(&now.before);
    return r;
}

// Keeps what was there before paired was: not again for a registration that is only updated.
static int back_up(struct setup_plan *plan, const struct setup_file *file, const char *profile,
                   struct err *err) {
    struct setup_backup known;
    int r = setup_backup_load(plan->kind, file, profile, &known, err);
    bool keep = known.known && (file->same || file->different);
    setup_backup_done(&known);
    return r < 0 || keep ? r : setup_backup_save(plan->kind, file, profile, err);
}

static int put(struct setup_plan *plan, struct setup_file *file, const char *profile,
               struct err *err) {
    json_t *made = json_array();
    int r = made ? make_folders(file->target, made, err) : err_set(err, ERR_NOMEM, "out of memory");
    r = r < 0 ? r : setup_folders_add(profile, made, err);
    r = r < 0 ? r : back_up(plan, file, profile, err);
    if (r == 0)
        r = setup_replace(file->target, &file->after, 0600, file->exists ? &file->st : NULL, err);
    json_decref(made);
    return r;
}

static int take(struct setup_plan *plan, struct setup_file *file, const char *profile,
                struct err *err) {
    int r = 0;
    if (file->keep)
        r = setup_replace(file->target, &file->after, 0600, &file->st, err);
    else if (unlink(file->target) < 0)
        r = err_errno(err, errno, "cannot remove %s", file->path);
    if (r == 0)
        setup_backup_drop(plan->kind, file, profile);
    return r;
}

int setup_write(struct setup_plan *plan, const char *profile, struct err *err) {
    for (size_t i = 0; i < plan->count; i++) {
        int r = setup_changes(&plan->files[i]) ? unchanged(&plan->files[i], err) : 0;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct setup_file *file = &plan->files[i];
        int r = 0;
        if (setup_changes(file))
            r = plan->remove ? take(plan, file, profile, err) : put(plan, file, profile, err);
        if (r < 0)
            return r;
    }
    if (plan->remove)
        setup_folders_prune(profile);
    return 0;
}
