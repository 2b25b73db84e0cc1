// paired export, import, erase, repair.
#include "server/attach.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The engine works in another directory than we do.
static int absolute(const char *path, char out[DIRS_PATH_BYTES_MAX], struct err *err) {
    char cwd[DIRS_PATH_BYTES_MAX] = "";
    if (path[0] != '/' && !getcwd(cwd, sizeof cwd))
        return err_set(err, ERR_NOT_FOUND, "the current directory is gone");
    int n = snprintf(out, DIRS_PATH_BYTES_MAX, "%s%s%s", cwd, path[0] != '/' ? "/" : "", path);
    if (n < 0 || n >= DIRS_PATH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the path is too long");
    return 0;
}

static int path_call(const struct cli_line *line, const char *capability, json_t **ret) {
    char path[DIRS_PATH_BYTES_MAX];
    struct err err = {0};
    int r = absolute(line->operands[0], path, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    json_t *arguments = json_pack("{ss}", "path", path);
    if (!arguments) {
        cli_error("the path is not valid UTF-8");
        return CLI_FAILED;
    }
    return cli_ask_engine(line,
                          &(struct cli_call){.capability = capability,
                                             .arguments = arguments,
                                             .deadline_ms = CLI_CALL_LONG_MS},
                          ret);
}

int cli_run_export(const struct cli_line *line) {
    json_t *answer = NULL;
    int code = path_call(line, "export", &answer);
    if (code >= 0)
        return code;
    json_t *result = json_object_get(answer, "structured");
    if (line->json) {
        cli_out_json(json_incref(result));
    } else {
        cli_out("%s\n", json_string_value(json_object_get(result, "path")));
        cli_note("what lies there is not encrypted");
    }
    json_decref(answer);
    return CLI_OK;
}

int cli_run_import(const struct cli_line *line) {
    json_t *answer = NULL;
    int code = path_call(line, "import", &answer);
    if (code >= 0)
        return code;
    json_t *counts = json_object_get(answer, "structured");
    if (line->json)
        cli_out_json(json_incref(counts));
    else
        cli_note("%lld added, %lld known already",
                 json_integer_value(json_object_get(counts, "added")),
                 json_integer_value(json_object_get(counts, "known")));
    json_decref(answer);
    return CLI_OK;
}

// What to erase: notes by name, else --workspace's (given in words, not found), else --all.
static json_t *erase_arguments(const struct cli_line *line) {
    char real[DIRS_PATH_BYTES_MAX];
    json_t *arguments = json_object();
    if (line->operand_count) {
        json_t *uids = json_array();
        for (size_t i = 0; i < line->operand_count; i++)
            (void)json_array_append_new(uids, json_string(line->operands[i]));
        (void)json_object_set_new(arguments, "uids", uids);
    }
    // A folder that is gone still names its notes.
    if (line->workspace)
        (void)json_object_set_new(arguments, "workspace",
                                  json_string(access(line->workspace, F_OK) == 0 &&
                                                      attach_workspace(line->workspace, real)
                                                  ? real
                                                  : line->workspace));
    if (cli_given(line, "all"))
        (void)json_object_set_new(arguments, "all", json_true());
    return arguments;
}

int cli_run_erase(const struct cli_line *line) {
    json_t *answer = NULL;
    json_t *arguments = erase_arguments(line);
    if (!arguments || json_object_size(arguments) != 1) {
        json_decref(arguments);
        cli_error("say what to erase: UID …, or --workspace DIR, or --all");
        return CLI_USAGE;
    }
    int code = cli_carry_out(line,
                             (struct cli_call){.capability = "erase",
                                               .arguments = arguments,
                                               .deadline_ms = CLI_CALL_LONG_MS},
                             "erase", &answer);
    if (code >= 0)
        return code;
    json_t *result = json_object_get(answer, "structured");
    json_int_t count = json_integer_value(json_object_get(result, "erased"));
    if (line->json)
        cli_out_json(json_incref(result));
    else if (!count)
        cli_error(line->operand_count ? "no note has this id: nothing was erased"
                                      : "nothing is noted there: nothing was erased");
    else
        cli_note("%lld erased, for good", count);
    json_decref(answer);
    return count || !line->operand_count ? CLI_OK : CLI_FAILED; // none of those named was there
}

int cli_run_repair(const struct cli_line *line) {
    json_t *answer = NULL;
    int code = cli_carry_out(
        line, (struct cli_call){.capability = "repair", .deadline_ms = CLI_CALL_LONG_MS}, "repair",
        &answer);
    if (code >= 0)
        return code;
    if (line->json)
        cli_out_json(json_incref(json_object_get(answer, "structured")));
    else
        cli_note("the store is open again; paired export saves what can be read");
    json_decref(answer);
    return CLI_OK;
}
