// Error results: every function that can fail returns 0 or a negative ERR_* code and, where it
// takes a `struct err *`, fills it on failure with one sentence a user can read (what failed, and
// what to do). `struct err *` may always be NULL. Any thread; the object has one owner.
#pragma once

#include <stddef.h>

enum err_code {
    ERR_OK = 0,
    ERR_NOMEM = -1,       // out of memory
    ERR_INVAL = -2,       // an argument or a value is not acceptable
    ERR_PARSE = -3,       // foreign bytes do not follow their grammar
    ERR_LIMIT = -4,       // a documented maximum was exceeded
    ERR_NOT_FOUND = -5,   // no such thing
    ERR_EXISTS = -6,      // it is there already
    ERR_IO = -7,          // reading or writing failed
    ERR_FULL = -8,        // no space left on the device, or quota
    ERR_PERM = -9,        // not permitted by the system, or by the user's settings
    ERR_BUSY = -10,       // somebody else holds it; may be tried again
    ERR_TIMEOUT = -11,    // the deadline passed
    ERR_CANCELLED = -12,  // the caller asked to stop
    ERR_CLOSED = -13,     // the other side is gone
    ERR_CORRUPT = -14,    // stored bytes fail their authentication or their structure
    ERR_LOCKED = -15,     // the store is locked: a passphrase or another factor is needed
    ERR_KEY = -16,        // wrong key, passphrase or recovery code
    ERR_VERSION = -17,    // made by a newer, or a too old, version
    ERR_UNSUPPORTED = -18 // not available on this system or in this build
};

enum { ERR_MESSAGE_BYTES_MAX = 512 };

struct err {
    int code;                            // 0 or ERR_*
    char message[ERR_MESSAGE_BYTES_MAX]; // UTF-8: what is not was replaced by question marks
};

// Fills *err (may be NULL) and returns `code`, so that `return err_set(err, ERR_INVAL, "…")` reads
// well.
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Same for a failed system call: maps errno to a code (ENOSPC → ERR_FULL, EACCES → ERR_PERM …) and
// appends its text. `errnum` is positive.
int err_errno(struct err *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Puts `prefix: ` in front of the message that is already there; returns the code unchanged.
int err_context(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// "not-found", "limit" …: stable, for machines (JSON output, logs). Never NULL.
const char *err_name(int code);

// The message, or the code's own text when the message is empty. Never NULL; borrows.
const char *err_text(const struct err *err);
