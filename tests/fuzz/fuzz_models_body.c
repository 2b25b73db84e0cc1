// What the router finds in the body of a request, which a program on this machine sends: the first
// byte names the API, the rest is the body.
#include "server/models_look.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(const struct model_body *b, const char *bytes, size_t n) {
    for (size_t i = 0; i < b->messages && i < MODEL_TAIL_MAX; i++) {
        const struct span *at = &b->tail[(b->messages - 1 - i) % MODEL_TAIL_MAX].at;
        if (at->data < bytes || at->data + at->len > bytes + n)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct model_look look;
    struct model_body b;
    struct route_hints hints;
    if (size < 1)
        return 0;
    enum wire_family family = (enum wire_family)(data[0] % 4);
    size_t n = size - 1;
    char *bytes = malloc(n ? n : 1); // no byte behind it
    if (!bytes)
        return 0;
    memcpy(bytes, data + 1, n);
    if (model_body_read(family, bytes, n, &b, NULL) == 0) {
        check_places(&b, bytes, n);
        if (model_look_read(family, &b, bytes, n, &look) == 0) {
            model_look_hints(&look, &b, &hints);
            (void)route_origin_of(&hints, NULL);
        }
    }
    model_look_done(&look);
    free(bytes);
    return 0;
}
