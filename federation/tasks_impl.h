// Between the files of federation/tasks*.c only.
#pragma once

#include "federation/tasks.h"

#define TASKS_LABEL "paired/task-result/v1" // with its NUL before what is signed
enum { TASKS_HASH_BYTES = 32, TASKS_SKILL_BYTES_MAX = TASKS_AGENT_BYTES_MAX };

// What both kinds have.
struct task {
    struct task *next; // the newest first
    bool ours;
    char id[A2A_ID_BYTES_MAX + 1];
    uint8_t device[32], identity[32];
    uint8_t request[TASKS_HASH_BYTES]; // of all messages so far
    char agent[TASKS_AGENT_BYTES_MAX + 1], skill[TASKS_SKILL_BYTES_MAX + 1];
    enum a2a_state state;
    char text[TASKS_TEXT_BYTES_MAX + 1];
    double done, total;
    int64_t made_ms, changed_ms;
    uint64_t ends_ms; // mono: its deadline, or when it is forgotten
    json_t *message;  // until it has ended
    size_t bytes;     // of it, canonical
    json_t *result;   // signed
    size_t result_bytes;

    // served
    uint64_t job;         // what the runner works on, also when the task is over; 0: nothing
    uint64_t reported_ms; // mono, the last progress that was told
    uint8_t last[TASKS_HASH_BYTES]; // hash of the last message that came for it
    bool input;                     // was asked for, and the message has come
    uint64_t order;                 // of arrival

    // ours
    bool sent;         // the friend has said that it has it
    bool cancel;       // the friend is to be told
    bool fetch;        // it has ended there: to be fetched
    unsigned calls;    // under way: it stays as long
    uint64_t retry_ms; // mono
    json_t *reply;     // the message that follows, not confirmed yet
};
struct account {
    struct tasks_usage use;
};
struct tasks {
    struct tasks_config c;
    struct node *node;
    struct task *first;
    struct env_timer *tick;
    uint64_t jobs, order, refused;
    struct account *accounts; // TASKS_ACCOUNTS_MAX at most
    uint32_t accounts_n, accounts_max;
    unsigned running;
    unsigned cards; // calls under way
};

uint64_t tasks_now(const struct tasks *t);             // mono, ms
void tasks_say(struct tasks *t, const struct task *k); // view, keep
// A state that may follow, with what it says. The deadline of what has ended is the day when it is
// forgotten. False: it may not.
bool tasks_move(struct tasks *t, struct task *k, enum a2a_state to, const char *text);
struct task *tasks_make(struct tasks *t, bool ours, const char *id, const uint8_t *device,
                        struct err *err);
void tasks_remove(struct tasks *t, struct task *k);
struct task *tasks_find(const struct tasks *t, bool ours, const char *id, const uint8_t *device);
void tasks_view_of(const struct task *k, struct tasks_view *ret);
void tasks_arm(struct tasks *t); // the tick, while something is open
bool tasks_copy(char *to, size_t room, const char *from, size_t n); // false: did not fit whole
bool task_open(const struct task *k);

// --- tasks_seal.c
// Canonical bytes of a message and their hash; chained onto `hash` (zeros: the first). ERR_LIMIT.
int task_hash(const json_t *message, size_t max, uint8_t hash[TASKS_HASH_BYTES], size_t *ret_bytes,
              struct err *err);
// The task as A2A has it; what has ended is signed. A new object.
int task_format(struct tasks *t, const struct task *k, json_t *artifacts, json_t **ret,
                struct err *err);
int task_seal(struct tasks *t, struct task *k, json_t *artifacts, struct err *err); // k->result
// A task that came for k, checked against it. ERR_KEY: ended, and not signed by that device for
// that request.
int task_open_result(const struct task *k, const json_t *object, struct a2a_task *ret,
                     struct err *err);
json_t *task_status(const struct task *k); // A2A status; NULL: no memory
void task_hex(const uint8_t *bytes, size_t n, char *ret);
int tasks_verify_card(void *ctx, const char *key_id, const void *bytes, size_t n,
                      const uint8_t *signature, struct err *err); // ctx: the device's key

// --- tasks_serve.c
node_request_fn serve_send, serve_get, serve_cancel, serve_cards;
void serve_pump(struct tasks *t); // starts what may start
void serve_tick(struct tasks *t, struct task *k);
void serve_rules(struct tasks *t, struct task *k);
void serve_end(struct tasks *t, struct task *k, enum a2a_state to, const char *text);
int serve_restored(struct tasks *t, struct task *k);

// --- tasks_ask.c
node_request_fn ask_update;
void ask_pump(struct tasks *t, struct task *k);
void ask_tick(struct tasks *t, struct task *k);
void ask_rules(struct tasks *t, struct task *k);
