// A history for benches from the text of
//   git log --no-merges --format=%x01%ct%x02%s --name-only
// up to the commit whose tree is asked.
#pragma once

#include "core/workspace/search.h"

struct bench_log;
struct bench_log *bench_log_read(const char *path); // NULL: cannot be read
const struct search_history *bench_log_history(struct bench_log *l);
void bench_log_free(struct bench_log *l); // accepts NULL
