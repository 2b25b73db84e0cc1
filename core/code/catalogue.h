// Catalogues of translated messages: which file is one, of which language, and what it holds. Small
// tolerant readers: what cannot be read is passed over, a broken file gives what stands before. Not
// one of them recurses. Pure; any thread; any bytes may be given.
//
// Sources: GNU gettext manual, "PO Files"; java.util.Properties.load; Apple's .strings; Android's
// string resources; Project Fluent's EBNF (messages and terms with their first line of a pattern);
// YAML and JSON only as far as catalogues use them (nested maps of texts).
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

enum {
    CATALOGUE_ENTRIES_MAX = 100000,
    CATALOGUE_BYTES_MAX = 8 * 1024 * 1024, // of keys and texts together
    CATALOGUE_DEPTH_MAX = 32,              // of nested keys
    CATALOGUE_KEY_BYTES_MAX = 1024         // longer ones are passed over
};

enum catalogue_format {
    CATALOGUE_NONE,
    CATALOGUE_PO,
    CATALOGUE_JSON,
    CATALOGUE_YAML,
    CATALOGUE_PROPERTIES, // .ini too: [section] gives a prefix
    CATALOGUE_STRINGS,    // of Apple
    CATALOGUE_FTL,
    CATALOGUE_ANDROID
};

// What a path says. Spans of it; language_bytes 0: the language that the program is written in.
struct catalogue_place {
    enum catalogue_format format;
    uint32_t language, language_bytes; // "de", "pt_BR"
    uint32_t cut, cut_bytes; // without these bytes all languages of one set have the same path
    bool sure;               // a folder or name says that it is one; else a sibling has to
};
bool catalogue_place_of(const char *path, struct catalogue_place *ret);
// "de" of de, de_AT, de-AT.UTF-8 … : a language of ISO 639-1, or a few of 639-2 that are common.
bool catalogue_language(const char *s, size_t n);

enum catalogue_flags {
    CATALOGUE_PLURAL = 1,  // one form of several: its numbers may be spelled out
    CATALOGUE_FUZZY = 2,   // marked as not certain, or empty: falls back to the original
    CATALOGUE_SOURCE = 4,  // key and text are the same by nature (msgid of PO)
    CATALOGUE_BRACES = 16, // PO: says that braces are placeholders
    CATALOGUE_FIXED = 8    // marked as not to be translated
};
struct catalogue_entry {
    uint32_t key, key_bytes, text, text_bytes; // in pool
    uint32_t line;
    uint32_t flags;
};
struct catalogue {
    struct buf pool;
    struct catalogue_entry *entries;
    uint32_t count, capacity;
    bool cut;
};
// 0 or ERR_NOMEM. Free with catalogue_done. A single root key that is a language (Rails) is not
// part of the keys.
int catalogue_read(enum catalogue_format format, const char *text, size_t bytes,
                   struct catalogue *ret, struct err *err);
void catalogue_done(struct catalogue *c); // accepts a zeroed one

// Placeholders of a message, sorted, each once, by blanks: "%1$s {count} {{name}}". Written to ret
// (terminated, cut at max). Braces of ICU plurals give their variable.
void catalogue_placeholders(const char *text, size_t n, char *ret, size_t max);
