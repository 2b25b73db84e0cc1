// Which capabilities a question in plain words is for, and with what arguments: without a model, by
// the words that the agents' tables name, and by what the question quotes (paths, symbols, ranges
// of commits). Pure; any thread.
#pragma once

#include "core/agents/agents.h"

enum { ASK_CHOICES_MAX = 3, ASK_QUESTION_BYTES_MAX = 64 * 1024 };

struct ask_choice {
    const struct agent *agent;
    const struct agent_capability *capability;
    json_t *arguments; // owned
    unsigned score;
};
// The best first; `only` NULL: of all seven. At least one, unless out of memory (ERR_NOMEM).
int ask_choose(const char *question, size_t n, const struct agent *only,
               struct ask_choice ret[ASK_CHOICES_MAX], size_t *ret_count, struct err *err);
void ask_choices_done(struct ask_choice *choices, size_t count);
