// A backend's key, sealed. The sealing key is derived each time and wiped: it is used once a
// request at most.
#include "core/base/mem.h"
#include "core/crypto/seal.h"
#include "core/crypto/secret.h"
#include "core/store/backends_impl.h"
#include "core/store/store_impl.h"

#include <stdio.h>
#include <string.h>

#define LABEL "paired/backend-key/v1"

struct lock {
    uint8_t raw[SEAL_KEY_BYTES];
    struct seal_key key;
};

enum { AAD_BYTES_MAX = sizeof LABEL + BACKEND_NAME_BYTES_MAX + BACKEND_URL_BYTES_MAX + 4 };

// A key goes nowhere but where it was given for: the place is authenticated with it.
static struct seal_aad bind_to(const struct backend *b, char text[AAD_BYTES_MAX]) {
    int n = snprintf(text, AAD_BYTES_MAX, "%s\n%s\n%s", LABEL, b->name, b->url);
    return (struct seal_aad){text, (size_t)n};
}

static int with_key(struct store *s, struct seal **ret_seal, struct lock **ret, struct err *err) {
    struct seal *seal = seal_new();
    struct lock *lock = secret_alloc(sizeof *lock);
    int r = seal && lock ? store_enter_locked(s, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        r = keyring_derive(s->keys, LABEL, lock->raw, err);
        store_leave(s);
    }
    if (r == 0 && (r = seal_key_init(seal, &lock->key, lock->raw)) < 0)
        r = err_set(err, r, "a key could not be sealed");
    if (r < 0) {
        secret_free(lock);
        seal_free(seal);
        return r;
    }
    *ret_seal = seal;
    *ret = lock;
    return 0;
}

int backend_seal(struct store *s, const struct backend *b, const char *key, size_t n, uint8_t *out,
                 struct err *err) {
    char text[AAD_BYTES_MAX];
    struct seal *seal;
    struct lock *lock;
    int r = with_key(s, &seal, &lock, err);
    if (r < 0)
        return r;
    secret_random(out, SEAL_NONCE_BYTES);
    r = seal_encrypt(seal, &lock->key, out, bind_to(b, text), key, n, out + BACKEND_SEALED_EXTRA,
                     out + SEAL_NONCE_BYTES);
    if (r < 0)
        r = err_set(err, r, "the key could not be sealed");
    secret_free(lock);
    seal_free(seal);
    return r;
}

int backend_unseal(struct store *s, const struct backend *b, const void *sealed, size_t n,
                   char out[BACKEND_KEY_BYTES_MAX + 1], struct err *err) {
    char text[AAD_BYTES_MAX];
    const uint8_t *bytes = sealed;
    struct seal *seal;
    struct lock *lock;
    if (!bytes || n <= BACKEND_SEALED_EXTRA || n > BACKEND_KEY_BYTES_MAX + BACKEND_SEALED_EXTRA)
        return err_set(err, ERR_CORRUPT, "the key of %s is damaged: give it again", b->name);
    int r = with_key(s, &seal, &lock, err);
    if (r < 0)
        return r;
    n -= BACKEND_SEALED_EXTRA;
    r = seal_decrypt(seal, &lock->key, bytes, bind_to(b, text), bytes + BACKEND_SEALED_EXTRA, n,
                     bytes + SEAL_NONCE_BYTES, out);
    if (r == 0)
        out[n] = '\0';
    else
        r = err_set(err, ERR_KEY, "the key that is kept is not one for %s at %s: give it again",
                    b->name, b->url);
    secret_free(lock);
    seal_free(seal);
    return r < 0 ? r : (int)n;
}

struct sealed {
    uint8_t bytes[BACKEND_KEY_BYTES_MAX + BACKEND_SEALED_EXTRA];
    size_t n;
};

static int read_sealed(struct db *db, const char *name, struct sealed *ret, struct err *err) {
    const struct db_value of = db_text(name);
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT key_sealed FROM backend WHERE name = ?1", &of, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        const void *bytes = db_col_blob(rows, 0, &ret->n);
        if (bytes && ret->n <= sizeof ret->bytes)
            memcpy(ret->bytes, bytes, ret->n);
        else
            ret->n = 0;
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

int backend_secret(struct store *s, const char *name, char out[BACKEND_KEY_BYTES_MAX + 1],
                   struct err *err) {
    struct backend_list found = {0};
    struct sealed sealed = {.n = 0};
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = backend_find(db, name, &found, err);
    if (r == 0)
        r = read_sealed(db, name, &sealed, err);
    store_reader_put(s, db);
    if (r == 0)
        r = sealed.n ? backend_unseal(s, found.items, sealed.bytes, sealed.n, out, err)
                     : err_set(err, ERR_NOT_FOUND, "no key is kept for %s", name);
    backend_list_done(&found);
    return r;
}
