// The model backends that the user named: where they are, which API they speak, where their key
// comes from. A key in the store is sealed once more, for this name and URL alone: who changes the
// URL must give the key again, and no key is in decrypted pages, their caches or an export.
// A change makes every pass of consent.h void; another URL or family, and removal, end the grants.
// Reading functions take a reader's connection; those that take a store block (never on a loop).
#pragma once

#include "core/store/store.h"

enum backend_family { // as enum wire_family of core/models/wire.h
    BACKEND_ANTHROPIC,
    BACKEND_CHAT,
    BACKEND_RESPONSES,
    BACKEND_GEMINI,
    BACKEND_FAMILIES
};
enum backend_fim { // as enum wire_fim of core/models/wire_fim.h; only with BACKEND_CHAT
    BACKEND_FIM_NONE,
    BACKEND_FIM_INFILL,
    BACKEND_FIM_COMPLETIONS,
    BACKEND_FIM_MISTRAL,
    BACKEND_FIM_DEEPSEEK,
    BACKEND_FIM_OLLAMA,
    BACKEND_FIMS
};
enum backend_key { BACKEND_KEY_NONE, BACKEND_KEY_ENV, BACKEND_KEY_STORE, BACKEND_KEYS };

extern const char *const backend_family_names[]; // "anthropic", … NULL
extern const char *const backend_fim_names[];    // "none", "infill", … NULL
extern const char *const backend_key_names[];    // "none", "env", "store", NULL

enum {
    BACKENDS_MAX = 64,
    BACKEND_NAME_BYTES_MAX = 64, // a-z 0-9 . _ -, a letter or digit first
    BACKEND_URL_BYTES_MAX = 512,
    BACKEND_ENV_BYTES_MAX = 64,
    BACKEND_MODELS_MAX = 64,
    BACKEND_MODEL_BYTES_MAX = 128,
    BACKEND_KEY_BYTES_MAX = 4096,
    BACKEND_SEALED_EXTRA = 24 + 16 // nonce and tag before the ciphertext
};

struct backend_model {
    char name[BACKEND_MODEL_BYTES_MAX + 1];
    char price[BACKEND_MODEL_BYTES_MAX + 1]; // name it is priced under, "" its own
};
struct backend {
    char name[BACKEND_NAME_BYTES_MAX + 1];
    enum backend_family family;
    enum backend_fim fim;                // which API it has for places in code
    char url[BACKEND_URL_BYTES_MAX + 1]; // no slash at its end
    char account[BACKEND_NAME_BYTES_MAX + 1];
    enum backend_key key;
    char key_env[BACKEND_ENV_BYTES_MAX + 1];
    bool key_kept; // reading: BACKEND_KEY_STORE, and there is one
    bool enabled;
    int64_t created_ms, changed_ms;
    size_t model_count;           // none: what the backend is asked for
    struct backend_model *models; // owned by the list; borrowed by backend_put
};
struct backend_list {
    struct backend *items; // by name
    size_t count;
};
void backend_list_done(struct backend_list *l);
int backend_list(struct db *db, struct backend_list *ret, struct err *err);
// One by name, as a list of one. ERR_NOT_FOUND.
int backend_find(struct db *db, const char *name, struct backend_list *ret, struct err *err);

// Makes the URL uniform (lower case host, no slash at its end) and checks it: https, or http to
// this machine (localhost, 127.0.0.0/8, [::1]); no user, query or fragment. ERR_INVAL.
int backend_url_check(const char *url, char ret[BACKEND_URL_BYTES_MAX + 1], bool *ret_local,
                      struct err *err);

// Checks and keeps. `key` (n bytes) only with BACKEND_KEY_STORE; NULL leaves the one that is kept,
// unless name, URL or family changed. `replace`: one of this name may exist; else ERR_EXISTS.
// ERR_INVAL, ERR_LIMIT. The caller wipes the key. `origin` as store_write.
int backend_put(struct store *s, const struct origin *origin, const struct backend *b,
                const char *key, size_t n, bool replace, struct err *err);
int backend_enable(struct store *s, const struct origin *origin, const char *name, bool enabled,
                   struct err *err); // ERR_NOT_FOUND
// Ends its grants, too, and owes a scrub when a key was kept. ERR_NOT_FOUND.
int backend_remove(struct store *s, const struct origin *origin, const char *name, struct err *err);

// The key that is kept: terminated in `out`, which should be secret_alloc memory and is wiped by
// the caller. Its length; ERR_NOT_FOUND: none is kept; ERR_KEY: not of this store, name or URL.
int backend_secret(struct store *s, const char *name, char out[BACKEND_KEY_BYTES_MAX + 1],
                   struct err *err);

// Inside store_write, as exported: off and without its key until the user says otherwise.
// *ret_added: false when one of this name is known.
int backend_import(struct db *db, const struct backend *b, int64_t now_ms, bool *ret_added,
                   struct err *err);
