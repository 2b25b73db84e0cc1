#include "core/code/stdnames.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <string.h>

// A hash table of pointers into the lists, per language.
struct entry {
    const char *word;
    size_t n;
};
enum { SLOTS = 8192 }; // the longest list has less than 1,500 words

static struct entry *tables[LANG_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// A language has the names of up to two lists.
static void lists_of(enum lang lang, const char *const *lists[3]) {
    static const char *const none[] = {NULL};
    lists[0] = lists[1] = lists[2] = none;
    switch (lang) {
    case LANG_CPP:
        lists[1] = stdnames_cpp;
        lists[0] = stdnames_c;
        break;
    case LANG_C:
        lists[0] = stdnames_c;
        break;
    case LANG_PYTHON:
        lists[0] = stdnames_python;
        break;
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        lists[0] = stdnames_js;
        break;
    case LANG_GO:
        lists[0] = stdnames_go;
        break;
    case LANG_RUST:
        lists[0] = stdnames_rust;
        break;
    case LANG_JAVA:
        lists[0] = stdnames_java;
        break;
    case LANG_BASH:
        lists[0] = stdnames_bash;
        break;
    case LANG_RUBY:
        lists[0] = stdnames_ruby;
        break;
    default:
        break;
    }
}

static uint32_t slot_of(const char *text, size_t n) { // FNV-1a
    uint32_t h = 2166136261U;
    for (size_t k = 0; k < n; k++)
        h = (h ^ (unsigned char)text[k]) * 16777619U;
    return (h ^ h >> 15) % SLOTS;
}

static bool is_same(const struct entry *e, const char *text, size_t n) {
    return e->n == n && memcmp(e->word, text, n) == 0;
}

static void add_words(struct entry *table, const char *at) {
    while (*at) {
        size_t n = strcspn(at, " ");
        uint32_t slot = slot_of(at, n);
        while (table[slot].word && !is_same(&table[slot], at, n))
            slot = (slot + 1) % SLOTS;
        table[slot] = (struct entry){.word = at, .n = n};
        at += n + strspn(at + n, " ");
    }
}

static struct entry *table_of(enum lang lang) {
    struct entry *table = __atomic_load_n(&tables[lang], __ATOMIC_ACQUIRE);
    if (table)
        return table;
    (void)pthread_mutex_lock(&lock);
    table = tables[lang];
    if (!table && (table = mem_zalloc(SLOTS * sizeof *table)) != NULL) {
        const char *const *lists[3];
        lists_of(lang, lists);
        for (size_t k = 0; k < COUNT_OF(lists); k++)
            for (const char *const *words = lists[k]; *words; words++)
                add_words(table, *words);
        __atomic_store_n(&tables[lang], table, __ATOMIC_RELEASE);
    }
    (void)pthread_mutex_unlock(&lock);
    return table;
}

bool stdnames_has(enum lang lang, const char *text, size_t n) {
    const struct entry *table = table_of(lang);
    if (!table || !n) // out of memory: no name is known, so none gets out
        return false;
    for (uint32_t slot = slot_of(text, n); table[slot].word; slot = (slot + 1) % SLOTS)
        if (is_same(&table[slot], text, n))
            return true;
    return false;
}

static bool is_listed(const char *const *words, size_t count, const char *text, size_t n) {
    for (size_t k = 0; k < count; k++)
        if (strlen(words[k]) == n && memcmp(words[k], text, n) == 0)
            return true;
    return false;
}

bool stdnames_is_common(const char *text, size_t n) {
    static const char *const words[] = {
        "self", "Self",  "cls",     "this",   "name",   "value",  "values", "title",   "key",
        "keys", "data",  "text",    "error",  "err",    "in",     "out",    "count",   "index",
        "end",  "start", "path",    "target", "url",    "type",   "types",  "parent",  "parents",
        "id",   "group", "args",    "source", "kwargs", "params", "state",  "message", "code",
        "cmp",  "size",  "first",   "last",   "next",   "status", "body",   "method",  "options",
        "fd",   "stat",  "time",    "list",   "string", "length", "result", "line",    "lines",
        "info", "std",   "int",     "str",    "bool",   "char",   "long",   "locale",  "argc",
        "argv", "env",   "connect",
    };
    return is_listed(words, COUNT_OF(words), text, n);
}

bool stdnames_is_keyword(enum lang lang, const char *text, size_t n) {
    static const char *const words[] = {
        "true",  "false",    "null",   "nil",    "none",  "None",      "True",  "False",
        "NULL",  "nullptr",  "this",   "self",   "super", "undefined", "mut",   "pass",
        "break", "continue", "return", "redo",   "retry", "next",      "async", "await",
        "const", "static",   "final",  "public", "else",  "-z",        "-n",    "-f",
        "-d",    "-e",       "-r",     "-w",     "-x",    "-s",        "-L",    "-eq",
        "-ne",   "-lt",      "-le",    "-gt",    "-ge",   "-o",        "-a",    "=~",
    };
    (void)lang;
    return is_listed(words, COUNT_OF(words), text, n);
}
