// paired consent …: which workspaces may go to which backend.
#include "core/base/dirs.h"
#include "server/attach.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <string.h>
#include <unistd.h>

static void put_grant(const json_t *g, bool ended) {
    char given[32], until[32], end[32];
    const char *workspace = cli_models_word(g, "workspace");
    json_int_t expires_ms = cli_models_number(g, "expires_ms");
    bool expired = json_is_true(json_object_get(g, "expired"));
    cli_models_when(cli_models_number(g, "given_ms"), false, given);
    cli_models_when(expires_ms, false, until);
    cli_models_when(cli_models_number(g, "ended_ms"), true, end);
    cli_out("%s %s ", cli_models_word(g, "kind"), cli_models_word(g, "direction"));
    cli_out_text(cli_models_word(g, "audience"), strlen(cli_models_word(g, "audience")));
    cli_out("  ");
    if (!*workspace)
        workspace = "any workspace";
    cli_out_text(workspace, strlen(workspace));
    cli_out("  since %s", given);
    if (ended)
        cli_out(", %s %s\n", cli_models_word(g, "ended_by"), end);
    else if (expired)
        cli_out(", %sexpired %s%s\n", cli_style(CLI_YELLOW), until, cli_style(CLI_RESET));
    else
        cli_out("%s%s\n", expires_ms ? ", until " : "", expires_ms ? until : "");
}

static int list(const struct cli_line *line, const char *capability, const char *member,
                const char *none) {
    json_t *found = NULL, *arguments = json_object();
    if (line->operand_count)
        (void)json_object_set_new(arguments, "backend", json_string(line->operands[0]));
    int code = cli_models_call(line, capability, arguments, &found);
    if (code >= 0)
        return code;
    json_t *rows = json_object_get(found, member), *g;
    size_t i;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(rows, i, g) put_grant(g, strcmp(member, "ended") == 0);
    if (!json_array_size(rows))
        cli_note("%s", none);
    json_decref(found);
    return CLI_OK;
}

int cli_run_consent(const struct cli_line *line) {
    return list(line, "consent list", "grants", "no grant stands: nothing goes anywhere");
}

int cli_run_consent_history(const struct cli_line *line) {
    return list(line, "consent history", "ended", "no grant has ended yet");
}

// --workspace, else (`here`) the folder the user is in; a folder that is gone still names its
// grants.
static json_t *arguments_of(const struct cli_line *line, bool here) {
    char workspace[DIRS_PATH_BYTES_MAX];
    json_t *arguments = json_pack("{ss}", "backend", line->operands[0]);
    if (!arguments) {
        cli_error("the name is not valid UTF-8");
        return NULL;
    }
    if (cli_given(line, "any")) {
        (void)json_object_set_new(arguments, "any", json_true());
        here = false;
    }
    bool gone = line->workspace && access(line->workspace, F_OK) < 0;
    bool named =
        gone || ((line->workspace || here) && attach_workspace(line->workspace, workspace));
    if (!named || json_object_set_new(arguments, "workspace",
                                      json_string(gone ? line->workspace : workspace)) == 0)
        return arguments;
    json_decref(arguments);
    cli_error("the folder's name is not valid UTF-8");
    return NULL;
}

int cli_run_consent_grant(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, true), *answer = NULL;
    if (!arguments)
        return CLI_USAGE;
    if (!cli_models_option(line, "expires", "expires_days", arguments)) {
        json_decref(arguments);
        return CLI_USAGE;
    }
    int code = cli_carry_out(
        line, (struct cli_call){.capability = "consent grant", .arguments = arguments}, "grant",
        &answer);
    if (code >= 0)
        return code;
    json_t *found = json_object_get(answer, "structured");
    const char *workspace = cli_models_word(found, "workspace");
    if (line->json)
        cli_out_json(json_incref(found));
    else
        cli_note("granted for %s; end it with: paired consent revoke %s",
                 *workspace ? workspace : "any workspace", cli_models_word(found, "backend"));
    json_decref(answer);
    return CLI_OK;
}

int cli_run_consent_revoke(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, false), *found = NULL;
    if (!arguments)
        return CLI_USAGE;
    int code = cli_models_call(line, "consent revoke", arguments, &found);
    if (code >= 0)
        return code;
    json_int_t ended = cli_models_number(found, "ended");
    bool still = json_is_true(json_object_get(found, "still_granted"));
    if (line->json)
        cli_out_json(json_incref(found));
    else if (ended)
        cli_note("%lld ended", ended);
    else
        cli_error("no such grant stands: nothing was changed");
    if (still && !line->json)
        cli_note("but another grant still covers it: paired consent");
    json_decref(found);
    return ended ? CLI_OK : CLI_FAILED;
}
