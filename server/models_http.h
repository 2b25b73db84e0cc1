// What every request to a backend has: where it goes, who asks, by way of which proxy. Engine side;
// any thread.
#pragma once

#include "core/base/buf.h"
#include "core/models/http_client.h"
#include "core/store/backends.h"

// Appends the base URL with the path. People give base URLs with and without the version that the
// path begins with; it stands there once. ERR_NOMEM.
int model_put_url(const char *base, const char *path, struct buf *out);
// The header that carries the key (NULL: none), as this family wants it. `bearer` is scratch that
// the header borrows; the caller wipes and frees it. How many headers: 0 or 1.
size_t model_put_key(enum backend_family family, const char *key, struct buf *bearer,
                     struct http_header *out);
// As the engine's environment names it; NULL: none. What is on this machine is asked directly.
const char *model_proxy(bool local);
const char *model_no_proxy(void);
// Certificates that are trusted instead of the system's: SSL_CERT_FILE, as OpenSSL's programs read
// it.
const char *model_ca_file(void);
