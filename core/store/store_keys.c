// Keys of a store: the keyring's slots, and what a change of them means for the data.
#include "core/base/mem.h"
#include "core/store/store_impl.h"

#include <string.h>

enum { TYPE_BYTES_MAX = 32 };

int store_key_list(struct store *s, json_t **ret, struct err *err) {
    int r = store_enter_locked(s, err);
    if (r < 0)
        return r;
    r = keyring_list(s->keys, ret, err);
    store_leave(s);
    return r;
}

// --- replacing ----------------------------------------------------------------------------------

struct slots {
    int64_t id[KEYRING_SLOTS_MAX];
    size_t count;
};

// Slots of the given types (NULL-terminated), as they are now.
static int find_slots(struct keyring *k, const char *const *types, struct slots *ret,
                      struct err *err) {
    json_t *list = NULL;
    int r = keyring_list(k, &list, err);
    if (r < 0)
        return r;
    ret->count = 0;
    size_t i;
    json_t *slot;
    json_array_foreach(list, i, slot) {
        const char *type = json_string_value(json_object_get(slot, "type"));
        for (size_t t = 0; type && types[t]; t++)
            if (strcmp(type, types[t]) == 0 && ret->count < KEYRING_SLOTS_MAX)
                ret->id[ret->count++] = json_integer_value(json_object_get(slot, "id"));
    }
    json_decref(list);
    return 0;
}

static int remove_slots(struct keyring *k, const struct slots *slots, struct err *err) {
    for (size_t i = 0; i < slots->count; i++) {
        int r = keyring_remove(k, slots->id[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

// Before anything is changed: whether a new data key can follow. Housekeeping makes room.
static int has_room(struct store *s, struct err *err) {
    uint32_t epochs[KEYRING_EPOCHS_MAX];
    return keyring_epochs(s->keys, epochs, KEYRING_EPOCHS_MAX) < KEYRING_EPOCHS_MAX
               ? 0
               : err_set(err, ERR_BUSY,
                         "%d data keys are in use; older ones go when nothing was asked for a "
                         "minute: try again then (paired status)",
                         KEYRING_EPOCHS_MAX);
}

// A new passphrase replaces the old ones. An old store.keys put back would open with what it had
// then, so the data keys are replaced too, also while that of an earlier change is under way:
// housekeeping does the work.
static int passphrase(struct store *s, const char *pass, size_t n, bool only, bool both,
                      struct err *err) {
    static const char *const passphrases[] = {"passphrase", "passphrase+key-file", NULL};
    static const char *const key_files[] = {"key-file", NULL};
    struct slots old, files = {.count = 0};
    int r = find_slots(s->keys, passphrases, &old, err);
    if (r == 0 && (only || both)) // with both, a slot that asks nothing would make it pointless
        r = find_slots(s->keys, key_files, &files, err);
    if (r == 0)
        r = keyring_add_passphrase(s->keys, pass, n, both, NULL, err);
    if (r == 0)
        r = remove_slots(s->keys, &old, err);
    if (r == 0)
        r = remove_slots(s->keys, &files, err);
    if (r == 0 && (old.count || files.count))
        r = vfs_rotate_anew(s->vfs, err);
    return r;
}

int store_key_passphrase(struct store *s, const char *pass, size_t n, bool only, bool both,
                         struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    r = has_room(s, err);
    if (r == 0)
        r = passphrase(s, pass, n, only, both, err);
    store_upkeep_end(s);
    return r;
}

int store_key_file(struct store *s, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    struct err why = {0};
    r = keyring_add_key_file(s->keys, NULL, &why);
    if (r == ERR_EXISTS)
        r = 0; // it is the default already
    else if (r < 0)
        (void)err_set(err, r, "%s", err_text(&why));
    store_upkeep_end(s);
    return r;
}

int store_key_recovery(struct store *s, char *words, size_t max, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    r = keyring_add_recovery(s->keys, words, max, NULL, err);
    store_upkeep_end(s);
    return r;
}

int store_key_remove(struct store *s, int64_t slot, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    r = has_room(s, err);
    if (r == 0)
        r = keyring_remove(s->keys, slot, err);
    if (r == 0)
        r = vfs_rotate_anew(s->vfs, err); // what was removed may have leaked: that is why
    store_upkeep_end(s);
    return r;
}

int store_key_rotate(struct store *s, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    r = has_room(s, err);
    if (r == 0)
        r = vfs_rotate_anew(s->vfs, err);
    store_upkeep_end(s);
    return r;
}
