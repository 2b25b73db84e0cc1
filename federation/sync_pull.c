// The side of sync that asks: what of theirs do we lack?
#include "core/base/mem.h"
#include "federation/sync_impl.h"

#include <string.h>

enum { EXTRAS_MAX = 16 * SYNC_WANT_MAX }; // of one page of theirs; more at the next opening

void pull_end(struct sync_session *s, struct lane *l) {
    s->sync->diffs -= l->diff != NULL;
    riblt_diff_free(l->diff);
    riblt_free(l->mine);
    mem_free(l->wanted);
    l->diff = NULL;
    l->mine = NULL;
    l->wanted = NULL;
    l->wanted_n = l->wanted_left = 0;
    l->pull = PULL_NONE;
}

int pull_hello(struct sync_session *s, struct lane *l, bool by_cells, struct err *err) {
    struct sync_store *store = &s->sync->store;
    struct peersdb_cursor cursor = {0};
    struct sync_set *set = NULL;
    unsigned allow = lane_allow(s, l);
    pull_end(s, l);
    int e = sync_set_of(s->sync, l->scope, &set, err);
    if (e == 0)
        e = store->ops->cursor(store->self, s->config.peer, l->scope, &cursor, err);
    if (e == 0)
        e = store->ops->newest(store->self, l->scope, &l->hello_newest, err);
    if (e < 0)
        return e;
    if (by_cells)
        cursor = (struct peersdb_cursor){0};
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_HELLO, l);
    (void)buf_append(&b, l->scope, sizeof l->scope);
    out_uint(&b, 1, (allow & SYNC_RECEIVE_ORDERS ? HELLO_WANT : 0) | (by_cells ? HELLO_CELLS : 0));
    set = allow & (SYNC_SEND | SYNC_RECEIVE) ? set : NULL; // how many there are is nobody else's
    out_varint(&b, set ? riblt_count(set->table) : 0);
    out_uint(&b, 8, set ? riblt_digest(set->table, s->check) : 0);
    out_varint(&b, cursor.epoch);
    out_varint(&b, (uint64_t)cursor.seq);
    l->held_back = false;
    l->pull = PULL_ASKED;
    l->following = allow & SYNC_RECEIVE_ORDERS;
    l->dry = true; // until something comes
    return sync_session_send(s, &b);
}

static int keep_cursor(struct sync_session *s, struct lane *l, struct peersdb_cursor cursor,
                       struct err *err) {
    struct sync_store *store = &s->sync->store;
    if (!cursor.epoch)
        return 0;
    return store->ops->put(store->self, s->config.peer, l->scope, NULL, 0, &cursor, sync_now(s),
                           err);
}

int pull_same(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    unsigned flags = (unsigned)in_uint(in, 1);
    struct peersdb_cursor cursor = {0};
    if (flags & SAME_CURSOR) {
        cursor.epoch = (uint32_t)in_varint(in);
        cursor.seq = (int64_t)in_varint(in);
    }
    bool told = flags & SAME_TOLD; // they have pushed what we lacked; may cross a HELLO of ours
    if (in->bad || flags & ~(unsigned)(SAME_WANT | SAME_CURSOR | SAME_TELL | SAME_TOLD) ||
        (told && flags != (SAME_CURSOR | SAME_TOLD)))
        return err_set(err, ERR_PARSE, "a message of sync is malformed");
    if (!l->refused && (told ? !l->served : l->pull != PULL_ASKED))
        return session_improper(s, 1, "answers what was not asked", err);
    if (told && !(l->served && lane_allow(s, l) & SYNC_RECEIVE_ORDERS))
        return 0;
    if (told) {
        l->following = true;
        return keep_cursor(s, l, cursor, err);
    }
    pull_end(s, l);
    l->healed = true;
    l->dry = false;
    if (flags & SAME_WANT && lane_allow(s, l) & SYNC_SEND_ORDERS)
        serve_follow(l, l->hello_newest);
    l->tell_due = flags & SAME_TELL;
    int e = l->following ? keep_cursor(s, l, cursor, err) : 0;
    return e < 0 ? e : pull_tell(s, l);
}

// They have all of ours up to where we were when we asked; what came since follows.
int pull_tell(struct sync_session *s, struct lane *l) {
    struct sync_store *store = &s->sync->store;
    if (!l->tell_due || l->jobs[JOB_PUSH].active)
        return 0;
    l->tell_due = false;
    if (l->held_back || !(lane_allow(s, l) & SYNC_SEND)) // they do not have it all
        return 0;
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_SAME, l);
    out_uint(&b, 1, SAME_CURSOR | SAME_TOLD);
    out_varint(&b, store->ops->epoch(store->self));
    out_varint(&b, (uint64_t)l->hello_newest);
    serve_follow(l, l->hello_newest);
    l->served = true;
    return sync_session_send(s, &b);
}

static int finish(struct sync_session *s, struct lane *l, struct err *err) {
    struct peersdb_cursor base = l->base;
    pull_end(s, l);
    l->healed = true;
    l->base = (struct peersdb_cursor){0};
    l->tell_due = true;
    int e = keep_cursor(s, l, base, err);
    return e < 0 ? e : pull_tell(s, l);
}

static int next_page(struct sync_session *s, struct lane *l, struct err *err) {
    if (l->last)
        return finish(s, l, err);
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_LIST, l);
    out_uint(&b, 1, l->list_begun);
    if (l->list_begun)
        (void)buf_append(&b, l->list_after, sizeof l->list_after);
    l->pull = PULL_LIST;
    return sync_session_send(s, &b);
}

static int by_list(struct sync_session *s, struct lane *l, struct err *err) {
    pull_end(s, l);
    l->list_begun = l->last = false;
    s->info.by_list++;
    return next_page(s, l, err);
}

// Asks for `n` prefixes, ascending; takes them.
static int want(struct sync_session *s, struct lane *l, uint8_t *prefixes, uint32_t n) {
    AUTO_BUF b = BUF_INIT(0);
    mem_free(l->wanted);
    l->wanted = prefixes;
    l->wanted_n = l->wanted_left = n;
    l->pull = PULL_WANT;
    out_begin(&b, SYNC_WANT, l);
    (void)buf_append(&b, prefixes, (size_t)n * PREFIX_BYTES);
    return sync_session_send(s, &b);
}

static int push(struct sync_session *s, struct lane *l, const uint8_t *prefixes, uint32_t n,
                struct err *err) {
    if (!n || !(lane_allow(s, l) & SYNC_SEND_ORDERS))
        return 0;
    return serve_ids(s, l, JOB_PUSH, prefixes, n, err);
}

// --------------------------------------------------------------------------------- by cells

static uint8_t *prefixes_of(const uint8_t *ids, size_t n) {
    uint8_t *prefixes = mem_alloc(n * PREFIX_BYTES + 1);
    for (size_t i = 0; prefixes && i < n; i++)
        memcpy(prefixes + i * PREFIX_BYTES, ids + i * RIBLT_ID_BYTES, PREFIX_BYTES);
    return prefixes;
}

static int solved(struct sync_session *s, struct lane *l, struct err *err) {
    size_t theirs_n = 0, ours_n = 0;
    const uint8_t *theirs = riblt_diff_theirs(l->diff, &theirs_n);
    const uint8_t *ours = riblt_diff_ours(l->diff, &ours_n);
    uint8_t *wanted = prefixes_of(theirs, theirs_n);
    AUTO_FREE uint8_t *extra = prefixes_of(ours, ours_n);
    if (!wanted || !extra) {
        mem_free(wanted);
        return err_set(err, ERR_NOMEM, "no memory to ask for records");
    }
    pull_end(s, l);
    s->info.by_cells++;
    l->by_list = false;
    int e = push(s, l, extra, (uint32_t)ours_n, err);
    if (e == 0 && theirs_n)
        return want(s, l, wanted, (uint32_t)theirs_n);
    mem_free(wanted);
    return e < 0 ? e : finish(s, l, err);
}

static int more_cells(struct sync_session *s, struct lane *l, struct err *err) {
    uint32_t have = riblt_diff_cells(l->diff);
    uint64_t differ = riblt_diff_estimate(l->diff);
    if (differ > 2500 || have >= RIBLT_CELLS_MAX)
        return by_list(s, l, err);
    uint32_t all = (uint32_t)(differ + differ * 2 / 5) + 16, least = have + 16 + have / 16;
    all = all < least ? least : all;
    all = all > RIBLT_CELLS_MAX ? RIBLT_CELLS_MAX : all;
    l->cells_asked = all - have;
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_MORE, l);
    out_varint(&b, have);
    out_varint(&b, l->cells_asked);
    return sync_session_send(s, &b);
}

static int begin_diff(struct sync_session *s, struct lane *l, struct err *err) {
    struct sync_set *set = NULL;
    int e = sync_set_of(s->sync, l->scope, &set, err);
    if (e < 0)
        return e;
    if (!set || s->sync->diffs >= SYNC_DIFFS_MAX)
        return 0;
    l->mine = riblt_copy(set->table);
    l->diff = l->mine ? riblt_diff_new(l->mine, s->check, l->their_count) : NULL;
    if (!l->diff)
        return err_set(err, ERR_NOMEM, "no memory to reconcile records");
    s->sync->diffs++;
    l->pull = PULL_CELLS;
    return 1;
}

int pull_cells(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    uint32_t version = (uint32_t)in_uint(in, 4);
    uint64_t count = in_varint(in);
    struct peersdb_cursor base = {.epoch = (uint32_t)in_varint(in)};
    base.seq = (int64_t)in_varint(in);
    uint64_t from = in_varint(in), n = in_varint(in);
    const uint8_t *cells = in->at;
    size_t cells_n = (size_t)(in->end - in->at);
    in->at = in->end;
    if (in->bad)
        return err_set(err, ERR_PARSE, "cells to reconcile are malformed");
    bool first = (l->pull == PULL_ASKED || (l->pull == PULL_NONE && l->refused)) && from == 0 &&
                 n <= RIBLT_FIRST_CELLS;
    bool later = l->pull == PULL_CELLS && from == riblt_diff_cells(l->diff) && n == l->cells_asked;
    if (!first && !later && l->refused)
        return 0;
    if (!first && !later)
        return session_improper(s, 1, "sends cells that nobody asked for", err);
    l->dry = false;
    if (later && version != l->their_version) // the set has changed meanwhile
        return ++l->tries < SYNC_CELLS_TRIES ? pull_hello(s, l, true, err) : by_list(s, l, err);
    int e = 1;
    if (first) {
        l->their_version = version;
        l->their_count = count;
        l->base = base;
        e = n ? begin_diff(s, l, err) : 0;
    }
    if (e <= 0)
        return e < 0 ? e : by_list(s, l, err);
    e = riblt_diff_feed(l->diff, cells, cells_n, (uint32_t)n, err);
    if (e == 0)
        e = riblt_diff_solve(l->diff, err);
    if (e == ERR_CORRUPT) // crafted, or a broken table: lists settle it
        return by_list(s, l, err);
    return e < 0 ? e : e > 0 ? solved(s, l, err) : more_cells(s, l, err);
}

// ---------------------------------------------------------------------------------- by list

struct merge {
    const uint8_t *theirs;
    uint32_t n, at;
    bool last;
    uint8_t *missing, *extra; // room for n, and for EXTRAS_MAX when needed
    uint32_t missing_n, extra_n, extra_cap;
    int failed;
};

static void miss_below(struct merge *m, const uint8_t *id) { // NULL: all the rest
    for (; m->at < m->n; m->at++) {
        const uint8_t *theirs = m->theirs + (size_t)m->at * PREFIX_BYTES;
        if (id && memcmp(theirs, id, PREFIX_BYTES) >= 0)
            return;
        memcpy(m->missing + (size_t)m->missing_n++ * PREFIX_BYTES, theirs, PREFIX_BYTES);
    }
}

static int merge_own(void *ctx, const uint8_t id[RECORD_ID_BYTES]) {
    struct merge *m = ctx;
    miss_below(m, id);
    if (m->at == m->n && !m->last)
        return 1; // of the next page
    if (m->at < m->n && memcmp(m->theirs + (size_t)m->at * PREFIX_BYTES, id, PREFIX_BYTES) == 0) {
        m->at++;
        return 0;
    }
    m->failed = mem_grow((void **)&m->extra, m->extra_n, &m->extra_cap, PREFIX_BYTES, EXTRAS_MAX);
    if (m->failed == 0)
        memcpy(m->extra + (size_t)m->extra_n++ * PREFIX_BYTES, id, PREFIX_BYTES);
    return m->failed < 0;
}

static int settle_page(struct sync_session *s, struct lane *l, struct merge *m, struct err *err) {
    struct sync_store *store = &s->sync->store;
    int e = store->ops->ids_after(store->self, l->scope, l->list_begun ? l->list_after : NULL,
                                  merge_own, m, err);
    if (e < 0)
        return e;
    if (m->failed == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "no memory to reconcile records");
    miss_below(m, NULL);
    if (m->n) {
        memcpy(l->list_after, m->theirs + (size_t)(m->n - 1) * PREFIX_BYTES, PREFIX_BYTES);
        l->list_begun = true;
    }
    l->last = m->last;
    l->by_list = true;
    e = push(s, l, m->extra, m->extra_n, err);
    if (e == 0 && m->missing_n)
        return want(s, l, TAKE(m->missing), m->missing_n);
    return e < 0 ? e : next_page(s, l, err);
}

int pull_ids(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    uint64_t last = in_uint(in, 1);
    size_t n = (size_t)(in->end - in->at) / PREFIX_BYTES;
    if (in->bad || last > 1 || (size_t)(in->end - in->at) % PREFIX_BYTES || n > SYNC_PAGE_IDS ||
        (!n && !last))
        return err_set(err, ERR_PARSE, "a list of ids is malformed");
    if (l->pull != PULL_LIST && l->refused) {
        in->at = in->end;
        return 0;
    }
    if (l->pull != PULL_LIST)
        return session_improper(s, 1, "sends ids that nobody asked for", err);
    struct merge m = {.theirs = in->at, .n = (uint32_t)n, .last = last};
    const uint8_t *before = l->list_begun ? l->list_after : NULL;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *one = in_bytes(in, PREFIX_BYTES);
        if (before && memcmp(before, one, PREFIX_BYTES) >= 0)
            return err_set(err, ERR_PARSE, "a list of ids is not in order");
        before = one;
    }
    m.missing = mem_alloc(n * PREFIX_BYTES + 1);
    int e = m.missing ? settle_page(s, l, &m, err)
                      : err_set(err, ERR_NOMEM, "no memory to reconcile records");
    mem_free(m.missing);
    mem_free(m.extra);
    return e;
}

// By cursor neither side had anything for the other, and still they differ: one has lost what the
// cursor says it has.
int pull_heal(struct sync_session *s, struct lane *l, struct err *err) {
    if (!s->config.outgoing || l->pull != PULL_NONE || l->healed || !l->dry || !l->served_dry ||
        !l->differs || !l->following)
        return 0;
    l->healed = true;
    return pull_hello(s, l, true, err);
}

int pull_done(struct sync_session *s, struct lane *l, struct err *err) {
    if (l->pull == PULL_ASKED) {
        l->pull = PULL_NONE;
        return pull_heal(s, l, err);
    }
    if (l->pull != PULL_WANT && l->refused)
        return 0;
    if (l->pull != PULL_WANT)
        return session_improper(s, 1, "ends what was not asked", err);
    return l->by_list ? next_page(s, l, err) : finish(s, l, err);
}
