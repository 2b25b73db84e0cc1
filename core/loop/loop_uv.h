// What the files of core/loop share about libuv; nobody else includes this.
#pragma once

#include "core/loop/loop.h"

#include <uv.h>

enum { LOOP_READ_BYTES = 64 * 1024 };

// Everything open on a loop is in its list, so that loop_free can close what its owner left open.
struct loop_node {
    struct loop_node *prev, *next;
    // Releases the object without telling its owner, who may be gone by then.
    void (*abandon)(struct loop_node *node);
};

// Something to do in the next iteration; lives inside its owner, so that asking cannot fail.
struct loop_task {
    struct loop_task *prev, *next; // NULL while not waiting
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop {
    uv_loop_t uv;
    struct loop_node nodes; // head of the ring
    struct env env;
    uv_idle_t idle;         // active while there are tasks: then polling does not sleep
    struct loop_task tasks; // head of the ring
    char *read_buffer; // LOOP_READ_BYTES, shared by all streams: bytes are borrowed during a call
};

void loop_node_add(struct loop *l, struct loop_node *node, void (*abandon)(struct loop_node *));
void loop_node_remove(struct loop_node *node);

// fn and ctx are set by the owner. Posting one that waits already changes nothing.
void loop_task_post(struct loop *l, struct loop_task *task);
void loop_task_cancel(struct loop_task *task); // also when it does not wait

// Whether `w` alone is a reason to keep the loop running (it is, at first).
void loop_wake_hold(struct loop_wake *w, bool on);

// libuv's negative error as one of ours, with a message.
int loop_uv_error(struct err *err, int code, const char *what);

extern const struct env_ops env_uv_ops; // env_uv.c; `self` is the struct loop
