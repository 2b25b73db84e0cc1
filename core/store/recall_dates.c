#include "core/store/recall_dates.h"

#include "core/base/mem.h"
#include "core/store/recall_words.h"

#include <string.h>

#define DAY_MS (INT64_C(86400) * 1000)

// --- calendar ------------------------------------------------------------------------------------
// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years count from March, so
// that the leap day is the last of its year.
static int64_t days_of(int64_t year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date {
    int64_t year;
    int month, day;
};

static struct date date_of(int64_t days) {
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int m = (int)((5 * of_year + 2) / 153);
    struct date d = {.day = (int)(of_year - (153 * m + 2) / 5) + 1,
                     .month = m < 10 ? m + 3 : m - 9};
    d.year = y + era * 400 + (d.month <= 2);
    return d;
}

static int64_t floor_days(int64_t ms) {
    return ms >= 0 ? ms / DAY_MS : -((-ms + DAY_MS - 1) / DAY_MS);
}

// --- words ---------------------------------------------------------------------------------------
enum token_type { TOKEN_WORD, TOKEN_NUMBER, TOKEN_MONTH, TOKEN_WEEKDAY, TOKEN_UNIT };
enum unit { UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR, UNIT_WEEKEND };
struct token {
    enum token_type type;
    int64_t value;
    size_t digits;
    char word[12];
    size_t at;
    bool capital;
};
enum { TOKENS_MAX = 64 };
struct tokens {
    struct token items[TOKENS_MAX + 4]; // the last ones stay empty: looking ahead needs no check
    size_t count;
};

static int64_t name_index(const char *const *names, size_t n, const char *word,
                          size_t short_bytes) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0 ||
            (strlen(word) == short_bytes && strncmp(names[i], word, short_bytes) == 0))
            return (int64_t)i;
    return -1;
}

static void classify(struct token *t) {
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                           "friday", "saturday", "sunday"};
    static const char *const units[] = {"day", "week", "month", "year", "weekend"};
    static const char *const numbers[] = {"zero", "one",   "two",   "three", "four", "five",
                                          "six",  "seven", "eight", "nine",  "ten"};
    size_t n = strlen(t->word);
    if (t->word[0] >= '0' && t->word[0] <= '9') {
        for (; t->digits < n && t->word[t->digits] >= '0' && t->word[t->digits] <= '9'; t->digits++)
            t->value = t->value * 10 + (t->word[t->digits] - '0');
        const char *tail = t->word + t->digits;
        if (!*tail || strcmp(tail, "st") == 0 || strcmp(tail, "nd") == 0 ||
            strcmp(tail, "rd") == 0 || strcmp(tail, "th") == 0)
            t->type = TOKEN_NUMBER;
        return;
    }
    int64_t i = name_index(months, COUNT_OF(months), t->word, 3);
    if (i >= 0) {
        t->type = TOKEN_MONTH;
        t->value = i + 1;
        return;
    }
    i = name_index(weekdays, COUNT_OF(weekdays), t->word, 3);
    if (i >= 0 && strcmp(t->word, "sun") != 0 && strcmp(t->word, "sat") != 0) {
        t->type = TOKEN_WEEKDAY;
        t->value = i;
        return;
    }
    i = name_index(numbers, COUNT_OF(numbers), t->word, 0);
    if (i >= 0) {
        t->type = TOKEN_NUMBER;
        t->value = i;
        t->digits = 1;
        return;
    }
    char singular[sizeof t->word];
    memcpy(singular, t->word, sizeof singular);
    if (n > 1 && singular[n - 1] == 's')
        singular[n - 1] = '\0';
    i = name_index(units, COUNT_OF(units), singular, 0);
    if (i >= 0) {
        t->type = TOKEN_UNIT;
        t->value = i;
    }
}

static void on_word(void *ctx, const struct word *w) {
    struct tokens *t = ctx;
    if (t->count == TOKENS_MAX || (w->flags & WORD_EXTRA))
        return;
    struct token *token = &t->items[t->count++];
    token->at = w->at;
    token->capital = w->flags & WORD_NAME;
    size_t n = w->plain_len < sizeof token->word ? w->plain_len : sizeof token->word - 1;
    memcpy(token->word, w->plain, n);
    classify(token);
}

static bool is(const struct token *t, const char *word) {
    return strcmp(t->word, word) == 0;
}

static bool is_year(const struct token *t) {
    return t->type == TOKEN_NUMBER && t->digits == 4 && t->value >= 1900 && t->value < 2200;
}

static bool is_day(const struct token *t) {
    return t->type == TOKEN_NUMBER && t->digits > 0 && t->digits <= 2 && t->value >= 1 &&
           t->value <= 31;
}

// --- hints ---------------------------------------------------------------------------------------
static void add_days(struct date_hints *h, int64_t from, int64_t to) {
    if (h->count < DATE_HINTS_MAX)
        h->items[h->count++] = (struct date_hint){.from_ms = from * DAY_MS, .to_ms = to * DAY_MS};
}

static void add_date(struct date_hints *h, int64_t year, int month, int day) {
    if (!year) {
        if (h->count < DATE_HINTS_MAX)
            h->items[h->count++] = (struct date_hint){.month = month, .day = day};
    } else if (day) {
        add_days(h, days_of(year, month, day), days_of(year, month, day) + 1);
    } else if (month) {
        add_days(h, days_of(year, month, 1),
                 month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1));
    } else {
        add_days(h, days_of(year, 1, 1), days_of(year + 1, 1, 1));
    }
}

// "14 May 2023", "14th of May", "May 14, 2023", "May 2023", "in May". Returns tokens used.
static size_t month_at(const struct token *t, size_t i, struct date_hints *h) {
    const struct token *month = &t[i];
    const struct token *before = i ? &t[i - 1] : NULL;
    if (before && is(before, "of") && i > 1)
        before = &t[i - 2];
    int m = (int)month->value;
    if (before && is_day(before)) {
        bool year = is_year(&t[i + 1]);
        add_date(h, year ? t[i + 1].value : 0, m, (int)before->value);
        return year ? 2 : 1;
    }
    if (is_day(&t[i + 1])) {
        bool year = is_year(&t[i + 2]);
        add_date(h, year ? t[i + 2].value : 0, m, (int)t[i + 1].value);
        return year ? 3 : 2;
    }
    if (is_year(&t[i + 1])) {
        add_date(h, t[i + 1].value, m, 0);
        return 2;
    }
    // "may" and "march" are other words too, "mar" and "jan" are names.
    static const char *const leads[] = {"in",   "during", "of", "since",
                                        "last", "this",   "by", "until"};
    for (size_t k = 0; before && k < COUNT_OF(leads); k++)
        if (is(&t[i - 1], leads[k])) {
            add_date(h, 0, m, 0);
            break;
        }
    return 1;
}

static size_t iso_at(const struct token *t, size_t i, struct date_hints *h) {
    int64_t month =
        t[i + 1].type == TOKEN_NUMBER && t[i + 1].digits == 2 && t[i + 1].at == t[i].at + 5
            ? t[i + 1].value
            : 0;
    if (month < 1 || month > 12) {
        add_date(h, t[i].value, 0, 0);
        return 1;
    }
    bool day = is_day(&t[i + 2]) && t[i + 2].digits == 2 && t[i + 2].at == t[i].at + 8;
    add_date(h, t[i].value, (int)month, day ? (int)t[i + 2].value : 0);
    return day ? 3 : 2;
}

static void unit_range(struct date_hints *h, enum unit unit, int64_t back, int64_t today) {
    struct date d = date_of(today);
    int64_t monday = today - (today + 3) % 7; // 1970-01-01 was a Thursday
    int64_t months = d.year * 12 + d.month - 1 - back;
    switch (unit) {
    case UNIT_DAY:
        add_days(h, today - back, today - back + 1);
        break;
    case UNIT_WEEK:
        add_days(h, monday - 7 * back, monday - 7 * back + 7);
        break;
    case UNIT_WEEKEND:
        add_days(h, monday - 7 * back + 5, monday - 7 * back + 7);
        break;
    case UNIT_MONTH:
        add_date(h, months / 12, (int)(months % 12) + 1, 0);
        break;
    case UNIT_YEAR:
        add_date(h, d.year - back, 0, 0);
        break;
    }
}

// "last week", "this month", "last Friday", "3 days ago", "yesterday".
static size_t relative_at(const struct token *t, size_t i, int64_t today, struct date_hints *h) {
    bool last = is(&t[i], "last") || is(&t[i], "past"), this = is(&t[i], "this");
    if ((last || this) && t[i + 1].type == TOKEN_UNIT) {
        unit_range(h, (enum unit)t[i + 1].value, last ? 1 : 0, today);
        return 2;
    }
    if (last && t[i + 1].type == TOKEN_WEEKDAY) {
        int64_t back = ((today + 3) % 7 - t[i + 1].value + 7) % 7;
        unit_range(h, UNIT_DAY, back ? back : 7, today);
        return 2;
    }
    if (t[i].type == TOKEN_NUMBER && t[i].value < 1000 && t[i + 1].type == TOKEN_UNIT &&
        is(&t[i + 2], "ago")) {
        unit_range(h, (enum unit)t[i + 1].value, t[i].value, today);
        return 3;
    }
    if (is(&t[i], "yesterday") || is(&t[i], "today"))
        unit_range(h, UNIT_DAY, is(&t[i], "yesterday") ? 1 : 0, today);
    return 1;
}

void dates_parse(const char *text, size_t n, int64_t now_ms, struct date_hints *ret) {
    struct tokens t = {0};
    struct date_hints h = {0};
    words_each(text, n, on_word, &t);
    for (size_t i = 0; i < t.count;) {
        if (t.items[i].type == TOKEN_MONTH)
            i += month_at(t.items, i, &h);
        else if (is_year(&t.items[i]))
            i += iso_at(t.items, i, &h);
        else
            i += relative_at(t.items, i, floor_days(now_ms), &h);
    }
    *ret = h;
}

// --- fit -----------------------------------------------------------------------------------------
static double fit_one(const struct date_hint *h, int64_t ms) {
    int64_t from = h->from_ms, to = h->to_ms;
    if (!from && !to) {
        struct date d = date_of(floor_days(ms));
        int64_t year =
            d.month < h->month || (d.month == h->month && d.day < h->day) ? d.year - 1 : d.year;
        struct date_hints one = {0};
        add_date(&one, year, h->month, h->day);
        from = one.items[0].from_ms;
        to = one.items[0].to_ms;
    }
    if (ms >= from && ms < to)
        return 1;
    if (ms < from)
        return ms >= from - DAY_MS ? 0.25 : 0; // the day is another in another time zone
    double late = (double)(ms - to) / (double)(7 * DAY_MS);
    return late < 1 ? 0.75 - 0.5 * late : late < 3 ? 0.15 : 0;
}

double dates_fit(const struct date_hints *h, int64_t ms) {
    double best = 0;
    for (size_t i = 0; i < h->count; i++) {
        double fit = fit_one(&h->items[i], ms);
        best = fit > best ? fit : best;
    }
    return best;
}
