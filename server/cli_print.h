// All that the command line writes. stdout carries data, or one JSON document with --json; what is
// said to a person about it goes to stderr. One thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_RESET };

// Decides about colours (a terminal, NO_COLOR, TERM=dumb) and makes a broken pipe an error.
void cli_print_init(bool quiet);

void cli_out(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_out_bytes(const char *bytes, size_t n);
// Text of others (notes, names): control characters, which could steer a terminal, become visible.
void cli_out_text(const char *text, size_t n);
void cli_out_lines(const char *text, size_t n); // the same, and ends its last line
// One document and a newline. Takes `value`; NULL prints nothing and makes cli_print_end() fail.
// A string of any bytes, such as a folder's name: what is not UTF-8 becomes U+FFFD. NULL: no
// memory.
json_t *cli_json_text(const char *text);
void cli_out_json(json_t *value);
// "" unless stdout is a terminal that wants colours.
const char *cli_style(enum cli_style style);
bool cli_out_is_terminal(void);

// stderr, with the name of the program in front; notes are left out with --quiet.
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Same, without the name and also with --quiet: a question, a progress line (\r), its end.
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_say_text(const char *text); // of others, as cli_out_text()

// Reports the failure (with json also on stdout: {"error":{"code","message"}}) and returns the exit
// code that belongs to it.
int cli_fail(int code, const struct err *err, bool json);
int cli_exit_of(int code); // 0 → CLI_OK, ERR_BUSY, ERR_LOCKED … → CLI_TRY_AGAIN, others CLI_FAILED

// With --json, a failure that was only told on stderr (cli_error) becomes the one document: code
// "usage" or "failed". Does nothing when stdout has something, or `code` is no such failure.
void cli_fail_silent(int code);

// Flushes; `code`, or CLI_FAILED when stdout could not take everything.
int cli_print_end(int code);
