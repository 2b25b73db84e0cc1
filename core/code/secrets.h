// Secrets in a text: tokens of providers by their documented shapes (checked by their checksum
// where there is one), private keys and JSON web tokens that decode, passwords in URLs, and values
// of key/value assignments that look random and not like a placeholder, a hash, a name or a test's.
//
// Two scanners over one set of rules. secrets_scan is for a reviewer: precision first, what is not
// sure is not said. secrets_gate is for bytes that are about to leave the machine: recall first, it
// also names what has the shape but fails a check, stands in a test, or is only conspicuously
// random.
//
// Pure, bounded, one pass; keeps nothing. Any thread. The value is never copied out: a finding says
// where, what kind, how long, and at most the provider's public prefix.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SECRET_VALUE_BYTES_MAX = 8192, // a longer value (a key, a token) is not recognised
    SECRET_SHOWN_BYTES = 64
};

struct secret_finding {
    const char *rule;               // "github-token": stable, users mute by it
    const char *what;               // "GitHub token"
    size_t start, end;              // bytes of the value
    uint32_t line, column;          // of its begin, from 1; the column in bytes
    uint8_t confidence;             // percent
    bool fixture;                   // the path is of a test, an example or a document
    char shown[SECRET_SHOWN_BYTES]; // "ghp_… (40 characters)": safe to print
};

// Non-zero stops the scan and becomes its result.
typedef int secret_fn(void *ctx, const struct secret_finding *f);

// Findings in order of position, none inside another. `path` (from the root of the repository; may
// be NULL) tells tests, documents and lock files. 0, or what `emit` returned.
int secrets_scan(const char *text, size_t n, const char *path, secret_fn *emit, void *ctx);
int secrets_gate(const char *text, size_t n, const char *path, secret_fn *emit, void *ctx);

// How many providers' shapes there are.
size_t secrets_rule_count(void);
