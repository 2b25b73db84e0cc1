// What build this is. `number` orders builds (newer is greater): the hand-over between engines
// compares it.
#pragma once

#include <stdint.h>

extern const char paired_version[];  // "0.1.0"
extern const char paired_build_id[]; // hex, unique to the sources and flags
extern const int64_t
    paired_build_number; // seconds: time of the commit, or PAIRED_BUILD_NUMBER of CMake
