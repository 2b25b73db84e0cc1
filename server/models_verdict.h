// What an attempt to reach a backend shows, and what its user can do about it. From facts to words:
// no I/O, no clock; any thread.
#pragma once

#include "core/models/http_client.h"
#include "core/route/route_limits.h"

#include <stdbool.h>
#include <stdint.h>

enum model_problem {
    MODEL_FINE,
    MODEL_NO_KEY,     // there should be one and is none
    MODEL_NO_NETWORK, // no interface but the loopback is up
    MODEL_NO_NAME,    // DNS
    MODEL_DOWN,       // nothing listens there
    MODEL_TLS,
    MODEL_CLOCK, // so wrong that no certificate is valid
    MODEL_PROXY,
    MODEL_SLOW,       // no answer in time
    MODEL_CUT,        // an answer without its end
    MODEL_NOT_API,    // something else answers there
    MODEL_BAD_KEY,    // 401
    MODEL_NOT_LET,    // 403: the key is known, and not for this
    MODEL_NO_CREDIT,  // not paid, or the account's quota is used up
    MODEL_TOO_OFTEN,  // 429 that passes
    MODEL_OVERLOADED, // 503, 529
    MODEL_THEIR_FAULT,
    MODEL_NO_SUCH_MODEL,
    MODEL_REFUSED, // another 4xx
    MODEL_PROBLEMS
};
const char *model_problem_name(enum model_problem p); // "ok", "no-key" …; for programs

struct model_facts {
    const char *backend; // its name
    const char *host;    // as its URL has it
    bool local;
    // A key: whether one is meant to be sent; where it comes from ("" the store).
    bool wants_key, has_key;
    const char *key_env;
    bool network;      // this machine has one
    const char *proxy; // what is used, without its password; NULL none
    // What happened.
    enum http_failure failure;
    int status;             // 0: no answer
    enum route_fault fault; // of an answer that is an error
    bool understood;        // a good answer was what the API says
    bool dated;             // the answer had a date: skew_ms is known
    int64_t skew_ms;        // their clock minus ours
    const char *said;       // by libcurl or by the backend; "" nothing
    const char *model;      // that was asked for; NULL none
    const char *now;        // this machine's time, as people read it
};
struct model_verdict {
    enum model_problem problem;
    char what[400]; // what is wrong, in one sentence; "" when nothing is
    char help[400]; // what to do
};
void model_judge(const struct model_facts *f, struct model_verdict *ret);

// A clock that is further off than this is worth a word: quota windows are told as times of day.
enum { MODEL_SKEW_MS_MAX = 60 * 1000 };
