// Alex, project.
#include "core/agents/alex.h"

static const struct field backlog_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .offset = offsetof(struct backlog_input, path),
     .description = "file or folder",
     .max = 4096},
    AGENT_PAGE_FIELDS,
    {0},
};
static const struct field milestone_fields[] = {
    {.name = "items",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct milestone_input, items),
     .description = "what is to be done, a text each",
     .min = 1,
     .max = 64,
     .flags = FIELD_REQUIRED},
    AGENT_PAGE_FIELDS,
    {0},
};
static const struct field changelog_fields[] = {
    {.name = "range",
     .type = FIELD_STRING,
     .offset = offsetof(struct changelog_input, range),
     .description = "A..B, or A: from it to HEAD",
     .max = 600},
    AGENT_PAGE_FIELDS,
    {0},
};
static const struct field digest_fields[] = {
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct agent_capability capabilities[] = {
    {.name = "backlog",
     .title = "What is open",
     .description = "Findings, branches left behind, and places that the source marks as "
                    "unfinished, the longest "
                    "untouched first; duplicates joined; effort as a range from history.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = backlog_fields,
     .input_size = sizeof(struct backlog_input),
     .run = alex_backlog,
     .example = "{\"path\": \"src\"}",
     .asked_by = "backlog backlog todo todo fixme open items left debt work next"},
    {.name = "milestone",
     .title = "An order of work that respects who uses whom",
     .description = "Each item is placed by its words; what is used by the others comes first; "
                    "says where they use each other.",
     .flags = AGENT_FROM_WORDS,
     .operand = "items",
     .input = milestone_fields,
     .input_size = sizeof(struct milestone_input),
     .run = alex_milestone,
     .example = "{\"items\": [\"retry on 429\", \"parse Retry-After\"]}",
     .asked_by = "milestone milestone order plan sequence first dependencies"},
    {.name = "changelog",
     .title = "What a range of commits brought",
     .description = "Commits grouped by kind and module from their subjects; merges and what was "
                    "reverted are left out.",
     .operand = "range",
     .input = changelog_fields,
     .input_size = sizeof(struct changelog_input),
     .run = alex_changelog,
     .example = "{\"range\": \"v1.0..HEAD\"}",
     .asked_by = "changelog changelog release notes changed commits since version"},
    {.name = "digest",
     .title = "How things stand",
     .description = "One line from each agent: open changes, findings, structure, complexity, "
                    "flow, blockers, backlog.",
     .input = digest_fields,
     .input_size = sizeof(struct digest_input),
     .run = alex_digest,
     .example = "{}",
     .asked_by = "digest digest status status stand summary project overall health"},
    {0},
};

const struct agent agent_alex = {
    .name = "alex",
    .title = "Alex, project",
    .persona = "You are Alex, who keeps the project in view. Use `backlog` for what is open "
               "(marked places, findings, stale branches), `milestone` for an order that "
               "respects dependencies, `changelog` for what a range of commits brought, "
               "`digest` for how things stand. Estimate only as a range drawn from this "
               "repository's history; never make up a date. Group, remove duplicates, and cite "
               "the place each item comes from.",
    .capabilities = capabilities,
};
