#include "server/texts_held.h"

#include "core/base/mem.h"

#include <string.h>

static struct held {
    char *root, *path;
    unsigned users; // 0: free
    bool put;
} held[TEXTS_HELD_MAX];

static struct held *find(const char *root, const char *path) {
    for (size_t i = 0; i < TEXTS_HELD_MAX; i++)
        if (held[i].users && strcmp(held[i].path, path) == 0 && strcmp(held[i].root, root) == 0)
            return &held[i];
    return NULL;
}

bool texts_hold(const char *root, const char *path) {
    struct held *h = find(root, path);
    for (size_t i = 0; !h && i < TEXTS_HELD_MAX; i++)
        if (!held[i].users)
            h = &held[i];
    if (!h)
        return false;
    if (!h->users) {
        h->root = mem_strdup(root);
        h->path = mem_strdup(path);
        if (!h->root || !h->path) {
            mem_free(h->root);
            mem_free(h->path);
            *h = (struct held){0};
            return false;
        }
    }
    h->users++;
    return true;
}

void texts_was_put(const char *root, const char *path) {
    struct held *h = find(root, path);
    if (h)
        h->put = true;
}

bool texts_let_go(const char *root, const char *path) {
    struct held *h = find(root, path);
    if (!h || --h->users)
        return false;
    bool put = h->put;
    mem_free(h->root);
    mem_free(h->path);
    *h = (struct held){0};
    return put;
}
