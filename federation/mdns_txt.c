#include "federation/mdns_impl.h"

#include <string.h>

static size_t part_bytes(unsigned part) {
    return part + 1 < MDNS_TXT_PARTS ? MDNS_TXT_PART_BYTES
                                     : BEACON_BYTES - (MDNS_TXT_PARTS - 1) * MDNS_TXT_PART_BYTES;
}

void mdns_txt_write(const uint8_t bytes[BEACON_BYTES], uint8_t ret[MDNS_TXT_BYTES]) {
    for (unsigned part = 0; part < MDNS_TXT_PARTS; part++) {
        size_t n = part_bytes(part);
        *ret++ = (uint8_t)(3 + n);
        *ret++ = 'p';
        *ret++ = (uint8_t)('0' + part);
        *ret++ = '=';
        memcpy(ret, bytes + part * MDNS_TXT_PART_BYTES, n);
        ret += n;
    }
}

void mdns_txt_add(struct mdns_txt *t, const uint8_t *string, size_t n) {
    if (n < 3 || string[0] != 'p' || string[1] < '0' || string[1] >= '0' + MDNS_TXT_PARTS ||
        string[2] != '=')
        return;
    unsigned part = string[1] - (unsigned)'0';
    if (n != 3 + part_bytes(part) || t->parts & 1u << part) {
        t->bad = true;
        return;
    }
    memcpy(t->bytes + part * MDNS_TXT_PART_BYTES, string + 3, n - 3);
    t->parts |= 1u << part;
}

bool mdns_txt_complete(const struct mdns_txt *t) {
    return !t->bad && t->parts == (1u << MDNS_TXT_PARTS) - 1;
}

bool mdns_name_valid(const char *name) {
    size_t n = strlen(name);
    return n == TAG_NAME_CHARS && strspn(name, "0123456789abcdef") == n;
}
