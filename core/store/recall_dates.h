// Times a question speaks of: "in May 2023", "14 May", "2023-05-14", "yesterday", "last week",
// "3 days ago". English words and ISO 8601 dates; days are UTC's. Any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DATE_HINTS_MAX = 4 };

struct date_hint {
    int64_t from_ms, to_ms; // [from, to); both 0: any year, see month and day
    int month, day;         // 1-12, 1-31 or 0 for the whole month
};
struct date_hints {
    struct date_hint items[DATE_HINTS_MAX];
    size_t count;
};
void dates_parse(const char *text, size_t n, int64_t now_ms, struct date_hints *ret);
// How well a time fits: 1 inside a hint, less shortly after it (what happened is told later), 0
// elsewhere or when there is no hint.
double dates_fit(const struct date_hints *h, int64_t ms);
