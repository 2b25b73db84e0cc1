#include "server/when.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { TEXT_BYTES_MAX = 40 };
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};

// A span of time: [first, after).
struct span_ms {
    int64_t first, after;
};

static int64_t floor_day(int64_t ms) {
    int64_t rest = ms % DAY;
    return ms - (rest < 0 ? rest + DAY : rest);
}

static struct tm utc(int64_t ms) {
    struct tm tm;
    time_t s = (time_t)(floor_day(ms) / 1000);
    if (!gmtime_r(&s, &tm)) // a year beyond int: not for the times that are let in
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    return tm;
}

// timegm normalises: month 12 is January of the next year.
static int64_t day_ms(int year, int month, int day) {
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day};
    return (int64_t)timegm(&tm) * 1000;
}

enum unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR, UNIT_COUNT };
static const char *const units[UNIT_COUNT] = {"minute", "hour", "day", "week", "month", "year"};

static enum unit find_unit(const char *word) {
    size_t n = strlen(word);
    if (n > 1 && word[n - 1] == 's')
        n--;
    for (int i = 0; i < UNIT_COUNT; i++)
        if (strlen(units[i]) == n && strncasecmp(units[i], word, n) == 0)
            return (enum unit)i;
    return UNIT_COUNT;
}

// The calendar unit around `now`, `back` units earlier.
static struct span_ms calendar(enum unit unit, int64_t now_ms, int back) {
    struct tm tm = utc(now_ms);
    int64_t today = floor_day(now_ms), monday = today - (tm.tm_wday + 6) % 7 * DAY;
    int year = tm.tm_year + 1900;
    switch (unit) {
    case UNIT_WEEK: // ISO 8601: weeks begin on Monday
        return (struct span_ms){monday - back * 7 * DAY, monday - back * 7 * DAY + 7 * DAY};
    case UNIT_MONTH:
        return (struct span_ms){day_ms(year, tm.tm_mon - back, 1),
                                day_ms(year, tm.tm_mon - back + 1, 1)};
    case UNIT_YEAR:
        return (struct span_ms){day_ms(year - back, 0, 1), day_ms(year - back + 1, 0, 1)};
    default:
        return (struct span_ms){today - back * DAY, today - back * DAY + DAY};
    }
}

// "N units ago": minutes and hours to the moment, days and more to the day.
static struct span_ms ago(enum unit unit, int64_t now_ms, int count) {
    int64_t today = floor_day(now_ms), first = today;
    struct tm tm = utc(now_ms);
    int year = tm.tm_year + 1900;
    switch (unit) {
    case UNIT_MINUTE:
    case UNIT_HOUR:
        first = now_ms - count * (unit == UNIT_HOUR ? HOUR : MINUTE);
        return (struct span_ms){first, first + 1};
    case UNIT_WEEK:
        first = today - count * 7 * DAY;
        break;
    case UNIT_MONTH:
        first = day_ms(year, tm.tm_mon - count, tm.tm_mday);
        break;
    case UNIT_YEAR:
        first = day_ms(year - count, tm.tm_mon, tm.tm_mday);
        break;
    default:
        first = today - count * DAY;
        break;
    }
    return (struct span_ms){first, first + DAY};
}

static bool parse_words(const char *text, int64_t now_ms, struct span_ms *ret) {
    char word[16];
    int count, used = 0;
    if (strcasecmp(text, "now") == 0) {
        *ret = (struct span_ms){now_ms, now_ms + 1};
        return true;
    }
    if (strcasecmp(text, "today") == 0 || strcasecmp(text, "yesterday") == 0) {
        *ret = calendar(UNIT_DAY, now_ms, text[0] == 'y' || text[0] == 'Y');
        return true;
    }
    if (sscanf(text, "%4d %15s ago%n", &count, word, &used) == 2 && used && !text[used]) {
        enum unit unit = find_unit(word);
        if (count < 0 || unit == UNIT_COUNT)
            return false;
        *ret = ago(unit, now_ms, count);
        return true;
    }
    bool last = strncasecmp(text, "last ", 5) == 0;
    if (last || strncasecmp(text, "this ", 5) == 0) {
        text += 5;
        enum unit unit = find_unit(text);
        if (unit >= UNIT_DAY && unit < UNIT_COUNT) {
            *ret = calendar(unit, now_ms, last);
            return true;
        }
    }
    for (int i = 0; i < 7; i++) {
        if (strcasecmp(text, weekdays[i]) != 0)
            continue;
        int back = (utc(now_ms).tm_wday - i + 7) % 7; // the latest one; today counts without "last"
        *ret = calendar(UNIT_DAY, now_ms, back == 0 && last ? 7 : back);
        return true;
    }
    return false;
}

static bool real_day(int year, int month, int day) {
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1)
        return false;
    return day_ms(year, month - 1, day) < day_ms(year, month, 1);
}

// What follows the day: T14:05, T14:05:07.5, then nothing, Z or +01:00.
static bool parse_time(const char *text, int64_t day, struct span_ms *ret) {
    int hour, minute, second = 0, zone_hour = 0, zone_minute = 0, used = 0;
    char sign = '+';
    int64_t length = MINUTE;
    if (sscanf(text, "%*1[Tt ]%2d:%2d%n", &hour, &minute, &used) != 2)
        return false;
    text += used;
    if (sscanf(text, ":%2d%n", &second, &used) == 1) {
        text += used;
        length = SECOND;
        if (*text == '.')
            text += 1 + strspn(text + 1, "0123456789");
    }
    if ((*text == 'Z' || *text == 'z') && !text[1]) {
        text++;
    } else if (sscanf(text, "%1[+-]%2d:%2d%n", (char[2]){0}, &zone_hour, &zone_minute, &used) ==
               3) {
        sign = *text;
        text += used;
    }
    if (*text || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
        zone_hour < 0 || zone_hour > 14 || zone_minute < 0 || zone_minute > 59)
        return false;
    int64_t zone = zone_hour * HOUR + zone_minute * MINUTE;
    ret->first = day + hour * HOUR + minute * MINUTE + second * SECOND;
    ret->first -= sign == '-' ? -zone : zone;
    ret->after = ret->first + length;
    return true;
}

static bool parse_iso(const char *text, struct span_ms *ret) {
    int year, month, day, used = 0;
    if (strspn(text, "0123456789") != 4)
        return false;
    int found = sscanf(text, "%4d%n-%2d%n-%2d%n", &year, &used, &month, &used, &day, &used);
    const char *rest = text + used;
    if (found == 1 && !*rest && real_day(year, 1, 1)) {
        *ret = (struct span_ms){day_ms(year, 0, 1), day_ms(year + 1, 0, 1)};
        return true;
    }
    if (found == 2 && !*rest && real_day(year, month, 1)) {
        *ret = (struct span_ms){day_ms(year, month - 1, 1), day_ms(year, month, 1)};
        return true;
    }
    if (found != 3 || !real_day(year, month, day))
        return false;
    int64_t first = day_ms(year, month - 1, day);
    *ret = (struct span_ms){first, first + DAY};
    return !*rest || parse_time(rest, first, ret);
}

int when_parse(const char *text, size_t n, int64_t now_ms, bool end, int64_t *ret_ms,
               struct err *err) {
    char copy[TEXT_BYTES_MAX + 1];
    while (n && text[n - 1] == ' ')
        n--;
    struct span_ms span = {0};
    bool good = n > 0 && n <= TEXT_BYTES_MAX && !memchr(text, '\0', n);
    if (good) {
        memcpy(copy, text, n);
        copy[n] = '\0';
        good = parse_iso(copy, &span) || parse_words(copy, now_ms, &span);
    }
    if (!good)
        return err_set(err, ERR_INVAL,
                       "\"%.*s\" is no date that is understood; write 2026-11-20, 2026-11, "
                       "2026-11-20T14:05, today, yesterday, \"3 days ago\", \"last week\", "
                       "\"this month\" or monday",
                       (int)(n < TEXT_BYTES_MAX ? n : TEXT_BYTES_MAX), text);
    *ret_ms = end ? span.after - 1 : span.first;
    return 0;
}

// Decimal, with zeros in front up to `width`; formatted output of the library takes ten times as
// long, and a page of notes has five numbers in each of its dates.
static void put_number(struct buf *out, int64_t n, size_t width) {
    char digits[20];
    size_t at = sizeof digits;
    for (uint64_t rest = (uint64_t)n; rest || width; rest /= 10) {
        digits[--at] = (char)('0' + rest % 10);
        width -= width > 0;
    }
    (void)buf_append(out, digits + at, sizeof digits - at);
}

int when_put(struct buf *out, int64_t ms, int64_t now_ms) {
    static const struct {
        int64_t unit, until;
        const char *name;
    } steps[] = {
        {MINUTE, HOUR, "minute"},       {HOUR, DAY, "hour"},
        {DAY, 14 * DAY, "day"},         {7 * DAY, 60 * DAY, "week"},
        {30 * DAY, 730 * DAY, "month"}, {365 * DAY, INT64_MAX, "year"},
    };
    struct tm tm = utc(ms);
    if (tm.tm_year < -1900) { // before the year 0: no note, and no width fits
        (void)buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    } else {
        put_number(out, tm.tm_year + 1900, 4);
        (void)buf_putc(out, '-');
        put_number(out, tm.tm_mon + 1, 2);
        (void)buf_putc(out, '-');
        put_number(out, tm.tm_mday, 2);
    }
    int64_t gap = now_ms > ms ? now_ms - ms : ms - now_ms;
    if (gap < MINUTE)
        return buf_puts(out, " (just now)");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (gap >= steps[i].until)
            continue;
        int64_t count = gap / steps[i].unit;
        (void)buf_puts(out, now_ms > ms ? " (" : " (in ");
        put_number(out, count, 1);
        (void)buf_putc(out, ' ');
        (void)buf_puts(out, steps[i].name);
        (void)buf_puts(out, count == 1 ? "" : "s");
        (void)buf_puts(out, now_ms > ms ? " ago)" : ")");
        break;
    }
    return out->failed ? ERR_NOMEM : 0;
}
