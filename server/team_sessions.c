#include "server/team_sessions.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/crypto/secret.h"
#include "core/store/agent_store.h"
#include "server/acp_kept.h"
#include "server/cap_admin.h"
#include "server/team.h"
#include "server/when.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char owner[] = "acp", talk_prefix[] = "talk/", head_prefix[] = "head/",
                  chat_prefix[] = "chat/";

enum { KEY_BYTES = 48, TITLE_BYTES = 100, LISTED_MAX = 200 };
static const int64_t day_ms = 24 * 3600 * 1000;

void team_sessions_id(const struct caller *caller, char ret[SESSION_ID_BYTES]) {
    static const uint8_t key[32] = "paired conversation id";
    uint8_t hash[32];
    char seq[32];
    int n = snprintf(seq, sizeof seq, "%llu", (unsigned long long)caller->seq);
    secret_hash(key, caller->session, strlen(caller->session), seq, (size_t)n, hash);
    (void)snprintf(ret, SESSION_ID_BYTES, "chat-");
    for (size_t i = 0; i < 12; i++)
        (void)snprintf(ret + 5 + 2 * i, 3, "%02x", hash[i]);
}

static bool is_id(struct text t) {
    bool good = t.len > 0 && t.len < SESSION_ID_BYTES;
    for (size_t i = 0; good && i < t.len; i++)
        good = islower((unsigned char)t.data[i]) || isdigit((unsigned char)t.data[i]) ||
               t.data[i] == '-';
    return good;
}

static int reader(struct call *call, struct store **s, struct db **db, struct err *err) {
    *s = call->services->store(call->services, err);
    if (!*s)
        return err && err->code ? err->code : ERR_IO;
    return store_reader_get(*s, db, err);
}

// --- finding -------------------------------------------------------------------------------------

struct search {
    struct text name;
    bool last;
    size_t found;
    char id[SESSION_ID_BYTES];
};

static int match(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct search *s = ctx;
    const char *id = row->key + sizeof head_prefix - 1;
    (void)err;
    bool this = s->last ? s->found == 0
                        : strncmp(id, s->name.data, s->name.len) == 0 ||
                              (strncmp(id, "chat-", 5) == 0 &&
                               strncmp(id + 5, s->name.data, s->name.len) == 0);
    if (this && s->found++ == 0)
        (void)snprintf(s->id, sizeof s->id, "%s", id);
    return 0;
}

int team_sessions_find(struct call *call, struct text name, char ret[SESSION_ID_BYTES],
                       struct err *err) {
    struct search s = {.name = name, .last = text_is(name, "last")};
    struct store *store;
    struct db *db;
    ret[0] = '\0';
    if (!is_id(name))
        return err_set(err, ERR_INVAL, "session: \"last\", or an id of `paired sessions list`");
    if (strcmp(call->caller->face, "acp") == 0) { // its own, kept or not
        (void)snprintf(ret, SESSION_ID_BYTES, "%.*s", (int)name.len, name.data);
        return 0;
    }
    int r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    r = agent_store_newest(db, call->caller->workspace, owner, head_prefix, NULL, LISTED_MAX, match,
                           &s, err);
    store_reader_put(store, db);
    if (r < 0)
        return r;
    if (s.found > 1 && !s.last)
        return err_set(err, ERR_INVAL, "session: %zu begin with %.*s", s.found, (int)name.len,
                       name.data);
    if (s.found == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no conversation of this id is kept for this folder: paired sessions list");
    memcpy(ret, s.id, sizeof s.id);
    return 0;
}

int team_sessions_load(struct call *call, const char *id, json_t **ret, struct err *err) {
    char key[KEY_BYTES];
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    struct store *store;
    struct db *db;
    (void)snprintf(key, sizeof key, "%s%s", talk_prefix, id);
    int r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    r = agent_store_get(db, call->caller->workspace, owner, key, &text, err);
    store_reader_put(store, db);
    if (r < 0)
        return r;
    *ret = r ? json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL) : NULL;
    return *ret ? 0 : err_set(err, ERR_NOT_FOUND, "no model was asked in this conversation");
}

// --- keeping -------------------------------------------------------------------------------------

struct keeping {
    const struct call *call;
    char key[KEY_BYTES];
    const struct buf *text;
};

struct old {
    int64_t before_ms;
    size_t count;
    char ids[8][SESSION_ID_BYTES]; // the rest goes the next time
};

static int find_old(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct old *o = ctx;
    (void)err;
    if (row->changed_ms < o->before_ms && o->count < COUNT_OF(o->ids))
        (void)snprintf(o->ids[o->count++], SESSION_ID_BYTES, "%s",
                       row->key + sizeof talk_prefix - 1);
    return 0;
}

static int drop(struct db *db, const char *workspace, const char *id, struct err *err) {
    const char *const prefixes[] = {talk_prefix, head_prefix, chat_prefix};
    char key[KEY_BYTES];
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(prefixes); i++) {
        (void)snprintf(key, sizeof key, "%s%s", prefixes[i], id);
        r = workspace ? agent_store_put(db, workspace, owner, key, NULL, 0, 0, err)
                      : agent_store_drop(db, owner, key, err);
    }
    return r < 0 ? r : 0;
}

static int keep_talk(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct keeping *k = ctx;
    const char *workspace = k->call->caller->workspace;
    struct old old = {.before_ms = k->call->now_ms - TEAM_DAYS_MAX * day_ms};
    (void)result;
    int r = agent_store_put(db, workspace, owner, k->key, k->text->data, k->text->len,
                            k->call->now_ms, err);
    if (r == 0)
        r = agent_store_newest(db, workspace, owner, talk_prefix, NULL, INT64_MAX, find_old, &old,
                               err);
    for (size_t i = 0; r == 0 && i < old.count; i++)
        r = drop(db, workspace, old.ids[i], err);
    return r;
}

// What chats keep: so that an editor's list has it, and shows what was said.
static int keep_chat(struct call *call, const char *id, const char *agent, struct text title,
                     struct text question, struct text said, struct err *err) {
    struct answer answer = {0};
    char turn[64];
    const char *eol = title.len ? memchr(title.data, '\n', title.len) : NULL;
    title.len = utf_cut(title.data, eol ? (size_t)(eol - title.data) : title.len, TITLE_BYTES);
    (void)snprintf(turn, sizeof turn, "%.16s-%llu", call->caller->session,
                   (unsigned long long)call->caller->seq);
    const struct acp_keep_input in = {
        .id = {id, strlen(id)},
        .cwd = {call->caller->workspace, strlen(call->caller->workspace)},
        .title = title,
        .agent = {agent, strlen(agent)},
        .turn = {turn, strlen(turn)},
        .question = question,
        .said = said,
    };
    int r = acp_keep_run(call, &in, &answer, err);
    answer_done(&answer);
    return r;
}

// Of the question that it began with.
static struct text title_of(const json_t *talk, struct text question) {
    const json_t *title = json_object_get(talk, "title");
    struct text first = {json_string_value(title), json_string_length(title)};
    return first.len ? first : question;
}

int team_sessions_keep(struct call *call, const char *id, const char *agent, const json_t *talk,
                       struct text question, struct text said, struct err *err) {
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    struct keeping k = {.call = call, .text = &text};
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return ERR_IO;
    int r = buf_put_json(&text, talk, JSON_COMPACT);
    if (r < 0)
        return err_set(err, r, "the conversation is too long to be kept");
    (void)snprintf(k.key, sizeof k.key, "%s%s", talk_prefix, id);
    r = store_write(store, NULL, keep_talk, &k, NULL, NULL, err);
    if (r == 0 && strcmp(call->caller->face, "acp") != 0)
        r = keep_chat(call, id, agent, title_of(talk, question), question, said, err);
    return r;
}

// --- paired sessions -----------------------------------------------------------------------------

struct one_input {
    struct text id;
};
static const struct field one_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct one_input, id),
     .max = SESSION_ID_BYTES},
    {0},
};

struct listing {
    struct call *call;
    json_t *list;
    struct buf *text;
};

static int list_one(void *ctx, const struct agent_store_row *row, struct err *err) {
    struct listing *l = ctx;
    json_t *about = json_loadb(row->value, row->value_bytes, 0, NULL);
    const char *title = json_string_value(json_object_get(about, "title"));
    const char *agent = json_string_value(json_object_get(about, "agent"));
    const char *id = row->key + sizeof head_prefix - 1;
    (void)err;
    (void)buf_printf(l->text, "%s  %-9s ", id, agent ? agent : "");
    (void)when_put(l->text, row->changed_ms, l->call->now_ms);
    (void)buf_printf(l->text, ": %s\n", title ? title : "");
    (void)json_array_append_new(l->list, json_pack("{s:s, s:s*, s:s*, s:I}", "id", id, "agent",
                                                   agent, "title", title, "changed_ms",
                                                   (json_int_t)row->changed_ms));
    json_decref(about);
    return 0;
}

static int need_workspace(const struct call *call, struct err *err) {
    return call->caller->workspace ? 0
                                   : err_set(err, ERR_INVAL,
                                             "no workspace is known: run it in the folder of the "
                                             "repository, or give --workspace");
}

static int run_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct listing l = {.call = call, .text = &answer->text};
    struct store *store;
    struct db *db;
    (void)input;
    int r = need_workspace(call, err);
    if (r == 0)
        r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    l.list = json_array();
    r = agent_store_newest(db, call->caller->workspace, owner, head_prefix, NULL, LISTED_MAX,
                           list_one, &l, err);
    store_reader_put(store, db);
    if (r == 0 && !answer->text.len)
        (void)buf_puts(&answer->text, "No conversation is kept for this folder.\n");
    answer->structured = json_pack("{s:o}", "sessions", l.list);
    return r < 0 ? r : answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void put_quoted(const json_t *text, const char *before, struct buf *out) {
    const char *s = json_string_value(text);
    for (size_t n = json_string_length(text); s && n;) {
        const char *eol = memchr(s, '\n', n);
        size_t line = eol ? (size_t)(eol - s) : n;
        (void)buf_printf(out, "%s%.*s\n", before, (int)line, s);
        s += line + (eol ? 1 : 0);
        n -= line + (eol ? 1 : 0);
    }
}

static int run_show(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct one_input *in = input;
    char id[SESSION_ID_BYTES];
    struct answer kept = {0};
    int r = need_workspace(call, err);
    if (r == 0)
        r = team_sessions_find(call, in->id, id, err);
    if (r == 0)
        r = acp_load_run(call, &(struct acp_load_input){{id, strlen(id)}}, &kept, err);
    if (r < 0)
        return r;
    size_t i;
    const json_t *turn;
    (void)buf_printf(&answer->text, "%s\n", id);
    json_array_foreach(json_object_get(kept.structured, "turns"), i, turn) {
        (void)buf_putc(&answer->text, '\n');
        put_quoted(json_object_get(turn, "question"), "> ", &answer->text);
        (void)buf_putc(&answer->text, '\n');
        put_quoted(json_object_get(turn, "said"), "", &answer->text);
    }
    answer->structured = json_incref(kept.structured);
    (void)json_object_set_new(answer->structured, "id", json_string(id));
    answer_done(&kept);
    return 0;
}

static int forget(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return drop(db, NULL, ctx, err);
}

static int run_forget(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct one_input *in = input;
    char id[SESSION_ID_BYTES];
    struct store *store = call->services->store(call->services, err);
    if (!store)
        return ERR_IO;
    int r = need_workspace(call, err);
    if (r == 0)
        r = team_sessions_find(call, in->id, id, err);
    if (r == 0)
        r = store_write(store, NULL, forget, id, NULL, NULL, err);
    if (r < 0)
        return r;
    (void)buf_printf(&answer->text, "%s is forgotten.\n", id);
    answer->structured = json_pack("{s:s}", "id", id);
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

const struct capability capabilities_sessions[] = {
    {.name = "sessions list",
     .title = "Conversations that are kept",
     .description = "Conversations of this workspace, the newest first",
     .flags = CAP_CLI_ONLY | CAP_READ_ONLY,
     .input_size = sizeof(char),
     .run = run_list},
    {.name = "sessions show",
     .title = "A conversation",
     .description = "What was asked and answered in a conversation",
     .flags = CAP_CLI_ONLY | CAP_READ_ONLY,
     .input = one_fields,
     .input_size = sizeof(struct one_input),
     .run = run_show},
    {.name = "sessions forget",
     .title = "Forget a conversation",
     .description = "Removes a conversation from the store",
     .flags = CAP_CLI_ONLY | CAP_IDEMPOTENT,
     .input = one_fields,
     .input_size = sizeof(struct one_input),
     .run = run_forget},
    {0},
};
