// git's index: any bytes. What is understood is sorted, and found again.
#include "core/workspace/tracked.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tracked *t = NULL;
    if (tracked_parse(data, size, &t, NULL) < 0)
        return 0;
    for (uint32_t i = 0; i < tracked_count(t); i++) {
        const char *path = tracked_path(t, i);
        size_t n = strlen(path);
        assert(n > 0 && n <= TRACKED_PATH_BYTES_MAX);
        assert(i == 0 || strcmp(tracked_path(t, i - 1), path) < 0);
        assert(tracked_has(t, path, n));
        const char *slash = strrchr(path, '/');
        if (slash && slash > path)
            assert(tracked_below(t, path, (size_t)(slash - path)));
    }
    tracked_free(t);
    return 0;
}
