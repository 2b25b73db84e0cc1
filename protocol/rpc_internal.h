// What rpc.c (their requests), rpc_write.c (answers) and rpc_calls.c (our calls) share. Not for
// others.
#pragma once

#include "protocol/rpc.h"

enum {
    RPC_BUCKETS = 128,
    RPC_ANSWER_BYTES_MAX = 63 * 1024 * 1024 // below what one frame carries
};

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

// Answers of one batch, collected until the last of its requests is answered.
struct rpc_batch {
    struct rpc *rpc;
    struct buf answers;
    size_t pending; // requests, and one for the reader of the batch itself
    uint64_t seq;
    bool silent;
};

// Where an answer goes: to the other side, into a batch, or nowhere.
struct rpc_place {
    struct rpc *rpc;
    struct rpc_batch *batch;
    uint64_t seq;
    bool silent;
    unsigned place; // of the message among those of its batch, from 1
};

// Around everything that may run a callback: a callback may call rpc_free.
void rpc_enter(struct rpc *r);
void rpc_leave(struct rpc *r);

// The scratch buffer, empty; and back. Nested uses get one of their own.
struct buf rpc_take_out(struct rpc *r);
void rpc_give_out(struct rpc *r, struct buf *out);

// {"jsonrpc":"2.0","id":… ; an absent id is null
void rpc_put_head(struct buf *out, struct span id);
json_t *rpc_tree(const struct rpc *r, const char *text, size_t n, const char **ret_why);
// Hands on one whole answer.
void rpc_send_answer(const struct rpc_place *at, const char *json, size_t n);
void rpc_send_error(const struct rpc_place *at, struct span id, int code, const char *message,
                    const json_t *data);
// Needs no memory, so that a request is answered even when there is none. `message`: plain text.
void rpc_send_internal_error(const struct rpc_place *at, struct span id, const char *message);
// One of those a batch waits for is done; the last one sends it.
void rpc_batch_release(struct rpc_batch *b);

// A response that arrived. `id` raw.
void rpc_calls_answer(struct rpc *r, const struct jsonrpc_message *m);
// The response to the call with this id was too large to be read. False: no call of ours has it.
bool rpc_calls_oversize(struct rpc *r, struct span id, size_t total, size_t max);
void rpc_calls_close(struct rpc *r);
