// paired arrivals, accept, reject, reputation, privacy: what came from friends, and what to think
// of it.
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <string.h>

static int show(const struct cli_line *line, json_t *arguments) {
    json_t *found = NULL, *item;
    size_t i;
    int code = cli_models_call(line, "share arrivals", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_t *records = json_object_get(found, "records");
    json_array_foreach(records, i, item) {
        char when[32];
        cli_models_when(cli_models_number(item, "created_ms"), true, when);
        cli_out("%.16s  %s  %-10s %-9s from ", cli_models_word(item, "id"), when,
                cli_models_word(item, "kind"), cli_models_word(item, "state"));
        cli_models_put(cli_models_word(item, "from"));
        cli_out("  ");
        cli_models_put(cli_models_word(item, "title"));
        cli_out("\n");
        if (*cli_models_word(item, "body"))
            cli_out_lines(cli_models_word(item, "body"), strlen(cli_models_word(item, "body")));
    }
    if (!json_array_size(records))
        cli_note("nothing has come");
    else
        cli_note("paired arrivals ID shows one; paired accept ID, paired reject ID");
    json_decref(found);
    return CLI_OK;
}

static json_t *asked_for(const struct cli_line *line, const char *kind) {
    json_t *arguments = json_object();
    if (cli_value(line, "from"))
        (void)json_object_set_new(arguments, "from", cli_json_text(cli_value(line, "from")));
    if (kind)
        (void)json_object_set_new(arguments, "kind", cli_json_text(kind));
    return arguments;
}

int cli_run_arrivals(const struct cli_line *line) {
    json_t *arguments = asked_for(line, cli_value(line, "kind"));
    if (line->operand_count)
        (void)json_object_set_new(arguments, "id", cli_json_text(line->operands[0]));
    return show(line, arguments);
}

int cli_run_patterns_from(const struct cli_line *line) {
    return show(line, asked_for(line, "pattern"));
}

static int judge(const struct cli_line *line, bool accept) {
    int code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && i < line->operand_count; i++)
        code = cli_models_do(
            line, "share judge",
            json_pack("{so sb}", "id", cli_json_text(line->operands[i]), "accept", (int)accept),
            accept ? "accepted" : "rejected");
    return code;
}

int cli_run_accept(const struct cli_line *line) {
    return judge(line, true);
}

int cli_run_reject(const struct cli_line *line) {
    return judge(line, false);
}

int cli_run_reputation(const struct cli_line *line) {
    json_t *found = NULL, *item, *reason, *arguments = json_object();
    size_t i, k;
    if (line->operand_count)
        (void)json_object_set_new(arguments, "from", cli_json_text(line->operands[0]));
    int code = cli_models_call(line, "share reputation", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_t *friends = json_object_get(found, "friends");
    json_array_foreach(friends, i, item) {
        cli_out("%3lld  ", cli_models_number(item, "score"));
        cli_models_put(cli_models_word(item, "name"));
        cli_out("\n");
        json_array_foreach(json_object_get(item, "reasons"), k, reason) {
            cli_out("     ");
            cli_models_put(json_string_value(reason));
            cli_out("\n");
        }
    }
    if (!json_array_size(friends))
        cli_note("nobody is paired with you yet: paired pair");
    json_decref(found);
    return CLI_OK;
}

int cli_run_privacy(const struct cli_line *line) {
    json_t *found = NULL, *p;
    size_t i;
    int code = cli_models_call(line, "share privacy", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    cli_out("%s%lld of 100%s\n", cli_style(CLI_BOLD), cli_models_number(found, "score"),
            cli_style(CLI_RESET));
    json_array_foreach(json_object_get(found, "points"), i, p) {
        cli_out("%2lld of %2lld  %s\n", cli_models_number(p, "got"), cli_models_number(p, "of"),
                cli_models_word(p, "reason"));
        if (*cli_models_word(p, "advice"))
            cli_out("          %s%s%s\n", cli_style(CLI_DIM), cli_models_word(p, "advice"),
                    cli_style(CLI_RESET));
    }
    json_decref(found);
    return CLI_OK;
}
