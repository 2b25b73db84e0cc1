// Does a text look as if it held a private key or a provider's access token? Shapes only, narrow
// enough not to cry wolf: for a warning, never for altering what is kept. Any thread.
#pragma once

#include <stddef.h>

// What it looks like ("a private key", "a GitHub token"), or NULL.
const char *credential_find(const char *text, size_t n);
