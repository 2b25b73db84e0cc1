// paired help, completion, version.
#include "core/base/build.h"
#include "protocol/hop.h"
#include "protocol/mcp.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <string.h>

static const struct cli_command *command_named(const struct cli_line *line) {
    char name[64] = "";
    for (size_t i = 0; i < line->operand_count; i++) {
        size_t n = strlen(name);
        int more = snprintf(name + n, sizeof name - n, "%s%s", n ? " " : "", line->operands[i]);
        if (more < 0 || (size_t)more >= sizeof name - n)
            return NULL;
    }
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int cli_run_help(const struct cli_line *line) {
    AUTO_BUF text = BUF_INIT(0);
    int r;
    if (cli_given(line, "man")) {
        r = cli_manual(&text);
    } else if (line->operand_count) {
        const struct cli_command *c = command_named(line);
        if (!c) {
            cli_error("no such command: %s", line->operands[line->operand_count - 1]);
            return CLI_USAGE;
        }
        r = cli_help_command(c, &text);
    } else {
        r = cli_help_short(&text);
    }
    if (r < 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    cli_out_bytes(text.data, text.len);
    return CLI_OK;
}

int cli_run_completion(const struct cli_line *line) {
    AUTO_BUF text = BUF_INIT(0);
    int r = cli_completion(line->operands[0], &text);
    if (r < 0) {
        cli_error(r == ERR_INVAL ? "unknown shell %s: expected bash, zsh or fish"
                                 : "out of memory%s",
                  r == ERR_INVAL ? line->operands[0] : "");
        return r == ERR_INVAL ? CLI_USAGE : CLI_FAILED;
    }
    cli_out_bytes(text.data, text.len);
    return CLI_OK;
}

int cli_run_version(const struct cli_line *line) {
    if (!line->json) {
        cli_out("paired %s (build %s)\n", paired_version, paired_build_id);
        return CLI_OK;
    }
    json_t *mcp = json_array();
    for (const struct mcp_version *v = mcp_versions; v->name; v++)
        (void)json_array_append_new(mcp, json_string(v->name));
    cli_out_json(json_pack("{ss ss sI s{so s{si si}}}", "version", paired_version, "build",
                           paired_build_id, "number", (json_int_t)paired_build_number, "protocols",
                           "mcp", mcp, "hop", "major", HOP_MAJOR, "minor", HOP_MINOR));
    return CLI_OK;
}
