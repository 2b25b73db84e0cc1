// Chats ("sessions" of the protocol): begun, closed, and which agent answers in them. Sources: ACP
// v1 "Session Setup", "Session Config Options", "Session Modes".
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "server/acp_face.h"
#include "server/folder.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char option_agent[] = "agent";

// --- finding -------------------------------------------------------------------------------------

struct acp_chat *acp_chat_find(const struct acp_face *f, const char *id) {
    struct acp_chat *c = f->chats;
    while (c && strcmp(c->id, id) != 0)
        c = c->next;
    return c;
}

struct acp_chat *acp_chat_of(struct acp_face *f, struct rpc_request *req, const json_t *params) {
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    struct acp_chat *chat = id ? acp_chat_find(f, id) : NULL;
    if (!id)
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "sessionId: expected string", NULL);
    else if (!chat)
        rpc_fail(req, ACP_RESOURCE_NOT_FOUND, "Resource not found: no session of this id is open",
                 NULL);
    return chat;
}

json_t *acp_full_path(const struct acp_chat *chat, const char *below) {
    AUTO_FREE char *full = below ? mem_format("%s/%s", chat->shown, below) : NULL;
    return full ? acp_string(full, strlen(full)) : NULL;
}

// --- life ----------------------------------------------------------------------------------------

static void chat_free(struct acp_chat *chat) {
    struct acp_chat **link = &chat->face->chats;
    while (*link != chat)
        link = &(*link)->next;
    *link = chat->next;
    chat->face->chat_count--;
    json_decref(chat->more);
    mem_free(chat->cwd);
    mem_free(chat->root);
    mem_free(chat->shown);
    mem_free(chat);
}

void acp_chats_free(struct acp_face *f) {
    while (f->chats) {
        if (f->chats->turn)
            acp_turn_drop(f->chats->turn);
        chat_free(f->chats);
    }
}

// The same for the same message of the same client, so that an engine which is asked again after
// the death of another gives the id that may have been given already.
static void make_id(const struct acp_face *f, char ret[ACP_ID_BYTES]) {
    static const uint8_t key[32] = "paired acp session id";
    uint8_t hash[32];
    char seq[32];
    int n = snprintf(seq, sizeof seq, "%llu", (unsigned long long)f->seq);
    const char *session = session_id(f->session);
    secret_hash(key, session, strlen(session), seq, (size_t)n, hash);
    (void)snprintf(ret, ACP_ID_BYTES, "chat-");
    for (size_t i = 0; i < 12; i++)
        (void)snprintf(ret + 5 + 2 * i, 3, "%02x", hash[i]);
}

static int check_servers(const json_t *servers, struct err *err) {
    size_t i;
    const json_t *one;
    if (servers && !json_is_array(servers))
        return err_set(err, ERR_INVAL, "mcpServers: expected array");
    json_array_foreach(servers, i, one) if (
        !json_is_string(json_object_get(
            one, "name"))) return err_set(err, ERR_INVAL, "mcpServers[%zu].name: expected string",
                                          i);
    return 0;
}

// The root in the words of the client: of what it calls the folder, what stands above the part
// below the root; if it calls that otherwise, too, the root itself.
static char *shown_root(const char *cwd, const char *root, const char *below) {
    size_t n = strlen(cwd), m = strlen(below);
    while (n > 1 && cwd[n - 1] == '/')
        n--;
    if (!m)
        return mem_strndup(cwd, n);
    bool ends = n > m + 1 && cwd[n - m - 1] == '/' && memcmp(cwd + n - m, below, m) == 0;
    return ends ? mem_strndup(cwd, n - m - 1) : mem_strdup(root);
}

static int set_folder(struct acp_chat *chat, const json_t *value, struct err *err) {
    char real[DIRS_PATH_BYTES_MAX];
    size_t root = 0, n = json_string_length(value);
    const char *cwd = json_string_value(value);
    if (!cwd || *cwd != '/' || strlen(cwd) != n)
        return err_set(err, ERR_INVAL, "cwd: expected an absolute path");
    if (!folder_root(cwd, real, &root))
        return err_set(err, ERR_INVAL, "cwd: there is no such folder");
    chat->cwd = mem_strndup(cwd, n);
    chat->root = mem_strndup(real, root);
    if (chat->root)
        chat->shown = shown_root(cwd, chat->root, real[root] ? real + root + 1 : "");
    return chat->cwd && chat->shown ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

struct acp_chat *acp_chat_open(struct acp_face *f, const json_t *params, const char *id,
                               struct err *err) {
    const json_t *servers = json_object_get(params, "mcpServers");
    if (f->chat_count >= ACP_CHATS_MAX) {
        (void)err_set(err, ERR_LIMIT, "%d sessions are open: close some of them", ACP_CHATS_MAX);
        return NULL;
    }
    struct acp_chat *chat = mem_zalloc(sizeof *chat);
    if (!chat) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    chat->face = f;
    chat->agent = &agent_team;
    (void)snprintf(chat->id, sizeof chat->id, "%s", id);
    chat->next = f->chats;
    f->chats = chat;
    f->chat_count++;
    if (check_servers(servers, err) < 0 ||
        set_folder(chat, json_object_get(params, "cwd"), err) < 0) {
        chat_free(chat);
        return NULL;
    }
    chat->foreign = json_array_size(servers);
    return chat;
}

// --- which agent ---------------------------------------------------------------------------------

// "sherlock" → "Sherlock"; its title without the name: "quality and review".
static void agent_words(const struct agent *a, char name[32], const char **ret_about) {
    const char *comma = strstr(a->title, ", ");
    (void)snprintf(name, 32, "%c%s", toupper((unsigned char)a->name[0]), a->name + 1);
    *ret_about = a == &agent_team ? "Whoever the question concerns" : comma ? comma + 2 : a->title;
}

// The team first: it is what a client that shows no choice gets.
static const struct agent *agent_at(size_t i) {
    return i == 0 ? &agent_team : i <= AGENTS_SEVEN ? agents[i - 1] : NULL;
}

static json_t *options_json(const struct acp_chat *chat) {
    json_t *values = json_array();
    char name[32];
    const char *about;
    for (size_t i = 0; agent_at(i); i++) {
        agent_words(agent_at(i), name, &about);
        (void)json_array_append_new(values, json_pack("{s:s, s:s, s:s}", "value", agent_at(i)->name,
                                                      "name", name, "description", about));
    }
    return json_pack("[{s:s, s:s, s:s, s:s, s:s, s:s, s:o}]", "id", option_agent, "name", "Agent",
                     "description", "Who answers", "category", "mode", "type", "select",
                     "currentValue", chat->agent->name, "options", values);
}

// For clients that know only these.
static json_t *modes_json(const struct acp_chat *chat) {
    json_t *modes = json_array();
    char name[32];
    const char *about;
    for (size_t i = 0; agent_at(i); i++) {
        agent_words(agent_at(i), name, &about);
        (void)json_array_append_new(modes, json_pack("{s:s, s:s, s:s}", "id", agent_at(i)->name,
                                                     "name", name, "description", about));
    }
    return json_pack("{s:s, s:o}", "currentModeId", chat->agent->name, "availableModes", modes);
}

static void tell_commands(struct acp_chat *chat) {
    acp_update(chat, json_pack("{s:s, s:o}", "sessionUpdate", "available_commands_update",
                               "availableCommands", acp_commands(chat->agent)));
}

// false: there is no such agent; req has been answered.
static bool choose(struct acp_chat *chat, struct rpc_request *req, const json_t *value,
                   const char *member) {
    char text[64];
    const struct agent *agent =
        json_is_string(value) ? agent_find(json_string_value(value), json_string_length(value))
                              : NULL;
    if (!agent) {
        (void)snprintf(text, sizeof text, "%s: expected one of the values offered", member);
        rpc_fail(req, JSONRPC_INVALID_PARAMS, text, NULL);
        return false;
    }
    chat->agent = agent;
    return true;
}

void acp_chat_set_option(void *face, struct rpc_request *req, json_t *params) {
    struct acp_chat *chat = acp_chat_of(face, req, params);
    const char *id = json_string_value(json_object_get(params, "configId"));
    const struct agent *was = chat ? chat->agent : NULL;
    if (!chat)
        return;
    if (!id || strcmp(id, option_agent) != 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "configId: expected \"agent\"", NULL);
        return;
    }
    if (!choose(chat, req, json_object_get(params, "value"), "value"))
        return;
    acp_state_tell(chat);
    acp_reply(req, json_pack("{s:o}", "configOptions", options_json(chat)));
    if (chat->agent == was)
        return;
    // "Agents SHOULD keep both in sync".
    acp_update(chat, json_pack("{s:s, s:s}", "sessionUpdate", "current_mode_update",
                               "currentModeId", chat->agent->name));
    tell_commands(chat);
}

void acp_chat_set_mode(void *face, struct rpc_request *req, json_t *params) {
    struct acp_chat *chat = acp_chat_of(face, req, params);
    const struct agent *was = chat ? chat->agent : NULL;
    if (!chat || !choose(chat, req, json_object_get(params, "modeId"), "modeId"))
        return;
    acp_state_tell(chat);
    rpc_reply_raw(req, "{}", 2);
    if (chat->agent == was)
        return;
    acp_update(chat, json_pack("{s:s, s:o}", "sessionUpdate", "config_option_update",
                               "configOptions", options_json(chat)));
    tell_commands(chat);
}

// --- methods -------------------------------------------------------------------------------------

// "Agents SHOULD connect to all MCP servers": this one does not, and says so.
static void tell_foreign(struct acp_chat *chat) {
    if (!chat->foreign || !(chat->face->can & ACP_CAN_NOTICE))
        return;
    acp_update(chat, json_pack("{s:s, s:s, s:s, s:s}", "sessionUpdate", "notice", "severity",
                               "info", "title", "MCP servers were not started", "description",
                               "The agents run nothing foreign: they answer from the repository."));
    chat->foreign = 0;
}

void acp_chat_welcome(struct acp_chat *chat, struct rpc_request *req, bool fresh) {
    acp_state_tell(chat);
    acp_reply(req, json_pack("{s:s*, s:o, s:o}", "sessionId", fresh ? chat->id : NULL,
                             "configOptions", options_json(chat), "modes", modes_json(chat)));
    tell_commands(chat);
    tell_foreign(chat);
}

void acp_chat_new(void *face, struct rpc_request *req, json_t *params) {
    struct acp_face *f = face;
    struct err err = {0};
    char id[ACP_ID_BYTES];
    make_id(f, id);
    struct acp_chat *chat = acp_chat_find(f, id);
    if (!chat)
        chat = acp_chat_open(f, params, id, &err);
    if (chat)
        acp_chat_welcome(chat, req, true);
    else
        acp_fail(req, err.code == ERR_INVAL ? JSONRPC_INVALID_PARAMS : JSONRPC_INTERNAL_ERROR,
                 &err);
}

// "MUST cancel any ongoing work for that session as if session/cancel had been called".
void acp_chat_end(struct acp_chat *chat) {
    if (chat->turn)
        acp_turn_cancel(chat->turn);
    acp_state_forget(chat);
    chat_free(chat);
}

void acp_chat_close(void *face, struct rpc_request *req, json_t *params) {
    struct acp_chat *chat = acp_chat_of(face, req, params);
    if (!chat)
        return;
    acp_chat_end(chat);
    rpc_reply_raw(req, "{}", 2);
}
