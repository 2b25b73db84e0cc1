// What a friend says of certificates: first byte odd: params of cert.show, else the answer to
// cert.get about a device of a third person; then JSON. Whatever it is, it is taken or refused with
// a word why, nobody becomes the friend's identity, and the friend itself is not revoked by others.
#include "core/base/mem.h"
#include "federation/exchange_impl.h"
#include "tests/unit/federation/party.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct web web;
    struct party *a = &web.party[0], *b = &web.party[1], *c = &web.party[2];
    if (!web.m) {
        mem_init_json();
        web_open(&web);
        party_pair(a, b);
        party_pair(b, a);
        party_start(a);
        party_start(b);
        web_run(&web, 1000);
    }
    struct talk *t = a->x->talks;
    assert(t && t->proved);
    if (!size)
        return 0;
    json_t *said = json_loadb((const char *)data + 1, size - 1, JSON_REJECT_DUPLICATES, NULL);
    struct err err = {0};
    struct ask ask = {.talk = t};
    memcpy(ask.author, person_key(c->who), sizeof ask.author);
    memcpy(ask.device, party_device(c), sizeof ask.device);
    int r = data[0] & 1 ? cert_take_shown(t, said, &err) : cert_take_answer(a->x, &ask, said, &err);
    assert(r == 0 || (r < 0 && err.code == r && err.message[0]));
    assert(memcmp(t->peer.identity, person_key(b->who), RECORD_KEY_BYTES) == 0);
    assert(peersdb_trust(a->p, person_key(b->who), party_device(b), NULL) == PEERSDB_TRUSTED);
    a->gone_n = 0;
    fake_env_advance(&web.clock, 1); // what follows from it
    (void)net_memory_run(web.m);
    json_decref(said);
    return 0;
}
