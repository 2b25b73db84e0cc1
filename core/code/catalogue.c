#include "core/code/catalogue.h"

#include "core/base/mem.h"
#include "core/code/catalogue_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// --- which file is one -------------------------------------------------------------------------

bool catalogue_language(const char *s, size_t n) {
    static const char two[] =
        " aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu "
        "cv "
        "cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr "
        "ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw "
        "ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv "
        "ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr "
        "ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
        "yo za zh zu in iw fil ast ckb hsb dsb kab sco gsw nds ars szl yue ";
    size_t head = 0;
    while (head < n && isalpha((unsigned char)s[head]))
        head++;
    if (head < 2 || head > 3)
        return false;
    char word[6] = " ";
    for (size_t i = 0; i < head; i++)
        word[i + 1] = (char)tolower((unsigned char)s[i]);
    word[head + 1] = ' ';
    if (!strstr(two, word))
        return false;
    if (head == n)
        return islower((unsigned char)s[0]) && islower((unsigned char)s[1]);
    if (s[head] != '-' && s[head] != '_' && s[head] != '@')
        return false;
    size_t rest = n - head - 1; // a region, a script, both
    if (rest < 2 || rest > 16)
        return false;
    for (size_t i = head + 1; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-_@.", s[i]))
            return false;
    bool region = rest == 2 && isupper((unsigned char)s[head + 1]);
    bool low_region = rest == 2 && s[head] == '-';
    bool android = rest == 3 && s[head + 1] == 'r';
    bool longer = rest >= 3 && (isupper((unsigned char)s[head + 1]) ||
                                isdigit((unsigned char)s[head + 1]) || s[head] == '@');
    return region || low_region || android || longer;
}

static bool hint(const char *s, size_t n) {
    static const char *const words[] = {"locale",       "locales",     "i18n",     "lang",
                                        "langs",        "languages",   "l10n",     "translations",
                                        "translation",  "nls",         "_locales", "intl",
                                        "localization", "LC_MESSAGES", "po"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], s, n) == 0)
            return true;
    return false;
}

static enum catalogue_format format_of(const char *name) {
    static const struct {
        const char *ending;
        enum catalogue_format format;
    } list[] = {{".po", CATALOGUE_PO},
                {".json", CATALOGUE_JSON},
                {".yml", CATALOGUE_YAML},
                {".yaml", CATALOGUE_YAML},
                {".properties", CATALOGUE_PROPERTIES},
                {".ini", CATALOGUE_PROPERTIES},
                {".strings", CATALOGUE_STRINGS},
                {".ftl", CATALOGUE_FTL}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(list); i++)
        if (strcmp(dot, list[i].ending) == 0)
            return list[i].format;
    return strcmp(name, "strings.xml") == 0 ? CATALOGUE_ANDROID : CATALOGUE_NONE;
}

static void set_language(struct catalogue_place *p, size_t at, size_t n, size_t cut, size_t cut_n) {
    p->language = (uint32_t)at;
    p->language_bytes = (uint32_t)n;
    p->cut = (uint32_t)cut;
    p->cut_bytes = (uint32_t)cut_n;
}

// A stem that is a language, or ends in one: de, messages_de, locale_en-US, devise.en.
static bool language_of_stem(const char *path, size_t name, size_t end, struct catalogue_place *p) {
    if (catalogue_language(path + name, end - name)) {
        set_language(p, name, end - name, name, end - name);
        return true;
    }
    for (size_t i = name + 1; i + 1 < end; i++)
        if (strchr("_-.", path[i]) && catalogue_language(path + i + 1, end - i - 1)) {
            set_language(p, i + 1, end - i - 1, i, end - i);
            return true;
        }
    return false;
}

static void language_of_folder(const char *path, size_t from, size_t n, struct catalogue_place *p) {
    const char *s = path + from;
    size_t values = n > 7 && memcmp(s, "values-", 7) == 0 ? 7 : 0;
    size_t lproj = n > 6 && memcmp(s + n - 6, ".lproj", 6) == 0 ? 6 : 0;
    size_t bytes = n - values - lproj;
    if (p->format == CATALOGUE_ANDROID) {
        if (n == 6 && memcmp(s, "values", 6) == 0)
            p->sure = true;
        if (!values)
            return;
    }
    if (lproj && bytes == 4 && memcmp(s, "Base", 4) == 0) {
        set_language(p, from, 0, from, 4);
        p->sure = true;
        return;
    }
    if (!catalogue_language(s + values, bytes))
        return;
    set_language(p, from + values, bytes, from + (values ? 6 : 0), n - lproj - (values ? 6 : 0));
    p->sure |= values || lproj;
}

bool catalogue_place_of(const char *path, struct catalogue_place *ret) {
    const char *slash = strrchr(path, '/');
    size_t name = slash ? (size_t)(slash - path) + 1 : 0;
    struct catalogue_place p = {.format = format_of(path + name)};
    if (p.format == CATALOGUE_NONE)
        return false;
    size_t end = (size_t)(strrchr(path, '.') - path);
    p.sure = p.format == CATALOGUE_PO || p.format == CATALOGUE_FTL;
    bool hinted = hint(path + name, end - name), folder_hint = false;
    for (size_t i = 0; i < name; i++) { // the folders
        size_t n = strcspn(path + i, "/");
        folder_hint |= hint(path + i, n);
        if (p.format != CATALOGUE_PROPERTIES || folder_hint)
            language_of_folder(path, i, n, &p);
        i += n;
    }
    bool stem = p.format != CATALOGUE_ANDROID && language_of_stem(path, name, end, &p);
    if (stem && p.cut > name) // messages_de: what is before says it
        hinted |= hint(path + name, p.cut - name);
    p.sure |= folder_hint && p.language_bytes;
    p.sure |= hinted && p.language_bytes;
    bool data = p.format == CATALOGUE_JSON || p.format == CATALOGUE_YAML;
    if (data && !p.language_bytes)
        return false; // any data file at all
    if (data && !p.sure && !(stem && p.cut > name && folder_hint))
        return false;
    *ret = p;
    return true;
}

// --- keeping -----------------------------------------------------------------------------------

void catalogue_done(struct catalogue *c) {
    buf_done(&c->pool);
    mem_free(c->entries);
    *c = (struct catalogue){0};
}

int catalogue_add(struct catalogue_reader *r, const char *key, size_t key_bytes, const char *text,
                  size_t text_bytes, uint32_t line, uint32_t flags) {
    struct catalogue *c = r->c;
    if (key_bytes == 0 || key_bytes > CATALOGUE_KEY_BYTES_MAX)
        return 0;
    if (c->count == CATALOGUE_ENTRIES_MAX || text_bytes > CATALOGUE_BYTES_MAX ||
        c->pool.len + key_bytes + text_bytes + 2 > CATALOGUE_BYTES_MAX)
        return ERR_LIMIT;
    if (c->count == c->capacity) {
        uint32_t more = c->capacity ? c->capacity * 2 : 64;
        void *grown = mem_realloc(c->entries, more * sizeof *c->entries);
        if (!grown)
            return ERR_NOMEM;
        c->entries = grown;
        c->capacity = more;
    }
    uint32_t at = (uint32_t)c->pool.len;
    (void)buf_append(&c->pool, key, key_bytes);
    (void)buf_putc(&c->pool, '\0');
    (void)buf_append(&c->pool, text_bytes ? text : "", text_bytes);
    if (buf_putc(&c->pool, '\0') < 0 || c->pool.failed)
        return ERR_NOMEM;
    c->entries[c->count++] = (struct catalogue_entry){.key = at,
                                                      .key_bytes = (uint32_t)key_bytes,
                                                      .text = at + (uint32_t)key_bytes + 1,
                                                      .text_bytes = (uint32_t)text_bytes,
                                                      .line = line,
                                                      .flags = flags};
    return 0;
}

bool catalogue_enter(struct catalogue_reader *r, const char *name, size_t n) {
    uint32_t have = r->ends[r->depth];
    if (r->depth == CATALOGUE_DEPTH_MAX || have + n + 1 > CATALOGUE_KEY_BYTES_MAX)
        return false;
    if (have)
        r->key[have++] = '.';
    memcpy(r->key + have, name, n);
    r->ends[++r->depth] = have + (uint32_t)n;
    return true;
}

void catalogue_leave(struct catalogue_reader *r) {
    if (r->depth)
        r->depth--;
}

static void put_utf8(struct buf *out, unsigned c) {
    char b[4];
    size_t n;
    if (c < 0x80) {
        b[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        b[0] = (char)(0xC0 | c >> 6);
        b[1] = (char)(0x80 | (c & 0x3F));
        n = 2;
    } else {
        b[0] = (char)(0xE0 | (c >> 12 & 0xF));
        b[1] = (char)(0x80 | (c >> 6 & 0x3F));
        b[2] = (char)(0x80 | (c & 0x3F));
        n = 3;
    }
    (void)buf_append(out, b, n);
}

int catalogue_escape(struct catalogue_reader *r) {
    r->at++; // the backslash
    if (r->at >= r->n)
        return 0;
    char c = r->t[r->at++];
    unsigned code = 0;
    uint32_t digits = 0;
    switch (c) {
    case 'n':
        return buf_putc(&r->text, '\n');
    case 't':
        return buf_putc(&r->text, '\t');
    case 'r':
    case 'b':
    case 'f':
        return 0;
    case 'u':
        while (digits < 4 && r->at < r->n && isxdigit((unsigned char)r->t[r->at])) {
            char h = r->t[r->at++];
            code =
                code * 16 + (unsigned)(isdigit((unsigned char)h) ? h - '0' : (h | 32) - 'a' + 10);
            digits++;
        }
        if (digits == 4 && code)
            put_utf8(&r->text, code);
        return r->text.failed ? ERR_NOMEM : 0;
    case '\n':
        r->line++;
        return 0;
    default:
        return buf_putc(&r->text, c);
    }
}

void catalogue_blanks(struct catalogue_reader *r) {
    for (; r->at < r->n && isspace((unsigned char)r->t[r->at]); r->at++)
        r->line += r->t[r->at] == '\n';
}

// {"de": {…}}: the language is no part of the keys.
static void drop_root(struct catalogue *c) {
    const char *p = c->pool.data;
    size_t root = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const char *key = p + c->entries[i].key;
        size_t n = strcspn(key, ".");
        if (!key[n] || !catalogue_language(key, n) ||
            (root && (n != root || memcmp(key, p + c->entries[0].key, n) != 0)))
            return;
        root = n;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        c->entries[i].key += (uint32_t)root + 1;
        c->entries[i].key_bytes -= (uint32_t)root + 1;
    }
}

int catalogue_read(enum catalogue_format format, const char *text, size_t bytes,
                   struct catalogue *ret, struct err *err) {
    static int (*const readers[])(struct catalogue_reader *) = {
        [CATALOGUE_PO] = catalogue_read_po,
        [CATALOGUE_JSON] = catalogue_read_json,
        [CATALOGUE_YAML] = catalogue_read_yaml,
        [CATALOGUE_PROPERTIES] = catalogue_read_properties,
        [CATALOGUE_STRINGS] = catalogue_read_strings,
        [CATALOGUE_FTL] = catalogue_read_ftl,
        [CATALOGUE_ANDROID] = catalogue_read_android};
    *ret = (struct catalogue){.pool = BUF_INIT(CATALOGUE_BYTES_MAX)};
    if (format == CATALOGUE_NONE || bytes >= UINT32_MAX)
        return 0;
    struct catalogue_reader *r = mem_zalloc(sizeof *r);
    int code = r ? 0 : ERR_NOMEM;
    if (r) {
        if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
            text += 3;
            bytes -= 3;
        }
        *r = (struct catalogue_reader){.t = text,
                                       .n = (uint32_t)bytes,
                                       .line = 1,
                                       .c = ret,
                                       .text = BUF_INIT(CATALOGUE_BYTES_MAX)};
        code = readers[format](r);
        buf_done(&r->text);
        mem_free(r);
    }
    if (code == ERR_LIMIT) {
        ret->cut = true;
        code = 0;
    }
    if (code == 0 && ret->count && (format == CATALOGUE_JSON || format == CATALOGUE_YAML))
        drop_root(ret);
    if (code == 0)
        return 0;
    catalogue_done(ret);
    return err_set(err, code, "out of memory");
}

// --- placeholders ------------------------------------------------------------------------------

enum { PLACEHOLDERS_MAX = 32, PLACEHOLDER_BYTES_MAX = 48 };

struct placeholders {
    char list[PLACEHOLDERS_MAX][PLACEHOLDER_BYTES_MAX];
    size_t count, printf_count;
};

static void keep(struct placeholders *p, const char *s, size_t n) {
    if (n >= PLACEHOLDER_BYTES_MAX || p->count == PLACEHOLDERS_MAX)
        return;
    for (size_t i = 0; i < p->count; i++)
        if (strlen(p->list[i]) == n && memcmp(p->list[i], s, n) == 0)
            return;
    memcpy(p->list[p->count], s, n);
    p->list[p->count++][n] = '\0';
}

// %s, %5.2f, %1$s, %(name)s, %{name}, %-5ld; bytes, 0: none.
static size_t percent(struct placeholders *p, const char *s, size_t n, bool behind_digit) {
    size_t i = 1;
    char order[PLACEHOLDER_BYTES_MAX];
    if (n < 2 || s[1] == '%')
        return n < 2 ? 0 : 2;
    if (s[1] == '(' || s[1] == '{') {
        const char *end = memchr(s, s[1] == '(' ? ')' : '}', n < 60 ? n : 60);
        size_t bytes = end ? (size_t)(end - s) + 1 : 0;
        for (size_t k = 2; k + 1 < bytes; k++)
            if (!isalnum((unsigned char)s[k]) && s[k] != '_')
                return 0; // "%{ $share }" of Fluent: a sign before a variable
        if (bytes > 3)
            keep(p, s, bytes);
        return bytes;
    }
    if (s[1] == '@') { // %@ of Apple
        (void)snprintf(order, sizeof order, "%%%zu$@", ++p->printf_count);
        keep(p, order, strlen(order));
        return 2;
    }
    size_t open = s[1] == '[', digits = 0; // %[1]d of Go, %1$d of others
    while (1 + open + digits < n && isdigit((unsigned char)s[1 + open + digits]))
        digits++;
    size_t close = 1 + open + digits;
    bool numbered = digits && digits < 3 && close < n && s[close] == (open ? ']' : '$');
    if (numbered)
        i = close + 1;
    for (; i < n && strchr(numbered ? "-+#0123456789.*'$" : "-+#0123456789.*'", s[i]); i++)
        p->printf_count += s[i] == '*' && !numbered; // takes an argument of its own
    const char *macro = i < n && s[i] == '<' ? memchr(s + i, '>', n - i < 20 ? n - i : 20) : NULL;
    if (macro) // %<PRIuMAX> of gettext
        i = (size_t)(macro - s) - 1;
    while (i < n && strchr("hlLqjzt", s[i]))
        i++;
    if (!macro &&
        (i >= n || !strchr("sdiufgxXcpv", s[i]) ||
         (behind_digit && i == 1 && i + 1 < n && isalpha((unsigned char)s[2])))) // "100%discount"
        return 0;
    char kind = macro || s[i] == 'i' || s[i] == 'u' ? 'd' : s[i];
    i += macro ? 1 : 0;
    if (numbered)
        (void)snprintf(order, sizeof order, "%%%.*s$%c", (int)digits, s + 1 + open, kind);
    else
        (void)snprintf(order, sizeof order, "%%%zu$%c", ++p->printf_count, kind);
    keep(p, order, strlen(order));
    return i + 1;
}

// {name}, {0}, {{name}}, ${name}, {n, plural, …}: the variable. Bytes to go on behind.
static size_t braces(struct placeholders *p, const char *s, size_t n) {
    char name[PLACEHOLDER_BYTES_MAX];
    size_t open = n > 1 && s[1] == '{' ? 2 : 1, i = open, m = 0;
    while (i < n && (s[i] == ' ' || s[i] == '$'))
        i++;
    while (i < n && (isalnum((unsigned char)s[i]) || strchr("_.-$@", s[i])) && m < sizeof name - 6)
        name[m++] = s[i++];
    while (i < n && s[i] == ' ')
        i++;
    if (!m || i >= n || (s[i] != '}' && s[i] != ',' && s[i] != '|' && s[i] != ':'))
        return open;
    char whole[PLACEHOLDER_BYTES_MAX];
    (void)snprintf(whole, sizeof whole, "%s%.*s%s", open == 2 ? "{{" : "{", (int)m, name,
                   open == 2 ? "}}" : "}");
    keep(p, whole, strlen(whole));
    return i;
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

void catalogue_placeholders(const char *text, size_t n, char *ret, size_t max) {
    struct placeholders p = {.count = 0};
    size_t len = 0;
    for (size_t i = 0; i < n;) {
        size_t step = 0;
        if (text[i] == '\\' && i + 1 < n && text[i + 1] == '%')
            step = 2;
        else if (text[i] == '%')
            step = percent(&p, text + i, n - i, i && isdigit((unsigned char)text[i - 1]));
        else if (text[i] == '{')
            step = braces(&p, text + i, n - i);
        i += step ? step : 1;
    }
    qsort(p.list, p.count, sizeof p.list[0], by_text);
    if (max)
        ret[0] = '\0';
    for (size_t i = 0; i < p.count && len < max; i++) {
        int m = snprintf(ret + len, max - len, "%s%s", len ? " " : "", p.list[i]);
        len += m > 0 ? (size_t)m : 0;
    }
}
