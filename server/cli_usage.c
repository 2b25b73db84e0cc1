// paired audit, usage: what left, and what it cost.
#include "core/base/mem.h"
#include "server/attach.h"
#include "server/cli_audit.h"
#include "server/cli_commands.h"
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
    const char *kind = cli_models_word(e, "kind");
    cli_out("%6lld  %s  %-6s ", cli_models_number(e, "seq"), when, cli_models_word(e, "event"));
    if (strcmp(kind, "backend") != 0) { // of federation
        cli_out_text(kind, strlen(kind));
        cli_out(" ");
    }
    const char *whom = cli_models_word(e, json_object_get(e, "who") ? "who" : "audience");
    cli_out_text(whom, strlen(whom));
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
    if (cli_value(line, "proof")) {
        json_decref(arguments);
        return cli_audit_check(line, cli_value(line, "proof"));
    }
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
    if (!line->json)
        cli_audit_put_cosigners(found);
    json_decref(found);
    return ok ? CLI_OK : CLI_DEGRADED;
}

// One entry a line, page by page: the log may have a million. Then the checkpoints.
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
            return cli_audit_export_checkpoints(line);
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
