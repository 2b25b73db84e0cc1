// Two engines' tasks on two nodes in memory, with a clock that a test moves: a asks, b serves.
#pragma once

#include "federation/tasks.h"
#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

enum { SIDE_JOBS_MAX = 64, SIDE_ROWS_MAX = 512, SIDE_LOG_MAX = 64 };

struct task_side {
    struct task_pair *pair;
    struct task_side *other;
    uint8_t host;
    uint8_t secret[64], identity[32];
    struct channel_plain_self self;
    struct channel_maker maker;
    struct peers_memory *peers;
    struct node_service service;
    struct node *node;
    struct tasks *tasks;
    uint16_t port;

    bool grant_in, grant_out, forge, cut;
    bool reading; // the grants, just now
    struct tasks_policy policy;
    uint64_t jobs[SIDE_JOBS_MAX]; // started, not done
    unsigned jobs_n, started, stopped, leavings;
    char parts[4096]; // JSON of the parts of the last one started
    char
        log[SIDE_LOG_MAX]; // one letter a change: s w c f x(canceled) i r a, of our own side's view
    char text[TASKS_TEXT_BYTES_MAX + 1]; // of the last change
    json_t *result;                      // the last one that came
    struct tasks_row rows[SIDE_ROWS_MAX];
    unsigned rows_n;
    struct tasks_usage usage;
    const json_t *cards; // what came, or NULL
    int cards_code, cards_n;
    int raw, raw_code; // answers of calls past tasks: results, and the last error's code
    char raw_state[32];
};
struct task_pair {
    struct fake_env env;
    struct net_memory *m;
    struct task_side a, b;
};

int task_pair_init(struct task_pair *p);
void task_pair_done(struct task_pair *p);
void task_pair_run(struct task_pair *p);               // until nothing is under way
void task_pair_pass(struct task_pair *p, uint64_t ms); // in small steps
bool task_pair_connect(struct task_pair *p);           // until they have a session
void side_stop(struct task_side *s);                   // as if the engine ended
int side_start(struct task_side *s);
// asks b's agent for "review" of a text
int side_ask(struct task_side *s, const char *text, char id[TASKS_ID_BYTES + 1], struct err *err);
void side_finish(struct task_side *s, enum a2a_state state, const char *text, const char *answer);
// A call past tasks, on a's session. `params` stolen.
int side_raw(struct task_side *s, const char *method, json_t *params);
enum a2a_state side_state(struct task_side *s, bool ours, const char *id); // A2A_STATES: none
