// Inside of Vince: what his files share.
#pragma once

#include "core/agents/agents.h"

struct flow_input {
    struct agent_page page;
    int64_t weeks;
};
struct forecast_input {
    struct agent_page page;
    int64_t items, weeks;
};
struct blockers_input {
    struct agent_page page;
    struct text base;
};

int vince_flow(struct agent_call *call, const void *input, struct report *r, struct err *err);
int vince_forecast(struct agent_call *call, const void *input, struct report *r, struct err *err);
int vince_blockers(struct agent_call *call, const void *input, struct report *r, struct err *err);
int vince_retro(struct agent_call *call, const void *input, struct report *r, struct err *err);
