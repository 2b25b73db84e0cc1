// What a friend asks to be cosigned: its parameters, and the judgement of it against what was
// cosigned before.
#include "core/base/mem.h"
#include "federation/cosign.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char before[] = "paired-audit/000102030405060708090a0b0c0d0e0f\n3\n"
                                 "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\ntime 1\n";
    const uint8_t device[CHECKPOINT_KEY_BYTES] = {1};
    struct cosign_kept last = {.text_bytes = sizeof before - 1};
    struct cosign_request r;
    struct err err = {0};
    json_t *params = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    memcpy(last.text, before, sizeof before);
    if (params && cosign_request_read(params, &r, &err) == 0) {
        assert(r.text_bytes < sizeof r.text && r.proof.count <= TREE_PROOF_MAX && r.before >= 0);
        // No input has a signature of this device: nothing comes to be cosigned.
        assert(cosign_judge(&r, device, &last, 1000, &err) < 0);
        assert(cosign_judge(&r, device, NULL, 1000, &err) < 0);
        (void)tree_consistency_holds((uint64_t)r.before, (uint64_t)r.before + size, &r.proof,
                                     device, device);
    }
    json_decref(params);
    return 0;
}
