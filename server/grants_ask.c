#include "server/grants_ask.h"

#include "core/base/mem.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

// --- words --------------------------------------------------------------------------------------

void grants_put_words(struct buf *out, const struct consent_what *what, const char *who,
                      const char *until) {
    const char *words = consent_words(what->kind, what->direction);
    bool task = strcmp(what->kind, CONSENT_TASK) == 0;
    bool goes = what->direction == CONSENT_OUT;
    if (task)
        (void)buf_puts(out,
                       goes ? "This lets you ask the agents of " : "This opens your agents to ");
    else
        (void)buf_printf(out, "This lets %ss %s ", what->kind, goes ? "go to" : "come from");
    (void)buf_puts(out, who ? who : what->audience);
    if (strcmp(what->audience, CONSENT_EVERYONE) == 0)
        (void)buf_puts(out, " you are paired with, now or later");
    if (what->workspace)
        (void)buf_printf(out, ", of %s", what->workspace);
    (void)buf_printf(out, ", %s.\n%s", until, words ? words : "");
}

void grants_put_command(struct buf *out, const char *verb, const struct consent_what *what) {
    (void)buf_printf(out, "paired consent %s %s %s --%s", verb, what->kind, what->audience,
                     consent_direction_name(what->direction));
    if (what->workspace)
        (void)buf_printf(out, " --workspace %s", what->workspace);
}

// --- which questions were put -------------------------------------------------------------------

static struct {
    pthread_mutex_t lock;
    struct {
        uint8_t what[CONSENT_HASH_BYTES];
        int64_t at_ms; // 0: free
    } put[GRANTS_ASKED_MAX];
} asked = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void add(crypto_hash_sha256_state *h, const char *s) {
    (void)crypto_hash_sha256_update(h, (const unsigned char *)s, strlen(s) + 1);
}

// By whom, for what, in which words.
static void name_question(const struct call *call, const struct consent_what *what,
                          uint8_t out[CONSENT_HASH_BYTES]) {
    const char *words = consent_words(what->kind, what->direction);
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    add(&h, call->caller->face);
    add(&h, call->caller->session);
    add(&h, call->capability->name);
    add(&h, what->kind);
    add(&h, what->audience);
    add(&h, consent_direction_name(what->direction));
    add(&h, what->workspace ? what->workspace : "");
    add(&h, words ? words : "");
    (void)crypto_hash_sha256_final(&h, out);
}

static bool fresh(int64_t at_ms, int64_t now_ms) {
    return at_ms && now_ms - at_ms < GRANTS_ASKED_MS && at_ms - now_ms < GRANTS_ASKED_MS;
}

static void remember(const uint8_t what[CONSENT_HASH_BYTES], int64_t now_ms) {
    size_t oldest = 0;
    (void)pthread_mutex_lock(&asked.lock);
    for (size_t i = 0; i < GRANTS_ASKED_MAX; i++)
        if (asked.put[i].at_ms < asked.put[oldest].at_ms)
            oldest = i;
    memcpy(asked.put[oldest].what, what, CONSENT_HASH_BYTES);
    asked.put[oldest].at_ms = now_ms;
    (void)pthread_mutex_unlock(&asked.lock);
}

// Once: the next grant needs the next agreement.
static bool take(const uint8_t what[CONSENT_HASH_BYTES], int64_t now_ms) {
    bool found = false;
    (void)pthread_mutex_lock(&asked.lock);
    for (size_t i = 0; i < GRANTS_ASKED_MAX; i++)
        if (fresh(asked.put[i].at_ms, now_ms) &&
            memcmp(asked.put[i].what, what, CONSENT_HASH_BYTES) == 0) {
            asked.put[i].at_ms = 0;
            found = true;
        }
    (void)pthread_mutex_unlock(&asked.lock);
    return found;
}

// --- asking -------------------------------------------------------------------------------------

static int ask(struct call *call, const struct grants_first *first, struct answer *answer,
               struct err *err) {
    AUTO_BUF message = BUF_INIT(GRANTS_QUESTION_BYTES_MAX);
    AUTO_BUF instead = BUF_INIT(GRANTS_QUESTION_BYTES_MAX);
    AUTO_BUF about = BUF_INIT(GRANTS_QUESTION_BYTES_MAX);
    uint8_t name[CONSENT_HASH_BYTES];
    if (first->purpose)
        (void)buf_printf(&message, "%s\n", first->purpose);
    grants_put_words(&message, &first->what, first->who, "until you revoke it");
    grants_put_command(&instead, "grant", &first->what);
    (void)buf_puts(&about, "End it at any time: ");
    grants_put_command(&about, "revoke", &first->what);
    if (message.failed || instead.failed || about.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    answer->ask = json_pack("{ss ss ss}", "message", message.data, "instead", instead.data, "about",
                            about.data);
    if (!answer->ask)
        return err_set(err, ERR_NOMEM, "out of memory");
    name_question(call, &first->what, name);
    remember(name, call->now_ms);
    return 0;
}

int grants_ask_first(struct call *call, const struct grants_first *first, struct consent_pass *ret,
                     struct answer *answer, struct err *err) {
    uint8_t name[CONSENT_HASH_BYTES];
    int r = 0;
    struct store *s = admin_store(call, &r, err);
    if (!s)
        return r;
    if (!consent_kind_federated(first->what.kind))
        return err_set(err, ERR_INVAL, "no such kind of consent: %s", first->what.kind);
    struct err why = {0};
    r = consent_audience_check(first->what.kind, first->what.audience, &why);
    if (r == 0)
        r = consent_check(s, &first->what, ret, &why);
    if (r == 0)
        return 1;
    if (r != ERR_PERM)
        return err_set(err, r, "%s", err_text(&why));
    // MCP tools take `confirm` of a model whose client cannot ask: enough for some things, not
    // here.
    bool by_model = json_is_true(json_object_get(call->arguments, "confirm"));
    if (call->confirmed && by_model && strcmp(call->caller->face, "mcp") == 0)
        return err_set(err, r, "%s (in a terminal: this client cannot ask its user)",
                       err_text(&why));
    name_question(call, &first->what, name);
    if (!call->confirmed || !take(name, call->now_ms))
        return ask(call, first, answer, err);
    // Not under the call's own origin: that is for what the capability itself writes.
    r = consent_grant(s, NULL, &first->what, 0, call->caller->face, err);
    if (r == 0)
        r = consent_check(s, &first->what, ret, err);
    return r < 0 ? r : 1;
}
