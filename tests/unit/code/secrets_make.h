// Secrets and what looks like them, made from a seed at test time: no token stands in the tree.
// Owner: tests/unit/code/test_secrets.c.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct maker {
    uint64_t state;
};
uint32_t maker_random(struct maker *m, uint32_t below);

enum { MADE_BYTES_MAX = 6000 };

// The kinds of tokens; each writes one to out and names the rule that has to find it.
size_t make_token_kinds(void);
void make_token(struct maker *m, size_t kind, char out[MADE_BYTES_MAX], const char **ret_rule);
// A key as lines with real line ends.
void make_pem(struct maker *m, char out[MADE_BYTES_MAX]);
void make_jwt(struct maker *m, char out[MADE_BYTES_MAX]);
// A line of code or configuration with something that is no secret.
void make_negative(struct maker *m, char out[MADE_BYTES_MAX]);
size_t make_negative_kinds(void);
void make_chars(struct maker *m, const char *alphabet, size_t n, char *out);

// Puts a value into a file of one of ten kinds; *ret_at is where it begins, *ret_path the file's
// name.
enum { FILE_KINDS = 10 };
void make_file(struct maker *m, unsigned kind, const char *value, char out[4 * MADE_BYTES_MAX],
               const char **ret_path, size_t *ret_at);
