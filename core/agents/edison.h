// Inside of Edison: what its files share.
#pragma once

#include "core/agents/agents.h"

struct locate_input {
    struct agent_page page;
    struct text text, path;
    bool tests;
    int64_t limit;
};
struct map_input {
    struct agent_page page;
    struct text text, path;
    struct text_array focus;
    bool tests;
};
struct pack_input {
    struct agent_page page;
    struct text text, path;
    struct text_array focus;
    bool tests;
};
struct similar_input {
    struct agent_page page;
    struct text code, symbol, language;
    int64_t limit;
};
struct fix_input {
    struct agent_page page;
    struct text path, rule;
    int64_t line;
};
struct patterns_input {
    struct agent_page page;
    struct text match, id, language, path;
    bool edits;
    int64_t limit, line, end_line;
};
struct scaffold_input {
    struct agent_page page;
    struct text symbol;
};

int edison_locate(struct agent_call *call, const void *input, struct report *r, struct err *err);
int edison_map(struct agent_call *call, const void *input, struct report *r, struct err *err);
int edison_pack(struct agent_call *call, const void *input, struct report *r, struct err *err);
int edison_similar(struct agent_call *call, const void *input, struct report *r, struct err *err);
int edison_patterns(struct agent_call *call, const void *input, struct report *r, struct err *err);
// edison_here.c
int edison_patterns_here(struct agent_call *call, const struct patterns_input *in,
                         const struct snapshot *s, struct report *r, struct err *err);
int edison_fix(struct agent_call *call, const void *input, struct report *r, struct err *err);
int edison_scaffold_test(struct agent_call *call, const void *input, struct report *r,
                         struct err *err);
