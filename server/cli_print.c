#include "server/cli_print.h"

#include "core/base/utf.h"
#include "server/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    bool colour, terminal, quiet;
    bool failed;     // something that should have been printed could not be made
    bool wrote;      // stdout has something
    char error[512]; // the first one said
} printer;

void cli_print_init(bool quiet) {
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR"); // no-color.org: set and not empty
    printer.terminal = isatty(STDOUT_FILENO) != 0;
    printer.colour =
        printer.terminal && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
    printer.quiet = quiet;
    printer.failed = false;
    printer.wrote = false;
    printer.error[0] = '\0';
    (void)signal(SIGPIPE, SIG_IGN);
}

const char *cli_style(enum cli_style style) {
    static const char *const codes[] = {"",         "\x1b[1m",  "\x1b[2m", "\x1b[32m",
                                        "\x1b[33m", "\x1b[31m", "\x1b[0m"};
    return printer.colour ? codes[style] : "";
}

bool cli_out_is_terminal(void) {
    return printer.terminal;
}

void cli_out(const char *format, ...) {
    va_list args;
    va_start(args, format);
    printer.wrote = true;
    (void)vfprintf(stdout, format, args);
    va_end(args);
}

void cli_out_bytes(const char *bytes, size_t n) {
    printer.wrote = true;
    (void)fwrite(bytes, 1, n, stdout);
}

static void put_text(FILE *to, const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t bytes;
        uint32_t point = utf_decode(text + i, n - i, &bytes);
        bool steers =
            (point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7F && point < 0xA0);
        if (steers)
            (void)fprintf(to, "\\x%02x", (unsigned)point);
        else if (point == 0xFFFD)
            (void)fwrite("\xEF\xBF\xBD", 1, 3, to);
        else
            (void)fwrite(text + i, 1, bytes, to);
        i += bytes;
    }
}

void cli_out_text(const char *text, size_t n) {
    printer.wrote = true;
    put_text(stdout, text, n);
}

void cli_out_lines(const char *text, size_t n) {
    cli_out_text(text, n);
    if (n && text[n - 1] != '\n')
        cli_out("\n");
}

json_t *cli_json_text(const char *text) {
    size_t n = strlen(text);
    AUTO_BUF clean = BUF_INIT(0);
    if (utf_valid(text, n))
        return json_string(text);
    for (size_t i = 0; i < n;) {
        size_t bytes;
        bool good = utf_decode(text + i, n - i, &bytes) != 0xFFFD;
        (void)buf_append(&clean, good ? text + i : "\xEF\xBF\xBD", good ? bytes : 3);
        i += bytes;
    }
    return clean.failed ? NULL : json_stringn(clean.data, clean.len);
}

static int write_out(const char *bytes, size_t n, void *ctx) {
    (void)ctx;
    return fwrite(bytes, 1, n, stdout) == n ? 0 : -1;
}

void cli_out_json(json_t *value) {
    size_t flags = (printer.terminal ? JSON_INDENT(2) : JSON_COMPACT) | JSON_ENCODE_ANY |
                   JSON_REAL_PRECISION(7);
    if (!value || json_dump_callback(value, write_out, NULL, flags) < 0)
        printer.failed = true;
    cli_out("\n");
    json_decref(value);
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args) {
    (void)fflush(stdout); // keeps the order where both go to one terminal
    (void)vfprintf(stderr, format, args);
}

// A message may quote others: a note, a file's name.
__attribute__((format(printf, 1, 0))) static void say_line(const char *format, va_list args) {
    char text[2048];
    int n = vsnprintf(text, sizeof text, format, args);
    cli_say("paired: ");
    put_text(stderr, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    cli_say("\n");
}

void cli_say_text(const char *text) {
    (void)fflush(stdout);
    put_text(stderr, text, strlen(text));
}

void cli_say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void cli_note(const char *format, ...) {
    if (printer.quiet)
        return;
    va_list args;
    va_start(args, format);
    say_line(format, args);
    va_end(args);
}

void cli_error(const char *format, ...) {
    va_list args;
    if (!printer.error[0]) {
        va_start(args, format);
        (void)vsnprintf(printer.error, sizeof printer.error, format, args);
        va_end(args);
    }
    va_start(args, format);
    say_line(format, args);
    va_end(args);
}

int cli_exit_of(int code) {
    switch (code) {
    case 0:
        return CLI_OK;
    case ERR_BUSY:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_LOCKED: // unlock it, then the same command works
        return CLI_TRY_AGAIN;
    default:
        return CLI_FAILED;
    }
}

int cli_fail(int code, const struct err *err, bool json) {
    cli_error("%s", err_text(err));
    if (json)
        cli_out_json(json_pack("{s{ss so}}", "error", "code", err_name(code), "message",
                               cli_json_text(err_text(err))));
    return cli_exit_of(code);
}

void cli_fail_silent(int code) {
    if (printer.wrote || (code != CLI_FAILED && code != CLI_USAGE))
        return;
    const char *said = printer.error[0] ? printer.error : "the command is not complete";
    cli_out_json(json_pack("{s{ss so}}", "error", "code", code == CLI_USAGE ? "usage" : "failed",
                           "message", cli_json_text(said)));
}

int cli_print_end(int code) {
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost && !printer.failed)
        return code;
    if (printer.failed)
        cli_error("out of memory while printing");
    else if (errno != EPIPE) // a reader that has seen enough is no news
        cli_error("cannot write the output: %s", strerror(errno));
    return code == CLI_OK ? CLI_FAILED : code;
}
