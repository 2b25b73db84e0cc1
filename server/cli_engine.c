#include "server/cli_engine.h"

#include "core/base/buf.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "protocol/hop.h"
#include "server/cli_print.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENGINES_MAX = 3,
    READ_BYTES = 64 * 1024,
    SECRET_BYTES = 16 * 1024 // room for any passphrase from the beginning: growing leaves copies
};
static const uint64_t NS_PER_MS = 1000000;

struct cli_engine {
    struct attach_config config;
    struct attach_result attached;
    char session[ATTACH_SESSION_BYTES];
    char workspace[DIRS_PATH_BYTES_MAX];
    struct hop_reader *reader;
    uint64_t seq;
    json_t *answer; // of the call that is being waited for
    bool leaving;   // the engine says goodbye
    bool progress;  // a progress line stands on the terminal
    bool quiet;
};

static void on_notification(struct cli_engine *e, const json_t *message) {
    const json_t *p = json_object_get(message, "params");
    double done = json_number_value(json_object_get(p, "done"));
    double total = json_number_value(json_object_get(p, "total"));
    const char *text = json_string_value(json_object_get(p, "message"));
    if (e->quiet || !isatty(STDERR_FILENO))
        return;
    cli_say("\r\x1b[K");
    if (total > 0)
        cli_say("%3.0f %% ", 100 * done / total);
    cli_say_text(text ? text : "");
    e->progress = true;
}

static int on_frame(void *ctx, const struct hop_frame *frame, struct err *err) {
    struct cli_engine *e = ctx;
    if (frame->type == HOP_NOTE)
        cli_note("%.*s", (int)frame->bytes, frame->body);
    if (frame->type == HOP_LEAVING || frame->type == HOP_BYE)
        e->leaving = true;
    if (frame->type != HOP_MESSAGE)
        return 0;
    json_t *message = json_loadb(frame->body, frame->bytes, 0, NULL);
    if (!message)
        return err_set(err, ERR_PARSE, "the engine's answer is not understood");
    if (json_object_get(message, "method")) {
        on_notification(e, message);
        json_decref(message);
    } else if (json_integer_value(json_object_get(message, "id")) == (json_int_t)e->seq) {
        json_decref(e->answer);
        e->answer = message;
    } else {
        json_decref(message);
    }
    return 0;
}

static int attach(struct cli_engine *e, struct err *err) {
    int r = attach_connect(&e->config, &e->attached, err);
    if (r < 0) {
        e->attached.fd = -1;
        return r;
    }
    hop_reader_free(e->reader);
    e->leaving = false;
    e->reader = hop_reader_new(on_frame, e);
    if (!e->reader)
        return err_set(err, ERR_NOMEM, "out of memory");
    hop_reader_set_secret(e->reader); // recovery words come this way
    return 0;
}

int cli_engine_open(const struct cli_line *line, bool start, struct cli_engine **ret,
                    struct err *err) {
    struct cli_engine *e = mem_zalloc(sizeof *e);
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory");
    e->quiet = line->quiet;
    attach_new_session(e->session);
    e->config = (struct attach_config){.role = "cli",
                                       .profile = line->profile,
                                       .session = e->session,
                                       .start = start,
                                       .replace = start,
                                       .client = line->client ? line->client : "paired"};
    if (attach_workspace(line->workspace, e->workspace))
        e->config.workspace = e->workspace;
    e->attached.fd = -1;
    int r = attach(e, err);
    if (r < 0) {
        cli_engine_close(e);
        return r;
    }
    *ret = e;
    return 0;
}

void cli_engine_close(struct cli_engine *e) {
    if (!e)
        return;
    if (e->attached.fd >= 0)
        (void)close(e->attached.fd);
    hop_reader_free(e->reader);
    json_decref(e->answer);
    mem_free(e);
}

const struct attach_result *cli_engine_info(const struct cli_engine *e) {
    return &e->attached;
}

int cli_engine_fd(const struct cli_engine *e) {
    return e->attached.fd;
}

// --- one call ----------------------------------------------------------------------------------

static int wait_for(struct cli_engine *e, short events, uint64_t until_ns, struct err *err) {
    for (;;) {
        uint64_t now = env_now_mono_ns();
        if (now >= until_ns)
            return err_set(err, ERR_TIMEOUT, "the engine did not answer in time");
        uint64_t left_ms = (until_ns - now) / NS_PER_MS + 1;
        struct pollfd p = {.fd = e->attached.fd, .events = events};
        int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for the engine");
        if (n > 0)
            return 0;
    }
}

static int closed(struct err *err) {
    return err_set(err, ERR_CLOSED, "the engine ended before it answered");
}

static int send_all(struct cli_engine *e, const struct buf *frame, uint64_t until_ns,
                    struct err *err) {
    for (size_t sent = 0; sent < frame->len;) {
        ssize_t n = send(e->attached.fd, frame->data + sent, frame->len - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN) {
            int r = wait_for(e, POLLOUT, until_ns, err);
            if (r < 0)
                return r;
        } else if (n < 0 && errno != EINTR)
            return closed(err);
    }
    return 0;
}

static int receive(struct cli_engine *e, uint64_t until_ns, struct err *err) {
    AUTO_FREE char *bytes = mem_alloc(READ_BYTES);
    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (!e->answer) {
        int r = e->leaving ? closed(err) : wait_for(e, POLLIN, until_ns, err);
        if (r < 0)
            return r;
        ssize_t n = read(e->attached.fd, bytes, READ_BYTES);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return closed(err);
        if (n > 0) {
            r = hop_feed(e->reader, bytes, (size_t)n, err);
            explicit_bzero(bytes, (size_t)n);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

// The message in its frame; the header is filled in for each engine that is asked.
static int build(struct cli_engine *e, const struct cli_call *call, struct buf *out,
                 struct err *err) {
    json_t *params = json_pack("{ss so* sb}", "capability", call->capability, "arguments",
                               call->arguments, "confirmed", call->confirmed);
    uint64_t deadline = call->deadline_ms ? call->deadline_ms : CLI_CALL_DEADLINE_MS;
    json_t *message = json_pack("{ss sI ss so}", "jsonrpc", "2.0", "id", (json_int_t)++e->seq,
                                "method", "paired/call", "params", params);
    if (message)
        (void)json_object_set_new(params, "deadline_ms", json_integer((json_int_t)deadline));
    uint8_t head[HOP_HEADER_BYTES] = {0};
    (void)buf_reserve(out, SECRET_BYTES);
    (void)buf_append(out, head, sizeof head);
    int r = message ? buf_put_json(out, message, JSON_COMPACT) : ERR_NOMEM;
    json_decref(message);
    return r < 0 || out->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static int judge(struct cli_engine *e, json_t **ret, struct err *err) {
    json_t *answer = TAKE(e->answer);
    json_t *result = json_object_get(answer, "result");
    const json_t *error = json_object_get(answer, "error");
    int code = 0;
    if (result) {
        *ret = json_incref(result);
    } else {
        const char *message = json_string_value(json_object_get(error, "message"));
        code = (int)json_integer_value(json_object_get(json_object_get(error, "data"), "code"));
        code = err_set(err, code < 0 ? code : ERR_IO, "%s", message ? message : "no reason given");
    }
    json_decref(answer);
    return code;
}

int cli_engine_call(struct cli_engine *e, const struct cli_call *call, json_t **ret,
                    struct err *err) {
    AUTO_BUF frame = BUF_INIT(HOP_BODY_BYTES_MAX);
    uint64_t deadline = call->deadline_ms ? call->deadline_ms : CLI_CALL_DEADLINE_MS;
    uint64_t until = env_now_mono_ns() + (deadline + 1000) * NS_PER_MS; // the engine's own is first
    int r = build(e, call, &frame, err);
    for (int engines = 1; r == 0; engines++) {
        hop_header((uint8_t *)frame.data, HOP_MESSAGE, engines > 1 ? HOP_REPLAY : 0, e->seq,
                   frame.len - HOP_HEADER_BYTES);
        r = send_all(e, &frame, until, err);
        if (r == 0)
            r = receive(e, until, err);
        if (r != ERR_CLOSED || engines == ENGINES_MAX)
            break;
        (void)close(e->attached.fd);
        e->config.resume = true;
        e->config.start = true;
        r = attach(e, err);
    }
    if (e->progress)
        cli_say("\r\x1b[K");
    e->progress = false;
    if (frame.data)
        explicit_bzero(frame.data, frame.cap); // may have carried a passphrase
    return r < 0 ? r : judge(e, ret, err);
}

int cli_ask_engine(const struct cli_line *line, const struct cli_call *call, json_t **ret) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    int r = cli_engine_open(line, true, &e, &err);
    if (r == 0)
        r = cli_engine_call(e, call, ret, &err);
    else
        json_decref(call->arguments);
    cli_engine_close(e);
    return r < 0 ? cli_fail(r, &err, line->json) : -1;
}
