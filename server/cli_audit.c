// paired audit prove, cosign, verify --proof: the log as others can check it.
#include "server/cli_audit.h"

#include "core/base/buf.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_cosigner(const json_t *c) {
    char when[32];
    cli_models_when(cli_models_number(c, "time_ms"), true, when);
    cli_out("cosigned up to entry %lld by ", cli_models_number(c, "entries"));
    cli_out_text(cli_models_word(c, "who"), strlen(cli_models_word(c, "who")));
    cli_out(", %s\n", when);
}

void cli_audit_put_cosigners(const json_t *found) {
    json_t *c;
    size_t i;
    json_array_foreach(json_object_get(found, "cosigners"), i, c) put_cosigner(c);
    if (cli_models_number(found, "older"))
        cli_note("%lld checkpoints speak of entries that are no longer kept",
                 cli_models_number(found, "older"));
}

int cli_audit_export_checkpoints(const struct cli_line *line) {
    json_t *found = NULL, *one;
    size_t i;
    int code = cli_models_call(line, "audit checkpoints", json_object(), &found);
    if (code >= 0)
        return code;
    json_array_foreach(json_object_get(found, "checkpoints"), i, one)
        cli_out_json(json_incref(one));
    json_decref(found);
    return CLI_OK;
}

int cli_run_audit_prove(const struct cli_line *line) {
    json_t *found = NULL;
    char *end = NULL;
    errno = 0;
    long long seq = strtoll(line->operands[0], &end, 10);
    if (end == line->operands[0] || *end || errno || seq < 1) {
        cli_error("expected the number of an entry, got %s", line->operands[0]);
        return CLI_USAGE;
    }
    int code = cli_models_call(line, "audit prove", json_pack("{sI}", "seq", seq), &found);
    if (code >= 0)
        return code;
    cli_out_json(json_incref(json_object_get(found, "proof")));
    json_decref(found);
    return CLI_OK;
}

static void put_checked(const json_t *found) {
    const json_t *entry = json_object_get(found, "entry");
    json_t *c;
    size_t i;
    char when[32], at[32];
    cli_models_when(cli_models_number(entry, "time_ms"), true, when);
    cli_models_when(cli_models_number(found, "time_ms"), true, at);
    cli_out("entry %lld, %s: %s ", cli_models_number(entry, "seq"), when,
            cli_models_word(entry, "event"));
    cli_out_text(cli_models_word(entry, "audience"), strlen(cli_models_word(entry, "audience")));
    cli_out("  ");
    cli_out_text(cli_models_word(entry, "purpose"), strlen(cli_models_word(entry, "purpose")));
    cli_out("\nis in the log of %lld entries of %s\n", cli_models_number(found, "entries"), at);
    if (*cli_models_word(found, "device"))
        cli_out("signed by    %s\n", cli_models_word(found, "device"));
    json_array_foreach(json_object_get(found, "cosigned"), i, c) {
        cli_models_when(cli_models_number(c, "time_ms"), true, at);
        cli_out("cosigned by  %s, %s\n", cli_models_word(c, "device"), at);
    }
    if (!*cli_models_word(found, "device"))
        cli_note("nobody has signed what that log was: this says only that the file fits itself");
}

int cli_audit_check(const struct cli_line *line, const char *path) {
    json_error_t error;
    json_t *proof = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *found = NULL;
    if (!proof) {
        cli_error("%s: %s", path, error.text);
        return CLI_FAILED;
    }
    int code = cli_models_call(line, "audit check", json_pack("{so}", "proof", proof), &found);
    if (code >= 0)
        return code;
    bool ok = json_is_true(json_object_get(found, "ok"));
    if (line->json)
        cli_out_json(json_incref(found));
    else if (ok)
        put_checked(found);
    else
        cli_error("%s", cli_models_word(found, "problem"));
    json_decref(found);
    return ok ? CLI_OK : CLI_DEGRADED;
}

static bool put_peer(const json_t *p) {
    const char *problem = cli_models_word(p, "problem");
    cli_out_text(cli_models_word(p, "who"), strlen(cli_models_word(p, "who")));
    if (*problem) {
        cli_out("  %s", cli_style(CLI_RED));
        cli_out_text(problem, strlen(problem));
        cli_out("%s\n", cli_style(CLI_RESET));
        return false;
    }
    cli_out("  has cosigned up to entry %lld%s\n", cli_models_number(p, "entries"),
            json_is_true(json_object_get(p, "asked")) ? "" : " before");
    return true;
}

int cli_run_audit_cosign(const struct cli_line *line) {
    json_t *found = NULL, *p;
    size_t i;
    bool good = true;
    int code = cli_models_call(line, "audit cosign", json_object(), &found);
    if (code >= 0)
        return code;
    json_t *peers = json_object_get(found, "peers");
    json_array_foreach(peers, i, p) {
        if (line->json)
            good = good && !*cli_models_word(p, "problem");
        else
            good = put_peer(p) && good;
    }
    if (line->json)
        cli_out_json(json_incref(found));
    else if (!json_array_size(peers))
        cli_note("no friend to whom something is granted is there");
    json_decref(found);
    return good ? CLI_OK : CLI_DEGRADED;
}
