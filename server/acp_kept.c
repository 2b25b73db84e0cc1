#include "server/acp_kept.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/base/utf.h"
#include "core/store/agent_store.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char agent[] = "acp", head_prefix[] = "head/", chat_prefix[] = "chat/";

enum { ID_BYTES_MAX = 31, KEY_BYTES = 48, TEXT_BYTES_MAX = 1024 * 1024 };

#define IN(what, member, more)                                                                     \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING,                                                     \
        .offset = offsetof(struct acp_##what##_input, member), .max = TEXT_BYTES_MAX, more         \
    }
#define MUST .flags = FIELD_REQUIRED
const struct field acp_keep_fields[] = {
    IN(keep, id, MUST),
    IN(keep, cwd, MUST),
    IN(keep, title, MUST),
    IN(keep, agent, MUST),
    IN(keep, turn, MUST),
    IN(keep, question, MUST),
    IN(keep, said, MUST),
    {.name = "calls", .type = FIELD_JSON, .offset = offsetof(struct acp_keep_input, calls)},
    {0}};
const struct field acp_load_fields[] = {IN(load, id, MUST), {0}};
const struct field acp_list_fields[] = {IN(list, cwd, ), IN(list, cursor, ), {0}};
const struct field acp_delete_fields[] = {IN(delete, id, MUST), {0}};

// "chat/" or "head/" and the id, if it can be one of ours.
static bool make_key(const char *prefix, struct text id, char ret[KEY_BYTES]) {
    if (!id.len || id.len > ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!islower((unsigned char)id.data[i]) && !isdigit((unsigned char)id.data[i]) &&
            id.data[i] != '-')
            return false;
    (void)snprintf(ret, KEY_BYTES, "%s%.*s", prefix, (int)id.len, id.data);
    return true;
}

static json_t *cut(struct text t, size_t max) {
    size_t n = t.data ? utf_cut(t.data, t.len, max) : 0;
    return n < t.len ? json_sprintf("%.*s …", (int)n, t.data) : json_stringn(n ? t.data : "", n);
}

static json_t *read_value(struct db *db, const char *workspace, const char *key, struct err *err) {
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    int r = agent_store_get(db, workspace, agent, key, &text, err);
    json_t *value = r > 0 ? json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL) : NULL;
    if (!value && r >= 0)
        (void)err_set(err, ERR_NOT_FOUND, "no session of this id is kept for this folder");
    else if (!value && err)
        err->code = r;
    return value;
}

// --- keep ----------------------------------------------------------------------------------------

struct keeping {
    struct call *call;
    const struct acp_keep_input *in;
    char chat[KEY_BYTES], head[KEY_BYTES];
    int64_t tokens; // of what is added
};

static void add_said(json_t *turn, const struct keeping *k) {
    const json_t *before = json_object_get(turn, "said");
    AUTO_BUF said = BUF_INIT(2 * TEXT_BYTES_MAX);
    (void)buf_append(&said, json_string_value(before), json_string_length(before));
    (void)buf_append(&said, k->in->said.data, k->in->said.len);
    struct text all = {said.data, said.len};
    (void)json_object_set_new(turn, "said", cut(all, ACP_KEPT_SAID_BYTES));
    (void)json_array_extend(json_object_get(turn, "calls"), k->in->calls);
    (void)json_object_set_new(
        turn, "tokens",
        json_integer(json_integer_value(json_object_get(turn, "tokens")) + k->tokens));
}

static json_t *turn_of(json_t *turns, const struct keeping *k) {
    json_t *last = json_array_get(turns, json_array_size(turns) - 1);
    const json_t *name = json_object_get(last, "turn");
    if (json_is_string(name) && text_is(k->in->turn, json_string_value(name)))
        return last;
    json_t *turn = json_pack(
        "{s:s%, s:o, s:s, s:[], s:i}", "turn", k->in->turn.data, k->in->turn.len, "question",
        cut(k->in->question, ACP_KEPT_QUESTION_BYTES), "said", "", "calls", "tokens", 0);
    return json_array_append_new(turns, turn) < 0 ? NULL : turn;
}

static int64_t tokens_of(const json_t *turns) {
    int64_t sum = 0;
    size_t i;
    const json_t *turn;
    json_array_foreach(turns, i, turn) sum += json_integer_value(json_object_get(turn, "tokens"));
    return sum;
}

// The oldest turns go until the rest fits. *ret: its text.
static int fit(json_t *chat, struct buf *ret) {
    json_t *turns = json_object_get(chat, "turns");
    for (;;) {
        buf_clear(ret);
        if (buf_put_json(ret, chat, JSON_COMPACT) < 0)
            return ERR_NOMEM;
        bool fits = ret->len <= ACP_KEPT_BYTES_MAX && tokens_of(turns) <= ACP_KEPT_TOKENS_MAX;
        if (fits || json_array_size(turns) <= 1)
            return ret->len <= AGENT_VALUE_BYTES_MAX ? 0 : ERR_LIMIT;
        (void)json_array_remove(turns, 0);
    }
}

struct oldest {
    int64_t count;
    char keys[8][KEY_BYTES]; // of heads beyond the maximum; the rest goes the next time
    size_t over;
};

static int count_head(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct oldest *o = ctx;
    (void)err;
    if (++o->count > ACP_KEPT_CHATS_MAX && o->over < COUNT_OF(o->keys))
        (void)snprintf(o->keys[o->over++], KEY_BYTES, "%s", row->key);
    return 0;
}

static int prune(struct db *db, const char *workspace, struct err *err) {
    struct oldest o = {0};
    char chat[KEY_BYTES];
    int r = agent_store_newest(db, workspace, agent, head_prefix, NULL, ACP_KEPT_CHATS_MAX + 8,
                               count_head, &o, err);
    for (size_t i = 0; r == 0 && i < o.over; i++) {
        (void)snprintf(chat, sizeof chat, "%s%s", chat_prefix, o.keys[i] + sizeof head_prefix - 1);
        r = agent_store_put(db, workspace, agent, chat, NULL, 0, 0, err);
        if (r == 0)
            r = agent_store_put(db, workspace, agent, o.keys[i], NULL, 0, 0, err);
    }
    return r;
}

static int put(struct db *db, const struct keeping *k, json_t *chat, struct buf *result,
               struct err *err) {
    const struct acp_keep_input *in = k->in;
    const char *workspace = k->call->caller->workspace;
    json_t *turns = json_object_get(chat, "turns"), *turn = turn_of(turns, k);
    AUTO_BUF text = BUF_INIT(4 * TEXT_BYTES_MAX), head = BUF_INIT(64 * 1024);
    if (turn)
        add_said(turn, k);
    int r = turn ? fit(chat, &text) : ERR_NOMEM;
    json_t *about =
        json_pack("{s:s%, s:s%, s:s%}", "cwd", in->cwd.data, in->cwd.len, "title", in->title.data,
                  in->title.len, "agent", in->agent.data, in->agent.len);
    if (r == 0)
        r = about ? buf_put_json(&head, about, JSON_COMPACT) : ERR_NOMEM;
    json_decref(about);
    if (r < 0)
        return err_set(err, r, "the conversation could not be kept");
    r = agent_store_put(db, workspace, agent, k->chat, text.data, text.len, k->call->now_ms, err);
    if (r == 0)
        r = agent_store_put(db, workspace, agent, k->head, head.data, head.len, k->call->now_ms,
                            err);
    if (r == 0)
        (void)buf_printf(result, "%lld", (long long)tokens_of(turns));
    return r == 0 ? prune(db, workspace, err) : r;
}

static int keep_in_transaction(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct keeping *k = ctx;
    struct err none = {0};
    json_t *chat = read_value(db, k->call->caller->workspace, k->chat, &none);
    if (!chat && none.code != ERR_NOT_FOUND)
        return err_set(err, none.code, "%s", err_text(&none));
    if (!json_is_array(json_object_get(chat, "turns"))) {
        json_decref(chat);
        chat = json_pack("{s:[]}", "turns");
    }
    int r = chat ? put(db, k, chat, result, err) : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(chat);
    return r;
}

int acp_keep_run(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct keeping k = {.call = call, .in = input};
    const struct caller *caller = call->caller;
    struct origin origin = {.seq = caller->seq};
    AUTO_BUF used = BUF_INIT(64);
    if (!make_key(chat_prefix, k.in->id, k.chat) || !make_key(head_prefix, k.in->id, k.head))
        return err_set(err, ERR_INVAL, "id: not one of ours");
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    memcpy(origin.session, caller->session, sizeof origin.session);
    k.tokens = (int64_t)(tokens_count(k.in->said.data, k.in->said.len) +
                         tokens_count(k.in->question.data, k.in->question.len));
    int r = store_write(store, &origin, keep_in_transaction, &k, &used, NULL, err);
    if (r < 0)
        return r;
    answer->structured =
        json_pack("{s:I, s:i}", "used", (json_int_t)strtoll(used.len ? used.data : "0", NULL, 10),
                  "size", ACP_KEPT_TOKENS_MAX);
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- load ----------------------------------------------------------------------------------------

int acp_load_run(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct acp_load_input *in = input;
    char chat[KEY_BYTES], head[KEY_BYTES];
    struct db *db = NULL;
    if (!make_key(chat_prefix, in->id, chat) || !make_key(head_prefix, in->id, head))
        return err_set(err, ERR_NOT_FOUND, "no session of this id is kept");
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    int r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    json_t *about = read_value(db, call->caller->workspace, head, err);
    json_t *kept = about ? read_value(db, call->caller->workspace, chat, err) : NULL;
    store_reader_put(store, db);
    if (kept && json_object_update(about, kept) == 0)
        answer->structured = json_incref(about);
    json_decref(about);
    json_decref(kept);
    return answer->structured ? 0 : err->code ? err->code : ERR_NOMEM;
}

// --- list ----------------------------------------------------------------------------------------

struct listing {
    const struct acp_list_input *in;
    json_t *sessions;
    int64_t last_ms;
    char last[KEY_BYTES];
    bool more;
};

static int add_session(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct listing *l = ctx;
    if (json_array_size(l->sessions) == ACP_KEPT_PAGE) {
        l->more = true;
        return 0;
    }
    l->last_ms = row->changed_ms;
    (void)snprintf(l->last, sizeof l->last, "%s", row->key);
    json_t *about = json_loadb(row->value, row->value_bytes, 0, NULL);
    const json_t *cwd = json_object_get(about, "cwd");
    if (json_is_string(cwd) && (!l->in->cwd.data || text_is(l->in->cwd, json_string_value(cwd)))) {
        char when[32];
        time_t s = (time_t)(row->changed_ms / 1000);
        struct tm tm;
        (void)gmtime_r(&s, &tm);
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
        (void)json_array_append_new(
            l->sessions,
            json_pack("{s:s, s:O, s:O*, s:s}", "sessionId", row->key + sizeof head_prefix - 1,
                      "cwd", cwd, "title", json_object_get(about, "title"), "updatedAt", when));
    }
    json_decref(about);
    (void)err;
    return 0;
}

// "1764280000000-chat-0123…": of the last one of the page before.
static int read_cursor(struct text cursor, struct agent_store_row *ret, char key[KEY_BYTES],
                       struct err *err) {
    size_t digits = 0;
    int64_t ms = 0;
    while (digits < cursor.len && digits < 18 && isdigit((unsigned char)cursor.data[digits]))
        ms = ms * 10 + (cursor.data[digits++] - '0');
    struct text id = {cursor.data + digits + 1, cursor.len - digits - 1};
    if (!digits || digits + 1 >= cursor.len || cursor.data[digits] != '-' ||
        !make_key(head_prefix, id, key))
        return err_set(err, ERR_INVAL, "cursor: not one of ours");
    *ret = (struct agent_store_row){.key = key, .changed_ms = ms};
    return 0;
}

int acp_list_run(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct listing l = {.in = input};
    struct agent_store_row after;
    char key[KEY_BYTES];
    struct db *db = NULL;
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    int r = l.in->cursor.data ? read_cursor(l.in->cursor, &after, key, err) : 0;
    if (r == 0)
        r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    l.sessions = json_array();
    // All of them are looked at: those of a folder may be few.
    r = agent_store_newest(db, l.in->cwd.data ? call->caller->workspace : NULL, agent, head_prefix,
                           l.in->cursor.data ? &after : NULL, INT64_MAX, add_session, &l, err);
    store_reader_put(store, db);
    answer->structured = r == 0 ? json_pack("{s:O}", "sessions", l.sessions) : NULL;
    if (answer->structured && l.more)
        (void)json_object_set_new(
            answer->structured, "nextCursor",
            json_sprintf("%lld-%s", (long long)l.last_ms, l.last + sizeof head_prefix - 1));
    json_decref(l.sessions);
    return r < 0 ? r : answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- delete --------------------------------------------------------------------------------------

static int delete_in_transaction(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const char(*keys)[KEY_BYTES] = ctx;
    (void)result;
    int r = agent_store_drop(db, agent, keys[0], err);
    return r < 0 ? r : agent_store_drop(db, agent, keys[1], err);
}

int acp_delete_run(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct acp_delete_input *in = input;
    char keys[2][KEY_BYTES];
    (void)answer;
    // "a session that never existed SHOULD succeed silently"
    if (!make_key(chat_prefix, in->id, keys[0]) || !make_key(head_prefix, in->id, keys[1]))
        return 0;
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    return store_write(store, NULL, delete_in_transaction, keys, NULL, NULL, err);
}
