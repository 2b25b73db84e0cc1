#include "server/session.h"

#include "core/base/build.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "protocol/hop.h"
#include "server/engine_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUE_BYTES = 8 * 1024 * 1024, // then the client is no longer read
    // Then it is let go: it does not read, and asks on. Its front end comes back with what is open.
    QUEUE_BYTES_MAX = QUEUE_BYTES + HOP_BODY_BYTES_MAX,
    CLIENT_NAME_BYTES_MAX = 64,
    STARTED_SLOTS = 64, // requests whose time is taken at once
    MISSED_MAX = 1000   // changed resources told to a client that reads again
};

enum session_state {
    SESSION_CONNECTED, // until HELLO
    SESSION_OPEN,
    SESSION_FINISHING, // the client will say no more
    SESSION_LEAVING,   // the engine is going
    SESSION_FLUSHING,  // the last frame is queued
    SESSION_CLOSED     // of no use any more; buried in the next iteration
};

struct session {
    struct session *next, *prev;
    struct engine *engine;
    struct stream *stream;
    struct hop_reader *reader;
    struct env_timer *greeting;
    enum session_state state;
    bool owner, congested, stream_gone, buried;
    size_t queued; // of the engine's figure, what is ours
    const struct session_face *face;
    void *face_state;
    json_t *hello;
    char id[33];
    const char *workspace; // in hello
    char client[CLIENT_NAME_BYTES_MAX + 1];
    uint64_t end_ns;     // FINISHING and later: no longer than this
    uint64_t arrival_ns; // of the message that is handed out
    json_t *missed;      // object used as a set of URIs
    bool missed_list;
    struct {
        uint64_t seq, ns;
    } started[STARTED_SLOTS];
};

// --- the greeting --------------------------------------------------------------------------------

struct hello {
    int64_t major, minor, pid, number;
    struct text role, session, workspace, client, version;
    bool resume;
    json_t *options, *env;
};
#define HELLO(member, kind, must)                                                                  \
    { .name = #member, .type = (kind), .flags = (must), .offset = offsetof(struct hello, member) }
static const struct field hello_fields[] = {HELLO(major, FIELD_INT, FIELD_REQUIRED),
                                            HELLO(minor, FIELD_INT, FIELD_REQUIRED),
                                            HELLO(pid, FIELD_INT, 0),
                                            HELLO(number, FIELD_INT, FIELD_REQUIRED),
                                            HELLO(role, FIELD_STRING, FIELD_REQUIRED),
                                            HELLO(session, FIELD_STRING, FIELD_REQUIRED),
                                            HELLO(workspace, FIELD_STRING, 0),
                                            HELLO(client, FIELD_STRING, 0),
                                            HELLO(version, FIELD_STRING, 0),
                                            HELLO(resume, FIELD_BOOL, 0),
                                            HELLO(options, FIELD_JSON, 0),
                                            HELLO(env, FIELD_JSON, 0),
                                            {0}};

static const struct session_face *const faces[] = {&session_face_mcp, &session_face_cli,
                                                   &session_face_lsp, &session_face_acp};

static const struct session_face *find_face(struct text role) {
    for (size_t i = 0; i < COUNT_OF(faces); i++)
        if (text_is(role, faces[i]->role))
            return faces[i];
    return NULL;
}

static bool is_session_id(struct text id) {
    for (size_t i = 0; i < id.len; i++)
        if (!isxdigit((unsigned char)id.data[i]) || isupper((unsigned char)id.data[i]))
            return false;
    return id.len == 32;
}

// --- life ----------------------------------------------------------------------------------------

struct session *session_next(const struct session *s) {
    return s->next;
}

bool session_awaits_next(const struct engine *e) {
    for (const struct session *s = e->sessions; s; s = s->next)
        if (s->face && s->face != &session_face_cli)
            return true;
    return false;
}

static void session_free(struct session *s) {
    hop_reader_free(s->reader);
    json_decref(s->hello);
    json_decref(s->missed);
    mem_free(s);
}

void session_bury_all(struct engine *e) {
    while (e->dying) {
        struct session *s = e->dying;
        e->dying = s->next;
        if (s->face_state)
            s->face->close(s->face_state);
        s->face_state = NULL;
        s->buried = true;
        if (s->stream_gone)
            session_free(s);
    }
}

static void bury(void *ctx) {
    session_bury_all(ctx);
}

static void stream_closed(void *ctx) {
    struct session *s = ctx;
    s->stream_gone = true;
    if (s->buried)
        session_free(s);
}

static void note_queued(struct session *s) {
    size_t now = s->state == SESSION_CLOSED ? 0 : stream_queued(s->stream);
    // Unsigned: adding a negative difference subtracts.
    atomic_fetch_add_explicit(&s->engine->figures.queued_bytes, now - s->queued,
                              memory_order_relaxed);
    s->queued = now;
}

void session_close(struct session *s) {
    if (s->state == SESSION_CLOSED)
        return;
    struct engine *e = s->engine;
    s->state = SESSION_CLOSED;
    note_queued(s);
    env_timer_cancel(loop_env(e->loop), s->greeting);
    s->greeting = NULL;
    *(s->prev ? &s->prev->next : &e->sessions) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    e->session_count--;
    stream_close(s->stream);
    // We may be inside a callback of the face or the stream. Without memory for the note to self it
    // happens together with the next session's end.
    s->next = e->dying;
    e->dying = s;
    (void)loop_defer(e->loop, bury, e);
    if (s->owner)
        engine_drain(e, "its client has ended");
    engine_sessions_changed(e);
}

static void send_frame(struct session *s, enum hop_type type, uint64_t seq, const char *body,
                       size_t n) {
    uint8_t head[HOP_HEADER_BYTES];
    if (s->state == SESSION_CLOSED)
        return;
    hop_header(head, type, 0, seq, n);
    int r = stream_write2(s->stream, head, sizeof head, body, n);
    if (r < 0) {
        if (r != ERR_CLOSED)
            log_line(LOG_WARN, "session", "let go, it does not read session=%.8s queued=%zu", s->id,
                     stream_queued(s->stream));
        session_close(s);
        return;
    }
    atomic_fetch_add_explicit(&s->engine->figures.bytes_out, n, memory_order_relaxed);
    note_queued(s);
    if (!s->congested && stream_queued(s->stream) > QUEUE_BYTES) {
        s->congested = true;
        stream_pause(s->stream);
    }
}

static void send_json(struct session *s, enum hop_type type, json_t *body) {
    AUTO_BUF text = BUF_INIT(HOP_BODY_BYTES_MAX);
    if (body && buf_put_json(&text, body, JSON_COMPACT) == 0)
        send_frame(s, type, 0, text.data, text.len);
    else
        session_close(s);
    json_decref(body);
}

// The last frame of an orderly end; the connection is closed when it is written.
static void flush_and_close(struct session *s) {
    if (s->state == SESSION_CLOSED)
        return;
    s->state = SESSION_FLUSHING;
    s->end_ns = env_mono_ns(loop_env(s->engine->loop)) + (uint64_t)ENGINE_DRAIN_MS * 1000000;
    if (stream_queued(s->stream) == 0)
        session_close(s);
    else
        engine_want_tick(s->engine);
}

static void refuse(struct session *s, const char *code, const char *message) {
    log_line(LOG_INFO, "session", "refused code=%s", code);
    send_json(s, HOP_REFUSE,
              json_pack("{s:s, s:s, s:s, s:s, s:I}", "code", code, "message", message, "build",
                        paired_build_id, "version", paired_version, "number",
                        (json_int_t)paired_build_number));
    flush_and_close(s);
}

// FINISHING or LEAVING, and nothing is open any more.
static void say_goodbye(struct session *s) {
    send_frame(s, s->state == SESSION_FINISHING ? HOP_BYE : HOP_LEAVING, 0, NULL, 0);
    flush_and_close(s);
}

static void end_when_done(struct session *s) {
    if (s->face_state && s->face->open_requests(s->face_state))
        engine_want_tick(s->engine);
    else
        say_goodbye(s);
}

bool session_tick(struct session *s) {
    bool late = env_mono_ns(loop_env(s->engine->loop)) >= s->end_ns;
    if (s->state == SESSION_FLUSHING) {
        if (late)
            session_close(s);
        return true;
    }
    if (s->state != SESSION_FINISHING && s->state != SESSION_LEAVING)
        return false;
    if (late || !s->face_state || !s->face->open_requests(s->face_state))
        say_goodbye(s);
    return true;
}

static void start_end(struct session *s, enum session_state state) {
    s->state = state;
    s->end_ns = env_mono_ns(loop_env(s->engine->loop)) + (uint64_t)ENGINE_DRAIN_MS * 1000000;
}

void session_leave(struct session *s) {
    if (s->state == SESSION_CONNECTED) {
        s->state = SESSION_LEAVING;
        say_goodbye(s);
    } else if (s->state == SESSION_OPEN || s->state == SESSION_FINISHING) {
        // What was not read yet, the front end will tell the next engine.
        stream_pause(s->stream);
        start_end(s, SESSION_LEAVING);
        end_when_done(s);
    }
}

// --- frames from the front end -------------------------------------------------------------------

static void replace_older(struct session *s) {
    for (struct session *o = s->engine->sessions; o; o = o->next) {
        if (o != s && o->state != SESSION_CONNECTED && strcmp(o->id, s->id) == 0) {
            session_close(o); // its front end has come back on a new connection
            return;
        }
    }
}

static void open_session(struct session *s, const struct hello *h) {
    struct engine *e = s->engine;
    struct err err = {0};
    memcpy(s->id, h->session.data, h->session.len);
    s->workspace = json_string_value(json_object_get(s->hello, "workspace"));
    if (s->workspace && s->workspace[0] != '/')
        s->workspace = NULL;
    const char *client = json_string_value(json_object_get(s->hello, "client"));
    session_set_client(s, client ? client : "");
    replace_older(s);
    s->face = find_face(h->role);
    if (s->face->secret) {
        hop_reader_set_secret(s->reader);
        stream_set_secret(s->stream);
    }
    if (s->face->open(s, &s->face_state, &err) < 0) {
        s->face_state = NULL;
        refuse(s, "invalid", err_text(&err));
        return;
    }
    s->state = SESSION_OPEN;
    env_timer_cancel(loop_env(e->loop), s->greeting);
    s->greeting = NULL;
    atomic_fetch_add(&e->figures.sessions_total, 1);
    log_line(LOG_INFO, "session", "open session=%.8s role=%s resume=%d", s->id, s->face->role,
             h->resume);
    send_json(s, HOP_WELCOME,
              json_pack("{s:i, s:s, s:s, s:I, s:s}", "pid", (int)getpid(), "build", paired_build_id,
                        "version", paired_version, "number", (json_int_t)paired_build_number,
                        "engine", e->id));
}

static void on_hello(struct session *s, const struct hello *h) {
    char text[128];
    if (h->major != HOP_MAJOR) {
        (void)snprintf(text, sizeof text, "this engine (paired %s) speaks version %d of the wire",
                       paired_version, HOP_MAJOR);
        refuse(s, "version", text);
    } else if (!is_session_id(h->session)) {
        refuse(s, "invalid", "a session is named by 32 hexadecimal digits");
    } else if (!find_face(h->role)) {
        (void)snprintf(text, sizeof text, "this engine does not serve \"%.*s\"",
                       h->role.len < 40 ? (int)h->role.len : 40, h->role.data);
        refuse(s, "role", text);
    } else if (s->engine->state != ENGINE_RUNNING) {
        refuse(s, "leaving", "the engine is ending");
    } else if (s->engine->session_count > ENGINE_SESSIONS_MAX) {
        (void)snprintf(text, sizeof text, "the engine serves %d clients already; end some of them",
                       ENGINE_SESSIONS_MAX);
        refuse(s, "full", text);
    } else {
        open_session(s, h);
    }
}

static void on_drain(struct session *s, const struct hello *h) {
    if (h->number > paired_build_number)
        engine_drain(s->engine, "a newer build takes over");
    else
        refuse(s, "version", "only a newer build may replace this engine");
}

static int on_greeting(struct session *s, const struct hop_frame *frame, struct err *err) {
    struct hello h = {0};
    json_t *json = json_loadb(frame->body, frame->bytes, 0, NULL);
    int r = json ? fields_decode(hello_fields, json, &h, err)
                 : err_set(err, ERR_PARSE, "the greeting is not JSON");
    if (r < 0) {
        refuse(s, "invalid", err_text(err));
        json_decref(json);
        return 0;
    }
    if (frame->type == HOP_DRAIN) {
        on_drain(s, &h);
        json_decref(json);
        return 0;
    }
    s->hello = json; // h borrows from it
    on_hello(s, &h);
    return 0;
}

static void note_start(struct session *s, const struct hop_frame *frame) {
    struct figures *f = &s->engine->figures;
    s->engine->last_request_ns = env_mono_ns(loop_env(s->engine->loop));
    s->started[frame->seq % STARTED_SLOTS].seq = frame->seq;
    s->started[frame->seq % STARTED_SLOTS].ns = s->engine->last_request_ns;
    atomic_fetch_add_explicit(&f->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->bytes_in, frame->bytes, memory_order_relaxed);
    if (frame->flags & HOP_REPLAY)
        atomic_fetch_add_explicit(&f->replayed, 1, memory_order_relaxed);
    engine_crash_last(s->id, frame->seq);
    log_line(LOG_DEBUG, "session", "message session=%.8s seq=%llu bytes=%zu flags=%u", s->id,
             (unsigned long long)frame->seq, frame->bytes, frame->flags);
}

static int on_oversize(struct session *s, const struct hop_frame *frame, struct err *err) {
    uint64_t total = 0;
    if (frame->bytes < sizeof total)
        return err_set(err, ERR_PARSE, "a cut frame");
    for (size_t i = sizeof total; i-- > 0;)
        total = total << 8 | (unsigned char)frame->body[i];
    atomic_fetch_add_explicit(&s->engine->figures.oversize, 1, memory_order_relaxed);
    s->face->oversize(s->face_state, frame->body + sizeof total, frame->bytes - sizeof total,
                      (size_t)total, frame->seq);
    return 0;
}

static int on_frame(void *ctx, const struct hop_frame *frame, struct err *err) {
    struct session *s = ctx;
    if (s->state == SESSION_CLOSED)
        return ERR_CLOSED;
    if (s->state == SESSION_LEAVING || s->state == SESSION_FLUSHING)
        return 0; // it will be told again to the next engine
    if (frame->type == HOP_DRAIN || (frame->type == HOP_HELLO && s->state == SESSION_CONNECTED))
        return on_greeting(s, frame, err);
    if (s->state != SESSION_OPEN)
        return err_set(err, ERR_PARSE, "a frame of type %d out of turn", (int)frame->type);
    switch (frame->type) {
    case HOP_MESSAGE:
        note_start(s, frame);
        s->arrival_ns = frame->arrival_ns;
        s->face->message(s->face_state, frame->body, frame->bytes, frame->seq, frame->flags);
        return 0;
    case HOP_OVERSIZE:
        note_start(s, frame);
        return on_oversize(s, frame, err);
    case HOP_EOF:
        start_end(s, SESSION_FINISHING);
        s->face->finish(s->face_state);
        if (s->state == SESSION_FINISHING)
            end_when_done(s);
        return 0;
    case HOP_HELLO:
    case HOP_WELCOME:
    case HOP_REFUSE:
    case HOP_BYE:
    case HOP_DRAIN:
    case HOP_LEAVING:
    case HOP_NOTE:
    case HOP_STATE:
        break;
    }
    return err_set(err, ERR_PARSE, "a frame of type %d from a front end", (int)frame->type);
}

// --- the connection ------------------------------------------------------------------------------

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct session *s = ctx;
    struct err err = {0};
    if (s->state == SESSION_CLOSED || hop_feed(s->reader, bytes, n, &err) >= 0 ||
        s->state == SESSION_CLOSED)
        return;
    log_line(LOG_WARN, "session", "wrong frames session=%.8s why=%s", s->id, err_text(&err));
    session_close(s);
}

static void on_gone(void *ctx, const struct err *err) {
    (void)err;
    session_close(ctx);
}

static void tell_missed(struct session *s) {
    json_t *missed = s->missed;
    bool list = s->missed_list;
    s->missed = NULL;
    s->missed_list = false;
    if (!missed && !list)
        return;
    json_t *uris = json_array();
    const char *uri;
    json_t *value;
    json_object_foreach(missed, uri, value)(void) json_array_append_new(uris, json_string(uri));
    session_changed(s, uris, list);
    json_decref(uris);
    json_decref(missed);
}

static void on_drained(void *ctx) {
    struct session *s = ctx;
    note_queued(s);
    if (s->state == SESSION_FLUSHING) {
        session_close(s);
    } else if (s->congested && s->state != SESSION_CLOSED) {
        s->congested = false;
        if (s->state == SESSION_OPEN) {
            stream_resume(s->stream);
            tell_missed(s);
        }
    }
}

static void on_greeting_late(void *ctx) {
    struct session *s = ctx;
    s->greeting = NULL; // it has fired: it is free
    session_close(s);
}

void session_accept(struct engine *e, int fd, bool owner) {
    static const struct stream_events events = {.data = on_data,
                                                .end = on_gone,
                                                .broken = on_gone,
                                                .drained = on_drained,
                                                .closed = stream_closed};
    uid_t uid = (uid_t)-1;
    pid_t pid = 0;
    struct session *s = NULL;
    // The directory is ours alone; this is for the day when it is not.
    if (unix_peer(fd, &uid, &pid, NULL) < 0 || uid != geteuid()) {
        log_line(LOG_WARN, "session", "refused uid=%u", (unsigned)uid);
        goto fail;
    }
    s = mem_zalloc(sizeof *s);
    if (!s)
        goto fail;
    s->engine = e;
    s->owner = owner;
    s->reader = hop_reader_new(on_frame, s);
    if (!s->reader ||
        stream_open_fd(e->loop, fd, STREAM_READ | STREAM_WRITE, &events, s, &s->stream, NULL) < 0)
        goto fail;
    stream_set_write_max(s->stream, QUEUE_BYTES_MAX);
    s->next = e->sessions;
    if (s->next)
        s->next->prev = s;
    e->sessions = s;
    e->session_count++;
    s->greeting = env_timer_start(loop_env(e->loop), ENGINE_GREETING_MS, on_greeting_late, s);
    engine_sessions_changed(e);
    return;
fail:
    if (s)
        session_free(s);
    (void)close(fd);
}

// --- for the face --------------------------------------------------------------------------------

void session_send(struct session *s, const char *json, size_t n, uint64_t seq) {
    if (seq && s->started[seq % STARTED_SLOTS].seq == seq) {
        s->started[seq % STARTED_SLOTS].seq = 0;
        figures_latency(&s->engine->figures, env_mono_ns(loop_env(s->engine->loop)) -
                                                 s->started[seq % STARTED_SLOTS].ns);
    }
    send_frame(s, HOP_MESSAGE, seq, json, n);
    // Perhaps the last thing that an ending was waiting for.
    if (s->state == SESSION_FINISHING || s->state == SESSION_LEAVING)
        engine_want_tick(s->engine);
}

void session_send_state(struct session *s, uint64_t seq, const char *uri, size_t uri_bytes,
                        const char *json, size_t n) {
    uint8_t head[4];
    AUTO_BUF body = BUF_INIT(HOP_BODY_BYTES_MAX);
    for (size_t i = 0; i < sizeof head; i++)
        head[i] = (uint8_t)(uri_bytes >> (8 * i));
    (void)buf_reserve(&body, sizeof head + uri_bytes + n);
    (void)buf_append(&body, head, sizeof head);
    (void)buf_append(&body, uri, uri_bytes);
    if (buf_append(&body, json, n) == 0) // else the front end keeps what it has
        send_frame(s, HOP_STATE, seq, body.data, body.len);
}

uint64_t session_arrival_ns(const struct session *s) {
    return s->arrival_ns;
}

void session_note(struct session *s, const char *text) {
    send_frame(s, HOP_NOTE, 0, text, strlen(text));
}

void session_changed(struct session *s, json_t *uris, bool list_changed) {
    if (s->state != SESSION_OPEN || !s->face->changed)
        return;
    if (!s->congested) {
        s->face->changed(s->face_state, uris, list_changed);
        return;
    }
    // It does not read at present: each resource is told once, when it does again.
    s->missed_list |= list_changed;
    if (!s->missed)
        s->missed = json_object();
    size_t i;
    json_t *uri;
    json_array_foreach(uris, i, uri) {
        if (json_object_size(s->missed) < MISSED_MAX)
            (void)json_object_set_new(s->missed, json_string_value(uri), json_true());
        else
            s->missed_list = true;
    }
}

struct env *session_env(struct session *s) {
    return loop_env(s->engine->loop);
}

struct loop *session_loop(struct session *s) {
    return s->engine->loop;
}

struct dispatch *session_dispatch(struct session *s) {
    return s->engine->dispatch;
}

struct pool *session_pool(struct session *s) {
    return s->engine->pool;
}

struct services *session_services(struct session *s) {
    return &s->engine->services;
}

const char *session_id(const struct session *s) {
    return s->id;
}

const char *session_workspace(const struct session *s) {
    return s->workspace;
}

void session_set_client(struct session *s, const char *name) {
    size_t n = utf_cut(name, strlen(name), CLIENT_NAME_BYTES_MAX); // half a character is no JSON
    memcpy(s->client, name, n);
    s->client[n] = '\0';
    for (char *at = s->client; *at; at++) // it stands within a line of answers
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = ' ';
}

const char *session_client(const struct session *s) {
    return s->client;
}

const json_t *session_hello(const struct session *s) {
    return s->hello;
}

const char *session_engine_id(const struct session *s) {
    return s->engine->id;
}
