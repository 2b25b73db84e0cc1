// The part of `paired demo` that lets the agents look at the repository: the same tools that an
// assistant calls, over the same pipes, with what they say and how long it took.
#include "server/cli_demo.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <string.h>

enum { LINES_SHOWN = 5, LINE_BYTES = 108 };

static const struct {
    const char *what, *tool, *arguments; // JSON
    unsigned lines;
} questions[] = {
    {"map within 300 tokens (indexes the tree first)", "map", "{\"budget\": 300}", 9},
    {"where does the engine's end reach the clients?", "locate",
     "{\"text\": \"engine killed, requests replayed to the next one\", \"limit\": 3}", 4},
    {"the source for that, within 500 tokens", "pack",
     "{\"text\": \"engine killed, requests replayed to the next one\", \"budget\": 500}", 5},
    {"what changed here, reviewed", "review", "{}", 3},
    {"everything, reviewed", "review", "{\"what\": \"review_tree\"}", 6},
    {"modules, cycles, layers", "impact", "{\"what\": \"graph\"}", 4},
    {"where change and complexity meet", "measure", "{\"what\": \"hotspots\", \"limit\": 3}", 4},
    {"a question in words", "ask", "{\"question\": \"which functions are the most complex?\"}", 4},
};

static void show(const char *text, unsigned lines) {
    for (unsigned i = 0; i < lines && *text; i++) {
        size_t n = strcspn(text, "\n"), shown = utf_cut(text, n, LINE_BYTES);
        cli_out("   →  ");
        cli_out_text(text, shown);
        cli_out("%s\n", shown < n ? "…" : "");
        text += n + (text[n] == '\n');
    }
}

int demo_agents(struct cli_client *client, bool quiet, volatile const int *stopped, json_t **ret) {
    int failures = 0;
    json_t *times = json_object();
    for (size_t i = 0; i < COUNT_OF(questions) && !*stopped; i++) {
        struct err err = {0};
        json_t *result = NULL;
        uint64_t start = env_now_mono_ns();
        int r = cli_client_tool(client, questions[i].tool,
                                json_loads(questions[i].arguments, 0, NULL), &result, &err);
        double ms = (double)(env_now_mono_ns() - start) / 1e6;
        char *text = r == 0 ? cli_client_text(result) : NULL;
        bool ok = r == 0 && text && *text && !cli_client_failed(result);
        // Outside of a repository there is no change to review: that is an answer, too.
        bool no_change = strcmp(questions[i].what, "what changed here, reviewed") == 0;
        failures += !ok && !no_change;
        if (!quiet) {
            cli_out("   %-8s  %-54s %9.2f ms\n", questions[i].tool, questions[i].what, ms);
            show(text ? text : err_text(&err), questions[i].lines);
        }
        (void)json_object_set_new(times, questions[i].what, json_real(ms));
        mem_free(text);
        json_decref(result);
    }
    *ret = times;
    return failures;
}
