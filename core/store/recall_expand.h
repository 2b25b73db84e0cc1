// Beginnings of words: terms of the index that begin with what the question has.
#pragma once

#include "core/store/memory.h"
#include "core/store/recall_query.h"

// Adds them to the concept; returns how many were added (0: too short, or there are none), or
// ERR_*.
int question_expand(struct db *db, struct question *q, size_t concept, struct err *err);
