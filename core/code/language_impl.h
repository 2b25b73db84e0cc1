// Inside of the language files.
#pragma once

#include "core/code/language.h"

uint8_t language_role(enum lang l, const char *type, bool named);
uint8_t language_field(const char *name);
// Does cyclomatic complexity count it?
bool language_branch(enum lang l, const char *type, bool named);
