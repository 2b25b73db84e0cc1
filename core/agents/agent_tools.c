// What the agents' files share.
#include "core/agents/agents.h"

#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <string.h>

// Long enough for the trees of a large repository; what is not there by then is said in a note.
enum { SNAPSHOT_WAIT_MS = 20000 };

int agent_snapshot(struct agent_call *call, enum facts_tier tier, struct snapshot **ret,
                   struct err *err) {
    struct index_want want = {
        .tier = tier, .ms = SNAPSHOT_WAIT_MS, .cancelled = call->cancelled, .ctx = call->ctx};
    return index_get(workspace_index(call->ws), &want, ret, err);
}

int agent_view(struct agent_call *call, struct workspace_view **ret, struct err *err) {
    struct index_want want = {
        .tier = TIER_TREE, .ms = SNAPSHOT_WAIT_MS, .cancelled = call->cancelled, .ctx = call->ctx};
    return workspace_view_get(call->ws, &want, ret, err);
}

const char *agent_path(struct text path, char *ret, size_t max) {
    while (path.len >= 2 && path.data[0] == '.' && path.data[1] == '/') {
        path.data += 2;
        path.len -= 2;
    }
    while (path.len && path.data[path.len - 1] == '/')
        path.len--;
    if (!path.len || (path.len == 1 && path.data[0] == '.'))
        return NULL;
    size_t n = path.len < max ? path.len : max - 1;
    memcpy(ret, path.data, n);
    ret[n] = '\0';
    return ret;
}

void agent_note_left_out(struct report *r, const struct snapshot *s) {
    const char *note;
    for (unsigned i = 0; (note = snapshot_note(s, i)); i++)
        report_note(r, "%s", note);
}

void agent_note_limits(struct report *r, const struct snapshot *s) {
    agent_note_left_out(r, s);
    if (snapshot_tier(s) < TIER_TREE)
        report_note(r, "syntax trees of some files are still being made: ask again for all");
}
