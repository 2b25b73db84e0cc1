// Facts that were worked out once, kept in the store under the content's hash.
#pragma once

#include "core/workspace/entry.h"

struct arena *arena_ref(struct arena *a);
void arena_put(struct arena *a);
