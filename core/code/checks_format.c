#include "core/code/checks_impl.h"
const struct check_row checks_format[] = {{0, 0, NULL}};
