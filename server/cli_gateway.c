// paired gateway …: programs of the user by way of the local gateway.
#include "core/base/mem.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int open_pass(struct cli_engine *e, bool kept, json_t **ret, struct err *err) {
    json_t *arguments = json_pack("{sb}", "kept", (int)kept);
    if (!arguments)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = kept ? 0 : cli_models_put_keys(e, arguments, err);
    json_t *keys = json_incref(json_object_get(arguments, "keys"));
    if (r == 0)
        r = cli_models_ask(e, "gateway open", arguments, ret, err);
    else
        json_decref(arguments);
    cli_models_wipe_keys(keys);
    json_decref(keys);
    return r;
}

static bool set_variables(const json_t *pass, bool print) {
    char base[64], openai[64];
    long long port = (long long)json_integer_value(json_object_get(pass, "port"));
    const char *token = json_string_value(json_object_get(pass, "token"));
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%lld", port);
    (void)snprintf(openai, sizeof openai, "%s/v1", base);
    const char *const variables[][2] = {{"ANTHROPIC_BASE_URL", base},
                                        {"ANTHROPIC_AUTH_TOKEN", token},
                                        {"OPENAI_BASE_URL", openai},
                                        {"OPENAI_API_KEY", token}};
    bool set = true;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (print)
            cli_out("export %s=%s\n", variables[i][0], variables[i][1]);
        else
            set = setenv(variables[i][0], variables[i][1], 1) == 0 && set;
    }
    // A key of its own would take a program past the gateway, or make it ask which one to use.
    if (print)
        cli_out("unset ANTHROPIC_API_KEY\n");
    else
        (void)unsetenv("ANTHROPIC_API_KEY");
    return set;
}

static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return CLI_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The terminal's signals are the program's to answer: we only wait for it.
static int run_program(const struct cli_line *line) {
    char *argv[CLI_OPERANDS_MAX + 1];
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t child;
    for (size_t i = 0; i < line->operand_count; i++)
        argv[i] = (char *)(uintptr_t)line->operands[i];
    argv[line->operand_count] = NULL;
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGINT);
    (void)sigaddset(&defaults, SIGQUIT);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int e = posix_spawnp(&child, argv[0], NULL, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    if (e) {
        cli_error("cannot run %s: %s", argv[0], strerror(e));
        return e == ENOENT ? 127 : 126;
    }
    return wait_for(child);
}

int cli_run_gateway_run(const struct cli_line *line) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    json_t *pass = NULL, *closed = NULL;
    int r = cli_engine_open(line, true, &e, &err);
    if (r == 0)
        r = open_pass(e, false, &pass, &err);
    if (r < 0) {
        cli_engine_close(e);
        return cli_fail(r, &err, line->json);
    }
    int code = set_variables(pass, false) ? run_program(line) : CLI_FAILED;
    json_t *token = json_incref(json_object_get(pass, "token"));
    (void)cli_models_ask(e, "gateway close", json_pack("{so}", "token", token), &closed, NULL);
    json_decref(closed);
    json_decref(pass);
    cli_engine_close(e);
    return code;
}

int cli_run_gateway_env(const struct cli_line *line) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    json_t *pass = NULL;
    int r = cli_engine_open(line, true, &e, &err);
    if (r == 0)
        r = open_pass(e, true, &pass, &err);
    cli_engine_close(e);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    if (line->json)
        cli_out_json(json_incref(pass));
    else
        (void)set_variables(pass, true);
    json_decref(pass);
    return CLI_OK;
}

// --- answers that are kept

int cli_run_gateway_cache(const struct cli_line *line) {
    json_t *found = NULL;
    char oldest[32];
    const char *what = line->operand_count ? line->operands[0] : "show";
    bool clear = strcmp(what, "clear") == 0;
    if (!clear && strcmp(what, "show") != 0)
        return cli_error("%s: expects show or clear", what), CLI_USAGE;
    int code =
        cli_models_call(line, "gateway cache", json_pack("{sb}", "clear", (int)clear), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    if (clear)
        cli_out("erased %lld answers\n", cli_models_number(found, "cleared"));
    else {
        cli_out("models.cache  %s\n", cli_models_word(found, "setting"));
        cli_out("answers       %lld, %lld KB of %lld MB\n", cli_models_number(found, "entries"),
                (cli_models_number(found, "bytes") + 1023) / 1024,
                cli_models_number(found, "max_bytes") >> 20);
        if (cli_models_number(found, "entries")) {
            cli_models_when(cli_models_number(found, "oldest_ms"), true, oldest);
            cli_out("oldest        %s; kept for %lld hours\n", oldest,
                    cli_models_number(found, "max_hours"));
        }
    }
    json_decref(found);
    return CLI_OK;
}
