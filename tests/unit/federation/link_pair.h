// Two links that talk to each other in memory, and what happened to them.
#pragma once

#include "federation/link.h"
#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

struct link_side {
    struct link *link; // NULL before it is there, and after its end
    struct link_config config;
    struct channel_plain_self self;
    struct channel_maker maker;
    int ups, downs, drained, answers, failures;
    struct err why;        // of down
    struct link_info last; // at its down
    int answer_code;       // of the last failed answer: err->code or the JSON-RPC code
    uint64_t blob_bytes, blobs;
    uint32_t stream;
    uint64_t order; // each event appends a digit: 1 up, 2 message, 3 blob, 4 down, 5 answer
    int close_at;   // closes itself in this kind of event; 6: drained
    int blob_code;
    bool no_trust;
    bool closed; // … and it was done
};
struct link_pair {
    struct fake_env env;
    struct net_memory *m;
    struct link_side a, b; // a dials, b accepts
    const uint8_t *expect; // a's; NULL: b's key
    bool anybody;          // a expects nobody in particular
};

int link_pair_init(struct link_pair *p); // negative: out of memory
int link_pair_dial(struct link_pair *p);
void link_pair_run(struct link_pair *p);
void link_pair_done(struct link_pair *p);
// "echo": answers its params; "hold": never; "big": an answer over a frame; "note": a notification.
int64_t link_side_call(struct link_side *s, const char *method, json_t *params, uint64_t ms);
