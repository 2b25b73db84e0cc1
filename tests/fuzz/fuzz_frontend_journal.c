// server/frontend_journal: any lines of a client, between answers and ends of engines. Each line of
// the input is one step: "!" answers a number, "^" a crash, "~" an engine to be told everything,
// "+" an oversized message, anything else a message. What the journal itself answers is JSON, and
// at the end nothing is left open.
#include "server/frontend_documents.c"
#include "server/frontend_journal.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_answer(void *ctx, const char *json, size_t n) {
    (void)ctx;
    struct jsonrpc_message m;
    // An id may be one that no answer can carry back as a message of ours; JSON it is in any case.
    if (jsonrpc_read(json, n, &m, NULL) == ERR_PARSE)
        abort();
}

static int on_replay(void *ctx, enum hop_type type, unsigned flags, uint64_t seq, const char *body,
                     size_t n, size_t total) {
    const uint64_t *newest = ctx;
    (void)body;
    if (seq == 0 || seq > *newest || total < n || (flags & ~(unsigned)(HOP_REPLAY | HOP_SILENT)) ||
        (type != HOP_MESSAGE && type != HOP_OVERSIZE))
        abort();
    return 0;
}

static void step(struct journal *j, const char *line, size_t n, uint64_t *seq) {
    AUTO_BUF refusal = BUF_INIT(0);
    switch (n ? line[0] : ' ') {
    case '!':
        for (size_t i = 1; i < n; i++)
            journal_answered(j, (uint64_t)(unsigned char)line[i] & 15);
        return;
    case '^':
        journal_engine_left(j, n == 1, on_answer, NULL);
        return;
    case '~':
        (void)journal_replay(j, on_replay, seq);
        return;
    case '+':
        (void)journal_add_oversize(j, ++*seq, line + 1, n - 1, n + 1000, &refusal);
        break;
    default:
        (void)journal_add(j, ++*seq, line, n, &refusal);
        break;
    }
    if (refusal.len)
        on_answer(NULL, refusal.data, refusal.len);
    if (n % 2)
        journal_mark_sent(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct journal *j = journal_new();
    if (!j)
        return 0;
    uint64_t seq = 0;
    const char *p = (const char *)data;
    const char *end = p + size;
    while (p < end && !journal_full(j)) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        step(j, p, (size_t)((lf ? lf : end) - p), &seq);
        p = lf ? lf + 1 : end;
    }
    journal_fail_all(j, "gone", on_answer, NULL);
    if (journal_open(j) != 0 || j->bytes || j->immediate || j->lasting)
        abort();
    journal_free(j);
    return 0;
}
