// Cards: what an agent says that it can do, signed over its canonical JSON.
#include "protocol/a2a.h"

#include <string.h>

#define TEXT(word, type_, member, flags_, max_)                                                    \
    {                                                                                              \
        .name = word, .type = FIELD_STRING, .flags = flags_, .offset = offsetof(type_, member),    \
        .max = max_                                                                                \
    }
#define WORDS(word, type_, member, flags_)                                                         \
    {                                                                                              \
        .name = word, .type = FIELD_STRING_ARRAY, .flags = flags_,                                 \
        .offset = offsetof(type_, member), .max = A2A_WORDS_MAX                                    \
    }
#define LIST(word, member, flags_, max_, table, element)                                           \
    {                                                                                              \
        .name = word, .type = FIELD_OBJECT_ARRAY, .flags = flags_,                                 \
        .offset = offsetof(struct a2a_card, member), .max = max_, .object = table,                 \
        .object_size = sizeof(element)                                                             \
    }

static const struct field skill_fields[] = {
    TEXT("id", struct a2a_skill, id, FIELD_REQUIRED, A2A_ID_BYTES_MAX),
    TEXT("name", struct a2a_skill, name, FIELD_REQUIRED, A2A_NAME_BYTES_MAX),
    TEXT("description", struct a2a_skill, description, FIELD_REQUIRED, A2A_DESCRIPTION_BYTES_MAX),
    WORDS("tags", struct a2a_skill, tags, FIELD_REQUIRED),
    WORDS("examples", struct a2a_skill, examples, 0),
    {0},
};
static const struct field interface_fields[] = {
    TEXT("url", struct a2a_interface, url, FIELD_REQUIRED, A2A_NAME_BYTES_MAX),
    TEXT("protocolBinding", struct a2a_interface, protocol_binding, FIELD_REQUIRED, 64),
    TEXT("protocolVersion", struct a2a_interface, protocol_version, FIELD_REQUIRED, 16),
    {0},
};
static const struct field capability_fields[] = {
    {.name = "streaming",
     .type = FIELD_BOOL,
     .offset = offsetof(struct a2a_capabilities, streaming),
     .presence = 1,
     .presence_offset = offsetof(struct a2a_capabilities, present)},
    {.name = "pushNotifications",
     .type = FIELD_BOOL,
     .offset = offsetof(struct a2a_capabilities, push),
     .presence = 2,
     .presence_offset = offsetof(struct a2a_capabilities, present)},
    {0},
};
static const struct field proof_fields[] = {
    TEXT("protected", struct a2a_proof, header, FIELD_REQUIRED, JWS_HEADER_BYTES_MAX),
    TEXT("signature", struct a2a_proof, signature, FIELD_REQUIRED, 128),
    {0},
};
const struct field a2a_card_fields[] = {
    TEXT("name", struct a2a_card, name, FIELD_REQUIRED, A2A_NAME_BYTES_MAX),
    TEXT("description", struct a2a_card, description, FIELD_REQUIRED, A2A_DESCRIPTION_BYTES_MAX),
    LIST("supportedInterfaces", interfaces, FIELD_REQUIRED, 8, interface_fields,
         struct a2a_interface),
    {.name = "provider", .type = FIELD_JSON, .offset = offsetof(struct a2a_card, provider)},
    TEXT("version", struct a2a_card, version, FIELD_REQUIRED, 64),
    {.name = "capabilities",
     .type = FIELD_OBJECT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct a2a_card, capabilities),
     .object = capability_fields},
    WORDS("defaultInputModes", struct a2a_card, input_modes, FIELD_REQUIRED),
    WORDS("defaultOutputModes", struct a2a_card, output_modes, FIELD_REQUIRED),
    LIST("skills", skills, FIELD_REQUIRED, A2A_SKILLS_MAX, skill_fields, struct a2a_skill),
    LIST("signatures", proofs, 0, A2A_SIGNATURES_MAX, proof_fields, struct a2a_proof),
    {0},
};

int a2a_card_read(const json_t *object, struct a2a_card *ret, struct err *err) {
    struct a2a_card c = {0};
    int r = fields_decode(a2a_card_fields, object, &c, err);
    if (r < 0)
        return r;
    const struct a2a_skill *s = c.skills.items;
    for (size_t i = 0; r == 0 && i < c.skills.count; i++)
        if (!a2a_id_valid(s[i].id))
            r = err_set(err, ERR_INVAL, "skills[%zu].id: expected letters, digits, '-', '_', '.'",
                        i);
    if (r < 0)
        fields_release(a2a_card_fields, &c);
    else
        *ret = c;
    return r;
}

static const char signatures[] = "signatures";

// All of the card but its signatures, as a shallow copy.
static int unsigned_card(const json_t *card, json_t **ret, struct err *err) {
    json_t *copy = json_is_object(card) ? json_copy((json_t *)card) : NULL;
    if (!copy)
        return json_is_object(card) ? err_set(err, ERR_NOMEM, "out of memory")
                                    : err_set(err, ERR_INVAL, "a card is an object");
    (void)json_object_del(copy, signatures);
    *ret = copy;
    return 0;
}

int a2a_card_sign(json_t *card, const char *key_id, jws_sign_fn *fn, void *ctx, struct err *err) {
    json_t *list = json_object_get(card, signatures), *bare = NULL, *proof = NULL;
    if (json_array_size(list) >= A2A_SIGNATURES_MAX)
        return err_set(err, ERR_LIMIT, "a card has at most %d signatures", A2A_SIGNATURES_MAX);
    int r = unsigned_card(card, &bare, err);
    if (r == 0)
        r = jws_sign(bare, key_id, fn, ctx, &proof, err);
    json_decref(bare);
    if (r < 0)
        return r;
    if (list ? json_array_append_new(list, proof)
             : json_object_set_new(card, signatures, json_pack("[o]", proof)))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int a2a_card_verify(const json_t *card, jws_verify_fn *fn, void *ctx, struct err *err) {
    const json_t *list = json_object_get(card, signatures);
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    if (!n)
        return err_set(err, ERR_KEY, "the card is not signed");
    if (n > A2A_SIGNATURES_MAX)
        return err_set(err, ERR_LIMIT, "a card has at most %d signatures", A2A_SIGNATURES_MAX);
    json_t *bare = NULL;
    int r = unsigned_card(card, &bare, err);
    if (r < 0)
        return r;
    r = ERR_KEY;
    for (size_t i = 0; r < 0 && r != ERR_NOMEM && i < n; i++)
        r = jws_verify(bare, json_array_get(list, i), fn, ctx, err);
    json_decref(bare);
    return r == 0 || r == ERR_NOMEM ? r
                                    : err_context(err, ERR_KEY, "no signature of the card holds");
}
