// Life of a store: open, locked, closed. What happens inside an open one is in the other files.
#include "core/store/store.h"

#include "core/base/dirs.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/consent.h"
#include "core/store/memory.h"
#include "core/store/store_impl.h"
#include "core/store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *store_path(const char *dir, const char *name) {
    return mem_format("%s/%s", dir, name);
}

int store_fsync_dir(const char *path, struct err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;
    if (fd < 0 || fsync(fd) < 0)
        r = err_errno(err, errno, "the folder %s cannot be synced", path);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

// --- the object ---------------------------------------------------------------------------------

static int init_sync(struct store *s, struct err *err) {
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return err_set(err, ERR_NOMEM, "out of memory for the store");
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->consent_lock, NULL);
    store_sides_init(s);
    return 0;
}

static void store_free(struct store *s) {
    keyring_free(s->keys);
    store_lock_release(s->lock_fd, !s->unclean);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->consent_lock);
    store_sides_done(s);
    mem_free(s->dir);
    mem_free(s->db_path);
    mem_free(s->backups_dir);
    mem_free(s);
}

static int new_store(const struct store_config *config, const struct schema_step *steps,
                     struct store **ret, struct err *err) {
    struct store *s = mem_zalloc(sizeof *s);
    int r = s ? init_sync(s, err) : err_set(err, ERR_NOMEM, "out of memory for the store");
    if (r < 0) {
        mem_free(s);
        return r;
    }
    s->state = STORE_CLOSED;
    s->lock_fd = -1;
    s->steps = steps;
    s->wall_ms = config->wall_ms ? config->wall_ms : env_now_wall_ms;
    s->rotate_days = config->rotate_days;
    s->accept_damage = config->accept_damage;
    s->on_lock = config->on_lock;
    s->on_lock_ctx = config->on_lock_ctx;
    s->readers_max = config->readers ? config->readers : 1;
    if (s->readers_max > STORE_READERS_MAX)
        s->readers_max = STORE_READERS_MAX;
    s->dir = mem_strdup(config->dir);
    s->backups_dir = store_path(config->dir, "backups");
    s->db_path = store_path(config->dir, "store.db");
    if (!s->dir || !s->backups_dir || !s->db_path) {
        store_free(s);
        return err_set(err, ERR_NOMEM, "out of memory for the store");
    }
    *ret = s;
    return 0;
}

// --- up and down --------------------------------------------------------------------------------

static int migrate(struct store *s, enum schema_fit fit, int64_t version, struct err *err) {
    if (fit == SCHEMA_OLDER) {
        int r = store_backup_make(s, s->write_db, version, err);
        if (r < 0)
            return err_context(err, r, "the store was not brought from schema %lld to %d",
                               (long long)version, schema_newest(s->steps));
    }
    int r = schema_migrate(s->write_db, s->steps, s->wall_ms(), err);
    if (r == 0)
        s->schema_version = schema_newest(s->steps);
    return r;
}

static int open_database(struct store *s, struct err *err) {
    unsigned flags = VFS_CREATE | (s->accept_damage ? VFS_ACCEPT_DAMAGE : 0);
    int r = vfs_open(s->db_path, s->keys, flags, &s->vfs, err);
    if (r == 0)
        r = db_open(s->vfs, DB_CREATE, &s->write_db, err);
    if (r == 0 && s->accept_damage)
        r = vfs_accept(s->vfs, err);
    s->accept_damage = false;
    enum schema_fit fit = SCHEMA_CURRENT;
    if (r == 0)
        r = schema_inspect(s->write_db, s->steps, &fit, &s->schema_version, err);
    if (r < 0)
        return r;
    s->read_only = fit == SCHEMA_NEWER;
    if (fit == SCHEMA_EMPTY || fit == SCHEMA_OLDER)
        return migrate(s, fit, s->schema_version, err);
    return 0;
}

int store_start(struct store *s, struct err *err) {
    int r = open_database(s, err);
    if (r == 0 && !s->read_only) {
        s->ranks = rank_cache_new(); // without it recall only takes longer
        rank_cache_follow(s->ranks, s->write_db);
    }
    if (r == 0 && !s->read_only)
        r = writer_start(s->write_db, s->wall_ms, &s->writer, err);
    if (r < 0)
        store_stop(s);
    else if (s->writer)
        writer_set_idle(s->writer, memory_tidy);
    return r;
}

void store_stop(struct store *s) {
    store_checker_stop(s);
    writer_stop(s->writer);
    store_readers_close(s);
    store_sides_close(s);
    struct vfs_info info = {0};
    if (s->leave_log && s->vfs)
        vfs_info(s->vfs, &info);
    if (s->write_db && s->leave_log && info.wal_bytes <= STORE_LOG_LEFT_BYTES)
        db_keep_log(s->write_db);
    else if (s->write_db)
        (void)db_checkpoint(s->write_db, true, NULL); // the log serves as well at the next start
    db_close(s->write_db);
    vfs_close(s->vfs);
    rank_cache_free(s->ranks);
    s->ranks = NULL;
    s->writer = NULL;
    s->write_db = NULL;
    s->vfs = NULL;
}

// --- opening and closing ------------------------------------------------------------------------

static int prepare_folder(struct store *s, struct err *err) {
    int r = dirs_ensure_private(s->dir, err);
    if (r < 0)
        return r;
    bool network = false;
    const char *name = "";
    r = dirs_is_network(s->dir, &network, &name, err);
    if (r < 0)
        return r;
    if (network)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s is on a network file system (%s), which cannot hold the store: set "
                       "XDG_STATE_HOME to a folder on a local disk",
                       s->dir, name);
    return 0;
}

static void set_state(struct store *s, enum store_state state) {
    (void)pthread_mutex_lock(&s->lock);
    s->state = state;
    (void)pthread_mutex_unlock(&s->lock);
}

static void opened(struct store *s) {
    set_state(s, STORE_OPEN);
    if (s->unclean)
        store_checker_start(s);
}

static int open_inside(struct store *s, struct err *err) {
    int r = prepare_folder(s, err);
    if (r < 0)
        return r;
    AUTO_FREE char *lock_path = store_path(s->dir, "owner.lock");
    if (!lock_path)
        return err_set(err, ERR_NOMEM, "out of memory for the store");
    r = store_lock_take(lock_path, &s->lock_fd, &s->unclean, err);
    if (r < 0)
        return r;
    store_backup_tidy(s);
    r = keyring_open(s->dir, KEYRING_CREATE, &s->keys, err);
    if (r < 0)
        return r;
    if (keyring_locked(s->keys)) {
        s->state = STORE_LOCKED;
        return 0;
    }
    r = store_start(s, err);
    if (r == 0)
        opened(s);
    return r;
}

int store_open_steps(const struct store_config *config, const struct schema_step *steps,
                     struct store **ret, struct err *err) {
    struct store *s = NULL;
    int r = new_store(config, steps, &s, err);
    if (r < 0)
        return r;
    r = open_inside(s, err);
    if (r < 0) {
        store_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int store_open(const struct store_config *config, struct store **ret, struct err *err) {
    return store_open_steps(config, schema_steps, ret, err);
}

// Refuses new calls and waits for those inside; statements that do not end by themselves are
// interrupted.
static void close_to_all(struct store *s) {
    s->state = STORE_CLOSED;
    store_checker_cancel(s);
    (void)pthread_cond_broadcast(&s->changed);
    while (s->upkeep || s->upkeep_waiting)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    while (!store_wait_users(s, STORE_CLOSE_WAIT_MS))
        store_readers_interrupt(s);
}

void store_close(struct store *s) {
    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    bool was_open = s->state == STORE_OPEN;
    close_to_all(s);
    (void)pthread_mutex_unlock(&s->lock);
    if (was_open)
        store_stop(s);
    store_free(s);
}

void store_close_soon(struct store *s) {
    if (s)
        s->leave_log = true;
    store_close(s);
}

enum store_state store_state(struct store *s) {
    (void)pthread_mutex_lock(&s->lock);
    enum store_state state = s->state;
    (void)pthread_mutex_unlock(&s->lock);
    return state;
}

const char *store_state_name(enum store_state state) {
    static const char *const names[] = {[STORE_CLOSED] = "closed",
                                        [STORE_LOCKED] = "locked",
                                        [STORE_OPEN] = "open",
                                        [STORE_FAILED] = "failed"};
    return names[state];
}

// --- locking ------------------------------------------------------------------------------------

static int unlock_inside(struct store *s, const char *secret, size_t n, struct err *err) {
    if (store_state(s) == STORE_OPEN)
        return 0; // somebody else was faster
    int r = keyring_unlock(s->keys, secret, n, err);
    if (r < 0)
        return r;
    r = store_start(s, err);
    if (r < 0) {
        (void)keyring_lock(s->keys, NULL);
        return r;
    }
    opened(s);
    return 0;
}

int store_unlock(struct store *s, const char *secret, size_t n, struct err *err) {
    int r = store_upkeep_begin(s, true, err);
    if (r < 0)
        return r;
    r = unlock_inside(s, secret, n, err);
    store_upkeep_end(s);
    consent_changed(s); // who keeps grants in memory may read them again
    return r;
}

// From OPEN to LOCKED for new calls; back when those inside do not end.
static int shut_out(struct store *s, struct err *err) {
    int r = 0;
    (void)pthread_mutex_lock(&s->lock);
    s->state = STORE_LOCKED;
    store_checker_cancel(s);
    if (!store_wait_users(s, STORE_CLOSE_WAIT_MS)) {
        s->state = STORE_OPEN;
        r = err_set(err, ERR_BUSY, "the store is in use; try again in a moment");
    }
    (void)pthread_mutex_unlock(&s->lock);
    return r;
}

struct keyring *store_keyring(struct store *s) {
    return s->keys;
}

static int lock_inside(struct store *s, struct err *err) {
    if (store_state(s) == STORE_LOCKED)
        return 0;
    int64_t slot;
    if (keyring_find(s->keys, "key-file", &slot, NULL) == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the key file opens the store without asking, so there is nothing to lock; "
                       "set a passphrase first: paired key passphrase");
    int r = shut_out(s, err);
    if (r < 0)
        return r;
    if (s->on_lock)
        s->on_lock(s->on_lock_ctx);
    store_stop(s);
    return keyring_lock(s->keys, err);
}

int store_lock(struct store *s, struct err *err) {
    int r = store_upkeep_begin(s, true, err);
    if (r < 0)
        return r;
    r = lock_inside(s, err);
    store_upkeep_end(s);
    consent_changed(s);
    return r;
}

// --- writing ------------------------------------------------------------------------------------

int store_write(struct store *s, const struct origin *origin, store_write_fn *fn, void *ctx,
                struct buf *result, bool *ret_repeated, struct err *err) {
    int r = store_enter_write(s, err);
    if (r < 0)
        return r;
    r = writer_write(s->writer, origin, fn, ctx, result, ret_repeated, err);
    store_leave(s);
    if (r == ERR_FULL)
        return err_set(err, r,
                       "no space left for the store in %s: free some space and try again; what was "
                       "saved before is safe",
                       s->dir);
    return r;
}
