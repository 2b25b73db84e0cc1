// Inside of Alex: what his files share.
#pragma once

#include "core/agents/agents.h"

struct backlog_input {
    struct agent_page page;
    struct text path;
};
struct milestone_input {
    struct agent_page page;
    struct text_array items;
};
struct changelog_input {
    struct agent_page page;
    struct text range;
};
struct digest_input {
    struct agent_page page;
};

int alex_backlog(struct agent_call *call, const void *input, struct report *r, struct err *err);
int alex_milestone(struct agent_call *call, const void *input, struct report *r, struct err *err);
int alex_changelog(struct agent_call *call, const void *input, struct report *r, struct err *err);
int alex_digest(struct agent_call *call, const void *input, struct report *r, struct err *err);
