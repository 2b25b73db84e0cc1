// What the router finds in the body of a request, which a program on this machine sends: the first
// byte names the API, the rest is the body.
#include "server/models_answers.h"
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

// What it is known by does not say how it is sent, and is the same each time.
static void check_known(enum wire_family family, const char *bytes, size_t n) {
    struct buf one = {0}, two = {0};
    const char *why = NULL;
    int r = model_answer_canonical(family, bytes, n, true, MODEL_FORM_WHOLE, &one, &why);
    if ((r == 0) != (why != NULL) ||
        model_answer_canonical(family, bytes, n, true, MODEL_FORM_WHOLE, &two, &why) != r)
        abort();
    if (one.len != two.len || (one.len && memcmp(one.data, two.data, one.len) != 0))
        abort();
    // Four bytes of length for each part: never more than a few times what is in the body.
    if (r == 1 && one.len > 8 * n + 64)
        abort();
    buf_done(&one);
    buf_done(&two);
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
        check_known(family, bytes, n);
        if (model_look_read(family, &b, bytes, n, &look) == 0) {
            model_look_hints(&look, &b, &hints);
            (void)route_origin_of(&hints, NULL);
        }
    }
    model_look_done(&look);
    free(bytes);
    return 0;
}
