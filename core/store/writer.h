// The one thread that writes. Requests wait in a bounded queue; those that wait together share one
// transaction, each in a savepoint of its own, and are answered only after COMMIT has been synced.
// One that fails leaves its neighbours alone. Any thread may call; the connection is the writer's
// alone between start and stop.
#pragma once

#include "core/store/store.h"

enum {
    WRITER_QUEUE_MAX = 1024,                   // requests waiting
    WRITER_GROUP_MAX = 64,                     // requests of one transaction
    WRITER_GROUP_MS_MAX = 20,                  // a transaction takes no further request after this
    WRITER_RESULT_BYTES_MAX = 4 * 1024 * 1024, // recorded for one origin
    WRITER_IDLE_MS = 250
};

struct writer;

// Borrows `db` until writer_stop has returned. `wall_ms` dates the records of origins.
int writer_start(struct db *db, int64_t (*wall_ms)(void), struct writer **ret, struct err *err);
// Refuses new requests, carries out those that wait, ends the thread. Accepts NULL.
void writer_stop(struct writer *w);

// As store_write. ERR_BUSY: the queue is full; ERR_CLOSED: the writer is stopping.
int writer_write(struct writer *w, const struct origin *origin, store_write_fn *fn, void *ctx,
                 struct buf *result, bool *ret_repeated, struct err *err);

// Runs fn on the writer thread, alone and outside any transaction (VACUUM, checkpoint, backup).
typedef int writer_job_fn(struct db *db, void *ctx, struct err *err);
int writer_exclusive(struct writer *w, writer_job_fn *fn, void *ctx, struct err *err);

// What is worth doing when nobody has written for a while: runs fn on the writer thread, alone and
// outside any transaction, WRITER_IDLE_MS after the last write, again and again until it returns 0
// (nothing is left until the next write) or fails; between two runs whoever writes has his turn. A
// run should take a few milliseconds. Before the first write.
typedef int writer_idle_fn(struct db *db, struct err *err); // 1: there is more
void writer_set_idle(struct writer *w, writer_idle_fn *fn);

size_t writer_queued(struct writer *w); // requests waiting now
