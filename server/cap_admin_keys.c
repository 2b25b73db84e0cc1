// Keys of the store. Secrets arrive inside the arguments, which are wiped before run() returns;
// they are never answered back nor logged.
#include "server/cap_admin.h"

#include <string.h>

const struct field key_secret_fields[] = {
    {.name = "secret",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct key_secret, secret),
     .min = 1,
     .max = 1024},
    {0},
};
const struct field key_passphrase_fields[] = {
    {.name = "secret",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct key_secret, secret),
     .min = 1,
     .max = 1024},
    {.name = "only", .type = FIELD_BOOL, .offset = offsetof(struct key_secret, only)},
    {.name = "both", .type = FIELD_BOOL, .offset = offsetof(struct key_secret, both)},
    {0},
};
const struct field key_slot_fields[] = {
    {.name = "slot",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct key_slot, slot),
     .min = 0,
     .max = 1000},
    {0},
};

// The text belongs to this call's arguments; nobody reads them again.
static void wipe(struct text secret) {
    explicit_bzero((char *)secret.data, secret.len);
}

static int state_answer(struct store *s, struct answer *answer, struct err *err) {
    const char *name = store_state_name(store_state(s));
    (void)buf_printf(&answer->text, "The store is %s.\n", name);
    return admin_answer(answer, json_pack("{ss}", "state", name), err);
}

static void put_slot_text(struct buf *out, const json_t *slot) {
    (void)buf_printf(out, "%lld  %s\n", json_integer_value(json_object_get(slot, "id")),
                     json_string_value(json_object_get(slot, "type")));
}

int admin_key_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    json_t *slots = NULL;
    if (!s || (r = store_key_list(s, &slots, err)) < 0)
        return r;
    size_t i;
    json_t *slot;
    json_array_foreach(slots, i, slot) put_slot_text(&answer->text, slot);
    return admin_answer(answer, json_pack("{so}", "slots", slots), err);
}

int admin_key_passphrase(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    const struct key_secret *in = input;
    int r;
    struct store *s = admin_store(call, &r, err);
    if (s)
        r = store_key_passphrase(s, in->secret.data, in->secret.len, in->only, in->both, err);
    wipe(in->secret);
    return !s || r < 0 ? r : state_answer(s, answer, err);
}

int admin_key_unlock(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct key_secret *in = input;
    int r;
    struct store *s = admin_store(call, &r, err);
    if (s && store_state(s) != STORE_OPEN)
        r = store_unlock(s, in->secret.data, in->secret.len, err);
    wipe(in->secret);
    return !s || r < 0 ? r : state_answer(s, answer, err);
}

int admin_key_lock(struct call *call, const void *input, struct answer *answer, struct err *err) {
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_lock(s, err)) < 0)
        return r;
    return state_answer(s, answer, err);
}

int admin_key_file(struct call *call, const void *input, struct answer *answer, struct err *err) {
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_key_file(s, err)) < 0)
        return r;
    return state_answer(s, answer, err);
}

int admin_key_recovery(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    char words[512];
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_key_recovery(s, words, sizeof words, err)) < 0)
        return r;
    r = admin_answer(answer, json_pack("{ss}", "words", words), err);
    explicit_bzero(words, sizeof words);
    return r;
}

int admin_key_remove(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct key_slot *in = input;
    int r;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_key_remove(s, in->slot, err)) < 0)
        return r;
    return admin_answer(answer, json_pack("{sI}", "removed", (json_int_t)in->slot), err);
}

int admin_key_rotate(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct store_info info;
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_key_rotate(s, err)) < 0 || (r = store_info(s, &info, err)) < 0)
        return r;
    return admin_answer(answer,
                        json_pack("{sI sb si}", "epoch", (json_int_t)info.dek_epoch, "running",
                                  info.rotation_running, "percent", info.rotation_percent),
                        err);
}
