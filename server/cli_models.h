// What the commands about model backends share. Executable side; one thread.
#pragma once

#include "server/cli.h"
#include "server/cli_engine.h"

#include <jansson.h>

// Calls a capability; prints what goes wrong. -1 with *ret (the structure, the caller's), or an
// exit code. Takes arguments.
int cli_models_call(const struct cli_line *line, const char *capability, json_t *arguments,
                    json_t **ret);
// As above, and prints the structure with --json, else `done`.
int cli_models_do(const struct cli_line *line, const char *capability, json_t *arguments,
                  const char *done);
const char *cli_models_word(const json_t *object, const char *name); // "" when there is none
void cli_models_put(const char *text); // of others, to stdout, as cli_out_text()
json_int_t cli_models_number(const json_t *object, const char *name);
// "2026-11-28" or "2026-11-28 14:05", local time; "never" for 0.
void cli_models_when(json_int_t ms, bool minutes, char out[32]);
// Value of an option as a number into `arguments`; false: said what is wrong.
bool cli_models_option(const struct cli_line *line, const char *option, const char *member,
                       json_t *arguments);

// --- a session of several calls; keys that are named by variables go along
int cli_models_ask(struct cli_engine *e, const char *capability, json_t *arguments, json_t **ret,
                   struct err *err); // takes arguments
// Adds "keys": the values, as this environment has them, of the variables that backends' keys are
// named by. The caller wipes them when they have been sent.
int cli_models_put_keys(struct cli_engine *e, json_t *arguments, struct err *err);
void cli_models_wipe_keys(json_t *keys);
