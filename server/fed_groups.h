// The part of the engine's federation that knows our groups. Its thread only.
#pragma once

#include "federation/groups.h"
#include "server/fed_impl.h"

extern const struct fed_part fed_part_groups;
struct groups *fed_groups_of(struct fed_core *core); // while the core is ready

// server/cap_fed_groups.c
struct group_input {
    struct text name, secret;
};
extern const struct field group_fields[];
capability_fn fed_group_list, fed_group_new, fed_group_join, fed_group_leave;
