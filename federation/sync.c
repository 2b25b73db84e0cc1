#include "federation/sync.h"

#include "core/base/mem.h"
#include "federation/sync_impl.h"

#include <string.h>

// ------------------------------------------------------------------------------------ bytes

uint64_t in_uint(struct in *in, int bytes) {
    const uint8_t *at = in_bytes(in, (size_t)bytes);
    uint64_t v = 0;
    for (int i = 0; at && i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

const uint8_t *in_bytes(struct in *in, size_t n) {
    if (in->bad || (size_t)(in->end - in->at) < n) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *at = in->at;
    in->at += n;
    return at;
}

uint64_t in_varint(struct in *in) {
    uint64_t v = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        const uint8_t *byte = in_bytes(in, 1);
        if (!byte)
            return 0;
        v |= (uint64_t)(*byte & 0x7f) << shift;
        if (*byte & 0x80)
            continue;
        in->bad |= *byte == 0 && shift;
        return v;
    }
    in->bad = true;
    return 0;
}

void out_uint(struct buf *b, int bytes, uint64_t v) {
    for (int i = bytes - 1; i >= 0; i--)
        (void)buf_putc(b, (char)(v >> 8 * i));
}

void out_varint(struct buf *b, uint64_t v) {
    for (; v > 0x7f; v >>= 7)
        (void)buf_putc(b, (char)(v | 0x80));
    (void)buf_putc(b, (char)v);
}

void out_begin(struct buf *b, enum sync_message type, const struct lane *l) {
    (void)buf_putc(b, (char)type);
    (void)buf_putc(b, (char)l->tag);
}

// ------------------------------------------------------------------------------------- sets

struct sync *sync_new(struct env *env, struct sync_store store) {
    struct sync *s = mem_zalloc(sizeof *s);
    if (s) {
        s->env = env;
        s->store = store;
    }
    return s;
}

void sync_free(struct sync *s) {
    if (!s)
        return;
    for (uint32_t i = 0; i < s->sets_n; i++)
        riblt_free(s->sets[i].table);
    mem_free(s->sets);
    mem_free(s);
}

// Where a scope's set is, or would be.
static uint32_t set_place(const struct sync *s, const uint8_t *scope, bool *ret_found) {
    uint32_t low = 0, high = s->sets_n;
    *ret_found = false;
    while (low < high && !*ret_found) {
        uint32_t mid = low + (high - low) / 2;
        int c = memcmp(s->sets[mid].scope, scope, RECORD_SCOPE_BYTES);
        *ret_found = c == 0;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
        if (c == 0)
            low = mid;
    }
    return low;
}

static int add_id(void *ctx, const uint8_t id[RECORD_ID_BYTES]) {
    riblt_add(ctx, id);
    return 0;
}

int sync_set_of(struct sync *s, const uint8_t *scope, struct sync_set **ret, struct err *err) {
    bool found;
    uint32_t at = set_place(s, scope, &found);
    *ret = NULL;
    if (found) {
        *ret = &s->sets[at];
        return 0;
    }
    int e = mem_grow((void **)&s->sets, s->sets_n, &s->sets_cap, sizeof *s->sets, SYNC_SETS_MAX);
    if (e == ERR_LIMIT)
        return 0;
    struct riblt *table = e == 0 ? riblt_new(scope) : NULL;
    if (!table)
        return err_set(err, ERR_NOMEM, "no memory to reconcile records");
    e = s->store.ops->ids(s->store.self, scope, add_id, table, err);
    if (e < 0) {
        riblt_free(table);
        return e;
    }
    memmove(&s->sets[at + 1], &s->sets[at], (s->sets_n - at) * sizeof *s->sets);
    s->sets[at] = (struct sync_set){.version = 1, .table = table};
    memcpy(s->sets[at].scope, scope, RECORD_SCOPE_BYTES);
    s->sets_n++;
    *ret = &s->sets[at];
    return 0;
}

void sync_changed(struct sync *s, enum peersdb_change what, const uint8_t *scope,
                  const uint8_t *id) {
    bool found;
    uint32_t at = set_place(s, scope, &found);
    if (found) {
        s->sets[at].version++;
        (what == PEERSDB_ADDED ? riblt_add : riblt_remove)(s->sets[at].table, id);
    }
    for (struct sync_session *one = s->sessions; one && what == PEERSDB_ADDED; one = one->next)
        for (uint32_t i = 0; i < one->lanes_n; i++) {
            struct lane *l = &one->lanes[i];
            struct job *j = &l->jobs[JOB_AFTER];
            if (!l->follows || memcmp(l->scope, scope, RECORD_SCOPE_BYTES) != 0)
                continue;
            j->orders |= !j->active;
            j->orders_seq = j->active ? j->orders_seq : j->seq;
            j->active = true;
            s->due = one->due = true;
        }
}

static void session_pump(struct sync_session *s) {
    s->due = false;
    for (uint32_t i = 0; i < s->lanes_n && !s->failed; i++)
        s->failed = lane_pump(s, &s->lanes[i], NULL);
}

void sync_pump(struct sync *s) {
    if (!s->due)
        return;
    s->due = false;
    for (struct sync_session *one = s->sessions; one; one = one->next)
        if (one->due)
            session_pump(one);
}

// --------------------------------------------------------------------------------- sessions

int sync_session_new(struct sync *s, const struct sync_session_config *config,
                     struct sync_session **ret, struct err *err) {
    struct sync_session *n = mem_zalloc(sizeof *n);
    struct riblt_check *check = mem_alloc(sizeof *check);
    if (!n || !check) {
        mem_free(n);
        mem_free(check);
        return err_set(err, ERR_NOMEM, "no memory for a session of sync");
    }
    riblt_check_init(check, config->key);
    n->sync = s;
    n->config = *config;
    n->check = check;
    n->late = BUF_INIT(SYNC_LATE_BYTES_MAX);
    n->held = BUF_INIT(SYNC_HELD_BYTES_MAX);
    n->patient = true;
    n->next = s->sessions;
    s->sessions = n;
    *ret = n;
    return 0;
}

void sync_session_free(struct sync_session *s) {
    if (!s)
        return;
    struct sync_session **at = &s->sync->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        pull_end(s, &s->lanes[i]);
        for (int k = 0; k < JOBS; k++)
            mem_free(s->lanes[i].jobs[k].prefixes);
    }
    mem_free(s->lanes);
    mem_free(s->check);
    buf_done(&s->late);
    buf_done(&s->held);
    mem_free(s);
}

int sync_session_send(struct sync_session *s, struct buf *message) {
    if (message->failed)
        return ERR_NOMEM;
    int e = s->late.len ? ERR_BUSY : s->config.send(s->config.ctx, message->data, message->len);
    if (e == ERR_BUSY) {
        out_uint(&s->late, 4, message->len);
        e = buf_append(&s->late, message->data, message->len);
        e = e == ERR_LIMIT ? ERR_CLOSED : e; // the other side does not read
    }
    if (e < 0)
        return e;
    s->info.bytes_out += message->len;
    s->info.messages_out++;
    return 0;
}

// What is in such a message leaves with SYNC_SEND only (records of orders alone: with their bit).
static bool still_allowed(struct sync_session *s, const uint8_t *message) {
    enum sync_message type = (enum sync_message)message[0];
    if (type != SYNC_CELLS && type != SYNC_RECORDS && type != SYNC_IDS)
        return true;
    unsigned allow = lane_allow(s, &s->lanes[message[1]]);
    bool orders = type == SYNC_RECORDS && message[2] & RECORDS_ORDERS;
    return allow & (orders ? SYNC_SEND_ORDERS : SYNC_SEND);
}

// Of what waits for the link, all that the grants do not let go any more. Its lane stops: later
// records would move the other side's cursor over the gap.
static int recheck_late(struct sync_session *s) {
    int e = 0;
    for (size_t at = 0; e == 0 && at < s->late.len;) {
        struct in in = {.at = (const uint8_t *)s->late.data + at,
                        .end = (const uint8_t *)s->late.data + s->late.len};
        size_t n = (size_t)in_uint(&in, 4);
        if (still_allowed(s, in.at)) {
            at += 4 + n;
            continue;
        }
        struct lane *l = &s->lanes[in.at[1]];
        l->in_flight -= in.at[0] == SYNC_RECORDS && l->in_flight;
        s->info.bytes_out -= n;
        s->info.messages_out--;
        memmove(s->late.data + at, s->late.data + at + 4 + n, s->late.len - at - 4 - n);
        s->late.len -= 4 + n;
        s->late.data[s->late.len] = '\0';
        e = lane_stop_sending(s, l);
    }
    return e;
}

int lane_stop_sending(struct sync_session *s, struct lane *l) {
    bool active = l->follows;
    for (int k = 0; k < JOBS; k++) {
        active |= l->jobs[k].active;
        l->jobs[k].active = false;
    }
    l->follows = l->done_due = false;
    return active ? lane_refuse(s, l, REFUSE_SENDING) : 0;
}

int sync_regrant(struct sync_session *s, struct err *err) {
    int e = s->failed ? s->failed : recheck_late(s);
    for (uint32_t i = 0; e == 0 && i < s->lanes_n; i++) {
        struct lane *l = &s->lanes[i];
        unsigned allow = lane_allow(s, l);
        if (!(allow & SYNC_SEND_ORDERS))
            e = lane_stop_sending(s, l);
        if (e == 0 && !(allow & SYNC_RECEIVE_ORDERS) && (l->following || l->pull != PULL_NONE)) {
            pull_end(s, l);
            l->following = false;
            e = lane_refuse(s, l, REFUSE_RECEIVING);
        }
    }
    s->failed = e;
    return e < 0 ? err_set(err, e, "the link of sync does not take more") : 0;
}

int sync_drained(struct sync_session *s, struct err *err) {
    int e = s->failed ? s->failed : recheck_late(s);
    while (e == 0 && s->late.len) {
        struct in in = {.at = (const uint8_t *)s->late.data,
                        .end = (const uint8_t *)s->late.data + s->late.len};
        size_t n = (size_t)in_uint(&in, 4);
        e = s->config.send(s->config.ctx, in.at, n);
        if (e < 0)
            return e == ERR_BUSY ? 0 : err_set(err, e, "the link does not take more");
        buf_consume(&s->late, 4 + n);
    }
    for (uint32_t i = 0; e == 0 && i < s->lanes_n; i++)
        e = lane_pump(s, &s->lanes[i], err);
    if (e < 0 && err && err->code != e)
        (void)err_set(err, e, "records could not be sent");
    return e;
}

unsigned lane_allow(struct sync_session *s, const struct lane *l) {
    unsigned allow = s->config.allow(s->config.ctx, l->scope);
    return allow | (allow & SYNC_SEND ? SYNC_SEND_ORDERS : 0) |
           (allow & SYNC_RECEIVE ? SYNC_RECEIVE_ORDERS : 0);
}

bool is_order(const uint8_t *record) {
    return record[1] == RECORD_REVOCATION || record[1] == RECORD_RECEIPT;
}

int64_t sync_now(struct sync_session *s) {
    return env_wall_ms(s->sync->env);
}

int session_improper(struct sync_session *s, int64_t count, const char *what, struct err *err) {
    struct sync_store *store = &s->sync->store;
    int e = store->ops->improper(store->self, s->config.peer, count, err);
    return e < 0 ? e : err_set(err, ERR_PERM, "the peer %s", what);
}

int lane_refuse(struct sync_session *s, struct lane *l, unsigned why) {
    AUTO_BUF b = BUF_INIT(0);
    l->refused = true;
    out_begin(&b, SYNC_REFUSE, l);
    out_uint(&b, 1, why);
    return sync_session_send(s, &b);
}

static int lane_add(struct sync_session *s, const uint8_t *scope, struct err *err) {
    int e =
        mem_grow((void **)&s->lanes, s->lanes_n, &s->lanes_cap, sizeof *s->lanes, SYNC_LANES_MAX);
    if (e < 0)
        return err_set(err, e, "a session has %d scopes at most", SYNC_LANES_MAX);
    struct lane *l = &s->lanes[s->lanes_n];
    *l = (struct lane){.tag = (uint8_t)s->lanes_n};
    memcpy(l->scope, scope, RECORD_SCOPE_BYTES);
    s->lanes_n++;
    return 0;
}

struct lane *session_lane(struct sync_session *s, const uint8_t *scope) {
    for (uint32_t i = 0; i < s->lanes_n; i++)
        if (memcmp(s->lanes[i].scope, scope, RECORD_SCOPE_BYTES) == 0)
            return &s->lanes[i];
    return NULL;
}

// The side that was dialled asks the other one, which numbers the lanes.
static int nudge(struct sync_session *s, const uint8_t *scope, bool again) {
    AUTO_BUF b = BUF_INIT(0);
    (void)buf_putc(&b, SYNC_NUDGE);
    (void)buf_append(&b, scope, RECORD_SCOPE_BYTES);
    if (again)
        (void)buf_putc(&b, 1);
    return sync_session_send(s, &b);
}

int sync_open(struct sync_session *s, const uint8_t scope[RECORD_SCOPE_BYTES], struct err *err) {
    if (!s->config.outgoing)
        return nudge(s, scope, false);
    struct lane *l = session_lane(s, scope);
    int e = l ? 0 : lane_add(s, scope, err);
    if (e < 0)
        return e;
    l = session_lane(s, scope);
    if (!lane_allow(s, l) || l->pull != PULL_NONE)
        return 0; // under way already
    l->healed = l->dry = false;
    l->tries = 0;
    return pull_hello(s, l, false, err);
}

int sync_reopen(struct sync_session *s, const uint8_t scope[RECORD_SCOPE_BYTES], struct err *err) {
    struct lane *l = session_lane(s, scope);
    bool busy = l && l->pull != PULL_NONE;
    if (busy)
        l->again = true;
    if (!s->config.outgoing)
        return nudge(s, scope, true);
    return busy ? 0 : sync_open(s, scope, err);
}

// The pull that was under way has ended.
int lane_again(struct sync_session *s, struct lane *l, struct err *err) {
    if (!l->again || l->pull != PULL_NONE)
        return 0;
    l->again = l->healed = l->dry = false;
    l->tries = 0;
    return lane_allow(s, l) ? pull_hello(s, l, false, err) : 0;
}

// A HELLO of the side that numbers brings its lane along.
static int lane_of(struct sync_session *s, enum sync_message type, uint8_t tag, const struct in *in,
                   struct lane **ret, struct err *err) {
    if (type == SYNC_HELLO && in->end - in->at >= RECORD_SCOPE_BYTES) {
        if (tag == s->lanes_n && !s->config.outgoing && !session_lane(s, in->at)) {
            int e = lane_add(s, in->at, err);
            if (e < 0)
                return e;
        }
        if (tag >= s->lanes_n || memcmp(s->lanes[tag].scope, in->at, RECORD_SCOPE_BYTES) != 0)
            return err_set(err, ERR_PARSE, "a scope's number is wrong");
    }
    if (tag >= s->lanes_n)
        return err_set(err, ERR_PARSE, "a message is of no scope");
    *ret = &s->lanes[tag];
    return 0;
}

// They do not send, or do not receive: what is under way in that direction ends.
static int refused(struct sync_session *s, struct lane *l, struct in *in) {
    unsigned why = (unsigned)in_uint(in, 1);
    l->refused = true;
    if (why & REFUSE_SENDING)
        pull_end(s, l);
    if (why & REFUSE_RECEIVING) {
        for (int i = 0; i < JOBS; i++)
            l->jobs[i].active = false;
        l->follows = l->done_due = false;
        l->in_flight = 0;
    }
    return 0;
}

static int dispatch(struct sync_session *s, enum sync_message type, struct lane *l, struct in *in,
                    struct err *err) {
    switch (type) {
    case SYNC_HELLO:
        return serve_hello(s, l, in, err);
    case SYNC_SAME:
        return pull_same(s, l, in, err);
    case SYNC_CELLS:
        return pull_cells(s, l, in, err);
    case SYNC_MORE:
        return serve_more(s, l, in, err);
    case SYNC_WANT:
        return serve_want(s, l, in, err);
    case SYNC_RECORDS:
        return records_arrive(s, l, in, err);
    case SYNC_ACK:
        return records_ack(s, l, err);
    case SYNC_LIST:
        return serve_list(s, l, in, err);
    case SYNC_IDS:
        return pull_ids(s, l, in, err);
    case SYNC_REFUSE:
        return refused(s, l, in);
    case SYNC_DONE:
        return pull_done(s, l, err);
    case SYNC_NUDGE:
        break;
    }
    return err_set(err, ERR_PARSE, "a message of sync is of no kind");
}

static int feed(struct sync_session *s, struct in *in, struct err *err) {
    enum sync_message type = (enum sync_message)in_uint(in, 1);
    if (type == SYNC_NUDGE) {
        const uint8_t *scope = in_bytes(in, RECORD_SCOPE_BYTES);
        bool again = scope && in->at != in->end && in_uint(in, 1) == 1;
        if (!scope || in->at != in->end || !s->config.outgoing)
            return err_set(err, ERR_PARSE, "a message of sync is malformed");
        if (!s->config.allow(s->config.ctx, scope))
            return 0;
        return again ? sync_reopen(s, scope, err) : sync_open(s, scope, err);
    }
    uint8_t tag = (uint8_t)in_uint(in, 1);
    struct lane *l = NULL;
    int e = in->bad ? ERR_PARSE : lane_of(s, type, tag, in, &l, err);
    if (e == 0)
        e = dispatch(s, type, l, in, err);
    if (e >= 0 && (in->bad || in->at != in->end))
        e = err_set(err, ERR_PARSE, "a message of sync is malformed");
    return e;
}

static int feed_one(struct sync_session *s, const uint8_t *bytes, size_t n, struct err *err) {
    struct in in = {.at = bytes, .end = bytes + n};
    int e = feed(s, &in, err);
    if (e >= 0) {
        session_pump(s);
        sync_pump(s->sync);
    }
    if (e >= 0 && s->failed)
        e = err_set(err, s->failed, "the link of sync does not take more");
    if (e < 0 && err && err->code != e)
        (void)err_set(err, e,
                      e == ERR_PARSE ? "a message of sync is malformed"
                                     : "a message of sync could not be answered");
    s->failed = e < 0 ? e : 0;
    return s->failed;
}

static int hold(struct sync_session *s, const uint8_t *bytes, size_t n, struct err *err) {
    out_uint(&s->held, 4, n);
    return buf_append(&s->held, bytes, n) < 0
               ? err_set(err, ERR_NOMEM, "no memory for messages that wait")
               : 0;
}

// Takes up what waits, until a batch has to wait again.
static int take_up(struct sync_session *s, struct err *err) {
    size_t at = 0;
    int e = s->failed;
    while (e == 0 && at < s->held.len) {
        struct in in = {.at = (const uint8_t *)s->held.data + at,
                        .end = (const uint8_t *)s->held.data + s->held.len};
        size_t n = (size_t)in_uint(&in, 4);
        s->waiting = false;
        e = feed_one(s, in.at, n, err);
        if (s->waiting)
            break;
        at += 4 + n;
    }
    buf_consume(&s->held, at);
    if (!s->held.len)
        buf_done(&s->held);
    s->held.max = SYNC_HELD_BYTES_MAX;
    return e;
}

int sync_resume(struct sync_session *s, struct err *err) {
    return s->waiting ? take_up(s, err) : s->failed;
}

int sync_feed(struct sync_session *s, const uint8_t *bytes, size_t n, struct err *err) {
    if (err)
        *err = (struct err){0};
    if (s->failed)
        return err_set(err, s->failed, "the session of sync has failed");
    if (n > SYNC_MESSAGE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a message of sync has over %d bytes",
                       SYNC_MESSAGE_BYTES_MAX);
    s->info.bytes_in += n;
    s->info.messages_in++;
    // Whoever sends on and on while a certificate is due does not get it waited for.
    if (s->waiting && s->held.len + n + 4 > SYNC_HELD_BYTES_MAX) {
        s->patient = false;
        int e = take_up(s, err);
        s->patient = true;
        if (e < 0)
            return e;
    }
    if (s->waiting)
        return hold(s, bytes, n, err);
    int e = feed_one(s, bytes, n, err);
    return e == 0 && s->waiting ? hold(s, bytes, n, err) : e;
}

int sync_session_failed(const struct sync_session *s) {
    return s->failed;
}

void sync_session_info(const struct sync_session *s, struct sync_info *ret) {
    *ret = s->info;
    ret->idle = !s->late.len && !s->waiting;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        const struct lane *l = &s->lanes[i];
        ret->idle &= l->pull == PULL_NONE && !l->in_flight;
        for (int k = 0; k < JOBS; k++)
            ret->idle &= !l->jobs[k].active;
    }
}
