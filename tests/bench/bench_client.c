#include "tests/bench/bench_client.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS_MAX = 20 * 1000, LINE_BYTES = 256 * 1024 };
extern char **environ;

uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void give_up(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *must_alloc(size_t n) {
    void *p = malloc(n);
    if (!p)
        give_up("out of memory");
    return p;
}

// --- one server

void client_spawn(struct client *c, char *const *argv) {
    int in[2], out[2];
    posix_spawn_file_actions_t actions;
    *c = (struct client){.cap = LINE_BYTES, .buffer = must_alloc(LINE_BYTES)};
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        give_up("no pipes: %s", strerror(errno));
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    if (!getenv("BENCH_VERBOSE"))
        (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int e = posix_spawnp(&c->pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (e)
        give_up("cannot start %s: %s", argv[0], strerror(e));
    (void)close(in[0]);
    (void)close(out[1]);
    c->in = in[1];
    c->out = out[0];
}

static void send_all(struct client *c, const char *bytes, size_t n) {
    while (n) {
        ssize_t sent = write(c->in, bytes, n);
        if (sent < 0 && errno != EAGAIN)
            give_up("the server no longer reads: %s", strerror(errno));
        if (sent < 0) { // only in a flood: make room by reading
            struct pollfd wait = {.fd = c->in, .events = POLLOUT};
            (void)poll(&wait, 1, ANSWER_MS_MAX);
            continue;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void read_more(struct client *c) {
    if (c->at) {
        memmove(c->buffer, c->buffer + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    if (c->len + 1 >= c->cap) {
        c->cap *= 2;
        c->buffer = realloc(c->buffer, c->cap);
        if (!c->buffer)
            give_up("out of memory");
    }
    struct pollfd wait = {.fd = c->out, .events = POLLIN};
    if (poll(&wait, 1, ANSWER_MS_MAX) != 1)
        give_up("no answer within %d s", ANSWER_MS_MAX / 1000);
    ssize_t n = read(c->out, c->buffer + c->len, c->cap - c->len - 1);
    if (n <= 0)
        give_up("the server ended its output");
    c->len += (size_t)n;
}

// The next answer that has come already, without its line end, or NULL; notifications are passed
// over.
static char *have_answer(struct client *c) {
    for (;;) {
        char *line = c->buffer + c->at, *end = memchr(line, '\n', c->len - c->at);
        if (!end)
            return NULL;
        *end = '\0';
        c->at += (size_t)(end - line) + 1;
        if (strstr(line, "\"id\":"))
            return line;
    }
}

static char *next_answer(struct client *c) {
    char *line;
    while (!(line = have_answer(c)))
        read_more(c);
    return line;
}

static void check_answer(const char *line, const char *method) {
    if (strstr(line, "\"error\":{") || strstr(line, "\"isError\":true"))
        give_up("%s failed: %.400s", method, line);
}

static size_t put_request(char *out, size_t max, long id, const char *method, const char *params) {
    int n = snprintf(out, max, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"%s\",\"params\":%s}\n",
                     id, method, params);
    if (n < 0 || (size_t)n >= max)
        give_up("a request is too long");
    return (size_t)n;
}

const char *client_call(struct client *c, const char *method, const char *params) {
    char request[8192];
    send_all(c, request, put_request(request, sizeof request, ++c->next_id, method, params));
    const char *line = next_answer(c);
    check_answer(line, method);
    return line;
}

void client_notify(struct client *c, const char *method) {
    char line[256];
    int n = snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}\n", method);
    send_all(c, line, (size_t)n);
}

const char *client_initialize(struct client *c) {
    return client_call(c, "initialize",
                       "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                       "\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}");
}

void client_flood(struct client *c, const char *method, client_make_fn *make, void *ctx,
                  size_t total, size_t depth) {
    size_t sent = 0, done = 0, cap = 64 * 8192, len = 0;
    char *out = must_alloc(cap), params[4096];
    while (done < total) {
        for (; sent < total && sent - done < depth && len + 8192 < cap; sent++) {
            params[make(ctx, sent, params, sizeof params - 1)] = '\0';
            len += put_request(out + len, cap - len, ++c->next_id, method, params);
        }
        send_all(c, out, len);
        len = 0;
        // Whatever has come, then refill at once.
        for (const char *line = next_answer(c); line; line = have_answer(c), done++)
            check_answer(line, method);
    }
    free(out);
}

uint64_t client_end(struct client *c, int signum, int *ret_status) {
    uint64_t began = now_ns();
    if (signum)
        (void)kill(c->pid, signum);
    else
        (void)close(c->in);
    int pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0 || poll(&wait, 1, ANSWER_MS_MAX) != 1)
        give_up("the server does not end");
    uint64_t took = now_ns() - began;
    (void)close(pidfd);
    (void)waitpid(c->pid, ret_status, 0);
    if (signum)
        (void)close(c->in);
    (void)close(c->out);
    free(c->buffer);
    *c = (struct client){0};
    return took;
}

// --- figures

void samples_new(struct samples *s, size_t max) {
    *s = (struct samples){.ns = must_alloc(max * sizeof *s->ns)};
}

void samples_add(struct samples *s, uint64_t ns) {
    s->ns[s->count++] = ns;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

double samples_us(struct samples *s, double quantile) {
    if (!s->count)
        return 0;
    qsort(s->ns, s->count, sizeof *s->ns, by_size);
    size_t i = (size_t)(quantile * (double)s->count);
    return (double)s->ns[i < s->count ? i : s->count - 1] / 1000;
}

void samples_free(struct samples *s) {
    free(s->ns);
    *s = (struct samples){0};
}

static size_t read_proc(pid_t pid, const char *name, char *out, size_t max) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, max - 1);
    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

long rss_kb(pid_t pid) {
    char text[4096];
    long kb = 0;
    (void)read_proc(pid, "status", text, sizeof text);
    const char *at = strstr(text, "VmRSS:");
    if (at)
        (void)sscanf(at, "VmRSS: %ld", &kb);
    return kb;
}

uint64_t cpu_ns(pid_t pid) {
    char path[64], text[128];
    uint64_t sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        (void)snprintf(path, sizeof path, "task/%.20s/schedstat", e->d_name);
        if (e->d_name[0] != '.' && read_proc(pid, path, text, sizeof text))
            sum += strtoull(text, NULL, 10);
    }
    if (d)
        (void)closedir(d);
    return sum;
}

static bool serves(pid_t pid, const char *profile) {
    static char text[64 * 1024];
    size_t n = read_proc(pid, "cmdline", text, sizeof text);
    bool engine = false, named = false;
    for (const char *p = text; p < text + n; p += strlen(p) + 1) {
        engine |= strcmp(p, "engine") == 0;
        named |= strstr(p, profile) != NULL;
    }
    if (!engine)
        return false;
    n = read_proc(pid, "environ", text, sizeof text);
    return named || memmem(text, n, profile, strlen(profile)) != NULL;
}

pid_t find_engine(const char *profile) {
    DIR *d = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
        if (pid > 0 && serves(pid, profile))
            found = pid;
    }
    if (d)
        (void)closedir(d);
    return found;
}

void stop_engine(const char *profile) {
    pid_t pid = find_engine(profile);
    if (!pid)
        return;
    (void)kill(pid, SIGTERM);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && poll(&wait, 1, ANSWER_MS_MAX) != 1)
        give_up("the engine does not end");
    if (pidfd >= 0)
        (void)close(pidfd);
}
