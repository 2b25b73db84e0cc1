// paired status, stop.
#include "core/base/build.h"
#include "core/base/env.h"
#include "core/loop/stream.h"
#include "server/cli_commands.h"
#include "server/cli_engine.h"
#include "server/cli_print.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STOP_DEADLINE_MS = 15000 };

static json_int_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static const char *word(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void put_duration(json_int_t ms) {
    json_int_t s = ms / 1000;
    if (s < 120)
        cli_out("%lld s", s);
    else if (s < 7200)
        cli_out("%lld min", s / 60);
    else
        cli_out("%lld h", s / 3600);
}

static void put_within(double us) {
    if (us < 1e6)
        cli_out("%.*f ms", us < 1e4 ? 1 : 0, us / 1e3);
    else
        cli_out("%.1f s", us / 1e6);
}

static double mib(json_int_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

static void put_store(const json_t *store) {
    const char *state = word(store, "state");
    bool open = strcmp(state, "open") == 0;
    cli_out("store    %s%s%s", cli_style(open ? CLI_GREEN : CLI_YELLOW), state,
            cli_style(CLI_RESET));
    if (open)
        cli_out(", %lld note%s, %.1f MiB (log %.1f MiB), schema %lld, key epoch %lld%s%s",
                number(store, "notes"), number(store, "notes") == 1 ? "" : "s",
                mib(number(store, "db_bytes")), mib(number(store, "wal_bytes")),
                number(store, "schema_version"), number(store, "dek_epoch"),
                json_is_true(json_object_get(store, "rotation_running")) ? ", key rotation runs"
                                                                         : "",
                json_is_true(json_object_get(store, "read_only"))
                    ? ", read-only: made by a newer paired"
                    : "");
    cli_out("\n");
    if (strcmp(state, "locked") == 0)
        cli_out("         unlock it: paired key unlock\n");
    if (json_is_true(json_object_get(store, "damaged")))
        cli_out(
            "         damage was found: paired doctor says what, paired repair goes on with it\n");
    if (json_object_get(store, "error"))
        cli_out("         %s\n", word(store, "error"));
}

static void put_status(const json_t *s) {
    const json_t *sessions = json_object_get(s, "sessions");
    const json_t *requests = json_object_get(s, "requests");
    cli_out("engine   %srunning%s, pid %lld, paired %s, for ", cli_style(CLI_GREEN),
            cli_style(CLI_RESET), number(s, "pid"), word(s, "version"));
    put_duration(number(s, "uptime_ms"));
    cli_out(", %.1f MiB\n", mib(number(s, "rss_bytes")));
    if (strcmp(word(s, "build"), paired_build_id) != 0)
        cli_out("         another build than this program: the next client with a newer one "
                "replaces it\n");
    const json_t *federation = json_object_get(s, "federation");
    if (strcmp(word(federation, "state"), "off") != 0)
        cli_out("friends  federation %s, %lld connected\n", word(federation, "state"),
                number(federation, "connected"));
    // This command is a session itself.
    cli_out("clients  %lld attached, %lld since its start\n", number(sessions, "open") - 1,
            number(sessions, "total") - 1);
    cli_out("requests %lld", number(requests, "total"));
    if (number(requests, "total") > 1) {
        cli_out(", half within ");
        put_within(json_number_value(json_object_get(requests, "p50_us")));
        cli_out(", 99 of 100 within ");
        put_within(json_number_value(json_object_get(requests, "p99_us")));
    }
    cli_out("\n");
    put_store(json_object_get(s, "store"));
    if (number(s, "crashes"))
        cli_out("crashes  %lld, notes about them lie beside the log\n", number(s, "crashes"));
}

static int not_running(const struct cli_line *line) {
    if (line->json)
        cli_out_json(json_pack("{sb}", "running", 0));
    else
        cli_out("engine   not running; the next client starts it\n");
    return CLI_OK;
}

int cli_run_status(const struct cli_line *line) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    json_t *answer = NULL;
    int r = cli_engine_open(line, false, &e, &err);
    if (r == ERR_NOT_FOUND)
        return not_running(line);
    if (r == 0)
        r = cli_engine_call(e, &(struct cli_call){.capability = "status"}, &answer, &err);
    cli_engine_close(e);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    json_t *status = json_object_get(answer, "structured");
    const json_t *store = json_object_get(status, "store");
    const char *state = word(store, "state");
    bool well = (strcmp(state, "open") == 0 || strcmp(state, "opening") == 0) &&
                !json_is_true(json_object_get(store, "damaged"));
    if (line->json) {
        (void)json_object_set_new(status, "running", json_true());
        cli_out_json(json_incref(status));
    } else {
        put_status(status);
    }
    json_decref(answer);
    return well ? CLI_OK : CLI_DEGRADED;
}

// --- stop --------------------------------------------------------------------------------------

// The kernel says who is behind the socket, and a pidfd taken while that connection is open cannot
// come to mean another process.
static int signal_engine(int fd, int *ret_pidfd, struct err *err) {
    uid_t uid;
    pid_t pid;
    int r = unix_peer(fd, &uid, &pid, err);
    if (r < 0)
        return r;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return err_errno(err, errno, "cannot get hold of the engine (pid %d)", (int)pid);
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0) {
        r = err_errno(err, errno, "cannot stop the engine (pid %d)", (int)pid);
        (void)close(pidfd);
        return r;
    }
    *ret_pidfd = pidfd;
    return 0;
}

int cli_run_stop(const struct cli_line *line) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    int pidfd = -1;
    uint64_t start = env_now_mono_ns();
    int r = cli_engine_open(line, false, &e, &err);
    if (r == ERR_NOT_FOUND) {
        if (line->json)
            cli_out_json(json_pack("{sb}", "stopped", 0));
        else
            cli_note("no engine is running");
        return CLI_OK;
    }
    if (r == 0)
        r = signal_engine(cli_engine_fd(e), &pidfd, &err);
    cli_engine_close(e); // or it would wait for us
    if (r == 0) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};
        if (poll(&p, 1, STOP_DEADLINE_MS) <= 0)
            r = err_set(&err, ERR_TIMEOUT, "the engine has not ended within %d s",
                        STOP_DEADLINE_MS / 1000);
        (void)close(pidfd);
    }
    if (r < 0)
        return cli_fail(r, &err, line->json);
    double ms = (double)(env_now_mono_ns() - start) / 1e6;
    if (line->json)
        cli_out_json(json_pack("{sb sf}", "stopped", 1, "ms", ms));
    else
        cli_note("stopped after %.0f ms; the next client starts a new engine", ms);
    return CLI_OK;
}
