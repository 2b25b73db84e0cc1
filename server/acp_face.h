// The agent side of the Agent Client Protocol, version 1: the seven agents in the chat of an
// editor. What follows is what the files of server/acp_*.c share. A connection (`face`) holds chats
// ("sessions" of the protocol; the word is taken here), a chat has at most one turn: a question
// that is being answered. A turn is a row of steps, each a capability of an agent; what a step
// found is said as soon as it is there. Nothing is written, by us or through the editor, without a
// question to the user before. Nothing the client names is executed. Main loop only, except where
// said. Source: Agent Client Protocol v1 (agentclientprotocol.com), docs/ACP.md.
#pragma once

#include "core/agents/agents.h"
#include "core/base/buf.h"
#include "protocol/rpc.h"
#include "server/session.h"

enum { ACP_VERSION = 1 };
enum { // ACP v1 "ErrorCode", beside those of JSON-RPC
    ACP_REQUEST_CANCELLED = -32800,
    ACP_RESOURCE_NOT_FOUND = -32002
};
enum {
    ACP_CHATS_MAX = 256, // open in one connection
    ACP_ID_BYTES = 32,   // of a chat, with its NUL
    ACP_BLOCKS_MAX = 64, // of one prompt
    ACP_PATHS_MAX = 8,   // that a prompt points at; more are left out
    ACP_PATH_BYTES_MAX = 4096,
    ACP_QUESTION_BYTES_MAX = 64 * 1024,
    ACP_STEPS_MAX = 4,      // of one turn
    ACP_CHUNK_BYTES = 2048, // of one agent_message_chunk
    ACP_LOCATIONS_MAX = 50, // of one tool call
    ACP_TITLE_BYTES_MAX = 120,
    ACP_QUESTION_ID_BYTES = 64 // of a request of ours
};
enum {                 // what the client can do
    ACP_CAN_READ = 1,  // fs/read_text_file
    ACP_CAN_WRITE = 2, // fs/write_text_file
    ACP_CAN_NOTICE = 4 // session/update of kind notice
};

struct acp_turn;

struct acp_face {
    struct session *session;
    struct rpc *rpc;
    bool started;   // initialize has been answered
    bool finishing; // the client will say no more
    bool silent;    // what is handed out was said to an engine that is gone: answer nobody
    uint64_t seq;   // of the message that is handed out
    unsigned can;   // ACP_CAN_…
    struct acp_chat *chats;
    size_t chat_count;
    struct acp_job *jobs; // requests that workers answer, but for prompts
    size_t job_count;
    int64_t asked; // requests of ours so far: the number of the last one
};

struct acp_chat {
    struct acp_chat *next;
    struct acp_face *face;
    char id[ACP_ID_BYTES];
    char *cwd;                 // as the client gave it
    char *root;                // of the repository around it, or the folder itself; without links
    char *shown;               // the same as the client writes it: perhaps through a link
    const struct agent *agent; // who answers; agent_team: to whom it concerns
    char title[ACP_TITLE_BYTES_MAX + 1]; // of the first question; "" before it
    size_t foreign; // MCP servers that the client named: not started, and not yet said so
    char focus[ACP_PATH_BYTES_MAX]; // file or symbol that was spoken of last; "" none
    json_t *more;                   // next page of the last answer: {"row", "arguments"}, or NULL
    unsigned allowed, refused;      // what the user decided once and for all, here (acp_ask.c)
    bool told_why;                  // … no model is asked
    char question[ACP_QUESTION_ID_BYTES]; // request of ours that is open; "" none
    struct acp_turn *turn;                // NULL: nothing is being answered
    struct {                              // of the prompt that is, or was, answered
        uint64_t seq;
        size_t steps; // whose answers have been said: an engine that is asked again does not repeat
    } said;
};

// --- the conversation (acp_session.c)
// An update to the client; `update` is stolen (NULL: out of memory, nothing is sent).
void acp_update(struct acp_chat *chat, json_t *update);
void acp_fail(struct rpc_request *req, int code, const struct err *err);
// Of a result that was made; NULL: -32603.
void acp_reply(struct rpc_request *req, json_t *result);
// A string of bytes that may not be UTF-8: what is not becomes U+FFFD. New.
json_t *acp_string(const char *text, size_t n);
// The first line without control characters, at most `max` bytes and the NUL.
void acp_one_line(const char *text, size_t n, char *ret, size_t max);
// Runs a capability for a chat whose answer nobody waits for. `arguments` are stolen.
void acp_run_unheard(struct acp_chat *chat, const char *capability, json_t *arguments,
                     uint64_t seq);

// --- chats (acp_chats.c)
void acp_chat_new(void *face, struct rpc_request *req, json_t *params);
void acp_chat_close(void *face, struct rpc_request *req, json_t *params);
void acp_chat_set_option(void *face, struct rpc_request *req, json_t *params);
void acp_chat_set_mode(void *face, struct rpc_request *req, json_t *params);
// Of the member sessionId; NULL: req has been answered.
struct acp_chat *acp_chat_of(struct acp_face *f, struct rpc_request *req, const json_t *params);
struct acp_chat *acp_chat_find(const struct acp_face *f, const char *id); // NULL unknown
// From cwd and mcpServers. NULL: err says why.
struct acp_chat *acp_chat_open(struct acp_face *f, const json_t *params, const char *id,
                               struct err *err);
void acp_chats_free(struct acp_face *f);  // ends what they do, answers nobody
void acp_chat_end(struct acp_chat *chat); // what it does is cancelled
// Answers session/new (`fresh`: with the id), load, resume: who can answer, and the commands.
void acp_chat_welcome(struct acp_chat *chat, struct rpc_request *req, bool fresh);
json_t *acp_full_path(const struct acp_chat *chat, const char *below); // new

// --- conversations of earlier (acp_history.c)
void acp_chat_list(void *face, struct rpc_request *req, json_t *params);
void acp_chat_load(void *face, struct rpc_request *req, json_t *params);
void acp_chat_resume(void *face, struct rpc_request *req, json_t *params);
void acp_chat_delete(void *face, struct rpc_request *req, json_t *params);
void acp_jobs_free(struct acp_face *f);

// --- for the next engine (acp_state.c)
extern const char acp_state_method[];
void acp_state_tell(struct acp_chat *chat);
void acp_state_forget(struct acp_chat *chat);
void acp_state_take(void *face, json_t *params);

// --- what a prompt says (acp_prompt.c)
struct acp_prompt {
    struct buf text;              // all text blocks, and what the others point at: the question
    char *paths[ACP_PATHS_MAX];   // below the root, of links and embedded files; owned
    json_t *texts[ACP_PATHS_MAX]; // of embedded ones that are whole, else NULL; owned
    size_t path_count;
    char command[64]; // "/review src": "review"; "" for a question
    size_t rest;      // of text: where the command's words begin
};
// ERR_INVAL: not a prompt, with the member that is wrong; ERR_LIMIT; ERR_NOMEM. In any case
// acp_prompt_done.
int acp_prompt_read(const json_t *blocks, const struct acp_chat *chat, struct acp_prompt *ret,
                    struct err *err);
void acp_prompt_done(struct acp_prompt *p);
// Path below the chat's root of a file: URI or an absolute path. NULL: it is not below, or no file.
char *acp_uri_below(const char *uri, const struct acp_chat *chat);

// --- slash commands (acp_command.c)
json_t *acp_commands(const struct agent *agent); // of available_commands_update; new
// Words of a command line as arguments of a capability: bare ones fill its operand, name=value and
// --name value the others; files that the prompt points at stand for a path that is not named. *ret
// new. ERR_INVAL says what is wrong.
int acp_arguments(const struct capability *c, const char *words, size_t n, char *const *paths,
                  size_t path_count, json_t **ret, struct err *err);
// By its name, with "-" for "_"; the agent's own first. NULL: there is none.
const struct capability *acp_command_find(const struct dispatch *d, const char *name,
                                          const struct agent *first);
// What a chat knows by itself, and a command was not given.
void acp_command_complete(const struct acp_chat *chat, const struct capability *c,
                          json_t *arguments);

// --- turns (acp_turn.c)
void acp_prompt(void *face, struct rpc_request *req, json_t *params);
void acp_turn_cancel(struct acp_turn *t);      // the prompt is answered: cancelled
void acp_turn_drop(struct acp_turn *t);        // the client is gone: no answer
bool acp_turn_waits(const struct acp_turn *t); // for the client, or for something to happen?

// --- saying it (acp_say.c)
struct acp_step {
    const struct capability *row; // of dispatch: "sherlock.review"
    json_t *arguments;            // owned
    char title[ACP_TITLE_BYTES_MAX + 1];
    enum { ACP_PENDING, ACP_RUNNING, ACP_COMPLETED, ACP_FAILED } status;
};
void acp_step_title(struct acp_step *s);
void acp_say_plan(struct acp_chat *chat, const struct acp_step *steps, size_t count);
// tool_call of a step that begins, tool_call_update of one whose status has changed. `call` is its
// id. answer: the structured one, for places; text: one line of what came of it. Both may be NULL.
void acp_say_call(struct acp_chat *chat, const char *call, const struct acp_step *s);
void acp_say_call_update(struct acp_chat *chat, const char *call, const struct acp_step *s,
                         const json_t *answer, const char *text, size_t n);
json_t *acp_call_json(const char *call, const struct acp_step *s); // for a permission request; new
json_t *acp_call_brief(const struct acp_step *s);                  // for the conversation; new
// agent_message_chunk (`kind`) or another, as many as it takes. `message`: id that they share.
void acp_say(struct acp_chat *chat, const char *kind, const char *message, const char *text,
             size_t n);

// --- markdown (acp_markdown.c)
enum acp_layout { ACP_LINES, ACP_VERBATIM, ACP_JSON, ACP_MERMAID };
enum acp_layout acp_layout(const struct acp_step *s); // of the step's answer (acp_say.c)
// Appends; places below `root` become links. ERR_NOMEM, ERR_LIMIT.
int acp_markdown(const char *text, size_t n, const char *root, enum acp_layout layout,
                 struct buf *out);
int acp_markdown_line(const char *text, size_t n, const char *root, struct buf *out);
