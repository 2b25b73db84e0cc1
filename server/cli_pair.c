// paired pair: two people tell each other a code, and say what the other one may have. The engine
// does it (server/cap_pair.c); this asks how far it is several times a second, so that a terminal
// that is closed, or an interrupt, ends nothing half done: a code is withdrawn by Ctrl-C.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    POLL_MS = 150,
    UNCONFIRMED_MS = 15 * 1000, // how long it is waited for
    CODE_BYTES = 129,           // as typed, with its end
    NAME_BYTES = 65,
    HOST_BYTES = 256,
    ADDRESSES_MAX = 8,
    ADDRESS_BYTES = 64,
    SHOWN_ADDRESSES = 2,
    PORT_DEFAULT = 4711, // FED_PORT
    PORT_MAX = 65535
};

struct pairing_run {
    const struct cli_line *line;
    struct cli_engine *engine;
    json_int_t act;
    bool host, asks;   // asks: a person answers at this terminal
    bool progress;     // a progress line stands
    json_t *state;     // the last one
    sigset_t open;     // while it waits, an interrupt may come
    uint64_t since_ns; // unconfirmed
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum) {
    interrupted = signum;
}

// --- waiting -------------------------------------------------------------------------------------

// 1: something can be read from `fd` (-1: nothing is read); 0: time is over; -1: interrupted.
static int wait_ms(struct pairing_run *run, int fd, int ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (interrupted)
        return -1;
    int n = ppoll(&p, fd < 0 ? 0 : 1, &t, &run->open);
    return interrupted ? -1 : n > 0 ? 1 : 0;
}

static void clear_progress(struct pairing_run *run) {
    if (run->progress)
        cli_say("\r\x1b[K");
    run->progress = false;
}

static void show_progress(struct pairing_run *run, const char *phase) {
    const json_t *s = run->state;
    long long left = cli_models_number(s, "left_ms") / 1000;
    if (run->line->quiet || !isatty(STDERR_FILENO))
        return;
    clear_progress(run);
    if (strcmp(phase, "open") == 0)
        cli_say("waiting for the other side; the code holds %lld:%02lld", left / 60, left % 60);
    else if (strcmp(phase, "seeking") == 0)
        cli_say("looking for the other side, %lld s", left);
    else if (strcmp(phase, "answered") == 0) {
        cli_say("waiting for ");
        cli_say_text(cli_models_word(s, "name"));
        cli_say(" to agree, %lld:%02lld", left / 60, left % 60);
    } else if (strcmp(phase, "unconfirmed") == 0)
        cli_say("waiting for the other side to confirm");
    else
        return; // it is over in a moment, or is
    run->progress = true;
}

static int read_state(struct pairing_run *run, struct err *err) {
    json_t *s = NULL;
    int r = cli_models_ask(run->engine, "pair state", json_pack("{sI}", "act", run->act), &s, err);
    if (r < 0)
        return r;
    json_decref(run->state);
    run->state = s;
    return 0;
}

static const char *phase_of(const struct pairing_run *run) {
    return cli_models_word(run->state, "phase");
}

// --- what goes along -----------------------------------------------------------------------------

// "pattern,decision" as a list. NULL: out of memory.
static json_t *list_of(const char *text) {
    json_t *list = json_array();
    for (const char *at = text; list && at && *at;) {
        size_t n = strcspn(at, ", ");
        if (n && json_array_append_new(list, json_stringn(at, n)) < 0) {
            json_decref(list);
            return NULL;
        }
        at += n + strspn(at + n, ", ");
    }
    return list;
}

static void default_name(char out[NAME_BYTES]) {
    char host[HOST_BYTES] = "";
    const struct passwd *user = getpwuid(getuid());
    (void)gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    (void)snprintf(out, NAME_BYTES, "%.31s@%.31s", user && user->pw_name ? user->pw_name : "me",
                   *host ? host : "here");
}

// "HOST", "HOST:PORT", "[V6]:PORT" taken apart.
static bool split_address(const char *text, char host[HOST_BYTES], char port[8]) {
    bool bracket = *text == '[';
    const char *start = text + bracket, *end = strchr(start, bracket ? ']' : ':');
    const char *colon = bracket ? (end ? end + 1 : NULL) : end;
    if (bracket && !end)
        return false;
    if (!bracket && end && strchr(end + 1, ':')) { // an IPv6 address without a port
        end = NULL;
        colon = NULL;
    }
    size_t n = end ? (size_t)(end - start) : strlen(start);
    bool numbered = colon && *colon == ':';
    char *rest = NULL;
    long number = numbered ? strtol(colon + 1, &rest, 10) : PORT_DEFAULT;
    if (n == 0 || n >= HOST_BYTES || number < 1 || number > PORT_MAX ||
        (numbered && (rest == colon + 1 || *rest)) || (colon && *colon && *colon != ':'))
        return false;
    memcpy(host, start, n);
    host[n] = '\0';
    (void)snprintf(port, 8, "%ld", number);
    return true;
}

static int add_addresses(const char *text, json_t *list, struct err *err) {
    char host[HOST_BYTES], port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (!split_address(text, host, port))
        return err_set(err, ERR_INVAL, "not an address: %s; HOST:PORT is expected", text);
    int r = getaddrinfo(host, port, &hints, &found);
    if (r != 0)
        return err_set(err, ERR_NOT_FOUND, "no address of %s is known: %s", host, gai_strerror(r));
    for (const struct addrinfo *a = found; a && json_array_size(list) < ADDRESSES_MAX;
         a = a->ai_next) {
        char where[ADDRESS_BYTES * 2], numeric[ADDRESS_BYTES];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, numeric, sizeof numeric, NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        (void)snprintf(where, sizeof where, a->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", numeric,
                       port);
        (void)json_array_append_new(list, json_string(where));
    }
    freeaddrinfo(found);
    return 0;
}

// Where this machine is reached from its network.
static size_t own_addresses(char out[SHOWN_ADDRESSES][ADDRESS_BYTES]) {
    struct ifaddrs *all = NULL;
    size_t n = 0;
    if (getifaddrs(&all) < 0)
        return 0;
    for (const struct ifaddrs *i = all; i && n < SHOWN_ADDRESSES; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) ||
            (i->ifa_flags & IFF_LOOPBACK))
            continue;
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)i->ifa_addr;
        if (inet_ntop(AF_INET, &a->sin_addr, out[n], ADDRESS_BYTES))
            n++;
    }
    freeifaddrs(all);
    return n;
}

static json_t *begin_arguments(const struct cli_line *line, struct err *err) {
    char name[NAME_BYTES];
    default_name(name);
    json_t *arguments =
        json_pack("{so so so}", "name",
                  cli_json_text(cli_value(line, "name") ? cli_value(line, "name") : name), "give",
                  list_of(cli_value(line, "give")), "want", list_of(cli_value(line, "want")));
    json_t *addresses = json_array();
    int r = arguments && addresses ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < line->given_count && r == 0; i++)
        if (strcmp(line->given[i].option->name, "at") == 0)
            r = add_addresses(line->given[i].value, addresses, err);
    if (r == 0 && json_array_size(addresses))
        r = json_object_set(arguments, "addresses", addresses);
    json_decref(addresses);
    if (r == 0)
        return arguments;
    json_decref(arguments);
    return NULL;
}

// --- beginning -----------------------------------------------------------------------------------

static void show_code(const struct cli_line *line, const json_t *opened) {
    const char *code = cli_models_word(opened, "code");
    char own[SHOWN_ADDRESSES][ADDRESS_BYTES];
    size_t n = own_addresses(own);
    long long port = cli_models_number(opened, "port");
    if (line->json) {
        cli_out_json(json_pack("{ss ss sI sI ss}", "event", "code", "code", code, "left_ms",
                               cli_models_number(opened, "left_ms"), "port", (json_int_t)port,
                               "identity", cli_models_word(opened, "identity")));
    } else {
        cli_out("\n    %s%s%s\n\n", cli_style(CLI_BOLD), code, cli_style(CLI_RESET));
        cli_out("It holds for %lld minutes and one guess. The other side types\n\n    paired pair "
                "%s\n",
                cli_models_number(opened, "left_ms") / 60000, code);
        for (size_t i = 0; i < n; i++)
            cli_out("    paired pair %s --at %s:%lld\n", code, own[i], port);
        cli_out("\nYou are %s.\n", cli_models_word(opened, "identity"));
    }
    (void)fflush(stdout);
}

static int open_code(struct pairing_run *run, struct err *err) {
    json_t *opened = NULL, *arguments = begin_arguments(run->line, err);
    if (!arguments)
        return err->code;
    (void)json_object_del(arguments, "addresses");
    int r = cli_models_ask(run->engine, "pair open", arguments, &opened, err);
    if (r < 0)
        return r;
    run->host = true;
    run->act = cli_models_number(opened, "act");
    show_code(run->line, opened);
    json_t *code = json_object_get(opened, "code");
    explicit_bzero((char *)(uintptr_t)json_string_value(code), json_string_length(code));
    json_decref(opened);
    return 0;
}

// As typed; what stood in our own argv is made illegible for whoever lists processes later.
static int read_code(const struct cli_line *line, char code[CODE_BYTES], struct err *err) {
    char secret[CLI_SECRET_BYTES_MAX];
    int r = 0;
    if (strcmp(line->operands[0], "-") == 0) {
        r = cli_read_secret("Code", false, secret, err);
    } else {
        (void)snprintf(secret, sizeof secret, "%s", line->operands[0]);
        for (char **at = line->argv; *at; at++)
            if (*at == line->operands[0])
                memset(*at, '*', strlen(*at));
    }
    if (r == 0 && strlen(secret) >= CODE_BYTES)
        r = err_set(err, ERR_INVAL, "that is no pairing code: it is too long");
    if (r == 0)
        memcpy(code, secret, strlen(secret) + 1);
    explicit_bzero(secret, sizeof secret);
    return r;
}

static int guess_code(struct pairing_run *run, const char *code, struct err *err) {
    json_t *begun = NULL, *arguments = begin_arguments(run->line, err);
    json_t *text = arguments ? json_string(code) : NULL;
    if (!text || json_object_set(arguments, "code", text) < 0) {
        json_decref(text);
        json_decref(arguments);
        return err->code ? err->code : err_set(err, ERR_INVAL, "that is no pairing code");
    }
    int r = cli_models_ask(run->engine, "pair guess", arguments, &begun, err);
    explicit_bzero((char *)(uintptr_t)json_string_value(text), json_string_length(text));
    json_decref(text);
    if (r < 0)
        return r;
    run->act = cli_models_number(begun, "act");
    if (!run->line->json && !run->line->quiet)
        cli_say("You are %s.\n", cli_models_word(begun, "identity"));
    json_decref(begun);
    return 0;
}

// --- asking --------------------------------------------------------------------------------------

static void show_peer(const struct pairing_run *run) {
    const json_t *s = run->state;
    cli_say("\n%s", cli_style(CLI_BOLD));
    cli_say_text(cli_models_word(s, "name"));
    cli_say("%s is %s", cli_style(CLI_RESET), cli_models_word(s, "short"));
    if (json_is_true(json_object_get(s, "own")))
        cli_say(", another device of your own identity");
    if (json_is_true(json_object_get(s, "known")))
        cli_say(
            "; this device is paired with you already: its name and what you grant are renewed");
    cli_say("\n");
}

// A line from the terminal, while it is watched that there is still something to answer. 1: yes,
// 0: no, ERR_*: interrupted, or the other side is gone (the state says so).
static int ask_yes(struct pairing_run *run, const char *question, bool yes, struct err *err) {
    char answer[64];
    size_t n = 0;
    cli_say("%s [%s] ", question, yes ? "Y/n" : "y/N");
    for (;;) {
        char c;
        int ready = wait_ms(run, STDIN_FILENO, 4 * POLL_MS);
        if (ready < 0)
            return err_set(err, ERR_CANCELLED, "interrupted");
        if (ready == 0) {
            int r = read_state(run, err);
            if (r < 0)
                return r;
            if (strcmp(phase_of(run), "asking") != 0)
                return err_set(err, ERR_CLOSED, "the other side is gone");
            continue;
        }
        if (read(STDIN_FILENO, &c, 1) <= 0)
            return err_set(err, ERR_CANCELLED, "no answer was given");
        if (c == '\n')
            break;
        if (n + 1 < sizeof answer)
            answer[n++] = c;
    }
    answer[n] = '\0';
    n = strcspn(answer, " \r\t");
    if (n == 0)
        return yes;
    return strncasecmp(answer, "yes", n) == 0;
}

static int ask_kinds(struct pairing_run *run, json_t *give, json_t *take, struct err *err) {
    json_t *questions = json_incref(json_object_get(run->state, "questions")), *q;
    int r = 0;
    size_t i;
    json_array_foreach(questions, i, q) {
        bool gives = strcmp(cli_models_word(q, "way"), "give") == 0;
        bool both =
            json_is_true(json_object_get(q, "here")) && json_is_true(json_object_get(q, "there"));
        cli_say("\n");
        cli_say_text(cli_models_word(q, "words"));
        cli_say("\n");
        r = ask_yes(run, gives ? "Grant that?" : "Take that?", both, err);
        if (r < 0)
            break;
        if (r > 0)
            (void)json_array_append(gives ? give : take, json_object_get(q, "kind"));
    }
    if (r >= 0 && json_array_size(questions) == 0)
        cli_say("Neither side has named anything to share (--give, --want): nothing is granted "
                "now; `paired consent grant` does that at any time.\n");
    json_decref(questions);
    return r < 0 ? r : 0;
}

static int answer(struct pairing_run *run, struct err *err) {
    json_t *give = NULL, *take = NULL, *done = NULL;
    int yes = 1, r = 0;
    clear_progress(run);
    if (!run->line->json && !(run->line->quiet && !run->asks))
        show_peer(run);
    if (run->asks) {
        give = json_array();
        take = json_array();
        yes = ask_yes(run, "Pair with it?", false, err);
        r = yes < 0 ? yes : yes ? ask_kinds(run, give, take, err) : 0;
    } else {
        give = list_of(cli_value(run->line, "give"));
        take = list_of(cli_value(run->line, "want"));
    }
    json_t *arguments = json_pack("{sI sb so so}", "act", run->act, "yes", yes > 0, "give", give,
                                  "take", take); // takes both, also when it fails
    if (r == 0)
        r = cli_models_ask(run->engine, "pair answer", arguments, &done, err);
    else
        json_decref(arguments);
    json_decref(done);
    return r;
}

// --- the end -------------------------------------------------------------------------------------

// What came of the pairing that way, as grants.
static void put_kinds(const char *before, const json_t *state, const char *way) {
    size_t i, n = 0;
    json_t *grant;
    cli_out("%s", before);
    json_array_foreach(json_object_get(state, "grants"), i, grant) {
        if (strcmp(cli_models_word(grant, "way"), way) != 0)
            continue;
        cli_out(n++ ? ", " : " ");
        cli_models_put(cli_models_word(grant, "kind"));
    }
    cli_out(n ? "\n" : " nothing\n");
}

static int show_end(struct pairing_run *run, bool confirmed) {
    const json_t *s = run->state;
    bool whole = confirmed && !json_object_get(s, "not_granted");
    int code = whole ? CLI_OK : CLI_DEGRADED;
    clear_progress(run);
    if (run->line->json) {
        json_t *out = json_deep_copy(s);
        (void)json_object_set_new(out, "event", json_string(phase_of(run)));
        (void)json_object_del(out, "questions");
        cli_out_json(out);
        return code;
    }
    cli_out("%sPaired%s with ", cli_style(CLI_GREEN), cli_style(CLI_RESET));
    cli_models_put(cli_models_word(s, "name"));
    cli_out("  %s\n", cli_models_word(s, "short"));
    if (confirmed) {
        put_kinds("it may have of yours:", s, "give");
        put_kinds("you take of its:", s, "take");
    }
    if (*cli_models_word(s, "text"))
        cli_note("%s", cli_models_word(s, "text"));
    if (*cli_models_word(s, "not_granted"))
        cli_note("not all that was agreed could be granted (%s): paired consent grant",
                 cli_models_word(s, "not_granted"));
    return code;
}

static int code_of(const char *name) {
    for (int code = -1; code >= ERR_UNSUPPORTED; code--)
        if (strcmp(err_name(code), name) == 0)
            return code;
    return ERR_CLOSED;
}

// Until it is over: its exit code.
static int follow(struct pairing_run *run, struct err *err) {
    for (;;) {
        int r = read_state(run, err);
        const char *phase = r < 0 ? "" : phase_of(run);
        if (r == 0 && strcmp(phase, "failed") == 0)
            r = err_set(err, code_of(cli_models_word(run->state, "code")), "%s",
                        cli_models_word(run->state, "text"));
        else if (r == 0 && strcmp(phase, "paired") == 0 && json_object_get(run->state, "grants"))
            return show_end(run, true);
        else if (r == 0 && strcmp(phase, "asking") == 0) {
            r = answer(run, err);
            if (r == ERR_CLOSED || r == ERR_INVAL) // it ended meanwhile: the state says why
                r = read_state(run, err) < 0 || strcmp(phase_of(run), "asking") == 0 ? r : 0;
        } else if (r == 0 && strcmp(phase, "unconfirmed") == 0) {
            uint64_t now = env_now_mono_ns();
            if (run->since_ns == 0)
                run->since_ns = now;
            if (now - run->since_ns > (uint64_t)UNCONFIRMED_MS * 1000000)
                return show_end(run, false);
        }
        if (r == 0) {
            show_progress(run, phase_of(run));
            r = wait_ms(run, -1, POLL_MS) < 0 ? err_set(err, ERR_CANCELLED, "interrupted") : 0;
        }
        if (r < 0) {
            clear_progress(run);
            return r;
        }
    }
}

// Nobody follows it any more: the code is void, the other side is told.
static void withdraw(struct pairing_run *run, int code, struct err *err) {
    json_t *done = NULL;
    struct err why = {0};
    int r =
        cli_models_ask(run->engine, "pair cancel", json_pack("{sI}", "act", run->act), &done, &why);
    if (code == ERR_CANCELLED)
        (void)err_set(err, code, "interrupted: %s",
                      r < 0 ? err_text(&why) : "the pairing was ended, its code is void");
    json_decref(done);
}

static int carry_out(struct pairing_run *run, const char *code, struct err *err) {
    int r = cli_engine_open(run->line, true, &run->engine, err);
    if (r == 0)
        r = code ? guess_code(run, code, err) : open_code(run, err);
    if (r == 0)
        r = follow(run, err);
    if (r < 0 && run->act && strcmp(phase_of(run), "failed") != 0)
        withdraw(run, r, err);
    json_decref(run->state);
    cli_engine_close(run->engine);
    return r;
}

int cli_run_pair(const struct cli_line *line) {
    struct pairing_run run = {.line = line};
    char code[CODE_BYTES] = "";
    struct err err = {0};
    if (!cli_given(line, "yes")) {
        if (line->json || !isatty(STDIN_FILENO)) {
            cli_error("nobody can be asked here: add --yes to agree, with what you --give and "
                      "--want");
            return CLI_USAGE;
        }
        run.asks = true;
    }
    int r = line->operand_count ? read_code(line, code, &err) : 0;
    // Blocked but while it waits: an interrupt that comes between is not lost.
    struct sigaction catch = {.sa_handler = on_interrupt}, before_int, before_term, before_hup;
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigaddset(&ours, SIGHUP); // the terminal was closed
    (void)sigprocmask(SIG_BLOCK, &ours, &run.open);
    (void)sigaction(SIGINT, &catch, &before_int);
    (void)sigaction(SIGTERM, &catch, &before_term);
    (void)sigaction(SIGHUP, &catch, &before_hup);
    if (r == 0)
        r = carry_out(&run, line->operand_count ? code : NULL, &err);
    explicit_bzero(code, sizeof code);
    (void)sigaction(SIGINT, &before_int, NULL);
    (void)sigaction(SIGTERM, &before_term, NULL);
    (void)sigaction(SIGHUP, &before_hup, NULL);
    (void)sigprocmask(SIG_SETMASK, &run.open, NULL);
    if (r >= 0)
        return r;
    int exit_code = cli_fail(r, &err, line->json);
    return run.act ? CLI_FAILED : exit_code; // begun and ended: the same command does not help
}
