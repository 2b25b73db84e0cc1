// The settings as they hold for the command line, with what is wrong in their files.
#pragma once

#include "core/base/conf.h"
#include "core/base/dirs.h"
#include "server/cli.h"
#include "server/cli_engine.h"

enum { CLI_CONFIG_PROBLEMS_MAX = 32, CLI_CONFIG_PATH_MAX = DIRS_PATH_BYTES_MAX + 32 };

struct cli_config {
    struct conf *conf; // conf_free()
    struct conf_problem problems[CLI_CONFIG_PROBLEMS_MAX];
    size_t count;
};

// User's file, workspace's file, environment. A file that cannot be used is a problem, no failure.
int cli_config_load(const struct cli_line *line, struct cli_config *ret, struct err *err);
// Adds the mistake in models.json, beside the user's file, that an engine which already runs, or is
// started for it, finds. ERR_*: nobody could be asked.
int cli_config_add_prices(struct cli_config *c, const struct cli_line *line,
                          struct cli_engine *running, struct err *err);
// The user's file.
int cli_config_path(const struct cli_line *line, char out[CLI_CONFIG_PATH_MAX], struct err *err);
