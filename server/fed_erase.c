// The end of everything federated: first friends are asked to delete what they have, and confirm;
// then what is here goes.
#include "core/base/dirs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "server/fed_exchange.h"
#include "server/fed_impl.h"
#include "server/fed_tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    AT_ONCE = 100,
    CONFIRM_MS = 5000, // for friends that are there
    CONFIRM_STEP_MS = 50,
    ZEROS = 64 * 1024
};

struct sweep {
    int64_t after;
    uint8_t ids[AT_ONCE][RECORD_ID_BYTES];
    size_t n;
    bool more;
    struct fed_erased *sum;
};

static int collect(void *ctx, const struct peersdb_row *row) {
    struct sweep *s = ctx;
    memcpy(s->ids[s->n++], row->id, RECORD_ID_BYTES);
    s->after = row->seq;
    s->more = s->n == AT_ONCE;
    return s->more;
}

static int take_some_back(struct fed_core *core, void *arg, struct err *err) {
    struct sweep *s = arg;
    struct peersdb_filter own = {.author = identity_key(core->id),
                                 .states = 1U << PEERSDB_ACCEPTED,
                                 .kinds = (1U << RECORD_REVOCATION) - 2, // what can be taken back
                                 .after = s->after,
                                 .max = AT_ONCE};
    s->n = 0;
    s->more = false;
    int r = peersdb_list(core->peersdb, &own, collect, s, err);
    for (size_t i = 0; i < s->n && r >= 0; i++) {
        uint8_t id[RECORD_ID_BYTES];
        r = exchange_take_back(fed_exchange_of(core), s->ids[i], NULL, id, err);
        s->sum->taken_back += r == 0;
    }
    return r < 0 ? r : 0;
}

struct receipts {
    struct fed_core *core;
    int64_t confirmed; // records that somebody has confirmed
    bool this_one;
    int64_t after;
    bool more;
};
static void see_receipt(void *ctx, const struct peersdb_receipt *r) {
    struct receipts *x = ctx;
    (void)r;
    x->this_one = true;
}
static int see_record(void *ctx, const struct peersdb_row *row) {
    struct receipts *x = ctx;
    x->this_one = false;
    (void)peersdb_receipts(x->core->peersdb, row->id, see_receipt, x, NULL);
    x->confirmed += x->this_one;
    x->after = row->seq;
    x->more = true;
    return 0;
}
static int count_receipts(struct fed_core *core, void *arg, struct err *err) {
    struct receipts *x = arg;
    struct peersdb_filter gone = {.author = identity_key(core->id),
                                  .states = 1U << PEERSDB_DELETED,
                                  .after = x->after,
                                  .max = AT_ONCE};
    x->core = core;
    x->more = false;
    int r = peersdb_list(core->peersdb, &gone, see_record, x, err);
    return r < 0 ? r : 0;
}

static int64_t confirmed(struct services *s) {
    struct receipts x = {0};
    int r;
    do
        r = fed_run(s, count_receipts, &x, NULL);
    while (r == 0 && x.more);
    return x.confirmed;
}

static void count_friend(void *ctx, const struct peersdb_peer *p) {
    struct fed_erased *sum = ctx;
    (void)p;
    sum->friends++;
}

static int count_all(struct fed_core *core, void *arg, struct err *err) {
    struct fed_erased *sum = arg;
    int64_t n = 0;
    int r = db_one_int(core->db, "SELECT count(*) FROM record", NULL, 0, &n, err);
    sum->records = n;
    return r < 0 ? r : peersdb_peers(core->peersdb, count_friend, sum, err);
}

// Friends that are away learn of it when they meet another friend who has, or not at all: the
// caller says how many have not confirmed.
static int take_all_back(struct services *s, struct fed_erased *sum, struct err *err) {
    struct sweep sweep = {.sum = sum};
    int r;
    do
        r = fed_run(s, take_some_back, &sweep, err);
    while (r == 0 && sweep.more);
    for (int waited = 0; r == 0 && sum->taken_back && waited < CONFIRM_MS;
         waited += CONFIRM_STEP_MS) {
        sum->confirmed = confirmed(s);
        if (sum->confirmed >= sum->taken_back)
            break;
        (void)nanosleep(&(struct timespec){.tv_nsec = CONFIRM_STEP_MS * 1000000L}, NULL);
    }
    return r;
}

// --- files

// Overwritten before it goes: what a key that stays could still decrypt is not left on the disk.
static int shred(const char *dir, const char *name, struct err *err) {
    static const char zeros[ZEROS];
    char path[DIRS_PATH_BYTES_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "%s cannot be erased", path);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 0; at < size; at += ZEROS) {
        size_t n = size - at < ZEROS ? (size_t)(size - at) : ZEROS;
        if (pwrite(fd, zeros, n, at) < 0)
            break; // unlinked all the same
    }
    (void)fsync(fd);
    (void)close(fd);
    return unlink(path) < 0 ? err_errno(err, errno, "%s cannot be removed", path) : 0;
}

static int remove_files(void *ctx, struct err *err) {
    static const char *const names[] = {"peers.db",       "peers.db-wal", "peers.head",
                                        "peers.turn",     "peers.lock",   "identity",
                                        "identity.before"};
    const struct services *s = ctx;
    char dir[DIRS_PATH_BYTES_MAX + 16];
    int r = 0;
    (void)snprintf(dir, sizeof dir, "%s/federation", s->dirs->state);
    for (size_t i = 0; i < COUNT_OF(names) && r == 0; i++)
        r = shred(dir, names[i], err);
    fed_tasks_folder_remove(dir);
    if (r == 0 && rmdir(dir) < 0 && errno != ENOENT)
        log_line(LOG_WARN, "federation", "the folder is not empty after erasing");
    return r;
}

int fed_erase(struct services *s, struct fed_erased *ret, struct err *err) {
    *ret = (struct fed_erased){0};
    int r = fed_visit(s, count_all, ret, err);
    if (r == 0 && fed_state(s->fed, NULL) == FED_RUNNING)
        r = take_all_back(s, ret, err);
    // A database that cannot be opened can still be erased.
    if (r < 0 && r != ERR_NOT_FOUND && r != ERR_CORRUPT && r != ERR_KEY)
        return r;
    r = fed_while_stopped(s->fed, remove_files, s, err);
    fed_apply(s->fed, false); // where it is still wanted it begins anew, as somebody else
    return r;
}
