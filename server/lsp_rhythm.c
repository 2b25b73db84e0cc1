#include "server/lsp_rhythm.h"

#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <string.h>

struct lsp_rhythm {
    struct lsp_beat ring[LSP_BEATS_MAX];
    uint32_t next, count;
    struct lsp_rhythm_figures figures;
};

struct lsp_rhythm *lsp_rhythm_new(void) {
    return mem_zalloc(sizeof(struct lsp_rhythm));
}

void lsp_rhythm_free(struct lsp_rhythm *r) {
    mem_free(r);
}

static const struct lsp_beat *at(const struct lsp_rhythm *r, uint32_t i) { // 0: the oldest
    return &r->ring[(r->next + LSP_BEATS_MAX - r->count + i) % LSP_BEATS_MAX];
}

static void put(struct lsp_rhythm *r, const struct lsp_beat *b) {
    uint64_t last = r->count ? at(r, r->count - 1)->at_ms : 0;
    r->ring[r->next] = *b;
    if (b->at_ms < last)
        r->ring[r->next].at_ms = last;
    r->next = (r->next + 1) % LSP_BEATS_MAX;
    if (r->count < LSP_BEATS_MAX)
        r->count++;
}

void lsp_rhythm_seen(struct lsp_rhythm *r, const struct lsp_beat *b) {
    struct lsp_beat seen = *b;
    seen.told = false;
    put(r, &seen);
    r->figures.seen++;
}

int lsp_rhythm_told(struct lsp_rhythm *r, const struct lsp_beat *list, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (list[i].at_ms < list[i - 1].at_ms)
            return ERR_INVAL;
    // An edit is seen after it was made: what was seen since the first of them are the same edits.
    while (n && r->count && !at(r, r->count - 1)->told &&
           at(r, r->count - 1)->at_ms >= list[0].at_ms) {
        r->next = (r->next + LSP_BEATS_MAX - 1) % LSP_BEATS_MAX;
        r->count--;
    }
    for (size_t i = 0; i < n; i++) {
        struct lsp_beat told = list[i];
        told.told = true;
        put(r, &told);
        r->figures.told++;
    }
    return 0;
}

size_t lsp_rhythm_since(const struct lsp_rhythm *r, uint64_t since_ms, struct lsp_beat *ret,
                        size_t max) {
    uint32_t low = 0, high = r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (at(r, middle)->at_ms < since_ms)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t n = r->count - low, from = n > max ? r->count - (uint32_t)max : low;
    for (uint32_t i = from; i < r->count; i++)
        ret[i - from] = *at(r, i);
    return n;
}

void lsp_rhythm_figures(const struct lsp_rhythm *r, struct lsp_rhythm_figures *ret) {
    *ret = r->figures;
    ret->kept = r->count;
}

// --- what an editor tells ------------------------------------------------------------------------

static bool read_number(const json_t *object, const char *name, json_int_t max, bool required,
                        uint32_t *ret) {
    const json_t *value = json_object_get(object, name);
    json_int_t n = json_integer_value(value);
    *ret = 0;
    if (!value)
        return !required;
    if (json_is_real(value)) { // clocks of browsers have fractions
        double real = json_real_value(value);
        if (!(real >= 0 && real <= (double)max))
            return false;
        n = (json_int_t)real;
    } else if (!json_is_integer(value)) {
        return false;
    }
    if (n < 0 || n > max)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static int read_beat(const json_t *edit, uint64_t now_ms, size_t i, struct lsp_beat *ret,
                     struct err *err) {
    uint32_t ago, inserted, removed;
    const json_t *reason = json_object_get(edit, "reason");
    const char *why = json_string_value(reason);
    if (!json_is_object(edit) || !read_number(edit, "ago", LSP_RHYTHM_AGO_MS, true, &ago))
        return err_set(err, ERR_INVAL, "edits[%zu].ago: expected 0 to %d", i, LSP_RHYTHM_AGO_MS);
    if (!read_number(edit, "inserted", LSP_RHYTHM_SIZE_MAX, false, &inserted) ||
        !read_number(edit, "removed", LSP_RHYTHM_SIZE_MAX, false, &removed))
        return err_set(err, ERR_INVAL, "edits[%zu]: expected sizes up to %d", i,
                       LSP_RHYTHM_SIZE_MAX);
    if (reason && !(why && (strcmp(why, "undo") == 0 || strcmp(why, "redo") == 0)))
        return err_set(err, ERR_INVAL, "edits[%zu].reason: expected \"undo\" or \"redo\"", i);
    *ret = (struct lsp_beat){.at_ms = now_ms > ago ? now_ms - ago : 0,
                             .inserted = inserted,
                             .removed = removed,
                             .kind = why && *why == 'u'                ? LSP_BEAT_UNDO
                                     : why                             ? LSP_BEAT_REDO
                                     : inserted <= LSP_TYPED_BYTES_MAX ? LSP_BEAT_TYPED
                                                                       : LSP_BEAT_OTHER,
                             .told = true};
    return 0;
}

int lsp_rhythm_read(const json_t *params, uint64_t now_ms,
                    struct lsp_beat ret[LSP_RHYTHM_BATCH_MAX], size_t *ret_n, struct err *err) {
    const json_t *edits = json_object_get(params, "edits"), *one;
    size_t i;
    if (!json_is_array(edits))
        return err_set(err, ERR_INVAL, "edits: expected array");
    if (json_array_size(edits) > LSP_RHYTHM_BATCH_MAX)
        return err_set(err, ERR_LIMIT, "edits: at most %d", LSP_RHYTHM_BATCH_MAX);
    json_array_foreach(edits, i, one) {
        int r = read_beat(one, now_ms, i, &ret[i], err);
        if (r == 0 && i && ret[i].at_ms < ret[i - 1].at_ms)
            r = err_set(err, ERR_INVAL, "edits[%zu].ago: expected the oldest first", i);
        if (r < 0)
            return r;
    }
    *ret_n = json_array_size(edits);
    return 0;
}

static void on_rhythm(void *face, json_t *params) {
    struct lsp_face *f = face;
    struct lsp_beat list[LSP_RHYTHM_BATCH_MAX];
    struct err err = {0};
    size_t n = 0;
    uint64_t now = f->arrival_ns ? f->arrival_ns : env_mono_ns(session_env(f->session));
    if (f->silent)
        return; // told to an engine that is gone: when it was is not known any more
    int r = lsp_rhythm_read(params, now / 1000000, list, &n, &err);
    if (r == 0)
        r = lsp_rhythm_told(lsp_state(f, &lsp_feature_rhythm), list, n);
    if (r < 0)
        lsp_log(f, LSP_WARNING, "paired/rhythm was not taken: %s", err_text(&err));
}

// --- what arrives --------------------------------------------------------------------------------

static void document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    if (event != LSP_CHANGED || f->silent)
        return;
    uint64_t now = f->arrival_ns ? f->arrival_ns : env_mono_ns(session_env(f->session));
    struct lsp_beat b = {.at_ms = now / 1000000,
                         .inserted = d->inserted > UINT32_MAX ? UINT32_MAX : (uint32_t)d->inserted,
                         .removed = d->removed > UINT32_MAX ? UINT32_MAX : (uint32_t)d->removed,
                         .kind = d->typed ? LSP_BEAT_TYPED : LSP_BEAT_OTHER};
    lsp_rhythm_seen(lsp_state(f, &lsp_feature_rhythm), &b);
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    (void)f;
    *ret = lsp_rhythm_new();
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void close_state(struct lsp_face *f, void *state) {
    (void)f;
    lsp_rhythm_free(state);
}

// So that our extension knows that somebody listens. LSP 3.17 "experimental".
static int advertise(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    return json_object_set_new(capabilities, "experimental", json_pack("{s:b}", "rhythm", 1)) < 0
               ? ERR_NOMEM
               : 0;
}

static const struct lsp_method methods[] = {
    {.name = "paired/rhythm", .notification = on_rhythm, .advertise = advertise},
    {0},
};
const struct lsp_feature lsp_feature_rhythm = {.name = "rhythm",
                                               .methods = methods,
                                               .open = open_state,
                                               .close = close_state,
                                               .document = document};
