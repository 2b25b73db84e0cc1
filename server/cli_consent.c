// paired consent …: which workspaces may go to which backend, and what federation may let out and
// in.
#include "core/base/dirs.h"
#include "server/attach.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool federated(const json_t *g) {
    return json_object_get(g, "who") != NULL;
}

static void put_grant(const json_t *g, bool ended) {
    char given[32], until[32], end[32];
    const char *workspace = cli_models_word(g, "workspace");
    json_int_t expires_ms = cli_models_number(g, "expires_ms");
    bool expired = json_is_true(json_object_get(g, "expired"));
    cli_models_when(cli_models_number(g, "given_ms"), false, given);
    cli_models_when(expires_ms, false, until);
    cli_models_when(cli_models_number(g, "ended_ms"), true, end);
    const char *whom = cli_models_word(g, federated(g) ? "who" : "audience");
    cli_out("%s %s ", cli_models_word(g, "kind"), cli_models_word(g, "direction"));
    cli_out_text(whom, strlen(whom));
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

// --- federation's, as a table: a line for kind, whom and workspace, a column for each direction
// ---

enum { STATE_CHARS = 18, WHO_CHARS = 28 };

static bool same_line(const json_t *a, const json_t *b) {
    return strcmp(cli_models_word(a, "kind"), cli_models_word(b, "kind")) == 0 &&
           strcmp(cli_models_word(a, "audience"), cli_models_word(b, "audience")) == 0 &&
           strcmp(cli_models_word(a, "workspace"), cli_models_word(b, "workspace")) == 0;
}

static void put_state(const json_t *rows, const json_t *of, const char *direction) {
    json_t *g;
    size_t i;
    json_array_foreach(rows, i, g) {
        char day[32];
        json_int_t until = cli_models_number(g, "expires_ms");
        if (!federated(g) || !same_line(g, of) ||
            strcmp(cli_models_word(g, "direction"), direction) != 0)
            continue;
        cli_models_when(until, false, day);
        if (json_is_true(json_object_get(g, "expired")))
            cli_out("%s%-*s%s", cli_style(CLI_YELLOW), STATE_CHARS, "expired",
                    cli_style(CLI_RESET));
        else if (json_is_true(json_object_get(g, "asks_again")))
            cli_out("%s%-*s%s", cli_style(CLI_YELLOW), STATE_CHARS, "no: words changed",
                    cli_style(CLI_RESET));
        else if (until)
            cli_out("until %-*s", STATE_CHARS - 6, day);
        else
            cli_out("%-*s", STATE_CHARS, "yes");
        return;
    }
    cli_out("%-*s", STATE_CHARS, "-");
}

static void put_line(const json_t *rows, const json_t *of) {
    const char *who = cli_models_word(of, "who"), *workspace = cli_models_word(of, "workspace");
    size_t n = strlen(who);
    cli_out("%-10s ", cli_models_word(of, "kind"));
    cli_out_text(who, n);
    cli_out("%*s ", n < WHO_CHARS ? (int)(WHO_CHARS - n) : 0, "");
    put_state(rows, of, "out");
    put_state(rows, of, "in");
    if (!*workspace)
        workspace = "any";
    cli_out_text(workspace, strlen(workspace));
    cli_out("\n");
}

static void put_table(const json_t *rows) {
    bool begun = false;
    json_t *g;
    size_t i;
    json_array_foreach(rows, i, g) {
        bool first = federated(g);
        for (size_t k = 0; first && k < i; k++)
            first = !federated(json_array_get(rows, k)) || !same_line(json_array_get(rows, k), g);
        if (!first)
            continue;
        if (!begun)
            cli_out("%-10s %-*s %-*s%-*sWORKSPACE\n", "KIND", WHO_CHARS, "WHO", STATE_CHARS, "OUT",
                    STATE_CHARS, "IN");
        begun = true;
        put_line(rows, g);
    }
}

static int list(const struct cli_line *line, const char *capability, const char *member,
                const char *none) {
    json_t *found = NULL, *arguments = json_object();
    bool ended = strcmp(member, "ended") == 0;
    if (line->operand_count)
        (void)json_object_set_new(arguments, "audience", json_string(line->operands[0]));
    int code = cli_models_call(line, capability, arguments, &found);
    if (code >= 0)
        return code;
    json_t *rows = json_object_get(found, member), *g;
    size_t i;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(rows, i, g) {
        if (ended || !federated(g))
            put_grant(g, ended);
    }
    if (!ended)
        put_table(rows);
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

// --- changing -----------------------------------------------------------------------------------

// "30d": whole weeks, days, hours or minutes.
static bool put_span(const struct cli_line *line, json_t *arguments) {
    static const struct {
        char letter;
        long long s;
    } units[] = {{'w', 7 * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}};
    enum { LONGEST = 100000000 };
    const char *text = cli_value(line, "for");
    char *end = NULL;
    if (!text)
        return true;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && !errno && n > 0 && n < LONGEST && *end == units[i].letter && !end[1]) {
            (void)json_object_set_new(arguments, "lasts_s", json_integer(n * units[i].s));
            return true;
        }
    cli_error("--for: expected a number and w, d, h or m, such as 30d; got %s", text);
    return false;
}

// Of what is granted to a friend, a group or everyone: KIND AUDIENCE.
static bool put_federated(const struct cli_line *line, const char *direction, json_t *arguments) {
    bool in = cli_given(line, "in"), out = cli_given(line, "out");
    if (cli_given(line, "both") || (in && out))
        direction = "both";
    else if (in || out)
        direction = in ? "in" : "out";
    (void)json_object_set_new(arguments, "direction", json_string(direction));
    if (json_object_set_new(arguments, "kind", json_string(line->operands[0])) == 0 &&
        json_object_set_new(arguments, "audience", json_string(line->operands[1])) == 0)
        return true;
    cli_error("the name is not valid UTF-8");
    return false;
}

// A backend's have no direction but out.
static bool no_ways(const struct cli_line *line) {
    if (!cli_given(line, "in") && !cli_given(line, "out") && !cli_given(line, "both"))
        return true;
    cli_error("--in, --out, --both: of KIND AUDIENCE; to a backend all goes out");
    return false;
}

// --workspace, else (`here`) the folder the user is in; a folder that is gone still names its
// grants.
static json_t *arguments_of(const struct cli_line *line, bool here, const char *direction) {
    char workspace[DIRS_PATH_BYTES_MAX];
    json_t *arguments = json_object();
    bool of_backend = line->operand_count == 1;
    if (!(of_backend ? no_ways(line) : put_federated(line, direction, arguments))) {
        json_decref(arguments);
        return NULL;
    }
    if (of_backend &&
        json_object_set_new(arguments, "backend", json_string(line->operands[0])) < 0) {
        cli_error("the name is not valid UTF-8");
        json_decref(arguments);
        return NULL;
    }
    here = here && of_backend;
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
    json_t *arguments = arguments_of(line, true, "out"), *answer = NULL;
    if (!arguments)
        return CLI_USAGE;
    if (!cli_models_option(line, "expires", "expires_days", arguments) ||
        !put_span(line, arguments)) {
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
    else if (federated(found))
        cli_note("granted; end it with: paired consent revoke %s %s",
                 cli_models_word(found, "kind"), cli_models_word(found, "audience"));
    else
        cli_note("granted for %s; end it with: paired consent revoke %s",
                 *workspace ? workspace : "any workspace", cli_models_word(found, "backend"));
    json_decref(answer);
    return CLI_OK;
}

int cli_run_consent_revoke(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, false, "both"), *found = NULL;
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
