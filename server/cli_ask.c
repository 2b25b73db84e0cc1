#include "server/cli_ask.h"

#include "server/cli_print.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum) {
    interrupted = signum;
}

// Interrupts are blocked except while it waits, so that one which comes just before is not lost.
// false: interrupted.
static bool wait_for_input(int fd, const sigset_t *open_mask) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!interrupted && ppoll(&p, 1, NULL, open_mask) < 0 && errno == EINTR)
        continue;
    return !interrupted;
}

// One line from fd, byte by byte so that nothing behind it is taken. With open_mask (may be NULL)
// an interrupt ends it. 0 or ERR_*.
static int read_line(int fd, const sigset_t *open_mask, char *out, size_t max, struct err *err) {
    size_t n = 0;
    for (;;) {
        char c;
        if (open_mask && !wait_for_input(fd, open_mask))
            return err_set(err, ERR_CANCELLED, "interrupted: nothing was changed");
        ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, errno, "cannot read the answer");
        if (got == 0 && n == 0)
            return err_set(err, ERR_CLOSED, "no answer was given");
        if (got == 0 || c == '\n')
            break;
        if (n + 1 >= max)
            return err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", max - 1);
        out[n++] = c;
    }
    while (n && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return 0;
}

bool cli_confirm(const struct cli_line *line, const char *question, const char *word,
                 int *ret_exit) {
    char answer[64] = "";
    if (cli_given(line, "yes"))
        return true;
    cli_say_text(question);
    cli_say("\n");
    if (!isatty(STDIN_FILENO)) {
        cli_error("nobody can be asked here: add --yes to agree");
        *ret_exit = CLI_USAGE;
        return false;
    }
    cli_say("Type \"%s\" to go on: ", word);
    if (read_line(STDIN_FILENO, NULL, answer, sizeof answer, NULL) == 0 &&
        strcmp(answer, word) == 0)
        return true;
    cli_error("not done");
    *ret_exit = CLI_FAILED;
    return false;
}

static int prompt_secret(int tty, const char *prompt, char *out, struct err *err) {
    struct termios old, quiet;
    if (tcgetattr(tty, &old) < 0)
        return err_errno(err, errno, "cannot use the terminal");
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    // The terminal must not stay silent after an interrupt.
    struct sigaction catch = {.sa_handler = on_interrupt}, before_int, before_term;
    sigset_t ours, before;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ours, &before);
    (void)sigaction(SIGINT, &catch, &before_int);
    (void)sigaction(SIGTERM, &catch, &before_term);
    int r = 0;
    if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
        r = err_errno(err, errno, "cannot hide what is typed");
    else
        cli_say("%s: ", prompt);
    if (r == 0)
        r = read_line(tty, &before, out, CLI_SECRET_BYTES_MAX, err);
    (void)tcsetattr(tty, TCSAFLUSH, &old);
    cli_say("\n");
    (void)sigaction(SIGINT, &before_int, NULL);
    (void)sigaction(SIGTERM, &before_term, NULL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (interrupted)
        (void)raise(interrupted); // and now as if we had not caught it
    return r;
}

int cli_read_secret(const char *prompt, bool twice, char out[CLI_SECRET_BYTES_MAX],
                    struct err *err) {
    char again[CLI_SECRET_BYTES_MAX];
    int r;
    if (!isatty(STDIN_FILENO)) {
        r = read_line(STDIN_FILENO, NULL, out, CLI_SECRET_BYTES_MAX, err);
    } else {
        r = prompt_secret(STDIN_FILENO, prompt, out, err);
        if (r == 0 && twice) {
            r = prompt_secret(STDIN_FILENO, "Again", again, err);
            if (r == 0 && strcmp(out, again) != 0)
                r = err_set(err, ERR_INVAL, "the two are not the same: nothing was changed");
            explicit_bzero(again, sizeof again);
        }
    }
    if (r == 0 && !out[0])
        r = err_set(err, ERR_INVAL, "it must not be empty");
    if (r < 0)
        explicit_bzero(out, CLI_SECRET_BYTES_MAX);
    return r;
}

int cli_carry_out(const struct cli_line *line, struct cli_call call, const char *word,
                  json_t **ret) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    json_t *arguments = call.arguments;
    int code = -1;
    int r = cli_engine_open(line, true, &e, &err);
    call.arguments = json_incref(arguments);
    if (r == 0)
        r = cli_engine_call(e, &call, ret, &err);
    else
        json_decref(arguments);
    const char *question =
        r == 0 ? json_string_value(json_object_get(json_object_get(*ret, "ask"), "message")) : NULL;
    if (question && cli_confirm(line, question, word, &code)) {
        json_decref(*ret);
        call.confirmed = true;
        call.arguments = json_incref(arguments);
        r = cli_engine_call(e, &call, ret, &err);
    } else if (question) {
        json_decref(*ret);
    }
    json_decref(arguments);
    cli_engine_close(e);
    return r < 0 ? cli_fail(r, &err, line->json) : code;
}
