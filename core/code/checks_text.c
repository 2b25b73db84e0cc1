#include "core/code/checks_impl.h"
const struct check_row checks_text[] = {{0, 0, NULL}};
