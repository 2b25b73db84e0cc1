#include "protocol/json_pull.h"

#include "protocol/chars.h"

#include <string.h>

static const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

// At the opening quote; gives the place behind the closing one.
static const char *skip_string(const char *p, const char *end) {
    const char *begin = ++p;
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *slash = quote;
        if (!quote)
            break;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        p = quote + 1;
        if ((quote - slash) % 2 == 0) // pairs of backslashes stand for one each
            return p;
    }
    return end;
}

// At a value's first byte; gives the place behind it.
static const char *skip_value(const char *p, const char *end, struct span known) {
    size_t depth = 0;
    while (p < end) {
        switch (*p) {
        case '"':
            p = p == known.data ? p + known.len : skip_string(p, end);
            break;
        case '{':
        case '[':
            depth++;
            p++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return p; // of what is around a number or a word
            depth--;
            p++;
            break;
        case ',':
            if (depth == 0)
                return p;
            p++;
            break;
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            if (depth == 0)
                return p;
            p++;
            break;
        default:
            p++;
            continue; // a number or a word: it ends at one of the above
        }
        if (depth == 0)
            return p;
    }
    return end;
}

bool json_pull_members_past(struct span object, struct span known, const char *const *names,
                            struct span *ret, size_t n) {
    const char *p = object.data, *end = p + object.len;
    if (!p || p >= end || *p != '{')
        return false;
    for (p = skip_space(p + 1, end); p < end && *p == '"';) {
        const char *name = p + 1;
        p = skip_string(p, end);
        if (p == end) // cut
            return true;
        size_t len = (size_t)(p - 1 - name);
        p = skip_space(p, end);
        if (p >= end || *p != ':')
            return true;
        p = skip_space(p + 1, end);
        const char *value = p;
        p = skip_value(p, end, known);
        for (size_t i = 0; i < n; i++)
            if (strncmp(names[i], name, len) == 0 && names[i][len] == '\0')
                ret[i] = (struct span){value, (size_t)(p - value)};
        p = skip_space(p, end);
        if (p < end && *p == ',')
            p = skip_space(p + 1, end);
    }
    return true;
}

bool json_pull_members(struct span object, const char *const *names, struct span *ret, size_t n) {
    return json_pull_members_past(object, (struct span){0}, names, ret, n);
}

bool json_pull_each_member(struct span object, size_t *at, struct span *ret_name,
                           struct span *ret_value) {
    const char *end = object.data + object.len;
    if (!object.data || object.len < 2 || *object.data != '{')
        return false;
    const char *p = skip_space(object.data + (*at ? *at : 1), end);
    if (p < end && *at && *p == ',')
        p = skip_space(p + 1, end);
    if (p >= end || *p != '"')
        return false;
    const char *name = p + 1;
    p = skip_string(p, end);
    if (p == end)
        return false;
    *ret_name = (struct span){name, (size_t)(p - 1 - name)};
    p = skip_space(p, end);
    if (p >= end || *p != ':')
        return false;
    const char *value = p = skip_space(p + 1, end);
    p = skip_value(p, end, (struct span){0});
    *ret_value = (struct span){value, (size_t)(p - value)};
    *at = (size_t)(p - object.data);
    return true;
}

bool json_pull_each(struct span array, size_t *at, struct span *ret) {
    const char *end = array.data + array.len;
    if (!array.data || array.len < 2 || *array.data != '[')
        return false;
    const char *p = skip_space(array.data + (*at ? *at : 1), end);
    if (p < end && *at && *p == ',')
        p = skip_space(p + 1, end);
    if (p >= end || *p == ']')
        return false;
    const char *value = p;
    p = skip_value(p, end, (struct span){0});
    *ret = (struct span){value, (size_t)(p - value)};
    *at = (size_t)(p - array.data);
    return true;
}

int json_pull_string(struct span value, struct buf *out) {
    if (!value.data || value.len < 2 || *value.data != '"')
        return ERR_INVAL;
    const char *p = value.data + 1, *end = value.data + value.len - 1;
    // What an escape stands for is never longer than the escape: room is asked for once.
    int r = buf_reserve(out, (size_t)(end - p));
    if (r < 0)
        return r;
    char *to = out->data + out->len;
    while ((p = chars_copy_to_slash(&to, p, end)) < end) {
        const char *behind = chars_put_escapes(&to, p, end);
        if (behind == p)
            return ERR_INVAL; // not what was checked
        p = behind;
    }
    *to = '\0';
    out->len = (size_t)(to - out->data);
    return 0;
}

bool json_pull_int(struct span value, int64_t *ret) {
    bool negative = value.len && *value.data == '-';
    uint64_t n = 0;
    if (value.len <= (size_t)negative)
        return false;
    for (size_t i = negative; i < value.len; i++) {
        unsigned digit = (unsigned char)value.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    if (n > INT64_MAX)
        return false;
    *ret = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

bool json_pull_is(struct span value, const char *string) {
    size_t n = strlen(string);
    return value.len == n + 2 && value.data[0] == '"' && memcmp(value.data + 1, string, n) == 0;
}
