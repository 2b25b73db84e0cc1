// A question in words to the agents, answered by a model where the user lets one be asked: the
// agent's own tools are run for it, all of them only read; what it says about the code is checked
// against the lines that they returned. Without a model (none is named, granted, within its budget,
// or it fails) the deterministic tools answer, and the answer says why. docs/ASK.md.
//
// A conversation is a JSON value {"agent", "map", "messages", "seen"} that grows at its end only,
// so that what a backend has cached of it stays valid; at the border of two tasks, and only there,
// old results of tools are taken out together. Source: research on prefix caches in docs/MODELS.md.
#pragma once

#include "server/dispatch.h"

enum {                                // of one answer
    TEAM_CALLS_MAX = 8,               // of tools, in one turn; more are left out
    TEAM_TOOL_TOKENS = 1500,          // of one result
    TEAM_PACK_TOKENS = 3000,          // of the context that a question begins with
    TEAM_MAP_TOKENS = 800,            // of the map, once for a conversation
    TEAM_ANSWER_TOKENS = 2000,        // of one answer of the model
    TEAM_TALK_BYTES_MAX = 200 * 1024, // of a conversation that is kept
    TEAM_COMPACT_TOKENS = 40 * 1000,  // longer ones lose old results at the next task
    TEAM_DAYS_MAX = 90,               // then a conversation that nobody went on with goes
    TEAM_SECONDS_MAX = 600
};

// run() of the rows that take a question. `plain` answers without a model.
int team_ask(struct call *call, const void *input, capability_fn *plain, struct answer *answer,
             struct err *err);
// On a worker: may a model be asked for this workspace? `why` (may be NULL) gets the reason why
// not; *ret_none (may be NULL): because no backend is named at all.
bool team_has_model(struct call *call, char why[400], bool *ret_none);
extern const struct capability capabilities_sessions[]; // server/team_sessions.c
