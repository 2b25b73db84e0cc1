// The user's own rules of what to ignore, where git looks for them: core.excludesFile of
// ~/.gitconfig or $XDG_CONFIG_HOME/git/config, else $XDG_CONFIG_HOME/git/ignore. Only a regular
// file of this user's or root's is read. Any thread.
#pragma once

#include "core/base/buf.h"

// `place`: a file instead of those; "" = none; NULL = as git does. Appends the rules; what cannot
// be read has none. ERR_NOMEM.
int excludes_read(const char *place, struct buf *ret);
// The value of core.excludesFile in the text of a configuration: a string of the caller's
// (mem_free), or NULL. Includes and conditions are not followed.
char *excludes_of_config(const char *text, size_t n);
