#include "server/engine.h"

#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/workspace/workspace.h"
#include "server/engine_parts.h"
#include "server/fed.h"
#include "server/gateway.h"
#include "server/models_why.h"
#include "server/team.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    REST_MS = 1500,
    FIRST_CHECK_MS = 3500, // what the start alone needed goes early
    QUIET_MS = 60000,
    HOUSEKEEP_MS = 3600000,
    PROBLEMS_MAX = 8,
    EXIT_TRY_AGAIN = 75
};
static const uint64_t NS_PER_MS = 1000000;

extern char **environ;

static uint64_t now_ns(struct engine *e) {
    return env_mono_ns(loop_env(e->loop));
}

// --- ending --------------------------------------------------------------------------------------

static void give_lock(struct engine *e) {
    if (e->lock_fd >= 0)
        (void)close(e->lock_fd);
    e->lock_fd = -1;
}

void engine_drain(struct engine *e, const char *why) {
    if (e->state == ENGINE_DRAINING)
        return;
    e->state = ENGINE_DRAINING;
    log_line(LOG_INFO, "engine", "draining: %s", why);
    if (!e->owned)
        engine_notify("STOPPING=1");
    // Nobody new: a front end finds no engine now, and waits for the lock to start the next one.
    engine_socket_unlink(&e->socket);
    listener_close(e->listener);
    e->listener = NULL;
    // The next one serves from here on what asks no store; for the store it waits (owner.lock).
    // What is being written here may take a slow disk's time, and would keep everybody waiting.
    give_lock(e);
    e->awaited = !e->owned && session_awaits_next(e);
    for (struct session *s = e->sessions, *next; s; s = next) {
        next = session_next(s);
        session_leave(s);
    }
    loop_timer_start(e->deadline, ENGINE_DRAIN_MS + 500, 0);
    engine_sessions_changed(e);
}

static void on_deadline(void *ctx) {
    struct engine *e = ctx;
    log_line(LOG_WARN, "engine", "sessions left at the deadline count=%zu", e->session_count);
    loop_stop(e->loop);
}

static void on_tick(void *ctx) {
    struct engine *e = ctx;
    bool more = false;
    for (struct session *s = e->sessions, *next; s; s = next) {
        next = session_next(s);
        more |= session_tick(s);
    }
    if (!more)
        loop_timer_stop(e->tick);
}

void engine_want_tick(struct engine *e) {
    loop_timer_start(e->tick, 1, ENGINE_TICK_MS);
}

// --- being idle ----------------------------------------------------------------------------------

static void on_idle(void *ctx) {
    struct engine *e = ctx;
    bool wanted = gateway_busy(e->services.gateway) || gateway_served(e->services.gateway);
    if (e->session_count == 0 && pool_busy(e->pool) == 0 && !wanted && !e->federate)
        engine_drain(e, "idle");
    else if (e->session_count == 0)
        loop_timer_start(e->idle, e->idle_ms, 0);
}

void engine_sessions_changed(struct engine *e) {
    atomic_store(&e->figures.sessions, e->session_count);
    if (e->session_count > 0)
        loop_timer_stop(e->idle);
    else if (e->state == ENGINE_DRAINING && e->loop)
        loop_stop(e->loop);
    else
        loop_timer_start(e->idle, e->idle_ms, 0);
}

static void housekeep_run(void *ctx, struct job *job) {
    struct engine *e = ctx;
    struct store *store = engine_store_peek(&e->store);
    struct err err = {0};
    (void)job;
    workspaces_sweep(e->services.workspaces, (int64_t)(env_now_mono_ns() / NS_PER_MS));
    if (store && store_state(store) == STORE_OPEN && store_housekeep(store, &err) < 0)
        log_line(LOG_WARN, "engine", "housekeeping failed code=%s", err_name(err.code));
}

static void housekeep_done(void *ctx, bool cancelled) {
    struct engine *e = ctx;
    (void)cancelled;
    e->housekeeping = false;
    (void)malloc_trim(0);
}

// A store that a passphrase opened is closed again after a time without use.
static void auto_lock_run(void *ctx, struct job *job) {
    struct engine *e = ctx;
    struct store *store = engine_store_peek(&e->store);
    (void)job;
    if (store && store_state(store) == STORE_OPEN)
        (void)store_lock(store, NULL); // ERR_UNSUPPORTED: a key file would open it at once
}

static void apply_run(void *ctx, struct job *job) {
    struct engine *e = ctx;
    (void)job;
    fed_apply(e->services.fed, e->federate);
}

static void apply_done(void *ctx, bool cancelled) {
    (void)ctx, (void)cancelled;
}

// Starting and stopping federation waits for its thread.
static void apply_federation(struct engine *e) {
    if (!e->owned && pool_submit(e->pool, POOL_NORMAL, apply_run, apply_done, e, NULL) < 0)
        log_line(LOG_WARN, "engine", "federation's setting was not applied");
}

static void start_job(struct engine *e, job_run_fn *run) {
    e->housekeeping = pool_submit(e->pool, POOL_BACKGROUND, run, housekeep_done, e, NULL) == 0;
}

static void on_check(void *ctx) {
    struct engine *e = ctx;
    if (e->state != ENGINE_RUNNING)
        return;
    if (!engine_socket_ours(&e->socket)) {
        engine_drain(e, "the socket belongs to somebody else now");
        return;
    }
    uint64_t now = now_ns(e);
    uint64_t quiet = now - e->last_request_ns;
    if (e->last_request_ns > e->rested_ns && quiet >= REST_MS * NS_PER_MS) {
        e->rested_ns = now;
        engine_give_back_code();
    }
    uint64_t lock_ms = (uint64_t)conf_int(e->conf, "store.auto_lock_minutes") * 60000;
    if (e->housekeeping || quiet < QUIET_MS * NS_PER_MS)
        return;
    // After work was done, or hourly: expiry and rotation have their dates.
    bool due =
        e->last_request_ns > e->housekept_ns || now - e->housekept_ns >= HOUSEKEEP_MS * NS_PER_MS;
    if (due) {
        e->housekept_ns = now;
        start_job(e, housekeep_run);
    } else if (lock_ms && quiet >= lock_ms * NS_PER_MS) {
        start_job(e, auto_lock_run);
    }
}

// --- settings ------------------------------------------------------------------------------------

static int load_conf(const struct dirs *dirs, struct conf **ret, struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 16];
    struct conf *conf = NULL;
    struct conf_problem problems[PROBLEMS_MAX];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/config.json", dirs->config);
    int r = conf_new(&conf, err);
    if (r < 0)
        return r;
    struct err why = {0};
    if (conf_load_file(conf, path, CONF_USER, problems, PROBLEMS_MAX, &count, &why) < 0)
        log_line(LOG_WARN, "engine", "settings not taken code=%s", err_name(why.code));
    if (count)
        log_line(LOG_WARN, "engine", "settings with problems count=%zu", count);
    if (conf_load_environment(conf, environ, &why) < 0)
        log_line(LOG_WARN, "engine", "environment not taken code=%s", err_name(why.code));
    *ret = conf;
    return 0;
}

// Tests cannot wait for minutes.
static uint64_t test_ms(const char *variable, uint64_t otherwise) {
    const char *text = getenv(variable);
    uint64_t ms = text ? strtoull(text, NULL, 10) : 0;
    return ms ? ms : otherwise;
}

static void apply_conf(struct engine *e) {
    enum log_level level;
    if (log_level_parse(conf_string(e->conf, "log.level"), &level) == 0)
        log_set_level(level);
    e->idle_ms =
        test_ms("PAIRED_TEST_IDLE_MS", (uint64_t)conf_int(e->conf, "engine.idle_minutes") * 60000);
}

// Workers may be reading the settings: the old ones stay until the engine ends.
static void reload(struct engine *e) {
    struct conf *fresh = NULL;
    if (log_reopen() < 0 || load_conf(e->dirs, &fresh, NULL) < 0)
        return;
    struct conf_retired *old = mem_alloc(sizeof *old);
    if (!old) {
        conf_free(fresh);
        return;
    }
    *old = (struct conf_retired){.next = e->retired, .conf = e->conf};
    e->retired = old;
    e->conf = fresh;
    __atomic_store_n(&e->services.conf, fresh, __ATOMIC_RELEASE);
    apply_conf(e);
    apply_federation(e);
    log_line(LOG_INFO, "engine", "settings reloaded");
}

static void on_reload_wake(void *ctx) {
    reload(ctx);
}

static void ask_reload(struct services *services) {
    struct engine *e = services->engine;
    loop_wake_send(e->reload_wake);
}

static void on_signal(void *ctx, int signum) {
    struct engine *e = ctx;
    if (signum == SIGHUP)
        reload(e);
    else if (e->state == ENGINE_DRAINING)
        loop_stop(e->loop); // asked twice: now
    else
        engine_drain(e, "signal");
}

// --- starting ------------------------------------------------------------------------------------

static struct store *get_store(struct services *services, struct err *err) {
    struct engine *e = services->engine;
    return engine_store_get(&e->store, err);
}

static int repair_store(struct services *services, struct err *err) {
    struct engine *e = services->engine;
    return engine_store_repair(&e->store, err);
}

static void open_run(void *ctx, struct job *job) {
    struct engine *e = ctx;
    (void)job;
    engine_store_open(&e->store);
}

static void open_done(void *ctx, bool cancelled) {
    if (!cancelled)
        apply_federation(ctx);
}

static void on_changed(void *ctx, json_t *uris, bool list_changed) {
    struct engine *e = ctx;
    for (struct session *s = e->sessions, *next; s; s = next) {
        next = session_next(s);
        session_changed(s, uris, list_changed);
    }
}

static void on_accept(void *ctx, int fd) {
    session_accept(ctx, fd, false);
}

static int open_log(const struct dirs *dirs, char log_dir[DIRS_PATH_BYTES_MAX + 8],
                    struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 32];
    int r = dirs_ensure_private(dirs->state, err);
    if (r < 0)
        return r;
    (void)snprintf(log_dir, DIRS_PATH_BYTES_MAX + 8, "%s/log", dirs->state);
    r = dirs_ensure_private(log_dir, err);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof path, "%s/engine.log", log_dir);
    return log_open(path, LOG_INFO, err);
}

// Keys are in this process's memory: no core file, no debugger of the same user.
static void protect_process(void) {
    struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 1024) {
        files.rlim_cur = files.rlim_max < 1024 ? files.rlim_max : 1024;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void new_engine_id(char out[33]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char random[16];
    env_os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        out[2 * i] = hex[random[i] >> 4];
        out[2 * i + 1] = hex[random[i] & 15];
    }
    out[32] = '\0';
}

static int make_timers(struct engine *e, struct err *err) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    if (loop_timer_new(e->loop, on_idle, e, &e->idle) < 0 ||
        loop_timer_new(e->loop, on_check, e, &e->check) < 0 ||
        loop_timer_new(e->loop, on_tick, e, &e->tick) < 0 ||
        loop_timer_new(e->loop, on_deadline, e, &e->deadline) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; !e->owned && i < COUNT_OF(signals); i++) {
        int r = loop_signal_new(e->loop, signals[i], on_signal, e, &e->signals[i]);
        if (r < 0)
            return err_set(err, r, "cannot watch signals");
    }
    uint64_t check_ms = test_ms("PAIRED_TEST_CHECK_MS", ENGINE_CHECK_MS);
    loop_timer_start(e->check, check_ms < FIRST_CHECK_MS ? check_ms : FIRST_CHECK_MS, check_ms);
    return 0;
}

// For the cache of an index: whatever is wrong with the store, the index works without.
static struct store *index_store(void *ctx) {
    struct engine *e = ctx;
    return engine_store_get(&e->store, NULL);
}

// Off, it listens at any free port, and only from the first pass on (`gateway run`).
static int make_gateway(struct engine *e, struct err *err) {
    bool on = !e->owned && conf_bool(e->conf, "gateway.enabled");
    uint16_t port = on ? (uint16_t)conf_int(e->conf, "gateway.port") : 0;
    int r = model_whys_new(&e->services.whys, err);
    if (r == 0)
        r = gateway_new(e->loop, e->pool, &e->services, port, &e->services.gateway, err);
    if (r == 0 && on)
        gateway_serve(e->services.gateway);
    return r;
}

static void before_lock(void *ctx) {
    struct engine *e = ctx;
    fed_before_lock(e->services.fed);
}

static int make_services(struct engine *e, struct err *err) {
    static const struct capability *tables[16];
    const struct capability *const all[] = {capabilities_memory,
                                            capabilities_admin,
                                            capabilities_mcp,
                                            capabilities_acp,
                                            capabilities_agents(),
                                            capabilities_models,
                                            capabilities_gateway,
                                            capabilities_sessions,
                                            capabilities_chat,
                                            capabilities_federation,
                                            capabilities_pair,
                                            capabilities_tasks,
                                            capabilities_share,
                                            e->more,
                                            NULL};
    _Static_assert(sizeof all <= sizeof tables, "the list fits");
    memcpy(tables, all, sizeof all);
    e->services = (struct services){.store = get_store,
                                    .conf = e->conf,
                                    .dirs = e->dirs,
                                    .status = engine_status,
                                    .repair = repair_store,
                                    .reload = ask_reload,
                                    .work = engine_work,
                                    .work_behind = engine_work_behind,
                                    .engine = e};
    int r = engine_store_init(&e->store, e->dirs, e->conf, err);
    if (r < 0)
        return r;
    e->store.config.on_lock = before_lock;
    e->store.config.on_lock_ctx = e;
    e->store_ready = true;
    r = workspaces_new(index_store, e, paired_build_id, &e->services.workspaces, err);
    if (r < 0)
        return r;
    r = pool_new(e->loop, (unsigned)conf_int(e->conf, "engine.workers"), &e->pool, err);
    if (r == 0)
        r = engine_work_open(e, err);
    if (r == 0)
        r = fed_new(&e->services,
                    !e->owned && (e->federate || conf_bool(e->conf, "federation.enabled")),
                    &e->services.fed, err);
    if (r == 0 && loop_wake_new(e->loop, on_reload_wake, e, &e->reload_wake) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = make_gateway(e, err);
    if (r < 0)
        return r;
    struct dispatch_config config = {.loop = e->loop,
                                     .pool = e->pool,
                                     .services = &e->services,
                                     .tables = tables,
                                     .changed = on_changed,
                                     .ctx = e};
    return dispatch_new(&config, &e->dispatch, err);
}

static int start(struct engine *e, const struct engine_start *how, struct err *err) {
    char log_dir[DIRS_PATH_BYTES_MAX + 8];
    int r = open_log(e->dirs, log_dir, err);
    if (r < 0)
        return r;
    if (!e->owned)
        e->figures.crashes = engine_crash_init(log_dir);
    r = secret_init(err);
    if (r < 0 || (r = load_conf(e->dirs, &e->conf, err)) < 0 || (r = loop_new(&e->loop, err)) < 0)
        return r;
    apply_conf(e);
    if ((r = make_services(e, err)) < 0 || (r = make_timers(e, err)) < 0 ||
        (r = engine_socket_open(&e->socket, e->dirs, err)) < 0)
        return r;
    r = listener_open_fd(e->loop, e->socket.fd, on_accept, e, &e->listener, err);
    if (r < 0)
        return r;
    if (how->client_fd >= 0)
        session_accept(e, how->client_fd, true);
    else
        engine_sessions_changed(e); // none: idle from now on
    // Besides the loop: what is asked first (tools, prompts) needs no store.
    r = pool_submit(e->pool, POOL_NORMAL, open_run, open_done, e, NULL);
    return r < 0 ? err_set(err, r, "cannot open the store") : 0;
}

static void stop(struct engine *e) {
    atomic_store(&e->store.stopping, true);
    while (e->sessions)
        session_close(e->sessions);
    session_bury_all(e);
    listener_close(e->listener);
    engine_socket_unlink(&e->socket);
    dispatch_free(e->dispatch); // first: what waits for a model takes its request back
    gateway_stop(e->services.gateway);
    fed_stop(e->services.fed); // peers are told at once; what waits for it is answered
    engine_work_close(e);
    pool_free(e->pool);
    engine_work_free(e);
    fed_free(e->services.fed);
    gateway_done(e->services.gateway);
    model_whys_free(e->services.whys);
    workspaces_free(e->services.workspaces); // before the store that its indexes write to
    if (e->store_ready)
        engine_store_close(&e->store, e->awaited);
    if (e->loop)
        loop_free(e->loop);
    while (e->retired) {
        struct conf_retired *old = e->retired;
        e->retired = old->next;
        conf_free(old->conf);
        mem_free(old);
    }
    conf_free(e->conf);
}

int paired_engine_main(const struct engine_start *how) {
    struct engine *e = mem_zalloc(sizeof *e);
    struct err err = {0};
    int ready = how->ready_fd;
    int exit_code = 0;
    // Few arenas, and large blocks of their own: memory goes back when a burst is over.
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    protect_process();
    mem_init_json();
    int r = e ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        e->dirs = how->dirs;
        e->owned = how->client_fd >= 0;
        e->federate = how->federate;
        e->more = how->more;
        e->lock_fd = how->lock_fd;
        e->figures.start_ms = env_now_wall_ms();
        e->last_request_ns = e->housekept_ns = env_now_mono_ns();
        new_engine_id(e->id);
        r = start(e, how, &err);
    }
    engine_ready(&ready, r, err_text(&err));
    if (r == 0) {
        log_line(LOG_INFO, "engine", "ready version=%s build=%s number=%lld", paired_version,
                 paired_build_id, (long long)paired_build_number);
        if (!e->owned)
            engine_notify("READY=1");
        r = loop_run(e->loop, &err);
    }
    if (r < 0) {
        log_line(LOG_ERROR, "engine", "ended code=%s", err_name(r));
        (void)fprintf(stderr, "paired engine: %s\n", err_text(&err));
        exit_code = r == ERR_BUSY ? EXIT_TRY_AGAIN : 1;
    }
    if (e)
        stop(e);
    log_line(LOG_INFO, "engine", "ended");
    log_close();
    if (e)
        give_lock(e);
    else
        (void)close(how->lock_fd);
    mem_free(e);
    return exit_code;
}

const char *paired_engine_build(void) {
    return paired_build_id;
}
