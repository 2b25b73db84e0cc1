// A small HTTP/1.1 server for programs on this machine: the local gateway to model backends. Bound
// to a loopback address only. One request of a connection at a time; what a client sends ahead
// waits. A handler gets a request once its body is whole. Loop thread only.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/loop/loop.h"
#include "core/models/http_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_CONNECTIONS_MAX = 256,
    HTTP_SERVER_BODY_BYTES_MAX = 32 << 20,
    HTTP_IDLE_SECONDS = 120,  // a connection between requests
    HTTP_SLOW_SECONDS = 60,   // a request that does not arrive
    HTTP_HIGH_WATER = 1 << 20 // of an answer that the client does not read
};

struct http_server;
struct http_exchange; // one request and its answer; valid until answered or `gone`

struct http_server_events {
    // The head of a request whose body is still to come: 0 to go on, else the status and *ret_why
    // that it is refused with, before its body takes memory. May be NULL.
    int (*head)(void *ctx, const struct http_head *head, const char **ret_why);
    // A whole request. `head` and `body` are borrowed until the answer has ended or `gone`; the
    // body may be taken (leave an empty buffer). Answer now or later.
    void (*request)(void *ctx, struct http_exchange *x, const struct http_head *head,
                    struct buf *body);
    // The client went away before its answer had ended; `x` is gone after the call. Called only for
    // exchanges with http_set_owner.
    void (*gone)(void *owner);
    // All of the answer so far is written, after http_body had said 1.
    void (*drained)(void *owner);
};

// Listens at `port` (0: any) of 127.0.0.1. ERR_EXISTS: the port is taken.
int http_server_new(struct loop *l, uint16_t port, const struct http_server_events *events,
                    void *ctx, struct http_server **ret, struct err *err);
void http_server_free(struct http_server *s); // closes connections without telling; accepts NULL
uint16_t http_server_port(const struct http_server *s);
size_t http_server_connections(const struct http_server *s);

void http_set_owner(struct http_exchange *x, void *owner); // NULL: told nothing any more

// A whole answer.
int http_respond(struct http_exchange *x, int status, const struct http_header *headers,
                 size_t count, const char *body, size_t n);
// An answer in pieces; `length` -1: not known, sent in chunks. Pieces leave when the callbacks of
// the loop's turn are over, those of one turn as one. HTTP_LENGTH_HELD: the end comes within this
// turn, so the length will be known then (or, over 512 KB, will not).
enum { HTTP_LENGTH_HELD = -2 };
int http_begin(struct http_exchange *x, int status, const struct http_header *headers, size_t count,
               int64_t length);
// 0; 1: taken, but much is waiting: pause until `drained`; ERR_CLOSED, ERR_LIMIT, ERR_NOMEM.
int http_body(struct http_exchange *x, const char *bytes, size_t n);
int http_end(struct http_exchange *x);
void http_abort(struct http_exchange *x); // closes the connection: the client sees a cut answer
