// Numbers, durations and points in time as providers write them into headers and error bodies:
// plain decimals, "6m0s", RFC 3339, the date of HTTP (RFC 9110 section 5.6.7, IMF-fixdate only).
// Text in, milliseconds out; foreign bytes, so each parser takes (pointer, length), uses the whole
// text or refuses it, and keeps to its bounds. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTE_DURATION_DAYS_MAX = 400 }; // longer ones are refused: nobody's quota waits so long

// Non-negative decimal with an optional fraction, at most 18 digits before the point; blanks around
// it are allowed, signs and exponents are not.
bool route_parse_number(const char *s, size_t n, double *ret);
// "1.5" (seconds), "250ms", "6m0s", "1h2m3.5s", "2d", "30 s": milliseconds, rounded up.
bool route_parse_duration(const char *s, size_t n, int64_t *ret_ms);
// "2026-11-28T01:02:03.5Z" or with an offset: milliseconds since 1970.
bool route_parse_rfc3339(const char *s, size_t n, int64_t *ret_ms);
// "Sat, 28 Nov 2026 01:02:03 GMT". The name of the day is not checked.
bool route_parse_http_date(const char *s, size_t n, int64_t *ret_ms);
