#include "core/agents/agents.h"
#include "core/base/build.h"
#include "core/base/env.h"
#include "server/engine_parts.h"
#include "server/fed.h"

#include <stdio.h>
#include <unistd.h>

// Bucket i ends at 2^(i/4) µs: 19 % wide, up to 2^32 µs.
static unsigned bucket_of(uint64_t us) {
    if (us < 2)
        return 0;
    unsigned exponent = 63U - (unsigned)__builtin_clzll(us);
    uint64_t quarter = exponent >= 2 ? (us >> (exponent - 2)) & 3 : (us << (2 - exponent)) & 3;
    unsigned i = exponent * 4 + (unsigned)quarter;
    return i < FIGURES_BUCKETS ? i : FIGURES_BUCKETS - 1;
}

// The middle of a bucket.
static double bucket_us(unsigned i) {
    double base = (double)(1ULL << (i / 4));
    return base * (1 + (i % 4 + 0.5) / 4);
}

void figures_latency(struct figures *f, uint64_t ns) {
    atomic_fetch_add_explicit(&f->latency[bucket_of(ns / 1000)], 1, memory_order_relaxed);
}

static double percentile(struct figures *f, double part) {
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < FIGURES_BUCKETS; i++)
        total += atomic_load_explicit(&f->latency[i], memory_order_relaxed);
    for (unsigned i = 0; total && i < FIGURES_BUCKETS; i++) {
        seen += atomic_load_explicit(&f->latency[i], memory_order_relaxed);
        if ((double)seen >= (double)total * part)
            return bucket_us(i);
    }
    return 0;
}

static json_int_t rss_bytes(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    (void)fclose(f);
    return (json_int_t)pages * sysconf(_SC_PAGESIZE);
}

static json_t *store_status(struct engine_store *s) {
    (void)pthread_mutex_lock(&s->lock);
    struct store *store = s->store;
    bool opening = s->opening;
    struct err failure = s->failure;
    (void)pthread_mutex_unlock(&s->lock);
    if (opening)
        return json_pack("{s:s}", "state", "opening");
    if (!store)
        return json_pack("{s:s, s:s, s:s}", "state", "failed", "error", err_text(&failure), "code",
                         err_name(failure.code));
    struct store_info info;
    if (store_info(store, &info, &failure) < 0)
        return json_pack("{s:s, s:s}", "state", store_state_name(store_state(store)), "error",
                         err_text(&failure));
    // Only what is open was looked at: of a locked store neither head nor pages are known.
    bool damaged = info.state == STORE_OPEN && (!info.head_ok || info.check_result == ERR_CORRUPT);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b}", "state",
                     store_state_name(info.state), "notes", (json_int_t)info.notes, "db_bytes",
                     (json_int_t)info.db_bytes, "wal_bytes", (json_int_t)info.wal_bytes,
                     "schema_version", (json_int_t)info.schema_version, "dek_epoch",
                     (json_int_t)info.dek_epoch, "read_only", info.read_only, "rotation_running",
                     info.rotation_running, "damaged", damaged);
}

static json_int_t figure(atomic_uint_fast64_t *value) {
    return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

json_t *engine_status(struct services *services) {
    struct engine *e = services->engine;
    struct figures *f = &e->figures;
    return json_pack(
        "{s:i, s:s, s:s, s:I, s:s, s:b, s:I, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:f, s:f}, "
        "s:{s:I, s:I}, s:I, s:I, s:i, s:o, s:o, s:{s:s, s:i}}",
        "pid", (int)getpid(), "version", paired_version, "build", paired_build_id, "number",
        (json_int_t)paired_build_number, "engine", e->id, "standalone", e->owned, "uptime_ms",
        (json_int_t)(env_now_wall_ms() - f->start_ms), "sessions", "open", figure(&f->sessions),
        "total", figure(&f->sessions_total), "requests", "total", figure(&f->requests), "replayed",
        figure(&f->replayed), "oversize", figure(&f->oversize), "p50_us", percentile(f, 0.50),
        "p99_us", percentile(f, 0.99), "queues", "outbound_bytes", figure(&f->queued_bytes), "jobs",
        (json_int_t)pool_queued(e->pool), "bytes_in", figure(&f->bytes_in), "rss_bytes",
        rss_bytes(), "crashes", (int)f->crashes, "store", store_status(&e->store), "agents",
        agent_status(), "federation", "state", fed_state_name(fed_state(services->fed, NULL)),
        "connected", (int)fed_connected(services->fed));
}
