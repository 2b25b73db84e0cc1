// The real channel: TLS 1.3 (RFC 8446) and nothing else, between two engines that show each other a
// self-signed certificate made from their device key in memory. Only the raw Ed25519 public key in
// it counts: it is what `expect` pins and what channel_ops.peer answers; names, dates, extensions
// and issuers are not looked at. X25519; AES-256-GCM first, then ChaCha20-Poly1305; no tickets,
// resumption, early data, renegotiation, compression. The binding is the exporter
// "EXPORTER-paired-binding" with an empty context (RFC 8446 §7.5). Owner: the federation's thread.
//
// An accepted connection is ready when the client has proved its key; an outgoing one when the
// server has, which may be before the server has refused the client's: that shows as an end.
// Errors of feed: ERR_KEY (another key than expected, none, or of another kind), ERR_VERSION (not
// TLS 1.3), ERR_CORRUPT (a record was changed, replayed, reordered), ERR_PARSE (anything else),
// ERR_CLOSED (close_notify).
#pragma once

#include "federation/channel.h"

enum {
    TLS_SEED_BYTES = 32,
    TLS_CERTIFICATE_BYTES_MAX = 4096,
    // Written bytes after which the key is changed: far below what AES-GCM allows (RFC 8446 §5.5).
    TLS_REKEY_BYTES = 64 * 1024 * 1024
};

struct tls;
// `seed`: of the device's Ed25519 key (RFC 8032); not kept beyond what OpenSSL holds. ERR_NOMEM,
// ERR_UNSUPPORTED.
int tls_new(const uint8_t seed[TLS_SEED_BYTES], struct tls **ret, struct err *err);
void tls_free(struct tls *t);                  // after its channels; accepts NULL
const uint8_t *tls_key(const struct tls *t);   // CHANNEL_KEY_BYTES: our public key
struct channel_maker tls_maker(struct tls *t); // borrows t
