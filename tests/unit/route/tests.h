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

// 2026-11-28T00:00:00Z
#define NOON INT64_C(1795824000000)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

// Small generator with a seed, so that simulations repeat.
struct dice {
    uint64_t state;
};
uint32_t dice_next(struct dice *d);
double dice_unit(struct dice *d);   // [0, 1)
double dice_normal(struct dice *d); // mean 0, deviation 1
double dice_lognormal(struct dice *d, double median, double sigma);
