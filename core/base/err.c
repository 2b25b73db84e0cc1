#include "core/base/err.h"

#include "core/base/utf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
    const char *text;
} names[] = {
    {ERR_OK, "ok", "no error"},
    {ERR_NOMEM, "no-memory", "out of memory"},
    {ERR_INVAL, "invalid", "a value is not acceptable"},
    {ERR_PARSE, "parse", "the input does not follow its format"},
    {ERR_LIMIT, "limit", "a maximum was exceeded"},
    {ERR_NOT_FOUND, "not-found", "not found"},
    {ERR_EXISTS, "exists", "it exists already"},
    {ERR_IO, "io", "reading or writing failed"},
    {ERR_FULL, "disk-full", "no space left on the device"},
    {ERR_PERM, "permission", "permission denied"},
    {ERR_BUSY, "busy", "busy, try again"},
    {ERR_TIMEOUT, "timeout", "the time limit passed"},
    {ERR_CANCELLED, "cancelled", "cancelled"},
    {ERR_CLOSED, "closed", "the other side closed the connection"},
    {ERR_CORRUPT, "corrupt", "stored data is damaged"},
    {ERR_LOCKED, "locked", "the store is locked"},
    {ERR_KEY, "wrong-key", "wrong key or passphrase"},
    {ERR_VERSION, "version", "made by another version"},
    {ERR_UNSUPPORTED, "unsupported", "not supported here"},
};

static int errno_code(int errnum) {
    switch (errnum) {
    case ENOMEM:
        return ERR_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERM;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EAGAIN:
    case EBUSY:
        return ERR_BUSY;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case ECANCELED:
        return ERR_CANCELLED;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
        return ERR_CLOSED;
    case EINVAL:
    case ENAMETOOLONG:
        return ERR_INVAL;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    case ENOSYS:
    case ENOTSUP:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

// Messages end in JSON answers, and paths in them need not be UTF-8, nor the place where they were
// cut.
static void make_utf8(char *s) {
    size_t left = strlen(s);
    while (left) {
        size_t step = utf_sequence_bytes(s, left);
        if (!step)
            *s = '?';
        s += step ? step : 1;
        left -= step ? step : 1;
    }
}

int err_set(struct err *err, int code, const char *format, ...) {
    if (!err)
        return code;
    err->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_utf8(err->message);
    return code;
}

int err_errno(struct err *err, int errnum, const char *format, ...) {
    int code = errno_code(errnum);
    if (!err)
        return code;
    err->code = code;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message) {
        char text[128];
        // GNU strerror_r: returns the text, which need not be in the buffer.
        (void)snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s",
                       strerror_r(errnum, text, sizeof text));
    }
    make_utf8(err->message);
    return code;
}

int err_context(struct err *err, int code, const char *format, ...) {
    if (!err)
        return code;
    char old[ERR_MESSAGE_BYTES_MAX];
    (void)snprintf(old, sizeof old, "%s", err_text(err));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message)
        (void)snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", old);
    make_utf8(err->message);
    err->code = code;
    return code;
}

const char *err_name(int code) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == code)
            return names[i].name;
    return "unknown";
}

const char *err_text(const struct err *err) {
    if (!err)
        return "no error";
    if (err->message[0])
        return err->message;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == err->code)
            return names[i].text;
    return "unknown error";
}
