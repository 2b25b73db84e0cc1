// The look that is taken at what is about to leave the machine, and again at what has arrived: what
// it finds does not go, or is masked first, and each finding says why. Two kinds of things:
// code (patterns, templates) may hold nothing but the grammar's words, holes and names of the
// shipped standard-library lists; texts of people (notes, decisions) are searched for what tells
// who, where and which project. A text that hides its meaning on purpose is not seen through: this
// is a seat belt for the honest, the gate for code is the wall. No I/O. Any thread; one user of a
// `struct look` at a time. Source: docs/FEDERATION.md, "Bodies".
#pragma once

#include "core/privacy/payload.h"

#include <stdbool.h>

enum look_reason {
    LOOK_SECRET,  // a key, token or password by its shape: never masked, only refused
    LOOK_RANDOM,  // a run of letters and digits that no words explain
    LOOK_MAIL,    // mail address, user@host, @handle
    LOOK_ADDRESS, // IP or hardware address, name of a host of a private network
    LOOK_LINK,    // a link into a private network, or with credentials
    LOOK_PATH,    // of a file
    LOOK_PERSON,  // a word of look_own: user, host, real name, project
    LOOK_NAME,    // an identifier of code that no standard library has
    LOOK_REASONS
};
const char *look_reason_name(enum look_reason r); // "secret" …
const char *look_reason_text(enum look_reason r); // for people: "the path of a file"

enum {
    LOOK_TEXT_BYTES_MAX = 256 * 1024, // of one call
    LOOK_FINDINGS_MAX = 4096,
    LOOK_WORDS_MAX = 64,
    LOOK_WORD_BYTES_MIN = 3 // shorter words of look_own are not looked for
};

// What only this machine and workspace know. Borrowed.
struct look_own {
    const char *const *words; // whole words, in any case of ASCII
    size_t count;             // LOOK_WORDS_MAX
    // Whether a word is a name of this workspace's code (may be NULL).
    bool (*is_name)(void *ctx, const char *word, size_t n);
    void *ctx;
};
struct look_finding {
    enum look_reason reason;
    size_t start, end; // bytes of the text
    unsigned line;     // from 1
};
typedef int look_fn(void *ctx, const struct look_finding *f); // non-zero stops, and is returned

// Findings in order, none over another. `own` may be NULL. ERR_LIMIT, ERR_NOMEM.
int look_text(const char *text, size_t n, const struct look_own *own, look_fn *fn, void *ctx,
              struct err *err);
// Appends the text with "[path]", "[name]" … in the place of what was found; `counts` are added to.
// What comes out has no findings. ERR_PERM: it holds a secret (says in which line, not what).
int look_mask(const char *text, size_t n, const struct look_own *own, struct buf *out,
              uint32_t counts[LOOK_REASONS], struct err *err);

struct look;
struct look *look_new(void); // NULL when out of memory
void look_free(struct look *l);
// Whether a body may leave, or may be kept (`own` NULL then). 0; ERR_PERM: err says what it holds
// that it should not, without repeating it; ERR_UNSUPPORTED (no grammar for its language in this
// build); ERR_NOMEM.
int look_payload(struct look *l, const struct payload *p, const struct look_own *own,
                 struct err *err);

// --- inside
// A link that anybody may have: public host, no credentials, nothing random in it.
bool look_link_good(const char *link, size_t n);
// A word of code that everybody knows: of a standard library, or a product's own spelling.
bool look_word_is_public(const char *word, size_t n);
