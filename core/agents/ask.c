#include "core/agents/ask.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>

enum {
    WORD_BYTES_MAX = 64,
    SYMBOL_BYTES_MAX = 256,
    SCORE_MIN = 2,          // fewer matching words are no reason
    SCORE_NEAR_PERCENT = 60 // of the best: asked as well
};

static bool word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

// "hotspots" meets "hotspot", "changed" meets "change": the longer begins with the shorter and adds
// an ending.
static bool same_stem(const char *a, size_t n, const char *b, size_t m) {
    size_t common = n < m ? n : m, longer = n < m ? m : n;
    if (common < 3 || longer - common > 3)
        return n == m && memcmp(a, b, n) == 0;
    if (memcmp(a, b, common) == 0) {
        static const char *const endings[] = {"", "s", "es", "ed", "d", "ing", "ly", "er", "ers"};
        const char *rest = (n < m ? b : a) + common;
        for (size_t i = 0; i < COUNT_OF(endings); i++)
            if (strlen(endings[i]) == longer - common &&
                memcmp(rest, endings[i], longer - common) == 0)
                return true;
    }
    return false;
}

static unsigned score_word(const char *table, const char *word, size_t n) {
    unsigned score = 0;
    for (const char *at = table; at && *at;) {
        size_t m = strcspn(at, " ");
        score += same_stem(at, m, word, n);
        at += m + (at[m] == ' ');
    }
    return score;
}

static unsigned score_question(const char *table, const char *question, size_t n) {
    unsigned score = 0;
    char word[WORD_BYTES_MAX];
    for (size_t i = 0; i < n;) {
        size_t m = 0;
        while (i < n && !word_char(question[i]))
            i++;
        for (; i < n && word_char(question[i]); i++)
            if (m < sizeof word)
                word[m++] = (char)tolower((unsigned char)question[i]);
        if (m)
            score += score_word(table, word, m);
    }
    return score;
}

// --- what the question quotes ------------------------------------------------------------------

struct quoted {
    struct text path, symbol, range;
};

static bool token_char(char c) {
    return word_char(c) || strchr("./-~^:@<>$#", c) != NULL;
}

static bool looks_like_range(const char *s, size_t n) {
    const char *dots = memmem(s, n, "..", 2);
    return (dots && dots != s && (size_t)(dots - s) + 2 < n && !memchr(s, '/', n)) ||
           (n >= 4 && memcmp(s, "HEAD", 4) == 0);
}

static bool looks_like_path(const char *s, size_t n) {
    const char *dot = memrchr(s, '.', n);
    size_t ending = dot ? n - (size_t)(dot - s) - 1 : 0;
    if (n >= 3 && memchr(s, '/', n) && !memmem(s, n, "//", 2))
        return true;
    if (!dot || dot == s || ending < 1 || ending > 5 || memchr(s, ':', n))
        return false;
    for (size_t i = 0; i < ending; i++)
        if (!islower((unsigned char)dot[1 + i]))
            return false;
    static const char *const known[] = {"c",   "h",   "cc",   "cpp",  "hpp",  "py",  "js",
                                        "ts",  "tsx", "jsx",  "go",   "rs",   "rb",  "java",
                                        "sh",  "md",  "html", "json", "toml", "yml", "yaml",
                                        "txt", "sql", "css",  "php",  "cs",   "kt"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strlen(known[i]) == ending && memcmp(known[i], dot + 1, ending) == 0)
            return true;
    return false;
}

// snake_case, camelCase, dotted or called: no word of prose.
static bool looks_like_symbol(const char *s, size_t n) {
    bool lower = false, inner_upper = false;
    for (size_t i = 0; i < n; i++) {
        if (i && isupper((unsigned char)s[i]) && lower)
            inner_upper = true;
        lower |= islower((unsigned char)s[i]) != 0;
    }
    const char *hash = memchr(s, '#', n); // Class#method
    if (hash && isupper((unsigned char)s[0]) && hash + 1 < s + n)
        return isalpha((unsigned char)hash[1]);
    return n > 2 && (inner_upper || (memchr(s, '_', n) && n > 3) || memmem(s, n, "::", 2) ||
                     (memchr(s, '.', n) && isalpha((unsigned char)s[0])));
}

static void take(struct text *slot, const char *s, size_t n) {
    if (!slot->data && n)
        *slot = (struct text){s, n};
}

static void sort_token(struct quoted *q, const char *s, size_t n, bool in_backticks) {
    while (n && strchr(".,:;!?)", s[n - 1])) // of the sentence
        n--;
    if (!n)
        return;
    bool called = n > 2 && s[n - 1] == '(';
    n -= called;
    if (looks_like_range(s, n))
        take(&q->range, s, n);
    else if (looks_like_path(s, n))
        take(&q->path, s, n);
    else if (in_backticks || called || looks_like_symbol(s, n))
        take(&q->symbol, s, n);
}

static void find_quoted(const char *question, size_t n, struct quoted *q) {
    for (size_t i = 0; i < n;) {
        if (question[i] == '`') {
            const char *end = memchr(question + i + 1, '`', n - i - 1);
            if (end) {
                sort_token(q, question + i + 1, (size_t)(end - question) - i - 1, true);
                i = (size_t)(end - question) + 1;
                continue;
            }
        }
        size_t begin = i;
        while (i < n && token_char(question[i]))
            i++;
        if (i > begin)
            sort_token(q, question + begin, i - begin + (i < n && question[i] == '('), false);
        else
            i++;
    }
}

// --- choosing ----------------------------------------------------------------------------------

static const struct field *field_of(const struct agent_capability *c, const char *name) {
    for (const struct field *f = c->input; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static void put_text(json_t *arguments, const struct field *f, struct text value) {
    if (!f || !value.data)
        return;
    if (f->type == FIELD_STRING)
        (void)json_object_set_new(arguments, f->name, json_stringn(value.data, value.len));
    else if (f->type == FIELD_STRING_ARRAY)
        (void)json_object_set_new(arguments, f->name, json_pack("[s%]", value.data, value.len));
}

// NULL: a needed argument is not in the question.
static json_t *arguments_for(const struct agent_capability *c, struct text question,
                             const struct quoted *q) {
    json_t *arguments = json_object();
    if (!arguments)
        return NULL;
    put_text(arguments, field_of(c, "path"), q->path);
    put_text(arguments, field_of(c, "range"), q->range);
    char symbol[SYMBOL_BYTES_MAX];
    struct text named = q->symbol;
    if (named.data && named.len < sizeof symbol && memchr(named.data, '#', named.len)) {
        memcpy(symbol, named.data, named.len);
        *(char *)memchr(symbol, '#', named.len) = '.';
        named.data = symbol;
    }
    put_text(arguments, field_of(c, "symbol"), named);
    // A question holds no secret: what else has a text takes it for what to look for.
    if (strcmp(c->name, "secrets") != 0)
        put_text(arguments, field_of(c, "text"), question);
    for (const struct field *f = c->input; f->name; f++)
        if ((f->flags & FIELD_REQUIRED) && !json_object_get(arguments, f->name)) {
            json_decref(arguments);
            return NULL;
        }
    return arguments;
}

static void insert(struct ask_choice *list, size_t *count, struct ask_choice choice) {
    size_t at = *count;
    while (at > 0 && list[at - 1].score < choice.score)
        at--;
    if (at == ASK_CHOICES_MAX) {
        json_decref(choice.arguments);
        return;
    }
    if (*count == ASK_CHOICES_MAX)
        json_decref(list[--*count].arguments);
    memmove(&list[at + 1], &list[at], (*count - at) * sizeof *list);
    list[at] = choice;
    (*count)++;
}

static void consider_agent(const struct agent *a, struct text question, const struct quoted *q,
                           struct ask_choice *list, size_t *count) {
    for (const struct agent_capability *c = a->capabilities; c->name; c++) {
        if (!c->asked_by || (c->flags & AGENT_WRITES))
            continue;
        unsigned score = score_question(c->asked_by, question.data, question.len);
        score += q->symbol.data && field_of(c, "symbol") && score;
        score += q->range.data && field_of(c, "range") && score;
        if (score < SCORE_MIN)
            continue;
        json_t *arguments = arguments_for(c, question, q);
        if (arguments)
            insert(list, count, (struct ask_choice){a, c, arguments, score});
    }
}

int ask_choose(const char *question, size_t n, const struct agent *only,
               struct ask_choice ret[ASK_CHOICES_MAX], size_t *ret_count, struct err *err) {
    struct text text = {question, n};
    struct quoted quoted = {0};
    size_t count = 0;
    find_quoted(question, n, &quoted);
    for (size_t i = 0; i < AGENTS_SEVEN; i++)
        if (!only || only == agents[i])
            consider_agent(agents[i], text, &quoted, ret, &count);
    while (count > 1 && ret[count - 1].score * 100 < ret[0].score * SCORE_NEAR_PERCENT)
        json_decref(ret[--count].arguments);
    if (count == 0) { // an agent's first capability; of all: where is it?
        const struct agent *a = only ? only : &agent_edison;
        const struct agent_capability *c =
            only ? only->capabilities : agent_capability_find("locate", 6, &a);
        json_t *arguments = c && c->name ? arguments_for(c, text, &quoted) : NULL;
        if (!arguments)
            c = agent_capability_find("locate", 6, &a);
        if (!arguments && c)
            arguments = arguments_for(c, text, &quoted);
        if (!arguments)
            return err_set(err, ERR_INVAL, "no agent knows what to do with this question");
        ret[count++] = (struct ask_choice){a, c, arguments, 0};
    }
    *ret_count = count;
    return 0;
}

void ask_choices_done(struct ask_choice *choices, size_t count) {
    while (count)
        json_decref(choices[--count].arguments);
}
