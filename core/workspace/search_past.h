// What a history (history.h) says to a search: churn, commit messages, what changes together.
// Owner: whoever made it; it has to outlive the search, and the history has to outlive it. Any
// thread, once made.
#pragma once

#include "core/workspace/history.h"
#include "core/workspace/search.h"

struct search_past;
// `prefix`: where the workspace lies in the repository, "" or "sub/folder/"; copied. Time is that
// of the newest commit: answers do not depend on the clock. ERR_NOMEM.
int search_past_new(const struct history *h, const char *prefix, struct search_past **ret,
                    struct err *err);
void search_past_free(struct search_past *p); // accepts NULL
const struct search_history *search_past_history(const struct search_past *p);
