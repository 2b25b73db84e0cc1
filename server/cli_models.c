// paired backends …: the model backends that the user named. A key is read without showing it and
// goes to the engine in a frame that is wiped there; it is never an argument of the command line.
#include "server/cli_models.h"

#include "core/base/utf.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int cli_models_call(const struct cli_line *line, const char *capability, json_t *arguments,
                    json_t **ret) {
    json_t *answer = NULL;
    int code = cli_ask_engine(
        line, &(struct cli_call){.capability = capability, .arguments = arguments}, &answer);
    if (code >= 0)
        return code;
    *ret = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    return -1;
}

int cli_models_do(const struct cli_line *line, const char *capability, json_t *arguments,
                  const char *done) {
    json_t *found = NULL;
    int code = cli_models_call(line, capability, arguments, &found);
    if (code >= 0)
        return code;
    if (line->json)
        cli_out_json(found);
    else {
        cli_note("%s", done);
        json_decref(found);
    }
    return CLI_OK;
}

const char *cli_models_word(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

json_int_t cli_models_number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

void cli_models_when(json_int_t ms, bool minutes, char out[32]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (ms <= 0 || !localtime_r(&seconds, &tm) ||
        !strftime(out, 32, minutes ? "%Y-%m-%d %H:%M" : "%Y-%m-%d", &tm))
        memcpy(out, "never", 6);
}

bool cli_models_option(const struct cli_line *line, const char *option, const char *member,
                       json_t *arguments) {
    const char *text = cli_value(line, option);
    char *end = NULL;
    if (!text)
        return true;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end || errno || n < 0) {
        cli_error("--%s: expected a number, got %s", option, text);
        return false;
    }
    (void)json_object_set_new(arguments, member, json_integer(n));
    return true;
}

int cli_models_ask(struct cli_engine *e, const char *capability, json_t *arguments, json_t **ret,
                   struct err *err) {
    json_t *answer = NULL;
    int r = cli_engine_call(e, &(struct cli_call){.capability = capability, .arguments = arguments},
                            &answer, err);
    *ret = r == 0 ? json_incref(json_object_get(answer, "structured")) : NULL;
    json_decref(answer);
    return r;
}

int cli_models_put_keys(struct cli_engine *e, json_t *arguments, struct err *err) {
    json_t *found, *keys = json_object(), *name;
    size_t i;
    int r = cli_models_ask(e, "gateway variables", NULL, &found, err);
    json_array_foreach(json_object_get(found, "names"), i, name) {
        const char *value = getenv(json_string_value(name));
        if (value && *value)
            (void)json_object_set_new(keys, json_string_value(name), json_string(value));
    }
    json_decref(found);
    (void)json_object_set_new(arguments, "keys", keys);
    return r;
}

void cli_models_wipe_keys(json_t *keys) {
    const char *name;
    json_t *value;
    json_object_foreach(keys, name, value)
        explicit_bzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
}

// --- listing ------------------------------------------------------------------------------------

void cli_models_put(const char *text) {
    cli_out_text(text, strlen(text));
}

// A variable counts as this shell has it: the engine has none of them.
static void put_key(const json_t *b) {
    const json_t *key = json_object_get(b, "key");
    const char *source = cli_models_word(key, "source"), *name = cli_models_word(key, "env");
    if (strcmp(source, "env") == 0) {
        const char *value = getenv(name);
        bool set = value && *value;
        cli_out("  key      ");
        cli_models_put(name);
        cli_out(" of the environment, %s%s%s\n", cli_style(set ? CLI_GREEN : CLI_YELLOW),
                set ? "set here" : "not set here", cli_style(CLI_RESET));
    } else if (strcmp(source, "store") == 0) {
        bool kept = json_is_true(json_object_get(key, "kept"));
        cli_out("  key      %s%s%s\n", cli_style(kept ? CLI_GREEN : CLI_YELLOW),
                kept ? "kept in the store" : "missing: give it again with --replace --key-stdin",
                cli_style(CLI_RESET));
    }
}

static void put_models(const json_t *b) {
    size_t i;
    json_t *m;
    json_t *models = json_object_get(b, "models");
    json_array_foreach(models, i, m) {
        cli_out(i ? ", " : "  models   ");
        cli_models_put(cli_models_word(m, "name"));
        if (*cli_models_word(m, "price")) {
            cli_out(" (priced as ");
            cli_models_put(cli_models_word(m, "price"));
            cli_out(")");
        }
    }
    if (json_array_size(models))
        cli_out("\n");
}

static void put_granted(const json_t *b) {
    size_t i, standing = 0;
    json_t *g;
    json_array_foreach(json_object_get(b, "granted"), i, g) {
        char until[32];
        if (json_is_true(json_object_get(g, "expired")))
            continue;
        cli_out(standing++ ? "           " : "  granted  ");
        cli_models_put(*cli_models_word(g, "workspace") ? cli_models_word(g, "workspace")
                                                        : "any workspace");
        cli_models_when(cli_models_number(g, "expires_ms"), false, until);
        if (cli_models_number(g, "expires_ms"))
            cli_out(" until %s", until);
        cli_out("\n");
    }
    if (!standing) {
        cli_out("  granted  nothing: paired consent grant ");
        cli_models_put(cli_models_word(b, "name"));
        cli_out("\n");
    }
}

static void put_backend(const json_t *b) {
    bool on = json_is_true(json_object_get(b, "enabled"));
    cli_out("%s", cli_style(CLI_BOLD));
    cli_models_put(cli_models_word(b, "name"));
    cli_out("%s  %s%s%s  %s  ", cli_style(CLI_RESET), cli_style(on ? CLI_GREEN : CLI_YELLOW),
            on ? "on" : "off", cli_style(CLI_RESET), cli_models_word(b, "family"));
    cli_models_put(cli_models_word(b, "url"));
    cli_out("%s\n", json_is_true(json_object_get(b, "local")) ? "  (this machine)" : "");
    if (*cli_models_word(b, "account")) {
        cli_out("  account  ");
        cli_models_put(cli_models_word(b, "account"));
        cli_out("\n");
    }
    if (strcmp(cli_models_word(b, "fim"), "none") != 0)
        cli_out("  fills in by the API of %s\n", cli_models_word(b, "fim"));
    put_key(b);
    put_models(b);
    put_granted(b);
}

int cli_run_backends(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "backends list", NULL, &found);
    if (code >= 0)
        return code;
    json_t *list = json_object_get(found, "backends"), *b;
    size_t i;
    if (line->json) {
        json_array_foreach(list, i, b) {
            json_t *key = json_object_get(b, "key");
            const char *name = cli_models_word(key, "env");
            const char *value = *name ? getenv(name) : NULL;
            if (*name)
                (void)json_object_set_new(key, "set_here", json_boolean(value && *value));
        }
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(list, i, b) put_backend(b);
    if (!json_array_size(list))
        cli_note("none: paired works without; paired backends presets lists what it knows by name");
    json_decref(found);
    return CLI_OK;
}

int cli_run_backends_presets(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "backends presets", NULL, &found);
    if (code >= 0)
        return code;
    size_t i;
    json_t *p;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "presets"), i, p)
        cli_out("%-10s %-10s %-42s %s\n", cli_models_word(p, "name"), cli_models_word(p, "family"),
                cli_models_word(p, "url"), cli_models_word(p, "env"));
    json_decref(found);
    return CLI_OK;
}

// --- changing
// --------------------------------------------------------------------------------------

static int by_name(const struct cli_line *line, const char *capability, const char *done) {
    json_t *arguments = json_pack("{ss}", "name", line->operands[0]);
    if (!arguments) {
        cli_error("the name is not valid UTF-8");
        return CLI_USAGE;
    }
    return cli_models_do(line, capability, arguments, done);
}

int cli_run_backends_remove(const struct cli_line *line) {
    return by_name(line, "backends remove", "gone, with its key and its grants");
}

int cli_run_backends_enable(const struct cli_line *line) {
    return by_name(line, "backends enable", "on");
}

int cli_run_backends_disable(const struct cli_line *line) {
    return by_name(line, "backends disable", "off; its grants stay");
}
