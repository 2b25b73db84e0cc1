#include "federation/tls.h"

#include "core/base/mem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

enum { PLAIN_BYTES = 16 * 1024 }; // of one record, RFC 8446 §5.1

static const char binding_label[] = "EXPORTER-paired-binding";

struct tls {
    SSL_CTX *server, *client;
    BIO_METHOD *wire;
    uint8_t key[CHANNEL_KEY_BYTES];
};
struct tls_channel {
    struct channel channel;
    struct channel_events ev;
    void *ctx;
    SSL *ssl;
    const uint8_t *in; // what is being fed; borrowed during the feed
    size_t in_bytes;
    uint64_t written; // under the present key
    bool ready, ended, expects;
    const char *refused; // why the certificate was not acceptable
    uint8_t expect[CHANNEL_KEY_BYTES], peer[CHANNEL_KEY_BYTES], binding[CHANNEL_BINDING_BYTES];
};

static struct tls_channel *of(struct channel *c) {
    return (struct tls_channel *)(void *)c;
}

// --- the wire below OpenSSL: what is fed, and what goes out at once

static int wire_read(BIO *b, char *out, size_t n, size_t *ret_got) {
    struct tls_channel *c = BIO_get_data(b);
    size_t got = n < c->in_bytes ? n : c->in_bytes;
    BIO_clear_retry_flags(b);
    if (got == 0) {
        BIO_set_retry_read(b);
        return 0;
    }
    memcpy(out, c->in, got);
    c->in += got;
    c->in_bytes -= got;
    *ret_got = got;
    return 1;
}

static int wire_write(BIO *b, const char *bytes, size_t n, size_t *ret_done) {
    struct tls_channel *c = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    c->ev.wire(c->ctx, (const uint8_t *)bytes, n);
    *ret_done = n;
    return 1;
}

static long wire_ctrl(BIO *b, int what, long num, void *ptr) {
    (void)b, (void)num, (void)ptr;
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void) {
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "paired");
    if (!m)
        return NULL;
    (void)BIO_meth_set_read_ex(m, wire_read);
    (void)BIO_meth_set_write_ex(m, wire_write);
    (void)BIO_meth_set_ctrl(m, wire_ctrl);
    return m;
}

// --- whose certificate

static const char *judge(struct tls_channel *c, X509_STORE_CTX *store) {
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    EVP_PKEY *key = leaf ? X509_get0_pubkey(leaf) : NULL;
    size_t n = sizeof c->peer;
    if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key, c->peer, &n) != 1 || n != sizeof c->peer)
        return "the other side's certificate has no Ed25519 key";
    if (sent && sk_X509_num(sent) != 1)
        return "the other side sent more than one certificate";
    if (c->expects && memcmp(c->peer, c->expect, sizeof c->peer) != 0)
        return "the other side has another key than expected";
    return NULL;
}

// In place of a chain of issuers: who holds the private key of this public key is proved by the
// handshake itself (CertificateVerify, RFC 8446 §4.4.3).
static int on_certificate(X509_STORE_CTX *store, void *arg) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_channel *c = ssl ? SSL_get_app_data(ssl) : NULL;
    (void)arg;
    if (!c)
        return 0;
    c->refused = judge(c, store);
    X509_STORE_CTX_set_error(store, c->refused ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
    return c->refused == NULL;
}

// --- what went wrong

static int failed(const struct tls_channel *c, struct err *err) {
    unsigned long first = ERR_peek_error();
    int reason = ERR_GET_REASON(first);
    const char *text = ERR_reason_error_string(first);
    ERR_clear_error();
    if (c->refused)
        return err_set(err, ERR_KEY, "%s", c->refused);
    int code = ERR_PARSE;
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
        code = ERR_VERSION;
        break;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        code = ERR_KEY;
        break;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
        code = ERR_CORRUPT;
        break;
    default:
        break;
    }
    return err_set(err, code, "the encrypted channel failed: %s", text ? text : "unknown reason");
}

// Negative unless OpenSSL merely waits for more bytes.
static int waits(struct tls_channel *c, int result, struct err *err) {
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return err_set(err, ERR_CLOSED, "the other side has closed the encrypted channel");
    default:
        return failed(c, err);
    }
}

// --- channel

static int handshake(struct tls_channel *c, struct err *err) {
    ERR_clear_error();
    int r = SSL_do_handshake(c->ssl);
    if (r != 1)
        return waits(c, r, err);
    if (SSL_export_keying_material(c->ssl, c->binding, sizeof c->binding, binding_label,
                                   sizeof binding_label - 1, (const uint8_t *)"", 0, 1) != 1)
        return failed(c, err);
    c->ready = true;
    c->ev.ready(c->ctx);
    return 0;
}

static int do_start(struct channel *channel, struct err *err) {
    struct tls_channel *c = of(channel);
    return c->ready ? 0 : handshake(c, err);
}

static int read_plain(struct tls_channel *c, struct err *err) {
    while (!c->ended) {
        uint8_t plain[PLAIN_BYTES];
        ERR_clear_error();
        int n = SSL_read(c->ssl, plain, sizeof plain);
        if (n <= 0)
            return waits(c, n, err);
        c->ev.plain(c->ctx, plain, (size_t)n);
    }
    return 0;
}

static int do_feed(struct channel *channel, const uint8_t *bytes, size_t n, struct err *err) {
    struct tls_channel *c = of(channel);
    c->in = bytes;
    c->in_bytes = n;
    int code = c->ready ? 0 : handshake(c, err);
    if (code == 0 && c->ready)
        code = read_plain(c, err);
    c->in = NULL;
    c->in_bytes = 0;
    return code;
}

static int do_write(struct channel *channel, const void *bytes, size_t n, struct err *err) {
    struct tls_channel *c = of(channel);
    const uint8_t *at = bytes;
    if (!c->ready || c->ended)
        return err_set(err, ERR_CLOSED, "the encrypted channel is not open");
    while (n) {
        size_t part = n < PLAIN_BYTES ? n : PLAIN_BYTES;
        ERR_clear_error();
        if (c->written >= TLS_REKEY_BYTES) {
            if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
                return failed(c, err);
            c->written = 0;
        }
        // The wire takes all, so that this writes all or fails for good.
        if (SSL_write(c->ssl, at, (int)part) != (int)part)
            return failed(c, err);
        c->written += part;
        at += part;
        n -= part;
    }
    return 0;
}

static void do_end(struct channel *channel) {
    struct tls_channel *c = of(channel);
    if (c->ready && !c->ended) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); // one way: nobody waits for the answer
        ERR_clear_error();
    }
    c->ended = true;
}

static void do_free(struct channel *channel) {
    struct tls_channel *c = of(channel);
    SSL_free(c->ssl);
    mem_free(c);
}

static const uint8_t *peer(const struct channel *c) {
    return ((const struct tls_channel *)(const void *)c)->peer;
}

static const uint8_t *binding(const struct channel *c) {
    return ((const struct tls_channel *)(const void *)c)->binding;
}

static const struct channel_ops ops = {do_start, do_feed, do_write, do_end, do_free, peer, binding};

static int make(void *self, bool outgoing, const uint8_t *expect, const struct channel_events *ev,
                void *ctx, struct channel **ret, struct err *err) {
    struct tls *t = self;
    struct tls_channel *c = mem_zalloc(sizeof *c);
    BIO *wire = NULL;
    if (!c || !(c->ssl = SSL_new(outgoing ? t->client : t->server)) || !(wire = BIO_new(t->wire))) {
        if (c)
            SSL_free(c->ssl);
        mem_free(c);
        ERR_clear_error();
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    c->channel.ops = &ops;
    c->ev = *ev;
    c->ctx = ctx;
    c->expects = expect;
    if (expect)
        memcpy(c->expect, expect, sizeof c->expect);
    BIO_set_data(wire, c);
    BIO_set_init(wire, 1);
    SSL_set_bio(c->ssl, wire, wire); // takes it
    (void)SSL_set_app_data(c->ssl, c);
    if (outgoing)
        SSL_set_connect_state(c->ssl);
    else
        SSL_set_accept_state(c->ssl);
    *ret = &c->channel;
    return 0;
}

struct channel_maker tls_maker(struct tls *t) {
    return (struct channel_maker){.make = make, .self = t};
}

// --- our certificate

// The same bytes each time: number, name and dates say nothing, so that nothing of a device is told
// to whoever asks for its certificate but its key.
static X509 *certificate(EVP_PKEY *key) {
    X509 *x = X509_new();
    X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
    if (name && X509_set_version(x, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"paired", -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(x, name) == 1 &&
        ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z") == 1 &&
        ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
        X509_set_pubkey(x, key) == 1 && X509_sign(x, key, NULL) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static SSL_CTX *context(X509 *x, EVP_PKEY *key) {
    SSL_CTX *c = SSL_CTX_new(TLS_method());
    if (!c)
        return NULL;
    (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c, on_certificate, NULL);
    SSL_CTX_set_max_cert_list(c, TLS_CERTIFICATE_BYTES_MAX);
    if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(c, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
        SSL_CTX_set1_groups_list(c, "X25519") == 1 &&
        SSL_CTX_set1_sigalgs_list(c, "ed25519") == 1 &&
        SSL_CTX_set1_client_sigalgs_list(c, "ed25519") == 1 && SSL_CTX_set_num_tickets(c, 0) == 1 &&
        SSL_CTX_set_max_early_data(c, 0) == 1 && SSL_CTX_use_certificate(c, x) == 1 &&
        SSL_CTX_use_PrivateKey(c, key) == 1)
        return c;
    SSL_CTX_free(c);
    return NULL;
}

int tls_new(const uint8_t seed[TLS_SEED_BYTES], struct tls **ret, struct err *err) {
    struct tls *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, TLS_SEED_BYTES);
    X509 *x = key ? certificate(key) : NULL;
    size_t n = sizeof t->key;
    bool ok = x && EVP_PKEY_get_raw_public_key(key, t->key, &n) == 1;
    if (ok) {
        t->server = context(x, key);
        t->client = context(x, key);
        t->wire = wire_method();
    }
    X509_free(x);
    EVP_PKEY_free(key);
    if (!t->server || !t->client || !t->wire) {
        const char *text = ERR_reason_error_string(ERR_peek_error());
        int code = err_set(err, ERR_UNSUPPORTED, "TLS 1.3 with Ed25519 cannot be set up: %s",
                           text ? text : "unknown reason");
        ERR_clear_error();
        tls_free(t);
        return code;
    }
    *ret = t;
    return 0;
}

void tls_free(struct tls *t) {
    if (!t)
        return;
    SSL_CTX_free(t->server);
    SSL_CTX_free(t->client);
    BIO_meth_free(t->wire);
    mem_free(t);
}

const uint8_t *tls_key(const struct tls *t) {
    return t->key;
}
