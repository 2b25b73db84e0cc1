// Texts of editors that stand for files in the index (core/workspace/index.h, index_overlay), of
// all clients of the engine: counted, so that the last one who needs a text lets go of it. Main
// loop.
#pragma once

#include <stdbool.h>

enum { TEXTS_HELD_MAX = 256 };

// One more needs the text of this file. false: there is no room; the file on disk has to do.
bool texts_hold(const char *root, const char *path);
// The index has it now. One that is as the file is need not be put there.
void texts_was_put(const char *root, const char *path);
// One less. true: it was the last, and the index is to be given its file back.
bool texts_let_go(const char *root, const char *path);
