// Between the files of core/base/fields*.c only.
#pragma once

#include "core/base/fields.h"

enum { FIELDS_DEPTH_MAX = 32 }; // tables may refer to themselves; deeper JSON is nobody's message

static inline const void *field_slot(const struct field *f, const void *value) {
    return (const char *)value + f->offset;
}
// An optional field that is not there.
bool field_left_out(const struct field *f, const void *value);
