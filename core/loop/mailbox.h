// Bounded queue from any thread to one loop. A message moves: the receiver owns it if the post
// succeeded, the sender still does if it was refused. Messages carry plain structs, bytes and ids,
// never a handle or a json_t.
#pragma once

#include "core/base/err.h"
#include "core/loop/loop.h"

struct mailbox;
enum { MAILBOX_CAPACITY_MAX = 1 << 20 };

// On the receiving loop; called for every message, whole queue per wake-up.
typedef void mailbox_fn(void *ctx, void *message);

// `capacity` messages at most. On the receiving loop's thread.
int mailbox_new(struct loop *l, size_t capacity, mailbox_fn *fn, void *ctx, struct mailbox **ret,
                struct err *err);
// ANY thread. 0, or ERR_BUSY (full, sender keeps the message), ERR_CLOSED.
int mailbox_post(struct mailbox *m, void *message);
// On the receiving loop. Undelivered messages go to `drop` (may be NULL). Senders must be gone or
// hold a reference.
void mailbox_close(struct mailbox *m, void (*drop)(void *message));

// A sender that may outlive the receiver holds a reference: after mailbox_close its posts answer
// ERR_CLOSED. ANY thread; the memory goes with the last reference.
struct mailbox *mailbox_ref(struct mailbox *m); // returns m
void mailbox_unref(struct mailbox *m);          // accepts NULL
