// Retrieval of conversation turns by questions: R@5, R@10, hit@10 and the time per query.
//   locomo FILE.jsonl [one] [-v]
// FILE: turns {"conv","doc","session","date","who","text"} and questions {"conv","q","cat","rel"}.
// Each conversation is a workspace and each session a thread; with `one` all are in one workspace,
// and each question still asks for the turns of its own conversation.
// The data is for evaluation only (its licence) and is not part of this project.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "core/store/schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURNS_MAX = 20000, TOP = 10, CATEGORIES = 6, LINE_BYTES_MAX = 1 << 20 };

struct turn {
    char uid[NOTE_UID_BYTES];
    char conv[16], doc[16];
};
static struct turn turns[TURNS_MAX];
static size_t turn_count;

struct tally {
    double r5, r10;
    size_t hit10, questions;
};

static void die(const char *what, const struct err *err) {
    (void)fprintf(stderr, "locomo: %s: %s\n", what, err ? err_text(err) : "");
    exit(1);
}

static const char *member(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

// "1:56 pm on 8 May, 2023"
static int64_t date_ms(const char *s) {
    struct tm tm = {0};
    if (!strptime(s, "%I:%M %p on %d %B, %Y", &tm))
        die(s, NULL);
    return (int64_t)timegm(&tm) * 1000;
}

static void add_turn(struct db *db, const json_t *o, bool one) {
    struct err err = {0};
    char thread[64], superseded[NOTE_UID_BYTES];
    (void)snprintf(thread, sizeof thread, "%s/%lld", member(o, "conv"),
                   (long long)json_integer_value(json_object_get(o, "session")));
    const json_t *text = json_object_get(o, "text");
    struct note n = {.text = json_string_value(text),
                     .text_bytes = json_string_length(text),
                     .source = member(o, "who"),
                     .thread = thread,
                     .workspace = one ? "all" : member(o, "conv"),
                     .created_ms = date_ms(member(o, "date"))};
    if (turn_count == TURNS_MAX || memory_remember(db, &n, NULL, superseded, &err) < 0)
        die("remember", &err);
    struct turn *t = &turns[turn_count++];
    memcpy(t->uid, n.uid, sizeof t->uid);
    (void)snprintf(t->conv, sizeof t->conv, "%s", member(o, "conv"));
    (void)snprintf(t->doc, sizeof t->doc, "%s", member(o, "doc"));
}

static const struct turn *turn_of(const char *uid) {
    for (size_t i = 0; i < turn_count; i++)
        if (strcmp(turns[i].uid, uid) == 0)
            return &turns[i];
    return NULL;
}

static bool is_evidence(const json_t *rel, const struct turn *t) {
    size_t i;
    json_t *id;
    json_array_foreach(rel, i, id) if (strcmp(json_string_value(id), t->doc) == 0) return true;
    return false;
}

static void ask(struct db *db, const json_t *o, bool one, bool verbose, struct tally *all,
                struct tally *by_category, double *seconds) {
    struct err err = {0};
    const json_t *text = json_object_get(o, "q"), *rel = json_object_get(o, "rel");
    struct recall_query q = {.text = json_string_value(text),
                             .text_bytes = json_string_length(text),
                             .workspace = one ? "all" : member(o, "conv"),
                             .kind = -1,
                             .now_ms = env_now_wall_ms(),
                             .limit = TOP};
    struct recall_result result;
    uint64_t begin = env_now_mono_ns();
    if (memory_recall(db, &q, &result, &err) < 0)
        die("recall", &err);
    *seconds += (double)(env_now_mono_ns() - begin) / 1e9;
    size_t found5 = 0, found10 = 0;
    for (size_t i = 0; i < result.count; i++) {
        const struct turn *t = turn_of(result.hits[i].note.uid);
        bool hit = t && strcmp(t->conv, member(o, "conv")) == 0 && is_evidence(rel, t);
        found10 += hit;
        found5 += hit && i < 5;
    }
    double of = (double)json_array_size(rel);
    struct tally *into[] = {
        all, &by_category[json_integer_value(json_object_get(o, "cat")) % CATEGORIES]};
    for (size_t i = 0; i < 2; i++) {
        into[i]->r5 += (double)found5 / of;
        into[i]->r10 += (double)found10 / of;
        into[i]->hit10 += found10 > 0;
        into[i]->questions++;
    }
    if (verbose && found10 < json_array_size(rel)) {
        size_t i;
        json_t *id;
        printf("\n%s [%s]\n", q.text, member(o, "conv"));
        json_array_foreach(rel, i, id) printf("  want %s\n", json_string_value(id));
        for (i = 0; i < result.count; i++) {
            const struct turn *t = turn_of(result.hits[i].note.uid);
            printf("  %c %.2f %s %s: %.150s\n", is_evidence(rel, t) ? '*' : ' ',
                   result.hits[i].score, t->doc, result.hits[i].note.source,
                   result.hits[i].note.text);
        }
    }
    recall_result_done(&result);
}

static void report(const char *name, const struct tally *t) {
    if (t->questions)
        printf("%-8s %5zu questions  R@5 %.4f  R@10 %.4f  hit@10 %.4f\n", name, t->questions,
               t->r5 / (double)t->questions, t->r10 / (double)t->questions,
               (double)t->hit10 / (double)t->questions);
}

static struct db *open_store(void) {
    struct err err = {0};
    struct db *db = NULL;
    if (db_open_plain(":memory:", DB_CREATE, &db, &err) < 0 ||
        schema_migrate(db, schema_steps, env_now_wall_ms(), &err) < 0)
        die("open", &err);
    return db;
}

int main(int argc, char **argv) {
    bool one = false, verbose = false;
    for (int i = 2; i < argc; i++) {
        one |= strcmp(argv[i], "one") == 0;
        verbose |= strcmp(argv[i], "-v") == 0;
    }
    if (argc < 2) {
        (void)fprintf(stderr, "usage: locomo FILE.jsonl [one] [-v]\n");
        return 2;
    }
    struct db *db = open_store();
    FILE *f = fopen(argv[1], "r");
    static char line[LINE_BYTES_MAX];
    struct tally all = {0}, by_category[CATEGORIES] = {0};
    double seconds = 0;
    if (!f)
        die(argv[1], NULL);
    // Turns first, whatever the order of the lines.
    for (int pass = 0; pass < 2; pass++) {
        rewind(f);
        while (fgets(line, sizeof line, f)) {
            json_t *o = json_loads(line, 0, NULL);
            bool question = json_object_get(o, "q") != NULL;
            if (pass == 0 && !question)
                add_turn(db, o, one);
            else if (pass == 1 && question)
                ask(db, o, one, verbose, &all, by_category, &seconds);
            json_decref(o);
        }
    }
    (void)fclose(f);
    report("all", &all);
    for (int c = 0; c < CATEGORIES; c++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cat %d", c);
        report(name, &by_category[c]);
    }
    printf("%zu turns, %.3f ms per query\n", turn_count,
           all.questions ? seconds * 1000 / (double)all.questions : 0);
    db_close(db);
    return 0;
}
