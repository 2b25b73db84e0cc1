// A JSON-RPC engine under test, with methods of every kind, and all that it has sent.
#pragma once

#include "protocol/rpc.h"
#include "tests/unit/protocol/fake_env.h"

// One engine under test, and everything it has sent: "seq:json\n" each.
struct bench {
    struct fake_env env;
    struct rpc *rpc;
    struct buf sent;
    struct rpc_request *held[RPC_REQUESTS_MAX + 8];
    size_t held_count;
    int notified;
    int cancelled;
    bool free_on_send;
    int answers;
    char answer[256]; // of our last call
};

int bench_open(struct bench *b, bool batches); // 0 or ERR_NOMEM
void bench_close(struct bench *b);             // drops what is held; nothing may be left running
void bench_tell(struct bench *b, const char *text); // one message, number 7
// All that was sent since the last look; and it is forgotten.
void bench_expect(struct bench *b, const char *text);
// One error answer with this code and raw id.
void bench_expect_error(struct bench *b, int code, const char *id);

void bench_send_text(void *bench, const char *json, size_t n, uint64_t seq);
void bench_do_echo(void *bench, struct rpc_request *req, json_t *params);
