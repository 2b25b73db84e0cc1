#include "core/code/checks_impl.h"
const struct check_row checks_go_java[] = {{0, 0, NULL}};
