// Days and times as people and models write them, and as they like to read them. UTC throughout, so
// that the same words mean the same on every machine. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// "2026-11-20", "2026-11", "2026", "2026-11-20T14:05[:07][Z|+01:00]", "now", "today", "yesterday",
// "3 days ago", "last week", "this month", "monday". A day, week, month or year has a first and a
// last millisecond: `end` asks for the last. ERR_INVAL names what is understood.
int when_parse(const char *text, size_t n, int64_t now_ms, bool end, int64_t *ret_ms,
               struct err *err);

// "2026-11-17 (3 days ago)"
int when_put(struct buf *out, int64_t ms, int64_t now_ms);
