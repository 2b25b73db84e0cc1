// The words that people agree to, and who may be meant by a grant. A word that is changed here
// makes the grants of its kind ask again: raise the version with it.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/consent_impl.h"

#include <sodium.h>
#include <string.h>

#define ARRIVES                                                                                    \
    "arrive here. Each is checked against its author's signature, looked through for secrets "     \
    "again and kept apart until you accept it; nothing of it is ever run. The sender learns that " \
    "it came and, when it is taken back, that it was deleted; not whether you accepted it."
#define TAKEN_BACK                                                                                 \
    "What you take back the receiver's paired deletes, and sends a receipt; copies made by hand "  \
    "stay. Revoking stops what has not left yet."
#define OWN_WORDS                                                                                  \
    "as they are shown to you before. What holds a secret is refused; paths, addresses and names " \
    "of people and hosts that are found are masked. "

static const struct {
    const char *kind;
    struct consent_text text;
} texts[] = {
    {CONSENT_BACKEND,
     {1,
      "Requests to this backend may hold text of files, names, diffs, notes and questions of the "
      "workspace. Secrets that are found are masked, or the request is refused "
      "(models.secrets). What its operator keeps is the operator's rule. Revoking acts on the "
      "next request; what was sent stays there.",
      NULL}},
    {"pattern",
     {1,
      "Patterns that you share leave, as they are shown to you before: some statements of the "
      "language's words, names of its standard library and placeholders, in how many places they "
      "were seen (rounded), and tags that only who holds the same pattern can recognise. Names of "
      "your own, texts, numbers, comments, paths and history never leave. " TAKEN_BACK,
      "Patterns that they share " ARRIVES}},
    {"template",
     {1,
      "Templates that you share leave, as they are shown to you before: the file that you chose, "
      "with holes in the place of your own names and texts. No other file, path or history ever "
      "leaves. " TAKEN_BACK,
      "Templates that they share " ARRIVES}},
    {"resource",
     {1,
      "Links and notes that you share leave, with title and tags, " OWN_WORDS
      "Notes that you did not share, and code, never leave. " TAKEN_BACK,
      "Links and notes that they share " ARRIVES}},
    {"metric",
     {1,
      "Counts that you share leave, each of a month, added up on this machine and blurred by noise "
      "that hides what any one day added; each spends from a budget, and none is made when it is "
      "used up. Single events, names, code and paths never leave. " TAKEN_BACK,
      "Blurred counts that they share " ARRIVES}},
    {"decision",
     {1,
      "Decisions that you share leave, with title, state and date, " OWN_WORDS
      "Notes that you did not share, and other code, never leave. " TAKEN_BACK,
      "Decisions that they share " ARRIVES}},
    {"milestone",
     {1,
      "Milestones that you share leave, with title, state and date, " OWN_WORDS
      "Notes that you did not share, and code, never leave. " TAKEN_BACK,
      "Milestones that they share " ARRIVES}},
    {CONSENT_TASK,
     {1,
      "What you ask this friend's agents leaves: your question and the change or text that it is "
      "about. Secrets that are found are masked, or the request is refused (models.secrets). "
      "Nothing else of the workspace ever leaves. The friend's agents may hand it to the models "
      "that they use; what was sent stays there.",
      "This friend may ask your agents. What it sends is never run and never written to your "
      "files. The answer leaves: it may name and quote what your project knows about what was "
      "asked. Each task is in the audit log. Revoking stops those that run; what was answered "
      "stays there."}},
};

const struct consent_text *consent_text_of(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (strcmp(texts[i].kind, kind) == 0)
            return &texts[i].text;
    return NULL;
}

const char *consent_words(const char *kind, enum consent_direction d) {
    const struct consent_text *text = consent_text_of(kind);
    if (!text)
        return NULL;
    return d == CONSENT_IN && text->in ? text->in : text->words;
}

const char *consent_kind_at(size_t i) {
    return i + 1 < COUNT_OF(texts) ? texts[i + 1].kind : NULL; // the first is the backends'
}

bool consent_kind_federated(const char *kind) {
    return consent_text_of(kind) && strcmp(kind, CONSENT_BACKEND) != 0;
}

bool consent_hash(const char *kind, enum consent_direction d, uint8_t out[CONSENT_HASH_BYTES]) {
    const char *words = consent_words(kind, d);
    if (words)
        (void)crypto_hash_sha256(out, (const unsigned char *)words, strlen(words));
    return words != NULL;
}

// --- audiences ----------------------------------------------------------------------------------

void consent_friend(const uint8_t identity[CONSENT_IDENTITY_BYTES],
                    char out[CONSENT_AUDIENCE_BYTES_MAX + 1]) {
    memcpy(out, CONSENT_FRIEND, sizeof CONSENT_FRIEND);
    (void)sodium_bin2hex(out + sizeof CONSENT_FRIEND - 1, 2 * (size_t)CONSENT_IDENTITY_BYTES + 1,
                         identity, CONSENT_IDENTITY_BYTES);
}

// Lower case alone: one friend has one spelling.
bool consent_friend_key(const char *audience, uint8_t ret[CONSENT_IDENTITY_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    if (strncmp(audience, CONSENT_FRIEND, sizeof CONSENT_FRIEND - 1) != 0)
        return false;
    const char *hex = audience + sizeof CONSENT_FRIEND - 1;
    if (strlen(hex) != 2 * (size_t)CONSENT_IDENTITY_BYTES ||
        strspn(hex, digits) != 2 * (size_t)CONSENT_IDENTITY_BYTES)
        return false;
    return sodium_hex2bin(ret, CONSENT_IDENTITY_BYTES, hex, strlen(hex), NULL, NULL, NULL) == 0;
}

static bool is_group(const char *audience) {
    if (strncmp(audience, CONSENT_GROUP, sizeof CONSENT_GROUP - 1) != 0)
        return false;
    const char *name = audience + sizeof CONSENT_GROUP - 1;
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return n && n <= CONSENT_GROUP_BYTES_MAX && utf_valid(name, n);
}

int consent_audience_check(const char *kind, const char *audience, struct err *err) {
    uint8_t key[CONSENT_IDENTITY_BYTES];
    if (consent_friend_key(audience, key))
        return 0;
    if (strcmp(kind, CONSENT_TASK) == 0)
        return err_set(err, ERR_INVAL,
                       "consent: agents are asked by friends only: friend: and 64 hex digits");
    if (strcmp(audience, CONSENT_EVERYONE) == 0 || is_group(audience))
        return 0;
    return err_set(err, ERR_INVAL,
                   "consent: expected friend: and 64 hex digits, group:NAME or everyone");
}
