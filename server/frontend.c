#include "server/frontend.h"

#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/loop.h"
#include "core/loop/stream.h"
#include "protocol/framing.h"
#include "protocol/hop.h"
#include "server/frontend_documents.h"
#include "server/frontend_journal.h"
#include "server/frontend_lsp.h"
#include "server/frontend_start.h"

#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUE_BYTES = 1024 * 1024, // waiting for one side: then the other side is not read
    // Beyond it comes at most what was on its way already: one frame, one chunk; a whole replay.
    QUEUE_BYTES_MAX = QUEUE_BYTES + HOP_BODY_BYTES_MAX + JOURNAL_BYTES_MAX + DOCUMENTS_BYTES_MAX,
    END_MS = 5000,         // after end of input, for what is still open
    DOWN_MS = 1000,        // after a failed attach no other one so soon
    DOWN_RETRY_MS = 30000, // without a request: for subscriptions
    PARENT_POLL_MS = 2000,
    JOIN_MS = 5000, // --standalone: for the engine to close the store
    JOIN_SIGNAL_MS = 8,
    AWAIT_US = 50,        // for an answer, before this process is put to sleep
    AWAIT_MISSES_MAX = 4, // calls that took longer; then only every so many'th tries again
    AWAIT_EVERY = 32,
    LOSSES_MAX = 8, // engines in a row that ended without a word
    LOSSES_FREE = 3 // so many of them are followed by another attempt at once
};

enum pause { PAUSE_HOP = 1, PAUSE_JOURNAL = 2 }; // why stdin is not read

// What tells the clients' protocols apart here.
struct role {
    const char *name; // of HELLO
    enum framing_kind framing;
    size_t body_bytes_max, members_max; // of one message
    bool editor; // it opens documents, says when it leaves, and its edits have a time
    struct journal *(*journal)(void);
};
static const struct role roles[] = {
    {"mcp", FRAMING_LINES, HOP_CLIENT_BYTES_MAX, JSONRPC_MEMBERS_MAX, false, journal_new},
    {"lsp", FRAMING_CONTENT_LENGTH, HOP_BODY_BYTES_MAX - HOP_TIME_BYTES, JSONRPC_MEMBERS_PULL_MAX,
     true, journal_new_lsp},
    {"acp", FRAMING_LINES, HOP_CLIENT_BYTES_MAX, JSONRPC_MEMBERS_MAX, false, journal_new_acp},
};

static const struct role *role_named(const char *name) {
    const struct role *role = roles;
    while (strcmp(role->name, name) != 0)
        role++;
    return role;
}

struct frontend {
    const struct frontend_config *config;
    const struct role *role;
    struct attach_config attach;
    char session[ATTACH_SESSION_BYTES];
    char workspace[DIRS_PATH_BYTES_MAX];
    int stop_fds[2]; // signals, parent
    pid_t parent;
    struct frontend_engine engine; // --standalone

    struct loop *loop;
    struct stream *in, *out, *hop; // hop NULL: no engine at present
    struct framing *framing;
    struct hop_reader *reader;
    struct journal *journal;
    struct loop_timer *retry, *end, *parent_poll;
    uint64_t seq;
    bool large;      // a message that is still coming has its number and is passed on as it comes
    size_t passed;   // so much of it has been given to the present engine
    unsigned misses; // of await_answer, in a row
    bool one_processor; // looking for an answer would only keep the engine from giving it
    unsigned pauses;
    uint64_t read_ns; // when what is being fed was read from the client
    bool shutdown;    // an editor has asked to end in order
    bool eof;         // the client will say no more
    bool bye;         // the engine has finished with this session
    bool leaving;     // the engine is going
    bool waiting;     // `retry` will attach
    unsigned losses;
    uint64_t down_until_ns;
    struct err down; // why there is no engine
    int exit_code;
};

static void attach(struct frontend *f);

static void finish(struct frontend *f, int exit_code) {
    f->exit_code = exit_code;
    loop_stop(f->loop);
}

// LSP 3.17 "Exit Notification": 0 if shutdown came before, else 1. Others end in order with their
// input.
static void finish_client(struct frontend *f) {
    finish(f, f->role->editor && !f->shutdown ? 1 : 0);
}

static void say(const char *text) {
    (void)fprintf(stderr, "paired: %s\n", text);
}

// --- towards the client --------------------------------------------------------------------------

static void write_out(void *ctx, const char *json, size_t n) {
    struct frontend *f = ctx;
    char head[48];
    int r;
    if (f->role->framing == FRAMING_LINES) {
        r = stream_write2(f->out, json, n, "\n", 1);
    } else {
        int head_bytes = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", n);
        r = stream_write2(f->out, head, (size_t)head_bytes, json, n);
    }
    if (r < 0 && r != ERR_CLOSED) {
        say("out of memory while the client does not read its answers");
        finish(f, 1);
        return;
    }
    if (f->hop && stream_queued(f->out) > QUEUE_BYTES)
        stream_pause(f->hop);
}

static void out_drained(void *ctx) {
    struct frontend *f = ctx;
    if (f->bye)
        finish_client(f);
    else if (f->hop)
        stream_resume(f->hop);
}

static void out_broken(void *ctx, const struct err *err) {
    (void)err; // whoever started us no longer reads: it has gone
    finish_client(ctx);
}

static void all_said(struct frontend *f) {
    f->bye = true;
    if (stream_queued(f->out) == 0)
        finish_client(f);
}

// --- reading from the client or not --------------------------------------------------------------

static void pause_for(struct frontend *f, enum pause why, bool on) {
    unsigned before = f->pauses;
    f->pauses = on ? before | (unsigned)why : before & ~(unsigned)why;
    if (!before == !f->pauses || !f->in || f->eof)
        return;
    if (f->pauses)
        stream_pause(f->in);
    else
        stream_resume(f->in);
}

// --- the engine ----------------------------------------------------------------------------------

// Without an engine every request still gets an answer, which says what to do.
static void go_down(struct frontend *f, const struct err *err) {
    char text[ERR_MESSAGE_BYTES_MAX + 64];
    (void)snprintf(text, sizeof text, "paired has no engine: %s", err_text(err));
    if (strcmp(f->down.message, err->message) != 0)
        say(text);
    f->down = *err;
    f->down_until_ns = env_now_mono_ns() + (uint64_t)DOWN_MS * 1000000;
    journal_fail_all(f->journal, text, write_out, f);
    pause_for(f, PAUSE_JOURNAL, false);
    pause_for(f, PAUSE_HOP, false);
    if (f->eof)
        all_said(f);
    else
        loop_timer_start(f->retry, DOWN_RETRY_MS, 0);
}

// The connection is gone; `crashed`: without the engine having said so.
static void lose(struct frontend *f, bool crashed) {
    stream_close(f->hop);
    f->hop = NULL;
    hop_reader_free(f->reader);
    f->reader = NULL;
    f->leaving = false;
    f->passed = 0;
    journal_engine_left(f->journal, crashed, write_out, f);
    pause_for(f, PAUSE_JOURNAL, journal_full(f->journal));
    pause_for(f, PAUSE_HOP, false);
    if (!crashed || ++f->losses <= LOSSES_FREE) {
        attach(f);
    } else if (f->losses <= LOSSES_MAX) {
        f->waiting = true;
        loop_timer_start(f->retry, 25U << (f->losses - LOSSES_FREE), 0);
    } else {
        struct err err;
        (void)err_set(&err, ERR_IO,
                      "it ended %u times in a row; `paired doctor` shows what happened", f->losses);
        f->losses = LOSSES_FREE;
        go_down(f, &err);
    }
}

static void on_retry(void *ctx) {
    struct frontend *f = ctx;
    f->waiting = false;
    attach(f);
}

static int hop_frame(void *ctx, const struct hop_frame *frame, struct err *err) {
    struct frontend *f = ctx;
    switch (frame->type) {
    case HOP_MESSAGE:
        f->losses = 0;
        if (frame->seq) {
            journal_answered(f->journal, frame->seq);
            pause_for(f, PAUSE_JOURNAL, journal_full(f->journal));
        }
        write_out(f, frame->body, frame->bytes);
        return 0;
    case HOP_LEAVING:
        f->leaving = true;
        return 0;
    case HOP_BYE:
        f->bye = true;
        return 0;
    case HOP_NOTE:
        (void)fprintf(stderr, "paired: %.*s\n", (int)frame->bytes, frame->body);
        return 0;
    case HOP_STATE:
        return journal_document_state(f->journal, frame->seq, frame->body, frame->bytes, err);
    case HOP_HELLO:
    case HOP_WELCOME:
    case HOP_REFUSE:
    case HOP_OVERSIZE:
    case HOP_EOF:
    case HOP_DRAIN:
        break;
    }
    return err_set(err, ERR_PARSE, "the engine sent a frame of type %d", (int)frame->type);
}

static void hop_data(void *ctx, const char *bytes, size_t n) {
    struct frontend *f = ctx;
    struct err err = {0};
    if (hop_feed(f->reader, bytes, n, &err) < 0) {
        say(err_text(&err));
        lose(f, true);
    } else if (f->bye) {
        all_said(f);
    } else if (f->leaving) {
        lose(f, false);
    }
}

static void hop_gone(void *ctx, const struct err *err) {
    struct frontend *f = ctx;
    (void)err; // the end of an engine has no better reason than that
    if (!f->bye)
        lose(f, !f->leaving);
}

static void hop_drained(void *ctx) {
    pause_for(ctx, PAUSE_HOP, false);
}

static void note_queue(struct frontend *f) {
    if (stream_queued(f->hop) > QUEUE_BYTES)
        pause_for(f, PAUSE_HOP, true);
}

static int send_frame(void *ctx, enum hop_type type, unsigned flags, uint64_t seq, const char *body,
                      size_t n, size_t total) {
    struct frontend *f = ctx;
    uint8_t head[HOP_HEADER_BYTES + 8];
    size_t head_bytes = HOP_HEADER_BYTES;
    // u64, little-endian: the whole length before the head of a message, the time before a message.
    uint64_t prefix = type == HOP_OVERSIZE ? (uint64_t)total : f->read_ns;
    if (type == HOP_OVERSIZE || (flags & HOP_TIMED))
        for (size_t i = 0; i < 8; i++)
            head[head_bytes++] = (uint8_t)(prefix >> (8 * i));
    hop_header(head, type, flags, seq, n + head_bytes - HOP_HEADER_BYTES);
    int r = stream_write2(f->hop, head, head_bytes, body, n);
    note_queue(f);
    return r;
}

// What has come of a large message of `total` bytes and the engine has not got yet. A failure to
// write shows as the end of the connection.
static void pass_large(struct frontend *f, const char *body, size_t n, size_t total) {
    uint8_t head[HOP_HEADER_BYTES + HOP_TIME_BYTES];
    size_t head_bytes = f->passed ? 0 : sizeof head;
    if (!f->hop)
        return;
    hop_header(head, HOP_MESSAGE, HOP_TIMED, f->seq, total + HOP_TIME_BYTES);
    for (size_t i = 0; i < HOP_TIME_BYTES; i++)
        head[HOP_HEADER_BYTES + i] = (uint8_t)(f->read_ns >> (8 * i));
    (void)stream_write2(f->hop, head, head_bytes, body + f->passed, n - f->passed);
    f->passed = n;
    note_queue(f);
}

static const struct stream_events hop_events = {
    .data = hop_data, .end = hop_gone, .broken = hop_gone, .drained = hop_drained};

// A greeted connection becomes ours; everything that the engine must know is told first.
static int adopt(struct frontend *f, int fd, struct err *err) {
    f->reader = hop_reader_new(hop_frame, f);
    if (!f->reader) {
        (void)close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = stream_open_fd(f->loop, fd, STREAM_READ | STREAM_WRITE, &hop_events, f, &f->hop, err);
    if (r < 0) {
        (void)close(fd);
        hop_reader_free(f->reader);
        f->reader = NULL;
        return r;
    }
    stream_set_write_max(f->hop, QUEUE_BYTES_MAX);
    if (stream_queued(f->out) > QUEUE_BYTES)
        stream_pause(f->hop);
    f->attach.resume = true;
    f->down = (struct err){0};
    loop_timer_stop(f->retry);
    // A failure to write shows as the end of this connection.
    (void)journal_replay(f->journal, send_frame, f);
    if (f->eof)
        (void)send_frame(f, HOP_EOF, 0, 0, NULL, 0, 0);
    return 0;
}

static void attach(struct frontend *f) {
    struct attach_result found;
    struct err err = {0};
    int r = attach_connect(&f->attach, &found, &err);
    if (r == ERR_CANCELLED) {
        finish_client(f);
        return;
    }
    if (r == 0)
        r = adopt(f, found.fd, &err);
    if (r < 0)
        go_down(f, &err);
}

// --- from the client -----------------------------------------------------------------------------

// What was just put into the journal goes to the engine.
static void pass_on(struct frontend *f, enum hop_type type, const char *body, size_t n,
                    size_t total) {
    if (journal_full(f->journal))
        pause_for(f, PAUSE_JOURNAL, true);
    if (f->hop) {
        unsigned timed = f->role->editor && type == HOP_MESSAGE ? HOP_TIMED : 0;
        (void)send_frame(f, type, timed, f->seq, body, n, total);
        journal_mark_sent(f->journal);
        return;
    }
    if (f->waiting || !journal_open(f->journal))
        return;
    if (env_now_mono_ns() >= f->down_until_ns) {
        attach(f);
        return;
    }
    struct err again = f->down;
    uint64_t until = f->down_until_ns;
    go_down(f, &again);
    f->down_until_ns = until;
}

static void on_stop(void *ctx, int fd, int events) {
    (void)fd;
    (void)events;
    finish_client(ctx);
}

// The client has said all it will.
static void end_input(struct frontend *f) {
    f->eof = true;
    loop_timer_start(f->end, END_MS, 0);
    if (f->hop && f->passed)
        lose(f, false); // half a message was its last word: the engine must not wait for the rest
    else if (f->hop)
        (void)send_frame(f, HOP_EOF, 0, 0, NULL, 0, 0);
    else if (!f->waiting)
        all_said(f);
}

// An editor that dies may leave its end of our input open in another child.
static void watch_editor(struct frontend *f, pid_t pid) {
    struct loop_watch *watch;
    int fd = pid > 0 && pid != f->parent ? frontend_watch_process(pid) : -1;
    if (fd >= 0 && loop_watch_new(f->loop, fd, on_stop, f, &watch, NULL) < 0)
        (void)close(fd);
}

// false: the message is for nobody but us.
static bool note_life(struct frontend *f, const struct jsonrpc_message *m) {
    pid_t pid = 0;
    switch (frontend_lsp_word(m, &pid)) {
    case FRONTEND_INITIALIZE:
        watch_editor(f, pid);
        return true;
    case FRONTEND_SHUTDOWN:
        f->shutdown = true;
        return true;
    case FRONTEND_EXIT:
        end_input(f);
        return false;
    case FRONTEND_OTHER:
        break;
    }
    return true;
}

// A text of megabytes need not be here whole before the engine begins to read it, nor wait here for
// its turn.
static int on_part(void *ctx, const char *body, size_t n, size_t total, struct err *err) {
    struct frontend *f = ctx;
    (void)err;
    if (f->eof)
        return 0;
    f->seq += !f->large;
    f->large = true;
    pass_large(f, body, n, total);
    return 0;
}

// Its end has come.
static void on_large(struct frontend *f, const char *body, size_t n) {
    struct jsonrpc_message m;
    AUTO_BUF own = BUF_INIT(0);
    AUTO_BUF refusal = BUF_INIT(0); // not wanted: the engine has it
    pass_large(f, body, n, n);
    f->large = false;
    f->passed = 0;
    if (!framing_take(f->framing, &own) || journal_add_large(f->journal, f->seq, &own))
        return;
    bool readable = jsonrpc_read_up_to(own.data, n, f->role->members_max, &m, NULL) == 0;
    if (readable && !note_life(f, &m))
        return;
    (void)journal_add_read(f->journal, f->seq, own.data, n, readable ? &m : NULL, &refusal);
    if (f->hop)
        journal_mark_sent(f->journal);
    if (journal_full(f->journal))
        pause_for(f, PAUSE_JOURNAL, true);
}

static int on_message(void *ctx, const char *body, size_t n, struct err *err) {
    struct frontend *f = ctx;
    struct jsonrpc_message m;
    AUTO_BUF refusal = BUF_INIT(0);
    (void)err;
    if (f->eof) // behind an editor's exit
        return 0;
    if (f->large) {
        on_large(f, body, n);
        return 0;
    }
    bool readable = jsonrpc_read_up_to(body, n, f->role->members_max, &m, NULL) == 0;
    if (f->role->editor && readable && !note_life(f, &m))
        return 0;
    int r = journal_add_read(f->journal, ++f->seq, body, n, readable ? &m : NULL, &refusal);
    if (refusal.len)
        write_out(f, refusal.data, refusal.len);
    // A document that cannot be kept is served as long as this engine lives.
    else if (r == 0 || f->role->editor)
        pass_on(f, HOP_MESSAGE, body, n, n);
    return 0;
}

static int on_oversize(void *ctx, const char *head, size_t n, size_t total, struct err *err) {
    struct frontend *f = ctx;
    AUTO_BUF refusal = BUF_INIT(0);
    (void)err;
    if (journal_add_oversize(f->journal, ++f->seq, head, n, total, &refusal) == 0)
        pass_on(f, HOP_OVERSIZE, head, n, total);
    else if (refusal.len)
        write_out(f, refusal.data, refusal.len);
    return 0;
}

// To be put to sleep and woken costs about what the engine needs for a call that asks no store.
// With calls that take longer this is seldom tried, so that it costs next to nothing.
static void await_answer(struct frontend *f) {
    bool worth = f->misses < AWAIT_MISSES_MAX || f->seq % AWAIT_EVERY == 0;
    if (f->hop && worth && !f->one_processor && journal_open(f->journal))
        f->misses = stream_await(f->hop, AWAIT_US) ? 0 : f->misses + 1;
}

static void in_data(void *ctx, const char *bytes, size_t n) {
    struct frontend *f = ctx;
    struct err err = {0};
    f->read_ns = env_now_mono_ns();
    if (framing_feed(f->framing, bytes, n, &err) < 0) {
        say(err_text(&err));
        finish(f, 1);
        return;
    }
    await_answer(f);
}

static void on_end_timer(void *ctx) {
    struct frontend *f = ctx;
    journal_fail_all(f->journal, "the client ended and this was not done 5 seconds later",
                     write_out, f);
    finish_client(f);
}

static void in_end(void *ctx, const struct err *err) {
    struct frontend *f = ctx;
    (void)err;
    if (f->eof)
        return;
    (void)framing_end(f->framing, NULL);
    end_input(f);
}

static void on_parent_poll(void *ctx) {
    struct frontend *f = ctx;
    if (getppid() != f->parent)
        finish_client(f);
}

// --- life ----------------------------------------------------------------------------------------

static const struct stream_events in_events = {.data = in_data, .end = in_end};
static const struct stream_events out_events = {.drained = out_drained, .broken = out_broken};
static const struct framing_events frame_events = {
    .message = on_message, .oversize = on_oversize, .part = on_part};

static int open_all(struct frontend *f, int out_fd, struct err *err) {
    cpu_set_t set;
    int r = loop_new(&f->loop, err);
    if (r < 0)
        return r;
    f->framing = framing_new(f->role->framing, f->role->body_bytes_max, &frame_events, f);
    f->journal = f->role->journal();
    if (!f->framing || !f->journal || loop_timer_new(f->loop, on_retry, f, &f->retry) < 0 ||
        loop_timer_new(f->loop, on_end_timer, f, &f->end) < 0 ||
        loop_timer_new(f->loop, on_parent_poll, f, &f->parent_poll) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->one_processor = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) < 2;
    struct loop_watch *watch;
    for (size_t i = 0; i < f->attach.stop_count; i++)
        if ((r = loop_watch_new(f->loop, f->stop_fds[i], on_stop, f, &watch, err)) < 0)
            return r;
    if (f->attach.stop_count < 2 && f->parent > 0)
        loop_timer_start(f->parent_poll, PARENT_POLL_MS, PARENT_POLL_MS);
    r = stream_open_fd(f->loop, out_fd, STREAM_WRITE, &out_events, f, &f->out, err);
    if (r == 0)
        stream_set_write_max(f->out, QUEUE_BYTES_MAX);
    return r;
}

// The first engine, before anything is read: until then this process can still become another.
static int attach_first(struct frontend *f, bool may_run_newer, int out_fd, struct err *err) {
    struct attach_result found;
    int r = ERR_BUSY;
    if (f->config->standalone) {
        r = frontend_engine_start(&f->engine, f->config->profile, err);
        if (r >= 0)
            r = attach_adopt(&f->attach, r, &found, err);
    }
    if (r == ERR_BUSY)
        r = attach_connect(&f->attach, &found, err);
    if (r < 0)
        return r;
    if (may_run_newer && found.number > paired_build_number)
        frontend_run_newer(f->config->argv, out_fd);
    return found.fd;
}

static int serve(struct frontend *f, const struct buf *head, int out_fd, struct err *err) {
    struct err no_engine = {0};
    int fd = attach_first(f, head->len == 0, out_fd, &no_engine);
    if (fd == ERR_CANCELLED)
        return 0;
    int r = open_all(f, out_fd, err);
    if (r < 0)
        return r;
    r = fd < 0 ? fd : adopt(f, fd, &no_engine);
    if (r < 0)
        go_down(f, &no_engine);
    if (head->len)
        in_data(f, head->data, head->len);
    r = stream_open_fd(f->loop, STDIN_FILENO, STREAM_READ, &in_events, f, &f->in, err);
    if (r < 0)
        return r;
    if (f->pauses)
        stream_pause(f->in);
    return loop_run(f->loop, err);
}

static int detect(struct frontend *f, struct buf *head, bool *ret_serve, struct err *err) {
    enum frontend_protocol protocol = FRONTEND_UNKNOWN;
    int r = frontend_read_head(f->stop_fds, f->attach.stop_count, head, &protocol, err);
    *ret_serve = r == 0 && protocol != FRONTEND_UNKNOWN && protocol != FRONTEND_UNDECIDED;
    if (*ret_serve)
        f->role = role_named(protocol == FRONTEND_LSP   ? "lsp"
                             : protocol == FRONTEND_ACP ? "acp"
                                                        : "mcp");
    f->attach.role = f->role->name;
    if (r < 0 || *ret_serve || !head->len)
        return r == ERR_CANCELLED ? 0 : r;
    f->exit_code = 2;
    say("stdin speaks no protocol that paired knows; `paired help`");
    return 0;
}

static int prepare(struct frontend *f, int *ret_out, struct err *err) {
    *ret_out = frontend_take_stdout(err);
    if (*ret_out < 0)
        return *ret_out;
    f->stop_fds[0] = frontend_take_signals(err);
    if (f->stop_fds[0] < 0)
        return f->stop_fds[0];
    f->stop_fds[1] = frontend_watch_parent(&f->parent);
    attach_new_session(f->session);
    bool found = attach_workspace(f->config->workspace, f->workspace);
    f->attach = (struct attach_config){.role = f->role->name,
                                       .profile = f->config->profile,
                                       .session = f->session,
                                       .start = true,
                                       .replace = true,
                                       .workspace = found ? f->workspace : NULL,
                                       .options = f->config->options,
                                       .stop_fds = f->stop_fds,
                                       .stop_count = f->stop_fds[1] >= 0 ? 2 : 1};
    return 0;
}

int frontend_run(const struct frontend_config *config) {
    struct frontend f = {.config = config, .role = role_named(config->role)};
    struct err err = {0};
    AUTO_BUF head = BUF_INIT(0);
    int out_fd = -1;
    bool go_on = true;
    // Large messages go back to the system when they are done with.
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    int r = prepare(&f, &out_fd, &err);
    if (r == 0 && config->detect)
        r = detect(&f, &head, &go_on, &err);
    if (r == 0 && go_on)
        r = serve(&f, &head, out_fd, &err);
    if (r < 0) {
        say(err_text(&err));
        f.exit_code = 1;
    }
    stream_close(f.hop);
    // A store that is not closed in time is as safe as one whose process was killed.
    if (!frontend_engine_join(&f.engine, f.eof ? JOIN_MS : JOIN_SIGNAL_MS))
        _exit(f.exit_code);
    hop_reader_free(f.reader);
    framing_free(f.framing);
    journal_free(f.journal);
    if (f.loop)
        loop_free(f.loop);
    return f.exit_code;
}
