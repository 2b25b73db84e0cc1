// A settings file of any bytes, as the user's and as a workspace's: no crash, every problem has a
// line that exists, and a workspace never loosens anything.
#include "core/base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static long lines_of(const uint8_t *data, size_t n) {
    long lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    return lines;
}

static void check(const char *path, const uint8_t *data, size_t n, enum conf_origin origin) {
    struct conf *c;
    struct conf_problem problems[16];
    size_t count = 0;
    if (conf_new(&c, NULL) < 0 || conf_set(c, "mcp.tools", "read-only", CONF_USER, NULL, NULL) < 0)
        abort();
    (void)conf_load_file(c, path, origin, problems, 16, &count, NULL);
    for (size_t i = 0; i < count; i++) {
        const char *colon = strchr(problems[i].text, ':');
        long line = colon ? strtol(colon + 1, NULL, 10) : 0;
        if (line < 1 || line > lines_of(data, n))
            abort();
    }
    if (origin == CONF_WORKSPACE && strcmp(conf_string(c, "mcp.tools"), "read-only") != 0)
        abort();
    conf_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/paired-fuzz-conf-%d", (int)getpid());
    FILE *f = fopen(path, "we");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
        abort();
    check(path, data, n, CONF_USER);
    check(path, data, n, CONF_WORKSPACE);
    (void)unlink(path);
    return 0;
}
