#include "tests/faults/store_kill.h"

#include "core/store/schema.h"
#include "core/store/store_impl.h"

#include <string.h>

uint64_t mix(uint64_t x) { // splitmix64: one seed gives the same script every time
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

uint64_t rng_next(struct rng *r, uint64_t below) {
    r->state = mix(r->state);
    return r->state % below;
}

// --- the schema of a later build: the real one and some steps more ------------------------------

static struct schema_step steps[32];
static char step_text[EXTRA_STEPS_MAX][2][160];

static const struct schema_step *steps_with(int extra) {
    int n = 0;
    for (; schema_steps[n].version; n++)
        steps[n] = schema_steps[n];
    for (int i = 0; i < extra; i++) {
        (void)snprintf(step_text[i][0], sizeof step_text[i][0], "%04d_extra", n + 1);
        (void)snprintf(step_text[i][1], sizeof step_text[i][1],
                       "CREATE TABLE extra%d (id INTEGER PRIMARY KEY, uid TEXT, text TEXT);"
                       "INSERT INTO extra%d SELECT id, uid, length(text) FROM note;",
                       i, i);
        steps[n] = (struct schema_step){n + 1, step_text[i][0], step_text[i][1]};
        n++;
    }
    steps[n] = (struct schema_step){0};
    return steps;
}

struct store *open_or_die(const char *dir, int extra) {
    const struct store_config config = {.dir = dir, .readers = THREADS + 1};
    struct store *s = NULL;
    struct err err = {0};
    REQUIRE(store_open_steps(&config, steps_with(extra), &s, &err) == 0, "open: %s",
            err_text(&err));
    return s;
}

// --- operations ---------------------------------------------------------------------------------

const char *const op_names[OP_KINDS] = {"remember", "supersede", "forget",
                                        "erase",    "repeat",    "rotate"};

void uid_of(int thread, int64_t k, char ret[NOTE_UID_BYTES]) {
    (void)snprintf(ret, NOTE_UID_BYTES, "n%c%014lld", 'a' + thread, (long long)k);
}

static int remember_op(struct db *db, const struct write *w, struct buf *result, struct err *err) {
    char text[6000], superseded[NOTE_UID_BYTES];
    int n = snprintf(text, sizeof text, "word%s and more words about it ", w->uid);
    while ((size_t)n < w->text_bytes)
        n += snprintf(text + n, sizeof text - (size_t)n, "filler %d ", n);
    struct note note = {.text = text, .text_bytes = (size_t)n, .workspace = "/w", .tags = "t"};
    memcpy(note.uid, w->uid, sizeof note.uid);
    int r = memory_remember(db, &note, w->kind == OP_SUPERSEDE ? w->other : NULL, superseded, err);
    return r < 0 ? r : buf_puts(result, note.uid);
}

int write_op(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct write *w = ctx;
    if (w->kind == OP_FORGET) {
        int r = memory_forget(db, w->other, err);
        return r < 0 ? r : buf_puts(result, w->other);
    }
    return remember_op(db, w, result, err);
}

struct origin origin_of(int thread, int64_t k) {
    struct origin o = {.seq = (uint64_t)k};
    (void)snprintf(o.session, sizeof o.session, "thread%d", thread);
    return o;
}

size_t text_bytes_of(int thread, int64_t k) {
    return mix((uint64_t)k * 7 + (uint64_t)thread) % 5000;
}
