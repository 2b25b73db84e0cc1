#include "core/crypto/checkpoint.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char origin[] = "paired-audit/";
enum {
    BASE64 = sodium_base64_VARIANT_ORIGINAL,
    ROOT_TEXT_BYTES = 45, // base64 of 32 bytes, terminated
    KEY_HASH_BYTES = 4,
    NOTE_ED25519 = 1,
    NOTE_COSIGNATURE = 4,
    NAME_BYTES_MAX = 40
};

size_t checkpoint_format(const struct checkpoint *c, char text[CHECKPOINT_TEXT_BYTES_MAX]) {
    char log[2 * CHECKPOINT_LOG_BYTES + 1], root[ROOT_TEXT_BYTES];
    assert(c->entries > 0 && c->time_ms >= 0 && c->time_ms <= CHECKPOINT_TIME_MS_MAX);
    (void)sodium_bin2hex(log, sizeof log, c->log, sizeof c->log);
    (void)sodium_bin2base64(root, sizeof root, c->root, sizeof c->root, BASE64);
    int n = snprintf(text, CHECKPOINT_TEXT_BYTES_MAX, "%s%s\n%lld\n%s\ntime %lld\n", origin, log,
                     (long long)c->entries, root, (long long)c->time_ms);
    assert(n > 0 && n < CHECKPOINT_TEXT_BYTES_MAX);
    return (size_t)n;
}

// --- reading ------------------------------------------------------------------------------------

// A line's begin in *at, which goes behind it; false: there is none.
static bool next_line(const char **at, const char *end, const char **line, size_t *n) {
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    if (!newline)
        return false;
    *line = *at;
    *n = (size_t)(newline - *at);
    *at = newline + 1;
    return true;
}

static bool read_number(const char *s, size_t n, int64_t *ret) {
    int64_t value = 0;
    if (!n || n > 18) // below 2^63
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        value = value * 10 + (s[i] - '0');
    }
    *ret = value;
    return true;
}

static bool read_lines(const char *text, size_t n, struct checkpoint *c) {
    const char *at = text, *end = text + n, *line;
    size_t bytes = 0, got = 0;
    if (!next_line(&at, end, &line, &bytes) || bytes < sizeof origin - 1 ||
        memcmp(line, origin, sizeof origin - 1) != 0 ||
        sodium_hex2bin(c->log, sizeof c->log, line + sizeof origin - 1, bytes - sizeof origin + 1,
                       NULL, &got, NULL) != 0 ||
        got != sizeof c->log)
        return false;
    if (!next_line(&at, end, &line, &bytes) || !read_number(line, bytes, &c->entries))
        return false;
    if (!next_line(&at, end, &line, &bytes) ||
        sodium_base642bin(c->root, sizeof c->root, line, bytes, NULL, &got, NULL, BASE64) != 0 ||
        got != sizeof c->root)
        return false;
    return next_line(&at, end, &line, &bytes) && bytes > 5 && memcmp(line, "time ", 5) == 0 &&
           read_number(line + 5, bytes - 5, &c->time_ms) && at == end;
}

int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret, struct err *err) {
    struct checkpoint c = {.entries = 0};
    char again[CHECKPOINT_TEXT_BYTES_MAX];
    // What is written anew the same way is the one encoding: no capitals, no zeros in front.
    if (n >= CHECKPOINT_TEXT_BYTES_MAX || !read_lines(text, n, &c) || c.entries < 1 ||
        c.time_ms > CHECKPOINT_TIME_MS_MAX || checkpoint_format(&c, again) != n ||
        memcmp(again, text, n) != 0)
        return err_set(err, ERR_PARSE, "this is no checkpoint of an audit log");
    *ret = c;
    return 0;
}

// --- signatures ---------------------------------------------------------------------------------

static bool verify(const char *text, size_t n, const uint8_t *key, const uint8_t *signature) {
    return crypto_sign_verify_detached(signature, (const unsigned char *)text, n, key) == 0;
}

bool checkpoint_signed(const char *text, size_t n, const uint8_t key[CHECKPOINT_KEY_BYTES],
                       const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]) {
    return verify(text, n, key, signature);
}

size_t checkpoint_cosign_text(const char *text, size_t n, int64_t time_s,
                              char out[CHECKPOINT_COSIGN_BYTES_MAX]) {
    if (n >= CHECKPOINT_TEXT_BYTES_MAX)
        return 0;
    int head = snprintf(out, CHECKPOINT_COSIGN_BYTES_MAX, "cosignature/v1\ntime %lld\n",
                        (long long)time_s);
    memcpy(out + head, text, n);
    out[(size_t)head + n] = '\0';
    return (size_t)head + n;
}

bool checkpoint_cosigned(const char *text, size_t n, const uint8_t key[CHECKPOINT_KEY_BYTES],
                         int64_t time_s, const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]) {
    char signed_text[CHECKPOINT_COSIGN_BYTES_MAX];
    size_t bytes = checkpoint_cosign_text(text, n, time_s, signed_text);
    return bytes && time_s >= 0 && verify(signed_text, bytes, key, signature);
}

// --- signed notes -------------------------------------------------------------------------------

static void name_key(const uint8_t key[CHECKPOINT_KEY_BYTES], char out[NAME_BYTES_MAX]) {
    static const char prefix[] = "paired-device/";
    memcpy(out, prefix, sizeof prefix);
    (void)sodium_bin2hex(out + sizeof prefix - 1, 17, key, 8);
}

// signed-note: the first four bytes of SHA-256(name, newline, kind, key).
static void hash_key(const char *name, uint8_t kind, const uint8_t key[CHECKPOINT_KEY_BYTES],
                     uint8_t out[KEY_HASH_BYTES]) {
    uint8_t whole[crypto_hash_sha256_BYTES];
    const uint8_t middle[] = {'\n', kind};
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    (void)crypto_hash_sha256_update(&h, (const unsigned char *)name, strlen(name));
    (void)crypto_hash_sha256_update(&h, middle, sizeof middle);
    (void)crypto_hash_sha256_update(&h, key, CHECKPOINT_KEY_BYTES);
    (void)crypto_hash_sha256_final(&h, whole);
    memcpy(out, whole, KEY_HASH_BYTES);
}

int checkpoint_note_begin(struct buf *out, const char *text, size_t n) {
    (void)buf_append(out, text, n);
    return buf_putc(out, '\n');
}

int checkpoint_note_sign(struct buf *out, const uint8_t key[CHECKPOINT_KEY_BYTES], int64_t time_s,
                         const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]) {
    char name[NAME_BYTES_MAX];
    uint8_t blob[KEY_HASH_BYTES + 8 + CHECKPOINT_SIGNATURE_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof blob, BASE64)];
    size_t n = KEY_HASH_BYTES;
    bool cosigner = time_s >= 0;
    name_key(key, name);
    hash_key(name, cosigner ? NOTE_COSIGNATURE : NOTE_ED25519, key, blob);
    for (int shift = 56; cosigner && shift >= 0; shift -= 8)
        blob[n++] = (uint8_t)((uint64_t)time_s >> shift);
    memcpy(blob + n, signature, CHECKPOINT_SIGNATURE_BYTES);
    (void)sodium_bin2base64(text, sizeof text, blob, n + CHECKPOINT_SIGNATURE_BYTES, BASE64);
    return buf_printf(out, "\xe2\x80\x94 %s %s\n", name, text);
}

int checkpoint_note_key(struct buf *out, const uint8_t key[CHECKPOINT_KEY_BYTES], bool cosigner) {
    char name[NAME_BYTES_MAX], hash[2 * KEY_HASH_BYTES + 1];
    uint8_t hashed[KEY_HASH_BYTES], blob[1 + CHECKPOINT_KEY_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof blob, BASE64)];
    blob[0] = cosigner ? NOTE_COSIGNATURE : NOTE_ED25519;
    memcpy(blob + 1, key, CHECKPOINT_KEY_BYTES);
    name_key(key, name);
    hash_key(name, blob[0], key, hashed);
    (void)sodium_bin2hex(hash, sizeof hash, hashed, sizeof hashed);
    (void)sodium_bin2base64(text, sizeof text, blob, sizeof blob, BASE64);
    return buf_printf(out, "%s+%s+%s", name, hash, text);
}
