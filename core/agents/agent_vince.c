// Vince, scrum master.
#include "core/agents/vince.h"

static const struct field flow_fields[] = {
    {.name = "weeks",
     .type = FIELD_INT,
     .offset = offsetof(struct flow_input, weeks),
     .description = "to look back",
     .min = 1,
     .max = 520},
    AGENT_PAGE_FIELDS,
    {0},
};
static const struct field forecast_fields[] = {
    {.name = "items",
     .type = FIELD_INT,
     .offset = offsetof(struct forecast_input, items),
     .description = "how many are to land",
     .min = 1,
     .max = 10000,
     .default_json = "10"},
    {.name = "weeks",
     .type = FIELD_INT,
     .offset = offsetof(struct forecast_input, weeks),
     .description = "to look back",
     .min = 6,
     .max = 520},
    AGENT_PAGE_FIELDS,
    {0},
};
static const struct field blockers_fields[] = {
    {.name = "base",
     .type = FIELD_STRING,
     .offset = offsetof(struct blockers_input, base),
     .description = "the main line; found by itself",
     .max = 200},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct agent_capability capabilities[] = {
    {.name = "flow",
     .title = "How work lands",
     .description = "Throughput, lead time from first commit to landing, batch size, rework, from "
                    "the commits of the main line.",
     .operand = "weeks",
     .input = flow_fields,
     .input_size = sizeof(struct flow_input),
     .run = vince_flow,
     .example = "{\"weeks\": 26}",
     .asked_by = "flow flow throughput lead time velocity batch fast landing merge"},
    {.name = "forecast",
     .title = "When so many items will have landed",
     .description = "Weeks at 50, 85 and 95 percent by simulation from past weeks; says when there "
                    "is too little to go by.",
     .operand = "items",
     .input = forecast_fields,
     .input_size = sizeof(struct forecast_input),
     .run = vince_forecast,
     .example = "{\"items\": 12}",
     .asked_by = "forecast forecast when done finish long take weeks estimate deadline"},
    {.name = "blockers",
     .title = "What will hold work up",
     .description = "Pairs of live branches that conflict, with the files; branches that grow old "
                    "or fall behind.",
     .input = blockers_fields,
     .input_size = sizeof(struct blockers_input),
     .run = vince_blockers,
     .example = "{}",
     .asked_by = "blocker blocker blockers blocked conflict conflict conflicts branch branches "
                 "stale merge stuck"},
    {.name = "retro",
     .title = "What changed since the weeks before",
     .description = "The last weeks beside those before: landed, fixes, reverts, lead time, batch "
                    "size, new places of work.",
     .operand = "weeks",
     .input = flow_fields,
     .input_size = sizeof(struct flow_input),
     .run = vince_retro,
     .example = "{\"weeks\": 2}",
     .asked_by = "retro retro retrospective since changed last weeks sprint better worse"},
    {0},
};

const struct agent agent_vince = {
    .name = "vince",
    .title = "Vince, scrum master",
    .persona = "You are Vince, who keeps work flowing. Use `flow` for lead time and batch "
               "size, `forecast` for a range at 50, 85 and 95 percent, `blockers` for old "
               "branches and pairs that will conflict, `retro` for what changed since the last "
               "look. Speak of work and of the system, not of persons. Name the one thing that "
               "holds up most, and the smallest step that frees it.",
    .capabilities = capabilities,
};
