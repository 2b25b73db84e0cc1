// paired groups …: several friends who share one set of records.
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <string.h>

int cli_run_groups(const struct cli_line *line) {
    json_t *found = NULL, *g;
    size_t i;
    int code = cli_models_call(line, "groups list", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "groups"), i, g) {
        char since[32];
        cli_models_when(cli_models_number(g, "since_ms"), false, since);
        cli_models_put(cli_models_word(g, "name"));
        cli_out("  since %s, %lld of its members connected\n", since,
                (long long)cli_models_number(g, "here"));
    }
    if (!json_array_size(json_object_get(found, "groups")))
        cli_note("you are in no group: paired groups new NAME, or join NAME");
    json_decref(found);
    return CLI_OK;
}

static json_t *named(const struct cli_line *line) {
    return json_pack("{so}", "name", cli_json_text(line->operands[0]));
}

int cli_run_groups_new(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "groups new", named(line), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    cli_out("%s\n", cli_models_word(found, "secret"));
    cli_note("its members type: paired groups join %s, and this secret; who has it is a member. "
             "Then grant what goes there: paired consent grant pattern group:%s",
             line->operands[0], line->operands[0]);
    json_decref(found);
    return CLI_OK;
}

int cli_run_groups_join(const struct cli_line *line) {
    char secret[CLI_SECRET_BYTES_MAX];
    struct err err = {0};
    int r = cli_read_secret("The group's secret: ", false, secret, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    json_t *arguments = named(line);
    (void)json_object_set_new(arguments, "secret", cli_json_text(secret));
    explicit_bzero(secret, sizeof secret);
    return cli_models_do(line, "groups join", arguments,
                         "joined; nothing goes there until you grant it: paired consent grant");
}

int cli_run_groups_leave(const struct cli_line *line) {
    return cli_models_do(line, "groups leave", named(line),
                         "left; what its members have of yours stays there until you take it back, "
                         "and they know the secret still");
}
