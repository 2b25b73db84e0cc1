// What MCP resources and completion read from the store, as capabilities of their own: they run on
// pool workers like every other, with deadline and cancellation. The engine lists the table for
// dispatch.
#pragma once

#include "server/dispatch.h"

extern const struct capability capabilities_mcp[]; // ends with name == NULL
