// The process that is killed.
#include "core/base/mem.h"
#include "tests/faults/store_kill.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

struct worker {
    struct store *store;
    int thread, out;
    int64_t k; // next operation
    struct rng rng;
    char live[NOTES_MAX / THREADS][NOTE_UID_BYTES];
    size_t live_count;
    int64_t last_remember; // an operation that may be repeated, or 0
};

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *format, ...) {
    char line[LINE_BYTES_MAX]; // below PIPE_BUF: written whole or not at all
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (write(fd, line, (size_t)n) != n)
        _exit(3);
}

static void load_live(struct worker *w) {
    struct db *db = NULL;
    struct db_rows *rows = NULL;
    char prefix[4];
    (void)snprintf(prefix, sizeof prefix, "n%c*", 'a' + w->thread);
    const struct db_value value = db_text(prefix);
    REQUIRE(store_reader_get(w->store, &db, NULL) == 0, "no reader");
    REQUIRE(db_rows_open(db,
                         "SELECT uid FROM note WHERE forgotten = 0 AND superseded_by IS NULL AND "
                         "uid GLOB ?1",
                         &value, 1, &rows, NULL) == 0,
            "no rows");
    while (db_rows_next(rows, NULL) == 1 && w->live_count < COUNT_OF(w->live))
        (void)snprintf(w->live[w->live_count++], NOTE_UID_BYTES, "%s", db_col_text(rows, 0, NULL));
    db_rows_close(rows);
    store_reader_put(w->store, db);
}

static enum op_kind choose(struct worker *w) {
    uint64_t dice = rng_next(&w->rng, 100);
    if (dice < 4)
        return OP_ROTATE;
    if (!w->live_count || dice < 55)
        return OP_REMEMBER;
    if (dice < 70)
        return OP_SUPERSEDE;
    if (dice < 85)
        return OP_FORGET;
    if (dice < 91)
        return OP_ERASE;
    return w->last_remember ? OP_REPEAT : OP_REMEMBER;
}

static int run_op(struct worker *w, struct write *op, int64_t k, struct err *err) {
    AUTO_BUF result = BUF_INIT(0);
    bool repeated = false;
    int64_t erased;
    int r;
    struct origin origin = origin_of(w->thread, op->kind == OP_REPEAT ? w->last_remember : k);
    const char *list[] = {op->other};
    switch (op->kind) {
    case OP_ERASE:
        erased = store_erase(w->store, list, 1, NULL, err);
        return erased < 0 ? (int)erased : 0;
    case OP_ROTATE:
        r = store_key_rotate(w->store, err);
        return r < 0 ? r : store_housekeep(w->store, err);
    case OP_REPEAT: // its answer may have been erased; otherwise it is the first one
        r = store_write(w->store, &origin, write_op, op, &result, &repeated, err);
        if (r == 0 && (!repeated || strcmp(result.data, op->other) != 0))
            return err_set(err, ERR_INVAL, "a repeat was applied");
        return r == ERR_EXISTS ? 0 : r;
    case OP_REMEMBER:
    case OP_SUPERSEDE:
    case OP_FORGET:
    case OP_KINDS:
        break;
    }
    return store_write(w->store, &origin, write_op, op, &result, NULL, err);
}

static void *work(void *arg) {
    struct worker *w = arg;
    for (;;) {
        struct write op = {.kind = choose(w)};
        int64_t k = w->k++;
        uid_of(w->thread, k, op.uid);
        op.text_bytes = text_bytes_of(w->thread, k);
        if (op.kind == OP_SUPERSEDE || op.kind == OP_FORGET || op.kind == OP_ERASE) {
            size_t i = rng_next(&w->rng, w->live_count);
            memcpy(op.other, w->live[i], NOTE_UID_BYTES);
            memcpy(w->live[i], w->live[--w->live_count], NOTE_UID_BYTES);
        }
        if (op.kind == OP_REPEAT)
            uid_of(w->thread, w->last_remember, op.other);
        say(w->out, "S %d %lld %d %s\n", w->thread, (long long)k, (int)op.kind,
            op.other[0] ? op.other : "-");
        struct err err = {0};
        REQUIRE(run_op(w, &op, k, &err) == 0, "%s: %s", op_names[op.kind], err_text(&err));
        say(w->out, "A %d %lld\n", w->thread, (long long)k);
        if (op.kind == OP_REMEMBER || op.kind == OP_SUPERSEDE) {
            if (w->live_count < COUNT_OF(w->live))
                memcpy(w->live[w->live_count++], op.uid, NOTE_UID_BYTES);
            w->last_remember = k;
        }
    }
    return NULL;
}

int store_kill_child(const char *dir, int out, uint64_t seed, int extra, int64_t first) {
    static struct worker workers[THREADS];
    struct store *s = open_or_die(dir, extra);
    pthread_t thread;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .store = s, .thread = i, .out = out, .k = first, .rng = {mix(seed + (uint64_t)i)}};
        load_live(&workers[i]);
    }
    say(out, "R\n");
    for (int i = 1; i < THREADS; i++)
        REQUIRE(pthread_create(&thread, NULL, work, &workers[i]) == 0, "no thread");
    (void)work(&workers[0]);
    return 0;
}
