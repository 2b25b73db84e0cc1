// paired key …: what opens the store.
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int print_state(const struct cli_line *line, json_t *answer, const char *done) {
    if (line->json)
        cli_out_json(json_incref(json_object_get(answer, "structured")));
    else
        cli_note("%s", done);
    json_decref(answer);
    return CLI_OK;
}

static int simple(const struct cli_line *line, const char *capability, const char *done) {
    json_t *answer = NULL;
    int code = cli_ask_engine(line, &(struct cli_call){.capability = capability}, &answer);
    return code >= 0 ? code : print_state(line, answer, done);
}

static void put_when(const json_t *slot, const char *name) {
    const json_t *v = json_object_get(slot, name);
    char text[32] = "never";
    time_t seconds = (time_t)(json_integer_value(v) / 1000);
    struct tm tm;
    if (json_is_string(v)) {
        cli_out("  %s %s", name, json_string_value(v));
        return;
    }
    if (json_integer_value(v) > 0 && localtime_r(&seconds, &tm))
        (void)strftime(text, sizeof text, "%Y-%m-%d", &tm);
    cli_out("  %s %s", name, text);
}

int cli_run_key_list(const struct cli_line *line) {
    json_t *answer = NULL;
    int code = cli_ask_engine(line, &(struct cli_call){.capability = "key list"}, &answer);
    if (code >= 0)
        return code;
    json_t *found = json_object_get(answer, "structured");
    if (line->json) {
        cli_out_json(json_incref(found));
    } else {
        size_t i;
        json_t *slot;
        json_array_foreach(json_object_get(found, "slots"), i, slot) {
            const char *type = json_string_value(json_object_get(slot, "type"));
            cli_out("%3lld  %-20s", json_integer_value(json_object_get(slot, "id")),
                    type ? type : "?");
            put_when(slot, "created");
            put_when(slot, "last_used");
            cli_out("\n");
        }
    }
    json_decref(answer);
    return CLI_OK;
}

static json_t *secret_arguments(char secret[CLI_SECRET_BYTES_MAX]) {
    json_t *arguments = json_pack("{ss}", "secret", secret);
    explicit_bzero(secret, CLI_SECRET_BYTES_MAX);
    return arguments;
}

// Calls with a secret, which is wiped from the arguments afterwards.
static int call_with_secret(const struct cli_line *line, const char *capability, json_t *arguments,
                            json_t **ret) {
    if (!arguments) {
        cli_error("it is not valid UTF-8");
        return CLI_FAILED;
    }
    json_t *secret = json_incref(json_object_get(arguments, "secret"));
    int code = cli_ask_engine(
        line, &(struct cli_call){.capability = capability, .arguments = arguments}, ret);
    explicit_bzero((char *)json_string_value(secret), json_string_length(secret));
    json_decref(secret);
    return code;
}

int cli_run_key_passphrase(const struct cli_line *line) {
    char secret[CLI_SECRET_BYTES_MAX];
    struct err err = {0};
    json_t *answer = NULL;
    int r = cli_read_secret("New passphrase", true, secret, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    bool both = cli_given(line, "both");
    bool add = cli_given(line, "add");
    json_t *arguments = secret_arguments(secret);
    (void)json_object_set_new(arguments, "both", json_boolean(both));
    (void)json_object_set_new(arguments, "only", json_boolean(!add));
    int code = call_with_secret(line, "key passphrase", arguments, &answer);
    if (code >= 0)
        return code;
    return print_state(line, answer,
                       add    ? "the passphrase opens the store, and so does the key file"
                       : both ? "from now on the passphrase and the key file are needed together"
                              : "from now on the passphrase is needed; make recovery words too: "
                                "paired key recovery");
}

int cli_run_key_unlock(const struct cli_line *line) {
    char secret[CLI_SECRET_BYTES_MAX];
    struct err err = {0};
    json_t *answer = NULL;
    int r = cli_read_secret("Passphrase or recovery words", false, secret, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    int code = call_with_secret(line, "key unlock", secret_arguments(secret), &answer);
    return code >= 0 ? code : print_state(line, answer, "the store is open");
}

int cli_run_key_recovery(const struct cli_line *line) {
    json_t *answer = NULL;
    int code = cli_ask_engine(line, &(struct cli_call){.capability = "key recovery"}, &answer);
    if (code >= 0)
        return code;
    json_t *found = json_object_get(answer, "structured");
    if (line->json) {
        cli_out_json(json_incref(found));
    } else {
        cli_out("%s\n", json_string_value(json_object_get(found, "words")));
        cli_note("write these words down and keep them apart from this machine; they open the "
                 "store and are not shown again");
    }
    json_decref(answer);
    return CLI_OK;
}

int cli_run_key_remove(const struct cli_line *line) {
    char *end = NULL;
    long slot = strtol(line->operands[0], &end, 10);
    json_t *answer = NULL;
    if (end == line->operands[0] || *end) {
        cli_error("expected the number of a slot (paired key list), got %s", line->operands[0]);
        return CLI_USAGE;
    }
    int code = -1;
    if (!cli_confirm(line, "What is in this slot will not open the store any more.", "remove",
                     &code))
        return code;
    code = cli_ask_engine(line,
                          &(struct cli_call){.capability = "key remove",
                                             .arguments = json_pack("{si}", "slot", (int)slot)},
                          &answer);
    return code >= 0 ? code : print_state(line, answer, "the slot is gone");
}

int cli_run_key_file(const struct cli_line *line) {
    return simple(line, "key file", "the key file opens the store; nothing is asked");
}

int cli_run_key_rotate(const struct cli_line *line) {
    return simple(
        line, "key rotate",
        "a new key is in use; what older ones sealed is sealed anew when nothing was asked "
        "for a minute (paired status)");
}

int cli_run_key_lock(const struct cli_line *line) {
    return simple(line, "key lock", "the store is locked: paired key unlock");
}
