#include "tests/unit/server/mcp_client.h"

#include "core/base/dirs.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/stream.h"
#include "server/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

enum { INBOX_MAX = 512 };

struct world { // one engine
    char profile[256];
    struct dirs dirs;
    struct engine_start start;
    pthread_t thread;
    int exit_code;
};

struct mcp_client {
    struct world *world;
    bool owner;
    int fd;
    struct hop_reader *reader;
    char session[33];
    uint64_t seq;
    unsigned next_id;
    struct {
        json_t *message;
        uint64_t seq;
    } inbox[INBOX_MAX], kept[INBOX_MAX];
    size_t inbox_count, kept_count;
    bool welcome, bye, closed;
    char refused[256];
};

// --- the engine

static void *engine_thread(void *ctx) {
    struct world *w = ctx;
    w->exit_code = paired_engine_main(&w->start);
    return NULL;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

const struct capability *mcp_client_more;

static struct world *world_start(const char *profile, int client_fd) {
    struct world *w = mem_zalloc(sizeof *w);
    struct err err = {0};
    assert_non_null(w);
    mem_init_json();
    if (profile) {
        snprintf(w->profile, sizeof w->profile, "%s", profile);
    } else {
        snprintf(w->profile, sizeof w->profile, "/tmp/paired-mcp-XXXXXX");
        assert_non_null(mkdtemp(w->profile));
    }
    assert_int_equal(dirs_resolve(w->profile, &w->dirs, &err), 0);
    assert_int_equal(dirs_ensure_private(w->dirs.runtime, &err), 0);
    char path[DIRS_PATH_BYTES_MAX + 16];
    snprintf(path, sizeof path, "%s/engine.lock", w->dirs.runtime);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    w->start = (struct engine_start){.dirs = &w->dirs,
                                     .ready_fd = -1,
                                     .lock_fd = lock,
                                     .client_fd = client_fd,
                                     .more = mcp_client_more};
    assert_int_equal(pthread_create(&w->thread, NULL, engine_thread, w), 0);
    return w;
}

// --- frames

static int on_frame(void *ctx, const struct hop_frame *frame, struct err *err) {
    struct mcp_client *c = ctx;
    (void)err;
    if (frame->type == HOP_WELCOME)
        c->welcome = true;
    else if (frame->type == HOP_BYE)
        c->bye = true;
    else if (frame->type == HOP_REFUSE)
        snprintf(c->refused, sizeof c->refused, "%.*s", (int)frame->bytes, frame->body);
    else if (frame->type == HOP_MESSAGE) {
        assert_true(c->inbox_count < INBOX_MAX);
        c->inbox[c->inbox_count].message =
            json_loadb(frame->body, frame->bytes, JSON_DECODE_ANY, NULL);
        assert_non_null(c->inbox[c->inbox_count].message);
        c->inbox[c->inbox_count++].seq = frame->seq;
    }
    return 0;
}

static bool receive(struct mcp_client *c, int wait_ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char bytes[65536];
    if (c->closed || poll(&p, 1, wait_ms) <= 0)
        return false;
    ssize_t n = read(c->fd, bytes, sizeof bytes);
    if (n <= 0) {
        c->closed = true;
        return false;
    }
    assert_int_equal(hop_feed(c->reader, bytes, (size_t)n, NULL), 0);
    return true;
}

// In one piece: the engine may close the connection after the first part of a frame.
static void send_frame(struct mcp_client *c, enum hop_type type, unsigned flags, uint64_t seq,
                       const char *body, size_t n) {
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, type, flags, seq, n);
    struct iovec parts[2] = {{head, sizeof head}, {(char *)(uintptr_t)body, n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t done = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    if (done != (ssize_t)(sizeof head + n)) // tests send no more than a socket holds
        fail_msg("the engine does not take a frame: %s", strerror(errno));
}

static struct mcp_client *client_new(struct world *w, int fd, const char *role, const char *session,
                                     bool fixtures) {
    struct mcp_client *c = mem_zalloc(sizeof *c);
    assert_non_null(c);
    c->world = w;
    c->fd = fd;
    c->reader = hop_reader_new(on_frame, c);
    assert_non_null(c->reader);
    uint8_t random[16];
    env_os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(c->session + 2 * i, 3, "%02x", random[i]);
    if (session)
        snprintf(c->session, sizeof c->session, "%s", session);
    json_t *hello =
        json_pack("{s:i, s:i, s:s, s:s, s:b, s:i, s:s, s:s, s:I, s:{s:b}, s:{}}", "major",
                  HOP_MAJOR, "minor", HOP_MINOR, "role", role, "session", c->session, "resume",
                  session != NULL, "pid", (int)getpid(), "workspace", "/tmp", "version", "0",
                  "number", (json_int_t)0, "options", "fixtures", fixtures, "env");
    char *text = json_dumps(hello, JSON_COMPACT);
    assert_non_null(text);
    send_frame(c, HOP_HELLO, 0, 0, text, strlen(text));
    mem_free(text);
    json_decref(hello);
    for (int waited = 0; !c->welcome && !c->closed && waited < MCP_CLIENT_WAIT_MS; waited += 10)
        (void)receive(c, 10);
    if (!c->welcome)
        fail_msg("the engine did not welcome the session: %s", c->refused);
    return c;
}

struct mcp_client *mcp_client_start(const char *profile, bool fixtures) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct world *w = world_start(profile, fds[1]);
    struct mcp_client *c = client_new(w, fds[0], "mcp", NULL, fixtures);
    c->owner = true;
    return c;
}

static int connect_to(const struct mcp_client *first) {
    char path[DIRS_PATH_BYTES_MAX + 8];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/s%d", first->world->dirs.runtime, HOP_MAJOR);
    int fd = unix_connect(path, &err);
    if (fd < 0)
        fail_msg("%s", err_text(&err));
    return fd;
}

struct mcp_client *mcp_client_join(struct mcp_client *first, const char *session, bool fixtures) {
    return client_new(first->world, connect_to(first), "mcp", session, fixtures);
}

struct mcp_client *mcp_client_join_as(struct mcp_client *first, const char *role) {
    return client_new(first->world, connect_to(first), role, NULL, false);
}

const char *mcp_client_profile(const struct mcp_client *c) {
    return c->world->profile;
}

const char *mcp_client_session(const struct mcp_client *c) {
    return c->session;
}

void mcp_client_stop(struct mcp_client *c, bool keep) {
    (void)close(c->fd);
    hop_reader_free(c->reader);
    for (size_t i = 0; i < c->inbox_count; i++)
        json_decref(c->inbox[i].message);
    for (size_t i = 0; i < c->kept_count; i++)
        json_decref(c->kept[i].message);
    if (c->owner) {
        struct world *w = c->world;
        assert_int_equal(pthread_join(w->thread, NULL), 0);
        assert_int_equal(w->exit_code, 0);
        if (!keep)
            (void)nftw(w->profile, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        mem_free(w);
    }
    mem_free(c);
}

// --- messages

void mcp_client_send(struct mcp_client *c, const char *json, unsigned flags, uint64_t seq) {
    if (seq > c->seq)
        c->seq = seq;
    send_frame(c, HOP_MESSAGE, flags, seq ? seq : ++c->seq, json, strlen(json));
}

void mcp_client_frame(struct mcp_client *c, enum hop_type type) {
    send_frame(c, type, 0, 0, "", 0);
}

json_t *mcp_client_next(struct mcp_client *c, int wait_ms, uint64_t *ret_seq) {
    uint64_t end = env_now_mono_ns() / 1000000 + (uint64_t)wait_ms;
    while (!c->inbox_count) {
        uint64_t now = env_now_mono_ns() / 1000000;
        if (now >= end || c->closed)
            return NULL;
        (void)receive(c, (int)(end - now));
    }
    json_t *message = c->inbox[0].message;
    if (ret_seq)
        *ret_seq = c->inbox[0].seq;
    memmove(c->inbox, c->inbox + 1, --c->inbox_count * sizeof *c->inbox);
    return message;
}

bool mcp_client_bye(struct mcp_client *c) {
    for (int waited = 0; !c->bye && !c->closed && waited < MCP_CLIENT_WAIT_MS; waited += 10)
        (void)receive(c, 10);
    return c->bye;
}

static void keep(struct mcp_client *c, json_t *message) {
    assert_true(c->kept_count < INBOX_MAX);
    c->kept[c->kept_count++].message = message;
}

static json_t *answer_to(struct mcp_client *c, unsigned id) {
    for (;;) {
        json_t *message = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
        if (!message)
            fail_msg("no answer to request %u", id);
        if (!json_object_get(message, "method") &&
            json_integer_value(json_object_get(message, "id")) == (json_int_t)id)
            return message;
        keep(c, message);
    }
}

json_t *mcp_client_call(struct mcp_client *c, const char *method, const char *params) {
    char *text = mem_format("{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\"%s%s}", ++c->next_id,
                            method, params ? ",\"params\":" : "", params ? params : "");
    assert_non_null(text);
    mcp_client_send(c, text, 0, 0);
    mem_free(text);
    return answer_to(c, c->next_id);
}

json_t *mcp_client_modern(struct mcp_client *c, const char *method, const char *params,
                          const char *capabilities) {
    json_t *in = json_loads(params ? params : "{}", 0, NULL);
    json_t *meta = json_object_get(in, "_meta");
    assert_non_null(in);
    if (!meta)
        assert_int_equal(json_object_set_new(in, "_meta", meta = json_object()), 0);
    (void)json_object_set_new(meta, "io.modelcontextprotocol/protocolVersion",
                              json_string("2026-07-28"));
    (void)json_object_set_new(meta, "io.modelcontextprotocol/clientCapabilities",
                              json_loads(capabilities, 0, NULL));
    char *text = json_dumps(in, JSON_COMPACT);
    json_t *answer = mcp_client_call(c, method, text);
    mem_free(text);
    json_decref(in);
    return answer;
}

json_t *mcp_client_starved(struct mcp_client *c, const char *json, uint64_t nth) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    mem_fail_at(nth);
    mcp_client_send(c, json, 0, 0); // allocates nothing here
    int ready = poll(&p, 1, MCP_CLIENT_WAIT_MS);
    mem_fail_at(0);
    if (ready <= 0)
        fail_msg("no answer when allocation %llu fails", (unsigned long long)nth);
    for (;;) {
        json_t *message = mcp_client_next(c, MCP_CLIENT_WAIT_MS, NULL);
        if (!message || !json_object_get(message, "method"))
            return message;
        json_decref(message);
    }
}

void mcp_client_initialize(struct mcp_client *c, const char *version, const char *capabilities) {
    char *params = mem_format("{\"protocolVersion\":\"%s\",\"capabilities\":%s,\"clientInfo\":"
                              "{\"name\":\"test\",\"version\":\"1\"}}",
                              version, capabilities);
    json_t *answer = mcp_client_call(c, "initialize", params);
    assert_string_equal(mcp_text(answer, "result.protocolVersion"), version);
    json_decref(answer);
    mem_free(params);
    mcp_client_send(c, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 0, 0);
}

json_t *mcp_client_kept(struct mcp_client *c, const char *method, int wait_ms) {
    uint64_t end = env_now_mono_ns() / 1000000 + (uint64_t)wait_ms;
    for (;;) {
        for (size_t i = 0; i < c->kept_count; i++) {
            json_t *message = c->kept[i].message;
            if (strcmp(mcp_text(message, "method"), method) != 0)
                continue;
            memmove(c->kept + i, c->kept + i + 1, (--c->kept_count - i) * sizeof *c->kept);
            return message;
        }
        uint64_t now = env_now_mono_ns() / 1000000;
        json_t *message = now < end ? mcp_client_next(c, (int)(end - now), NULL) : NULL;
        if (!message)
            return NULL;
        keep(c, message);
    }
}

// --- looking into answers

json_t *mcp_at(const json_t *value, const char *path) {
    char part[128];
    while (value && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(part))
                                     : json_object_get(value, part);
        path += n + (path[n] == '.');
    }
    return (json_t *)(uintptr_t)value;
}

const char *mcp_text(const json_t *value, const char *path) {
    const char *s = json_string_value(mcp_at(value, path));
    return s ? s : "";
}
