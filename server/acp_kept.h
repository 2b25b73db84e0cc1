// Conversations with the agents in the encrypted store: each is one value of the agents' memory
// (core/store/agent_store.h, agent "acp") under its workspace, and a small head beside it for
// lists. Erased with the workspace's notes. Bounded: the oldest turns of a conversation and the
// oldest conversations of a workspace go. run() is on a pool worker and blocks on the store.
#pragma once

#include "server/dispatch.h"

enum {
    ACP_KEPT_CHATS_MAX = 200,           // of one workspace
    ACP_KEPT_BYTES_MAX = 200 * 1024,    // of one conversation
    ACP_KEPT_TOKENS_MAX = 48 * 1000,    // of one conversation
    ACP_KEPT_QUESTION_BYTES = 8 * 1024, // of one turn; what is longer is cut
    ACP_KEPT_SAID_BYTES = 48 * 1024,
    ACP_KEPT_PAGE = 50 // of a list
};

struct acp_keep_input {
    struct text id, cwd, title, agent, turn, question, said;
    json_t *calls; // [{"title", "kind", "status"}]
};
struct acp_load_input {
    struct text id;
};
struct acp_list_input {
    struct text cwd, cursor;
};
struct acp_delete_input {
    struct text id;
};
extern const struct field acp_keep_fields[], acp_load_fields[], acp_list_fields[],
    acp_delete_fields[];
// Adds to the turn of this name, or begins it. {"used", "size"}: tokens.
int acp_keep_run(struct call *call, const void *input, struct answer *answer, struct err *err);
// {"cwd", "title", "agent", "turns": [{"question", "said", "calls"}]}; ERR_NOT_FOUND.
int acp_load_run(struct call *call, const void *input, struct answer *answer, struct err *err);
// {"sessions": [SessionInfo], "nextCursor"?}. Without cwd those of all workspaces. ERR_INVAL: the
// cursor is not one of ours.
int acp_list_run(struct call *call, const void *input, struct answer *answer, struct err *err);
// Of whatever workspace; one that is not there is gone already.
int acp_delete_run(struct call *call, const void *input, struct answer *answer, struct err *err);
