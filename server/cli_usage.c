// paired audit, usage, budget: what left, and what it cost.
#include "core/base/conf.h"
#include "core/base/mem.h"
#include "server/attach.h"
#include "server/cli_commands.h"
#include "server/cli_config.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <stdlib.h>
#include <string.h>

enum { EXPORT_PAGE = 500 };

// --- audit --------------------------------------------------------------------------------------

static void put_entry(const json_t *e) {
    char when[32];
    const char *workspace = cli_models_word(e, "workspace");
    cli_models_when(cli_models_number(e, "time_ms"), true, when);
    cli_out("%6lld  %s  %-6s ", cli_models_number(e, "seq"), when, cli_models_word(e, "event"));
    cli_out_text(cli_models_word(e, "audience"), strlen(cli_models_word(e, "audience")));
    cli_out("  ");
    cli_out_text(cli_models_word(e, "purpose"), strlen(cli_models_word(e, "purpose")));
    if (*cli_models_word(e, "model")) {
        cli_out("  ");
        cli_out_text(cli_models_word(e, "model"), strlen(cli_models_word(e, "model")));
    }
    if (cli_models_number(e, "bytes_out"))
        cli_out("  %lld B out", cli_models_number(e, "bytes_out"));
    if (cli_models_number(e, "bytes_in"))
        cli_out("  %lld B in", cli_models_number(e, "bytes_in"));
    if (cli_models_number(e, "ref"))
        cli_out("  %s, of %lld", cli_models_word(e, "outcome"), cli_models_number(e, "ref"));
    if (json_object_get(e, "workspace")) {
        cli_out("  ");
        cli_out_text(*workspace ? workspace : "(erased)",
                     strlen(*workspace ? workspace : "(erased)"));
    }
    cli_out("\n");
}

int cli_run_audit_list(const struct cli_line *line) {
    json_t *arguments = json_object(), *found = NULL, *e;
    if (!cli_models_option(line, "limit", "limit", arguments) ||
        !cli_models_option(line, "before", "before", arguments)) {
        json_decref(arguments);
        return CLI_USAGE;
    }
    int code = cli_models_call(line, "audit list", arguments, &found);
    if (code >= 0)
        return code;
    size_t i;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "entries"), i, e) put_entry(e);
    if (!cli_models_number(found, "count"))
        cli_note("nothing has left, and nothing was granted");
    json_decref(found);
    return CLI_OK;
}

int cli_run_audit_verify(const struct cli_line *line) {
    json_t *arguments = json_object(), *found = NULL;
    if (line->operand_count)
        (void)json_object_set_new(arguments, "mark", json_string(line->operands[0]));
    int code = cli_models_call(line, "audit verify", arguments, &found);
    if (code >= 0)
        return code;
    bool ok = json_is_true(json_object_get(found, "ok"));
    if (line->json)
        cli_out_json(json_incref(found));
    else if (ok) {
        cli_out("%lld:%s\n", cli_models_number(found, "entries"), cli_models_word(found, "link"));
        cli_note("%lld entries, each in its place and unchanged; keep this line elsewhere, and "
                 "paired audit verify LINE will show whether the log was cut or rewritten",
                 cli_models_number(found, "entries"));
    } else
        cli_error("%s", cli_models_word(found, "problem"));
    json_decref(found);
    return ok ? CLI_OK : CLI_DEGRADED;
}

// One entry a line, page by page: the log may have a million.
int cli_run_audit_export(const struct cli_line *line) {
    json_int_t after = 0;
    for (;;) {
        json_t *found = NULL, *e;
        json_t *arguments = json_pack("{sI si sb}", "after", after, "limit", EXPORT_PAGE, "private",
                                      cli_given(line, "with-workspaces"));
        int code = cli_models_call(line, "audit export", arguments, &found);
        if (code >= 0)
            return code;
        json_t *entries = json_object_get(found, "entries");
        size_t i, n = json_array_size(entries);
        json_array_foreach(entries, i, e) {
            after = cli_models_number(e, "seq");
            cli_out_json(json_incref(e));
        }
        json_decref(found);
        if (n < EXPORT_PAGE)
            return CLI_OK;
    }
}

// --- usage --------------------------------------------------------------------------------------

static void put_money(json_int_t micro) {
    cli_out("%s$%lld.%04lld", micro < 0 ? "-" : "", llabs(micro) / 1000000,
            llabs(micro) % 1000000 / 100);
}

static void put_sum(const char *key, const json_t *s) {
    AUTO_BUF name = BUF_INIT(4096);
    (void)buf_printf(&name, "%-28s", *key ? key : "-");
    cli_out_text(name.data ? name.data : "", name.len);
    cli_out(" %8lld %12lld %12lld %12lld %10lld  ", cli_models_number(s, "requests"),
            cli_models_number(s, "input"), cli_models_number(s, "cached"),
            cli_models_number(s, "cache_write"), cli_models_number(s, "output"));
    put_money(cli_models_number(s, "cost_microusd"));
    cli_out("  ");
    put_money(cli_models_number(s, "saved_microusd"));
    if (cli_models_number(s, "hits"))
        cli_out("  %lld from the cache, %lld tokens", cli_models_number(s, "hits"),
                cli_models_number(s, "hit_tokens"));
    cli_out("\n");
}

int cli_run_usage(const struct cli_line *line) {
    json_t *arguments = json_object(), *found = NULL, *row;
    char workspace[DIRS_PATH_BYTES_MAX];
    if (line->workspace && attach_workspace(line->workspace, workspace) &&
        json_object_set_new(arguments, "workspace", json_string(workspace)) < 0) {
        json_decref(arguments);
        return cli_error("the folder's name is not valid UTF-8"), CLI_FAILED;
    }
    static const char *const texts[] = {"by", "since"};
    for (size_t i = 0; i < 2; i++)
        if (cli_given(line, texts[i]))
            (void)json_object_set_new(arguments, texts[i], json_string(cli_value(line, texts[i])));
    int code = cli_models_call(line, "usage", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    size_t i;
    json_t *rows = json_object_get(found, "rows");
    if (json_array_size(rows)) {
        cli_out("%-28s %8s %12s %12s %12s %10s  cost  saved\n", cli_models_word(found, "by"),
                "requests", "input", "cached", "cache write", "output");
        json_array_foreach(rows, i, row) put_sum(cli_models_word(row, "key"), row);
        put_sum("total", json_object_get(found, "total"));
    } else
        cli_note("nothing was used in this time");
    json_decref(found);
    return CLI_OK;
}

// --- budget -------------------------------------------------------------------------------------

static int set_budget(const struct cli_line *line, const char *option, const char *key) {
    char path[CLI_CONFIG_PATH_MAX];
    struct err err = {0};
    struct conf *checked = NULL;
    const char *value = cli_value(line, option);
    int r = value ? conf_new(&checked, &err) : 0;
    if (value && r == 0)
        r = conf_set(checked, key, value, CONF_USER, NULL, &err);
    conf_free(checked);
    if (value && r == 0)
        r = cli_config_path(line, path, &err);
    if (value && r == 0)
        r = conf_file_set(path, key, value, &err);
    return r < 0 ? cli_fail(r, &err, line->json) : CLI_OK;
}

enum { WARN_PERCENT = 80 }; // as the engine, which warns in its log

// Of the limit; 0 without one.
static json_int_t percent_of(json_int_t spent, json_int_t limit) {
    return limit ? spent / 10000 / limit : 0;
}

static void put_budget(const char *name, const json_t *spent, json_int_t limit) {
    json_int_t percent = percent_of(cli_models_number(spent, "cost_microusd"), limit);
    cli_out("%-8s", name);
    put_money(cli_models_number(spent, "cost_microusd"));
    if (limit)
        cli_out(" of $%lld, %s%lld %%%s%s", limit,
                cli_style(percent >= 100            ? CLI_RED
                          : percent >= WARN_PERCENT ? CLI_YELLOW
                                                    : CLI_GREEN),
                percent, cli_style(CLI_RESET),
                percent >= 100            ? ": backends that cost something are not asked"
                : percent >= WARN_PERCENT ? ": nearly spent"
                                          : "");
    else
        cli_out(" (no limit)");
    cli_out("\n");
}

static int show_budget(const struct cli_line *line, const struct conf *conf, const json_t *usage) {
    const json_t *day = json_object_get(usage, "today"), *month = json_object_get(usage, "month");
    json_int_t day_max = conf_int(conf, "models.budget_day_usd");
    json_int_t month_max = conf_int(conf, "models.budget_month_usd");
    json_int_t day_spent = cli_models_number(day, "cost_microusd");
    json_int_t month_spent = cli_models_number(month, "cost_microusd");
    bool over = (day_max && day_spent >= day_max * 1000000) ||
                (month_max && month_spent >= month_max * 1000000);
    if (line->json)
        cli_out_json(json_pack(
            "{s{sI sI sI} s{sI sI sI} ss sb}", "day", "spent_microusd", day_spent, "limit_usd",
            day_max, "percent", percent_of(day_spent, day_max), "month", "spent_microusd",
            month_spent, "limit_usd", month_max, "percent", percent_of(month_spent, month_max),
            "policy", conf_string(conf, "models.policy"), "over", over));
    else {
        put_budget("today", day, day_max);
        put_budget("month", month, month_max);
        cli_out("policy  %s\n", conf_string(conf, "models.policy"));
    }
    return over ? CLI_DEGRADED : CLI_OK;
}

int cli_run_budget(const struct cli_line *line) {
    struct cli_config c = {0};
    struct err err = {0};
    json_t *usage = NULL;
    int code = set_budget(line, "day", "models.budget_day_usd");
    if (code == CLI_OK)
        code = set_budget(line, "month", "models.budget_month_usd");
    if (code != CLI_OK)
        return code;
    int r = cli_config_load(line, &c, &err);
    if (r < 0)
        code = cli_fail(r, &err, line->json);
    else
        code = cli_models_call(line, "usage", NULL, &usage);
    if (code < 0)
        code = show_budget(line, c.conf, usage);
    if (usage && (cli_given(line, "day") || cli_given(line, "month")))
        cli_note("the engine takes it at its next start (paired stop)");
    json_decref(usage);
    conf_free(c.conf);
    return code;
}
