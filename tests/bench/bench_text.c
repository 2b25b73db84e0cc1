// bench_text: names of files from stdin, one a line; prints how fast their tokens are counted
// (exactly, and by estimate) and how fast they are searched for secrets. Say `git ls-files |
// bench_text`.
#include "core/base/tokens.h"
#include "core/code/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_BYTES_MAX = 16 << 20, NAME_MAX_BYTES = 4096 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int count_finding(void *ctx, const struct secret_finding *f) {
    (void)f;
    ++*(size_t *)ctx;
    return 0;
}

int main(void) {
    char name[NAME_MAX_BYTES], *text = malloc(FILE_BYTES_MAX);
    double exact = 0, estimate = 0, secrets = 0;
    size_t bytes = 0, tokens = 0, estimated = 0, findings = 0;
    if (!text)
        return 1;
    while (fgets(name, sizeof name, stdin)) {
        name[strcspn(name, "\n")] = '\0';
        FILE *f = fopen(name, "rb");
        if (!f)
            continue;
        size_t n = fread(text, 1, FILE_BYTES_MAX, f);
        fclose(f);
        double t0 = now();
        tokens += tokens_count(text, n);
        double t1 = now();
        estimated += tokens_estimate(text, n);
        double t2 = now();
        (void)secrets_scan(text, n, name, count_finding, &findings);
        secrets += now() - t2;
        exact += t1 - t0;
        estimate += t2 - t1;
        bytes += n;
    }
    double mb = (double)bytes / 1e6;
    printf(
        "%.1f MB, %zu tokens%s: %.0f MB/s; estimate %+.1f %%: %.0f MB/s; %zu secrets: %.0f MB/s\n",
        mb, tokens, tokens_exact() ? "" : " (no vocabulary)", mb / exact,
        tokens ? 100.0 * ((double)estimated / (double)tokens - 1) : 0, mb / estimate, findings,
        mb / secrets);
    free(text);
    return 0;
}
