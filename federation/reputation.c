#include "federation/reputation.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { PRIOR = 4, HALF = 50, FORGED_MAX = 3, IMPROPER_MAX = 9, COUNT_MAX = 1000 * 1000 };

static int64_t clamp(int64_t n, int64_t max) {
    return n < 0 ? 0 : n > max ? max : n;
}

__attribute__((format(printf, 2, 3))) static void say(struct reputation *r, const char *format,
                                                      ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->reasons[r->count++], REPUTATION_REASON_BYTES_MAX, format, args);
    va_end(args);
}

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

void reputation_of(const struct reputation_facts *f, struct reputation *ret) {
    int64_t yes = clamp(f->accepted, COUNT_MAX), no = clamp(f->rejected, COUNT_MAX);
    int64_t forged = clamp(f->forged, FORGED_MAX), improper = clamp(f->improper, IMPROPER_MAX);
    int64_t score = HALF + (int64_t)HALF * (yes - no) / (yes + no + PRIOR);
    *ret = (struct reputation){0};
    for (int64_t i = 0; i < forged; i++)
        score /= 2;
    score = score * (10 - improper) / 10;
    ret->score = (int)clamp(score, 100);
    if (yes)
        say(ret, "you accepted %" PRId64 " record%s of it", f->accepted, plural(f->accepted));
    if (no)
        say(ret, "you rejected %" PRId64, f->rejected);
    if (improper)
        say(ret, "%" PRId64 " failed the look at arrivals, or should not have been sent",
            f->improper);
    if (forged)
        say(ret, "%" PRId64 " %s not signed by who they name", f->forged,
            f->forged == 1 ? "was" : "were");
    int64_t open = clamp(f->arrived, COUNT_MAX) - yes - no;
    if (!ret->count)
        say(ret,
            f->arrived > 0 ? "nothing of what came has been looked at (%" PRId64 ")"
                           : "nothing has come (%" PRId64 ")",
            f->arrived > 0 ? f->arrived : 0);
    else if (open > 0)
        say(ret, "%" PRId64 " wait%s for you", open, open == 1 ? "s" : "");
}
