#include "core/base/log.h"

#include "core/base/dirs.h"
#include "core/base/env.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static struct {
    pthread_mutex_t lock;
    char *path; // NULL: stderr
    int fd;     // -1: nothing is open, lines are dropped
    size_t bytes;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static atomic_int max_level = LOG_INFO;

int log_level_parse(const char *name, enum log_level *ret) {
    for (size_t i = 0; i < COUNT_OF(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVAL;
}

void log_set_level(enum log_level level) {
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

// A link in the place of the log would let somebody aim our writes at another file.
static int open_file(const char *path, size_t *ret_bytes) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return -EINVAL;
    }
    *ret_bytes = (size_t)st.st_size;
    return fd;
}

static void close_locked(void) {
    if (sink.fd > STDERR_FILENO)
        (void)close(sink.fd);
    mem_free(sink.path);
    sink.path = NULL;
    sink.fd = STDERR_FILENO;
    sink.bytes = 0;
}

int log_open(const char *path, enum log_level level, struct err *err) {
    char *copy = NULL;
    int fd = STDERR_FILENO;
    size_t bytes = 0;
    if (path) {
        fd = open_file(path, &bytes);
        if (fd < 0)
            return dirs_refused(err, -fd, "open the log", path);
        copy = mem_strdup(path);
        if (!copy) {
            (void)close(fd);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    (void)pthread_mutex_lock(&sink.lock);
    close_locked();
    sink.path = copy;
    sink.fd = fd;
    sink.bytes = bytes;
    (void)pthread_mutex_unlock(&sink.lock);
    log_set_level(level);
    return 0;
}

void log_close(void) {
    (void)pthread_mutex_lock(&sink.lock);
    close_locked();
    (void)pthread_mutex_unlock(&sink.lock);
}

static int reopen_locked(void) {
    size_t bytes = 0;
    int fd = open_file(sink.path, &bytes);
    if (fd < 0)
        return fd;
    if (sink.fd > STDERR_FILENO)
        (void)close(sink.fd);
    sink.fd = fd;
    sink.bytes = bytes;
    return 0;
}

int log_reopen(void) {
    int r = 0;
    (void)pthread_mutex_lock(&sink.lock);
    if (sink.path && reopen_locked() < 0)
        r = ERR_IO;
    (void)pthread_mutex_unlock(&sink.lock);
    return r;
}

// log → log.1 → log.2 …: the oldest falls off the end. When nothing can be renamed the file goes on
// growing no further: lines are dropped until it can.
static bool rotate_locked(void) {
    char from[1088];
    char to[1088];
    for (int i = LOG_FILES_MAX - 1; i > 0; i--) {
        if (i == 1)
            (void)snprintf(from, sizeof from, "%s", sink.path);
        else
            (void)snprintf(from, sizeof from, "%s.%d", sink.path, i - 1);
        (void)snprintf(to, sizeof to, "%s.%d", sink.path, i);
        if (rename(from, to) < 0 && i == 1)
            return false;
    }
    return reopen_locked() == 0;
}

static size_t put_time(char *out, size_t max) {
    int64_t ms = env_now_wall_ms();
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(out, max, "%Y-%m-%dT%H:%M:%S", &tm);
    int more = snprintf(out + n, max - n, ".%03dZ", (int)(ms % 1000));
    return more > 0 ? n + (size_t)more : n;
}

// Copies text, writing control characters as \xNN. Returns bytes written, always < max.
static size_t put_escaped(char *out, size_t max, const char *text) {
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && n + 5 < max; p++) {
        if (*p >= 0x20 && *p != 0x7F) {
            out[n++] = (char)*p;
            continue;
        }
        (void)snprintf(out + n, 5, "\\x%02x", *p);
        n += 4;
    }
    return n;
}

static void write_locked(const char *line, size_t n) {
    if (sink.path) {
        if (sink.bytes + n > LOG_FILE_BYTES_MAX && !rotate_locked())
            return;
        sink.bytes += n;
    }
    if (sink.fd >= 0) {
        // One write per line, so that lines of several processes do not mix. What does not fit on
        // the disk is lost, which is what this log promises.
        ssize_t ignored = write(sink.fd, line, n);
        (void)ignored;
    }
}

void log_line(enum log_level level, const char *module, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    int saved = errno;
    char text[LOG_LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    char line[LOG_LINE_BYTES_MAX];
    size_t n = put_time(line, sizeof line);
    int head = snprintf(line + n, sizeof line - n, " %s %.32s[%d] ", level_names[level], module,
                        (int)getpid());
    n += head > 0 ? (size_t)head : 0;
    n += put_escaped(line + n, sizeof line - n - 1, text);
    line[n++] = '\n';

    (void)pthread_mutex_lock(&sink.lock);
    write_locked(line, n);
    (void)pthread_mutex_unlock(&sink.lock);
    errno = saved;
}
