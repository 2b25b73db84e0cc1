// The seven agents. Each is one file with a table of capabilities (name, fields in, what to run);
// MCP tools and prompts, subcommands of the command line and docs/AGENTS.md follow from the tables.
// Every answer is worked out from the repository, the same bytes for the same state; it cites
// file:line, says what was not looked at, and is empty when there is nothing to say.
//
// run() is called on a pool worker and may block; any number at once. What it reads of a repository
// is untrusted data.
#pragma once

#include "core/agents/report.h"
#include "core/base/err.h"
#include "core/base/fields.h"
#include "core/code/facts.h"

#include <stdbool.h>
#include <stdint.h>

struct workspace;
struct workspaces;
struct snapshot;
struct history;
struct git;
struct store;

enum agent_flags {
    AGENT_WRITES = 1,    // keeps something (a mute, a baseline): everything else only reads
    AGENT_LONG = 2,      // may take seconds
    AGENT_OWN_PAGES = 4, // makes its pages itself: its items are not cut
    // May be asked of a friend's agent, since it can be worked out from what is sent for it: a
    // change with the texts of its files, the files below `path`, its arguments alone.
    AGENT_FROM_DIFF = 8,
    AGENT_FROM_FILES = 16,
    AGENT_FROM_WORDS = 32,
    AGENT_FROM_SENT = AGENT_FROM_DIFF | AGENT_FROM_FILES | AGENT_FROM_WORDS
};

struct agent_call { // handed to run(); lives until it returns
    struct workspaces *workspaces;
    struct workspace *ws; // of `root`
    const char *root;     // absolute path of the workspace
    struct store *store;  // NULL: cannot be used now
    const char *client;   // who asks: "claude-code", "paired"
    char session[33];     // of a write that may be repeated; "" = none
    uint64_t seq;
    int64_t now_ms;
    bool (*cancelled)(void *ctx);
    void *ctx;
    const struct agent_capability *capability; // which one runs
    const struct agent_call *asker;            // the call on whose behalf, by agent_ask(); or NULL
};

struct agent_capability {
    const char *name;        // word of the command line and of `ask`: unique over all agents
    const char *title;       // a few words
    const char *description; // for people and models: what comes back, from what
    unsigned flags;
    const char *operand;       // the field that bare words of a command line fill; NULL: none
    const struct field *input; // of a struct whose first member is `struct agent_page`
    size_t input_size;
    int (*run)(struct agent_call *call, const void *input, struct report *report, struct err *err);
    const char *example; // valid arguments
    // Words that a question in plain language would use for it, folded to lower case, by blanks; a
    // word that tells much stands twice. For `ask`.
    const char *asked_by;
};

struct agent {
    const char *name;                            // "sherlock"
    const char *title;                           // "Sherlock, quality and review"
    const char *persona;                         // for its prompt: at most 300 tokens
    const struct agent_capability *capabilities; // ends with name == NULL
};
enum { AGENTS_SEVEN = 7 };
// The seven, then the team (what belongs to no single one: ask), then NULL.
extern const struct agent *const agents[];
extern const struct agent agent_sherlock, agent_leonardo, agent_edison, agent_marie, agent_alex,
    agent_vince, agent_maya, agent_team;

enum { AGENT_BUDGET_DEFAULT = 1800, AGENT_BUDGET_MAX = 20000, AGENT_ASK_DEPTH_MAX = 3 };

// First member of every input: how much of the answer is wanted.
struct agent_page {
    int64_t budget;     // model tokens of the answer; 0 = AGENT_BUDGET_DEFAULT
    struct text cursor; // where the last page ended
};
#define AGENT_PAGE_FIELDS                                                                          \
    {.name = "budget",                                                                             \
     .type = FIELD_INT,                                                                            \
     .offset = offsetof(struct agent_page, budget),                                                \
     .description = "tokens of the answer",                                                        \
     .default_json = "1800",                                                                       \
     .min = 100,                                                                                   \
     .max = AGENT_BUDGET_MAX},                                                                     \
    {                                                                                              \
        .name = "cursor", .type = FIELD_STRING, .offset = offsetof(struct agent_page, cursor),     \
        .max = 64, .description = "of the page before"                                             \
    }

const struct agent *agent_find(const char *name, size_t n);
// By its name alone, or as "agent.name". *ret_agent may be NULL.
const struct agent_capability *agent_capability_find(const char *name, size_t n,
                                                     const struct agent **ret_agent);

// Decodes the arguments, runs, fits the answer into its budget, counts. *ret: what report_finish
// gives; the caller's. Used by every face.
int agent_run(struct agent_call *call, const struct agent_capability *c, json_t *arguments,
              struct report_answer *ret, struct err *err);

// One agent asks another: same workspace, same cancellation; at most AGENT_ASK_DEPTH_MAX deep.
// *ret: the structured answer, with every item (no paging); the caller's.
int agent_ask(struct agent_call *call, const char *capability, json_t *arguments, json_t **ret,
              struct err *err);

// --- what agents share (agent_tools.c)
// A snapshot whose trees are there as far as `ms` allow; put it back with snapshot_put.
int agent_snapshot(struct agent_call *call, enum facts_tier tier, struct snapshot **ret,
                   struct err *err);
// A snapshot prepared for questions; put it back with workspace_view_put.
struct workspace_view;
int agent_view(struct agent_call *call, struct workspace_view **ret, struct err *err);
// Bytes of a path argument as a C string ("src/net/" and "./src/net" become "src/net"); NULL for an
// empty one. ret has room for max.
const char *agent_path(struct text path, char *ret, size_t max);
// What the snapshot did not look at, as notes of the report.
void agent_note_limits(struct report *r, const struct snapshot *s);
// The same without a word on trees: for who parses by himself.
void agent_note_left_out(struct report *r, const struct snapshot *s);
bool agent_cancelled(const struct agent_call *call);

// --- memory of an agent in this workspace (agent_memory.c): small JSON values in the store
enum { AGENT_MEMORY_BYTES_MAX = 256 * 1024, AGENT_MEMORY_KEYS_MAX = 1000 };
// *ret NULL when there is none. ERR_LOCKED …: the store cannot be used.
int agent_memory_get(struct agent_call *call, const char *agent, const char *key, json_t **ret,
                     struct err *err);
// value NULL forgets it.
int agent_memory_put(struct agent_call *call, const char *agent, const char *key,
                     const json_t *value, struct err *err);

// --- figures
struct agent_figures {
    uint64_t calls, failures, asked_by_agents;
    uint64_t total_us, worst_us, last_us;
};
// Counted since the engine started. Any thread.
void agent_figures(const struct agent_capability *c, struct agent_figures *ret);
json_t *agent_status(void); // {"sherlock": {"review": {"calls": …}}}: only what was called
