// paired federation …, peers …, --federate: whether this engine meets others, and which.
#include "core/base/dirs.h"
#include "core/base/env.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_config.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <string.h>

enum { MS_PER_S = 1000, S_PER_MINUTE = 60, S_PER_HOUR = 3600, S_PER_DAY = 86400 };

// "12 s", "5 min", "3 h", "8 days"
static void put_span(char out[32], json_int_t ms) {
    json_int_t s = ms < 0 ? 0 : ms / MS_PER_S;
    if (s < 2 * S_PER_MINUTE)
        (void)snprintf(out, 32, "%lld s", (long long)s);
    else if (s < 2 * S_PER_HOUR)
        (void)snprintf(out, 32, "%lld min", (long long)s / S_PER_MINUTE);
    else if (s < 2 * S_PER_DAY)
        (void)snprintf(out, 32, "%lld h", (long long)s / S_PER_HOUR);
    else
        (void)snprintf(out, 32, "%lld days", (long long)s / S_PER_DAY);
}

// "discovery   beacon, mdns: no-daemon, …", or "off".
static void show_discovery(const json_t *ways) {
    const char *name, *separator = "";
    json_t *way;
    cli_out("discovery   ");
    json_object_foreach((json_t *)(uintptr_t)ways, name, way) {
        const char *trouble = cli_models_word(way, "trouble");
        cli_out("%s%s", separator, name);
        if (strcmp(cli_models_word(way, "state"), "ready") != 0)
            cli_out(": %s", cli_models_word(way, "state"));
        if (*trouble) {
            cli_out(" (");
            cli_models_put(trouble);
            cli_out(")");
        }
        separator = ", ";
    }
    cli_out("%s\n", json_object_size(ways) ? "" : "off");
}

static int show_status(const struct cli_line *line, json_t *found) {
    const char *state = cli_models_word(found, "state"), *why = cli_models_word(found, "why");
    bool running = strcmp(state, "running") == 0;
    int code = running || strcmp(state, "off") == 0 ? CLI_OK : CLI_DEGRADED;
    if (line->json) {
        cli_out_json(found);
        return code;
    }
    cli_out("federation  %s", state);
    if (*why) {
        cli_out(": ");
        cli_models_put(why);
    }
    cli_out("\n");
    if (running) {
        cli_out("port        %lld\n", cli_models_number(found, "port"));
        cli_out("identity    %s\n", cli_models_word(found, "identity"));
        cli_out("peers       %lld, %lld connected\n", cli_models_number(found, "peers"),
                cli_models_number(found, "connected"));
        show_discovery(json_object_get(found, "discovery"));
        if (!cli_models_number(found, "peers"))
            cli_note("nobody is paired with you yet: paired pair");
    } else if (code == CLI_OK)
        cli_note("nothing listens and nothing is announced; paired federation on");
    json_decref(found);
    return code;
}

int cli_run_federation(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "federation status", json_object(), &found);
    return code >= 0 ? code : show_status(line, found);
}

static int turn(const struct cli_line *line, bool on) {
    char path[CLI_CONFIG_PATH_MAX];
    struct err err = {0};
    json_t *found = NULL;
    int r = cli_config_path(line, path, &err);
    if (r == 0)
        r = conf_file_set(path, "federation.enabled", on ? "true" : "false", &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    int code = cli_models_call(line, "federation apply", json_pack("{sb}", "on", (int)on), &found);
    if (code >= 0)
        return code;
    if (strcmp(cli_models_word(found, "state"), "off") == 0 && on)
        cli_note("the setting stands, but something overrides it: paired config show --origin");
    return show_status(line, found);
}

int cli_run_federation_on(const struct cli_line *line) {
    return turn(line, true);
}

int cli_run_federation_off(const struct cli_line *line) {
    return turn(line, false);
}

int cli_run_federation_erase(const struct cli_line *line) {
    int exit_code = CLI_OK;
    json_t *found = NULL;
    if (!cli_confirm(line,
                     "Friends are asked to delete what they have of yours; then your friends, all "
                     "that came from them, and your identity are erased here.",
                     "erase", &exit_code))
        return exit_code;
    int code = cli_models_call(line, "federation erase", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_int_t taken = cli_models_number(found, "taken_back"),
               confirmed = cli_models_number(found, "confirmed");
    cli_note("%lld friends and %lld records erased", (long long)cli_models_number(found, "friends"),
             (long long)cli_models_number(found, "records"));
    if (taken)
        cli_note("%lld records were taken back, of which %lld are confirmed as deleted; who was "
                 "away keeps the others",
                 (long long)taken, (long long)confirmed);
    json_decref(found);
    return CLI_OK;
}

// --- peers

static void put_attempt(const json_t *peer) {
    const json_t *a = json_array_get(json_object_get(peer, "attempts"), 0);
    char ago[32];
    if (!a)
        return;
    put_span(ago, env_now_wall_ms() - cli_models_number(a, "time_ms"));
    cli_out("    tried   %s (%s) %s ago: ", cli_models_word(a, "address"),
            cli_models_word(a, "from"), ago);
    cli_models_put(*cli_models_word(a, "text") ? cli_models_word(a, "text")
                                               : cli_models_word(a, "code"));
    cli_out("\n");
}

static void put_peer(const json_t *peer) {
    char seen[32], next[32];
    const char *state = cli_models_word(peer, "state"), *step = cli_models_word(peer, "next_step");
    bool connected = strcmp(state, "connected") == 0;
    cli_out("%s", cli_style(CLI_BOLD));
    cli_models_put(cli_models_word(peer, "name"));
    cli_out("%s  %s  %s", cli_style(CLI_RESET), cli_models_word(peer, "short"), state);
    if (connected && cli_models_number(peer, "round_trip_us"))
        cli_out(", %.1f ms away", (double)cli_models_number(peer, "round_trip_us") / 1000);
    if (!connected && cli_models_number(peer, "seen_ms")) {
        put_span(seen, env_now_wall_ms() - cli_models_number(peer, "seen_ms"));
        cli_out(", last seen %s ago", seen);
    }
    cli_out("\n");
    if (!connected) {
        put_attempt(peer);
        if (json_object_get(peer, "next_try_ms")) {
            put_span(next, cli_models_number(peer, "next_try_ms"));
            cli_out("    next    in %s\n", next);
        }
        if (*step)
            cli_out("    %s\n", step);
    }
    if (cli_models_number(peer, "forged") + cli_models_number(peer, "improper"))
        cli_out("    %sit sent %lld records that are not its author's, and %lld that it should not "
                "have%s\n",
                cli_style(CLI_YELLOW), cli_models_number(peer, "forged"),
                cli_models_number(peer, "improper"), cli_style(CLI_RESET));
}

int cli_run_peers(const struct cli_line *line) {
    json_t *found = NULL, *peer;
    size_t i;
    int code = cli_models_call(line, "peers list", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_array_foreach(json_object_get(found, "peers"), i, peer) put_peer(peer);
    if (!json_array_size(json_object_get(found, "peers")))
        cli_note("nobody is paired with you yet: paired pair");
    json_decref(found);
    return CLI_OK;
}

static json_t *peer_arguments(const struct cli_line *line) {
    json_t *arguments = json_pack("{so}", "peer", cli_json_text(line->operands[0]));
    if (arguments && line->operand_count > 1)
        (void)json_object_set_new(arguments, "value", cli_json_text(line->operands[1]));
    return arguments;
}

int cli_run_peers_address(const struct cli_line *line) {
    return cli_models_do(line, "peers address", peer_arguments(line),
                         "noted; it is tried at once: paired peers");
}

int cli_run_peers_rename(const struct cli_line *line) {
    return cli_models_do(line, "peers rename", peer_arguments(line), "renamed");
}

int cli_run_peers_remove(const struct cli_line *line) {
    int exit_code = CLI_OK;
    if (!cli_confirm(line,
                     "The peer is forgotten: nothing more goes there or comes from there, and its "
                     "grants end. What it was given stays with it until you revoke it first "
                     "(paired share revoke).",
                     "forget", &exit_code))
        return exit_code;
    return cli_models_do(line, "peers remove", peer_arguments(line), "forgotten");
}
