// paired sessions …: conversations that are kept, to be looked at and gone on with.
#include "core/base/mem.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <string.h>

static int show(const struct cli_line *line, const char *capability) {
    json_t *arguments = line->operand_count ? json_pack("{s:s}", "id", line->operands[0]) : NULL;
    json_t *answer = NULL;
    if (line->operand_count && !arguments) {
        cli_error("%s: not valid UTF-8", line->operands[0]);
        return CLI_USAGE;
    }
    const struct cli_call call = {.capability = capability, .arguments = arguments};
    int code = cli_ask_engine(line, &call, &answer);
    if (code >= 0)
        return code;
    cli_show_answer(line, answer);
    json_decref(answer);
    return CLI_OK;
}

int cli_run_sessions_list(const struct cli_line *line) {
    return show(line, "sessions list");
}

int cli_run_sessions_show(const struct cli_line *line) {
    return show(line, "sessions show");
}

int cli_run_sessions_forget(const struct cli_line *line) {
    return show(line, "sessions forget");
}

int cli_run_sessions_resume(const struct cli_line *line) {
    AUTO_BUF question = BUF_INIT(64 * 1024);
    json_t *answer = NULL;
    for (size_t i = 1; i < line->operand_count; i++)
        (void)buf_printf(&question, "%s%s", i > 1 ? " " : "", line->operands[i]);
    json_t *arguments = question.failed
                            ? NULL
                            : json_pack("{s:s, s:s%}", "session", line->operands[0], "question",
                                        question.data ? question.data : "", question.len);
    int code = cli_put_question(line, arguments, &answer);
    if (code >= 0)
        return code;
    cli_show_answer(line, answer);
    json_decref(answer);
    return CLI_OK;
}
