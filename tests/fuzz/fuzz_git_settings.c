// A repository's config file, any bytes: only git's own words come out of it.
#include "core/workspace/git_impl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const char *value, const char *const *allowed) {
    bool found = value[0] == '\0';
    for (; *allowed; allowed++)
        found |= strcmp(*allowed, value) == 0;
    if (!found)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const flags[] = {"true", "false", NULL};
    static const char *const crlf[] = {"true", "false", "input", NULL};
    static const char *const eol[] = {"lf", "crlf", "native", NULL};
    struct git_settings s;
    git_read_settings((const char *)data, n, &s);
    check(s.autocrlf, crlf);
    check(s.eol, eol);
    check(s.ignorecase, flags);
    check(s.symlinks, flags);
    check(s.filemode, flags);
    return 0;
}
