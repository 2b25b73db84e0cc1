// Inside of Marie: what her files share.
#pragma once

#include "core/agents/agents.h"
#include "core/workspace/workspace.h"

enum metric_order { BY_COGNITIVE, BY_CYCLOMATIC, BY_LENGTH, BY_NESTING, BY_PARAMETERS };
struct metrics_input {
    struct agent_page page;
    struct text path, range;
    int sort;
    int64_t limit;
};
struct hotspots_input {
    struct agent_page page;
    struct text path;
    int64_t limit;
};
struct coupling_input {
    struct agent_page page;
    struct text path;
    int64_t limit;
};
struct owners_input {
    struct agent_page page;
    struct text path;
    bool names;
    int64_t depth;
};
enum explained { EXPLAIN_CHURN, EXPLAIN_COUPLING, EXPLAIN_HOTSPOT, EXPLAIN_COMPLEXITY };
struct explain_input {
    struct agent_page page;
    struct text path, with;
    int number;
};

int marie_metrics(struct agent_call *call, const void *input, struct report *r, struct err *err);
int marie_hotspots(struct agent_call *call, const void *input, struct report *r, struct err *err);
int marie_coupling(struct agent_call *call, const void *input, struct report *r, struct err *err);
int marie_owners(struct agent_call *call, const void *input, struct report *r, struct err *err);
int marie_explain(struct agent_call *call, const void *input, struct report *r, struct err *err);

// Cognitive complexity of a file's functions together: what hotspots multiply churn with.
uint32_t file_complexity(const struct facts *f);
void note_history(struct report *r, const struct workspace_past *past);
