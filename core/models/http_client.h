// HTTP requests to model backends, on the loop: libcurl's multi interface. libcurl is loaded when
// the first client is made, not before: a machine without backends never pays for it. Keys are
// given per request and wiped with it. Redirects are not followed, cookies not kept; a proxy is
// used only as the environment names it. Loop thread only.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_CALLS_MAX = 256,            // at once
    HTTP_BODY_BYTES_MAX = 64 << 20,  // of a request
    HTTP_HEADER_BYTES_MAX = 64 << 10 // of an answer, all together
};

struct http_client;
// ERR_NOT_FOUND with what to install when libcurl is missing.
int http_client_new(struct loop *l, struct http_client **ret, struct err *err);
void http_client_free(struct http_client *c); // cancels what runs without telling; accepts NULL

enum http_failure { // why there is no whole answer
    HTTP_OK,
    HTTP_DNS,
    HTTP_CONNECT, // refused, unreachable
    HTTP_TLS,
    HTTP_PROXY,
    HTTP_TIMEOUT, // no connection or no first byte in time
    HTTP_STALL,   // an answer that stopped coming
    HTTP_RESET,   // cut before its end
    HTTP_PROTOCOL // not HTTP, or too large
};

struct http_header {
    const char *name, *value; // terminated
};
struct http_request {
    const char *method, *url;
    const struct http_header *headers; // copied, wiped afterwards
    size_t header_count;
    struct buf body;                              // taken when http_start succeeds
    unsigned connect_ms, first_byte_ms, stall_ms; // 0: 10 s, 10 min, 2 min
    const char *ca_file;                          // NULL: the system's
    const char *proxy, *no_proxy;                 // as the environment has them; NULL: none
};
struct http_answer {
    int status; // 0: none came
    bool whole;
    enum http_failure failure;
    const char *message; // what happened and what to do; "" when whole
    bool connected;      // the request may have reached the backend
};
struct http_events {
    // Once, before the body; header values borrowed during the call.
    void (*head)(void *ctx, int status, const struct http_header *headers, size_t n);
    void (*data)(void *ctx, const char *bytes, size_t n);      // borrowed; may call http_pause
    void (*done)(void *ctx, const struct http_answer *answer); // the last call
};

struct http_call;
// No callback within the call. ERR_INVAL (URL), ERR_BUSY (too many), ERR_NOMEM.
int http_start(struct http_client *c, const struct http_request *request,
               const struct http_events *events, void *ctx, struct http_call **ret,
               struct err *err);
// No more callbacks, also when called within one. The pointer is gone after `done` and after this.
void http_cancel(struct http_call *call);
void http_pause(struct http_call *call, bool on); // back-pressure
