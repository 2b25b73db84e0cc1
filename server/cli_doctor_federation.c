// Checks of federation: whether it runs, and for each friend what was tried and what helps.
#include "core/base/env.h"
#include "server/cli_doctor.h"
#include "server/cli_models.h"

#include <stdio.h>
#include <string.h>

enum { ASK_DEADLINE_MS = 10 * 1000, PEERS_SHOWN_MAX = 20, AWAY_DAYS = 7, TEXT_BYTES = 512 };
static const json_int_t MS_PER_HOUR = 3600 * 1000;

void doctor_federation(struct doctor *d) {
    struct err err = {0};
    json_t *found = d->engine ? doctor_ask(d, "federation status", ASK_DEADLINE_MS, &err) : NULL;
    const char *state = cli_models_word(found, "state");
    if (!d->engine)
        doctor_put(d, DOCTOR_SKIP, NULL, "no engine is running");
    else if (!found)
        doctor_put(d, DOCTOR_FAIL, "See the other checks and the log.", "%s", err_text(&err));
    else if (strcmp(state, "off") == 0)
        doctor_put(d, DOCTOR_OK, NULL, "off; nothing listens, nothing is announced");
    else if (strcmp(state, "running") == 0)
        doctor_put(d, DOCTOR_OK, NULL, "port %lld, %lld peers, %lld connected",
                   cli_models_number(found, "port"), cli_models_number(found, "peers"),
                   cli_models_number(found, "connected"));
    else if (strcmp(state, "failed") == 0)
        doctor_put(d, DOCTOR_FAIL,
                   "Put right what it says; it is tried again every two seconds. Without use: "
                   "paired federation off.",
                   "%s", cli_models_word(found, "why"));
    else
        doctor_put(d, DOCTOR_WARN, "paired key unlock", "%s: %s", state,
                   cli_models_word(found, "why"));
    json_decref(found);
}

// "beacon ready, mdns no-daemon (avahi-daemon does not run …)". One way that works is enough.
void doctor_discovery(struct doctor *d) {
    json_t *found = d->engine ? doctor_ask(d, "federation status", ASK_DEADLINE_MS, NULL) : NULL;
    json_t *ways = json_object_get(found, "discovery"), *way;
    char text[TEXT_BYTES] = "";
    const char *name;
    size_t at = 0;
    bool ready = false;
    json_object_foreach(ways, name, way) {
        const char *state = cli_models_word(way, "state"),
                   *trouble = cli_models_word(way, "trouble");
        ready |= strcmp(state, "ready") == 0;
        int n = snprintf(text + at, sizeof text - at, "%s%s %s%s%s%s", at ? ", " : "", name, state,
                         *trouble ? " (" : "", trouble, *trouble ? ")" : "");
        at = n < 0 || (size_t)n >= sizeof text - at ? sizeof text - 1 : at + (size_t)n;
    }
    if (!ways)
        doctor_put(d, DOCTOR_SKIP, NULL, "federation is not running");
    else if (json_object_size(ways) == 0)
        doctor_put(d, DOCTOR_OK, NULL, "off by the setting federation.discovery");
    else if (ready)
        doctor_put(d, DOCTOR_OK, NULL, "%s", text);
    else
        doctor_put(d, DOCTOR_WARN,
                   "Friends on this network are not found by themselves: paired peers address PEER "
                   "HOST:PORT",
                   "%s", text);
    json_decref(found);
}

// The last try: "192.168.1.5:4711 (saved): connection refused"
static void tried(const json_t *peer, char text[TEXT_BYTES]) {
    const json_t *a = json_array_get(json_object_get(peer, "attempts"), 0);
    text[0] = 0;
    if (a)
        (void)snprintf(text, TEXT_BYTES, "; tried %s (%s): %s", cli_models_word(a, "address"),
                       cli_models_word(a, "from"),
                       *cli_models_word(a, "text") ? cli_models_word(a, "text")
                                                   : cli_models_word(a, "code"));
}

static void look_at(struct doctor *d, const json_t *peer) {
    char last[TEXT_BYTES];
    const char *state = cli_models_word(peer, "state"), *step = cli_models_word(peer, "next_step");
    json_int_t seen = cli_models_number(peer, "seen_ms");
    json_int_t hours = (env_now_wall_ms() - seen) / MS_PER_HOUR;
    bool refused = json_is_true(json_object_get(peer, "refused"));
    tried(peer, last);
    if (strcmp(state, "connected") == 0)
        doctor_put(d, DOCTOR_OK, NULL, "%s: connected", cli_models_word(peer, "name"));
    else if (!refused && seen && hours < AWAY_DAYS * 24) // friends close their lids
        doctor_put(d, DOCTOR_OK, NULL, "%s: %s, last seen %lld h ago%s",
                   cli_models_word(peer, "name"), state, hours, last);
    else if (seen)
        doctor_put(d, DOCTOR_WARN, *step ? step : "paired peers",
                   "%s: %s, last seen %lld days ago%s", cli_models_word(peer, "name"),
                   refused ? "it does not know us any more" : state, hours / 24, last);
    else
        doctor_put(d, DOCTOR_WARN, *step ? step : "paired peers", "%s: %s, never met%s",
                   cli_models_word(peer, "name"), refused ? "it does not know us" : state, last);
}

void doctor_peers(struct doctor *d) {
    struct err err = {0};
    size_t i;
    json_t *peer, *found = d->engine ? doctor_ask(d, "peers list", ASK_DEADLINE_MS, &err) : NULL;
    const json_t *peers = json_object_get(found, "peers");
    if (!found) {
        doctor_put(d, DOCTOR_SKIP, NULL, "%s", d->engine ? err_text(&err) : "no engine is running");
        return;
    }
    json_array_foreach(peers, i, peer) {
        if (i == PEERS_SHOWN_MAX) {
            doctor_put(d, DOCTOR_OK, NULL, "and %zu more: paired peers",
                       json_array_size(peers) - i);
            break;
        }
        look_at(d, peer);
    }
    if (!json_array_size(peers))
        doctor_put(d, DOCTOR_OK, NULL, "none");
    json_decref(found);
}
