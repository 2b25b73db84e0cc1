// paired call TOOL [JSON]: one tool call, over MCP, as any client would make it.
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/attach.h"
#include "server/cli_client.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENTS_BYTES_MAX = 16 * 1024 * 1024 };

static int read_arguments(const char *text, json_t **ret, struct err *err) {
    AUTO_BUF input = BUF_INIT(ARGUMENTS_BYTES_MAX);
    json_error_t e;
    bool from_stdin = strcmp(text, "-") == 0;
    int r = from_stdin ? io_read_all(STDIN_FILENO, &input) : 0;
    if (r == -EFBIG || (!from_stdin && buf_puts(&input, text) < 0))
        return err_set(err, ERR_LIMIT, "the arguments are longer than 16 MiB");
    if (r < 0)
        return err_errno(err, -r, "stdin cannot be read");
    *ret = json_loadb(input.data ? input.data : "", input.len, 0, &e);
    if (!*ret)
        return err_set(err, ERR_PARSE, "the arguments are not JSON: column %d: %s", e.column,
                       e.text);
    if (json_is_object(*ret))
        return 0;
    json_decref(*ret);
    return err_set(err, ERR_PARSE, "the arguments are not a JSON object, {…}");
}

static int call_tool(const struct cli_line *line, json_t *arguments, json_t **ret,
                     struct err *err) {
    char workspace[DIRS_PATH_BYTES_MAX];
    struct cli_client_config config = {
        .name = "paired-call", .legacy = cli_given(line, "legacy"), .standalone = line->standalone};
    struct cli_client *c = NULL;
    if (attach_workspace(line->workspace, workspace))
        config.workspace = workspace;
    int r = cli_client_open(&config, &c, err);
    if (r == 0)
        r = cli_client_tool(c, line->operands[0], arguments, ret, err);
    else
        json_decref(arguments);
    (void)cli_client_close(c);
    return r;
}

int cli_run_call(const struct cli_line *line) {
    struct err err = {0};
    json_t *arguments = NULL;
    json_t *result = NULL;
    if (!utf_valid(line->operands[0], strlen(line->operands[0]))) {
        cli_error("%s: not valid UTF-8", line->operands[0]);
        return CLI_USAGE;
    }
    int r = read_arguments(line->operand_count > 1 ? line->operands[1] : "{}", &arguments, &err);
    if (r < 0) {
        (void)cli_fail(r, &err, line->json);
        return CLI_USAGE;
    }
    r = call_tool(line, arguments, &result, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    bool failed = cli_client_failed(result);
    if (line->json) {
        cli_out_json(json_incref(result));
    } else {
        AUTO_FREE char *text = cli_client_text(result);
        if (text && *text)
            cli_out_lines(text, strlen(text));
        else
            cli_out_json(json_incref(result));
    }
    json_decref(result);
    return failed ? CLI_FAILED : CLI_OK;
}
