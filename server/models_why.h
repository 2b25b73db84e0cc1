// "Why this backend?": the latest choices of the router, one for each request, with what was known
// of each candidate and how it went. Names and figures, no content; in memory the oldest one makes
// room, and behind the answers they go into the store, where they outlive the engine. Written by
// the main loop, read by workers: behind a lock of its own.
#pragma once

#include "core/route/route_choose.h"
#include "core/store/answers.h"
#include "server/models_look.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

enum {
    MODEL_WHYS_MAX = 128,
    MODEL_WHY_SHOWN_MAX = 6, // candidates of one that are kept, the best ones
    MODEL_WHY_TRIES_MAX = 4, // attempts of one that are kept
    MODEL_WHY_CHECKS_MAX = 18,
    MODEL_WHY_ID_BYTES = 32, // "1f3a9c0e-17", terminated; "…-cache" of a kept answer
    MODEL_WHY_NAME_BYTES = 96
};

enum model_why_stage { MODEL_WHY_ASKED, MODEL_WHY_FREE, MODEL_WHY_INSTEAD, MODEL_WHY_KEPT };
#define MODEL_LEARNED_BLOB "route/learned" // a key of core/store/blobs.h

enum model_opinion {
    MODEL_OPINION_NONE,
    MODEL_OPINION_GOOD,
    MODEL_OPINION_BAD,
    MODEL_OPINION_FORGET, // all that was learned
    MODEL_OPINION_ERASE   // that, and what could still be learned from
};
enum model_why_state { MODEL_WHY_OPEN, MODEL_WHY_OK, MODEL_WHY_FAILED, MODEL_WHY_CANCELLED };

struct model_why_candidate {
    char backend[MODEL_WHY_NAME_BYTES], model[MODEL_WHY_NAME_BYTES];
    double likely, usd, solved;
    uint64_t learned; // outcomes that its likelihood was learned from
    int64_t cached;   // tokens that are expected to come out of its cache
    enum route_state state;
    enum route_reason reason;
};
struct model_why_try {
    char backend[MODEL_WHY_NAME_BYTES], model[MODEL_WHY_NAME_BYTES];
    enum route_fault fault;
    bool over;
};
struct model_why {
    uint64_t number; // 0: this place is free
    int64_t at_ms, took_ms;
    int64_t kept_ms; // since when the answer was kept that was given again; 0: a backend was asked
    bool kept;       // the answer is given again; by this key
    uint8_t kept_key[ANSWER_KEY_BYTES];
    char purpose[32], agent[32], asked[MODEL_WHY_NAME_BYTES];
    enum model_why_stage stage;
    enum model_why_state status;
    enum route_fault fault;     // when it failed
    enum model_opinion verdict; // the user's, on the answer
    enum model_edit edit;       // what the tool said of its edits
    bool looked;                // at the text
    enum route_origin origin;
    const char *origin_why; // static; NULL
    double floor, budget_left, stay_turns;
    int64_t prompt, stable; // expected tokens; bytes as in the conversation's last request
    size_t candidates, shown, chosen; // chosen: of those shown; MODEL_WHY_SHOWN_MAX none
    struct model_why_candidate of[MODEL_WHY_SHOWN_MAX];
    size_t tries;
    struct model_why_try tried[MODEL_WHY_TRIES_MAX];
    int64_t input, cached, written, output, cost; // as billed; millionths of a dollar
    unsigned cascade; // stage of a task whose answers are checked, from 1; 0: it is none
    struct model_why_check {
        char name[32], note[160], kind[8];
        int result; // enum proof_result
        int64_t ms;
    } checks[MODEL_WHY_CHECKS_MAX]; // of its answer
    size_t check_count;
    char *workspace; // absolute path, NULL none; a copy of its own once it was added
    bool unsaved;    // there is something that the store does not have
};

struct model_whys;
int model_whys_new(struct model_whys **ret, struct err *err); // ERR_NOMEM
void model_whys_free(struct model_whys *w);                   // accepts NULL

// Takes a copy; gives its number, 0 when there is no memory for any.
uint64_t model_whys_add(struct model_whys *w, const struct model_why *why);
// What the checks said of the answer of one: any thread. false: it is gone.
bool model_whys_checked(struct model_whys *w, const char *id, const struct model_why_check *checks,
                        size_t n);
// The entry under the lock, until model_whys_leave(); NULL (and nothing to leave) when it is gone.
struct model_why *model_whys_enter(struct model_whys *w, uint64_t number);
void model_whys_leave(struct model_whys *w);
// What the user says of the answer of one ("" the last one), or MODEL_OPINION_FORGET with any id:
// goes to the router behind the mailbox. ERR_NOT_FOUND; ERR_INVAL: it has no answer, or there was
// no choice between models, so that nothing can be learned of it (that a kept answer is bad can be
// said all the same); ERR_BUSY.
struct model_judged {
    char id[MODEL_WHY_ID_BYTES];      // "" with FORGET
    char model[MODEL_WHY_NAME_BYTES]; // "" with FORGET
    bool learned;
    bool drop; // a bad answer that is kept: the caller throws the one of this key away
    uint8_t key[ANSWER_KEY_BYTES];
};
int model_whys_judge(struct model_whys *w, const char *id, enum model_opinion verdict,
                     struct model_judged *ret, struct err *err);
// Main loop: where verdicts go (struct model_opinion_letter, mem_free); NULL nowhere any more.
struct mailbox;
void model_whys_link(struct model_whys *w, struct mailbox *verdicts);
struct model_opinion_letter {
    uint64_t why;
    enum model_opinion verdict;
};
void model_whys_id(const struct model_whys *w, uint64_t number, char ret[MODEL_WHY_ID_BYTES]);

// What the store does not have yet of those that have ended, into it: on a worker, or at the end.
// How many; ERR_* (then it is lost there): no store, or what it says.
int model_whys_save(struct model_whys *w, struct store *s, struct err *err);
// Those of a workspace (NULL: all) are no more, and what was about to be saved is not: before they
// are erased in the store. Any thread.
void model_whys_drop(struct model_whys *w, const char *workspace);

// As JSON: one by its id ("" the last one), NULL with ERR_NOT_FOUND; or a line for each of the
// latest.
int model_whys_one(struct model_whys *w, const char *id, json_t **ret, struct err *err);
json_t *model_whys_list(struct model_whys *w, size_t limit); // NULL: out of memory

// --- of engines that have ended (server/models_why_past.c), on a worker
// As the two above; what the running engine still has is left out of the list.
int model_whys_past(struct store *s, const char *id, json_t **ret, struct err *err);
int model_whys_past_list(struct model_whys *w, struct store *s, size_t limit, json_t *list,
                         struct err *err);
// A bad answer that is kept: by the key of one that is past. false: it has none.
bool model_whys_past_key(const json_t *past, uint8_t ret[ANSWER_KEY_BYTES]);

// What server/models_why*.c share.
json_t *model_why_json(const struct model_whys *w, const struct model_why *why); // NULL: no memory
