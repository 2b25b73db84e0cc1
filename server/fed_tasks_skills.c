// Which of the agents' capabilities a friend may be asked for: those that only read, and that can
// be worked out from what is sent. Their words are those of the agents' own tables.
#include "server/fed_tasks.h"

#include "core/base/build.h"
#include "core/base/mem.h"
#include "server/cap_fed.h"

#include <stdio.h>
#include <string.h>

static bool material_of(const struct agent_capability *c, enum fed_tasks_material *ret) {
    if (c->flags & AGENT_WRITES || !(c->flags & AGENT_FROM_SENT))
        return false;
    *ret = c->flags & AGENT_FROM_DIFF    ? FED_TASKS_DIFF
           : c->flags & AGENT_FROM_FILES ? FED_TASKS_FILES
                                         : FED_TASKS_WORDS;
    return true;
}

const struct agent_capability *fed_tasks_skill(const char *agent, const char *skill,
                                               enum fed_tasks_material *ret) {
    const struct agent *of = NULL;
    enum fed_tasks_material material;
    const struct agent_capability *c = agent_capability_find(skill, strlen(skill), &of);
    if (!c || !of || of == &agent_team || strcmp(of->name, agent) != 0 ||
        !material_of(c, &material))
        return NULL;
    if (ret)
        *ret = material;
    return c;
}

// --- cards -------------------------------------------------------------------------------------

static json_t *skill_of(const struct agent_capability *c, enum fed_tasks_material material) {
    static const char *const needs[] = {"needs a diff and the files it changes", "needs files",
                                        "needs its arguments alone"};
    json_t *skill = json_pack("{s:s, s:s, s:s, s:[s]}", "id", c->name, "name", c->title,
                              "description", c->description, "tags", needs[material]);
    if (skill && c->example)
        (void)json_object_set_new(skill, "examples", json_pack("[s]", c->example));
    return skill;
}

static json_t *card_of(const struct agent *a, const char *url) {
    json_t *skills = json_array();
    for (const struct agent_capability *c = a->capabilities; c->name; c++) {
        enum fed_tasks_material material;
        if (material_of(c, &material))
            (void)json_array_append_new(skills, skill_of(c, material));
    }
    return json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}], s:s, s:{s:b, s:b}, s:[s, s], s:[s, s], s:o}",
                     "name", a->name, "description", a->title, "supportedInterfaces", "url", url,
                     "protocolBinding", "paired", "protocolVersion", A2A_VERSION, "version",
                     paired_version, "capabilities", "streaming", 0, "pushNotifications", 0,
                     "defaultInputModes", "text/x-diff", "text/plain", "defaultOutputModes",
                     "text/plain", "application/json", "skills", skills);
}

static int sign(void *ctx, const void *bytes, size_t n, uint8_t ret[JWS_SIGNATURE_BYTES],
                struct err *err) {
    (void)err;
    identity_sign(ctx, bytes, n, ret);
    return 0;
}

json_t *fed_tasks_cards(struct fed_core *core) {
    char key[FED_HEX_BYTES], url[FED_HEX_BYTES + 8];
    json_t *cards = json_array();
    fed_hex(identity_device(core->id), RECORD_KEY_BYTES, key);
    (void)snprintf(url, sizeof url, "paired:%s", key);
    for (size_t i = 0; cards && i < AGENTS_SEVEN; i++) {
        json_t *card = card_of(agents[i], url);
        if (!card || a2a_card_sign(card, key, sign, core->id, NULL) < 0 ||
            json_array_append(cards, card) < 0) {
            json_decref(cards);
            cards = NULL;
        }
        json_decref(card);
    }
    return cards;
}
