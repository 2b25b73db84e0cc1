// Traps of C and C++.
#include "core/code/checks_impl.h"

const struct check_row checks_c[] = {{0, 0, NULL}};
