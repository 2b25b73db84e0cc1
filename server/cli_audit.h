// Checkpoints of the audit log on the command line. Executable side; one thread.
#pragma once

#include "server/cli.h"

#include <jansson.h>

// Who cosigned up to where, from what audit verify found.
void cli_audit_put_cosigners(const json_t *found);
// A proof in a file. Exit code.
int cli_audit_check(const struct cli_line *line, const char *path);
// The last lines of an export. Exit code.
int cli_audit_export_checkpoints(const struct cli_line *line);
