// Grants of federation, from the command line: kind x audience x direction.
#include "core/base/mem.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/fed_names.h"
#include "server/grants_ask.h"

#include <stdio.h>
#include <string.h>

static const char everything[] = "all";

void grants_who(const struct fed_names *names, const char *audience,
                char out[GRANTS_WHO_BYTES_MAX]) {
    uint8_t key[CONSENT_IDENTITY_BYTES];
    char named[FED_NAMED_BYTES_MAX];
    if (consent_friend_key(audience, key)) {
        fed_names_put(names, key, named);
        (void)snprintf(out, GRANTS_WHO_BYTES_MAX, "friend %s", named);
    } else if (strncmp(audience, CONSENT_GROUP, sizeof CONSENT_GROUP - 1) == 0) {
        (void)snprintf(out, GRANTS_WHO_BYTES_MAX, "group %s", audience + sizeof CONSENT_GROUP - 1);
    } else {
        (void)snprintf(out, GRANTS_WHO_BYTES_MAX, "%s", audience);
    }
}

// --- what is asked for --------------------------------------------------------------------------

struct wanted {
    char kind[CONSENT_WORD_BYTES_MAX + 1];
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    char workspace[CONSENT_PATH_BYTES_MAX + 1]; // "": any
    char who[GRANTS_WHO_BYTES_MAX];
    bool way[CONSENT_DIRECTIONS];
    bool all; // kinds
};

static struct consent_what what_of(const struct wanted *w, int direction) {
    return (struct consent_what){w->kind, w->audience, (enum consent_direction)direction,
                                 w->workspace[0] ? w->workspace : NULL};
}

static int unknown_kind(const char *kind, struct err *err) {
    AUTO_BUF known = BUF_INIT(1000);
    const char *k;
    for (size_t i = 0; (k = consent_kind_at(i)) != NULL; i++)
        (void)buf_printf(&known, " %s", k);
    return err_set(err, ERR_INVAL, "no such kind: %s; there are:%s", kind,
                   known.failed ? "" : known.data);
}

// As it is written, or the name or the beginning of the key of a friend that is known.
static int find_audience(struct call *call, struct wanted *w, struct err *err) {
    const char *kind = w->all ? "pattern" : w->kind;
    uint8_t key[CONSENT_IDENTITY_BYTES];
    struct fed_names names;
    struct err why = {0};
    int r = fed_names_load(call->services, &names, &why);
    if (r < 0) // names are for people: without them it is as with federation off
        names = (struct fed_names){.off = true};
    bool word = strchr(w->audience, ':') == NULL && strcmp(w->audience, CONSENT_EVERYONE) != 0;
    r = word ? fed_names_find(&names, w->audience, key, err) : 0;
    if (word && r == 0)
        consent_friend(key, w->audience);
    if (r == 0)
        r = consent_audience_check(kind, w->audience, err);
    grants_who(&names, w->audience, w->who);
    fed_names_done(&names);
    return r;
}

static int read_wanted(struct call *call, const struct consent_input *in, struct wanted *w,
                       struct err *err) {
    memset(w, 0, sizeof *w);
    int r = models_copy("kind", in->kind, w->kind, sizeof w->kind, err);
    if (r == 0)
        r = models_copy("audience", in->audience, w->audience, sizeof w->audience, err);
    if (r == 0)
        r = models_copy("workspace", in->workspace, w->workspace, sizeof w->workspace, err);
    if (r < 0)
        return r;
    w->way[CONSENT_OUT] = in->direction != CONSENT_WAY_IN;
    w->way[CONSENT_IN] = in->direction != CONSENT_WAY_OUT;
    w->all = strcmp(w->kind, everything) == 0;
    if (!w->all && !consent_kind_federated(w->kind))
        return unknown_kind(w->kind, err);
    if (in->any && w->workspace[0])
        return err_set(err, ERR_INVAL, "one workspace or any, not both");
    return find_audience(call, w, err);
}

static json_t *answer_of(const struct wanted *w) {
    return json_pack("{ss ss ss ss so}", "kind", w->kind, "audience", w->audience, "who", w->who,
                     "direction",
                     w->way[CONSENT_OUT] && w->way[CONSENT_IN] ? "both"
                     : w->way[CONSENT_OUT]                     ? "out"
                                                               : "in",
                     "workspace", models_text(w->workspace[0] ? w->workspace : NULL));
}

// --- granting -----------------------------------------------------------------------------------

static void say_until(int64_t lasts_s, char *out, size_t size) {
    static const struct {
        const char *name;
        int64_t s;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    size_t u = 0;
    while (lasts_s && lasts_s % units[u].s)
        u++;
    long long n = (long long)(lasts_s / units[u].s);
    if (lasts_s)
        (void)snprintf(out, size, "for %lld %s%s", n, units[u].name, n == 1 ? "" : "s");
    else
        (void)snprintf(out, size, "until you revoke it");
}

static int question(const struct wanted *w, int64_t lasts_s, struct answer *answer,
                    struct err *err) {
    AUTO_BUF message = BUF_INIT(GRANTS_QUESTION_BYTES_MAX);
    char until[64];
    say_until(lasts_s, until, sizeof until);
    for (int d = 0; d < CONSENT_DIRECTIONS; d++) {
        const struct consent_what what = what_of(w, d);
        if (!w->way[d])
            continue;
        if (message.len)
            (void)buf_puts(&message, "\n\n");
        grants_put_words(&message, &what, w->who, until);
    }
    answer->ask = message.failed ? NULL : json_pack("{ss}", "message", message.data);
    return answer->ask ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int grants_grant(struct call *call, const struct consent_input *in, struct answer *answer,
                 struct err *err) {
    struct wanted w;
    int r = read_wanted(call, in, &w, err);
    if (r == 0 && w.all)
        r = err_set(err, ERR_INVAL, "each kind has words of its own: grant them one by one");
    if (r == 0 && w.workspace[0] && w.way[CONSENT_IN] && strcmp(w.kind, CONSENT_TASK) != 0)
        r = err_set(err, ERR_INVAL,
                    "what arrives belongs to no workspace of yours: grant it without one");
    struct store *s = r == 0 ? admin_store(call, &r, err) : NULL;
    if (!s)
        return r;
    int64_t lasts_s = in->lasts_s ? in->lasts_s : in->expires_days * 86400;
    int64_t expires_ms = lasts_s ? call->now_ms + lasts_s * 1000 : 0;
    if (!call->confirmed)
        return question(&w, lasts_s, answer, err);
    for (int d = 0; r == 0 && d < CONSENT_DIRECTIONS; d++) {
        const struct consent_what what = what_of(&w, d);
        if (w.way[d]) // two writes of one call: not under its origin, which would apply once
            r = consent_grant(s, NULL, &what, expires_ms, call->caller->face, err);
    }
    if (r < 0)
        return r;
    json_t *done = answer_of(&w);
    if (done)
        (void)json_object_set_new(done, "expires_ms", json_integer(expires_ms));
    return admin_answer(answer, done, err);
}

// --- revoking -----------------------------------------------------------------------------------

static int revoke_each(struct store *s, const struct wanted *w, bool any, int64_t *ended,
                       bool *still, struct err *err) {
    int r = 0;
    for (int d = 0; r == 0 && d < CONSENT_DIRECTIONS; d++) {
        const struct consent_what what = what_of(w, d);
        int64_t some = 0;
        bool more = false;
        if (!w->way[d] || (d == CONSENT_IN && what.workspace && strcmp(w->kind, CONSENT_TASK) != 0))
            continue;
        r = consent_revoke(s, NULL, &what, !any && !what.workspace, &some, &more, err);
        *ended += some;
        *still |= more;
    }
    return r;
}

int grants_revoke(struct call *call, const struct consent_input *in, struct answer *answer,
                  struct err *err) {
    struct wanted w;
    int64_t ended = 0;
    bool still = false;
    int r = read_wanted(call, in, &w, err);
    if (r == 0 && w.all && (w.workspace[0] || in->any || in->direction != CONSENT_WAY_BOTH))
        r = err_set(err, ERR_INVAL, "all: ends what is granted to them whatever it is");
    struct store *s = r == 0 ? admin_store(call, &r, err) : NULL;
    if (!s)
        return r;
    r = w.all ? consent_forget(s, NULL, w.audience, "revoked", &ended, err)
              : revoke_each(s, &w, in->any, &ended, &still, err);
    if (r < 0)
        return r;
    json_t *done = answer_of(&w);
    if (done) {
        (void)json_object_set_new(done, "ended", json_integer(ended));
        (void)json_object_set_new(done, "still_granted", json_boolean(still));
    }
    return admin_answer(answer, done, err);
}
