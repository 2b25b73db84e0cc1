#include "server/mcp_face.h"

#include "core/base/mem.h"

#include <sodium.h>
#include <string.h>

enum { STATE_TTL_MS = 10 * 60 * 1000, STATE_BYTES_MAX = 8192, CURSOR_BYTES_MAX = 256 };

// --- requestState
// {"t":issued,"r":digest of the request,"p":payload} in base64url, a dot, its HMAC in base64url.

static void state_key(const struct mcp_face *f, uint8_t key[crypto_auth_hmacsha256_KEYBYTES]) {
    static const char context[] = "paired mcp requestState 1:";
    // The front end draws the session id at random and never shows it to its client, so the client
    // cannot forge a state; it says the same id to the next engine, so the state outlives this one.
    crypto_hash_sha256_state h;
    const char *id = session_id(f->session);
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const uint8_t *)context, sizeof context - 1);
    crypto_hash_sha256_update(&h, (const uint8_t *)id, strlen(id));
    crypto_hash_sha256_final(&h, key);
}

static int digest_chunk(const char *bytes, size_t n, void *ctx) {
    crypto_hash_sha256_update(ctx, (const uint8_t *)bytes, n);
    return 0;
}

// Of what makes this request another than the next: method, name and arguments, members in order.
static void request_digest(const char *method, const char *name, const json_t *arguments,
                           char hex[crypto_hash_sha256_BYTES * 2 + 1]) {
    uint8_t sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const uint8_t *)method, strlen(method) + 1);
    crypto_hash_sha256_update(&h, (const uint8_t *)name, strlen(name) + 1);
    if (json_object_size(arguments))
        (void)json_dump_callback(arguments, digest_chunk, &h, JSON_COMPACT | JSON_SORT_KEYS);
    crypto_hash_sha256_final(&h, sum);
    sodium_bin2hex(hex, crypto_hash_sha256_BYTES * 2 + 1, sum, sizeof sum);
}

enum { MAC_TEXT_BYTES = 44 }; // of 32 bytes in base64url without padding, with its NUL

json_t *mcp_state_sign(struct mcp_face *f, const char *method, const char *name,
                       const json_t *arguments, const json_t *payload) {
    char digest[crypto_hash_sha256_BYTES * 2 + 1];
    request_digest(method, name, arguments, digest);
    json_t *state =
        json_pack("{s:I, s:s, s:O*}", "t", (json_int_t)env_wall_ms(session_env(f->session)), "r",
                  digest, "p", (json_t *)(uintptr_t)payload);
    AUTO_BUF text = BUF_INIT(STATE_BYTES_MAX / 2);
    json_t *ret = NULL;
    if (mcp_put_json(&text, state) == 0) {
        char out[STATE_BYTES_MAX];
        sodium_bin2base64(out, sizeof out - MAC_TEXT_BYTES - 1, (const uint8_t *)text.data,
                          text.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        uint8_t key[crypto_auth_hmacsha256_KEYBYTES], mac[crypto_auth_hmacsha256_BYTES];
        size_t n = strlen(out);
        state_key(f, key);
        crypto_auth_hmacsha256(mac, (const uint8_t *)out, n, key);
        sodium_memzero(key, sizeof key);
        out[n] = '.';
        sodium_bin2base64(out + n + 1, MAC_TEXT_BYTES, mac, sizeof mac,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        ret = json_string(out);
    }
    json_decref(state);
    return ret;
}

static bool mac_matches(struct mcp_face *f, const char *s, const char *dot) {
    uint8_t key[crypto_auth_hmacsha256_KEYBYTES], mac[crypto_auth_hmacsha256_BYTES];
    size_t n = 0;
    const char *end = NULL;
    if (sodium_base642bin(mac, sizeof mac, dot + 1, strlen(dot + 1), NULL, &n, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        n != sizeof mac || *end)
        return false;
    state_key(f, key);
    bool good = crypto_auth_hmacsha256_verify(mac, (const uint8_t *)s, (size_t)(dot - s), key) == 0;
    sodium_memzero(key, sizeof key);
    return good;
}

int mcp_state_verify(struct mcp_face *f, const char *method, const char *name,
                     const json_t *arguments, const json_t *state, json_t **ret_payload,
                     struct err *err) {
    const char *s = json_string_value(state);
    const char *dot = s ? strrchr(s, '.') : NULL;
    uint8_t text[STATE_BYTES_MAX];
    size_t n = 0;
    if (!dot || (size_t)(dot - s) > STATE_BYTES_MAX || !mac_matches(f, s, dot) ||
        sodium_base642bin(text, sizeof text, s, (size_t)(dot - s), NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return err_set(err, ERR_PERM,
                       "requestState is not one of this session's; call again without it");
    json_t *in = mcp_tree((const char *)text, n);
    char digest[crypto_hash_sha256_BYTES * 2 + 1];
    request_digest(method, name, arguments, digest);
    const char *given = json_string_value(json_object_get(in, "r"));
    int64_t issued = json_integer_value(json_object_get(in, "t"));
    int64_t now = env_wall_ms(session_env(f->session));
    int r = 0;
    if (!given || strcmp(given, digest) != 0)
        r = err_set(err, ERR_PERM,
                    "requestState belongs to another request; call again without it");
    else if (now - issued > STATE_TTL_MS || issued - now > STATE_TTL_MS)
        r = err_set(err, ERR_PERM, "requestState has expired; call again without it");
    else
        *ret_payload = json_incref(json_object_get(in, "p"));
    json_decref(in);
    return r;
}

// --- cursors
// ----------------------------------------------------------------------------------------- Opaque
// to the client: base64url of "<kind><position>~<sum>". The sum tells ours from invented ones; it
// keeps no secret, every position may be asked for.

static uint32_t cursor_sum(const char *s) {
    uint32_t h = 2166136261u; // FNV-1a
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

json_t *mcp_cursor_new(char kind, const char *position) {
    char plain[CURSOR_BYTES_MAX / 2], out[CURSOR_BYTES_MAX];
    snprintf(plain, sizeof plain, "%c%s", kind, position);
    uint32_t sum = cursor_sum(plain);
    size_t n = strlen(plain);
    snprintf(plain + n, sizeof plain - n, "~%08x", sum);
    sodium_bin2base64(out, sizeof out, (const uint8_t *)plain, strlen(plain),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return json_string(out);
}

int mcp_cursor_read(const json_t *cursor, char kind, char *ret, size_t max, struct err *err) {
    if (!cursor || json_is_null(cursor))
        return 0;
    const char *s = json_string_value(cursor);
    char plain[CURSOR_BYTES_MAX] = {0}, sum[16];
    size_t n = 0;
    const char *end = NULL;
    if (s && strlen(s) < sizeof plain && ret &&
        sodium_base642bin((uint8_t *)plain, sizeof plain - 1, s, strlen(s), NULL, &n, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
        !*end && plain[0] == kind && strlen(plain) == n) {
        char *tilde = strrchr(plain, '~');
        if (tilde) {
            *tilde = '\0';
            snprintf(sum, sizeof sum, "%08x", cursor_sum(plain));
            if (strcmp(sum, tilde + 1) == 0 && strlen(plain + 1) < max) {
                memcpy(ret, plain + 1, strlen(plain + 1) + 1);
                return 1;
            }
        }
    }
    return err_set(err, ERR_INVAL, "cursor: not one that this list has given out");
}
