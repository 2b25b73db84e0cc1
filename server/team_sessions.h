// Conversations with a model in the encrypted store, beside what chats keep of themselves
// (acp_kept.h), under the same ids: a conversation that began at the command line is a session of
// an editor's chat, and the other way round. On workers; block on the store.
#pragma once

#include "server/dispatch.h"

enum { SESSION_ID_BYTES = 32 };

// The same for a request that is asked again after an engine's death.
void team_sessions_id(const struct caller *caller, char ret[SESSION_ID_BYTES]);
// "last", an id, or how one begins: of those of this workspace. ERR_NOT_FOUND, ERR_INVAL (several).
// A chat's own id need not be kept yet.
int team_sessions_find(struct call *call, struct text name, char ret[SESSION_ID_BYTES],
                       struct err *err);
// ERR_NOT_FOUND: no model was asked in it. *ret new.
int team_sessions_load(struct call *call, const char *id, json_t **ret, struct err *err);
// The conversation, and for who reads it what was asked and said. Those that nobody went on with
// for TEAM_DAYS_MAX days go.
int team_sessions_keep(struct call *call, const char *id, const char *agent, const json_t *talk,
                       struct text question, struct text said, struct err *err);
