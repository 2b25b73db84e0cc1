// Kills a process that uses the store, at random moments, with SIGKILL, and looks at what is left.
//
//   store_kill [--kills N] [--seed S] [--keep]
//
// The child (this program again) remembers, supersedes, forgets, erases, repeats, rotates keys and
// migrates on three threads. It announces each operation on a pipe before it starts it and reports
// it when the store has acknowledged it. After the kill the parent opens the store and requires:
//   - the store is sound (store_check: structure, every page's tag, freshness);
//   - what was acknowledged is there; what was announced only is there whole or not at all;
//   - the tables made from notes agree with the notes;
//   - a repeat of an acknowledged origin changes nothing and returns the first result;
//   - a repeat of one in flight applies it exactly once.
#include "tests/faults/store_kill.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// --- the parent's model -------------------------------------------------------------------------

enum fate { ABSENT, LIVE, SUPERSEDED, GONE }; // GONE: forgotten or erased

struct known {
    char uid[NOTE_UID_BYTES];
    enum fate fate;
    char by[NOTE_UID_BYTES];
};

struct flight { // announced, not acknowledged
    bool open;
    enum op_kind kind;
    int64_t k;
    char other[NOTE_UID_BYTES];
};

struct model {
    struct known notes[NOTES_MAX];
    size_t count;
    struct flight flight[THREADS];
    int64_t next_k;
    int64_t acked[THREADS]; // latest acknowledged remember of this round, or 0
};
static struct model model;

static struct {
    int64_t operations, acknowledged, rounds, in_flight[OP_KINDS], before_ready, kept, undone;
} tally;

static struct known *find_note(const char *uid) {
    for (size_t i = model.count; i-- > 0;)
        if (strcmp(model.notes[i].uid, uid) == 0)
            return &model.notes[i];
    return NULL;
}

static struct known *add_note(const char *uid, enum fate fate) {
    REQUIRE(model.count < NOTES_MAX, "too many notes");
    struct known *n = &model.notes[model.count++];
    *n = (struct known){.fate = fate};
    memcpy(n->uid, uid, NOTE_UID_BYTES);
    return n;
}

static void apply(int thread, const struct flight *f) {
    char uid[NOTE_UID_BYTES];
    uid_of(thread, f->k, uid);
    struct known *other = f->other[0] != '-' ? find_note(f->other) : NULL;
    switch (f->kind) {
    case OP_SUPERSEDE:
        REQUIRE(other, "superseded an unknown note");
        other->fate = SUPERSEDED;
        memcpy(other->by, uid, sizeof uid);
        (void)add_note(uid, LIVE);
        break;
    case OP_REMEMBER:
        (void)add_note(uid, LIVE);
        break;
    case OP_FORGET:
    case OP_ERASE:
        REQUIRE(other, "removed an unknown note");
        other->fate = GONE;
        for (size_t i = 0; i < model.count; i++) // what it had superseded counts again
            if (model.notes[i].fate == SUPERSEDED && strcmp(model.notes[i].by, other->uid) == 0)
                model.notes[i].fate = LIVE;
        break;
    case OP_REPEAT:
    case OP_ROTATE:
    case OP_KINDS:
        break;
    }
}

static bool take_line(char *line) {
    int thread, kind;
    long long k;
    char other[LINE_BYTES_MAX];
    if (line[0] == 'R')
        return true;
    if (sscanf(line, "S %d %lld %d %127s", &thread, &k, &kind, other) == 4) {
        struct flight *f = &model.flight[thread];
        *f = (struct flight){.open = true, .kind = (enum op_kind)kind, .k = k};
        (void)snprintf(f->other, sizeof f->other, "%s", other);
        if (k >= model.next_k)
            model.next_k = k + 1;
        tally.operations++;
        return false;
    }
    REQUIRE(sscanf(line, "A %d %lld", &thread, &k) == 2, "odd line: %s", line);
    struct flight *f = &model.flight[thread];
    REQUIRE(f->open && f->k == k, "an answer without its question");
    apply(thread, f);
    f->open = false;
    if (f->kind == OP_REMEMBER)
        model.acked[thread] = k;
    tally.acknowledged++;
    return false;
}

// --- looking at what is left --------------------------------------------------------------------

struct look {
    struct store *store;
    struct db *db;
};

static enum fate fate_in_store(struct look *l, const char *uid, char by[NOTE_UID_BYTES]) {
    struct db_rows *rows = NULL;
    const struct db_value value = db_text(uid);
    enum fate fate = ABSENT;
    by[0] = '\0';
    REQUIRE(db_rows_open(l->db, "SELECT forgotten, superseded_by FROM note WHERE uid = ?1", &value,
                         1, &rows, NULL) == 0,
            "no rows");
    int r = db_rows_next(rows, NULL);
    REQUIRE(r >= 0, "a note cannot be read");
    if (r == 1) {
        fate = db_col_int(rows, 0) ? GONE : db_col_is_null(rows, 1) ? LIVE : SUPERSEDED;
        if (fate == SUPERSEDED)
            (void)snprintf(by, NOTE_UID_BYTES, "%s", db_col_text(rows, 1, NULL));
    }
    db_rows_close(rows);
    return fate;
}

static bool same(enum fate model_says, enum fate store_says) {
    return model_says == store_says || (model_says == GONE && store_says == ABSENT);
}

// What was in flight is there whole or not at all; the model learns which.
static void settle_flight(struct look *l, int thread) {
    struct flight *f = &model.flight[thread];
    if (!f->open)
        return;
    f->open = false;
    tally.in_flight[f->kind]++;
    char uid[NOTE_UID_BYTES], by[NOTE_UID_BYTES];
    uid_of(thread, f->k, uid);
    bool made = f->kind == OP_REMEMBER || f->kind == OP_SUPERSEDE;
    bool removed = f->kind == OP_FORGET || f->kind == OP_ERASE;
    if (!made && !removed)
        return;
    enum fate now = fate_in_store(l, made ? uid : f->other, by);
    bool applied = made ? now == LIVE : now == GONE || now == ABSENT;
    if (f->kind == OP_SUPERSEDE) {
        enum fate other = fate_in_store(l, f->other, by);
        REQUIRE(applied == (other == SUPERSEDED && strcmp(by, uid) == 0),
                "half of a superseding: %s and %s", uid, f->other);
    }
    if (applied)
        apply(thread, f);
    (*(applied ? &tally.kept : &tally.undone))++;
}

static int64_t number(struct look *l, const char *sql) {
    int64_t n = -1;
    REQUIRE(db_one_int(l->db, sql, NULL, 0, &n, NULL) == 1, "%s", sql);
    return n;
}

static void compare_notes(struct look *l) {
    char by[NOTE_UID_BYTES];
    int64_t there = 0;
    for (size_t i = 0; i < model.count; i++) {
        const struct known *n = &model.notes[i];
        enum fate now = fate_in_store(l, n->uid, by);
        REQUIRE(same(n->fate, now), "%s: acknowledged as %d, found as %d", n->uid, (int)n->fate,
                (int)now);
        REQUIRE(n->fate != SUPERSEDED || strcmp(by, n->by) == 0, "%s: superseded by %s, not %s",
                n->uid, by, n->by);
        there += now != ABSENT;
    }
    REQUIRE(there == number(l, "SELECT count(*) FROM note"), "notes nobody remembered");
    REQUIRE(there == number(l, "SELECT count(*) FROM note_rank"), "ranks differ from notes");
    REQUIRE(there == number(l, "SELECT coalesce(sum(notes), 0) FROM workspace"),
            "workspaces count other notes");
}

// A word of its own finds the latest acknowledged note.
static void recall_latest(struct look *l, int thread) {
    char uid[NOTE_UID_BYTES], by[NOTE_UID_BYTES], word[NOTE_UID_BYTES + 8];
    if (!model.acked[thread])
        return;
    uid_of(thread, model.acked[thread], uid);
    if (fate_in_store(l, uid, by) != LIVE)
        return;
    int n = snprintf(word, sizeof word, "word%s", uid);
    const struct recall_query q = {.text = word,
                                   .text_bytes = (size_t)n,
                                   .all = true,
                                   .kind = -1,
                                   .now_ms = env_now_wall_ms(),
                                   .limit = 1};
    struct recall_result result = {0};
    struct err err = {0};
    REQUIRE(memory_recall(l->db, &q, &result, &err) == 0, "recall: %s", err_text(&err));
    REQUIRE(result.count == 1 && strcmp(result.hits[0].note.uid, uid) == 0,
            "%s is not found by its word", uid);
    recall_result_done(&result);
}

static void repeat_latest(struct store *s, int thread) {
    AUTO_BUF result = BUF_INIT(0);
    bool repeated = false;
    struct err err = {0};
    struct write again = {.kind = OP_REMEMBER, .uid = "nzzzzzzzzzzzzzzz"};
    char uid[NOTE_UID_BYTES];
    if (!model.acked[thread])
        return;
    struct origin origin = origin_of(thread, model.acked[thread]);
    uid_of(thread, model.acked[thread], uid);
    int r = store_write(s, &origin, write_op, &again, &result, &repeated, &err);
    REQUIRE(r == 0 || r == ERR_EXISTS, "repeat: %s", err_text(&err)); // EXISTS: erased since
    REQUIRE(r < 0 || (repeated && strcmp(result.data, uid) == 0), "a repeat was applied again");
}

// As a front end does after an engine restart: what was in flight is sent again.
static void replay_flight(struct store *s, int thread, const struct flight *f) {
    if (f->kind != OP_REMEMBER)
        return;
    struct write again = {.kind = OP_REMEMBER, .text_bytes = text_bytes_of(thread, f->k)};
    uid_of(thread, f->k, again.uid);
    struct origin origin = origin_of(thread, f->k);
    bool repeated = false;
    struct err err = {0};
    int r = store_write(s, &origin, write_op, &again, NULL, &repeated, &err);
    REQUIRE(r == 0 || r == ERR_EXISTS, "replay: %s", err_text(&err));
    struct known *n = find_note(again.uid);
    REQUIRE((n != NULL) == (repeated || r == ERR_EXISTS), "a replay was applied twice");
    if (!n)
        (void)add_note(again.uid, LIVE);
}

static void verify(const char *dir, int extra) {
    struct look l = {.store = open_or_die(dir, extra)};
    struct flight flights[THREADS];
    memcpy(flights, model.flight, sizeof flights);
    AUTO_BUF report = BUF_INIT(0);
    struct err err = {0};
    int r = store_check(l.store, NULL, NULL, &report, &err);
    REQUIRE(r == 0, "check: %s\n%s", err_text(&err), report.data ? report.data : "");
    REQUIRE(store_reader_get(l.store, &l.db, NULL) == 0, "no reader");
    for (int i = 0; i < THREADS; i++)
        settle_flight(&l, i);
    compare_notes(&l);
    for (int i = 0; i < THREADS; i++)
        recall_latest(&l, i);
    store_reader_put(l.store, l.db);
    for (int i = 0; i < THREADS; i++) {
        repeat_latest(l.store, i);
        if (flights[i].open)
            replay_flight(l.store, i, &flights[i]);
        model.acked[i] = 0;
    }
    REQUIRE(store_reader_get(l.store, &l.db, NULL) == 0, "no reader");
    compare_notes(&l);
    store_reader_put(l.store, l.db);
    store_close(l.store);
}

// --- rounds -------------------------------------------------------------------------------------

static pid_t spawn(const char *dir, uint64_t seed, int extra, int *ret_fd) {
    int fds[2];
    REQUIRE(pipe(fds) == 0, "no pipe");
    char numbers[4][32];
    (void)snprintf(numbers[0], sizeof numbers[0], "%d", fds[1]);
    (void)snprintf(numbers[1], sizeof numbers[1], "%llu", (unsigned long long)seed);
    (void)snprintf(numbers[2], sizeof numbers[2], "%d", extra);
    (void)snprintf(numbers[3], sizeof numbers[3], "%lld", (long long)model.next_k);
    pid_t pid = fork();
    REQUIRE(pid >= 0, "no process");
    if (pid == 0) {
        (void)close(fds[0]);
        (void)execl("/proc/self/exe", "store_kill", "--child", dir, numbers[0], numbers[1],
                    numbers[2], numbers[3], (char *)NULL);
        _exit(2);
    }
    (void)close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

struct reading {
    int fd;
    struct buf pending;
    bool ready, end;
};

static void read_lines(struct reading *in) {
    char bytes[4096];
    ssize_t n = read(in->fd, bytes, sizeof bytes);
    REQUIRE(n >= 0, "pipe: %s", strerror(errno));
    in->end = n == 0;
    REQUIRE(buf_append(&in->pending, bytes, (size_t)n) == 0, "out of memory");
    char *end;
    while (in->pending.len && (end = memchr(in->pending.data, '\n', in->pending.len))) {
        *end = '\0';
        in->ready |= take_line(in->pending.data);
        buf_consume(&in->pending, (size_t)(end - in->pending.data) + 1);
    }
}

// Reads until `until_ns`; true when the child ended by itself.
static bool listen_until(struct reading *in, uint64_t until_ns, bool stop_when_ready) {
    while (!in->end) {
        uint64_t now_ns = env_now_mono_ns();
        if (now_ns >= until_ns || (stop_when_ready && in->ready))
            return false;
        struct pollfd p = {.fd = in->fd, .events = POLLIN};
        uint64_t left_ns = until_ns - now_ns;
        struct timespec wait = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
        if (ppoll(&p, 1, &wait, NULL) > 0)
            read_lines(in);
    }
    return true;
}

static void round_once(const char *dir, struct rng *rng, int extra, bool early) {
    struct reading in = {.pending = BUF_INIT(0)};
    pid_t pid = spawn(dir, rng_next(rng, UINT64_MAX), extra, &in.fd);
    bool ended = false;
    uint64_t wait_us = rng_next(rng, early ? 20000 : 120000);
    if (!early) // else at any moment, opening and migration included
        ended = listen_until(&in, env_now_mono_ns() + 30ULL * 1000000000, true);
    if (!ended)
        ended = listen_until(&in, env_now_mono_ns() + wait_us * 1000, false);
    (void)kill(pid, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid, "no child");
    REQUIRE(!ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
            "the child ended by itself: status %x", (unsigned)status);
    while (!in.end)
        read_lines(&in); // what it had said before
    tally.before_ready += !in.ready;
    tally.rounds++;
    (void)close(in.fd);
    buf_done(&in.pending);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void run(int64_t kills, uint64_t seed, bool keep) {
    struct rng rng = {mix(seed)};
    int extra = 0;
    char dir[64] = "";
    for (int64_t i = 0; i < kills; i++) {
        if (i % ROUNDS_PER_STORE == 0) {
            if (dir[0])
                (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
            (void)snprintf(dir, sizeof dir, "/tmp/paired-kill-XXXXXX");
            REQUIRE(mkdtemp(dir), "no folder");
            memset(&model, 0, sizeof model);
            model.next_k = 1;
            extra = 0;
        }
        bool migrates = i % 5 == 4 && extra < EXTRA_STEPS_MAX;
        extra += migrates;
        round_once(dir, &rng, extra, rng_next(&rng, 8) < (migrates ? 6 : 1));
        verify(dir, extra);
    }
    if (!keep)
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void print_tally(uint64_t seed) {
    (void)printf("store_kill: seed %llu: %lld kills (%lld while opening or migrating), %lld "
                 "operations, %lld acknowledged, 0 lost\n",
                 (unsigned long long)seed, (long long)tally.rounds, (long long)tally.before_ready,
                 (long long)tally.operations, (long long)tally.acknowledged);
    (void)printf("store_kill: in flight when killed:");
    for (int i = 0; i < OP_KINDS; i++)
        (void)printf(" %s %lld", op_names[i], (long long)tally.in_flight[i]);
    (void)printf("; of those that change notes %lld were whole and %lld not there\n",
                 (long long)tally.kept, (long long)tally.undone);
}

int main(int argc, char **argv) {
    int64_t kills = 60;
    uint64_t seed = 1;
    bool keep = false;
    if (argc == 7 && strcmp(argv[1], "--child") == 0)
        return store_kill_child(argv[2], (int)strtol(argv[3], NULL, 10),
                                strtoull(argv[4], NULL, 10), (int)strtol(argv[5], NULL, 10),
                                strtoll(argv[6], NULL, 10));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--keep") == 0)
            keep = true;
        else if (strcmp(argv[i], "--kills") == 0 && i + 1 < argc)
            kills = strtoll(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            return (void)fprintf(stderr, "usage: store_kill [--kills N] [--seed S] [--keep]\n"), 2;
    }
    run(kills, seed, keep);
    print_tally(seed);
    return 0;
}
