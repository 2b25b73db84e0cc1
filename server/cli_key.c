// paired key …: what opens the store.
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdio.h>
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

// -1, or the exit code of what was wrong. The list is the caller's.
static int ask_slots(const struct cli_line *line, json_t **ret) {
    json_t *answer = NULL;
    int code = cli_ask_engine(line, &(struct cli_call){.capability = "key list"}, &answer);
    if (code >= 0)
        return code;
    *ret = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    return -1;
}

static const char *type_of(const json_t *slot) {
    const char *type = json_string_value(json_object_get(slot, "type"));
    return type ? type : "?";
}

// In UTC, as all dates of ours.
static const char *date_of(const json_t *ms, char text[16]) {
    time_t seconds = (time_t)(json_integer_value(ms) / 1000);
    struct tm tm;
    if (seconds <= 0 || !gmtime_r(&seconds, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm))
        return "never";
    return text;
}

int cli_run_key_list(const struct cli_line *line) {
    json_t *found = NULL;
    int code = ask_slots(line, &found);
    if (code >= 0)
        return code;
    size_t i;
    json_t *slot;
    json_array_foreach(json_object_get(found, "slots"), i, slot) {
        const char *type = type_of(slot);
        char created[16], used[16];
        if (line->json)
            break;
        cli_out("%3lld  %-20s  created %-10s  ", json_integer_value(json_object_get(slot, "id")),
                type, date_of(json_object_get(slot, "created"), created));
        // It opens the store by itself, at each start of the engine; that is not written down.
        if (strcmp(type, "key-file") == 0)
            cli_out("used at every start\n");
        else
            cli_out("last used %s\n", date_of(json_object_get(slot, "last_used"), used));
    }
    if (line->json)
        cli_out_json(json_incref(found));
    json_decref(found);
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

// The type of slot `id`, or NULL.
static const char *find_slot(const json_t *found, long id) {
    size_t i;
    const json_t *slot;
    json_array_foreach(json_object_get(found, "slots"), i, slot) {
        if (json_integer_value(json_object_get(slot, "id")) == id)
            return type_of(slot);
    }
    return NULL;
}

// Nobody is asked to agree to what cannot be done. -1: to be removed.
static int confirm_removal(const struct cli_line *line, long id) {
    json_t *found = NULL;
    char question[128];
    int code = ask_slots(line, &found);
    if (code >= 0)
        return code;
    const char *type = find_slot(found, id);
    if (!type) {
        struct err err = {0};
        int r = err_set(&err, ERR_NOT_FOUND, "there is no slot %ld (paired key list)", id);
        code = cli_fail(r, &err, line->json);
    } else {
        (void)snprintf(question, sizeof question, "Slot %ld, %s, will not open the store any more.",
                       id, type);
        (void)cli_confirm(line, question, "remove", &code);
    }
    json_decref(found);
    return code;
}

int cli_run_key_remove(const struct cli_line *line) {
    char *end = NULL;
    errno = 0;
    long slot = strtol(line->operands[0], &end, 10);
    json_t *answer = NULL;
    if (end == line->operands[0] || *end || errno) {
        cli_error("expected the number of a slot (paired key list), got %s", line->operands[0]);
        return CLI_USAGE;
    }
    int code = confirm_removal(line, slot);
    if (code >= 0)
        return code;
    json_t *arguments = json_pack("{sI}", "slot", (json_int_t)slot);
    code = cli_ask_engine(
        line, &(struct cli_call){.capability = "key remove", .arguments = arguments}, &answer);
    return code >= 0 ? code : print_state(line, answer, "the slot is gone");
}

// Whoever goes back to the key file often means to be rid of the passphrase.
static void say_passphrases(const json_t *found) {
    size_t i;
    const json_t *slot;
    json_array_foreach(json_object_get(found, "slots"), i, slot) {
        if (strncmp(type_of(slot), "passphrase", strlen("passphrase")) != 0)
            continue;
        json_int_t id = json_integer_value(json_object_get(slot, "id"));
        cli_note("slot %lld, %s, opens it as well; paired key remove %lld takes it away", id,
                 type_of(slot), id);
    }
}

int cli_run_key_file(const struct cli_line *line) {
    json_t *found = NULL;
    int code = simple(line, "key file", "the key file opens the store; nothing is asked");
    if (code == CLI_OK && !line->json && ask_slots(line, &found) < 0)
        say_passphrases(found);
    json_decref(found);
    return code;
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
