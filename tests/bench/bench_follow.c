// How good is what follow.h says? Asks at random places of a folder's code, each time with the file
// itself left out and cut off at the place, and compares with what was written there. Prints how
// often it spoke, how often that was right, and the time it takes.
#include "core/base/mem.h"
#include "core/code/follow.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASKS_MAX = 20000 };

static double now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t seed = 1;
static uint64_t draw(void) { // xorshift
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Is what was said what was written, but for white space? *ret: its letters.
static bool is_right(const char *said, const char *text, size_t n, size_t *ret) {
    size_t i = 0;
    *ret = 0;
    for (const char *p = said; *p; p++) {
        if (*p == ' ' || *p == '\t' || *p == '\n')
            continue;
        while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
            i++;
        if (i >= n || text[i++] != *p)
            return false;
        ++*ret;
    }
    return true;
}

struct figures {
    unsigned asked, spoke, right, lines, lines_right;
    size_t letters;
    double ms[ASKS_MAX];
};

static void ask(const struct follow *f, enum lang lang, uint32_t file, const struct buf *text,
                bool at_line, struct figures *g) {
    size_t at = draw() % text->len, letters = 0;
    if (at_line) {
        while (at < text->len && text->data[at] != '\n')
            at++;
        while (at < text->len && strchr("\n\t ", text->data[at]) && text->data[at])
            at++;
    }
    if (at >= text->len || g->asked == ASKS_MAX)
        return;
    struct follow_question q = {
        .lang = lang, .text = text->data, .bytes = at, .at = at, .file = file};
    struct follow_answer a;
    double start = now_ms();
    if (follow_ask(f, &q, &a, NULL) < 0)
        return;
    g->ms[g->asked++] = now_ms() - start;
    if (a.text.len) {
        bool right = is_right(a.text.data, text->data + at, text->len - at, &letters), many;
        many = strchr(a.text.data, '\n') != NULL;
        g->spoke++;
        g->right += right;
        g->lines += many;
        g->lines_right += many && right;
        g->letters += right ? letters : 0;
        if (getenv("SHOW") && (draw() % 40 == 0 || strcmp(getenv("SHOW"), "all") == 0)) {
            size_t from = at;
            while (from && text->data[from - 1] != '\n')
                from--;
            (void)printf("--- %s (%u of %u, %u files, %u lines)\n%.*s|%s\n",
                         right ? "right" : "WRONG", a.agree, a.places, a.files, a.context,
                         (int)(at - from), text->data + from, a.text.data);
        }
    }
    buf_done(&a.text);
}

static void show(const char *what, struct figures *g) {
    qsort(g->ms, g->asked, sizeof *g->ms, by_value);
    (void)printf("%-12s asked %u, spoke %.1f %%, right %.1f %%, over lines %u (right %.1f %%), "
                 "letters %.1f each; p50 %.2f p99 %.2f max %.2f ms\n",
                 what, g->asked, 100.0 * g->spoke / g->asked,
                 g->spoke ? 100.0 * g->right / g->spoke : 0, g->lines,
                 g->lines ? 100.0 * g->lines_right / g->lines : 0,
                 g->right ? (double)g->letters / g->right : 0, g->ms[g->asked / 2],
                 g->ms[g->asked * 99 / 100], g->ms[g->asked - 1]);
}

int main(int argc, char **argv) {
    struct index_config c = {.root = argc > 1 ? argv[1] : "."};
    struct index_want want = {.tier = TIER_LEXICAL};
    static struct figures within, lines;
    struct index *ix = NULL;
    struct snapshot *s = NULL;
    struct err err = {0};
    struct follow *f = follow_new();
    unsigned asks = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;
    if (!f || index_open(&c, &ix, &err) < 0 || index_get(ix, &want, &s, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err_text(&err));
        return 1;
    }
    uint32_t n = snapshot_count(s), *numbers = calloc(n + 1, sizeof *numbers);
    double start = now_ms(), reading = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct snapshot_file *file = snapshot_file(s, i);
        AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        double t = now_ms();
        numbers[i] = UINT32_MAX;
        if (!file->facts || file->flags & (FILE_VENDORED | FILE_GENERATED) ||
            snapshot_text(s, i, &text, NULL) < 0 || !text.len)
            continue;
        reading += now_ms() - t;
        if (follow_add(f, file->lang, text.data, text.len, &numbers[i], NULL) < 0)
            numbers[i] = UINT32_MAX;
    }
    double added = now_ms();
    if (follow_finish(f, &err) < 0)
        return 1;
    (void)printf("built: %.0f ms and %.0f ms of reading, order %.0f ms, %zu KB\n",
                 added - start - reading, reading, now_ms() - added, follow_memory(f) / 1024);
    for (unsigned tries = 0; within.asked < asks && tries < asks * 50; tries++) {
        uint32_t i = (uint32_t)(draw() % n);
        AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        if (numbers[i] == UINT32_MAX || snapshot_text(s, i, &text, NULL) < 0 || !text.len)
            continue;
        ask(f, snapshot_file(s, i)->lang, numbers[i], &text, false, &within);
        ask(f, snapshot_file(s, i)->lang, numbers[i], &text, true, &lines);
    }
    show("in a line", &within);
    show("a new line", &lines);
    snapshot_put(s);
    index_close(ix);
    follow_free(f);
    free(numbers);
    return 0;
}
