// Names of this machine's user, of itself, and of the workspace and its code.
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/code/facts.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"
#include "server/share.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 1000 * 1000, SNAPSHOT_WAIT_MS = 5000, NAME_BYTES_MIN = 4 };

// Names of accounts and folders that tell nothing, and would mask every sentence.
static bool tells_nothing(const char *word) {
    static const char *const plain[] = {"root", "user",   "admin",  "localhost", "home",
                                        "src",  "main",   "master", "code",      "work",
                                        "test", "debian", "app",    "repo",      "project"};
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (strcmp(plain[i], word) == 0)
            return true;
    return false;
}

static int add_word(struct share_own *o, const char *word, size_t n) {
    if (n < LOOK_WORD_BYTES_MIN || o->look.count == LOOK_WORDS_MAX)
        return 0;
    char *copy = mem_strndup(word, n);
    if (!copy)
        return ERR_NOMEM;
    if (tells_nothing(copy)) {
        mem_free(copy);
        return 0;
    }
    o->words[o->look.count++] = copy;
    return 0;
}

// A real name, and each part of it.
static int add_name(struct share_own *o, const char *name) {
    size_t n = strcspn(name, ",");
    int r = add_word(o, name, n);
    for (size_t i = 0, stop; r == 0 && i < n; i = stop + 1) {
        stop = i + strcspn(name + i, " ,");
        if (stop - i < n)
            r = add_word(o, name + i, stop - i);
    }
    return r;
}

static int add_machine(struct share_own *o) {
    char host[256] = "", room[4096];
    struct passwd entry, *found = NULL;
    int r = 0;
    if (gethostname(host, sizeof host - 1) == 0) {
        r = add_word(o, host, strlen(host));
        size_t first = strcspn(host, ".");
        if (r == 0 && host[first])
            r = add_word(o, host, first);
    }
    if (r == 0 && getpwuid_r(getuid(), &entry, room, sizeof room, &found) == 0 && found) {
        r = add_word(o, found->pw_name, strlen(found->pw_name));
        if (r == 0)
            r = add_name(o, found->pw_gecos);
    }
    return r;
}

// --- names of the workspace's code

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Everyday words are everybody's names, too: what a vocabulary of the world's texts has whole.
static bool is_everyday(const char *name, size_t n) {
    char word[64];
    if (n >= sizeof word - 1)
        return false;
    word[0] = ' ';
    for (size_t i = 0; i < n; i++)
        word[i + 1] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    return tokens_count(word, n + 1) == 1;
}

static int add_names(struct share_own *o) {
    for (uint32_t i = 0; i < snapshot_count(o->snapshot); i++) {
        const struct facts *f = snapshot_file(o->snapshot, i)->facts;
        for (uint32_t k = 0; f && k < f->symbol_count; k++) {
            const char *name = facts_text(f, facts_symbol(f, k)->name);
            if (strlen(name) < NAME_BYTES_MIN)
                continue;
            void *list = o->names;
            int r = mem_grow(&list, o->name_count, &o->name_capacity, sizeof *o->names, NAMES_MAX);
            o->names = list;
            if (r == ERR_LIMIT)
                break;
            if (r < 0)
                return r;
            o->names[o->name_count++] = name;
        }
    }
    if (o->name_count)
        qsort(o->names, o->name_count, sizeof *o->names, by_text);
    return 0;
}

static bool is_name(void *ctx, const char *word, size_t n) {
    const struct share_own *o = ctx;
    char copy[256];
    const char *key = copy;
    if (n < NAME_BYTES_MIN || n >= sizeof copy || !o->name_count)
        return false;
    memcpy(copy, word, n);
    copy[n] = '\0';
    return bsearch(&key, o->names, o->name_count, sizeof *o->names, by_text) &&
           !is_everyday(word, n);
}

static int add_workspace(struct share_own *o, struct call *call, struct err *err) {
    const char *root = call->caller->workspace;
    const char *base = root ? strrchr(root, '/') : NULL;
    if (!root)
        return 0;
    int r = base ? add_word(o, base + 1, strlen(base + 1)) : 0;
    if (r == 0)
        r = workspaces_get(call->services->workspaces, root, &o->ws, err);
    struct index_want want = {.tier = TIER_LEXICAL, .ms = SNAPSHOT_WAIT_MS};
    if (r == 0)
        r = index_get(workspace_index(o->ws), &want, &o->snapshot, err);
    return r < 0 ? r : add_names(o);
}

int share_own_get(struct call *call, struct share_own *ret, struct err *err) {
    *ret = (struct share_own){0};
    int r = add_machine(ret);
    if (r == 0)
        r = add_workspace(ret, call, err);
    ret->look.words = (const char *const *)ret->words;
    ret->look.is_name = is_name;
    ret->look.ctx = ret;
    if (r < 0)
        share_own_put(ret);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : r;
}

void share_own_put(struct share_own *o) {
    for (size_t i = 0; i < o->look.count; i++)
        mem_free(o->words[i]);
    mem_free(o->names);
    snapshot_put(o->snapshot);
    workspace_put(o->ws);
    *o = (struct share_own){0};
}
