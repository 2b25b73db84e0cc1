// What sort of file it is, by its path and the beginning of its content: test, vendored, generated,
// document, configuration, example, binary; and how much it weighs when files are ranked. Pure.
#pragma once

#include "core/code/language.h"

#include <stddef.h>
#include <stdint.h>

// enum file_flags (index.h) of the path alone.
uint16_t classify_path(const char *path, size_t n);
// What the content adds: FILE_BINARY, FILE_GENERATED ("Code generated … DO NOT EDIT", minified).
uint16_t classify_content(enum lang lang, const char *text, size_t bytes);
// What the language adds: FILE_DOCUMENT, FILE_CONFIG.
uint16_t classify_language(enum lang lang);
// 1 for this project's own source, 0.05 for what is other people's or made by a program.
float classify_weight(uint16_t flags);
