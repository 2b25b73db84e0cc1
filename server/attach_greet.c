#include "core/base/buf.h"
#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "protocol/hop.h"
#include "server/attach_start.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELLO_BYTES_MAX = 64 * 1024, VALUE_BYTES_MAX = 4096, DRAIN_MS = 7000 };

// What a session's face may know of its client's environment. Nothing secret belongs here.
static const char *const session_variables[] = {"CLAUDE_PROJECT_DIR", "LANG",      "LC_ALL",
                                                "LC_MESSAGES",        "TZ",        "NO_COLOR",
                                                "TERM_PROGRAM",       "CLAUDECODE"};

void attach_new_session(char out[ATTACH_SESSION_BYTES]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char random[(ATTACH_SESSION_BYTES - 1) / 2];
    env_os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        out[2 * i] = hex[random[i] >> 4];
        out[2 * i + 1] = hex[random[i] & 15];
    }
    out[ATTACH_SESSION_BYTES - 1] = '\0';
}

static bool is_repository(const char *dir) {
    char path[DIRS_PATH_BYTES_MAX + 8];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/.git", dir);
    return stat(path, &st) == 0; // a file in linked work trees
}

static bool resolve_folder(const char *path, char out[DIRS_PATH_BYTES_MAX]) {
    char *real = path && path[0] ? realpath(path, NULL) : NULL;
    struct stat st;
    bool ok =
        real && strlen(real) < DIRS_PATH_BYTES_MAX && stat(real, &st) == 0 && S_ISDIR(st.st_mode);
    if (ok)
        memcpy(out, real, strlen(real) + 1);
    free(real); // of libc, not of mem_*
    return ok;
}

bool attach_workspace(const char *option, char out[DIRS_PATH_BYTES_MAX]) {
    char cwd[DIRS_PATH_BYTES_MAX];
    char home[DIRS_PATH_BYTES_MAX] = "";
    // Named or not, a folder inside a repository is that repository: a tool that was started in a
    // subfolder and one that names it share their notes.
    bool named = resolve_folder(option, cwd) || resolve_folder(getenv("PAIRED_WORKSPACE"), cwd) ||
                 resolve_folder(getenv("CLAUDE_PROJECT_DIR"), cwd);
    if (!named && !resolve_folder(".", cwd))
        return false;
    (void)resolve_folder(getenv("HOME"), home);
    // A repository of dotfiles in the home is not what its subfolders are about.
    char *end = cwd + strlen(cwd);
    memcpy(out, cwd, sizeof cwd);
    while (strcmp(out, home) != 0 && out[1]) {
        if (is_repository(out))
            return true;
        char *slash = strrchr(out, '/');
        out[slash == out ? 1 : slash - out] = '\0';
    }
    memcpy(out, cwd, (size_t)(end - cwd) + 1);
    return named || (strcmp(cwd, home) != 0 && cwd[1]);
}

static void put_member(struct buf *b, const char *name, const char *value) {
    (void)buf_printf(b, ",\"%s\":", name);
    (void)buf_put_json_string(b, value, strlen(value));
}

static int make_hello(const struct attach_config *config, struct buf *b, struct err *err) {
    char cwd[DIRS_PATH_BYTES_MAX];
    (void)buf_printf(b, "{\"major\":%d,\"minor\":%d,\"resume\":%s,\"pid\":%ld,\"number\":%lld",
                     HOP_MAJOR, HOP_MINOR, config->resume ? "true" : "false", (long)getpid(),
                     (long long)paired_build_number);
    put_member(b, "role", config->role);
    put_member(b, "session", config->session);
    put_member(b, "version", paired_version);
    put_member(b, "build", paired_build_id);
    put_member(b, "cwd", getcwd(cwd, sizeof cwd) ? cwd : "/");
    if (config->workspace)
        put_member(b, "workspace", config->workspace);
    if (config->client)
        put_member(b, "client", config->client);
    if (config->options)
        (void)buf_printf(b, ",\"options\":%s", config->options);
    (void)buf_puts(b, ",\"env\":{");
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(session_variables); i++) {
        const char *value = getenv(session_variables[i]);
        if (!value || strlen(value) > VALUE_BYTES_MAX)
            continue;
        (void)buf_printf(b, "%s\"%s\":", first ? "" : ",", session_variables[i]);
        (void)buf_put_json_string(b, value, strlen(value));
        first = false;
    }
    (void)buf_puts(b, "}}");
    return b->failed ? err_set(err, ERR_LIMIT, "the greeting to the engine is too long") : 0;
}

static int send_frame(const struct attach *a, int fd, enum hop_type type, const struct buf *body,
                      struct err *err) {
    AUTO_BUF frame = BUF_INIT(0);
    uint8_t head[HOP_HEADER_BYTES];
    hop_header(head, type, 0, 0, body->len);
    if (buf_append(&frame, head, sizeof head) < 0 || buf_append(&frame, body->data, body->len) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t sent = 0; sent < frame.len;) {
        ssize_t n = send(fd, frame.data + sent, frame.len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return err_set(err, ERR_CLOSED, "the engine closed the connection");
        int r = attach_wait(a, fd, POLLOUT, a->deadline_ns, err);
        if (r <= 0)
            return r < 0 ? r : err_set(err, ERR_TIMEOUT, "the engine does not read");
    }
    return 0;
}

static void copy_text(char *out, size_t max, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(out, max, "%s", text ? text : "");
}

struct greeting {
    struct attach_result *result;
    bool complete;
};

static int on_welcome(struct greeting *g, const json_t *body, struct err *err) {
    struct attach_result *r = g->result;
    r->pid = json_integer_value(json_object_get(body, "pid"));
    r->number = json_integer_value(json_object_get(body, "number"));
    copy_text(r->version, sizeof r->version, body, "version");
    copy_text(r->build, sizeof r->build, body, "build");
    copy_text(r->engine, sizeof r->engine, body, "engine");
    return r->pid > 0 ? 0 : err_set(err, ERR_PARSE, "the engine's greeting is not understood");
}

static int on_refuse(const json_t *body, struct err *err) {
    const char *code = json_string_value(json_object_get(body, "code"));
    const char *message = json_string_value(json_object_get(body, "message"));
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"leaving", ERR_BUSY},     {"full", ERR_LIMIT},    {"version", ERR_VERSION},
                 {"role", ERR_UNSUPPORTED}, {"invalid", ERR_INVAL}, {"perm", ERR_PERM}};
    int r = ERR_IO;
    for (size_t i = 0; code && i < COUNT_OF(codes); i++)
        if (strcmp(codes[i].name, code) == 0)
            r = codes[i].code;
    return err_set(err, r, "%s", message ? message : "the engine refused this session");
}

static int on_frame(void *ctx, const struct hop_frame *frame, struct err *err) {
    struct greeting *g = ctx;
    g->complete = true;
    if (frame->type == HOP_LEAVING)
        return err_set(err, ERR_BUSY, "the engine is ending");
    json_t *body = json_loadb(frame->body, frame->bytes, 0, NULL);
    int r;
    if (!body)
        r = err_set(err, ERR_PARSE, "the engine's greeting is not understood");
    else if (frame->type == HOP_WELCOME)
        r = on_welcome(g, body, err);
    else if (frame->type == HOP_REFUSE)
        r = on_refuse(body, err);
    else
        r = err_set(err, ERR_PARSE, "the engine answered the greeting with a frame of type %d",
                    (int)frame->type);
    json_decref(body);
    return r;
}

// Feeds what has arrived until the first frame is complete, and takes no byte of the next one from
// the socket: that belongs to whoever gets the connection.
static int take_first_frame(int fd, struct hop_reader *reader, struct greeting *g,
                            struct err *err) {
    char bytes[4096];
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got <= 0)
        return err_set(err, ERR_CLOSED, "the engine closed the connection");
    size_t used = 0;
    int r = 0;
    while (r == 0 && used < (size_t)got && !g->complete)
        r = hop_feed(reader, bytes + used++, 1, err);
    // It was there a moment ago and nobody else reads it.
    ssize_t taken = recv(fd, bytes, used, MSG_DONTWAIT);
    if (r == 0 && taken != (ssize_t)used)
        return err_set(err, ERR_CLOSED, "the engine closed the connection");
    return r;
}

int attach_greet(const struct attach *a, int fd, struct attach_result *ret, struct err *err) {
    AUTO_BUF hello = BUF_INIT(HELLO_BYTES_MAX);
    int r = make_hello(a->config, &hello, err);
    if (r < 0 || (r = send_frame(a, fd, HOP_HELLO, &hello, err)) < 0)
        return r;
    struct attach_result found = {.fd = fd};
    struct greeting g = {.result = &found};
    struct hop_reader *reader = hop_reader_new(on_frame, &g);
    if (!reader)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (r == 0 && !g.complete) {
        r = attach_wait(a, fd, POLLIN, a->deadline_ns, err);
        if (r > 0)
            r = take_first_frame(fd, reader, &g, err);
        else if (r == 0)
            r = err_set(err, ERR_TIMEOUT, "the engine does not answer: see `paired doctor`");
    }
    hop_reader_free(reader);
    if (r == 0)
        *ret = found;
    return r;
}

int attach_drain(const struct attach *a, int fd, struct err *err) {
    AUTO_BUF hello = BUF_INIT(HELLO_BYTES_MAX);
    int r = make_hello(a->config, &hello, err);
    if (r < 0)
        return r;
    r = send_frame(a, fd, HOP_DRAIN, &hello, err);
    uint64_t until = env_now_mono_ns() + (uint64_t)DRAIN_MS * 1000000;
    while (r == 0) {
        char rest[4096];
        r = attach_wait(a, fd, POLLIN, until, err);
        if (r == 0)
            return err_set(err, ERR_TIMEOUT, "the older engine did not end in time");
        if (r < 0)
            break;
        ssize_t n = recv(fd, rest, sizeof rest, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return 0; // gone
        r = 0;
    }
    return r == ERR_CLOSED ? 0 : r;
}
