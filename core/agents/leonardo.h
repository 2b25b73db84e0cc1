// Inside of Leonardo: what its files share.
#pragma once

#include "core/agents/agents.h"

enum { IMPACT_DEPTH_DEFAULT = 2, IMPACT_DEPTH_MAX = 5 };

struct impact_input {
    struct agent_page page;
    struct text symbol, path;
    int64_t depth;
};

enum graph_format { GRAPH_TEXT, GRAPH_DOT, GRAPH_MERMAID };
struct graph_input {
    struct agent_page page;
    struct text path;
    int64_t depth; // folders of a module's name; 0 = chosen
    int format;
    bool files; // a module is a file
};

struct boundaries_input {
    struct agent_page page;
    json_t *rules;
    bool propose;
};

struct drift_input {
    struct agent_page page;
    struct text range;
    int64_t depth;
};

struct adr_input {
    struct agent_page page;
    struct text text;
};

int leonardo_impact(struct agent_call *call, const void *input, struct report *r, struct err *err);
int leonardo_graph(struct agent_call *call, const void *input, struct report *r, struct err *err);
int leonardo_boundaries(struct agent_call *call, const void *input, struct report *r,
                        struct err *err);
int leonardo_drift(struct agent_call *call, const void *input, struct report *r, struct err *err);
int leonardo_adr(struct agent_call *call, const void *input, struct report *r, struct err *err);
