// The command line: one table of subcommands and options gives the parser, help, the manual page
// and the completions. Executable side; one thread; stdout is written only through cli_print.h.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_DEGRADED = 3,  // it works, but doctor or status found something
    CLI_TRY_AGAIN = 75 // EX_TEMPFAIL of sysexits: busy, locked, or an engine is just changing
};

// Who carries a command out.
enum cli_role {
    CLI_ROLE_COMMAND, // cli_run()
    CLI_ROLE_MCP,     // main.c: frontend_run() with role "mcp"
    CLI_ROLE_LSP,     // the same with role "lsp"
    CLI_ROLE_ACP,     // the same with role "acp"
    CLI_ROLE_ENGINE   // main.c: the engine's library
};

enum { CLI_OPTIONS_MAX = 48, CLI_OPERANDS_MAX = 256 };

struct cli_line;
typedef int cli_run_fn(const struct cli_line *line); // the exit code

struct cli_option {
    const char *name;  // without the dashes
    char letter;       // or 0
    const char *value; // placeholder of its value ("DIR"), NULL for a switch
    const char *help;  // one sentence; NULL: hidden
};

enum { CLI_AGENT_FIELDS_MAX = 24 };
struct cli_agent {          // a command that an agent carries out
    const char *capability; // "sherlock.review"
    const char *operand;    // argument that bare words fill, or NULL
    struct {
        const char *name;
        char kind; // s text, i integer, r real, b switch, a list of texts, j JSON
    } fields[CLI_AGENT_FIELDS_MAX];
};

struct cli_command {
    const char *group; // heading it stands under in help; NULL: that of the row above
    const char *name;  // "memory", or "memory recall": a verb below a command stands behind it
    enum cli_role role;
    cli_run_fn *run;      // NULL: only groups the verbs below it
    const char *operands; // "TOOL [JSON]", or NULL for none
    int operands_min, operands_max;
    const char *help;    // one line
    const char *details; // for --help and the manual; may be NULL
    const struct cli_option
        *options;                  // besides the global ones; ends with name == NULL; may be NULL
    const char *examples;          // lines, for --help and the manual; may be NULL
    const struct cli_agent *agent; // of cli_run_agent
    bool hidden;
};
extern const struct cli_command cli_commands[];      // ends with name == NULL
extern const struct cli_option cli_global_options[]; // ends with name == NULL

// A command line, taken apart. Everything borrows from argv.
struct cli_line {
    const struct cli_command *command;
    const char *profile;   // --profile DIR, or NULL
    const char *workspace; // --workspace DIR, or NULL
    const char *client;    // on whose behalf it asks, for the source of what is noted; NULL: paired
    bool json;             // --json
    bool quiet;            // --quiet
    bool standalone;       // --standalone
    struct {
        const struct cli_option *option;
        const char *value; // NULL for a switch
    } given[CLI_OPTIONS_MAX];
    size_t given_count;
    const char *operands[CLI_OPERANDS_MAX];
    size_t operand_count;
    char **argv; // of main
};

// false: it was --help, or a usage error that has been printed; end with *ret_exit. `--profile`
// also becomes PAIRED_PROFILE of this process, so that what it starts agrees.
bool cli_parse(int argc, char **argv, struct cli_line *ret, int *ret_exit);
int cli_run(const struct cli_line *line);
// Both of the above; for a command line whose role is CLI_ROLE_COMMAND.
int cli_main(int argc, char **argv);

// Whether there are verbs below it: "backends" runs by itself, and has "backends add".
bool cli_has_verbs(const struct cli_command *command);

// Value of an option by its long name; the last one wins. NULL: not given (or a switch).
const char *cli_value(const struct cli_line *line, const char *name);
bool cli_given(const struct cli_line *line, const char *name);

// The texts that follow from the table.
int cli_help_short(struct buf *out);
int cli_help_command(const struct cli_command *command, struct buf *out);
int cli_manual(struct buf *out);                        // mdoc(7)
int cli_completion(const char *shell, struct buf *out); // bash, zsh, fish; ERR_INVAL
