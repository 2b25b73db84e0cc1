// JSON Web Signatures with Ed25519 over canonical JSON: as agent cards carry them, with the payload
// beside them. Knows no key: what signs and verifies is given. Pure; any thread.
// Sources: RFC 7515 (JWS, base64url in its appendix C), RFC 8037 (EdDSA), A2A 1.0.1 section 8.4.
//
// What is signed begins with the base64url of '{"', "eyJ": nothing else of ours does, so no
// signature of a card is one of another purpose.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdint.h>

enum {
    JWS_SIGNATURE_BYTES = 64,
    JWS_HEADER_BYTES_MAX = 1024,
    JWS_KEY_ID_BYTES_MAX = 128,
    JWS_PAYLOAD_BYTES_MAX = 256 * 1024
};

// Appends without padding.
int jws_base64url_write(const void *bytes, size_t n, struct buf *out);
// Appends what it means. ERR_PARSE: not base64url without padding, in its one form (unused bits
// are 0); ERR_NOMEM, ERR_LIMIT (out).
int jws_base64url_read(const char *text, size_t n, struct buf *out, struct err *err);

typedef int jws_sign_fn(void *ctx, const void *bytes, size_t n, uint8_t ret[JWS_SIGNATURE_BYTES],
                        struct err *err);
// 0: it is that key's. ERR_KEY: it is not, or there is no such key.
typedef int jws_verify_fn(void *ctx, const char *key_id, const void *bytes, size_t n,
                          const uint8_t signature[JWS_SIGNATURE_BYTES], struct err *err);

// *ret: {"protected", "signature"}, the caller's. ERR_LIMIT, ERR_NOMEM, what `fn` says.
int jws_sign(const json_t *payload, const char *key_id, jws_sign_fn *fn, void *ctx, json_t **ret,
             struct err *err);
// `signature` is foreign: {"protected", "signature", "header"?}. ERR_PARSE: not a signature;
// ERR_UNSUPPORTED: another algorithm, or an extension that is critical; what `fn` says.
int jws_verify(const json_t *payload, const json_t *signature, jws_verify_fn *fn, void *ctx,
               struct err *err);
