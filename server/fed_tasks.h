// Tasks between friends in the engine: what leaves when a friend's agent is asked, the agents' own
// work on what a friend has sent, policies, cards. The protocol is federation/tasks.h.
#pragma once

#include "core/agents/agents.h"
#include "federation/tasks.h"
#include "server/fed_impl.h"

enum {
    FED_TASKS_FILES_MAX = 200,
    FED_TASKS_BYTES_MAX = 840 * 1024, // of texts that leave with one request
    FED_TASKS_ANSWER_TOKENS = 8000,   // of an answer
    FED_TASKS_RUN_MS = 120 * 1000,    // at work, whatever the friend's deadline
    FED_TASKS_POLICIES_MAX = 1000,
    FED_TASKS_SECRETS_MAX = 4096 // in one text; more are not sent
};

// --- fed_tasks_skills.c: any thread
enum fed_tasks_material {
    FED_TASKS_DIFF,  // the change and the texts of its files
    FED_TASKS_FILES, // the texts of the files below `path`
    FED_TASKS_WORDS  // its arguments alone
};
// What may be asked of a friend, by "agent", "skill". NULL: nothing of that name, or it writes, or
// it is worked out from a history, which never leaves.
const struct agent_capability *fed_tasks_skill(const char *agent, const char *skill,
                                               enum fed_tasks_material *ret);
// The seven agents' cards, signed by the device. NULL: out of memory.
json_t *fed_tasks_cards(struct fed_core *core);

// --- fed_tasks_pack.c: any worker
struct fed_leaving {
    json_t *parts, *arguments; // owned
    size_t bytes;              // of the texts
    unsigned files, left_out;  // with their texts; not text, too large, or beyond the limits
    unsigned secrets;          // values that were crossed out
};
// Everything that is sent, and nothing else: the same for showing it. `arguments` is borrowed.
// ERR_INVAL: `path` is missing; ERR_LIMIT, ERR_NOT_FOUND, …
int fed_tasks_pack(struct call *call, const struct agent_capability *c,
                   enum fed_tasks_material material, const json_t *arguments,
                   struct fed_leaving *ret, struct err *err);
void fed_leaving_done(struct fed_leaving *l); // accepts a zeroed one
// Crosses out what looks like a secret, byte for byte, lines stay lines. How many; ERR_LIMIT.
int fed_tasks_cross_out(char *text, size_t n, const char *path, bool diff, struct err *err);

// --- fed_tasks_run.c: on a worker; reads and writes nothing of the disk but an empty folder
// What came as JSON of a message; the answer as A2A artifacts.
struct fed_tasks_work {
    const char *folder; // empty, private, ours; the agents' root
    const char *agent, *skill;
    const json_t *message;
    int64_t now_ms;
    bool (*cancelled)(void *ctx);
    void *ctx;
};
int fed_tasks_run(const struct fed_tasks_work *work, json_t **ret_artifacts, struct err *err);
// Makes that folder, in which nothing is and above which no repository is looked for.
int fed_tasks_folder(const char *dir, char *ret, size_t room, struct err *err);
void fed_tasks_folder_remove(const char *dir); // as far as it is there

// --- fed_tasks_db.c: in peers.db, on the federation's thread
int fed_tasks_db_open(struct db *db, int64_t now_ms, struct err *err);
void fed_tasks_db_keep(struct db *db, const struct tasks_row *row);
void fed_tasks_db_forget(struct db *db, bool ours, const char *id, const uint8_t device[32]);
void fed_tasks_db_usage(struct db *db, const struct tasks_usage *u);
int fed_tasks_db_restore(struct db *db, int (*row)(void *arg, const struct tasks_row *r),
                         int (*usage)(void *arg, const struct tasks_usage *u), void *arg);
// The policy for an agent, else the friend's, else everybody's (zeros), else "ask".
void fed_tasks_db_policy(struct db *db, const uint8_t identity[32], const char *agent,
                         struct tasks_policy *ret);
// agent "": all. ERR_LIMIT.
int fed_tasks_db_policy_put(struct db *db, const uint8_t identity[32], const char *agent,
                            const struct tasks_policy *p, struct err *err);
typedef int fed_tasks_policy_fn(void *ctx, const uint8_t identity[32], const char *agent,
                                const struct tasks_policy *p);
int fed_tasks_db_policies(struct db *db, fed_tasks_policy_fn *fn, void *ctx, struct err *err);

// --- fed_tasks.c: on the federation's thread
extern const struct fed_part fed_part_tasks;
struct tasks *fed_tasks_of(struct fed_core *core); // NULL: not there
// As tasks_ask, for a workspace: the last look at the grant asks for that one.
int fed_tasks_ask(struct fed_core *core, const struct tasks_ask *ask, const char *workspace,
                  char ret_id[TASKS_ID_BYTES + 1], struct err *err);
