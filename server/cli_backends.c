// paired backends add, test, find: naming a backend, and seeing whether it answers. A key is read
// without showing it and goes to the engine in a frame that is wiped there; it is never an argument
// of the command line.
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- adding -------------------------------------------------------------------------------------

static json_t *add_arguments(const struct cli_line *line) {
    static const char *const texts[][2] = {{"preset", "preset"},   {"family", "family"},
                                           {"fim", "fim"},         {"url", "url"},
                                           {"account", "account"}, {"key-env", "key_env"}};
    json_t *arguments = json_pack("{ss}", "name", line->operands[0]);
    json_t *models = json_array();
    bool good = arguments != NULL;
    for (size_t i = 0; good && i < sizeof texts / sizeof texts[0]; i++)
        if (cli_given(line, texts[i][0]))
            good = json_object_set_new(arguments, texts[i][1],
                                       json_string(cli_value(line, texts[i][0]))) == 0;
    for (size_t i = 0; good && i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, "model") == 0)
            good = json_array_append_new(models, json_string(line->given[i].value)) == 0;
    if (good && json_array_size(models))
        (void)json_object_set(arguments, "models", models);
    if (good && cli_given(line, "replace"))
        (void)json_object_set_new(arguments, "replace", json_true());
    json_decref(models);
    if (good)
        return arguments;
    json_decref(arguments);
    cli_error("an argument is not valid UTF-8");
    return NULL;
}

// The variable that the named provider's key is usually in, when somebody is there to be asked for
// the key, and the variable is not set here. "" otherwise.
static void ask_for_key(const struct cli_line *line, char variable[128]) {
    const char *name = cli_value(line, "preset");
    json_t *found = NULL, *p;
    size_t i;
    variable[0] = '\0';
    if (cli_given(line, "key-stdin") || cli_given(line, "key-env") || cli_given(line, "url") ||
        cli_given(line, "replace") || line->json || !isatty(STDIN_FILENO) ||
        cli_models_call(line, "backends presets", NULL, &found) >= 0)
        return;
    json_array_foreach(json_object_get(found, "presets"), i, p) {
        const char *env = cli_models_word(p, "env"), *value = *env ? getenv(env) : NULL;
        if (strcmp(cli_models_word(p, "name"), name ? name : line->operands[0]) == 0 && *env &&
            !(value && *value))
            (void)snprintf(variable, 128, "%s", env);
    }
    json_decref(found);
}

static int add_with_key(const struct cli_line *line, json_t *arguments, json_t **ret) {
    char key[CLI_SECRET_BYTES_MAX], variable[128], prompt[192];
    struct err err = {0};
    json_t *kept = NULL;
    ask_for_key(line, variable);
    if (*variable)
        (void)snprintf(prompt, sizeof prompt, "Key, kept sealed (nothing: it will be in %s)",
                       variable);
    else
        memcpy(prompt, "Key", 4);
    if (cli_given(line, "key-stdin") || *variable) {
        int r = cli_read_secret(prompt, false, key, &err);
        if (r == ERR_INVAL && *variable) // nothing was typed
            return cli_models_call(line, "backends add", arguments, ret);
        if (r < 0) {
            json_decref(arguments);
            return cli_fail(r, &err, line->json);
        }
        kept = json_string(key);
        explicit_bzero(key, sizeof key);
        if (!kept) {
            json_decref(arguments);
            cli_error("the key is not valid UTF-8");
            return CLI_FAILED;
        }
        (void)json_object_set(arguments, "key", kept);
    }
    int code = cli_models_call(line, "backends add", arguments, ret);
    if (kept)
        explicit_bzero((char *)json_string_value(kept), json_string_length(kept));
    json_decref(kept);
    return code;
}

int cli_run_backends_add(const struct cli_line *line) {
    json_t *arguments = add_arguments(line), *found = NULL;
    if (!arguments)
        return CLI_USAGE;
    int code = add_with_key(line, arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    const char *env = cli_models_word(json_object_get(found, "key"), "env");
    const char *value = *env ? getenv(env) : NULL;
    const char *name = cli_models_word(found, "name"), *url = cli_models_word(found, "url");
    if (cli_given(line, "replace")) // its grants stay, unless the place is another one
        cli_note("%s is at %s; what may go there: paired backends", name, url);
    else
        cli_note("%s is at %s; nothing goes there until: paired consent grant %s", name, url, name);
    if (*env && !(value && *value))
        cli_note("its key comes from %s, which is not set here", env);
    json_decref(found);
    return CLI_OK;
}

// --- testing ------------------------------------------------------------------------------------

static void put_reached(const json_t *b) {
    if (!json_is_true(json_object_get(b, "reached")))
        return;
    cli_out("  reached  first byte after %lld ms", cli_models_number(b, "first_byte_ms"));
    if (*cli_models_word(b, "proxy")) {
        cli_out(", by way of the proxy ");
        cli_models_put(cli_models_word(b, "proxy"));
    }
    cli_out("\n");
}

static void put_key_seen(const json_t *b) {
    const char *key = cli_models_word(b, "key");
    if (strcmp(key, "accepted") == 0)
        cli_out("  key      %saccepted%s\n", cli_style(CLI_GREEN), cli_style(CLI_RESET));
    else if (strcmp(key, "not-shown") == 0 && json_is_true(json_object_get(b, "ok"))) {
        cli_out("  key      not shown: everybody may read its list. paired backends test ");
        cli_models_put(cli_models_word(b, "name"));
        cli_out(" --ask shows it\n");
    }
}

static void put_models_seen(const json_t *b) {
    const json_t *models = json_object_get(b, "models"), *unknown = json_object_get(b, "unknown");
    json_t *name;
    size_t i;
    if (*cli_models_word(b, "asked") && json_is_true(json_object_get(b, "ok"))) {
        cli_out("  asked    ");
        cli_models_put(cli_models_word(b, "asked"));
        cli_out(", which answered\n");
    }
    if (!json_is_array(models))
        return;
    cli_out("  models   %lld", cli_models_number(b, "model_count"));
    json_array_foreach(models, i, name) {
        if (i == 8)
            break;
        cli_out(i ? ", " : ": ");
        cli_models_put(json_string_value(name));
    }
    cli_out(json_array_size(models) > 8 ? " …\n" : "\n");
    json_array_foreach(unknown, i, name) {
        cli_out("           %s", cli_style(CLI_YELLOW));
        cli_models_put(json_string_value(name));
        cli_out("%s is not among them\n", cli_style(CLI_RESET));
    }
}

static void put_clock(const json_t *b) {
    json_int_t ms = cli_models_number(b, "skew_ms"), off = ms < 0 ? -ms : ms;
    if (!json_object_get(b, "skew_ms"))
        return;
    if (off < 3000) // a Date has no fractions, and travels
        cli_out("  clock    as this machine's\n");
    else if (off < 60 * 1000)
        cli_out("  clock    %lld s %s this machine's\n", off / 1000, ms > 0 ? "before" : "behind");
    else
        cli_out(
            "  clock    %s%lld min %s this machine's%s: see timedatectl; limits and grants go by "
            "the clock here\n",
            cli_style(CLI_YELLOW), off / 60000, ms > 0 ? "before" : "behind", cli_style(CLI_RESET));
}

static void put_tested(const json_t *b, const char *policy) {
    bool ok = json_is_true(json_object_get(b, "ok"));
    bool enabled = json_is_true(json_object_get(b, "enabled"));
    const char *name = cli_models_word(b, "name");
    cli_out("%s", cli_style(CLI_BOLD));
    cli_models_put(name);
    cli_out("%s  %s%s%s  ", cli_style(CLI_RESET), cli_style(ok ? CLI_GREEN : CLI_RED),
            ok ? "answers" : cli_models_word(b, "problem"), cli_style(CLI_RESET));
    cli_models_put(cli_models_word(b, "url"));
    cli_out("\n");
    put_reached(b);
    put_key_seen(b);
    put_models_seen(b);
    put_clock(b);
    if (!ok) {
        cli_out("  problem  ");
        cli_models_put(cli_models_word(b, "what"));
        cli_out("\n  do       ");
        cli_models_put(cli_models_word(b, "help"));
        cli_out("\n");
    }
    if (!enabled)
        cli_out("  off      nothing is sent there: paired backends enable %s\n", name);
    else if (strcmp(policy, "local-only") == 0 && !json_is_true(json_object_get(b, "local")))
        cli_out("  policy   local-only: nothing is sent there (models.policy)\n");
    else if (!json_is_true(json_object_get(b, "granted")))
        cli_out("  granted  not for this folder: paired consent grant %s\n", name);
}

// The engine keeps the environment that it was started with.
static void note_proxy(const json_t *found) {
    const char *small = getenv("https_proxy"), *capital = getenv("HTTPS_PROXY");
    bool here = (small && *small) || (capital && *capital);
    bool there = *cli_models_word(found, "proxy") != '\0';
    if (here != there)
        cli_note("HTTPS_PROXY is %sset here and was %sset where the engine was started; paired "
                 "stop, then the next command starts it with what is set here",
                 here ? "" : "not ", there ? "" : "not ");
}

static int show_tests(const struct cli_line *line, json_t *found) {
    json_t *list = json_object_get(found, "backends"), *b;
    size_t i, wrong = 0;
    json_array_foreach(list, i, b) wrong += !json_is_true(json_object_get(b, "ok"));
    if (line->json) {
        cli_out_json(json_incref(found));
        return wrong ? CLI_DEGRADED : CLI_OK;
    }
    json_array_foreach(list, i, b) put_tested(b, cli_models_word(found, "policy"));
    if (!json_array_size(list))
        cli_note("none: paired works without. paired backends presets lists what it knows by name, "
                 "paired backends find looks on this machine");
    note_proxy(found);
    return wrong ? CLI_DEGRADED : CLI_OK;
}

int cli_run_backends_test(const struct cli_line *line) {
    json_t *arguments = json_object(), *found = NULL;
    struct cli_engine *e = NULL;
    struct err err = {0};
    int r = arguments ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    if (line->operand_count)
        r = json_object_set_new(arguments, "name", json_string(line->operands[0]));
    if (cli_given(line, "model") && r == 0)
        r = json_object_set_new(arguments, "model", json_string(cli_value(line, "model")));
    if (r < 0) {
        json_decref(arguments);
        cli_error("an argument is not valid UTF-8");
        return CLI_USAGE;
    }
    if (cli_given(line, "ask"))
        (void)json_object_set_new(arguments, "ask", json_true());
    r = cli_engine_open(line, true, &e, &err);
    if (r == 0)
        r = cli_models_put_keys(e, arguments, &err);
    json_t *keys = json_incref(json_object_get(arguments, "keys"));
    if (r == 0)
        r = cli_models_ask(e, "backends test", arguments, &found, &err);
    else
        json_decref(arguments);
    cli_models_wipe_keys(keys);
    json_decref(keys);
    cli_engine_close(e);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    int code = show_tests(line, found);
    json_decref(found);
    return code;
}

// --- looking ------------------------------------------------------------------------------------

static json_t *ports_of(const struct cli_line *line) {
    json_t *ports = json_array();
    for (size_t i = 0; i < line->given_count; i++) {
        char *end = NULL;
        if (strcmp(line->given[i].option->name, "port") != 0)
            continue;
        long n = strtol(line->given[i].value, &end, 10);
        if (!*line->given[i].value || *end || n < 1 || n > 65535) {
            cli_error("--port: expected a number from 1 to 65535, got %s", line->given[i].value);
            json_decref(ports);
            return NULL;
        }
        (void)json_array_append_new(ports, json_integer(n));
    }
    return ports;
}

static json_t *add_line(const json_t *place) {
    json_t *models = json_object_get(place, "models");
    return json_pack("{ss ss ss sO}", "name", cli_models_word(place, "name"), "family", "chat",
                     "url", cli_models_word(place, "url"), "models", models);
}

static int add_found(const struct cli_line *line, const json_t *list) {
    const json_t *place;
    size_t i;
    json_array_foreach(list, i, place) {
        json_t *added = NULL, *arguments;
        if (*cli_models_word(place, "named") || json_is_true(json_object_get(place, "locked")))
            continue;
        arguments = add_line(place);
        if (!json_array_size(json_object_get(arguments, "models")))
            (void)json_object_del(arguments, "models");
        int code = cli_models_call(line, "backends add", arguments, &added);
        if (code >= 0)
            return code;
        cli_note("%s is named; nothing goes there until: paired consent grant %s",
                 cli_models_word(added, "name"), cli_models_word(added, "name"));
        json_decref(added);
    }
    return CLI_OK;
}

static void put_found(const json_t *place, bool adding) {
    const json_t *models = json_object_get(place, "models");
    bool locked = json_is_true(json_object_get(place, "locked"));
    const char *named = cli_models_word(place, "named"), *name = cli_models_word(place, "name");
    json_t *model;
    size_t i;
    cli_out("%s%s%s  %s", cli_style(CLI_BOLD), cli_models_word(place, "url"), cli_style(CLI_RESET),
            cli_models_word(place, "what"));
    json_array_foreach(models, i, model) {
        if (i == 8)
            break;
        cli_out(i ? ", " : ": ");
        cli_models_put(json_string_value(model));
    }
    cli_out(json_array_size(models) > 8 ? " …\n" : "\n");
    if (*named) {
        cli_out("  named already: ");
        cli_models_put(named);
        cli_out("\n");
    } else if (locked) {
        cli_out("  paired backends add %s --family chat --url %s --key-stdin\n", name,
                cli_models_word(place, "url"));
    } else if (!adding) {
        cli_out("  paired backends add %s --family chat --url %s", name,
                cli_models_word(place, "url"));
        json_array_foreach(models, i, model) {
            if (i == 8)
                break;
            cli_out(" -m '");
            cli_models_put(json_string_value(model));
            cli_out("'");
        }
        cli_out("\n");
    }
}

int cli_run_backends_find(const struct cli_line *line) {
    json_t *ports = ports_of(line), *arguments, *found = NULL, *place;
    if (!ports)
        return CLI_USAGE;
    arguments = json_object();
    if (json_array_size(ports))
        (void)json_object_set(arguments, "ports", ports);
    json_decref(ports);
    int code = cli_models_call(line, "backends find", arguments, &found);
    if (code >= 0)
        return code;
    const json_t *list = json_object_get(found, "found");
    bool adding = cli_given(line, "add");
    size_t i;
    if (line->json)
        cli_out_json(json_incref(found));
    else
        json_array_foreach(list, i, place) put_found(place, adding);
    if (!json_array_size(list))
        cli_note("nothing answers at the usual ports of this machine; where one runs at another: "
                 "paired backends find --port PORT");
    code = adding ? add_found(line, list) : CLI_OK;
    json_decref(found);
    return code;
}
