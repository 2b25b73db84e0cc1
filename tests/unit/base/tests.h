// What every test of this folder includes, in the order that cmocka wants it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// A fresh directory below /tmp, removed with its content by scratch_remove.
char *scratch_new(void);
void scratch_remove(char *dir);
void write_text(const char *path, const char *text);
// Reads a whole file; free() it.
char *read_text(const char *path);
