// Cosigning each other's audit logs: a device that is paired shows a checkpoint of its log
// (core/crypto/checkpoint.h), proves that the log it had cosigned before is the beginning of this
// one, and gets a signature. From then on that log cannot be cut or made anew without its owner's
// own paired, or whoever reads both, seeing it: a peer never cosigns less than it has cosigned.
//
// Shown are a number that names the log, how many entries it has, the tree's root (a hash) and the
// time: nothing of what the entries say. It needs pairing, no grant of a kind; whom the owner asks,
// and how often, is the owner's (server/fed_audit). docs/FEDERATION.md, "Audit". One owner thread,
// the node's. Source: c2sp.org/tlog-witness, carried by a request of ours.
#pragma once

#include "core/crypto/checkpoint.h"
#include "core/crypto/tree.h"
#include "federation/node.h"

enum {
    COSIGN_MEMORY_MAX = 10000, // devices whose logs are remembered
    COSIGN_GAP_S = 1,          // between two cosignatures of one device's log
    COSIGN_CALL_MS = 10 * 1000
};
#define COSIGN_AHEAD_MS (25 * 60 * 60 * INT64_C(1000)) // a checkpoint's time, of our clock
enum cosign_error {                                    // of JSON-RPC answers
    COSIGN_ERROR_REFUSED = -32030, // signature or proof does not hold, or its time
    COSIGN_ERROR_BUSY = -32031
};

struct cosign_kept { // a checkpoint with both signatures
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    size_t text_bytes;
    uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]; // of the log's device
    int64_t time_s;
    uint8_t cosignature[CHECKPOINT_SIGNATURE_BYTES];
};
// What was cosigned last of each device's log; durable, bounded. 1 found, 0 none, ERR_*.
struct cosign_memory {
    int (*get)(void *self, const uint8_t *device, struct cosign_kept *ret, struct err *err);
    int (*put)(void *self, const uint8_t *device, const struct cosign_kept *k, struct err *err);
    void *self;
};

struct cosign_request {
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    size_t text_bytes;
    uint8_t signature[CHECKPOINT_SIGNATURE_BYTES];
    int64_t before; // entries of the checkpoint that was cosigned last; 0: none
    struct tree_proof proof;
};
// The parameters of audit.cosign. ERR_INVAL, ERR_LIMIT, ERR_NOMEM.
int cosign_request_read(const json_t *params, struct cosign_request *ret, struct err *err);
// What a request of this device comes to. 0: to be cosigned; 1: something else was cosigned before
// than it builds on. ERR_PARSE, ERR_KEY (signature), ERR_CORRUPT (the proof: the log was
// rewritten), ERR_TIMEOUT (its time: before the last one's, or far ahead), ERR_BUSY.
int cosign_judge(const struct cosign_request *r, const uint8_t device[CHECKPOINT_KEY_BYTES],
                 const struct cosign_kept *last, int64_t now_ms, struct err *err);

// --- serving
struct cosign;
struct cosign_config {
    struct env *env;                   // borrowed
    uint8_t key[CHECKPOINT_KEY_BYTES]; // our device's
    struct cosign_memory memory;
    // By our device. ERR_PERM: it is revoked.
    int (*sign)(void *ctx, const void *bytes, size_t n, uint8_t ret[CHECKPOINT_SIGNATURE_BYTES],
                struct err *err);
    // A device's log was refused: a forged or rewritten one is to be counted and told. May be NULL.
    void (*refused)(void *ctx, const uint8_t *device, int code, const struct err *why);
    void *ctx;
};
struct cosign *cosign_new(const struct cosign_config *config); // NULL when out of memory
void cosign_free(struct cosign *c);                            // after node_stop; accepts NULL
struct node_service cosign_service(struct cosign *c);

// --- asking
// `stale`: not what was asked for, but what the other side cosigned last; begin there, or see that
// the own log has lost what it had. Verified: both signatures hold. Otherwise err says why.
typedef void cosign_fn(void *ctx, const struct cosign_kept *k, bool stale, const struct err *err);
// fn runs once, unless this fails. `own`: our device, whose log it is.
int cosign_ask(struct node_session *s, const uint8_t own[CHECKPOINT_KEY_BYTES],
               const struct cosign_request *r, cosign_fn *fn, void *ctx, struct err *err);
