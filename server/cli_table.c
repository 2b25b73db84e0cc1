// The table of subcommands and options.
#include "server/cli_commands.h"

const struct cli_option cli_global_options[] = {
    {"help", 'h', NULL, "Show this help."},
    {"json", 0, NULL, "Print one JSON document."},
    {"profile", 0, "DIR", "Keep everything below DIR instead of the user's directories."},
    {"workspace", 0, "DIR", "The folder that notes belong to; found from the current one."},
    {"standalone", 0, NULL, "Run the engine inside this process, unless one is running."},
    {"quiet", 'q', NULL, "Say nothing on stderr but errors."},
    {"version", 0, NULL, "Print the version."},
    {0},
};

static const struct cli_option mcp_options[] = {
    {"fixtures", 0, NULL, "Also offer what the official conformance suite looks for."},
    {0},
};
static const struct cli_option engine_options[] = {
    {"ready-fd", 0, "N", NULL},
    {"lock-fd", 0, "N", NULL},
    {0},
};
static const struct cli_option help_options[] = {
    {"man", 0, NULL, "Print the manual page (mdoc)."},
    {0},
};

const struct cli_command cli_commands[] = {
    {.group = "For your tools",
     .name = "mcp",
     .role = CLI_ROLE_MCP,
     .help = "Serve the Model Context Protocol on stdin and stdout.",
     .details =
         "This is what a client is told to start. It attaches to the user's engine, starts one "
         "if there is none, and survives its restart.",
     .options = mcp_options,
     .examples = "  claude mcp add paired -- paired mcp\n"},
    {.name = "engine",
     .role = CLI_ROLE_ENGINE,
     .help = "Run the engine in the foreground, as a service manager does.",
     .options = engine_options,
     .hidden = true},
    {.group = "About paired",
     .name = "help",
     .run = cli_run_help,
     .operands = "[COMMAND …]",
     .operands_max = 2,
     .help = "Explain a command, or print the manual page.",
     .options = help_options},
    {.name = "completion",
     .run = cli_run_completion,
     .operands = "SHELL",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Print the completion script of bash, zsh or fish.",
     .examples = "  paired completion bash > ~/.local/share/bash-completion/completions/paired\n"},
    {.name = "version", .run = cli_run_version, .help = "Print the version, build and protocols."},
    {0},
};
