// Asking the person at the terminal: agreement and secrets. One thread.
#pragma once

#include "core/base/err.h"
#include "server/cli.h"
#include "server/cli_engine.h"

enum { CLI_SECRET_BYTES_MAX = 4097 }; // a passphrase, or the key of a backend, and its end

// Shows the question and wants `word` typed. With --yes agrees by itself; without a terminal it
// cannot be asked: prints that --yes is needed. True: go on; else end with *ret_exit.
bool cli_confirm(const struct cli_line *line, const char *question, const char *word,
                 int *ret_exit);

// Reads a secret without showing it: from the terminal after `prompt`, or one line of stdin when
// that is none. `twice` asks again and compares. The caller wipes it (explicit_bzero).
int cli_read_secret(const char *prompt, bool twice, char out[CLI_SECRET_BYTES_MAX],
                    struct err *err);

// Calls; when the engine asks for agreement, gets it and calls again. Takes arguments. Prints what
// goes wrong and returns its exit code, or -1 with *ret.
int cli_carry_out(const struct cli_line *line, struct cli_call call, const char *word,
                  json_t **ret);

// A question in words to the agents. Takes arguments; prints what goes wrong and returns its exit
// code, or -1 with *ret. (cli_agent.c)
int cli_put_question(const struct cli_line *line, json_t *arguments, json_t **ret);
void cli_show_answer(const struct cli_line *line, const json_t *answer);
// Asks the agent of a friend (--by), or shows what would leave for that. Takes arguments; prints
// all and returns the exit code. (cli_tasks.c)
int cli_ask_friend(const struct cli_line *line, const char *skill, json_t *arguments);
