// federation/mdns: a TXT record as anybody on the network may publish it. What is taken for a
// beacon's bytes is written back, string by string, as the part it was.
#include "federation/mdns_impl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has(const uint8_t *data, size_t size, const uint8_t *part) { // a string of the record
    for (size_t at = 0; at < size && at + 1 + data[at] <= size; at += 1u + data[at])
        if (data[at] == part[0] && memcmp(data + at, part, 1u + part[0]) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mdns_txt t = {.parts = 0};
    struct beacon_datagram d;
    uint8_t again[MDNS_TXT_BYTES];
    for (size_t at = 0; at < size && at + 1 + data[at] <= size; at += 1u + data[at])
        mdns_txt_add(&t, data + at + 1, data[at]);
    if (!mdns_txt_complete(&t))
        return 0;
    mdns_txt_write(t.bytes, again);
    for (size_t at = 0; at < sizeof again; at += 1u + again[at])
        if (!has(data, size, again + at))
            abort();
    (void)beacon_parse(t.bytes, sizeof t.bytes, &d);
    return 0;
}
