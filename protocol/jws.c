#include "protocol/jws.h"

#include "protocol/jcs.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int jws_base64url_write(const void *bytes, size_t n, struct buf *out) {
    const uint8_t *b = bytes;
    if (n > BUF_BYTES_MAX || buf_reserve(out, n / 3 * 4 + 4) < 0)
        return out->failed = true, ERR_LIMIT;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t x = (uint32_t)b[i] << 16;
        x |= have > 1 ? (uint32_t)b[i + 1] << 8 : 0;
        x |= have > 2 ? b[i + 2] : 0;
        char four[4] = {alphabet[x >> 18], alphabet[x >> 12 & 63], alphabet[x >> 6 & 63],
                        alphabet[x & 63]};
        (void)buf_append(out, four, have + 1);
    }
    return out->failed ? ERR_LIMIT : 0;
}

static int digit(char c) {
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

int jws_base64url_read(const char *text, size_t n, struct buf *out, struct err *err) {
    if (n % 4 == 1)
        return err_set(err, ERR_PARSE, "a text in base64url has not its length");
    for (size_t i = 0; i < n; i += 4) {
        size_t have = n - i < 4 ? n - i : 4;
        uint32_t x = 0;
        for (size_t j = 0; j < 4; j++) {
            int d = j < have ? digit(text[i + j]) : 0;
            if (d < 0)
                return err_set(err, ERR_PARSE, "a character that base64url has not");
            x = x << 6 | (uint32_t)d;
        }
        uint8_t three[3] = {(uint8_t)(x >> 16), (uint8_t)(x >> 8), (uint8_t)x};
        if (have < 4 && (have < 3 ? three[1] | three[2] : three[2]))
            return err_set(err, ERR_PARSE, "a text in base64url ends in bits that mean nothing");
        if (buf_append(out, three, have - 1) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return 0;
}

// What is signed: the header and the canonical payload, both in base64url.
static int signing_input(const char *header, size_t header_n, const json_t *payload,
                         struct buf *out, struct err *err) {
    AUTO_BUF canonical = BUF_INIT(JWS_PAYLOAD_BYTES_MAX);
    int r = jcs_write(payload, &canonical, err);
    if (r < 0)
        return r;
    (void)buf_append(out, header, header_n);
    (void)buf_putc(out, '.');
    if (jws_base64url_write(canonical.data, canonical.len, out) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

enum { INPUT_BYTES_MAX = JWS_PAYLOAD_BYTES_MAX / 3 * 4 + 2 * JWS_HEADER_BYTES_MAX + 8 };

static int write_header(const char *key_id, struct buf *out, struct err *err) {
    if (!key_id[0] || strlen(key_id) > JWS_KEY_ID_BYTES_MAX)
        return err_set(err, ERR_INVAL, "a key's name is 1 to %d bytes", JWS_KEY_ID_BYTES_MAX);
    AUTO_BUF header = BUF_INIT(JWS_HEADER_BYTES_MAX);
    (void)buf_puts(&header, "{\"alg\":\"EdDSA\",\"kid\":");
    (void)buf_put_json_string(&header, key_id, strlen(key_id));
    (void)buf_puts(&header, ",\"typ\":\"JOSE\"}");
    if (header.failed || jws_base64url_write(header.data, header.len, out) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int jws_sign(const json_t *payload, const char *key_id, jws_sign_fn *fn, void *ctx, json_t **ret,
             struct err *err) {
    AUTO_BUF header = BUF_INIT(2 * JWS_HEADER_BYTES_MAX);
    AUTO_BUF input = BUF_INIT(INPUT_BYTES_MAX);
    AUTO_BUF text = BUF_INIT(JWS_HEADER_BYTES_MAX);
    uint8_t signature[JWS_SIGNATURE_BYTES];
    int r = write_header(key_id, &header, err);
    if (r == 0)
        r = signing_input(header.data, header.len, payload, &input, err);
    if (r == 0)
        r = fn(ctx, input.data, input.len, signature, err);
    if (r < 0)
        return r;
    json_t *made = NULL;
    if (jws_base64url_write(signature, sizeof signature, &text) == 0)
        made = json_pack("{s:s, s:s}", "protected", header.data, "signature", text.data);
    if (!made)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = made;
    return 0;
}

static int read_header(const json_t *text, json_t **ret, struct err *err) {
    AUTO_BUF bytes = BUF_INIT(JWS_HEADER_BYTES_MAX);
    if (!json_is_string(text) || json_string_length(text) > JWS_HEADER_BYTES_MAX)
        return err_set(err, ERR_PARSE, "a signature has no protected header");
    int r = jws_base64url_read(json_string_value(text), json_string_length(text), &bytes, err);
    if (r < 0)
        return r;
    json_t *header =
        json_loadb(bytes.data ? bytes.data : "", bytes.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(header)) {
        json_decref(header);
        return err_set(err, ERR_PARSE, "the protected header of a signature is no JSON");
    }
    *ret = header;
    return 0;
}

static int check_header(const json_t *header, struct err *err) {
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const json_t *kid = json_object_get(header, "kid");
    if (!alg || strcmp(alg, "EdDSA") != 0)
        return err_set(err, ERR_UNSUPPORTED, "a signature of another algorithm than EdDSA");
    if (json_object_get(header, "crit")) // RFC 7515 4.1.11: who does not know it must refuse
        return err_set(err, ERR_UNSUPPORTED, "a signature has an extension that is unknown here");
    if (!json_is_string(kid) || !json_string_length(kid) ||
        json_string_length(kid) > JWS_KEY_ID_BYTES_MAX)
        return err_set(err, ERR_PARSE, "a signature does not name its key");
    return 0;
}

int jws_verify(const json_t *payload, const json_t *signature, jws_verify_fn *fn, void *ctx,
               struct err *err) {
    const json_t *head = json_object_get(signature, "protected");
    const json_t *text = json_object_get(signature, "signature");
    json_t *header = NULL;
    AUTO_BUF bytes = BUF_INIT(JWS_SIGNATURE_BYTES + 4);
    AUTO_BUF input = BUF_INIT(INPUT_BYTES_MAX);
    int r = read_header(head, &header, err);
    if (r == 0)
        r = check_header(header, err);
    if (r == 0 && (!json_is_string(text) || json_string_length(text) != 86))
        r = err_set(err, ERR_PARSE, "a signature has not its length");
    if (r == 0)
        r = jws_base64url_read(json_string_value(text), json_string_length(text), &bytes, err);
    if (r == 0)
        r = signing_input(json_string_value(head), json_string_length(head), payload, &input, err);
    if (r == 0)
        r = fn(ctx, json_string_value(json_object_get(header, "kid")), input.data, input.len,
               (const uint8_t *)bytes.data, err);
    json_decref(header);
    return r;
}
