// What the editor has open and unsaved, in the place of the files, while an agent works: asked from
// the editor, it speaks of what is in front of the user. For that time, milliseconds, the index has
// them for all who ask; then the files count again, which is what an assistant reads. Main loop.
#pragma once

#include "server/lsp_face.h"

enum { LSP_TEXTS_MAX = 64 };

struct lsp_texts;
// The texts of this root stand for their files when fn is called: at once where nothing is unsaved,
// else from the loop later. fn is called exactly once, also when the session has ended meanwhile.
// `held` is given to fn, and may be NULL.
typedef void lsp_texts_fn(void *ctx, struct lsp_texts *held);
void lsp_texts_hold(struct lsp_face *f, const char *root, lsp_texts_fn *fn, void *ctx);
// Which of them were as their files are: need not be looked at again before the next edit.
void lsp_texts_learn(struct lsp_face *f, const struct lsp_texts *held); // accepts NULL
void lsp_texts_let_go(struct lsp_texts *held);                          // accepts NULL
