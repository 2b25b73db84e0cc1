// The list of models: names, prices, limits and what they can. It is data, never code: models.json
// is embedded as the default, a file of the user's in the same form is laid over it. Text in, a
// table out; no I/O. Immutable once built, so any thread may read it.
//
// Form: {"version": 1, "prices_of": "2026-01", "models": [{"name", "family", "input", "output",
// …}]}, prices in dollars per million tokens, as providers publish them. Unknown members are
// ignored, what is known is checked strictly: a file with one wrong figure is refused with the path
// of that figure.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_MODEL_NAME_BYTES_MAX = 96, // with its end
    ROUTE_CATALOGUE_MODELS_MAX = 256,
    ROUTE_CATALOGUE_BYTES_MAX = 1024 * 1024
};

enum route_family {
    ROUTE_FAMILY_ANTHROPIC,
    ROUTE_FAMILY_OPENAI,
    ROUTE_FAMILY_GOOGLE,
    ROUTE_FAMILY_LOCAL
};

// Dollars per million tokens.
struct route_prices {
    double input, cached, write, write_1h, output;
};

struct route_model {
    char name[ROUTE_MODEL_NAME_BYTES_MAX];
    enum route_family family;
    struct route_prices prices;
    struct route_prices long_prices; // for prompts longer than long_from
    int64_t long_from;               // tokens; 0: one price for all
    int64_t context, output_max;     // tokens; 0 not known
    int64_t cache_min;               // shortest prefix that is cached, tokens
    int64_t cache_seconds;           // how long it stays after its last use
    bool writes_cost;                // the cache is written where the request says so, for a price
    bool tools, images, thinking;
    // Where between the two heads of the prior (0: weak, 1: strong) it begins; outcomes take over.
    double skill;
};

struct route_catalogue;

// Takes the embedded list and, if `text` is not NULL, lays the user's list over it: a model of the
// same name replaces the embedded one. ERR_PARSE, ERR_INVAL (with the path of the offence),
// ERR_LIMIT, ERR_NOMEM.
int route_catalogue_new(const char *text, size_t n, struct route_catalogue **ret, struct err *err);
void route_catalogue_free(struct route_catalogue *c); // accepts NULL

size_t route_catalogue_count(const struct route_catalogue *c);
// In the order of names. Borrows.
const struct route_model *route_catalogue_at(const struct route_catalogue *c, size_t i);
// By the name a backend uses, in any case: as it stands, without "provider/", or the longest listed
// name of which it is a dated or otherwise suffixed form ("claude-opus-4-5-20251101",
// "gpt-5-mini:free"). NULL when there is none. Borrows.
const struct route_model *route_catalogue_find(const struct route_catalogue *c, const char *name);
// The month the embedded prices are of. Borrows.
const char *route_catalogue_prices_of(const struct route_catalogue *c);

// A model nobody lists: of a local server (`local`: costs nothing), or priced like the dearest
// listed one, so that a budget is not overrun unnoticed.
void route_catalogue_unlisted(const struct route_catalogue *c, const char *name, bool local,
                              struct route_model *ret);
