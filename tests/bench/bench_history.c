// History of a repository: cold, warm and incremental times, and how well changed files are
// foretold.
//   bench_history REPOSITORY [COMMITS]
// The coupling part asks, for each file of each of the newest 400 commits with 2 to 8 source files,
// which five others change with it. "frozen": from what was before all 400 (as in the baseline it
// is compared with); "online": from what was before that commit, as the product does.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { TEST_COMMITS = 400, TEST_FILES_MAX = 8, TOP = 5, TAKE = 64, ROUNDS = 5 };

static double ms_since(uint64_t begin) {
    return (double)(env_now_mono_ns() - begin) / 1e6;
}

static void fail(const char *what, const struct err *err) {
    (void)fprintf(stderr, "bench_history: %s: %s\n", what, err_text(err));
    exit(1);
}

static bool is_source(const char *path) {
    static const char *const ends[] = {".c",    ".h",   ".cc",  ".cpp",  ".hpp", ".py",
                                       ".js",   ".mjs", ".ts",  ".tsx",  ".go",  ".rs",
                                       ".java", ".rb",  ".sh",  ".cs",   ".php", ".tcl",
                                       ".json", ".md",  ".yml", ".yaml", ".toml"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < COUNT_OF(ends); i++)
        if (strcmp(dot, ends[i]) == 0)
            return true;
    return false;
}

struct result {
    double recall, hit;
    unsigned queries;
};

static bool known_before(const struct history *h, uint32_t file, uint32_t skip) {
    for (uint32_t k = 0, at; (at = history_file_commit(h, file, k)) != HISTORY_NONE; k++)
        if (at >= skip)
            return true;
    return false;
}

static void ask(const struct history *h, const uint32_t *files, uint32_t n, uint32_t a,
                uint32_t skip, struct result *r) {
    struct history_file f;
    struct history_cochange top[TAKE];
    struct err err = {0};
    uint32_t count = 0, found = 0, taken = 0;
    history_file(h, files[a], &f);
    const char *const paths[] = {f.path};
    struct history_cochange_want w = {.paths = paths, .path_count = 1, .skip = skip, .gone = true};
    if (history_cochanges(h, &w, top, TAKE, &count, &err) < 0)
        fail("cochanges", &err);
    for (uint32_t i = 0; i < count && taken < TOP; i++) {
        struct history_file x;
        history_file(h, top[i].file, &x);
        if (!is_source(x.path))
            continue;
        taken++;
        for (uint32_t k = 0; k < n; k++)
            found += k != a && files[k] == top[i].file;
    }
    r->recall += (double)found / (n - 1);
    r->hit += found > 0;
    r->queries++;
}

static struct result foretell(const struct history *h, bool online) {
    struct result r = {0};
    uint32_t tested = 0;
    for (uint32_t i = 0; i < history_commit_count(h) && tested < TEST_COMMITS; i++) {
        struct history_commit c;
        history_commit(h, i, &c);
        if (c.flags & HISTORY_MERGE)
            continue;
        tested++;
        uint32_t files[TEST_FILES_MAX + 1], n = 0;
        for (uint32_t k = 0; k < c.file_count && n <= TEST_FILES_MAX; k++) {
            struct history_change x;
            history_change(h, i, k, &x);
            bool twice = false;
            for (uint32_t j = 0; j < n; j++)
                twice |= files[j] == x.file;
            if (is_source(x.path) && !twice)
                files[n++] = x.file;
        }
        uint32_t skip = online ? i + 1 : TEST_COMMITS, known = 0;
        if (n < 2 || n > TEST_FILES_MAX)
            continue;
        for (uint32_t k = 0; k < n; k++)
            known += known_before(h, files[k], skip);
        for (uint32_t a = 0; a < n; a++)
            if (known_before(h, files[a], skip) && known > 1)
                ask(h, files, n, a, skip, &r);
    }
    return r;
}

static void times(struct git *g, const char *folder, unsigned commits, struct history **ret) {
    struct err err = {0};
    struct history_config c = {.commits_max = commits};
    AUTO_BUF bytes = BUF_INIT(0);
    double cold = 1e9, load = 1e9, warm = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        struct history *h;
        if (history_new(&h, &err) < 0)
            fail("new", &err);
        uint64_t begin = env_now_mono_ns();
        if (history_refresh(h, g, &c, NULL, &err) < 0)
            fail(folder, &err);
        cold = ms_since(begin) < cold ? ms_since(begin) : cold;
        if (bytes.len == 0 && history_save(h, &bytes, &err) < 0)
            fail("save", &err);
        history_free(h);
        if (history_new(&h, &err) < 0)
            fail("new", &err);
        begin = env_now_mono_ns();
        if (history_load(h, bytes.data, bytes.len, &err) < 0)
            fail("load", &err);
        load = ms_since(begin) < load ? ms_since(begin) : load;
        if (history_refresh(h, g, &c, NULL, &err) < 0)
            fail("refresh", &err);
        warm = ms_since(begin) < warm ? ms_since(begin) : warm;
        history_free(*ret);
        *ret = h;
    }
    (void)fprintf(stderr,
                  "%s: %u commits, %u files, %u authors; cold %.0f ms, kept %zu KB, "
                  "warm %.1f ms (of it load %.1f)\n",
                  folder, history_commit_count(*ret), history_file_count(*ret),
                  history_author_count(*ret), cold, bytes.len / 1024, warm, load);
}

static double complexity(void *ctx, const char *path) {
    (void)ctx;
    return is_source(path) ? (double)strlen(path) : 0; // any number does for the time
}

static void queries(const struct history *h, struct git *g) {
    struct err err = {0};
    struct history_commit newest;
    struct history_pair pairs[50];
    struct history_hotspot spots[20];
    struct history_owners owners;
    struct history_flow flow;
    uint32_t count, total;
    history_commit(h, 0, &newest);
    uint64_t begin = env_now_mono_ns();
    struct history_coupling_want want = {0};
    if (history_coupling(h, &want, pairs, COUNT_OF(pairs), &count, &total, &err) < 0)
        fail("coupling", &err);
    double coupling = ms_since(begin);
    begin = env_now_mono_ns();
    if (history_hotspots(h, newest.time, complexity, NULL, spots, COUNT_OF(spots), &count, &err) <
        0)
        fail("hotspots", &err);
    double hotspots = ms_since(begin);
    begin = env_now_mono_ns();
    if (history_owners(h, "", newest.time, &owners, &err) < 0)
        fail("owners", &err);
    double owned = ms_since(begin);
    begin = env_now_mono_ns();
    if (history_flow(h, 0, newest.time, &flow, NULL, 0, NULL, &err) < 0)
        fail("flow", &err);
    double flowed = ms_since(begin);
    begin = env_now_mono_ns();
    struct branches *b = NULL;
    struct branches_want all = {.now = newest.time, .conflicts = true};
    int r = branches_read(g, &all, &b, &err);
    (void)fprintf(stderr,
                  "  coupling %.1f ms (%u pairs), hotspots %.1f, owners %.1f (bus factor %u), "
                  "flow %.1f (%u landings), branches %.0f (%u, %u conflicts of %u tried)\n",
                  coupling, total, hotspots, owned, owners.bus_factor, flowed, flow.landings,
                  ms_since(begin), r < 0 ? 0 : b->count, r < 0 ? 0 : b->conflict_count,
                  r < 0 ? 0 : b->pairs_tried);
    branches_free(b);
    for (uint32_t i = 0; i < 3 && i < total && i < COUNT_OF(pairs); i++) {
        struct history_file x, y;
        history_file(h, pairs[i].a, &x);
        history_file(h, pairs[i].b, &y);
        (void)fprintf(stderr, "    %s + %s: %u, %.2f / %.2f\n", x.path, y.path, pairs[i].support,
                      (double)pairs[i].a_to_b, (double)pairs[i].b_to_a);
    }
}

int main(int argc, char **argv) {
    struct err err = {0};
    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s REPOSITORY [COMMITS]\n", argv[0]);
        return 2;
    }
    struct git_config c = {.folder = argv[1]};
    struct git *g;
    if (git_open(&c, &g, &err) < 0)
        fail(argv[1], &err);
    struct history *h = NULL;
    times(g, argv[1], argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10000, &h);
    queries(h, g);
    uint64_t begin = env_now_mono_ns();
    struct result frozen = foretell(h, false), online = foretell(h, true);
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    (void)fprintf(stderr,
                  "  coupling, frozen: recall@5 %.3f hit@5 %.3f; online: recall@5 %.3f hit@5 %.3f; "
                  "%u queries, %.2f ms each; largest RSS %ld MB\n",
                  frozen.recall / frozen.queries, frozen.hit / frozen.queries,
                  online.recall / online.queries, online.hit / online.queries, online.queries,
                  ms_since(begin) / (frozen.queries + online.queries), use.ru_maxrss / 1024);
    history_free(h);
    git_close(g);
    return 0;
}
