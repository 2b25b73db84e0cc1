#include "core/route/route_origin.h"

#include "core/route/route_lanes.h"

#include <string.h>

enum { LOOK_BYTES = 1024, BEGIN_BYTES = 80, SHORT_OUTPUT = 512, LONG_TALK = 4, WORDS_MAX = 10 };

static const struct {
    const char *name;
    struct route_demand demand;
} origins[ROUTE_ORIGINS] = {
    [ROUTE_ORIGIN_CHAT] = {"chat", {.90, 600}},
    [ROUTE_ORIGIN_BACKGROUND] = {"background", {.50, 60}},
    [ROUTE_ORIGIN_TITLE] = {"title", {.50, 20}},
    [ROUTE_ORIGIN_COMPACTION] = {"compaction", {.80, 2000}},
    [ROUTE_ORIGIN_SUMMARY] = {"summary", {.60, 500}},
    [ROUTE_ORIGIN_SEARCH] = {"search", {.60, 700}},
    [ROUTE_ORIGIN_SUBAGENT] = {"sub-agent", {.85, 800}},
    [ROUTE_ORIGIN_PLAN] = {"plan", {.97, 1500}},
    [ROUTE_ORIGIN_EDIT] = {"edit", {.90, 900}},
    [ROUTE_ORIGIN_REVIEW] = {"review", {.95, 1200}},
};

const char *route_origin_name(enum route_origin o) {
    return (unsigned)o < ROUTE_ORIGINS ? origins[o].name : "unknown";
}

bool route_origin_parse(const char *name, enum route_origin *ret) {
    for (int i = 0; i < ROUTE_ORIGINS; i++)
        if (strcmp(origins[i].name, name) == 0) {
            *ret = (enum route_origin)i;
            return true;
        }
    return false;
}

struct route_demand route_origin_demand(enum route_origin o) {
    return origins[(unsigned)o < ROUTE_ORIGINS ? o : ROUTE_ORIGIN_CHAT].demand;
}

static bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The beginning and the end of a text in lower case: made once, as many words are looked for in it.
// Most of them are not there: the set says so by the three letters that a word begins with.
enum { STARTS_BITS = 12 };
struct ends {
    char s[2 * LOOK_BYTES + 1 + 20]; // and room for the last 16 bytes and what is read behind them
    size_t n;
    uint64_t starts[(1 << STARTS_BITS) / 64]; // of all words that there are
};

static uint32_t start_of(const char *word) {
    uint32_t three;
    memcpy(&three, word, sizeof three);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    three = __builtin_bswap32(three);
#endif
    return ((three & 0xFFFFFF) * UINT32_C(0x9E3779B1)) >> (32 - STARTS_BITS);
}

// Takes what stands from e->s + from on, in lower case already: `bits` says of 16 bytes where words
// begin.
static inline void put_starts(struct ends *e, size_t from, uint64_t bits) {
    for (; bits; bits &= bits - 1) {
        uint32_t start = start_of(e->s + from + __builtin_ctzll(bits));
        e->starts[start / 64] |= UINT64_C(1) << (start % 64);
    }
}

// In lower case, with the words' beginnings; what follows a part is no letter.
static void put_part(struct ends *e, const char *s, size_t n) {
    uint64_t before = 0, late = 0; // late: of the 16 bytes before, whose words may reach into these
    char *to = e->s + e->n;
    for (size_t at = 0; at < n; at += 16) {
        route_lanes c = {0};
        memcpy(&c, s + at, n - at < 16 ? n - at : 16);
        c += (route_lanes)(route_between(c, 'A', 26) & 0x20);
        memcpy(to + at, &c, 16);
        if (at)
            put_starts(e, e->n + at - 16, late);
        uint64_t bits = route_bits_of(route_between(c, 'a', 26) | route_between(c, '0', 10) |
                                      (route_lanes)(c == '_'));
        late = bits & ~(bits << 1 | before) & 0xFFFF;
        before = bits >> 15;
    }
    if (n) {
        memset(to + n, 0, 4);
        put_starts(e, e->n + (n - 1) / 16 * 16, late);
    }
    e->n += n;
}

static void ends_of(struct ends *e, const char *s, size_t n) {
    e->n = 0;
    memset(e->starts, 0, sizeof e->starts);
    if (n <= 2 * LOOK_BYTES) {
        put_part(e, s, n);
        return;
    }
    put_part(e, s, LOOK_BYTES);
    e->s[e->n++] = '\n'; // in no word that is looked for
    put_part(e, s + n - LOOK_BYTES, LOOK_BYTES);
}

// Whether `word`, in lower case and of three letters at least, stands within the first n bytes and
// begins at the border of a word.
static bool holds(const struct ends *e, size_t n, const char *word) {
    size_t len = strlen(word);
    uint32_t start = start_of(word);
    if (!(e->starts[start / 64] >> (start % 64) & 1))
        return false;
    const char *s = e->s, *at = s;
    while ((at = memmem(at, (size_t)(s + n - at), word, len)) != NULL) {
        if (at == s || !letter(at[-1]))
            return true;
        at++;
    }
    return false;
}

enum where { IN_SYSTEM, IN_USER, IN_EITHER, AT_BEGIN }; // AT_BEGIN: of the user's message

struct asked {
    struct ends system, user;
};

static bool found(const struct asked *a, enum where where, const char *word) {
    const struct ends *system = &a->system, *user = &a->user;
    if (where == AT_BEGIN)
        return holds(user, user->n < BEGIN_BYTES ? user->n : BEGIN_BYTES, word);
    return (where != IN_USER && holds(system, system->n, word)) ||
           (where != IN_SYSTEM && holds(user, user->n, word));
}

enum needs {
    NO_TOOLS = 1,
    TOOLS = 2,
    EDIT_TOOL = 4,
    TALK = 8,      // more than a few messages
    SHORT = 16,    // few tokens are asked for
    NO_RESULT = 32 // the user speaks, not a tool
};

// The first rule whose needs are met and of which one of `any`, and one of `also` if there are
// some, is found.
struct rule {
    enum route_origin origin;
    unsigned needs;
    enum where where;
    const char *any[WORDS_MAX], *also[WORDS_MAX];
    const char *why;
};

static const struct rule rules[] = {
    {ROUTE_ORIGIN_COMPACTION,
     TALK,
     IN_EITHER,
     {"summary of the conversation", "summarize the conversation", "summarise the conversation",
      "summarizing conversations", "compact the conversation", "conversation so far",
      "context checkpoint", NULL},
     {"summar", "compact", "checkpoint", NULL},
     "asks for the conversation so far"},
    {ROUTE_ORIGIN_TITLE,
     NO_TOOLS,
     IN_EITHER,
     {"title", "name for this chat", "name for the session", NULL},
     {"conversation", "session", "chat", "thread", "words", "concise", NULL},
     "asks for a title"},
    {ROUTE_ORIGIN_BACKGROUND,
     NO_TOOLS,
     IN_EITHER,
     {"isnewtopic", "new conversation topic", "is_new_topic", "commit message", "branch name",
      "file paths that", "suggest the next", "prompt suggestion", NULL},
     {NULL},
     "a check of the client's own"},
    {ROUTE_ORIGIN_SEARCH,
     0,
     IN_SYSTEM,
     {"performing a web search", "web search tool", "search assistant", NULL},
     {NULL},
     "a search of the web"},
    {ROUTE_ORIGIN_SUMMARY,
     NO_TOOLS | NO_RESULT,
     AT_BEGIN,
     {"summarize", "summarise", "summary of", "tl;dr", "sum up", NULL},
     {NULL},
     "asks for a summary"},
    {ROUTE_ORIGIN_SUMMARY,
     NO_TOOLS,
     IN_SYSTEM,
     {"summarize", "summarise", "you write summaries", NULL},
     {NULL},
     "its task is a summary"},
    {ROUTE_ORIGIN_PLAN,
     TOOLS,
     IN_EITHER,
     {"plan mode is active", "plan mode", "you are in planning mode", "software architect", NULL},
     {NULL},
     "planning is switched on"},
    {ROUTE_ORIGIN_SUBAGENT,
     TOOLS,
     IN_SYSTEM,
     {"you are an agent for", "subagent", "sub-agent", "file search specialist",
      "you were launched by", "report back to", "delegated", NULL},
     {NULL},
     "works for another agent"},
    {ROUTE_ORIGIN_REVIEW,
     NO_RESULT,
     AT_BEGIN,
     {"review", "code review", "critique", "audit", NULL},
     {NULL},
     "asks for a review"},
    {ROUTE_ORIGIN_REVIEW,
     0,
     IN_SYSTEM,
     {"code reviewer", "you review", NULL},
     {NULL},
     "its task is a review"},
    {ROUTE_ORIGIN_PLAN,
     NO_RESULT,
     AT_BEGIN,
     {"plan ", "make a plan", "design ", "propose an approach", "how would you", "outline", NULL},
     {NULL},
     "asks for a plan"},
    {ROUTE_ORIGIN_EDIT,
     NO_RESULT,
     AT_BEGIN,
     {"fix", "implement", "refactor", "rename", "add ", "change ", "write ", "remove ", "update ",
      NULL},
     {NULL},
     "asks for a change"},
};

static bool one_of(const struct asked *h, enum where where, const char *const *words) {
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        if (found(h, where, words[i]))
            return true;
    return false;
}

static bool met(const struct route_hints *h, unsigned needs) {
    return !((needs & NO_TOOLS && h->tools) || (needs & TOOLS && !h->tools) ||
             (needs & EDIT_TOOL && !h->edit_tool) || (needs & TALK && h->messages < LONG_TALK) ||
             (needs & SHORT && !(h->output_max > 0 && h->output_max <= SHORT_OUTPUT)) ||
             (needs & NO_RESULT && h->tool_result));
}

static enum route_origin decide(const struct route_hints *h, const char **why) {
    struct asked a;
    if (h->said >= 0 && h->said < ROUTE_ORIGINS) {
        *why = "said by the agent";
        return (enum route_origin)h->said;
    }
    if (h->output_max > 0 && h->output_max <= 8) {
        *why = "a handful of tokens is asked for";
        return ROUTE_ORIGIN_BACKGROUND;
    }
    if (h->only_web_search) {
        *why = "the only tool is a search of the web";
        return ROUTE_ORIGIN_SEARCH;
    }
    ends_of(&a.system, h->system, h->system_len);
    ends_of(&a.user, h->user, h->user_len);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        if (met(h, r->needs) && one_of(&a, r->where, r->any) &&
            (!r->also[0] || one_of(&a, r->where, r->also))) {
            *why = r->why;
            return r->origin;
        }
    }
    if (h->edit_tool) {
        *why = "tools that write are offered";
        return ROUTE_ORIGIN_EDIT;
    }
    if (!h->tools && h->messages <= 1 && h->output_max > 0 && h->output_max <= SHORT_OUTPUT) {
        *why = "one message, few tokens asked for";
        return ROUTE_ORIGIN_BACKGROUND;
    }
    *why = "nothing else fits";
    return ROUTE_ORIGIN_CHAT;
}

enum route_origin route_origin_of(const struct route_hints *h, const char **ret_why) {
    const char *why;
    enum route_origin o = decide(h, &why);
    if (ret_why)
        *ret_why = why;
    return o;
}
