// What the rows of the command table call. Each returns an exit code (enum cli_exit).
#pragma once

#include "server/cli.h"

cli_run_fn cli_run_help, cli_run_completion, cli_run_version; // cli_about.c
