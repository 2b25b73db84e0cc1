// Worker pool: N threads, three priorities, one worker kept for interactive work. A job runs on a
// worker, its completion on the loop that owns the pool. Jobs poll job_cancelled() every few
// milliseconds.
#pragma once

#include "core/base/err.h"
#include "core/loop/loop.h"

#include <stdbool.h>

struct pool;
struct job;
enum pool_priority { POOL_INTERACTIVE, POOL_NORMAL, POOL_BACKGROUND };
enum { POOL_QUEUE_MAX = 4096 };

typedef void job_run_fn(void *ctx, struct job *job); // on a worker
typedef void job_done_fn(void *ctx,
                         bool cancelled); // on the loop; exactly once for each accepted job

int pool_new(struct loop *l, unsigned threads, struct pool **ret, struct err *err); // threads >= 2
// Cancels everything, waits for running jobs, delivers outstanding completions. On the loop, not in
// a completion.
void pool_free(struct pool *p);

// On the loop. *ret_job (may be NULL) stays valid until its completion has been called.
// 0, ERR_BUSY (queue full), ERR_NOMEM.
int pool_submit(struct pool *p, enum pool_priority prio, job_run_fn *run, job_done_fn *done,
                void *ctx, struct job **ret_job);
void job_cancel(
    struct job *job); // on the loop; a queued job is completed as cancelled without running
bool job_cancelled(const struct job *job);         // any thread
unsigned pool_worker_index(const struct job *job); // 0..threads-1: which worker runs it
size_t pool_queued(const struct pool *p);
size_t pool_busy(const struct pool *p); // accepted and not yet completed; on the loop
// Workers that wait for work just now.
unsigned pool_idle(const struct pool *p);
