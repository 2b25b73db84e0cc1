// What a request is about, as far as the router has to know: the user's last words, whether a tool
// speaks, which tools there are, whether there are images. Found by place in the bytes, without a
// tree; nothing is kept of it. Pure; any thread.
#pragma once

#include "core/route/route_origin.h"
#include "server/models_body.h"

enum { MODEL_LOOK_BYTES_MAX = 64 * 1024 }; // of a text; longer ones by their beginning and end

// What the last message says of edits that the answer before it asked for. A tool tells both
// plainly, in Anthropic's format; what else may go wrong with an edit (refused by the user, a file
// that is not there) says nothing of the answer.
enum model_edit { MODEL_EDIT_NONE, MODEL_EDIT_APPLIED, MODEL_EDIT_FAILED };

struct model_look {
    struct buf task, system; // texts, escapes undone
    bool tool_result;        // the last message is what a tool answered
    enum model_edit edit;    // of several the worst one
    bool images;
    bool edit_tool, only_web_search;
};
// Bytes and places as model_body_read() took them. ERR_NOMEM. `look` may be used again.
int model_look_read(enum wire_family family, const struct model_body *b, const char *bytes,
                    size_t n, struct model_look *look);
void model_look_done(struct model_look *look);
// Borrows from both.
void model_look_hints(const struct model_look *look, const struct model_body *b,
                      struct route_hints *ret);
