// MCP servers side by side in one run: a minimal C server as the floor, paired through front end
// and engine, paired --standalone, and @modelcontextprotocol/server-memory when it is given.
//   bench_mcp --paired PATH --floor PATH [--npm SCRIPT.js] [--notes N] [--quick] [--only
//   calls|recall]
// Everything happens in a temporary profile. Prints one table with the required figures; the exit
// code is 0 whenever everything could be measured: judging is for quiet machines and people.
#include "tests/bench/bench_client.h"

#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVERS = 4, DEPTH = 64, WARM_UP = 500 };

enum metric {
    START_MS,
    COLD_MS,
    FIRST_EVER_MS,
    NOOP_P50_US,
    NOOP_P99_US,
    NOOP_CPU_US,
    TOOL_P50_US,
    TOOL_P99_US,
    THROUGHPUT,
    RECALL_P50_US,
    RECALL_P99_US,
    RECALL_CPU_US,
    WRITE_P50_US,
    RSS_MB,
    RSS_AFTER_MB,
    ENGINE_RSS_MB,
    ENGINE_AFTER_MB,
    EXIT_EOF_MS,
    EXIT_INT_MS,
    EXIT_TERM_MS,
    EXIT_CODE,
    METRICS
};
static const struct {
    const char *name;
    double required; // of paired through front end and engine; 0: none
} metrics[METRICS] = {
    [START_MS] = {"spawn to first answer, ms", 3},
    [COLD_MS] = {"  cold: engine starts too, ms", 50},
    [FIRST_EVER_MS] = {"  first ever: keys and store made, ms", 0},
    [NOOP_P50_US] = {"no-op call (ping) p50, us", 40},
    [NOOP_P99_US] = {"  p99, us", 150},
    [NOOP_CPU_US] = {"  CPU of front end and engine, us", 0},
    [TOOL_P50_US] = {"smallest tool call p50, us", 0},
    [TOOL_P99_US] = {"  p99, us", 0},
    [THROUGHPUT] = {"no-op calls/s, 64 in flight", 0},
    [RECALL_P50_US] = {"recall over the notes p50, us", 500},
    [RECALL_P99_US] = {"  p99, us", 0},
    [RECALL_CPU_US] = {"  CPU of front end and engine, us", 0},
    [WRITE_P50_US] = {"remember (on disk) p50, us", 0},
    [RSS_MB] = {"RSS of what the client spawned, MB", 4},
    [RSS_AFTER_MB] = {"  after load, MB", 0},
    [ENGINE_RSS_MB] = {"engine RSS idle, MB", 15},
    [ENGINE_AFTER_MB] = {"  after load, MB", 0},
    [EXIT_EOF_MS] = {"exit on end of input, ms", 20},
    [EXIT_INT_MS] = {"exit on SIGINT, ms", 20},
    [EXIT_TERM_MS] = {"exit on SIGTERM, ms", 20},
    [EXIT_CODE] = {"exit codes other than 0", 0},
};

struct server {
    const char *name;
    char *argv[8];
    bool paired, engine, knowledge_graph;
    double value[METRICS];
    bool has[METRICS];
};

static char profile[64];
static const char *only = ""; // "calls", "recall": that part, of paired alone
static size_t note_count = 10000, rounds = 21, calls = 10000, flood = 100000;

static void set(struct server *s, enum metric m, double value) {
    s->value[m] = value;
    s->has[m] = true;
}

// --- starting and ending

static uint64_t start_once(const struct server *s, struct client *c) {
    uint64_t began = now_ns();
    client_spawn(c, s->argv);
    (void)client_initialize(c);
    return now_ns() - began;
}

static void open_client(const struct server *s, struct client *c) {
    (void)start_once(s, c);
    client_notify(c, "notifications/initialized");
}

static void measure_start(struct server *s) {
    struct samples warm, cold, ends[3];
    static const int signals[3] = {0, SIGINT, SIGTERM};
    struct client c;
    size_t n = s->knowledge_graph ? 5 : rounds;
    int bad = 0;
    samples_new(&warm, n * 3);
    samples_new(&cold, n);
    for (int k = 0; k < 3; k++)
        samples_new(&ends[k], n);
    if (s->paired) { // nothing is there yet
        set(s, FIRST_EVER_MS, (double)start_once(s, &c) / 1e6);
        int status;
        (void)client_end(&c, 0, &status);
    }
    for (size_t i = 0; i < n * 3; i++) {
        int status;
        samples_add(&warm, start_once(s, &c));
        samples_add(&ends[i % 3], client_end(&c, signals[i % 3], &status));
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    for (size_t i = 0; i < n && s->engine; i++) {
        int status;
        stop_engine(profile);
        samples_add(&cold, start_once(s, &c));
        (void)client_end(&c, 0, &status);
    }
    set(s, START_MS, samples_us(&warm, .5) / 1000);
    if (s->engine)
        set(s, COLD_MS, samples_us(&cold, .5) / 1000);
    set(s, EXIT_EOF_MS, samples_us(&ends[0], .5) / 1000);
    set(s, EXIT_INT_MS, samples_us(&ends[1], .5) / 1000);
    set(s, EXIT_TERM_MS, samples_us(&ends[2], .5) / 1000);
    set(s, EXIT_CODE, bad);
    samples_free(&warm);
    samples_free(&cold);
    for (int k = 0; k < 3; k++)
        samples_free(&ends[k]);
}

// --- calls

static uint64_t used_ns(const struct server *s, const struct client *c) {
    pid_t engine = s->engine ? find_engine(profile) : 0;
    return cpu_ns(c->pid) + (engine ? cpu_ns(engine) : 0);
}

static void measure_calls(struct server *s, struct client *c, const char *method,
                          const char *params, enum metric p50, enum metric p99) {
    struct samples t;
    samples_new(&t, calls);
    uint64_t used = used_ns(s, c);
    for (size_t i = 0; i < calls + WARM_UP; i++) {
        uint64_t began = now_ns();
        (void)client_call(c, method, params);
        if (i >= WARM_UP)
            samples_add(&t, now_ns() - began);
    }
    if (p50 == NOOP_P50_US)
        set(s, NOOP_CPU_US, (double)(used_ns(s, c) - used) / 1000 / (double)(calls + WARM_UP));
    set(s, p50, samples_us(&t, .5));
    set(s, p99, samples_us(&t, .99));
    samples_free(&t);
}

static size_t make_ping(void *ctx, size_t i, char *out, size_t max) {
    (void)ctx;
    (void)i;
    return (size_t)snprintf(out, max, "{}");
}

static void measure_throughput(struct server *s, struct client *c) {
    uint64_t began = now_ns();
    client_flood(c, "ping", make_ping, NULL, flood, DEPTH);
    set(s, THROUGHPUT, (double)flood * 1e9 / (double)(now_ns() - began));
}

// --- notes: words as often as in natural text (the r-th most frequent one with probability ~ 1/r)

static uint64_t seed = 42;
static double roll(void) { // xorshift64, 0..1: the same notes in every run
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

enum { VOCABULARY = 20000, FUNCTION_WORDS = 40, NOTE_WORDS = 24 };

// Ranks from `first`: questions are asked with words that say something, notes have all of them.
static size_t put_words(char *out, size_t max, unsigned count, double first) {
    static const char *const syllables[] = {"ba", "ce", "di", "fo", "gu", "ka", "le", "mi",
                                            "no", "pu", "ra", "se", "ti", "vo", "wu", "za"};
    size_t n = 0;
    for (unsigned i = 0; i < count && n < max; i++) {
        unsigned rank = (unsigned)(first * pow(VOCABULARY / first, roll()));
        n += (size_t)snprintf(out + n, max - n, "%s%s%s%s%s", i ? " " : "", syllables[rank & 15],
                              syllables[rank >> 4 & 15], syllables[rank >> 8 & 15],
                              syllables[rank >> 12 & 15]);
    }
    return n;
}

static size_t make_note(void *ctx, size_t i, char *out, size_t max) {
    const struct server *s = ctx;
    char text[512];
    (void)put_words(text, sizeof text, NOTE_WORDS, 1);
    if (!s->knowledge_graph)
        return (size_t)snprintf(
            out, max, "{\"name\":\"remember\",\"arguments\":{\"text\":\"note %zu: %s\"}}", i, text);
    return (size_t)snprintf(out, max,
                            "{\"name\":\"create_entities\",\"arguments\":{\"entities\":[{\"name\":"
                            "\"note %zu\",\"entityType\":\"note\",\"observations\":[\"%s\"]}]}}",
                            i, text);
}

// server-memory rewrites its whole file for each call: one call with everything, by hand.
static void load_knowledge_graph(struct client *c) {
    enum { PER_CALL = 10 };
    for (size_t i = 0; i < note_count; i += PER_CALL) {
        char params[8000];
        size_t n = (size_t)snprintf(params, sizeof params,
                                    "{\"name\":\"create_entities\",\"arguments\":{\"entities\":[");
        for (size_t k = 0; k < PER_CALL; k++) {
            char text[512];
            (void)put_words(text, sizeof text, NOTE_WORDS, 1);
            n += (size_t)snprintf(params + n, sizeof params - n,
                                  "%s{\"name\":\"note %zu\",\"entityType\":\"note\","
                                  "\"observations\":[\"%s\"]}",
                                  k ? "," : "", i + k, text);
        }
        (void)snprintf(params + n, sizeof params - n, "]}}");
        (void)client_call(c, "tools/call", params);
    }
}

static void measure_writes(struct server *s, struct client *c) {
    struct samples t;
    samples_new(&t, 200);
    for (size_t i = 0; i < 200; i++) {
        char params[4096];
        (void)make_note(s, note_count + i, params, sizeof params);
        uint64_t began = now_ns();
        (void)client_call(c, "tools/call", params);
        samples_add(&t, now_ns() - began);
    }
    set(s, WRITE_P50_US, samples_us(&t, .5));
    samples_free(&t);
}

static void measure_recall(struct server *s, struct client *c) {
    struct samples t;
    size_t n = s->knowledge_graph ? 200 : 2000;
    samples_new(&t, n);
    uint64_t used = used_ns(s, c);
    for (size_t i = 0; i < n + 50; i++) {
        char params[1024], text[256];
        // Two to four words; server-memory looks for the query as a substring: one, or it finds
        // nothing.
        unsigned count = s->knowledge_graph ? 1 : 2 + (unsigned)i % 3;
        size_t len = put_words(text, sizeof text, count, FUNCTION_WORDS);
        (void)snprintf(params, sizeof params,
                       "{\"name\":\"%s\",\"arguments\":{\"query\":\"%.*s\"}}",
                       s->knowledge_graph ? "search_nodes" : "recall", (int)len, text);
        uint64_t began = now_ns();
        (void)client_call(c, "tools/call", params);
        if (i >= 50)
            samples_add(&t, now_ns() - began);
    }
    set(s, RECALL_CPU_US, (double)(used_ns(s, c) - used) / 1000 / (double)(n + 50));
    set(s, RECALL_P50_US, samples_us(&t, .5));
    set(s, RECALL_P99_US, samples_us(&t, .99));
    samples_free(&t);
}

static void measure_memory(struct server *s, const struct client *c, enum metric own,
                           enum metric engine) {
    set(s, own, (double)rss_kb(c->pid) / 1024);
    pid_t pid = s->engine ? find_engine(profile) : 0;
    if (pid)
        set(s, engine, (double)rss_kb(pid) / 1024);
}

static void measure(struct server *s, bool load_notes) {
    struct client c;
    int status;
    if (!*only)
        measure_start(s);
    open_client(s, &c);
    (void)usleep(200 * 1000);
    measure_memory(s, &c, RSS_MB, ENGINE_RSS_MB);
    if (strcmp(only, "recall") != 0)
        measure_calls(s, &c, "ping", "{}", NOOP_P50_US, NOOP_P99_US);
    if (!*only)
        measure_throughput(s, &c);
    if (strcmp(only, "recall") == 0)
        ;
    else if (s->paired)
        measure_calls(s, &c, "tools/call", "{\"name\":\"resume\",\"arguments\":{}}", TOOL_P50_US,
                      TOOL_P99_US);
    else if (s->knowledge_graph)
        measure_calls(s, &c, "tools/call", "{\"name\":\"open_nodes\",\"arguments\":{\"names\":[]}}",
                      TOOL_P50_US, TOOL_P99_US);
    if (strcmp(only, "calls") == 0)
        load_notes = false;
    if (load_notes && s->knowledge_graph)
        load_knowledge_graph(&c);
    else if (load_notes)
        client_flood(&c, "tools/call", make_note, s, note_count, DEPTH);
    if (strcmp(only, "calls") != 0 && (s->paired || s->knowledge_graph)) {
        measure_recall(s, &c);
        measure_writes(s, &c);
    }
    measure_memory(s, &c, RSS_AFTER_MB, ENGINE_AFTER_MB);
    (void)client_end(&c, 0, &status);
}

// --- the table

static void print_table(const struct server *servers, size_t count) {
    printf("\n%-38s", "");
    for (size_t i = 0; i < count; i++)
        printf("%14s", servers[i].name);
    printf("%10s%12s%12s\n", "required", "vs floor", "vs npm");
    for (int m = 0; m < METRICS; m++) {
        printf("%-38s", metrics[m].name);
        for (size_t i = 0; i < count; i++) {
            if (servers[i].has[m])
                printf("%14.*f", servers[i].value[m] >= 1000 ? 0 : 2, servers[i].value[m]);
            else
                printf("%14s", "-");
        }
        const struct server *floor = &servers[0], *paired = &servers[1],
                            *npm = count > 3 ? &servers[3] : NULL;
        if (metrics[m].required > 0)
            printf("%5s %4.0f", paired->value[m] <= metrics[m].required ? "ok" : "MISS",
                   metrics[m].required);
        else
            printf("%10s", "");
        if (floor->has[m] && floor->value[m] > 0 && paired->has[m] && m != EXIT_CODE)
            printf("%11.2fx", paired->value[m] / floor->value[m]);
        else
            printf("%12s", "");
        if (npm && npm->has[m] && npm->value[m] > 0 && paired->has[m] && m != EXIT_CODE)
            printf("%11.3fx", paired->value[m] / npm->value[m]);
        printf("\n");
    }
}

static void remove_profile(void) {
    char command[128];
    stop_engine(profile);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", profile);
    if (system(command) != 0)
        (void)fprintf(stderr, "bench: %s stays behind\n", profile);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"paired", required_argument, NULL, 'p'}, {"floor", required_argument, NULL, 'f'},
        {"npm", required_argument, NULL, 'n'},    {"notes", required_argument, NULL, 'c'},
        {"quick", no_argument, NULL, 'q'},        {"only", required_argument, NULL, 'o'},
        {"calls", required_argument, NULL, 'l'},  {0},
    };
    char *paired = NULL, *floor = NULL, *npm = NULL;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p')
            paired = optarg;
        else if (o == 'f')
            floor = optarg;
        else if (o == 'n')
            npm = optarg;
        else if (o == 'c')
            note_count = (size_t)strtoul(optarg, NULL, 10);
        else if (o == 'o')
            only = optarg;
        else if (o == 'l')
            calls = (size_t)strtoul(optarg, NULL, 10);
        else if (o == 'q')
            rounds = 5, calls = 2000, flood = 20000;
        else
            return 2;
    }
    if (!paired || !floor)
        give_up("usage: bench_mcp --paired PATH --floor PATH [--npm SCRIPT.js] [--notes N] "
                "[--quick] [--only calls|recall] [--calls N]");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(profile, sizeof profile, "/tmp/paired-bench-XXXXXX");
    char graph[128];
    if (!mkdtemp(profile) || setenv("PAIRED_PROFILE", profile, 1) < 0)
        give_up("no temporary directory");
    (void)snprintf(graph, sizeof graph, "%s/graph.json", profile);
    (void)setenv("MEMORY_FILE_PATH", graph, 1);
    struct server servers[SERVERS] = {
        {.name = "floor (C)", .argv = {floor}},
        {.name = "paired", .argv = {paired, "mcp"}, .paired = true, .engine = true},
        {.name = "standalone", .argv = {paired, "mcp", "--standalone"}, .paired = true},
        {.name = "server-memory", .argv = {"node", npm}, .knowledge_graph = true},
    };
    size_t count = npm ? 4 : 3;
    for (size_t i = 0; i < count; i++) {
        if (*only && i != 1)
            continue;
        (void)fprintf(stderr, "bench: %s …\n", servers[i].name);
        measure(&servers[i], i != 2); // --standalone serves the notes that are there
        stop_engine(profile);
    }
    print_table(servers, count);
    remove_profile();
    return 0;
}
