// paired why: how the router came to its choice.
#include "core/base/mem.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <string.h>

static double figure(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static void put_candidate(const json_t *c) {
    bool chosen = json_is_true(json_object_get(c, "chosen"));
    cli_out("%s %s", chosen ? "*" : " ", chosen ? cli_style(CLI_GREEN) : "");
    cli_models_put(cli_models_word(c, "model"));
    cli_out("%s at ", chosen ? cli_style(CLI_RESET) : "");
    cli_models_put(cli_models_word(c, "backend"));
    cli_out(":");
    if (json_object_get(c, "likely"))
        cli_out(" %.0f %% likely to be right,", 100 * figure(c, "likely"));
    if (cli_models_number(c, "learned"))
        cli_out(" as %lld answer%s taught,", cli_models_number(c, "learned"),
                cli_models_number(c, "learned") == 1 ? "" : "s");
    cli_out(" $%.4f", figure(c, "usd"));
    if (json_object_get(c, "likely"))
        cli_out(", $%.4f to a solved task", figure(c, "usd_to_solved"));
    if (cli_models_number(c, "cached"))
        cli_out(", %lld tokens from its cache", cli_models_number(c, "cached"));
    if (strcmp(cli_models_word(c, "state"), "ok") != 0)
        cli_out(", quota %s", cli_models_word(c, "state"));
    cli_out("; %s\n", cli_models_word(c, "reason"));
}

static void put_head(const json_t *w) {
    char when[32];
    const char *stage = cli_models_word(w, "stage"), *asked = cli_models_word(w, "asked");
    cli_models_when(cli_models_number(w, "time_ms"), true, when);
    cli_out("%s  %s  ", cli_models_word(w, "id"), when);
    cli_models_put(cli_models_word(w, "purpose"));
    if (json_is_true(json_object_get(w, "past")))
        cli_out(" (before the engine was started anew)");
    cli_out("\nasked for ");
    cli_models_put(*asked ? asked : "no model by name");
    if (cli_models_number(w, "kept_ms")) {
        cli_models_when(cli_models_number(w, "kept_ms"), true, when);
        cli_out(": from the cache, kept at %s; no backend was asked\n", when);
        return;
    }
    cli_out("%s\n", strcmp(stage, "asked") == 0     ? ": a backend has it, so it is what answers"
                    : strcmp(stage, "instead") == 0 ? ": what has it cannot be used now, so "
                                                      "another one is taken"
                                                    : ": the router is free to choose");
    if (*cli_models_word(w, "origin"))
        cli_out("%s (%s), at least %.0f %% likely to be right\n", cli_models_word(w, "origin"),
                cli_models_word(w, "origin_why"), 100 * figure(w, "floor"));
    else
        cli_out("there was no choice between models, so the text was not looked at\n");
    if (figure(w, "budget_left") < 1)
        cli_out("%.0f %% of the budget is left\n", 100 * figure(w, "budget_left"));
}

static void put_tries(const json_t *w) {
    size_t i;
    json_t *t;
    json_t *tries = json_object_get(w, "tries");
    json_array_foreach(tries, i, t) {
        cli_out(i ? ", then " : cli_models_number(w, "kept_ms") ? "answered by " : "went to ");
        cli_models_put(cli_models_word(t, "model"));
        cli_out(" at ");
        cli_models_put(cli_models_word(t, "backend"));
        cli_out(" (%s)", cli_models_word(t, "ended"));
    }
    const json_t *u = json_object_get(w, "tokens");
    cli_out("%s%s", json_array_size(tries) ? "; " : "", cli_models_word(w, "status"));
    if (*cli_models_word(w, "fault"))
        cli_out(" (%s)", cli_models_word(w, "fault"));
    if (cli_models_number(w, "kept_ms")) // nothing was used; what it saved: paired usage
        cli_out(" after %lld ms", cli_models_number(w, "took_ms"));
    else if (strcmp(cli_models_word(w, "status"), "ok") == 0)
        cli_out(" after %lld ms: %lld tokens in, %lld from the cache, %lld out, $%.4f",
                cli_models_number(w, "took_ms"),
                cli_models_number(u, "input") + cli_models_number(u, "cache_write"),
                cli_models_number(u, "cached"), cli_models_number(u, "output"),
                (double)cli_models_number(w, "cost_microusd") / 1e6);
    if (*cli_models_word(w, "verdict"))
        cli_out("; %s, you said", cli_models_word(w, "verdict"));
    if (*cli_models_word(w, "edit"))
        cli_out("; its edit %s: the router learned from that",
                strcmp(cli_models_word(w, "edit"), "failed") == 0 ? "did not apply" : "applied");
    cli_out("\n");
}

static void put_checks(const json_t *w) {
    size_t i;
    json_t *c;
    if (!cli_models_number(w, "cascade"))
        return;
    cli_out("stage %lld of a patch", cli_models_number(w, "cascade"));
    json_array_foreach(json_object_get(w, "checks"), i, c) {
        cli_out("%s ", i ? "," : ":");
        cli_models_put(cli_models_word(c, "name"));
        cli_out(" %s", cli_models_word(c, "result"));
        if (*cli_models_word(c, "note")) {
            cli_out(" (");
            cli_models_put(cli_models_word(c, "note"));
            cli_out(")");
        }
    }
    cli_out("\n");
}

static int show_one(const struct cli_line *line) {
    json_t *found = NULL, *c;
    size_t i;
    json_t *arguments = json_pack("{ss}", "id", line->operand_count ? line->operands[0] : "last");
    int code = cli_models_call(line, "why", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    put_head(found);
    json_array_foreach(json_object_get(found, "candidates"), i, c) put_candidate(c);
    if (cli_models_number(found, "not_shown"))
        cli_out("  and %lld more\n", cli_models_number(found, "not_shown"));
    put_tries(found);
    put_checks(found);
    json_decref(found);
    return CLI_OK;
}

static int show_list(const struct cli_line *line) {
    json_t *arguments = json_object(), *found = NULL, *w;
    size_t i;
    if (!cli_models_option(line, "limit", "limit", arguments)) {
        json_decref(arguments);
        return CLI_USAGE;
    }
    int code = cli_models_call(line, "why list", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "requests"), i, w) {
        char when[32];
        cli_models_when(cli_models_number(w, "time_ms"), true, when);
        cli_out("%s  %s  %-9s ", cli_models_word(w, "id"), when, cli_models_word(w, "status"));
        cli_models_put(cli_models_word(w, "model"));
        cli_out(" at ");
        cli_models_put(*cli_models_word(w, "backend") ? cli_models_word(w, "backend") : "nobody");
        cli_out("  $%.4f  %s\n", (double)cli_models_number(w, "cost_microusd") / 1e6,
                cli_models_number(w, "kept_ms") ? "from the cache" : cli_models_word(w, "reason"));
    }
    if (!json_array_size(json_object_get(found, "requests")))
        cli_note("no request was sent to a model yet");
    json_decref(found);
    return CLI_OK;
}

static void put_check(const json_t *c) {
    size_t i;
    json_t *m;
    cli_models_put(cli_models_word(c, "name"));
    cli_out(" in ");
    cli_models_put(cli_models_word(c, "workspace"));
    cli_out(": ran %lld times, passed %lld; you judged %.0f right and %.0f wrong\n",
            cli_models_number(c, "runs"), cli_models_number(c, "passes"), figure(c, "right"),
            figure(c, "wrong"));
    cli_out("  believed to pass %.0f %% of wrong answers, to fail %.0f %% of right ones\n",
            100 * figure(c, "false_pass"), 100 * figure(c, "false_fail"));
    json_array_foreach(json_object_get(c, "models"), i, m) {
        cli_out("  ");
        cli_models_put(cli_models_word(m, "model"));
        cli_out(": passed %lld of %lld; %.0f right, %.0f wrong\n", cli_models_number(m, "passes"),
                cli_models_number(m, "runs"), figure(m, "right"), figure(m, "wrong"));
    }
}

static int show_checks(const struct cli_line *line) {
    json_t *found = NULL, *c;
    size_t i;
    int code = cli_models_call(line, "why checks", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "checks"), i, c) put_check(c);
    if (!json_array_size(json_object_get(found, "checks")))
        cli_note("no patch was checked yet: paired ask --patch");
    json_decref(found);
    return CLI_OK;
}

static const char *verdict_of(const struct cli_line *line) {
    static const char *const verdicts[] = {"good", "bad", "forget"};
    for (size_t i = 0; i < COUNT_OF(verdicts); i++)
        if (cli_given(line, verdicts[i]))
            return verdicts[i];
    return NULL;
}

static int judge(const struct cli_line *line, const char *verdict) {
    json_t *found = NULL;
    json_t *arguments = json_pack("{ss ss}", "id", line->operand_count ? line->operands[0] : "last",
                                  "verdict", verdict);
    int code = cli_models_call(line, "why judge", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    if (strcmp(verdict, "forget") == 0) {
        cli_out("What the router had learned from answers, and of checks, is forgotten.\n");
    } else if (json_is_true(json_object_get(found, "learned"))) {
        cli_out("The router learns that ");
        cli_models_put(cli_models_word(found, "model"));
        cli_out(" was %s there.\n", strcmp(verdict, "good") == 0 ? "right" : "wrong");
    }
    if (cli_models_number(found, "checks"))
        cli_out("So do the %lld checks that judged its patch.\n",
                cli_models_number(found, "checks"));
    if (json_is_true(json_object_get(found, "dropped")))
        cli_out("The answer is not given again: the same request asks a backend.\n");
    json_decref(found);
    return CLI_OK;
}

int cli_run_why(const struct cli_line *line) {
    const char *verdict = verdict_of(line);
    if (cli_given(line, "good") + cli_given(line, "bad") + cli_given(line, "forget") +
            cli_given(line, "list") + cli_given(line, "checks") >
        1)
        return cli_error("--good, --bad, --forget, --list, --checks: one of them"), CLI_USAGE;
    if (cli_given(line, "checks"))
        return show_checks(line);
    if (verdict)
        return judge(line, verdict);
    if (!cli_given(line, "list"))
        return show_one(line);
    if (line->operand_count)
        return cli_error("--list and %s: one of them", line->operands[0]), CLI_USAGE;
    return show_list(line);
}
