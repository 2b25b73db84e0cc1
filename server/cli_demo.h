// Inside of `paired demo`: facts about a folder, its own profile, measuring. One thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "server/cli_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEMO_PATH_BYTES = 1024, DEMO_SAMPLES_MAX = 4096 };

// What a look at the tree tells: names and counts, no content. Bounded in files and time.
struct demo_facts {
    char name[128];    // of the folder
    char branch[128];  // "" when it is no repository of git
    char layout[512];  // one sentence
    char biggest[256]; // the largest source file, relative; "" when there is none
    size_t files;
};
void demo_look(const char *folder, struct demo_facts *ret);

// A directory of its own, which becomes PAIRED_PROFILE of this process.
int demo_profile_new(char out[DEMO_PATH_BYTES], struct err *err);
void demo_profile_remove(const char *path);

// Every process that the demo's clients start becomes a child of this one when its parent leaves,
// an engine too: so none is missed, not even one that has no socket yet when its client is
// interrupted.
int demo_tree_begin(struct err *err);
// Ends what is left of them, with SIGKILL after `ms`, and returns when none is: only then nobody
// writes into the profile any more.
void demo_tree_end(unsigned ms);

// Reads every file below `path` and counts those that hold one of the words.
struct demo_scan {
    size_t files, hits;
    uint64_t bytes;
};
void demo_scan(const char *path, const char *const *words, size_t n, struct demo_scan *ret);

struct demo_samples {
    uint64_t ns[DEMO_SAMPLES_MAX];
    size_t count;
};
void demo_sample(struct demo_samples *s, uint64_t start_ns); // adds the time since then
double demo_percentile_us(struct demo_samples *s, double part);

// Asks the agents through this client and shows what they say, unless `quiet`. How many answers
// were no answers; *ret: the times in milliseconds by question, the caller's. Ends early when
// *stopped.
int demo_agents(struct cli_client *client, bool quiet, volatile const int *stopped, json_t **ret);

// Two people's engines in profiles below `folder`: paired, a pattern shared, taken back, audited.
// How many steps failed; *ret_times as demo_agents.
struct demo_friends {
    const char *folder;
    bool quiet;
    volatile const int *stopped;
};
int demo_friends(struct demo_friends *how, json_t **ret_times);
