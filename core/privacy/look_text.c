// Texts of people. A text is cut into chunks at blanks and quotes, these into pieces at brackets
// and the like; a piece is judged as a whole (address, path …), then its words.
#include "core/privacy/look.h"

#include "core/base/mem.h"
#include "core/code/language.h"
#include "core/code/secrets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct looking {
    const char *text;
    size_t n;
    const struct look_own *own;
    struct look_finding *found;
    uint32_t count, capacity;
    int failed;
};

// "[path]": what stands in the place of something already.
static bool is_mask(const struct looking *l, size_t start, size_t end) {
    if (start == 0 || end >= l->n || l->text[start - 1] != '[' || l->text[end] != ']')
        return false;
    for (unsigned r = 0; r < LOOK_REASONS; r++) {
        const char *name = look_reason_name((enum look_reason)r);
        if (strlen(name) == end - start && memcmp(name, l->text + start, end - start) == 0)
            return true;
    }
    return false;
}

static void note(struct looking *l, enum look_reason reason, size_t start, size_t end) {
    if (l->failed || start >= end || is_mask(l, start, end))
        return;
    void *list = l->found;
    l->failed = mem_grow(&list, l->count, &l->capacity, sizeof *l->found, LOOK_FINDINGS_MAX);
    l->found = list;
    if (!l->failed)
        l->found[l->count++] = (struct look_finding){.reason = reason, .start = start, .end = end};
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
// Other alphabets' letters are letters.
static bool is_letter(char c) {
    return is_lower(c) || is_upper(c) || (unsigned char)c >= 0x80;
}
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_word(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '$';
}

// ---------------------------------------------------------------------------------------
// randomness

// Letters and digits in turns, or hexadecimal: no words, no number, no version.
static bool is_random(const char *s, size_t n) {
    size_t digits = 0, uppers = 0, lowers = 0, turns = 0, hex = 0;
    for (size_t i = 0; i < n; i++) {
        digits += is_digit(s[i]);
        uppers += is_upper(s[i]);
        lowers += is_lower(s[i]);
        hex += is_hex(s[i]);
        turns += i > 0 && is_digit(s[i]) != is_digit(s[i - 1]);
    }
    if (n >= 12 && hex == n && digits >= 2 && digits + 2 <= n)
        return true;
    bool mixed = digits && (uppers || lowers);
    return (n >= 16 && mixed && turns >= 4) ||
           (n >= 24 && digits >= 2 && uppers >= 4 && lowers >= 4);
}

static bool is_uuid(const char *s, size_t n) {
    if (n != 36)
        return false;
    for (size_t i = 0; i < n; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : !is_hex(s[i]))
            return false;
    return true;
}

static bool has_random(const char *s, size_t n) {
    for (size_t i = 0, end; i < n; i = end + 1) {
        for (end = i; end < n && (is_letter(s[end]) || is_digit(s[end])); end++)
            ;
        if (is_random(s + i, end - i))
            return true;
    }
    return false;
}

// -----------------------------------------------------------------------------------------
// addresses

static bool is_private_host(const char *s, size_t n) {
    static const char *const last[] = {"local", "lan",      "internal",    "corp",
                                       "home",  "intranet", "localdomain", "private"};
    const char *dot = memrchr(s, '.', n);
    size_t m = dot ? (size_t)(s + n - dot) - 1 : 0;
    for (size_t i = 0; m && dot > s && i < COUNT_OF(last); i++)
        if (strlen(last[i]) == m && strncasecmp(dot + 1, last[i], m) == 0)
            return true;
    return false;
}

// Four numbers up to 255, then the end, a port or a mask. Those of every machine and of
// documentation (RFC 5737) tell nothing.
static bool is_ipv4(const char *s, size_t n) {
    unsigned part[4] = {0};
    size_t i = 0;
    for (int k = 0; k < 4; k++) {
        size_t digits = 0;
        for (; i < n && is_digit(s[i]) && digits < 4; i++, digits++)
            part[k] = part[k] * 10 + (unsigned)(s[i] - '0');
        if (!digits || part[k] > 255 || (k < 3 && (i >= n || s[i++] != '.')))
            return false;
    }
    if (i < n && s[i] != ':' && s[i] != '/')
        return false;
    bool documentation = (part[0] == 192 && part[1] == 0 && part[2] == 2) ||
                         (part[0] == 198 && part[1] == 51 && part[2] == 100) ||
                         (part[0] == 203 && part[1] == 0 && part[2] == 113);
    return !documentation && part[0] != 127 && !(part[0] == 0 && part[3] == 0) && part[0] != 255;
}

static bool is_ipv6_or_mac(const char *s, size_t n) {
    size_t colons = 0, dashes = 0, hex = 0;
    bool twice = false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '/' || s[i] == '%')
            break;
        if (!is_hex(s[i]) && s[i] != ':' && s[i] != '.' && s[i] != '-')
            return false;
        colons += s[i] == ':';
        dashes += s[i] == '-';
        hex += is_hex(s[i]);
        twice = twice || (s[i] == ':' && i + 1 < n && s[i + 1] == ':');
    }
    if (dashes)
        return dashes == 5 && !colons && hex == 12 && n == 17;
    return hex > 1 && (colons >= 5 || (twice && colons >= 2));
}

bool look_link_good(const char *link, size_t n) {
    const char *host = memmem(link, n, "://", 3);
    if (!host)
        return false;
    host += 3;
    size_t left = (size_t)(link + n - host), m = 0;
    while (m < left && !strchr("/?#", host[m]))
        m++;
    size_t name = 0;
    bool dot = false;
    for (; name < m && host[name] != ':'; name++) {
        if (!is_letter(host[name]) && !is_digit(host[name]) && host[name] != '.' &&
            host[name] != '-')
            return false; // credentials, brackets of an address
        dot = dot || (host[name] == '.' && name > 0 && name + 1 < m);
    }
    bool numeric = name > 0 && (is_digit(host[name - 1]) || memchr(host, '%', m));
    return dot && !numeric && !is_private_host(host, name) && !memchr(host, '@', m) &&
           !has_random(host + m, left - m) && !memchr(host + m, '%', left - m);
}

// --------------------------------------------------------------------------------------------
// paths

static bool is_code_file(const char *s, size_t n) {
    static const char *const known[] = {"readme.md",    "cmakelists.txt", "makefile",
                                        "package.json", "cargo.toml",     "pyproject.toml",
                                        "go.mod",       "dockerfile",     "changelog.md",
                                        "license.txt",  "setup.py"};
    char name[256];
    if (n < 3 || n >= sizeof name)
        return false;
    memcpy(name, s, n);
    name[n] = '\0';
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcasecmp(name, known[i]) == 0)
            return false;
    const char *dot = strrchr(name, '.');
    enum lang lang = LANG_NONE;
    // "Node.js" and "e.g." are no files; a stem of letters and an ending of a language is one.
    if (!dot || dot == name || strcasecmp(name, "node.js") == 0 ||
        strcasecmp(name, "next.js") == 0 || strcasecmp(name, "vue.js") == 0)
        return false;
    if (strcmp(dot, ".h") == 0 || strcmp(dot, ".hpp") == 0)
        return true;
    return language_by_name_alone(name, &lang) && lang != LANG_NONE;
}

static bool is_path(const char *s, size_t n) {
    size_t slashes = 0, last = 0, letters = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '/' || s[i] == '\\') {
            slashes++;
            last = i + 1;
        }
        letters += is_letter(s[i]);
    }
    if (!letters)
        return false;
    if (n > 2 && is_letter(s[0]) && s[1] == ':' && (s[2] == '\\' || s[2] == '/'))
        return true;
    if (s[0] == '~' && n > 1 && s[1] == '/')
        return true;
    if (n > 1 && s[0] == '/' && is_word(s[1]) && n > 2)
        return true;
    if (s[0] == '\\' && s[1] == '\\')
        return true;
    return (slashes && is_code_file(s + last, n - last)) || slashes >= 2 ||
           (slashes && (s[0] == '.' || last == n)) || (!slashes && is_code_file(s, n));
}

// --------------------------------------------------------------------------------------------
// words

static bool is_code_shaped(const char *s, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (s[i] == '_' && i + 1 < n && s[i - 1] != '_')
            return true;
        if (is_upper(s[i]) && is_lower(s[i - 1]))
            return true;
    }
    return n > 1 && (memchr(s, '$', n) || (s[0] == '_' && is_letter(s[1]) && s[n - 1] != '_'));
}

static void look_at_words(struct looking *l, size_t start, size_t end) {
    for (size_t i = start, stop; i < end; i = stop) {
        stop = i + 1;
        if (!is_word(l->text[i]))
            continue;
        while (stop < end && is_word(l->text[stop]))
            stop++;
        size_t from = i, to = stop; // without the marks of emphasis
        while (from < to && l->text[from] == '_' && l->text[to - 1] == '_') {
            from++;
            to -= to > from;
        }
        const char *word = l->text + from;
        size_t n = to - from;
        if (n < 2)
            continue;
        if (is_random(word, n))
            note(l, LOOK_RANDOM, from, to);
        else if ((is_code_shaped(word, n) ||
                  (l->own && l->own->is_name && l->own->is_name(l->own->ctx, word, n))) &&
                 !look_word_is_public(word, n))
            note(l, LOOK_NAME, from, to);
    }
}

static void look_at_piece(struct looking *l, size_t start, size_t end) {
    while (start < end && strchr("?#&+", l->text[start]))
        start++;
    while (end > start && strchr(".?!", l->text[end - 1]))
        end--;
    while (end > start && l->text[end - 1] == ':' && !(end - start >= 2 && l->text[end - 2] == ':'))
        end--;
    const char *s = l->text + start;
    size_t n = end - start;
    const char *at = n ? memchr(s, '@', n) : NULL;
    if (at && at + 1 < s + n && is_word(at[1]) && (at > s || is_lower(at[1])))
        note(l, LOOK_MAIL, start, end);
    else if (is_uuid(s, n))
        note(l, LOOK_RANDOM, start, end);
    else if (is_ipv4(s, n) || is_ipv6_or_mac(s, n) || is_private_host(s, n))
        note(l, LOOK_ADDRESS, start, end);
    else if (n && is_path(s, n))
        note(l, LOOK_PATH, start, end);
    else
        look_at_words(l, start, end);
}

static void look_at_chunk(struct looking *l, size_t start, size_t end) {
    const char *scheme = memmem(l->text + start, end - start, "://", 3);
    if (scheme) {
        size_t from = (size_t)(scheme - l->text), to = end;
        while (from > start && is_letter(l->text[from - 1]))
            from--;
        while (to > from && strchr(").,;:!?]*", l->text[to - 1]))
            to--;
        bool web =
            (size_t)(scheme - l->text) - from >= 4 && strncasecmp(l->text + from, "http", 4) == 0;
        if (!web || !look_link_good(l->text + from, to - from))
            note(l, LOOK_LINK, from, to);
        end = from;
    }
    for (size_t i = start, stop; i < end; i = stop + 1) {
        for (stop = i; stop < end && !strchr("(),;[]=*!", l->text[stop]); stop++)
            ;
        look_at_piece(l, i, stop);
    }
}

// Whole words; what is around may be anything but letters and digits.
static void look_for_own(struct looking *l, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; n >= LOOK_WORD_BYTES_MIN && i + n <= l->n; i++) {
        if (strncasecmp(l->text + i, word, n) != 0)
            continue;
        bool before = i > 0 && (is_letter(l->text[i - 1]) || is_digit(l->text[i - 1]));
        bool after = i + n < l->n && (is_letter(l->text[i + n]) || is_digit(l->text[i + n]));
        if (!before && !after)
            note(l, LOOK_PERSON, i, i + n);
    }
}

static int on_secret(void *ctx, const struct secret_finding *f) {
    note(ctx, LOOK_SECRET, f->start, f->end);
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct look_finding *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return (int)x->reason - (int)y->reason;
}

// What overlaps becomes one finding, with the gravest reason of them.
static void merge(struct looking *l) {
    uint32_t kept = 0;
    if (l->count)
        qsort(l->found, l->count, sizeof *l->found, by_place);
    for (uint32_t i = 0; i < l->count; i++) {
        struct look_finding *last = kept ? &l->found[kept - 1] : NULL;
        if (!last || l->found[i].start >= last->end) {
            l->found[kept++] = l->found[i];
            continue;
        }
        if (l->found[i].end > last->end)
            last->end = l->found[i].end;
        if (l->found[i].reason < last->reason)
            last->reason = l->found[i].reason;
    }
    l->count = kept;
}

static int tell(struct looking *l, look_fn *fn, void *ctx) {
    unsigned line = 1;
    size_t at = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        for (; at < l->found[i].start; at++)
            line += l->text[at] == '\n';
        l->found[i].line = line;
        int r = fn(ctx, &l->found[i]);
        if (r)
            return r;
    }
    return 0;
}

int look_text(const char *text, size_t n, const struct look_own *own, look_fn *fn, void *ctx,
              struct err *err) {
    struct looking l = {.text = text, .n = n, .own = own};
    if (n > LOOK_TEXT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a text of over %d bytes", LOOK_TEXT_BYTES_MAX);
    (void)secrets_gate(text, n, NULL, on_secret, &l);
    for (size_t i = 0; own && i < own->count && i < LOOK_WORDS_MAX; i++)
        look_for_own(&l, own->words[i]);
    for (size_t i = 0, stop; i < n; i = stop + 1) {
        for (stop = i;
             stop < n && (unsigned char)text[stop] > ' ' && !strchr("\"'`<>|{}", text[stop]);
             stop++)
            ;
        if (stop > i)
            look_at_chunk(&l, i, stop);
    }
    int r = l.failed;
    if (r == 0) {
        merge(&l);
        r = tell(&l, fn, ctx);
    } else {
        r = err_set(err, r,
                    r == ERR_LIMIT ? "far too much in it that may not leave" : "out of memory");
    }
    mem_free(l.found);
    return r;
}
