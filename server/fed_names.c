#include "server/fed_names.h"

#include "core/base/mem.h"
#include "server/fed_impl.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SHORT_DIGITS = 8, PREFIX_MIN = 4 };

struct listing {
    struct fed_names *names;
    size_t capacity;
    bool failed;
};

static void note(void *ctx, const struct peersdb_peer *p) {
    struct listing *l = ctx;
    struct fed_names *n = l->names;
    if (n->count == l->capacity && !l->failed) {
        size_t more = l->capacity ? 2 * l->capacity : 16;
        struct fed_name *grown = mem_realloc(n->items, more * sizeof *grown);
        l->failed = !grown;
        n->items = grown ? grown : n->items;
        l->capacity = grown ? more : l->capacity;
    }
    if (l->failed)
        return;
    struct fed_name *one = &n->items[n->count++];
    memcpy(one->device, p->device, sizeof one->device);
    memcpy(one->identity, p->identity, sizeof one->identity);
    (void)snprintf(one->name, sizeof one->name, "%s", p->name);
}

static int list(struct fed_core *core, void *arg, struct err *err) {
    struct listing *l = arg;
    int r = peersdb_peers(core->peersdb, note, l, err);
    return r == 0 && l->failed ? err_set(err, ERR_NOMEM, "out of memory") : r;
}

int fed_names_load(struct services *s, struct fed_names *ret, struct err *err) {
    struct fed_names n = {.off = false};
    struct listing l = {.names = &n};
    if (!s->fed || fed_state(s->fed, NULL) != FED_RUNNING) {
        *ret = (struct fed_names){.off = true};
        return 0;
    }
    int r = fed_run(s, list, &l, err);
    if (r < 0)
        fed_names_done(&n);
    else
        *ret = n;
    return r;
}

void fed_names_done(struct fed_names *n) {
    mem_free(n->items);
    *n = (struct fed_names){.off = true};
}

static const struct fed_name *of_key(const struct fed_names *n, const uint8_t *key) {
    for (size_t i = 0; n && i < n->count; i++)
        if (memcmp(n->items[i].identity, key, RECORD_KEY_BYTES) == 0 ||
            memcmp(n->items[i].device, key, RECORD_KEY_BYTES) == 0)
            return &n->items[i];
    return NULL;
}

void fed_names_put(const struct fed_names *n, const uint8_t key[RECORD_KEY_BYTES],
                   char out[FED_NAMED_BYTES_MAX]) {
    const struct fed_name *one = of_key(n, key);
    char hex[2 * RECORD_KEY_BYTES + 1];
    (void)sodium_bin2hex(hex, sizeof hex, key, RECORD_KEY_BYTES);
    (void)snprintf(out, FED_NAMED_BYTES_MAX, "%s%s%.*s", one ? one->name : "",
                   one && one->name[0] ? " " : "", SHORT_DIGITS, hex);
}

static bool begins(const uint8_t *key, const char *word) {
    char hex[2 * RECORD_KEY_BYTES + 1];
    size_t n = strlen(word);
    (void)sodium_bin2hex(hex, sizeof hex, key, RECORD_KEY_BYTES);
    return n >= PREFIX_MIN && n < sizeof hex && memcmp(hex, word, n) == 0;
}

int fed_names_find(const struct fed_names *n, const char *word, uint8_t ret[RECORD_KEY_BYTES],
                   struct err *err) {
    const uint8_t *found = NULL;
    bool several = false;
    for (int by_key = 0; by_key < 2 && !found; by_key++) // a name is meant before a key's beginning
        for (size_t i = 0; i < n->count; i++) {
            const struct fed_name *one = &n->items[i];
            if (by_key ? !begins(one->identity, word) && !begins(one->device, word)
                       : strcmp(one->name, word) != 0)
                continue;
            several |= found && memcmp(found, one->identity, RECORD_KEY_BYTES) != 0;
            found = one->identity;
        }
    if (!found)
        return err_set(err, ERR_NOT_FOUND,
                       n->off ? "federation does not run, so that no name is "
                                "known: friend: and the 64 digits of the "
                                "identity, group:NAME, or everyone"
                              : "no such friend: paired peers lists them; or "
                                "group:NAME, or everyone");
    if (several)
        return err_set(err, ERR_EXISTS, "several friends are meant by %s: say more of the key",
                       word);
    memcpy(ret, found, RECORD_KEY_BYTES);
    return 0;
}
