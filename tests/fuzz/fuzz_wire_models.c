// core/models/wire_models: whatever a backend says it has, names come out that are texts and short.
#include "core/models/wire_models.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_name(void *ctx, const char *name) {
    size_t *count = ctx;
    size_t n = strlen(name);
    if (n == 0 || n > WIRE_NAME_BYTES_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ')
            abort();
    return ++*count > WIRE_MODELS_MAX ? (abort(), 0) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wire_models m;
    struct err err = {0};
    size_t count = 0;
    mem_init_json();
    int r = wire_read_models((const char *)data, size, on_name, &count, &m, &err);
    if ((r < 0) != (err.code != 0) || count > m.count || strlen(m.owner) >= sizeof m.owner)
        abort();
    return 0;
}
