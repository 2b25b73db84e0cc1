// Capabilities of the command line about our own identity: its words, its devices.
#include "core/base/dirs.h"
#include "core/crypto/secret.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/fed_exchange.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct field identity_words_fields[] = {
    {.name = "words",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct identity_words_input, words),
     .max = IDENTITY_WORDS_BYTES_MAX},
    {0},
};
const struct field identity_device_fields[] = {
    {.name = "device",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct identity_device_input, device),
     .min = 2 * IDENTITY_KEY_BYTES,
     .max = 2 * IDENTITY_KEY_BYTES},
    {0},
};

struct shown {
    json_t *out;
    char words[IDENTITY_WORDS_BYTES_MAX];
};

static int show(struct fed_core *core, void *arg, struct err *err) {
    struct shown *s = arg;
    char identity[FED_HEX_BYTES], device[FED_HEX_BYTES], name[IDENTITY_SHORT_BYTES];
    fed_hex(identity_key(core->id), IDENTITY_KEY_BYTES, identity);
    fed_hex(identity_device(core->id), IDENTITY_KEY_BYTES, device);
    identity_short(identity_key(core->id), name);
    s->out = json_pack("{ss ss ss sb sb}", "short", name, "identity", identity, "device", device,
                       "stowed", identity_stowed(core->id), "revoked", identity_revoked(core->id));
    return s->out ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int fed_identity_show(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct shown s = {0};
    (void)input;
    int r = fed_run(call->services, show, &s, err);
    return r < 0 ? r : admin_answer(answer, s.out, err);
}

static int words(struct fed_core *core, void *arg, struct err *err) {
    struct shown *s = arg;
    return identity_words(core->id, s->words, sizeof s->words, err);
}

int fed_identity_words(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    struct shown s = {0};
    (void)input;
    int r = fed_run(call->services, words, &s, err);
    if (r == 0)
        r = admin_answer(answer, json_pack("{ss}", "words", s.words), err);
    secret_wipe(s.words, sizeof s.words);
    return r;
}

static int stow(struct fed_core *core, void *arg, struct err *err) {
    (void)arg;
    return identity_stow(core->id, err);
}

int fed_identity_stow(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    (void)input;
    int r = fed_run(call->services, stow, NULL, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

static int unstow(struct fed_core *core, void *arg, struct err *err) {
    const struct identity_words_input *in = arg;
    return identity_unstow(core->id, in->words.data, in->words.len, err);
}

int fed_identity_unstow(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    struct identity_words_input in = *(const struct identity_words_input *)input;
    int r = fed_run(call->services, unstow, &in, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

static int rotate(struct fed_core *core, void *arg, struct err *err) {
    struct shown *s = arg;
    int r = identity_rotate(core->id, env_wall_ms(core->env), err);
    return r < 0 ? r : identity_words(core->id, s->words, sizeof s->words, err);
}

int fed_identity_rotate(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    struct shown s = {0};
    (void)input;
    int r = fed_run(call->services, rotate, &s, err);
    if (r == 0) // all that is signed from here on is the new one's
        r = fed_restart(call->services, err);
    if (r == 0)
        r = admin_answer(answer, json_pack("{ss}", "words", s.words), err);
    secret_wipe(s.words, sizeof s.words);
    return r;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int revoke_device(struct fed_core *core, void *arg, struct err *err) {
    const struct identity_device_input *in = arg;
    uint8_t device[IDENTITY_KEY_BYTES];
    for (size_t i = 0; i < sizeof device; i++) {
        int high = digit(in->device.data[2 * i]), low = digit(in->device.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return err_set(err, ERR_INVAL, "a device is 64 hexadecimal digits, lower case");
        device[i] = (uint8_t)(high << 4 | low);
    }
    int r = identity_revoke(core->id, device, env_wall_ms(core->env), err);
    if (r == 0)
        r = exchange_identity_changed(fed_exchange_of(core), err);
    if (r < 0)
        return r;
    node_peer_remove(core->node, device);
    r = peersdb_device_revoke(core->peersdb, device, env_wall_ms(core->env), err);
    return r == ERR_NOT_FOUND ? 0 : r; // never met here
}

int fed_identity_revoke(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    struct identity_device_input in = *(const struct identity_device_input *)input;
    int r = fed_run(call->services, revoke_device, &in, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

// The file of the identity that is there gives way only to words that are good: it is put aside
// until the new one stands.
static int restore(struct fed_core *core, void *arg, struct err *err) {
    const struct identity_words_input *in = arg;
    char dir[DIRS_PATH_BYTES_MAX + 16], path[DIRS_PATH_BYTES_MAX + 32],
        aside[DIRS_PATH_BYTES_MAX + 40];
    struct identity *fresh = NULL;
    (void)snprintf(dir, sizeof dir, "%s/federation", core->services->dirs->state);
    (void)snprintf(path, sizeof path, "%s/identity", dir);
    (void)snprintf(aside, sizeof aside, "%s/identity.before", dir);
    if (rename(path, aside) < 0)
        return err_set(err, ERR_IO, "the identity's file cannot be put aside");
    int r = identity_restore(store_keyring(core->store), dir, in->words.data, in->words.len,
                             env_wall_ms(core->env), &fresh, err);
    if (r < 0) {
        (void)rename(aside, path);
        return r;
    }
    identity_free(fresh);
    (void)unlink(aside);
    return 0;
}

int fed_identity_restore(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    struct identity_words_input in = *(const struct identity_words_input *)input;
    int r = fed_run(call->services, restore, &in, err);
    if (r == 0)
        r = fed_restart(call->services, err); // everything stands on the device's key
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}
