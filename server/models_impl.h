// What server/models*.c share. Main loop, except what is said to run on a worker.
#pragma once

#include "core/models/wire_continue.h"
#include "core/models/wire_fim.h"
#include "core/route/route_catalogue.h"
#include "core/route/route_choose.h"
#include "core/route/route_ledger.h"
#include "core/route/route_predict.h"
#include "core/store/answers.h"
#include "core/store/backends.h"
#include "core/store/consent.h"
#include "server/models.h"
#include "server/models_body.h"
#include "server/models_look.h"
#include "server/models_why.h"

enum {
    MODEL_PLANS_MAX = 16,
    MODEL_PLAN_MS = 5000, // then settings and budgets are looked at again
    MODEL_SESSIONS_MAX = 256,
    MODEL_MARKS_MAX = 4,     // ends of messages by which a conversation's beginning is known again
    MODEL_ARMS_MAX = 64,     // models of backends whose tokens are learned
    MODEL_TRIED_MAX = 16,    // models that one request is tried with
    MODEL_SETTLE_MAX = 1024, // ends that wait to be written
    MODEL_KEEP_MS = 5000,    // what the router knows is written so long after it changed
    MODEL_WHYS_MS = 500,     // … so long, its choices: at most MODEL_WHYS_MAX at a time
    MODEL_WHYS_EACH_MS = 20, // … so long for each that was written the last time: 50 a second
    MODEL_SETTLE_MS = 200,   // … so long, to be written together
    MODEL_LEASES_MAX = 32,
    MODEL_PURSES_MAX = 64, // workspaces whose money is watched at a time
    MODEL_LIMITS_MAX = 4,
    MODEL_INLINE_BYTES_MAX = 512 * 1024, // bodies up to here are looked at on the loop
    MODEL_RETRIES_MAX = 2,               // of one backend, when there is no other
    MODEL_WAITS_MAX = 3,                 // for a limit that is over soon, before anything is sent
    MODEL_WAIT_MS_MAX = 20 * 1000,       // a retry-after that is waited for
    MODEL_LEGS_MAX = 4,                  // times that one answer is gone on with
    MODEL_REFUSALS_MAX = 64,
    MODEL_UNFILLED_MAX = 16,
    MODEL_UNFILLED_MS = 10 * 60 * 1000,  // … so long a model is not asked by that API again
    MODEL_OTHERS_BYTES = 160,            // names of backends, as the audit has room for them
    MODEL_CONVERT_BYTES_MAX = 128 * 1024 // bodies up to here are converted on the loop, in a hurry
};

// --- models_plan.c: where a workspace's text may go
struct model_offer {
    const struct backend *backend;
    struct consent_pass pass;
    bool local;
    char *key; // secret_alloc; NULL none
};
struct model_limit { // a budget, in millionths of a dollar (models_budget.c)
    int64_t limit, spent;
    bool month, own; // else: of the day; of all workspaces together
};
struct model_unpaid { // would be an offer, were the budget not spent
    const struct backend *backend;
    struct consent_pass pass;
};
enum model_substitute { MODEL_SUBSTITUTE_ALWAYS, MODEL_SUBSTITUTE_FAILING, MODEL_SUBSTITUTE_NEVER };
struct model_pick { // a model of an offer's backend
    size_t offer;
    const char *name;                 // as the backend calls it; borrows
    uint32_t arm;                     // model_arm_id()
    const struct route_model *listed; // of its very name; NULL: in no list
    const struct route_model *model;  // what it costs and can
    struct route_model *own;          // … where no list has it
};
struct model_plan { // built on a worker, then constant
    unsigned refs;  // main loop
    char *workspace;
    int64_t made_ms;
    struct model_limit limits[MODEL_LIMITS_MAX];
    size_t limit_count;
    int64_t written[2]; // of what is spent in them, at least: of all, of the workspace; main loop
    char spent[300];    // which of them is, and what to do; "" none
    struct backend_list backends;
    struct model_offer *offers;
    size_t count;
    char why[400]; // when count is 0
    struct model_unpaid *unpaid;
    size_t unpaid_count;
    bool exact; // answers may be given again (models.cache)
    struct route_policy policy;
    enum model_substitute substitute;
    struct model_pick *picks;
    size_t pick_count;
};
// On a worker. `keys` as model_ask has them; without a catalogue there are no picks.
int model_plan_new(struct services *services, const struct route_catalogue *catalogue,
                   const char *workspace, const struct model_keys *keys, struct model_plan **ret,
                   struct err *err);
// secret_alloc memory, or NULL when the backend takes no key. ERR_NOT_FOUND: there should be one
// and is none. On a worker.
int model_find_key(struct store *s, const struct backend *b, const struct model_keys *keys,
                   char **ret, struct err *err);
void model_plan_unref(struct model_plan *p); // accepts NULL
bool model_plan_stands(struct store *s, const struct model_plan *p, int64_t now_ms);
uint32_t model_arm_id(const char *backend, const char *model); // never 0
// A pick that no list has. `as`: the name it is priced under, or "". ERR_NOMEM.
int model_pick_new(const struct route_catalogue *c, const struct model_plan *p, size_t offer,
                   const char *name, const char *as, struct model_pick *ret);

// --- the conversations: who answered, what is in whose cache (models_session.c)
struct model_mark { // the conversation's bytes up to the end of a message
    uint64_t messages, hash, bytes;
};
struct model_session {
    int64_t used_ms;
    uint32_t arm; // that answered last; 0 none
    int64_t turns;
    uint64_t why; // number of the note about the last answer; 0 none
    struct route_caches caches;
    struct model_mark marks[MODEL_MARKS_MAX]; // of the last request, the longest first
    double prompt, added, output;             // tokens of a turn, in the mean (prompt: the last)
};
struct model_known { // a backend as it was last seen
    char name[BACKEND_NAME_BYTES_MAX + 1];
    int64_t changed_ms;
};
struct model_arm { // what is learned of one model of a backend, beside its quality
    uint32_t id;
    double per_byte; // tokens of a request's byte
};

// Traffic of one workspace to one backend for one purpose (models_lease.c).
struct model_lease {
    char backend[BACKEND_NAME_BYTES_MAX + 1], purpose[32];
    char *workspace;                 // NULL none
    int64_t used_ms, second_ms;      // the last request; when in_second began to count
    unsigned in_second, open;        // open: requests on their way
    int64_t seq, left, until_ms;     // of the entry on disk (0: there is none); bytes left of it
    int64_t requests, out, in;       // under it
    char others[MODEL_OTHERS_BYTES]; // as model_run has it
};

struct model_end {     // of attempts, on its way into the store
    int64_t audit_seq; // 0: the audit has it otherwise
    int64_t at_ms, bytes_out, bytes_in, cost;
    int64_t requests, failed; // 0 requests: nothing to count
    bool ok, cancelled, leased;
    bool sends;    // no end: that a further try leaves, which an entry on disk covers
    uint64_t late; // number of such a try, until audit_seq is known; 0 none
    char backend[BACKEND_NAME_BYTES_MAX + 1], model[MODEL_NAME_BYTES_MAX + 1];
    char purpose[32], agent[32], session[64];
    char *workspace; // NULL none
    struct wire_usage usage;
    int64_t saved;            // as cost
    int64_t hits, hit_tokens; // of the exact cache, which has no requests
};

// Money of this engine's requests, in millionths of a dollar; `written` of what was spent is in the
// store.
struct model_purse {
    char *workspace; // NULL: free
    int64_t spent, written, reserved;
    int64_t begun; // what both began with
};

struct model_unfilled { // a model that refused to fill in
    uint32_t arm;
    int64_t until_ms;
};

struct models {
    struct loop *loop;
    struct pool *pool;
    struct services *services;
    struct http_client *http; // made when first needed
    struct route_ledger *ledger;
    struct route_catalogue *catalogue;
    struct route_predictor *predictor;          // these two when there first is a choice
    struct route_features *features;            // of the request that is looked at
    struct model_look look;                     // likewise
    char listed_name[MODEL_NAME_BYTES_MAX + 1]; // what was looked for last: mostly asked again
    const struct route_model *listed;
    uint64_t dice;
    struct model_plan *plans[MODEL_PLANS_MAX];
    size_t next_plan;
    uint64_t conversations[MODEL_SESSIONS_MAX]; // of the sessions; 0 free
    struct model_session sessions[MODEL_SESSIONS_MAX];
    struct model_arm arms[MODEL_ARMS_MAX];
    size_t arm_count, next_arm;
    struct model_known known[BACKENDS_MAX];
    size_t known_count;
    double output[ROUTE_ORIGINS]; // tokens of an answer, learned; 0 not yet
    struct model_run *runs;
    size_t run_count, body_bytes;
    struct model_end *ends; // MODEL_SETTLE_MAX
    size_t end_count;
    uint64_t late; // number that was given
    struct model_lease leases[MODEL_LEASES_MAX];
    struct model_purse purse, purses[MODEL_PURSES_MAX]; // of all; of some workspaces
    uint32_t refusals[MODEL_REFUSALS_MAX];              // arms that take no answer's beginning
    size_t next_refusal;
    struct model_unfilled unfilled[MODEL_UNFILLED_MAX];
    size_t next_unfilled;
    struct env_timer *settle_timer;
    bool settling, stopped;
    struct mailbox *verdicts;     // models_learn.c
    struct model_lesson *lessons; // MODEL_LESSONS_MAX, from the first one on
    struct env_timer *keep_timer;
    bool kept, keeping; // what was kept has been read; is being written
    bool forgotten;     // what was learned is not to be taken from there any more
    struct env_timer *whys_timer;
    bool whys_saving, whys_again; // a worker does; there is more since
    int whys_saved;               // the last time
    uint64_t kept_changes, kept_outcomes;
    int64_t exact_bytes, exact_age_ms; // of kept answers; 0 bytes: none are
    unsigned exact_writing;            // being written
};

// An answer that was given before, or is to be given again (models_answers.c).
enum model_exact_state {
    MODEL_EXACT_NOT,    // nothing of that
    MODEL_EXACT_WANTED, // to be looked for
    MODEL_EXACT_FOUND,  // `bytes` are the answer
    MODEL_EXACT_MISSED  // `bytes` gather it
};
struct model_exact {
    enum model_exact_state state;
    bool forced; // whatever the temperature
    uint8_t key[ANSWER_KEY_BYTES];
    uint64_t generation;
    struct kept_answer found;
    struct buf bytes;
    size_t at; // given so far
};

struct model_kept { // what the router knows, as it is stored
    struct models *m;
    struct buf ledger, learned;
    bool written;
};

struct model_run {
    struct model_run *prev, *next;
    struct models *m;
    struct model_events events;
    void *ctx;
    bool in_job;     // a worker has it: freed when that is done
    bool body_ready; // run->out is made
    bool cancelled;  // by the one who asked
    bool over;       // done is being told
    struct job *job;
    struct env_timer *timer;

    // what was asked
    enum wire_family family;
    struct buf body;
    struct model_body read;
    bool gated;
    char *workspace, *query; // NULL none
    char purpose[32], agent[32], session[64];
    const struct model_keys *keys;
    struct model_keys own_keys;
    struct http_header forward[MODEL_FORWARD_MAX]; // owned
    size_t forward_count;

    char mark[MODEL_MARK_BYTES_MAX + 1]; // "" no place in code

    // how it goes
    struct model_plan *plan;
    bool wants_kept;
    struct model_kept *kept;
    bool replanned, stripped;
    uint64_t tried;                       // offers, by their place
    uint32_t tried_arms[MODEL_TRIED_MAX]; // models that alone failed
    size_t tried_arm_count;
    size_t offer; // the present one
    uint32_t arm;
    struct route_model priced; // what the present one costs and can
    struct route_spend expected;
    int64_t reserved;   // of it, in the purses
    bool reserved_own;  // … also in the workspace's
    int64_t written[2]; // of the purses, when its plan was asked for
    enum route_origin origin;
    int64_t stable; // bytes at the beginning that are those of the conversation's last request
    const char *origin_why; // static; NULL: its text was not looked at
    bool looked;
    bool same_model;            // … as was asked for, this time
    enum model_why_stage stage; // of the choice
    struct model_cascade cascade;
    bool masked; // secrets, in the body
    struct model_exact exact;
    enum wire_stop stop; // why the answer ended
    uint64_t why;        // number of the note about its choice; 0 none
    unsigned attempts, retries, waits;
    char model[MODEL_NAME_BYTES_MAX + 1]; // as the present one is asked for
    struct err error;                     // of a job
    enum route_fault error_fault;         // … and what it means
    struct buf out;                       // the body that leaves
    size_t out_bytes;
    int64_t audit_seq; // 0: none, or not known yet
    // Which backends an entry on disk lets it go to: "first, second", the first the one that it was
    // made for. "": none is on disk.
    char others[MODEL_OTHERS_BYTES];
    bool audited;
    uint64_t late;             // its entry is on its way into the store; 0: it is not
    struct model_lease *lease; // it left under; NULL: its own entry
    int64_t lease_bytes;       // wanted from the preparing worker
    uint64_t ticket;           // of the ledger, 0 none
    struct http_call *call;
    struct wire_reader *reader;
    struct wire_writer *writer; // between families, and after a cut; NULL: bytes pass as they are
    bool raw;                   // they do in this attempt
    enum wire_fim fim;          // by which it is asked in this attempt
    struct route_limits limits;
    struct buf headers; // for the client: name NUL value NUL …
    int status;
    struct buf held; // before the first content, or an error's body
    struct buf tail; // raw: the piece of an event
    size_t searched; // … in which no end was found so far
    int64_t bytes_in;
    bool content;      // the answer has some
    unsigned told;     // events of it
    bool begun, ended; // content was handed on; WIRE_STOP has come
    bool paused;
    unsigned busy; // inside of a callback: buried afterwards
    struct wire_usage usage;
    char fault_text[300]; // of an error within the stream
    enum route_fault fault;
    uint64_t failed_ns; // when the last attempt's failure was read; 0: none, or it was waited

    // an answer that was cut and is gone on with (models_continue.c)
    struct buf said;          // all of its text
    size_t said_block;        // where the block that is open begins in it
    enum wire_kind open_kind; // of that block; WIRE_STOP: none is
    bool called, signed_;     // a tool; thoughts
    bool signs;               // the backend's family signs thoughts
    bool stuck, restarted;
    unsigned legs; // answers that go on with it
    struct wire_joint *joint;
    struct wire_usage before; // of the answers before this one
    int64_t cost_before;
    char cut_message[400];
    enum route_fault cut_fault;
};

// models_choose.c
// What the candidates of one request are made of; on the stack of model_choose().
struct model_ballot {
    struct model_run *run;
    const struct model_session *session; // NULL: a new conversation
    const struct route_model *asked;     // as the catalogue knows it, or NULL
    bool offered;                        // a backend has it
    enum model_why_stage stage;
    struct model_pick unnamed; // of a backend that lists no models
    const struct model_pick *picks[ROUTE_CANDIDATES_MAX];
    struct route_candidate of[ROUTE_CANDIDATES_MAX];
    size_t count;
    bool looked; // at the text: there is a choice between models
    int marks;   // it says what is to be cached: 1, it does not: -1; 0 not looked for
    struct route_policy policy;
    struct route_need need;
};
const char *model_account_of(const struct backend *b); // whose quota it uses
enum model_chosen {
    MODEL_CHOSEN, // run->offer, run->model …
    MODEL_LATER,  // nothing can be sent for *ret_wait_ms
    MODEL_NOBODY  // run->error and run->error_fault say why
};
enum model_chosen model_choose(struct model_run *run, int64_t *ret_wait_ms);
// Who may be asked for it, this one first and as many as there is room for: into run->others.
void model_list_others(struct model_run *run);
void model_tried(struct model_run *run, enum route_fault fault); // the present one failed

// models_session.c
struct model_session *model_session_of(struct models *m, uint64_t conversation, bool make);
void model_remember(struct model_run *run); // it answers
// It has answered: what was billed tells what is in whose cache, and how large things are.
void model_remember_usage(struct model_run *run);
// How many bytes at the beginning are those of the session's last request.
int64_t model_stable_bytes(const struct model_session *s, const struct model_body *b,
                           const char *bytes);
// A backend that the user changed gets another chance at once.
void model_notice_changes(struct models *m, const struct model_plan *plan);
double model_tokens_per_byte(const struct models *m, uint32_t arm);

// models_note.c: for "why this backend?"
void model_note_choice(const struct model_ballot *b, const struct route_choice *c);
void model_note_attempt(struct model_run *run, enum route_fault fault); // it is over
void model_note_end(struct model_run *run, enum route_fault fault, bool cancelled);

// models_fill.c
void model_fill_choose(struct model_run *run); // run->fim, of the present one
// An attempt by such an API failed, and not by accident: true when the same one is to be asked in
// words, now.
bool model_fill_refused(struct model_run *run);
int model_fill_body(struct model_run *run, struct err *err); // run->out

// models_prepare.c
// Gate and body; any thread. run->error tells how it went.
void model_prepare_body(struct model_run *run);
// On a worker: audit, for many when run->lease_bytes says so; refused ones, too.
void model_prepare_audit(struct model_run *run);

// models_lease.c
struct model_lease *model_lease_of(struct model_run *run, const struct backend *b);
bool model_lease_take(struct model_run *run, struct model_lease *l, int64_t now_ms);
int64_t model_lease_wanted(const struct model_lease *l);
void model_lease_begin(struct model_run *run, struct model_lease *l, int64_t now_ms);
void model_lease_end(struct model_run *run, int64_t now_ms);
void model_leases_tick(struct models *m, bool all); // ends what is over
void model_leases_done(struct models *m);

// models_attempt.c
void model_send(struct model_run *run);                                  // what was prepared
void model_attempt_over(struct model_run *run, bool ok, bool cancelled); // frees what it used
// Calls events.done and frees.
void model_finish(struct model_run *run, enum route_fault fault, const char *message);

// models_learn.c
enum { MODEL_LESSONS_MAX = MODEL_WHYS_MAX };                                      // some 3 KB each
void model_lesson_keep(const struct model_ballot *b, const struct model_pick *p); // p is asked
// The request is the turn after its conversation's last answer, and tells of that one's edits.
void model_lesson_edit(const struct model_ballot *b, enum model_edit edit);
int model_learning_begin(struct models *m, struct err *err);
void model_learning_end(struct models *m); // no verdict comes in after it
void model_lessons_done(struct models *m);

// models_keep.c
struct model_kept *model_keep_read(struct services *services);      // on a worker; NULL: not now
void model_keep_take(struct models *m, const struct model_kept *k); // the first one counts
void model_keep_soon(struct models *m);
void model_keep_rest(struct models *m);     // without the pool, which is gone
void model_kept_done(struct model_kept *k); // accepts NULL
void model_whys_soon(struct models *m);     // one has ended: into the store, behind the answers
void model_whys_rest(struct models *m);     // without the pool

// models_price.c
// The list of prices with the user's own (`dirs` NULL: without). A file with a mistake is told of
// in the log and left out. ERR_NOMEM.
int model_prices(const struct dirs *dirs, struct route_catalogue **ret, struct err *err);
// What is wrong with the user's own, as it now is; 0: nothing, or there is none.
int model_prices_check(const struct dirs *dirs, struct err *err);
// Millionths of a dollar that a request cost, by the price of the backend's model.
// By what a model of a backend is priced; `as`: the name that the user gave for it, or "". Borrows
// from the catalogue, or is `own`, filled: one that is in no list, or that costs nothing here.
const struct route_model *model_priced(const struct route_catalogue *c, bool local,
                                       const char *name, const char *as, struct route_model *own);
int64_t model_cost_of(const struct route_model *model, const struct wire_usage *u);
int64_t model_cost_named(const struct route_catalogue *c, const struct backend *b, const char *name,
                         bool local, const struct wire_usage *u);
// What the same tokens, with the same share from a cache, would have cost with the model that was
// asked for, less what was billed. 0 where that one has no price in the list: no saving is claimed
// from a guess. Negative when a dearer one answered.
int64_t model_saved(const struct route_model *asked, const struct wire_usage *u, int64_t billed);
// What programs ask for, in the list: NULL when it is not there, or no name.
const struct route_model *model_listed(struct models *m, const char *name);

// models_budget.c
// Within the transaction that has added `cost` (millionths of a dollar) to what was used.
enum { MODEL_BUDGET_WARN_PERCENT = 80 };
int model_budget_note(struct db *db, const struct conf *conf, const char *workspace, int64_t at_ms,
                      int64_t cost, struct err *err);
// On a worker: the plan's limits, what is spent of them, and whether one is used up.
int model_budget_read(struct db *db, const struct conf *conf, struct model_plan *p,
                      struct err *err);
// On the loop. What a request that is about to leave is expected to cost is set aside until it is
// known what it did cost, or until it does not leave.
void model_budget_reserve(struct model_run *run);
void model_budget_release(struct model_run *run);
void model_budget_spend(struct model_run *run, int64_t cost);
void model_budget_written(struct models *m, const char *workspace, int64_t cost);
void model_budget_mark(struct model_run *run); // before its plan is read
void model_budget_policy(struct model_run *run, struct route_policy *policy); // what is left
void model_budget_refuse(struct model_run *run, char *out, size_t n); // why it does not suffice
void model_purses_done(struct models *m);

// models_cache.c
// Tells an Anthropic backend which beginnings of a converted request to keep; does nothing for a
// model whose caching is not a matter of marks. ERR_NOMEM.
int model_mark_cache(const struct route_catalogue *c, const char *model, json_t *request);

void model_hand_on(struct model_run *run, const char *bytes, size_t n); // to who asked

// models_continue.c
void model_told(struct model_run *run, const struct wire_event *e); // of an answer, in order
struct wire_usage model_usage_of(const struct model_run *run);      // of all that was answered
void model_cut(struct model_run *run); // an attempt that failed after content
// Goes on with it, or finishes.
void model_continue(struct model_run *run, enum route_fault fault, const char *message);
// Whether it may be asked: anybody, unless an answer is to be gone on with.
bool model_goes_on(const struct model_run *run, const struct model_pick *p);
void model_refused(struct model_run *run);                       // the present one does not
void model_stranded(struct model_run *run, const char *message); // nobody does: finishes
void model_put_error(struct model_run *run, enum route_fault fault, const char *message);

// models_answers.c
void model_exact_want(struct model_run *run, enum model_cache cache); // when its body was read
// With a plan: true when it is being looked for; model_choose_first() goes on from there.
bool model_exact_look(struct model_run *run);
void model_exact_resume(struct model_run *run);
void model_exact_part(struct model_run *run, const char *bytes, size_t n); // was handed on
void model_exact_keep(struct model_run *run);                              // it is whole
void model_exact_done(struct model_exact *e);

// models_settle.c
void model_settle_hit(struct model_run *run, const struct kept_answer *a);
void model_settle(struct model_run *run, bool ok, bool cancelled);
int64_t model_cost(const struct model_run *run); // of the present attempt, millionths of a dollar
// A further try that an entry on disk covers is about to leave: an entry of its own follows. False:
// no room for that.
bool model_settle_late(struct model_run *run);
void model_settle_lease(struct models *m, const struct model_lease *l);
void model_settle_rest(struct models *m); // without the pool, which is gone

// models.c
void model_next(struct model_run *run, enum route_fault fault, const char *message); // or finishes
void model_bury(struct model_run *run);                                              // frees
void model_submit(struct model_run *run, job_run_fn *work, job_done_fn *done);       // or finishes
// Of a job, on the loop again: false when nobody waits for the run any more; then it is gone.
bool model_back(struct model_run *run, bool cancelled);
void model_choose_first(struct model_run *run); // with its plan
int64_t model_now_ms(void);
