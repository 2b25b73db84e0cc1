// Second stage of recall, scoring. Own words count most, as BM25 counts them; the neighbours in the
// thread lend theirs; then who said it, when, and how well the rest of the thread fits.
#pragma once

#include "core/store/recall_docs.h"

// Fills `score` of every document: 0 for one that has nothing of the question. ERR_NOMEM.
int docs_score(struct docs *d, const struct question *q, const struct recall_query *query,
               struct err *err);
