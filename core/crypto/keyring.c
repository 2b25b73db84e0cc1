#include "core/crypto/keyring.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PASSPHRASE_BYTES_MIN = 8 };
static const char keys_name[] = "store.keys", key_name[] = "key", store_name[] = "store.db";

int keyring_no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

static bool exists(const char *dir, const char *name) {
    char path[KEYRING_PATH_BYTES_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof path && lstat(path, &st) == 0;
}

// ----------------------------------------------------------------------------------- store.keys

// BLAKE2b keyed from MK over the canonical text with an empty `mac`.
static int file_mac(const struct keys_file *f, const uint8_t *mk, uint8_t out[KEYRING_MAC_BYTES]) {
    static const char info[] = "paired/keys-file/v1";
    struct keys_file *plain = mem_alloc(sizeof *plain);
    uint8_t *key = secret_alloc(KEYRING_KEY_BYTES);
    char *text = NULL;
    if (plain) {
        *plain = *f;
        memset(plain->mac, 0, sizeof plain->mac);
        text = keys_file_format(plain);
    }
    int r = text && key ? secret_hkdf(mk, KEYRING_KEY_BYTES, NULL, 0, info, sizeof info - 1, key,
                                      KEYRING_KEY_BYTES)
                        : ERR_NOMEM;
    if (r == 0)
        secret_hash(key, text, strlen(text), NULL, 0, out);
    secret_free(key);
    mem_free(text);
    mem_free(plain);
    return r;
}

// Writes `next` and makes it the current one; on failure nothing has changed.
int keyring_save(struct keyring *k, struct keys_file *next, const uint8_t *mk, struct err *err) {
    if (file_mac(next, mk, next->mac) < 0)
        return keyring_no_memory(err);
    AUTO_FREE char *text = keys_file_format(next);
    if (!text)
        return keyring_no_memory(err);
    int r = keys_write_private(k->dir, keys_name, text, strlen(text), err);
    if (r == 0)
        k->file = *next;
    return r;
}

static int load(struct keyring *k, struct err *err) {
    char path[KEYRING_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", k->dir, keys_name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ERR_LIMIT, "the path of the store is too long");
    AUTO_FREE char *text = NULL;
    size_t bytes = 0;
    int r = keys_read_private(path, KEYRING_FILE_BYTES_MAX, &text, &bytes, err);
    return r < 0 ? r : keys_file_parse(text, bytes, &k->file, err);
}

// The key file's 32 bytes in secret memory.
static int key_file_read(struct keyring *k, uint8_t **ret, struct err *err) {
    char path[KEYRING_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", k->dir, key_name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ERR_LIMIT, "the path of the store is too long");
    char *bytes = NULL;
    size_t len = 0;
    int r = keys_read_private(path, KEYRING_KEY_BYTES, &bytes, &len, err);
    if (r < 0)
        return r;
    uint8_t *key = len == KEYRING_KEY_BYTES ? secret_alloc(len) : NULL;
    if (key)
        memcpy(key, bytes, len);
    else
        r = len == KEYRING_KEY_BYTES ? keyring_no_memory(err)
                                     : err_set(err, ERR_KEY, "the key file %s is damaged", path);
    secret_wipe(bytes, len);
    mem_free(bytes);
    if (r == 0)
        *ret = key;
    return r;
}

// Reads the key file, making it when it is missing and no slot needs the old one.
static int key_file_ensure(struct keyring *k, bool may_make, uint8_t **ret, struct err *err) {
    if (!may_make || exists(k->dir, key_name))
        return key_file_read(k, ret, err);
    uint8_t *key = secret_alloc(KEYRING_KEY_BYTES);
    if (!key)
        return keyring_no_memory(err);
    secret_random(key, KEYRING_KEY_BYTES);
    int r = keys_write_private(k->dir, key_name, key, KEYRING_KEY_BYTES, err);
    if (r == 0)
        *ret = key;
    else
        secret_free(key);
    return r;
}

// --------------------------------------------------------------------------- opening and locking

// MK is known: checks the whole file, then unwraps the data keys. Nothing stays on failure.
static int take_mk(struct keyring *k, struct secrets *s, struct err *err) {
    uint8_t mac[KEYRING_MAC_BYTES];
    if (file_mac(&k->file, s->mk, mac) < 0)
        return keyring_no_memory(err);
    if (!secret_equal(mac, k->file.mac, sizeof mac))
        return err_set(err, ERR_CORRUPT,
                       "store.keys was changed by something other than paired; restore it from a "
                       "copy");
    for (size_t i = 0; i < k->file.epochs_n; i++) {
        int r = epoch_unwrap(k->seal, &k->file.epochs[i], k->file.store_id, s->mk, s->dek[i]);
        if (r < 0)
            return err_set(err, r, "a data key in store.keys is damaged");
    }
    return 0;
}

static int try_slot(struct keyring *k, const struct slot *slot, const struct factors *with,
                    struct err *err) {
    struct secrets *s = secret_alloc(sizeof *s);
    if (!s)
        return keyring_no_memory(err);
    int r = slot_unwrap(k->seal, slot, k->file.store_id, with, s->mk, err);
    if (r == 0)
        r = take_mk(k, s, err);
    if (r == 0)
        k->secrets = s;
    else
        secret_free(s);
    return r;
}

static bool has_type(const struct keys_file *f, enum slot_type type) {
    for (size_t i = 0; i < f->slots_n; i++)
        if (f->slots[i].type == type)
            return true;
    return false;
}

static bool needs_key_file(const struct keys_file *f) {
    return has_type(f, SLOT_KEY_FILE) || has_type(f, SLOT_BOTH);
}

// Opens a key-file slot. Locked is success as long as some other factor could open the store.
static int open_unasked(struct keyring *k, struct err *err) {
    if (!has_type(&k->file, SLOT_KEY_FILE))
        return 0;
    bool other = has_type(&k->file, SLOT_PASSPHRASE) || has_type(&k->file, SLOT_BOTH) ||
                 has_type(&k->file, SLOT_RECOVERY);
    uint8_t *key = NULL;
    int r = key_file_read(k, &key, err);
    if (r == ERR_NOT_FOUND)
        r = err_set(err, ERR_KEY, "the key file %s/%s is missing; put it back from a copy", k->dir,
                    key_name);
    for (size_t i = 0; r == 0 && i < k->file.slots_n && !k->secrets; i++) {
        if (k->file.slots[i].type != SLOT_KEY_FILE)
            continue;
        r = try_slot(k, &k->file.slots[i], &(struct factors){.key_file = key}, err);
        if (r == ERR_KEY)
            r = err_set(err, r, "the key file %s/%s does not belong to this store", k->dir,
                        key_name);
    }
    secret_free(key);
    return r == ERR_KEY && other ? 0 : r;
}

static int add_slot(struct keyring *k, enum slot_type type, const struct factors *with,
                    const uint8_t *mk, struct keys_file *next, int64_t *ret_id, struct err *err) {
    if (next->slots_n >= KEYRING_SLOTS_MAX)
        return err_set(err, ERR_LIMIT, "the store has %d keys already; remove one first",
                       KEYRING_SLOTS_MAX);
    struct slot *s = &next->slots[next->slots_n];
    memset(s, 0, sizeof *s);
    s->id = next->next_slot;
    s->type = type;
    s->created = env_now_wall_ms();
    if (slot_needs_pass(type)) {
        s->passes = KEYRING_PASSES;
        s->argon_bytes = slot_argon_bytes();
    }
    int r = slot_wrap(k->seal, s, next->store_id, with, mk, err);
    if (r < 0)
        return r;
    next->slots_n++;
    next->next_slot++;
    if (ret_id)
        *ret_id = s->id;
    return 0;
}

int keyring_new_epoch(struct keyring *k, struct keys_file *next, struct secrets *s, uint32_t number,
                      struct err *err) {
    struct epoch *e = &next->epochs[next->epochs_n];
    uint8_t *dek = s->dek[next->epochs_n];
    memset(e, 0, sizeof *e);
    e->number = number;
    e->created = env_now_wall_ms();
    secret_random(dek, KEYRING_KEY_BYTES);
    if (epoch_wrap(k->seal, e, next->store_id, s->mk, dek) < 0)
        return keyring_no_memory(err);
    next->epochs_n++;
    return 0;
}

static int create(struct keyring *k, struct err *err) {
    AUTO_FREE struct keys_file *next = mem_zalloc(sizeof *next);
    struct secrets *s = secret_alloc(sizeof *s);
    uint8_t *key = NULL;
    int r = next && s ? key_file_ensure(k, true, &key, err) : keyring_no_memory(err);
    if (r == 0) {
        secret_random(s->mk, sizeof s->mk);
        secret_random(next->store_id, sizeof next->store_id);
        next->next_slot = 1;
        r = add_slot(k, SLOT_KEY_FILE, &(struct factors){.key_file = key}, s->mk, next, NULL, err);
    }
    if (r == 0)
        r = keyring_new_epoch(k, next, s, 1, err);
    if (r == 0)
        r = keyring_save(k, next, s->mk, err);
    secret_free(key);
    if (r == 0)
        k->secrets = s;
    else
        secret_free(s);
    return r;
}

static int keyring_start(struct keyring *k, unsigned flags, struct err *err) {
    k->seal = seal_new();
    if (!k->seal)
        return keyring_no_memory(err);
    if (exists(k->dir, keys_name)) {
        int r = load(k, err);
        return r < 0 ? r : open_unasked(k, err);
    }
    if (exists(k->dir, store_name))
        return err_set(err, ERR_KEY,
                       "%s/%s is missing: without it %s cannot be read; put it back from a copy",
                       k->dir, keys_name, store_name);
    if (!(flags & KEYRING_CREATE))
        return err_set(err, ERR_NOT_FOUND, "there is no store in %s", k->dir);
    return create(k, err);
}

int keyring_open(const char *dir, unsigned flags, struct keyring **ret, struct err *err) {
    int r = secret_init(err);
    if (r < 0)
        return r;
    struct keyring *k = mem_zalloc(sizeof *k);
    if (!k)
        return keyring_no_memory(err);
    (void)pthread_mutex_init(&k->lock, NULL);
    if (strlen(dir) >= sizeof k->dir)
        r = err_set(err, ERR_LIMIT, "the path of the store is too long");
    else
        memcpy(k->dir, dir, strlen(dir));
    if (r == 0)
        r = keyring_start(k, flags, err);
    if (r < 0) {
        keyring_free(k);
        return r;
    }
    *ret = k;
    return 0;
}

void keyring_free(struct keyring *k) {
    if (!k)
        return;
    secret_free(k->secrets);
    seal_free(k->seal);
    (void)pthread_mutex_destroy(&k->lock);
    mem_free(k);
}

bool keyring_locked(struct keyring *k) {
    (void)pthread_mutex_lock(&k->lock);
    bool locked = !k->secrets;
    (void)pthread_mutex_unlock(&k->lock);
    return locked;
}

// A full disk must not keep anybody from unlocking, so that failing here is no failure.
static void note_use(struct keyring *k, size_t i) {
    AUTO_FREE struct keys_file *next = mem_alloc(sizeof *next);
    if (!next)
        return;
    *next = k->file;
    next->slots[i].last_used = env_now_wall_ms();
    (void)keyring_save(k, next, k->secrets->mk, NULL);
}

static bool slot_takes(const struct slot *s, const struct factors *with) {
    if (s->type == SLOT_RECOVERY)
        return with->recovery != NULL;
    return slot_needs_pass(s->type) && (!slot_needs_key_file(s->type) || with->key_file);
}

static int unlock_with(struct keyring *k, const struct factors *with, struct err *err) {
    int r = ERR_KEY;
    for (size_t i = 0; i < k->file.slots_n && !k->secrets; i++) {
        if (!slot_takes(&k->file.slots[i], with))
            continue;
        r = try_slot(k, &k->file.slots[i], with, err);
        if (r == 0)
            note_use(k, i);
        else if (r != ERR_KEY)
            return r;
    }
    if (r == 0)
        return 0;
    if (has_type(&k->file, SLOT_BOTH) && !with->key_file)
        return err_set(err, ERR_KEY,
                       "wrong passphrase, or the key file %s/%s that is needed too is missing",
                       k->dir, key_name);
    return err_set(err, ERR_KEY, "wrong passphrase or recovery code");
}

static int unlock_inside(struct keyring *k, const char *secret, size_t n, struct err *err) {
    if (k->secrets)
        return 0;
    if (n > KEYRING_PASSPHRASE_BYTES_MAX)
        return err_set(err, ERR_KEY, "wrong passphrase or recovery code");
    uint8_t *recovery = secret_alloc(RECOVERY_SECRET_BYTES);
    uint8_t *key = NULL;
    if (!recovery)
        return keyring_no_memory(err);
    struct factors with = {.pass = secret, .pass_n = n};
    if (recovery_parse(RECOVERY_STORE, secret, n, recovery))
        with.recovery = recovery;
    if (has_type(&k->file, SLOT_BOTH) && key_file_read(k, &key, NULL) == 0)
        with.key_file = key;
    int r = unlock_with(k, &with, err);
    secret_free(key);
    secret_free(recovery);
    return r;
}

int keyring_unlock(struct keyring *k, const char *secret, size_t n, struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = unlock_inside(k, secret, n, err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_lock(struct keyring *k, struct err *err) {
    int r = 0;
    (void)pthread_mutex_lock(&k->lock);
    if (has_type(&k->file, SLOT_KEY_FILE)) {
        r = err_set(err, ERR_UNSUPPORTED,
                    "the key file opens this store without asking; set a passphrase first "
                    "(paired key passphrase)");
    } else {
        secret_free(k->secrets); // wiped by it
        k->secrets = NULL;
    }
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

// ---------------------------------------------------------------------------------------- slots

static json_t *slot_json(const struct slot *s) {
    json_t *p = slot_needs_pass(s->type)
                    ? json_pack("{s:s,s:I,s:I}", "kdf", "argon2id", "passes", (json_int_t)s->passes,
                                "memory_bytes", (json_int_t)s->argon_bytes)
                    : json_object();
    json_t *used = s->last_used ? json_integer(s->last_used) : json_null();
    return json_pack("{s:I,s:s,s:I,s:o,s:o}", "id", (json_int_t)s->id, "type",
                     slot_type_names[s->type], "created", (json_int_t)s->created, "last_used", used,
                     "parameters", p);
}

int keyring_list(struct keyring *k, json_t **ret, struct err *err) {
    json_t *list = json_array();
    bool complete = list != NULL;
    (void)pthread_mutex_lock(&k->lock);
    for (size_t i = 0; complete && i < k->file.slots_n; i++)
        complete = json_array_append_new(list, slot_json(&k->file.slots[i])) == 0;
    (void)pthread_mutex_unlock(&k->lock);
    if (!complete) {
        json_decref(list);
        return keyring_no_memory(err);
    }
    *ret = list;
    return 0;
}

int keyring_locked_error(struct err *err) {
    return err_set(err, ERR_LOCKED, "the store is locked; run: paired key unlock");
}

// Common end of the three ways to add a slot. Under the lock.
static int add_and_save(struct keyring *k, enum slot_type type, const struct factors *with,
                        int64_t *ret_slot, struct err *err) {
    AUTO_FREE struct keys_file *next = mem_alloc(sizeof *next);
    int64_t id = 0;
    if (!next)
        return keyring_no_memory(err);
    *next = k->file;
    int r = add_slot(k, type, with, k->secrets->mk, next, &id, err);
    if (r == 0)
        r = keyring_save(k, next, k->secrets->mk, err);
    if (r == 0 && ret_slot)
        *ret_slot = id;
    return r;
}

static int add_with_key_file(struct keyring *k, enum slot_type type, struct factors with,
                             int64_t *ret_slot, struct err *err) {
    uint8_t *key = NULL;
    int r = key_file_ensure(k, !needs_key_file(&k->file), &key, err);
    with.key_file = key;
    if (r == 0)
        r = add_and_save(k, type, &with, ret_slot, err);
    secret_free(key);
    return r;
}

int keyring_add_passphrase(struct keyring *k, const char *pass, size_t n, bool with_key_file,
                           int64_t *ret_slot, struct err *err) {
    if (n < PASSPHRASE_BYTES_MIN)
        return err_set(err, ERR_INVAL, "a passphrase needs at least %d characters",
                       PASSPHRASE_BYTES_MIN);
    if (n > KEYRING_PASSPHRASE_BYTES_MAX)
        return err_set(err, ERR_INVAL, "a passphrase has at most %d bytes",
                       KEYRING_PASSPHRASE_BYTES_MAX);
    struct factors with = {.pass = pass, .pass_n = n};
    (void)pthread_mutex_lock(&k->lock);
    int r = !k->secrets     ? keyring_locked_error(err)
            : with_key_file ? add_with_key_file(k, SLOT_BOTH, with, ret_slot, err)
                            : add_and_save(k, SLOT_PASSPHRASE, &with, ret_slot, err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_add_key_file(struct keyring *k, int64_t *ret_slot, struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = !k->secrets ? keyring_locked_error(err)
            : has_type(&k->file, SLOT_KEY_FILE)
                ? err_set(err, ERR_EXISTS, "the key file opens this store already")
                : add_with_key_file(k, SLOT_KEY_FILE, (struct factors){0}, ret_slot, err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_add_recovery(struct keyring *k, char *words, size_t max, int64_t *ret_slot,
                         struct err *err) {
    uint8_t *secret = secret_alloc(RECOVERY_SECRET_BYTES);
    if (!secret)
        return keyring_no_memory(err);
    secret_random(secret, RECOVERY_SECRET_BYTES);
    int r = 0;
    if (recovery_format(RECOVERY_STORE, secret, words, max) < 0)
        r = err_set(err, ERR_LIMIT, "the recovery code needs %d bytes", KEYRING_RECOVERY_BYTES_MAX);
    (void)pthread_mutex_lock(&k->lock);
    if (r == 0)
        r = k->secrets ? add_and_save(k, SLOT_RECOVERY, &(struct factors){.recovery = secret},
                                      ret_slot, err)
                       : keyring_locked_error(err);
    (void)pthread_mutex_unlock(&k->lock);
    secret_free(secret);
    if (r < 0)
        secret_wipe(words, max);
    return r;
}

static int remove_inside(struct keyring *k, int64_t id, struct err *err) {
    AUTO_FREE struct keys_file *next = mem_alloc(sizeof *next);
    if (!next)
        return keyring_no_memory(err);
    *next = k->file;
    size_t i = 0, usable = 0;
    while (i < next->slots_n && next->slots[i].id != id)
        i++;
    if (i == next->slots_n)
        return err_set(err, ERR_NOT_FOUND, "there is no key number %lld", (long long)id);
    memmove(&next->slots[i], &next->slots[i + 1], (next->slots_n - i - 1) * sizeof next->slots[0]);
    next->slots_n--;
    // A paper in a drawer is for emergencies: it must not become the daily way in by accident.
    for (size_t j = 0; j < next->slots_n; j++)
        usable += next->slots[j].type != SLOT_RECOVERY;
    if (usable == 0)
        return err_set(err, ERR_INVAL,
                       "this is the last key that opens the store; add another one first");
    int r = keyring_save(k, next, k->secrets->mk, err);
    if (r == 0 && !needs_key_file(&k->file))
        r = keys_remove_private(k->dir, key_name, err);
    return r;
}

int keyring_remove(struct keyring *k, int64_t slot, struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = k->secrets ? remove_inside(k, slot, err) : keyring_locked_error(err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_find(struct keyring *k, const char *type, int64_t *ret_slot, struct err *err) {
    int r = ERR_NOT_FOUND;
    (void)pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->file.slots_n && r < 0; i++)
        if (strcmp(slot_type_names[k->file.slots[i].type], type) == 0) {
            *ret_slot = k->file.slots[i].id;
            r = 0;
        }
    (void)pthread_mutex_unlock(&k->lock);
    return r == 0 ? 0 : err_set(err, r, "the store has no key of the kind \"%s\"", type);
}
