// What a front end would have to tell another engine if this one ended: the requests that are not
// answered yet, and the few messages that make a session what it is (MCP before 2026-07-28:
// initialize, notifications/initialized, logging/setLevel, resources/subscribe; LSP: initialize,
// initialized, folders, configuration, trace, the open documents). Bounded. No I/O.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "protocol/hop.h"
#include "protocol/jsonrpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_REQUESTS_MAX = 1024,
    JOURNAL_BYTES_MAX = 64 * 1024 * 1024,
    JOURNAL_STATE_MAX = 1024,
    JOURNAL_STATE_BYTES_MAX = 4 * 1024 * 1024,
    JOURNAL_DEATHS_MAX = 3 // engines that a request may take with it
};

struct journal;

struct journal *journal_new(void); // of MCP; NULL when out of memory
struct journal *journal_new_lsp(void);
struct journal *journal_new_acp(void);
void journal_free(struct journal *j);

// One message of the client, before it is sent. seq counts up. On failure (ERR_NOMEM, ERR_LIMIT)
// nothing is kept; an answer for it, if it needs one, is appended to `refusal`.
int journal_add(struct journal *j, uint64_t seq, const char *body, size_t n, struct buf *refusal);
// The same for a message that has been read: `m`, or NULL: it is faulty.
int journal_add_read(struct journal *j, uint64_t seq, const char *body, size_t n,
                     const struct jsonrpc_message *m, struct buf *refusal);
// The same for a large message of an editor that has been sent already. true: its head says that
// it is of a document, and it was kept (its memory taken) or could not be, and nothing else is to
// be done. false: it must be read.
bool journal_add_large(struct journal *j, uint64_t seq, struct buf *body);
int journal_add_oversize(struct journal *j, uint64_t seq, const char *head, size_t n, size_t total,
                         struct buf *refusal);
void journal_answered(struct journal *j, uint64_t seq);
// HOP_STATE: ERR_PARSE.
int journal_document_state(struct journal *j, uint64_t seq, const char *body, size_t n,
                           struct err *err);

bool journal_full(const struct journal *j);   // read no more from the client
size_t journal_open(const struct journal *j); // requests without answer, except subscriptions

// Hands on everything for a new engine, in order. A negative return of fn stops it.
typedef int journal_replay_fn(void *ctx, enum hop_type type, unsigned flags, uint64_t seq,
                              const char *body, size_t n, size_t total);
int journal_replay(struct journal *j, journal_replay_fn *fn, void *ctx);
// What was added last has been sent to the present engine.
void journal_mark_sent(struct journal *j);

// The engine is gone. What was in the hands of one that crashed for the JOURNAL_DEATHS_MAXth time
// is given up: fn gets its answer, an error that says so.
typedef void journal_answer_fn(void *ctx, const char *json, size_t n);
void journal_engine_left(struct journal *j, bool crashed, journal_answer_fn *fn, void *ctx);
// Answers everything that waits with an error of this text.
void journal_fail_all(struct journal *j, const char *text, journal_answer_fn *fn, void *ctx);
