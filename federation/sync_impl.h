// Between the files of sync.
#pragma once

#include "federation/sync.h"

enum sync_message {
    SYNC_HELLO = 1,
    SYNC_SAME,
    SYNC_CELLS,
    SYNC_MORE,
    SYNC_WANT,
    SYNC_RECORDS,
    SYNC_ACK,
    SYNC_LIST,
    SYNC_IDS,
    SYNC_REFUSE,
    SYNC_DONE,
    SYNC_NUDGE
};
enum { PREFIX_BYTES = 8 }; // of an id, in lists
enum { HELLO_WANT = 1, HELLO_CELLS = 2 };
// TELL: of yours I have no cursor. TOLD: no answer, you have all of mine up to the cursor.
enum { SAME_WANT = 1, SAME_CURSOR = 2, SAME_TELL = 4, SAME_TOLD = 8 };
enum { RECORDS_ZSTD = 1, RECORDS_PUSH = 2, RECORDS_ORDERS = 4 };
enum { REFUSE_SENDING = 1, REFUSE_RECEIVING = 2, REFUSE_FULL = 4 };

struct sync_set {
    uint8_t scope[RECORD_SCOPE_BYTES];
    uint32_t version; // of the set: each change is another
    struct riblt *table;
};
struct sync {
    struct env *env;
    struct sync_store store;
    struct sync_session *sessions;
    struct sync_set *sets; // by scope
    uint32_t sets_n, sets_cap, diffs;
    bool due; // a session has something to send; most have not, and there may be thousands
};

struct job {                 // records to send
    bool active, orders;     // orders: first the revocations among them
    int64_t seq, orders_seq; // behind it (JOB_AFTER)
    uint8_t *prefixes;       // or these
    uint32_t n, at;
};
enum { JOB_AFTER, JOB_WANT, JOB_PUSH, JOBS };

enum pull { PULL_NONE, PULL_ASKED, PULL_CELLS, PULL_WANT, PULL_LIST };
struct lane { // a scope of a session
    uint8_t scope[RECORD_SCOPE_BYTES];
    uint8_t tag;
    // what we ask for
    enum pull pull;
    bool by_list;         // PULL_WANT belongs to a page
    bool last;            // … the last one
    bool following;       // their new records come unasked
    bool dry;             // by cursor there was nothing, though the sets differ
    bool healed;          // reconciled since sync_open
    bool held_back;       // since hello_newest something could not go, for want of a grant
    bool tell_due;        // what we had is with them once JOB_PUSH is done
    bool again;           // more is allowed than when this pull began: once more after it
    bool refused;         // one has told the other to stop: what crossed that is no misconduct
    int64_t hello_newest; // ours, when it was asked
    unsigned tries;
    uint32_t their_version;
    uint64_t their_count;
    struct peersdb_cursor cursor, base; // durable; of their set when its cells began
    struct riblt *mine;                 // a copy, while a difference is solved
    struct riblt_diff *diff;
    uint32_t cells_asked;
    uint8_t *wanted; // prefixes, ascending
    uint32_t wanted_n, wanted_left;
    bool list_begun;
    uint8_t list_after[PREFIX_BYTES];
    // what we serve
    bool served;     // they have seen our ids, and may push what we lack
    bool follows;    // they get what is new
    bool differs;    // their set and ours, when they asked
    bool done_due;   // they wait for the end of JOB_AFTER
    bool served_dry; // … and there was nothing
    uint64_t sent, cells_served;
    struct job jobs[JOBS];
    unsigned in_flight;
};
struct sync_session {
    struct sync *sync;
    struct sync_session *next;
    struct sync_session_config config;
    struct riblt_check *check;
    struct lane *lanes; // by tag
    uint32_t lanes_n, lanes_cap;
    uint64_t unknown, bad;
    struct buf late; // u32 length and message, each
    struct buf held; // so, too: came, and waits for a certificate
    bool waiting, patient, due;
    int failed; // of a send, to be returned by the next call
    struct sync_info info;
};

struct in {
    const uint8_t *at, *end;
    bool bad;
};
uint64_t in_uint(struct in *in, int bytes);
uint64_t in_varint(struct in *in);                // < 2^63, in its shortest form
const uint8_t *in_bytes(struct in *in, size_t n); // NULL with `bad`
void out_uint(struct buf *b, int bytes, uint64_t v);
void out_varint(struct buf *b, uint64_t v);
void out_begin(struct buf *b, enum sync_message type, const struct lane *l);

// 0, or why the link must end. What a full link does not take waits.
int sync_session_send(struct sync_session *s, struct buf *message);
struct lane *session_lane(struct sync_session *s, const uint8_t *scope);
unsigned lane_allow(struct sync_session *s, const struct lane *l); // orders' bits filled in
int64_t sync_now(struct sync_session *s);
int lane_refuse(struct sync_session *s, struct lane *l, unsigned why);
int session_improper(struct sync_session *s, int64_t count, const char *what, struct err *err);
// The table of a scope; NULL in *ret: there are too many.
int sync_set_of(struct sync *s, const uint8_t *scope, struct sync_set **ret, struct err *err);

bool is_order(const uint8_t *record); // of a record's canonical bytes
int lane_stop_sending(struct sync_session *s, struct lane *l);

// --- sync_pull.c
int pull_hello(struct sync_session *s, struct lane *l, bool by_cells, struct err *err);
int pull_same(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int pull_cells(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int pull_ids(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int pull_tell(struct sync_session *s, struct lane *l);
int pull_heal(struct sync_session *s, struct lane *l, struct err *err);
int pull_done(struct sync_session *s, struct lane *l, struct err *err);
void pull_end(struct sync_session *s, struct lane *l); // frees what it held
// --- sync_records.c
int records_arrive(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int records_ack(struct sync_session *s, struct lane *l, struct err *err);
int lane_again(struct sync_session *s, struct lane *l, struct err *err);
int lane_pump(struct sync_session *s, struct lane *l, struct err *err);
// --- sync_serve.c
int serve_hello(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int serve_more(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int serve_want(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
int serve_list(struct sync_session *s, struct lane *l, struct in *in, struct err *err);
// Sends these, unasked, or as asked for, after those of this job that are left. Copies. ERR_LIMIT.
int serve_ids(struct sync_session *s, struct lane *l, int job, const uint8_t *prefixes, uint32_t n,
              struct err *err);
void serve_follow(struct lane *l, int64_t seq); // sends what is behind, and what comes
