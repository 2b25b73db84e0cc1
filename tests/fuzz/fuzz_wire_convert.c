// core/models/wire: any JSON as a request of any family becomes one of any other, or is refused;
// what came out is a request of its family.
#include "core/models/wire.h"

#include "core/base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    for (int way = 0; request && way < WIRE_FAMILIES * WIRE_FAMILIES; way++) {
        enum wire_family from = (enum wire_family)(way / WIRE_FAMILIES),
                         to = (enum wire_family)(way % WIRE_FAMILIES);
        json_t *there = NULL, *back = NULL;
        struct wire_loss loss;
        struct err err = {0};
        int code = wire_convert(from, to, request, "m", size % 2, &there, &loss, &err);
        if (code < 0) {
            if (there || (code != ERR_INVAL && code != ERR_LIMIT) || !*err.message)
                abort();
            continue;
        }
        if (from != to && wire_convert(to, from, there, "m", false, &back, &loss, &err) < 0)
            abort();
        json_decref(there);
        json_decref(back);
    }
    json_decref(request);
    return 0;
}
