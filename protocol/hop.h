// The wire between a front end and the engine, over the user's Unix socket. Private to one build
// family: the socket's name carries HOP_MAJOR. Frames: a fixed header, little-endian, then `bytes`
// of body. Bytes in, frames out; no I/O.
#pragma once

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { HOP_MAJOR = 1, HOP_MINOR = 1, HOP_HEADER_BYTES = 16, HOP_BODY_BYTES_MAX = 64 * 1024 * 1024 };
// Largest message of a client that is relayed whole; of a larger one the head goes as HOP_OVERSIZE.
enum { HOP_CLIENT_BYTES_MAX = 4 * 1024 * 1024, HOP_TIME_BYTES = 8 };

enum hop_type {
    HOP_HELLO = 1,   // front end → engine, first frame, JSON: struct hop_hello
    HOP_WELCOME = 2, // engine → front end, JSON {pid, build, version, number, engine}: accepted
    HOP_REFUSE = 3,  // engine → front end, JSON {code, message, build, version, number}; then the
                     // engine closes
    HOP_MESSAGE =
        4, // both: one JSON-RPC message. Front end → engine: seq counts up from 1 in each session.
           // Engine → front end: seq of the request that this finally answers, else 0
    HOP_OVERSIZE = 5, // front end → engine: head of a message over the limit; body = u64 total
                      // length, then the head
    HOP_EOF = 6, // front end → engine: the client will send no more; finish, answer, then HOP_BYE
    HOP_BYE = 7, // engine → front end: this session has ended in order; no reconnect
    HOP_DRAIN =
        8, // front end (newer build) → engine, instead of HELLO: finish and exit. JSON as HELLO.
    HOP_LEAVING = 9, // engine → front end: engine is going (drained, stopped); reconnect and replay
                     // what is open
    HOP_NOTE = 10, // engine → front end: one line for the user's stderr (UTF-8), e.g. degraded
                   // state
    HOP_STATE = 11 // engine → front end, role lsp: what the messages about one document up to `seq`
                   // come to. Body: u32 bytes of its URI, the URI, a didOpen message
};

enum hop_flags {
    HOP_REPLAY = 1, // sent once before to another engine: a write returns its recorded result
    HOP_SILENT =
        2,        // session state being rebuilt (initialize, subscriptions): process, do not answer
    HOP_TIMED = 4 // HOP_MESSAGE: before its body stands when it was read from the client,
                  // CLOCK_MONOTONIC in ns, u64 little-endian
};

struct hop_frame {
    enum hop_type type;
    unsigned flags;
    uint64_t seq;
    const char *body; // borrowed
    size_t bytes;
    uint64_t arrival_ns; // HOP_TIMED: taken off the body; else 0
};

struct hop_reader;
typedef int hop_frame_fn(void *ctx, const struct hop_frame *frame, struct err *err);
struct hop_reader *hop_reader_new(hop_frame_fn *fn, void *ctx); // NULL when out of memory
void hop_reader_free(struct hop_reader *r);
// From now on a held frame is overwritten before its memory is given back or used again.
void hop_reader_set_secret(struct hop_reader *r);
// Any split. 0, ERR_PARSE (unknown type, bad flags, no room for the time), ERR_LIMIT, ERR_NOMEM or
// what fn returned.
int hop_feed(struct hop_reader *r, const void *bytes, size_t n, struct err *err);

void hop_header(uint8_t out[HOP_HEADER_BYTES], enum hop_type type, unsigned flags, uint64_t seq,
                size_t bytes);

// HELLO body (JSON by table): what a front end says of itself.
//   {"major":1,"minor":0,"role":"mcp"|"cli"|…,"session":"<32
//   hex>","resume":bool,"pid":N,"cwd":"/…",
//    "workspace":"/…" or absent,"client":"…" or
//    absent,"version":"0.1.0","number":N,"build":"<hex>",
//    "options":{"fixtures":bool,…},"env":{"NAME":"value",…}}
