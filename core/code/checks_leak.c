#include "core/code/checks_impl.h"
const struct check_row checks_leak[] = {{0, 0, NULL}};
