// Consent where it is needed for the first time: a capability that lets something go or in asks
// for its pass here; when no grant stands, the user is shown the words of that kind through
// whatever face it came (answer->ask: MCP elicitation, an editor's dialog, the terminal), and the
// grant is given when they agree. Any worker.
//
// A grant is given only when these very words were put before, to this session: agreement to
// another question of the same call gives none. A client that cannot ask its user gives none
// either (a model's word is not its user's): it is told what to run in a terminal.
#pragma once

#include "core/store/consent.h"
#include "server/dispatch.h"

enum {
    GRANTS_QUESTION_BYTES_MAX = 16 * 1024,
    GRANTS_ASKED_MAX = 64, // questions remembered; the oldest go, and are put again
    GRANTS_ASKED_MS = 15 * 60 * 1000
};

struct grants_first {
    struct consent_what what;
    const char *who;     // what people call the audience; NULL: as it is written
    const char *purpose; // whole sentences, shown first: what is about to happen, or to leave; NULL
};
// 1: *ret is a pass. 0: answer->ask is set, return 0 at once; the call comes again. ERR_PERM.
int grants_ask_first(struct call *call, const struct grants_first *first, struct consent_pass *ret,
                     struct answer *answer, struct err *err);

// The words of one direction with who is meant and how long, for a question. Appends.
void grants_put_words(struct buf *out, const struct consent_what *what, const char *who,
                      const char *until);
// What stands in a terminal in the place of the question, and what ends the grant.
void grants_put_command(struct buf *out, const char *verb, const struct consent_what *what);
