// Recall and insertion over many notes, per shape of query: p50, p99 and worst, database size.
//   bench_recall [-e] DIR NOTES [QUERIES [SHAPE]]      -e: encrypted
// Notes have about 29 words of a Zipf-like vocabulary with identifiers in it; 80 % belong to one
// workspace, a tenth to a second one, the rest is global; a third stand in threads. The file is
// kept in DIR and used again when it has the right number of notes.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "core/store/memory.h"
#include "core/store/schema.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { VOCABULARY = 60000, WORD_BYTES = 32, TEXT_BYTES = 1024, BATCH = 1000, SAMPLES_MAX = 20000 };

#define NOW_MS  INT64_C(1780000000000)
#define STEP_MS 60000

static char vocabulary[VOCABULARY][WORD_BYTES];
static uint64_t seed;

static uint64_t next_random(void) { // splitmix64
    uint64_t z = (seed += 0x9E3779B97F4A7C15U);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

static size_t below(size_t n) {
    return (size_t)(next_random() % n);
}

// Rank 0 is in every third note or so, the last ranks in a few of a million.
static size_t zipf(void) {
    double u = (double)(next_random() >> 11) / 9007199254740992.0;
    return (size_t)(pow((double)VOCABULARY, u) - 1) % VOCABULARY;
}

static void make_vocabulary(void) {
    static const char *const syllables[] = {"ba", "co", "di", "fu", "ge",  "ha",  "ji",  "ko",
                                            "lu", "me", "na", "po", "qui", "ra",  "si",  "to",
                                            "ve", "wa", "xe", "yo", "zu",  "tri", "sta", "ment"};
    for (size_t i = 0; i < VOCABULARY; i++) {
        size_t k = i;
        char *w = vocabulary[i];
        size_t n = 0;
        for (size_t parts = 0; parts < 2 || k; parts++) {
            const char *s = syllables[k % COUNT_OF(syllables)];
            if (i % 50 == 49 && parts) // fooBar
                n += (size_t)snprintf(w + n, WORD_BYTES - n, "%c%s", s[0] - 32, s + 1);
            else
                n += (size_t)snprintf(w + n, WORD_BYTES - n, "%s", s);
            k /= COUNT_OF(syllables);
        }
    }
}

static void die(const char *what, const struct err *err) {
    (void)fprintf(stderr, "bench_recall: %s: %s\n", what, err ? err_text(err) : "");
    exit(1);
}

// Text of note number i: the same whenever it is asked for.
static size_t note_text(size_t i, char *out) {
    seed = i * 0x1000193U + 12345;
    size_t words = 19 + below(21), n = 0;
    for (size_t k = 0; k < words; k++)
        n += (size_t)snprintf(out + n, TEXT_BYTES - n, "%s%s", k ? " " : "", vocabulary[zipf()]);
    return n;
}

static void insert_one(struct db *db, size_t i) {
    static const char *const tags[] = {"build", "build\nci", "design", NULL, NULL,
                                       NULL,    "rare",      NULL,     NULL, NULL};
    struct err err = {0};
    char text[TEXT_BYTES], thread[32], superseded[NOTE_UID_BYTES];
    size_t n = note_text(i, text);
    (void)snprintf(thread, sizeof thread, "t%zu", i / 90);
    struct note note = {.text = text,
                        .text_bytes = n,
                        .kind = i % 100 == 7 ? NOTE_DECISION : NOTE_NOTE,
                        .workspace = i % 10 < 8    ? "/work/one"
                                     : i % 10 == 8 ? "/work/two"
                                                   : NULL,
                        .source = i % 2 ? "claude-code" : "zed",
                        .thread = i % 3 ? NULL : thread,
                        .tags = i % 10 == 6 && i % 1000 != 6 ? NULL : tags[i % 10],
                        .created_ms = NOW_MS - INT64_C(2000000) * STEP_MS + (int64_t)i * STEP_MS};
    if (memory_remember(db, &note, NULL, superseded, &err) < 0)
        die("remember", &err);
}

static void fill(struct db *db, size_t notes) {
    struct err err = {0};
    uint64_t begin = env_now_mono_ns();
    // By workspace within a batch: the index takes ascending ids best, as an import would give
    // them.
    for (size_t from = 0; from < notes; from += BATCH) {
        if (db_begin(db, true, &err) < 0)
            die("begin", &err);
        for (size_t i = from; i < from + BATCH && i < notes; i++)
            insert_one(db, i);
        if (db_commit(db, &err) < 0)
            die("commit", &err);
    }
    double s = (double)(env_now_mono_ns() - begin) / 1e9;
    printf("inserted %zu notes in %.1f s: %.1f us a note, batches of %d\n", notes, s,
           s * 1e6 / (double)notes, BATCH);
    double worst = 0, sum = 0;
    for (size_t i = 0; i < 200; i++) {
        begin = env_now_mono_ns();
        if (db_begin(db, true, &err) < 0)
            die("begin", &err);
        insert_one(db, notes + i);
        double ms = (double)(env_now_mono_ns() - begin) / 1e6;
        if (db_commit(db, &err) < 0)
            die("commit", &err);
        sum += ms;
        worst = ms > worst ? ms : worst;
    }
    printf("one remember, without its commit: mean %.3f ms, worst of 200 %.3f ms\n", sum / 200,
           worst);
}

// As the store's writer does in quiet time, to the end.
static void tidy(struct db *db) {
    struct err err = {0};
    double sum = 0, worst = 0;
    size_t steps = 0;
    for (int more = 1; more;) {
        uint64_t begin = env_now_mono_ns();
        more = memory_tidy(db, &err);
        if (more < 0)
            die("tidy", &err);
        double ms = (double)(env_now_mono_ns() - begin) / 1e6;
        sum += ms;
        worst = ms > worst ? ms : worst;
        steps++;
    }
    printf("tidied in %zu steps, %.1f ms, worst %.1f ms\n", steps, sum, worst);
}

// --- shapes --------------------------------------------------------------------------------------
struct shape {
    const char *name;
    void (*make)(size_t notes, char *out);
    const char *tag, *workspace;
    int kind;
    bool all, dated;
};

static void put(char *out, const char *word) {
    size_t n = strlen(out);
    (void)snprintf(out + n, TEXT_BYTES - n, "%s%s", n ? " " : "", word);
}

static void words_of_ranks(char *out, size_t count, size_t from, size_t to) {
    for (size_t i = 0; i < count; i++)
        put(out, vocabulary[from + below(to - from)]);
}

static void make_frequent(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 1, 0, 20);
}
static void make_many_frequent(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 8, 0, 40);
}
static void make_middle(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 1, 200, 2000);
}
// As questions are: two to four words that say something, frequent and rare ones.
static void make_question(size_t notes, char *out) {
    (void)notes;
    for (size_t i = 2 + below(3); i; i--) {
        double u = (double)(next_random() >> 11) / 9007199254740992.0;
        put(out, vocabulary[(size_t)(40 * pow(VOCABULARY / 40, u)) % VOCABULARY]);
    }
}
static void make_many_middle(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 8, 100, 1000);
}
static void make_rare(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 1, 50000, VOCABULARY);
}
static void make_mixed(size_t notes, char *out) {
    (void)notes;
    words_of_ranks(out, 3, 0, 30);
    words_of_ranks(out, 2, 200, 2000);
    words_of_ranks(out, 1, 20000, VOCABULARY);
}

static void words_of_note_at(size_t notes, char *out, size_t skip, size_t count) {
    uint64_t keep = seed;
    char text[TEXT_BYTES];
    (void)note_text((size_t)(keep % notes), text);
    seed = keep;
    size_t i = 0;
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "), i++)
        if (i >= skip && i < skip + count)
            put(out, w);
}
static void make_pair(size_t notes, char *out) {
    (void)next_random();
    words_of_note_at(notes, out, 3, 2);
}
static void make_phrase(size_t notes, char *out) {
    (void)next_random();
    words_of_note_at(notes, out, 5, 5);
}
static void make_sentence(size_t notes, char *out) {
    (void)next_random();
    words_of_note_at(notes, out, 0, 20);
}
static void make_partial(size_t notes, char *out) {
    (void)notes;
    size_t rank = below(VOCABULARY / 50) * 50 + 49; // an identifier
    (void)snprintf(out, TEXT_BYTES, "%.*s", (int)(strlen(vocabulary[rank]) - 2), vocabulary[rank]);
}
static void make_short(size_t notes, char *out) {
    (void)notes;
    (void)snprintf(out, TEXT_BYTES, "%.3s", vocabulary[600 + below(10000)]);
}
static void make_nonsense(size_t notes, char *out) {
    (void)notes;
    for (size_t i = 0; i < 3; i++) {
        char word[16];
        (void)snprintf(word, sizeof word, "zq%08zx", below(0xFFFFFFFF));
        put(out, word);
    }
}
static void make_nothing(size_t notes, char *out) {
    (void)notes;
    (void)out;
}

static const struct shape shapes[] = {
    {"one frequent word", make_frequent, NULL, "/work/one", -1, false, false},
    {"eight frequent words", make_many_frequent, NULL, "/work/one", -1, false, false},
    {"one middling word", make_middle, NULL, "/work/one", -1, false, false},
    {"eight middling words", make_many_middle, NULL, "/work/one", -1, false, false},
    {"one rare word", make_rare, NULL, "/work/one", -1, false, false},
    {"frequent, middling, rare", make_mixed, NULL, "/work/one", -1, false, false},
    {"two words of a note", make_pair, NULL, "/work/one", -1, false, false},
    {"five words in a row", make_phrase, NULL, "/work/one", -1, false, false},
    {"twenty words of a note", make_sentence, NULL, "/work/one", -1, false, false},
    {"two to four words", make_question, NULL, "/work/one", -1, false, false},
    {"partial identifier", make_partial, NULL, "/work/one", -1, false, false},
    {"three letters", make_short, NULL, "/work/one", -1, false, false},
    {"nonsense words", make_nonsense, NULL, "/work/one", -1, false, false},
    {"all: frequent words", make_many_frequent, NULL, NULL, -1, true, false},
    {"all: mixed", make_mixed, NULL, NULL, -1, true, false},
    {"second workspace: mixed", make_mixed, NULL, "/work/two", -1, false, false},
    {"unknown workspace: mixed", make_mixed, NULL, "/nowhere", -1, false, false},
    {"tag of a tenth: frequent", make_frequent, "ci", "/work/one", -1, false, false},
    {"rare tag: frequent", make_frequent, "rare", "/work/one", -1, false, false},
    {"unknown tag", make_frequent, "nobody", "/work/one", -1, false, false},
    {"decisions: frequent", make_frequent, NULL, "/work/one", NOTE_DECISION, false, false},
    {"decisions, tag: mixed", make_mixed, "ci", "/work/one", NOTE_DECISION, false, false},
    {"a month: frequent", make_many_frequent, NULL, "/work/one", -1, false, true},
    {"no text", make_nothing, NULL, "/work/one", -1, false, false},
    {"no text, all", make_nothing, NULL, NULL, -1, true, false},
    {"no text, tag", make_nothing, "design", "/work/one", -1, false, false},
    {"no text, decisions", make_nothing, NULL, "/work/one", NOTE_DECISION, false, false},
    {"no text, a month", make_nothing, NULL, "/work/one", -1, false, true},
};

// Of this thread: on a machine with other work, the wall clock says more about that.
static double cpu_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int double_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_shape(struct db *db, const struct shape *s, size_t notes, size_t queries) {
    static double samples[SAMPLES_MAX], busy[SAMPLES_MAX];
    double found = 0;
    seed = 99;
    for (size_t i = 0; i < queries; i++) {
        char text[TEXT_BYTES] = "";
        struct err err = {0};
        s->make(notes, text);
        struct recall_query q = {.text = text,
                                 .text_bytes = strlen(text),
                                 .workspace = s->workspace,
                                 .all = s->all,
                                 .tag = s->tag,
                                 .kind = s->kind,
                                 .now_ms = NOW_MS,
                                 .limit = 10,
                                 .token_budget = 2000};
        if (s->dated) {
            q.until_ms = NOW_MS - INT64_C(2000000) * STEP_MS + (int64_t)below(notes) * STEP_MS;
            q.since_ms = q.until_ms - INT64_C(30) * 86400 * 1000;
        }
        struct recall_result result;
        double cpu = cpu_ms();
        uint64_t begin = env_now_mono_ns();
        if (memory_recall(db, &q, &result, &err) < 0)
            die(s->name, &err);
        samples[i] = (double)(env_now_mono_ns() - begin) / 1e6;
        busy[i] = cpu_ms() - cpu;
        found += (double)result.count;
        recall_result_done(&result);
    }
    qsort(samples, queries, sizeof samples[0], double_compare);
    qsort(busy, queries, sizeof busy[0], double_compare);
    printf("%-26s p50 %7.3f  p99 %7.3f  worst %7.3f ms; CPU p50 %7.3f  p99 %7.3f ms; %5.1f notes\n",
           s->name, samples[queries / 2], samples[queries * 99 / 100], samples[queries - 1],
           busy[queries / 2], busy[queries * 99 / 100], found / (double)queries);
}

// Plain, or through the encrypting VFS with a key of its own.
static struct db *open_database(const char *path, bool encrypted) {
    struct err err = {0};
    struct db *db = NULL;
    if (!encrypted) {
        if (db_open_plain(path, DB_CREATE, &db, &err) < 0)
            die(path, &err);
        return db;
    }
    struct keyring *keys = NULL; // both stay until the process ends
    struct vfs *vfs = NULL;
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s.keys", path);
    (void)mkdir(dir, 0700);
    if (sodium_init() < 0 || keyring_open(dir, KEYRING_CREATE, &keys, &err) < 0 ||
        vfs_open(path, keys, VFS_CREATE, &vfs, &err) < 0 || db_open(vfs, DB_CREATE, &db, &err) < 0)
        die(path, &err);
    return db;
}

static struct db *open_store(const char *dir, size_t notes, bool encrypted) {
    struct err err = {0};
    char path[4000];
    (void)snprintf(path, sizeof path, "%s/recall-%zu%s.db", dir, notes,
                   encrypted ? "-encrypted" : "");
    struct db *db = open_database(path, encrypted);
    int64_t have = 0;
    bool empty = db_one_int(db, "SELECT sum(notes) FROM workspace", NULL, 0, &have, NULL) < 0;
    if (db_script(db, "PRAGMA synchronous=NORMAL", &err) < 0 ||
        schema_migrate(db, schema_steps, env_now_wall_ms(), &err) < 0)
        die("schema", &err);
    if (empty)
        fill(db, notes);
    tidy(db);
    if (db_checkpoint(db, true, &err) < 0)
        die("checkpoint", &err);
    struct stat st;
    double bytes = stat(path, &st) == 0 ? (double)st.st_size : 0;
    printf("%zu notes%s, %.1f MB, %.0f bytes a note\n", notes, encrypted ? ", encrypted" : "",
           bytes / 1e6, bytes / (double)notes);
    return db;
}

int main(int argc, char **argv) {
    bool encrypted = argc > 1 && strcmp(argv[1], "-e") == 0;
    if (encrypted) {
        argv++;
        argc--;
    }
    if (argc < 3) {
        (void)fprintf(stderr, "usage: bench_recall [-e] DIR NOTES [QUERIES [SHAPE]]\n");
        return 2;
    }
    size_t notes = strtoul(argv[2], NULL, 10);
    size_t queries = argc > 3 ? strtoul(argv[3], NULL, 10) : 300;
    if (!notes || !queries || queries > SAMPLES_MAX)
        die("NOTES and QUERIES (at most 20000) are numbers", NULL);
    make_vocabulary();
    struct db *db = open_store(argv[1], notes, encrypted);
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (argc < 5 || strstr(shapes[i].name, argv[4]))
            run_shape(db, &shapes[i], notes, queries);
    db_close(db);
    return 0;
}
