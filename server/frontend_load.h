// Loads the engine's half of the program into this process: engine role and --standalone.
#pragma once

#include "core/base/err.h"
#include "server/engine.h"

// The library beside this executable (../lib/paired/engine.so), never unloaded. ERR_NOT_FOUND,
// ERR_VERSION (of another build).
int frontend_load_engine(engine_main_fn **ret, struct err *err);
