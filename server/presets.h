// Backends that are known by name: where they are, which API they speak, which variable usually
// holds their key. Models and prices are not here: they change more often. Engine side; constant.
#pragma once

#include "core/store/backends.h"

struct preset {
    const char *name; // also the name it gets, unless the user gives another
    enum backend_family family;
    enum backend_fim fim;
    const char *url; // without the API's version
    const char *env; // NULL: takes no key
    const char *what;
};
extern const struct preset presets[];               // ends with name == NULL
const struct preset *preset_find(const char *name); // NULL: none
