// What http_client.c (connections, the loop) and http_call.c (one request) share.
#pragma once

#include "core/models/http_client.h"
#include "core/models/http_curl.h"

enum { HTTP_IDLE_MAX = 32 };

struct http_client {
    const struct curl_api *curl;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer; // libcurl's next time-out
    struct http_watched *watched;
    struct http_call *calls; // all that run
    size_t call_count;
    CURL *idle[HTTP_IDLE_MAX]; // easy handles to be used again
    size_t idle_count;
    unsigned inside; // of libcurl: nothing may be removed now
    bool sweep;      // a call was cancelled meanwhile
};

enum http_phase { HTTP_WAITS_FOR_HEAD, HTTP_IN_BODY };

struct http_call {
    struct http_call *prev, *next;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *lines; // request headers
    struct buf body, head;    // head: lines of the answer
    struct http_events events;
    void *ctx;
    struct loop_timer *timer; // first byte, then stall
    uint64_t first_byte_ms, stall_ms;
    uint64_t heard_ns; // of the last byte
    enum http_phase phase;
    int status;
    enum http_failure gave_up; // by us
    bool paused, cancelled, too_large;
    bool proxied; // a proxy is named; it may still be passed by
    char problem[CURL_ERROR_SIZE];
};

// http_call.c
int http_call_new(struct http_client *c, const struct http_request *request,
                  const struct http_events *events, void *ctx, struct http_call **ret,
                  struct err *err);
void http_call_free(struct http_call *call);                  // not in the multi handle any more
void http_call_finish(struct http_call *call, CURLcode code); // tells, then frees

// http_client.c
// libcurl lets a connection go: as CURLOPT_CLOSESOCKETFUNCTION wants it. `ctx` is the client.
int http_client_closes(void *ctx, curl_socket_t fd);
void http_client_act(struct http_client *c, curl_socket_t fd, int what);
void http_client_remove(struct http_call *call); // from the multi handle and the list
