#include "core/route/route_time.h"

#include <math.h>
#include <string.h>

enum { MS_DAY = 24 * 3600 * 1000 };

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void trim(const char **s, size_t *n) {
    while (*n && is_blank(**s)) {
        (*s)++;
        (*n)--;
    }
    while (*n && is_blank((*s)[*n - 1]))
        (*n)--;
}

// Reads a number at s[0..n); returns the bytes used, 0 when there is none. Digits beyond 18 behind
// the point do not matter.
static size_t read_number(const char *s, size_t n, double *ret) {
    size_t at = 0;
    uint64_t digits = 0;
    double scale = 1;
    while (at < n && is_digit(s[at])) {
        if (at == 18)
            return 0;
        digits = digits * 10 + (uint64_t)(s[at++] - '0');
    }
    if (at == 0)
        return 0;
    if (at + 1 < n && s[at] == '.' && is_digit(s[at + 1])) {
        for (at++; at < n && is_digit(s[at]); at++) {
            if (digits >= UINT64_C(100000000000000000))
                continue;
            digits = digits * 10 + (uint64_t)(s[at] - '0');
            scale *= 10;
        }
    }
    *ret = (double)digits / scale;
    return at;
}

bool route_parse_number(const char *s, size_t n, double *ret) {
    double value;
    trim(&s, &n);
    if (n == 0 || read_number(s, n, &value) != n)
        return false;
    *ret = value;
    return true;
}

// Milliseconds of the unit at s, and its length; none at the end of the text means seconds.
static double unit_of(const char *s, size_t n, size_t *ret_bytes) {
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},  {"us", .001}, {"ns", 1e-6},  {"s", 1000},
                 {"m", 6e4}, {"h", 36e5},  {"d", MS_DAY}, {NULL, 0}};
    for (size_t i = 0; units[i].name; i++) {
        size_t len = strlen(units[i].name);
        if (n >= len && memcmp(s, units[i].name, len) == 0) {
            *ret_bytes = len;
            return units[i].ms;
        }
    }
    *ret_bytes = 0;
    return 0;
}

bool route_parse_duration(const char *s, size_t n, int64_t *ret_ms) {
    double total = 0;
    trim(&s, &n);
    if (n == 0)
        return false;
    while (n) {
        double value;
        size_t used = read_number(s, n, &value), unit_bytes;
        if (used == 0)
            return false;
        s += used;
        n -= used;
        while (n && is_blank(*s)) {
            s++;
            n--;
        }
        double unit = n == 0 ? 1000 : unit_of(s, n, &unit_bytes);
        if (n) {
            if (unit_bytes == 0)
                return false;
            s += unit_bytes;
            n -= unit_bytes;
        }
        total += value * unit;
        if (total > (double)ROUTE_DURATION_DAYS_MAX * MS_DAY)
            return false;
    }
    *ret_ms = (int64_t)ceil(total - 1e-6);
    return true;
}

// Days since 1970 of a date of the Gregorian calendar, for years 1970 to 9999.
static int64_t days_of(int year, int month, int day) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - 1;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + before[month - 1] + day - 1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days + (leap && month > 2) - 719162;
}

static bool read_fixed(const char *s, size_t digits, int *ret) {
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(s[i]))
            return false;
        value = value * 10 + (s[i] - '0');
    }
    *ret = value;
    return true;
}

struct moment {
    int year, month, day, hour, minute, second;
};

static bool moment_ms(const struct moment *m, int64_t *ret_ms) {
    if (m->year < 1970 || m->month < 1 || m->month > 12 || m->day < 1 || m->day > 31 ||
        m->hour > 23 || m->minute > 59 || m->second > 60)
        return false;
    *ret_ms = days_of(m->year, m->month, m->day) * MS_DAY + m->hour * INT64_C(3600000) +
              m->minute * INT64_C(60000) + m->second * INT64_C(1000);
    return true;
}

static bool read_clock(const char *s, struct moment *m) {
    return read_fixed(s, 2, &m->hour) && s[2] == ':' && read_fixed(s + 3, 2, &m->minute) &&
           s[5] == ':' && read_fixed(s + 6, 2, &m->second);
}

// "Z", "+01:00": milliseconds to take away.
static bool read_offset(const char *s, size_t n, int64_t *ret_ms) {
    int hours, minutes;
    if (n == 1 && (*s == 'Z' || *s == 'z')) {
        *ret_ms = 0;
        return true;
    }
    if (n != 6 || (*s != '+' && *s != '-') || !read_fixed(s + 1, 2, &hours) || s[3] != ':' ||
        !read_fixed(s + 4, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    int64_t ms = (hours * INT64_C(60) + minutes) * 60000;
    *ret_ms = *s == '+' ? ms : -ms;
    return true;
}

bool route_parse_rfc3339(const char *s, size_t n, int64_t *ret_ms) {
    struct moment m;
    int64_t ms, offset;
    double fraction = 0;
    trim(&s, &n);
    if (n < 20 || !read_fixed(s, 4, &m.year) || s[4] != '-' || !read_fixed(s + 5, 2, &m.month) ||
        s[7] != '-' || !read_fixed(s + 8, 2, &m.day) ||
        (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || !read_clock(s + 11, &m) ||
        !moment_ms(&m, &ms))
        return false;
    size_t at = 19;
    if (s[at] == '.') {
        size_t digits = 0;
        double place = 1;
        for (at++; at < n && is_digit(s[at]); at++, digits++) {
            place /= 10;
            fraction += (s[at] - '0') * place;
        }
        if (digits == 0)
            return false;
    }
    if (!read_offset(s + at, n - at, &offset))
        return false;
    *ret_ms = ms + (int64_t)(fraction * 1000) - offset;
    return true;
}

bool route_parse_http_date(const char *s, size_t n, int64_t *ret_ms) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct moment m = {0};
    trim(&s, &n);
    if (n != 29 || s[3] != ',' || s[4] != ' ' || !read_fixed(s + 5, 2, &m.day) || s[7] != ' ' ||
        s[11] != ' ' || !read_fixed(s + 12, 4, &m.year) || s[16] != ' ' ||
        !read_clock(s + 17, &m) || memcmp(s + 25, " GMT", 4) != 0)
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(months + i * 3, s + 8, 3) == 0)
            m.month = i + 1;
    return moment_ms(&m, ret_ms);
}
