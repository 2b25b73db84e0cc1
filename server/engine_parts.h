// Inside of the engine: what engine_*.c and session.c share. Main loop only, except where said.
#pragma once

#include "core/base/conf.h"
#include "core/base/dirs.h"
#include "core/loop/loop.h"
#include "core/loop/mailbox.h"
#include "core/loop/pool.h"
#include "core/loop/stream.h"
#include "server/dispatch.h"
#include "server/engine.h"
#include "server/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
    ENGINE_SESSIONS_MAX = 256,
    ENGINE_GREETING_MS = 5000, // from accept to HELLO
    ENGINE_DRAIN_MS = 5000,    // for what is in flight when the engine or a client ends
    ENGINE_CHECK_MS = 30000,   // socket still ours, housekeeping
    ENGINE_TICK_MS = 10,       // while something is ending
    ENGINE_WORK_MAX = 1024     // asked for by other threads, not begun
};

// --- figures (any thread reads; engine_status.c)
enum { FIGURES_BUCKETS = 128 };
struct figures {
    int64_t start_ms;
    atomic_uint_fast64_t sessions, sessions_total, requests, replayed, oversize, bytes_in,
        bytes_out, queued_bytes; // queued: for clients that do not read at present
    atomic_uint_fast64_t latency[FIGURES_BUCKETS]; // of answered requests, by powers of 2^(1/4) µs
    unsigned crashes;                              // notes found at start
};
void figures_latency(struct figures *f, uint64_t ns);
json_t *engine_status(struct services *services); // services.status

// --- the store (any thread; engine_store.c)
struct engine_store {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct store *store;
    bool opening;
    bool opened; // tried once: from then on nobody waits for another process
    atomic_bool stopping;
    struct err failure; // of the last opening
    uint64_t failed_ns; // when that was
    struct store_config config;
};
int engine_store_init(struct engine_store *s, const struct dirs *dirs, const struct conf *conf,
                      struct err *err);
// On a pool worker. Waits for an engine that is leaving to let go of the store.
void engine_store_open(struct engine_store *s);
struct store *engine_store_get(struct engine_store *s, struct err *err); // waits for the opening
int engine_store_repair(struct engine_store *s, struct err *err); // store_accept, open or not
struct store *engine_store_peek(struct engine_store *s);          // NULL when not open
// After the pool's end. `awaited`: clients were sent on to the next engine, which waits for it.
void engine_store_close(struct engine_store *s, bool awaited);

// --- the socket (engine_socket.c)
struct engine_socket {
    char path[DIRS_PATH_BYTES_MAX + 8];
    int fd;    // taken over by the listener
    dev_t dev; // of the path, to see whether it is still ours
    ino_t ino;
    bool given; // by the service manager: it owns the path
};
int engine_socket_open(struct engine_socket *s, const struct dirs *dirs, struct err *err);
bool engine_socket_ours(const struct engine_socket *s);
void engine_socket_unlink(struct engine_socket *s);     // when it is still ours; once
void engine_notify(const char *text);                   // sd_notify(3) by hand
void engine_ready(int *fd, int code, const char *text); // tells who started us, once; takes *fd

// --- crash notes (engine_crash.c)
// Counts the notes that are there and makes SIGSEGV and its like leave one. Once per process.
unsigned engine_crash_init(const char *log_dir);
void engine_crash_last(const char *session, uint64_t seq); // the request being handed out

// --- the engine
struct conf_retired { // settings from before a reload: workers may still read them
    struct conf_retired *next;
    struct conf *conf;
};

enum engine_state { ENGINE_RUNNING, ENGINE_DRAINING };

struct engine {
    const struct dirs *dirs;
    char id[33];
    enum engine_state state;
    struct conf *conf;
    struct conf_retired *retired;
    struct loop *loop;
    struct pool *pool;
    struct dispatch *dispatch;
    struct services services;
    struct engine_store store;
    struct figures figures;
    struct engine_socket socket;
    struct listener *listener;
    struct session *sessions; // all connections
    struct session *dying;    // closed; their faces are told outside of every callback
    size_t session_count;
    struct loop_timer *idle, *check, *tick, *deadline;
    struct loop_signal *signals[3];
    uint64_t last_request_ns, housekept_ns, rested_ns;
    bool store_ready, housekeeping, owned; // owned: runs for one client (--standalone)
    const struct capability *more;         // of engine_start
    bool federate;                         // serves friends also without a client; never idle
    struct loop_wake *reload_wake;
    struct mailbox *work; // for services.work
    bool awaited;         // sessions were sent on to the next engine
    int lock_fd;          // engine.lock; -1: given away
    uint64_t idle_ms;
};

// Stops listening, lets every session finish what is in flight, then ends. Idempotent.
void engine_drain(struct engine *e, const char *why);
// Something is ending: sessions are looked at every ENGINE_TICK_MS until nothing is.
void engine_want_tick(struct engine *e);
void engine_sessions_changed(struct engine *e); // one came or went

// --- sessions (session.c)
// Takes fd. `owner`: the engine ends with this one.
void session_accept(struct engine *e, int fd, bool owner);
void session_leave(struct session *s);   // the engine is going
bool session_tick(struct session *s);    // true while it is ending
void session_close(struct session *s);   // at once
void session_bury_all(struct engine *e); // frees what has been closed
void session_changed(struct session *s, json_t *uris, bool list_changed);
struct session *session_next(const struct session *s);
// Will a client of this engine come back to the next one? The command line's do not.
bool session_awaits_next(const struct engine *e);

// services.work (engine_work.c). The mailbox goes before the pool, what it holds is ended.
int engine_work_open(struct engine *e, struct err *err);
int engine_work(struct services *services, void (*run)(void *ctx, bool ended), void *ctx);
int engine_work_behind(struct services *services, void (*run)(void *ctx, bool ended), void *ctx);
void engine_work_close(struct engine *e);
void engine_work_free(struct engine *e); // after the pool

// Pages of code that can be read again from their files leave this process (engine_trim.c).
void engine_give_back_code(void);
