// What the capabilities of the command line share: the functions behind the rows of cap_admin.c.
#pragma once

#include "core/base/fields.h"
#include "server/dispatch.h"

// The store, whatever state it is in, or NULL with *ret_code.
struct store *admin_store(struct call *call, int *ret_code, struct err *err);
// Takes `value` as the answer; ERR_NOMEM when it is NULL.
int admin_answer(struct answer *answer, json_t *value, struct err *err);

// cap_admin_keys.c
struct key_secret {
    struct text secret;
    bool only, both;
};
struct key_slot {
    int64_t slot;
};
extern const struct field key_secret_fields[], key_passphrase_fields[], key_slot_fields[];
capability_fn admin_key_list, admin_key_passphrase, admin_key_file, admin_key_recovery,
    admin_key_remove, admin_key_rotate, admin_key_unlock, admin_key_lock;

// cap_admin_notes.c
struct notes_list {
    struct text after;
    int64_t limit;
    bool all;
};
struct notes_show {
    struct text uid;
};
struct notes_tags {
    struct text prefix;
};
extern const struct field notes_list_fields[], notes_show_fields[], notes_tags_fields[];
capability_fn admin_notes_list, admin_notes_show, admin_notes_tags;
