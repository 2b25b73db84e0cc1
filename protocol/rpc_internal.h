// What rpc.c (their requests) and rpc_calls.c (our calls) share. Not for others.
#pragma once

#include "protocol/rpc.h"

enum { RPC_BUCKETS = 128 };

struct rpc_call;

struct rpc {
    struct rpc_config config;
    char *id_prefix;
    uint16_t *slots; // open addressing: index into methods + 1, 0 = empty
    size_t slot_mask;
    struct rpc_request *buckets[RPC_BUCKETS]; // requests in progress, by hash of the id's bytes
    size_t open;
    struct rpc_call *calls;
    size_t call_count;
    int64_t last_call;
    struct buf out;   // kept between messages, so that an ordinary answer allocates nothing
    unsigned entered; // callbacks of ours on the stack
    bool closed;      // rpc_free was called; the memory goes when the last of them returns
};

// Around everything that may run a callback: a callback may call rpc_free.
void rpc_enter(struct rpc *r);
void rpc_leave(struct rpc *r);

// The scratch buffer, empty; and back. Nested uses get one of their own.
struct buf rpc_take_out(struct rpc *r);
void rpc_give_out(struct rpc *r, struct buf *out);

// Appends compact JSON. 0, ERR_NOMEM, ERR_LIMIT or ERR_INVAL (cannot be written).
int rpc_put_json(struct buf *out, const json_t *value);

// A response that arrived. `id` raw.
void rpc_calls_answer(struct rpc *r, const struct jsonrpc_message *m);
// The response to the call with this id was too large to be read. False: no call of ours has it.
bool rpc_calls_oversize(struct rpc *r, struct span id, size_t total, size_t max);
void rpc_calls_close(struct rpc *r);
