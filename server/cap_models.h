// What the capabilities of model backends share: the functions behind the rows of cap_models.c.
#pragma once

#include "core/base/fields.h"
#include "core/route/route_check.h"
#include "core/store/consent.h"
#include "server/dispatch.h"
#include "server/models.h"

// The origin that makes a repeated request apply once.
struct origin models_origin(const struct call *call);
// The store with a reader's connection.
int models_reader(struct call *call, struct store **ret_store, struct db **ret_db, struct err *err);
// Copies a text into `out` with its end; ERR_LIMIT names the field. An absent one becomes "".
int models_copy(const char *field, struct text t, char *out, size_t size, struct err *err);
// A member's value, or NULL for an absent text.
json_t *models_text(const char *s);

// Takes the values of variables out of the arguments and wipes them there. ERR_LIMIT, ERR_NOMEM:
// what was taken is still the caller's to free (model_keys_done).
int models_take_keys(json_t *from, struct model_keys *keys, struct err *err);

// cap_backends_test.c, cap_backends_find.c
struct backends_test_input {
    struct text name, model;
    bool ask;
    json_t *keys;
};
struct backends_find_input {
    json_t *ports;
};
extern const struct field backends_test_fields[], backends_find_fields[];
capability_fn models_backends_test, models_backends_find;

// cap_models_consent.c
enum consent_way { CONSENT_WAY_OUT, CONSENT_WAY_IN, CONSENT_WAY_BOTH };
struct consent_input {
    struct text backend, workspace; // of a backend: its name alone
    struct text kind, audience;     // of federation; kind "all" (revoking): whatever there is
    int direction;                  // enum consent_way; of federation
    bool any;
    int64_t expires_days, lasts_s;
};
struct consent_list_input {
    struct text backend, audience; // one of them, or all
    int64_t limit;
};
extern const struct field consent_fields[], consent_list_fields[];
capability_fn models_consent_list, models_consent_history, models_consent_grant,
    models_consent_revoke;

// cap_grants.c: federation's, by models_consent_grant and _revoke
int grants_grant(struct call *call, const struct consent_input *in, struct answer *answer,
                 struct err *err);
int grants_revoke(struct call *call, const struct consent_input *in, struct answer *answer,
                  struct err *err);
// What people call an audience of federation, for lists: "everyone", "group team", a friend's name
// or the beginning of its key.
enum { GRANTS_WHO_BYTES_MAX = 192 };
struct fed_names; // NULL: none
void grants_who(const struct fed_names *names, const char *audience,
                char out[GRANTS_WHO_BYTES_MAX]);

// cap_models_log.c
struct audit_list_input {
    int64_t before, after, limit;
    bool private_too;
};
struct audit_verify_input {
    struct text mark;
};
struct usage_input {
    int by;
    struct text since, workspace;
    int64_t limit;
};
struct budget_input {
    struct text workspace;
    bool set_day, set_month;
    int64_t day, month; // millionths of a dollar
};
extern const struct field budget_fields[]; // cap_models_budget.c
capability_fn models_budget;
extern const struct field audit_list_fields[], audit_export_fields[], audit_verify_fields[],
    usage_fields[];
capability_fn models_audit_list, models_audit_export, models_audit_verify, models_usage;

// cap_audit.c: checkpoints, who cosigned them, proofs
struct audit_prove_input {
    int64_t seq;
};
struct audit_check_input {
    json_t *proof;
};
extern const struct field audit_prove_fields[], audit_check_fields[];
capability_fn models_audit_checkpoints, models_audit_prove, models_audit_check, models_audit_cosign;
// Adds "cosigners" to what was verified: who cosigned last up to where.
int audit_put_cosigners(struct call *call, struct db *db, json_t *out, struct err *err);

// cap_models_why.c
struct why_input {
    struct text id;
    int64_t limit;
};
struct judge_input {
    struct text id, verdict;
};
extern const struct field why_fields[], judge_fields[];
capability_fn models_why, models_why_list, models_why_judge;

// cap_models_checks.c
capability_fn models_why_checks;
enum route_check_kind models_check_kind(const char *kind);
// What the user says of the answer of a judgement that the store has: *ret_checks that judged it.
int models_checks_learn(struct call *call, const char *id, const char *verdict, size_t *ret_checks,
                        struct err *err);
