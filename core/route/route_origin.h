// What a request is for, told from its shape: editors and agents send titles, summaries and
// searches beside the work itself, and those need no strong model. Parsed hints in, a class and the
// rule that decided out. No I/O, nothing allocated; any thread. The texts are foreign and only
// searched for words, in their first and last KiB.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum route_origin {
    ROUTE_ORIGIN_CHAT,       // a question, an explanation: also what nothing else fits
    ROUTE_ORIGIN_BACKGROUND, // topic checks, quota probes, completions of a few words
    ROUTE_ORIGIN_TITLE,
    ROUTE_ORIGIN_COMPACTION, // the conversation so far, to go on from
    ROUTE_ORIGIN_SUMMARY,    // of a text, a page, a tool's output
    ROUTE_ORIGIN_SEARCH,
    ROUTE_ORIGIN_SUBAGENT,
    ROUTE_ORIGIN_PLAN,
    ROUTE_ORIGIN_EDIT, // code is changed
    ROUTE_ORIGIN_REVIEW,
    ROUTE_ORIGINS
};
const char *route_origin_name(enum route_origin o); // "chat" …; never NULL
bool route_origin_parse(const char *name, enum route_origin *ret);

// What the gateway has parsed. Texts may be NULL with length 0; they are borrowed.
struct route_hints {
    const char *system, *user; // system prompt; last message of the user
    size_t system_len, user_len;
    int64_t output_max; // tokens asked for at most; 0 not said
    uint32_t messages, tools;
    bool edit_tool;       // a tool that writes files is offered
    bool only_web_search; // the only tool is a search of the web
    bool tool_result;     // the last message is what a tool answered
    int said;             // an enum route_origin that our own agents say themselves, or -1
};

// *ret_why (may be NULL) gets the rule in a few words; static.
enum route_origin route_origin_of(const struct route_hints *h, const char **ret_why);

// What an origin asks of a model: the least probability of doing it well that is acceptable
// (relative to the best model at hand, 0..1), and how many tokens its answer has, until answers
// have taught better.
struct route_demand {
    double floor;
    int64_t output_tokens;
};
struct route_demand route_origin_demand(enum route_origin o);
