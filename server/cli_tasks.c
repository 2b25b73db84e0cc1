// paired tasks …, and --by FRIEND of the agents' own commands: asking the agents of friends, and
// answering what friends ask.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 200, AWAY_MS = 3000, ID_SHOWN = 8 };

// --- what leaves -------------------------------------------------------------------------------

static void put_parts(const json_t *found) {
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(found, "parts"), i, part) {
        const json_t *text = json_object_get(part, "text");
        if (json_object_get(part, "filename")) {
            cli_out("%s--- ", cli_style(CLI_BOLD));
            cli_models_put(cli_models_word(part, "filename"));
            cli_out("%s\n", cli_style(CLI_RESET));
        }
        cli_out_lines(json_string_value(text), json_string_length(text));
    }
    const json_t *arguments = json_object_get(found, "arguments");
    AUTO_BUF text = BUF_INIT(0);
    if (json_object_size(arguments) && buf_put_json(&text, arguments, JSON_COMPACT) == 0) {
        cli_out("%s--- arguments%s\n", cli_style(CLI_BOLD), cli_style(CLI_RESET));
        cli_out_lines(text.data, text.len);
    }
}

static void note_sizes(const json_t *found) {
    cli_note("%lld files, %lld bytes of texts; %lld values that look like secrets crossed out; "
             "%lld files left out",
             cli_models_number(found, "files"), cli_models_number(found, "bytes"),
             cli_models_number(found, "secrets"), cli_models_number(found, "left_out"));
}

static int show_what_leaves(const struct cli_line *line, json_t *arguments) {
    json_t *found = NULL;
    int code = cli_models_call(line, "tasks ask", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    put_parts(found);
    note_sizes(found);
    json_decref(found);
    return CLI_OK;
}

// --- waiting -----------------------------------------------------------------------------------

static const char *answer_text(const json_t *task, size_t *ret_n) {
    const json_t *artifact =
        json_array_get(json_object_get(json_object_get(task, "result"), "artifacts"), 0);
    const json_t *part = json_array_get(json_object_get(artifact, "parts"), 0);
    *ret_n = json_string_length(json_object_get(part, "text"));
    return json_string_value(json_object_get(part, "text"));
}

static int show_end(const struct cli_line *line, json_t *task) {
    size_t n = 0;
    const char *text = answer_text(task, &n);
    bool good = strcmp(cli_models_word(task, "state"), "completed") == 0;
    if (line->json)
        cli_out_json(json_incref(task));
    else if (text)
        cli_out_lines(text, n);
    if (!good)
        cli_error("%s: %s", cli_models_word(task, "state"), cli_models_word(task, "text"));
    json_decref(task);
    return good ? CLI_OK : CLI_FAILED;
}

static void say_state(const json_t *task, char last[600]) {
    char now[600];
    (void)snprintf(now, sizeof now, "%s%s%s", cli_models_word(task, "state"),
                   *cli_models_word(task, "text") ? ": " : "", cli_models_word(task, "text"));
    if (strcmp(now, last) != 0) {
        cli_say_text(cli_models_word(task, "friend"));
        cli_say(": ");
        cli_say_text(now);
        cli_say("\n");
    }
    memcpy(last, now, sizeof now);
}

static int wait_for(const struct cli_line *line, const char *id) {
    char last[600] = "";
    uint64_t begin = env_now_mono_ns() / 1000000;
    for (;;) {
        json_t *task = NULL;
        int code = cli_models_call(line, "tasks show", json_pack("{ss}", "id", id), &task);
        if (code >= 0)
            return code;
        if (json_is_true(json_object_get(task, "ended")))
            return show_end(line, task);
        if (!line->quiet && !line->json)
            say_state(task, last);
        bool away = !json_is_true(json_object_get(task, "sent"));
        json_decref(task);
        if (away && env_now_mono_ns() / 1000000 - begin > AWAY_MS) {
            cli_note("it is sent when the friend is there; paired tasks show %.*s", ID_SHOWN, id);
            return CLI_DEGRADED;
        }
        (void)usleep(LOOK_MS * 1000);
    }
}

int cli_ask_friend(const struct cli_line *line, const char *skill, json_t *arguments) {
    bool show = cli_given(line, "show-what-leaves");
    json_t *ask =
        json_pack("{so ss so}", "friend",
                  cli_json_text(show && !cli_given(line, "by") ? "-" : cli_value(line, "by")),
                  "skill", skill, "arguments", arguments);
    json_t *answer = NULL;
    if (ask && show)
        (void)json_object_set_new(ask, "show", json_true());
    if (show)
        return show_what_leaves(line, ask);
    struct cli_call call = {.capability = "tasks ask", .arguments = ask};
    int code = cli_carry_out(line, call, "yes", &answer);
    if (code >= 0)
        return code;
    json_t *found = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    AUTO_FREE char *id = mem_strdup(cli_models_word(found, "id"));
    if (!line->quiet && !line->json)
        note_sizes(found);
    json_decref(found);
    return id ? wait_for(line, id) : CLI_FAILED;
}

// --- lists -------------------------------------------------------------------------------------

static void put_task(const json_t *task) {
    char when[32];
    bool ours = json_is_true(json_object_get(task, "ours"));
    cli_models_when(cli_models_number(task, "made_ms"), true, when);
    cli_out("%.*s  %s  %s ", ID_SHOWN, cli_models_word(task, "id"), when, ours ? "to  " : "from");
    cli_models_put(cli_models_word(task, "friend"));
    cli_out("  %s.%s  %s%s%s", cli_models_word(task, "agent"), cli_models_word(task, "skill"),
            cli_style(CLI_BOLD), cli_models_word(task, "state"), cli_style(CLI_RESET));
    if (*cli_models_word(task, "text")) {
        cli_out(": ");
        cli_models_put(cli_models_word(task, "text"));
    }
    cli_out("\n");
    if (!ours && strcmp(cli_models_word(task, "state"), "permission required") == 0)
        cli_out("    paired tasks show %.*s, then tasks allow or tasks deny\n", ID_SHOWN,
                cli_models_word(task, "id"));
}

int cli_run_tasks(const struct cli_line *line) {
    json_t *found = NULL, *task;
    size_t i;
    int code = cli_models_call(line, "tasks list", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "tasks"), i, task) put_task(task);
    if (!json_array_size(json_object_get(found, "tasks")))
        cli_note("nobody was asked and nobody asks: paired review --by FRIEND");
    json_decref(found);
    return CLI_OK;
}

static json_t *id_of(const struct cli_line *line) {
    return json_pack("{so}", "id", cli_json_text(line->operands[0]));
}

int cli_run_tasks_show(const struct cli_line *line) {
    json_t *task = NULL;
    size_t n = 0;
    int code = cli_models_call(line, "tasks show", id_of(line), &task);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(task);
        return CLI_OK;
    }
    put_task(task);
    const char *text = answer_text(task, &n);
    if (text)
        cli_out_lines(text, n);
    const json_t *message = json_object_get(task, "message");
    if (message)
        put_parts(message);
    json_decref(task);
    return CLI_OK;
}

static int decide(const struct cli_line *line, bool allow) {
    json_t *arguments = id_of(line);
    if (arguments)
        (void)json_object_set_new(arguments, "allow", json_boolean(allow));
    return cli_models_do(line, "tasks decide", arguments, allow ? "allowed" : "denied");
}
int cli_run_tasks_allow(const struct cli_line *line) {
    return decide(line, true);
}
int cli_run_tasks_deny(const struct cli_line *line) {
    return decide(line, false);
}
int cli_run_tasks_cancel(const struct cli_line *line) {
    return cli_models_do(line, "tasks cancel", id_of(line), "stopped");
}

// --- policies and cards ------------------------------------------------------------------------

static int list_policies(const struct cli_line *line) {
    json_t *found = NULL, *p;
    size_t i;
    int code = cli_models_call(line, "tasks policies", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "policies"), i, p) {
        const char *agent = cli_models_word(p, "agent");
        cli_models_put(cli_models_word(p, "friend"));
        cli_out("  %s  %s, %lld requests and %lld s a day\n", *agent ? agent : "all agents",
                cli_models_word(p, "mode"), cli_models_number(p, "requests"),
                cli_models_number(p, "seconds"));
    }
    cli_note("whoever is not named: ask");
    json_decref(found);
    return CLI_OK;
}

int cli_run_tasks_policy(const struct cli_line *line) {
    if (line->operand_count == 0)
        return list_policies(line);
    if (line->operand_count == 1) {
        cli_error("tasks policy: say ask, always, never or quota behind the friend");
        return CLI_USAGE;
    }
    json_t *arguments = json_pack("{so so}", "friend", cli_json_text(line->operands[0]), "mode",
                                  cli_json_text(line->operands[1]));
    if (arguments && cli_given(line, "agent"))
        (void)json_object_set_new(arguments, "agent", cli_json_text(cli_value(line, "agent")));
    if (!cli_models_option(line, "requests", "requests", arguments) ||
        !cli_models_option(line, "seconds", "seconds", arguments)) {
        json_decref(arguments);
        return CLI_USAGE;
    }
    return cli_models_do(line, "tasks policy", arguments, "noted, for what waits as well");
}

int cli_run_tasks_agents(const struct cli_line *line) {
    json_t *found = NULL, *card, *skill;
    size_t i, j;
    int code =
        cli_models_call(line, "tasks agents",
                        json_pack("{so}", "friend", cli_json_text(line->operands[0])), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "cards"), i, card) {
        cli_out("%s", cli_style(CLI_BOLD));
        cli_models_put(cli_models_word(card, "name"));
        cli_out("%s  ", cli_style(CLI_RESET));
        cli_models_put(cli_models_word(card, "description"));
        cli_out("\n");
        json_array_foreach(json_object_get(card, "skills"), j, skill) {
            cli_out("    ");
            cli_models_put(cli_models_word(skill, "id"));
            cli_out("  ");
            cli_models_put(cli_models_word(skill, "name"));
            cli_out("\n");
        }
    }
    json_decref(found);
    return CLI_OK;
}
