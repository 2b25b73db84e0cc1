// What the ACP face has done on workers: which steps a question takes. No tools: other clients
// never see them.
#include "core/agents/ask.h"
#include "core/base/mem.h"
#include "server/dispatch.h"

#include <string.h>

enum { PLAN_BUDGET = 1800, PLAN_BUDGET_MIN = 400 };

struct plan_input {
    struct text question, agent;
    struct text_array paths;
};
static const struct field plan_fields[] = {
    {.name = "question",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct plan_input, question),
     .max = ASK_QUESTION_BYTES_MAX},
    {.name = "agent",
     .type = FIELD_STRING,
     .offset = offsetof(struct plan_input, agent),
     .max = 64},
    {.name = "paths",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct plan_input, paths),
     .max = 64},
    {0},
};

// The same choice as `ask` makes, and the same budget: all steps share it.
static int run_plan(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct plan_input *in = input;
    struct ask_choice choices[ASK_CHOICES_MAX];
    size_t count = 0;
    AUTO_BUF text = BUF_INIT(2 * ASK_QUESTION_BYTES_MAX);
    (void)call;
    (void)buf_append(&text, in->question.data, in->question.len);
    for (size_t i = 0; i < in->paths.count; i++)
        (void)buf_printf(&text, "\n`%.*s`", (int)in->paths.items[i].len, in->paths.items[i].data);
    if (text.failed)
        return err_set(err, ERR_LIMIT, "the question is too long");
    int r = ask_choose(text.data ? text.data : "", text.len,
                       in->agent.len ? agent_find(in->agent.data, in->agent.len) : NULL, choices,
                       &count, err);
    if (r < 0)
        return r;
    json_t *steps = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *step =
            json_pack("{s:o, s:O}", "capability",
                      json_sprintf("%s.%s", choices[i].agent->name, choices[i].capability->name),
                      "arguments", choices[i].arguments);
        size_t share = PLAN_BUDGET / count;
        (void)json_object_set_new(
            choices[i].arguments, "budget",
            json_integer((json_int_t)(share < PLAN_BUDGET_MIN ? PLAN_BUDGET_MIN : share)));
        (void)json_array_append_new(steps, step);
    }
    ask_choices_done(choices, count);
    answer->structured = json_pack("{s:o}", "steps", steps);
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

const struct capability capabilities_acp[] = {
    {.name = "acp.plan",
     .title = "The steps that a question takes",
     .description = "Which capabilities, with which arguments",
     .flags = CAP_READ_ONLY | CAP_LOCAL,
     .input = plan_fields,
     .input_size = sizeof(struct plan_input),
     .run = run_plan},
    {0},
};
