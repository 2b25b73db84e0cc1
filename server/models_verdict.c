#include "server/models_verdict.h"

#include "core/base/buf.h"
#include "core/base/utf.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    // {name} is the backend, {host} where it is.
    const char *what, *help;
} words[MODEL_PROBLEMS] = {
    [MODEL_FINE] = {"ok", "", ""},
    [MODEL_NO_KEY] = {"no-key", "no key is there to send", ""}, // the help depends on where it is
    [MODEL_NO_NETWORK] = {"no-network", "this machine has no network: {host} cannot be reached",
                          "Connect it, then try again. Backends on this machine go on working, and "
                          "so do all agents, which need none."},
    [MODEL_NO_NAME] = {"dns", "the name {host} is not known to this machine's name server",
                       "See whether the URL is right: paired backends. If other names fail, too "
                       "(getent hosts example.com), look at /etc/resolv.conf or the VPN."},
    [MODEL_DOWN] = {"down", "nothing answers at {host}", ""},
    [MODEL_TLS] = {"tls", "no secure connection to {host}: its certificate is not trusted here",
                   "Install ca-certificates. Behind a company's proxy that opens connections, its "
                   "root certificate belongs into /usr/local/share/ca-certificates, then "
                   "update-ca-certificates; or name it in SSL_CERT_FILE, then paired stop. paired "
                   "never goes on without a valid certificate."},
    [MODEL_CLOCK] = {"clock",
                     "the certificate of {host} is of another time than this machine's "
                     "clock",
                     "Set the clock: timedatectl set-ntp true. If it is right, the certificate "
                     "has run out, which only the backend's owner can change."},
    [MODEL_PROXY] = {"proxy", "the proxy did not let the request to {host} through",
                     "Look at HTTPS_PROXY and NO_PROXY where your clients start, then: paired "
                     "stop. The engine keeps the environment that it was started with."},
    [MODEL_SLOW] = {"slow", "{host} did not answer in time", ""},
    [MODEL_CUT] = {"cut", "the connection to {host} was cut in the middle of the answer",
                   "Try again. If it stays so, something in between cuts it: a proxy, a VPN, a "
                   "server that ends for lack of memory."},
    [MODEL_NOT_API] = {"not-this-api", "something answers at {host} that does not speak this API",
                       "See family and URL: paired backends. Change them with: paired backends "
                       "add {name} --replace --family API --url URL."},
    [MODEL_BAD_KEY] = {"bad-key", "the key is not accepted", ""},
    [MODEL_NOT_LET] = {"not-allowed", "the key is known there and not allowed to do this",
                       "Look at the key's rights and the account's region in the provider's "
                       "console, or give another one: paired backends add {name} --replace "
                       "--key-stdin."},
    [MODEL_NO_CREDIT] = {"no-credit", "the account has no credit or quota left",
                         "Pay it up or raise its limit in the provider's console, or wait until "
                         "its window begins anew. Until then paired takes other backends, if "
                         "there are any: paired backends add."},
    [MODEL_TOO_OFTEN] = {"rate", "the account asks too often just now",
                         "Wait a minute and try again: paired waits or takes another backend by "
                         "itself."},
    [MODEL_OVERLOADED] = {"overloaded", "the backend has too much to do just now",
                          "Try again later: paired takes another backend meanwhile, if there is "
                          "one."},
    [MODEL_THEIR_FAULT] = {"server", "the backend has an error of its own", ""},
    [MODEL_NO_SUCH_MODEL] = {"model", "", ""},
    [MODEL_REFUSED] = {"refused", "the backend refused the request", ""},
};

const char *model_problem_name(enum model_problem p) {
    return words[p].name;
}

// libcurl's words for a certificate of another time, from OpenSSL and GnuTLS.
static bool is_about_time(const char *said) {
    return strcasestr(said, "not yet valid") || strcasestr(said, "has expired") ||
           strcasestr(said, "not activated") || strcasestr(said, "certificate expired");
}

static bool is_of_another_host(const char *said) {
    return strcasestr(said, "subject name") || strcasestr(said, "does not match");
}

static enum model_problem of_failure(const struct model_facts *f) {
    switch (f->failure) {
    case HTTP_DNS:
        return f->network || f->local ? MODEL_NO_NAME : MODEL_NO_NETWORK;
    case HTTP_CONNECT:
        return f->proxy ? MODEL_PROXY : f->network || f->local ? MODEL_DOWN : MODEL_NO_NETWORK;
    case HTTP_TLS:
        return is_about_time(f->said) ? MODEL_CLOCK : MODEL_TLS;
    case HTTP_PROXY:
        return MODEL_PROXY;
    case HTTP_TIMEOUT:
        return f->network || f->local ? MODEL_SLOW : MODEL_NO_NETWORK;
    case HTTP_STALL:
    case HTTP_RESET:
        // A tunnel that was refused is told as a connection that broke.
        return f->proxy && f->status == 0 && strcasestr(f->said, "CONNECT tunnel") ? MODEL_PROXY
                                                                                   : MODEL_CUT;
    default:
        return MODEL_NOT_API;
    }
}

static enum model_problem of_answer(const struct model_facts *f) {
    static const enum model_problem problems[ROUTE_FAULTS] = {
        [ROUTE_FAULT_NONE] = MODEL_THEIR_FAULT,    [ROUTE_FAULT_RATE] = MODEL_TOO_OFTEN,
        [ROUTE_FAULT_QUOTA] = MODEL_NO_CREDIT,     [ROUTE_FAULT_OVERLOADED] = MODEL_OVERLOADED,
        [ROUTE_FAULT_SERVER] = MODEL_THEIR_FAULT,  [ROUTE_FAULT_TIMEOUT] = MODEL_SLOW,
        [ROUTE_FAULT_AUTH] = MODEL_BAD_KEY,        [ROUTE_FAULT_BILLING] = MODEL_NO_CREDIT,
        [ROUTE_FAULT_MODEL] = MODEL_NO_SUCH_MODEL, [ROUTE_FAULT_CONTEXT] = MODEL_REFUSED,
        [ROUTE_FAULT_SIGNATURE] = MODEL_REFUSED,   [ROUTE_FAULT_REQUEST] = MODEL_REFUSED};
    if (f->status / 100 == 2)
        return f->understood ? MODEL_FINE : MODEL_NOT_API;
    if (f->status / 100 == 3)
        return MODEL_NOT_API; // redirects are not followed: a key is for its place
    if (f->fault == ROUTE_FAULT_AUTH && f->status == 403)
        return MODEL_NOT_LET;
    if (f->fault == ROUTE_FAULT_AUTH && f->wants_key && !f->has_key)
        return MODEL_NO_KEY;
    if (f->status == 404 && !f->model)
        return MODEL_NOT_API;
    return problems[f->fault];
}

static void help_key(const struct model_facts *f, struct model_verdict *v) {
    if (v->problem == MODEL_BAD_KEY && !f->has_key)
        (void)snprintf(v->help, sizeof v->help,
                       "It wants a key: paired backends add %s --replace --key-stdin, or "
                       "--key-env VARIABLE.",
                       f->backend);
    else if (v->problem == MODEL_BAD_KEY && *f->key_env)
        (void)snprintf(v->help, sizeof v->help,
                       "It is the one in %s. Take a new one from the provider's console and set "
                       "it there, or keep it: paired backends add %s --replace --key-stdin.",
                       f->key_env, f->backend);
    else if (v->problem == MODEL_BAD_KEY)
        (void)snprintf(v->help, sizeof v->help,
                       "Take a new one from the provider's console, then: paired backends add %s "
                       "--replace --key-stdin.",
                       f->backend);
    else if (*f->key_env)
        (void)snprintf(v->help, sizeof v->help,
                       "Set %s in the shell or where your clients start, or keep the key: paired "
                       "backends add %s --replace --key-stdin.",
                       f->key_env, f->backend);
    else
        (void)snprintf(v->help, sizeof v->help, "paired backends add %s --replace --key-stdin.",
                       f->backend);
}

static void help_place(const struct model_facts *f, struct model_verdict *v) {
    if (f->local)
        (void)snprintf(v->help, sizeof v->help,
                       "%s. If it runs at another port: paired backends find, or paired backends "
                       "add %s --replace --url URL.",
                       v->problem == MODEL_SLOW ? "See whether the server is loading a model just "
                                                  "now, or hangs"
                                                : "Start the server",
                       f->backend);
    else
        (void)snprintf(v->help, sizeof v->help,
                       "See whether the provider is up and whether a firewall wants a proxy "
                       "(HTTPS_PROXY, then paired stop). Right URL? paired backends.");
}

static void help_other_host(const struct model_facts *f, struct model_verdict *v) {
    (void)snprintf(v->what, sizeof v->what,
                   "the certificate that %s shows is for another host name", f->host);
    (void)snprintf(v->help, sizeof v->help,
                   "See whether the URL is right: paired backends. If it is, something in between "
                   "answers in its place: a company's proxy, a hotel's login page.");
}

static void help_request(const struct model_facts *f, struct model_verdict *v) {
    if (v->problem == MODEL_THEIR_FAULT && f->local)
        (void)snprintf(v->help, sizeof v->help,
                       "Look at the server's own log: it may still be loading the model, or lack "
                       "memory for it.");
    else if (v->problem == MODEL_THEIR_FAULT)
        (void)snprintf(v->help, sizeof v->help,
                       "Try again in some minutes, and look at the provider's status page.");
    else if (v->problem == MODEL_REFUSED)
        (void)snprintf(v->help, sizeof v->help,
                       "See family and URL: paired backends. What it said may name the rest.");
    else
        (void)snprintf(v->help, sizeof v->help,
                       "Name one that it has: paired backends add %s --replace --model MODEL. "
                       "paired backends test lists them.",
                       f->backend);
}

// What the other side said goes behind the sentence, shortened.
static void add_said(const struct model_facts *f, struct model_verdict *v) {
    size_t n = strlen(v->what);
    if (!*f->said || n + 32 > sizeof v->what)
        return;
    (void)snprintf(v->what + n, sizeof v->what - n, " (%.180s)", f->said);
}

static void fill(const struct model_facts *f, const char *pattern, char *out, size_t max) {
    struct buf text = BUF_INIT(max);
    for (const char *at = pattern; *at;) {
        size_t plain = strcspn(at, "{");
        (void)buf_append(&text, at, plain);
        at += plain;
        bool name = strncmp(at, "{name}", 6) == 0;
        if (*at)
            (void)buf_puts(&text, name ? f->backend : f->host);
        at += *at ? 6 : 0;
    }
    (void)snprintf(out, max, "%s", text.data ? text.data : "");
    buf_done(&text);
}

// What others said may be cut within a character, or be none.
static void keep_text(char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        size_t length = utf_sequence_bytes(text + i, n - i);
        if (length == 0)
            text[i] = '?';
        i += length ? length : 1;
    }
}

void model_judge(const struct model_facts *f, struct model_verdict *v) {
    *v = (struct model_verdict){.problem = f->failure != HTTP_OK ? of_failure(f) : of_answer(f)};
    if (v->problem == MODEL_FINE)
        return;
    if (v->problem == MODEL_NO_SUCH_MODEL)
        (void)snprintf(v->what, sizeof v->what, "it has no model %.100s", f->model ? f->model : "");
    else
        fill(f, words[v->problem].what, v->what, sizeof v->what);
    fill(f, words[v->problem].help, v->help, sizeof v->help);
    if (v->problem == MODEL_TLS && is_of_another_host(f->said))
        help_other_host(f, v);
    if (v->problem == MODEL_CLOCK) {
        size_t n = strlen(v->what);
        (void)snprintf(v->what + n, sizeof v->what - n, ", which says %s", f->now);
    }
    if (v->problem == MODEL_PROXY && f->proxy) {
        size_t n = strlen(v->what);
        (void)snprintf(v->what + n, sizeof v->what - n, ": %.100s", f->proxy);
    }
    if (v->problem == MODEL_NO_KEY || v->problem == MODEL_BAD_KEY)
        help_key(f, v);
    else if (v->problem == MODEL_DOWN || v->problem == MODEL_SLOW)
        help_place(f, v);
    else if (!v->help[0])
        help_request(f, v);
    if (v->problem != MODEL_NO_KEY && v->problem != MODEL_NO_NETWORK)
        add_said(f, v);
    keep_text(v->what);
    keep_text(v->help);
}
