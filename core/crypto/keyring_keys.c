// Data keys of the keyring, and the keys derived from them.
#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <string.h>

uint32_t keyring_epoch(struct keyring *k) {
    (void)pthread_mutex_lock(&k->lock);
    uint32_t e = k->secrets ? k->file.epochs[k->file.epochs_n - 1].number : 0;
    (void)pthread_mutex_unlock(&k->lock);
    return e;
}

int64_t keyring_epoch_created(struct keyring *k) {
    (void)pthread_mutex_lock(&k->lock);
    int64_t ms = k->secrets ? k->file.epochs[k->file.epochs_n - 1].created : 0;
    (void)pthread_mutex_unlock(&k->lock);
    return ms;
}

static int epoch_add_inside(struct keyring *k, uint32_t *ret, struct err *err) {
    if (k->file.epochs_n >= KEYRING_EPOCHS_MAX)
        return err_set(err, ERR_LIMIT, "too many unfinished rotations of the data key");
    AUTO_FREE struct keys_file *next = mem_alloc(sizeof *next);
    if (!next)
        return keyring_no_memory(err);
    *next = k->file;
    uint32_t number = next->epochs[next->epochs_n - 1].number + 1;
    int r = keyring_new_epoch(k, next, k->secrets, number, err);
    if (r == 0)
        r = keyring_save(k, next, k->secrets->mk, err);
    if (r == 0)
        *ret = number;
    return r;
}

int keyring_epoch_add(struct keyring *k, uint32_t *ret_epoch, struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = k->secrets ? epoch_add_inside(k, ret_epoch, err) : keyring_locked_error(err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

static int epoch_remove_inside(struct keyring *k, uint32_t epoch, struct err *err) {
    AUTO_FREE struct keys_file *next = mem_alloc(sizeof *next);
    if (!next)
        return keyring_no_memory(err);
    *next = k->file;
    size_t i = 0, n = next->epochs_n;
    while (i < n && next->epochs[i].number != epoch)
        i++;
    if (i == n)
        return err_set(err, ERR_NOT_FOUND, "there is no data key %u", epoch);
    if (i == n - 1)
        return err_set(err, ERR_INVAL, "the newest data key cannot be removed");
    memmove(&next->epochs[i], &next->epochs[i + 1], (n - i - 1) * sizeof next->epochs[0]);
    next->epochs_n--;
    int r = keyring_save(k, next, k->secrets->mk, err);
    if (r < 0)
        return r;
    memmove(k->secrets->dek[i], k->secrets->dek[i + 1], (n - i - 1) * KEYRING_KEY_BYTES);
    secret_wipe(k->secrets->dek[n - 1], KEYRING_KEY_BYTES);
    return 0;
}

int keyring_epoch_remove(struct keyring *k, uint32_t epoch, struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = k->secrets ? epoch_remove_inside(k, epoch, err) : keyring_locked_error(err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

size_t keyring_epochs(struct keyring *k, uint32_t *epochs, size_t max) {
    size_t n = 0;
    (void)pthread_mutex_lock(&k->lock);
    for (size_t i = 0; k->secrets && i < k->file.epochs_n && n < max; i++)
        epochs[n++] = k->file.epochs[i].number;
    (void)pthread_mutex_unlock(&k->lock);
    return n;
}

bool keyring_epoch_known(struct keyring *k, uint32_t epoch) {
    uint32_t all[KEYRING_EPOCHS_MAX];
    size_t n = keyring_epochs(k, all, KEYRING_EPOCHS_MAX);
    for (size_t i = 0; i < n; i++)
        if (all[i] == epoch)
            return true;
    return epoch == KEYRING_EPOCH_BACKUP && n > 0;
}

static int page_key_inside(struct keyring *k, uint32_t epoch, const void *info, size_t n,
                           uint8_t *out, struct err *err) {
    static const char backup[] = "paired/backup/v1";
    if (epoch == KEYRING_EPOCH_BACKUP) {
        uint8_t *key = secret_alloc(KEYRING_KEY_BYTES);
        int r = key ? secret_hkdf(k->secrets->mk, KEYRING_KEY_BYTES, NULL, 0, backup,
                                  sizeof backup - 1, key, KEYRING_KEY_BYTES)
                    : ERR_NOMEM;
        if (r == 0)
            r = secret_hkdf(key, KEYRING_KEY_BYTES, NULL, 0, info, n, out, KEYRING_KEY_BYTES);
        secret_free(key);
        return r == 0 ? 0 : keyring_no_memory(err);
    }
    for (size_t i = 0; i < k->file.epochs_n; i++)
        if (k->file.epochs[i].number == epoch)
            return secret_hkdf(k->secrets->dek[i], KEYRING_KEY_BYTES, NULL, 0, info, n, out,
                               KEYRING_KEY_BYTES) == 0
                       ? 0
                       : keyring_no_memory(err);
    return err_set(err, ERR_KEY, "the data key number %u is not in store.keys", epoch);
}

int keyring_page_key(struct keyring *k, uint32_t epoch, const void *info, size_t n,
                     uint8_t out[KEYRING_KEY_BYTES], struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = k->secrets ? page_key_inside(k, epoch, info, n, out, err) : keyring_locked_error(err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}

int keyring_derive(struct keyring *k, const char *label, uint8_t out[KEYRING_KEY_BYTES],
                   struct err *err) {
    (void)pthread_mutex_lock(&k->lock);
    int r = k->secrets ? 0 : keyring_locked_error(err);
    if (r == 0 && secret_hkdf(k->secrets->mk, KEYRING_KEY_BYTES, NULL, 0, label, strlen(label), out,
                              KEYRING_KEY_BYTES) < 0)
        r = keyring_no_memory(err);
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}
