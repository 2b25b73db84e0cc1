// paired budget: what may be spent, for all folders or for one.
#include "core/base/conf.h"
#include "core/base/mem.h"
#include "server/attach.h"
#include "server/cli_commands.h"
#include "server/cli_config.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <stdlib.h>
#include <string.h>

enum { WARN_PERCENT = 80, MILLION = 1000000 }; // the first as the engine, which warns in its log

static void put_money(json_int_t micro) {
    cli_out("$%lld.%04lld", micro / MILLION, micro % MILLION / 100);
}

static void put_period(const char *name, json_int_t spent, json_int_t limit) {
    json_int_t percent = limit ? (json_int_t)((double)spent * 100 / (double)limit) : 0;
    cli_out("%-8s", name);
    put_money(spent);
    if (limit) {
        cli_out(" of $%lld", limit / MILLION);
        if (limit % MILLION)
            cli_out(limit % 10000 ? ".%04lld" : ".%02lld",
                    limit % MILLION / (limit % 10000 ? 100 : 10000));
        cli_out(", %s%lld %%%s%s",
                cli_style(percent >= 100            ? CLI_RED
                          : percent >= WARN_PERCENT ? CLI_YELLOW
                                                    : CLI_GREEN),
                percent, cli_style(CLI_RESET),
                percent >= 100            ? ": backends that cost something are not asked"
                : percent >= WARN_PERCENT ? ": nearly spent"
                                          : "");
    } else
        cli_out(" (no limit)");
    cli_out("\n");
}

static void put_own(const char *name, const json_t *period) {
    put_period(name, cli_models_number(period, "spent_microusd"),
               cli_models_number(period, "limit_microusd"));
}

// --- of one folder

// Millionths of a dollar; false: said what is wrong.
static bool read_dollars(const char *option, const char *value, json_int_t *ret) {
    size_t whole = strspn(value, "0123456789");
    const char *p = value + whole;
    json_int_t micro = whole && whole <= 7 ? strtoll(value, NULL, 10) * MILLION : -1;
    if (micro >= 0 && *p == '.') {
        json_int_t unit = MILLION / 10;
        for (p++; *p >= '0' && *p <= '9' && unit; p++, unit /= 10)
            micro += (*p - '0') * unit;
    }
    if (micro < 0 || *p || micro > 1000000LL * MILLION) {
        cli_error("--%s %s: expects dollars, as 5 or 0.50, up to 1000000", option, value);
        return false;
    }
    *ret = micro;
    return true;
}

static const char *wanted(const struct cli_line *line, const char *option) {
    return cli_given(line, "clear") ? "0" : cli_value(line, option);
}

static bool put_limit(const struct cli_line *line, const char *option, const char *flag,
                      json_t *arguments) {
    const char *value = wanted(line, option);
    json_int_t micro = 0;
    if (!value)
        return true;
    if (!read_dollars(option, value, &micro))
        return false;
    return json_object_set_new(arguments, option, json_integer(micro)) == 0 &&
           json_object_set_new(arguments, flag, json_true()) == 0;
}

static int run_own(const struct cli_line *line) {
    char workspace[DIRS_PATH_BYTES_MAX];
    json_t *found = NULL;
    if (!attach_workspace(line->workspace, workspace))
        return cli_error("%s is in no folder that could have a budget", line->workspace), CLI_USAGE;
    json_t *arguments = json_pack("{ss}", "workspace", workspace);
    if (!arguments)
        return cli_error("the folder's name is not valid UTF-8"), CLI_FAILED;
    if (!put_limit(line, "day", "set_day", arguments) ||
        !put_limit(line, "month", "set_month", arguments)) {
        json_decref(arguments);
        return CLI_USAGE;
    }
    int code = cli_models_call(line, "budget", arguments, &found);
    if (code >= 0)
        return code;
    bool over = json_is_true(json_object_get(found, "over"));
    if (line->json)
        cli_out_json(json_incref(found));
    else {
        cli_out("folder  ");
        cli_models_put(cli_models_word(found, "workspace"));
        cli_out("\n");
        put_own("today", json_object_get(found, "day"));
        put_own("month", json_object_get(found, "month"));
    }
    json_decref(found);
    return over ? CLI_DEGRADED : CLI_OK;
}

// --- of all of them

// Both are looked at before one is written. These are settings, and those are whole numbers.
static bool whole_dollars(const struct cli_line *line, const char *option) {
    const char *value = wanted(line, option);
    json_int_t micro = 0;
    if (!value)
        return true;
    if (!read_dollars(option, value, &micro))
        return false;
    if (!value[strspn(value, "0123456789")])
        return true;
    cli_error("--%s %s: the limit of all folders is in whole dollars; of one folder, as 0.50: "
              "--workspace DIR",
              option, value);
    return false;
}

static int set_budget(const struct cli_line *line, const char *option, const char *key) {
    char path[CLI_CONFIG_PATH_MAX];
    struct err err = {0};
    const char *value = wanted(line, option);
    int r = value ? cli_config_path(line, path, &err) : 0;
    if (value && r == 0)
        r = conf_file_set(path, key, value, &err);
    return r < 0 ? cli_fail(r, &err, line->json) : CLI_OK;
}

static json_int_t percent_of(json_int_t spent, json_int_t limit) { // of dollars; 0 without one
    return limit ? spent / 10000 / limit : 0;
}

static void put_folders(const json_t *own) {
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(own, "workspaces"), i, one) {
        cli_out("\n");
        cli_models_put(cli_models_word(one, "workspace"));
        cli_out("\n");
        put_own("today", json_object_get(one, "day"));
        put_own("month", json_object_get(one, "month"));
    }
}

static int show(const struct cli_line *line, const struct conf *conf, const json_t *usage,
                json_t *own) {
    const json_t *day = json_object_get(usage, "today"), *month = json_object_get(usage, "month");
    json_int_t day_max = conf_int(conf, "models.budget_day_usd");
    json_int_t month_max = conf_int(conf, "models.budget_month_usd");
    json_int_t day_spent = cli_models_number(day, "cost_microusd");
    json_int_t month_spent = cli_models_number(month, "cost_microusd");
    bool over = (day_max && day_spent >= day_max * MILLION) ||
                (month_max && month_spent >= month_max * MILLION);
    if (line->json)
        cli_out_json(json_pack(
            "{s{sI sI sI} s{sI sI sI} ss sb sO}", "day", "spent_microusd", day_spent, "limit_usd",
            day_max, "percent", percent_of(day_spent, day_max), "month", "spent_microusd",
            month_spent, "limit_usd", month_max, "percent", percent_of(month_spent, month_max),
            "policy", conf_string(conf, "models.policy"), "over", over, "workspaces",
            json_object_get(own, "workspaces")));
    else {
        put_period("today", day_spent, day_max * MILLION);
        put_period("month", month_spent, month_max * MILLION);
        cli_out("policy  %s\n", conf_string(conf, "models.policy"));
        put_folders(own);
    }
    return over ? CLI_DEGRADED : CLI_OK;
}

int cli_run_budget(const struct cli_line *line) {
    struct cli_config c = {0};
    struct err err = {0};
    json_t *usage = NULL, *own = NULL;
    bool clear = cli_given(line, "clear");
    if (clear && (cli_given(line, "day") || cli_given(line, "month")))
        return cli_error("--clear removes both limits: leave out --day and --month"), CLI_USAGE;
    if (line->workspace)
        return run_own(line);
    if (!whole_dollars(line, "day") || !whole_dollars(line, "month"))
        return CLI_USAGE;
    int code = set_budget(line, "day", "models.budget_day_usd");
    if (code == CLI_OK)
        code = set_budget(line, "month", "models.budget_month_usd");
    if (code != CLI_OK)
        return code;
    int r = cli_config_load(line, &c, &err);
    code = r < 0 ? cli_fail(r, &err, line->json) : cli_models_call(line, "usage", NULL, &usage);
    if (code < 0)
        code = cli_models_call(line, "budget", json_object(), &own);
    if (code < 0)
        code = show(line, c.conf, usage, own);
    if (own && (clear || cli_given(line, "day") || cli_given(line, "month")))
        cli_note("the engine takes it at its next start (paired stop)");
    json_decref(usage);
    json_decref(own);
    conf_free(c.conf);
    return code;
}
