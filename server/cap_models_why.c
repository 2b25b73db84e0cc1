// "Why this backend?" for the command line: the router's latest choices.
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/models_why.h"

enum { LIST_DEFAULT = 20 };

const struct field why_fields[] = {
    {.name = "id", .type = FIELD_STRING, .offset = offsetof(struct why_input, id), .max = 40},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct why_input, limit),
     .min = 1,
     .max = MODEL_WHYS_MAX},
    {0},
};

int models_why(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct why_input *in = input;
    char id[41];
    json_t *one = NULL;
    int r = models_copy("id", in->id, id, sizeof id, err);
    if (r == 0)
        r = model_whys_one(call->services->whys, id, &one, err);
    return r < 0 ? r : admin_answer(answer, one, err);
}

int models_why_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct why_input *in = input;
    size_t limit = in->limit ? (size_t)in->limit : LIST_DEFAULT;
    return admin_answer(
        answer, json_pack("{so}", "requests", model_whys_list(call->services->whys, limit)), err);
}
