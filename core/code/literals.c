#include "core/code/literals.h"

#include "core/base/mem.h"
#include "core/code/clones_lex.h"

#include <ctype.h>
#include <string.h>

struct reading {
    struct literals *l;
    enum lang lang;
    uint32_t stack[LITERAL_DEPTH_MAX]; // of open groups
    uint32_t arguments[LITERAL_DEPTH_MAX];
    uint32_t depth;        // open ones, the file's included
    uint32_t deeper;       // brackets beyond the stack
    struct span chain;     // words and dots right before
    struct span key;       // what is waiting for its value
    struct span target;    // of the assignment of this statement
    struct span last;      // the last literal, as a possible key
    bool after_literal;    // the last token was one
    bool after_plus;       // … was + behind a literal
    bool in_chain;         // … belongs to `chain`
    bool statement;        // nothing stands in this statement yet
    uint32_t key_distance; // tokens since the key
    char sign;             // the last token, when it was a sign
};

void literals_done(struct literals *l) {
    mem_free(l->groups);
    mem_free(l->list);
    *l = (struct literals){0};
}

bool span_is(const char *text, struct span s, const char *word) {
    return strlen(word) == s.bytes && memcmp(text + s.at, word, s.bytes) == 0;
}

struct span span_last(const char *text, struct span s) {
    for (uint32_t i = s.bytes; i > 0; i--)
        if (text[s.at + i - 1] == '.' || text[s.at + i - 1] == ':' || text[s.at + i - 1] == '>')
            return (struct span){s.at + i, s.bytes - i};
    return s;
}

bool span_ends_with(const char *text, struct span s, const char *name) {
    return span_is(text, span_last(text, s), name);
}

static int add_group(struct literals *l, struct literal_group g) {
    void *list = l->groups;
    int r =
        mem_grow(&list, l->group_count, &l->group_capacity, sizeof *l->groups, LITERAL_GROUPS_MAX);
    l->groups = list;
    if (r == 0)
        l->groups[l->group_count++] = g;
    return r;
}

static int add_literal(struct literals *l, struct literal x) {
    void *list = l->list;
    int r = mem_grow(&list, l->count, &l->capacity, sizeof *l->list, LITERALS_MAX);
    l->list = list;
    if (r == 0)
        l->list[l->count++] = x;
    return r;
}

static uint32_t top(const struct reading *r) {
    return r->stack[r->depth - 1];
}

static struct span key_here(const struct reading *r) {
    return r->key_distance <= 1 ? r->key : (struct span){0};
}

static void new_statement(struct reading *r) {
    r->statement = true;
    r->chain = r->key = r->target = (struct span){0};
    r->in_chain = r->after_literal = r->after_plus = false;
    char bracket = r->l->groups[top(r)].bracket;
    if (bracket != '(' && bracket != '[')
        r->arguments[r->depth - 1] = 0;
}

static int open_group(struct reading *r, uint32_t at, uint32_t line, char bracket) {
    struct literal_group g = {.start = at,
                              .end = r->l->bytes,
                              .line = line,
                              .end_line = line,
                              .parent = top(r),
                              .argument = r->arguments[r->depth - 1],
                              .name = r->in_chain ? r->chain : (struct span){0},
                              .key = r->key,
                              .target = r->target,
                              .bracket = bracket};
    if (r->depth == LITERAL_DEPTH_MAX) {
        r->deeper++;
        return 0;
    }
    int code = add_group(r->l, g);
    if (code < 0)
        return code;
    r->stack[r->depth] = r->l->group_count - 1;
    r->arguments[r->depth++] = 0;
    return 0;
}

static void close_group(struct reading *r, uint32_t end, uint32_t line) {
    if (r->deeper) {
        r->deeper--;
        return;
    }
    if (r->depth < 2)
        return;
    struct literal_group *g = &r->l->groups[r->stack[--r->depth]];
    g->end = end;
    g->end_line = line;
    // a chain goes on behind a call: a(…).b(…); its name is the last part then
    r->target = r->depth ? g->target : (struct span){0};
}

// Quotes and prefixes off; what is added at run time.
static struct literal trim(const struct reading *r, uint32_t from, uint32_t to) {
    const char *t = r->l->text;
    struct literal x = {0};
    bool formatted = false;
    uint32_t hashes = 0;
    while (from < to && t[from] != '"' && t[from] != '\'' && t[from] != '`') {
        formatted |= t[from] == 'f' || t[from] == 'F';
        hashes += t[from] == '#';
        from++;
    }
    x.quote = from < to ? t[from] : 0;
    uint32_t quotes = to - from >= 6 && t[from + 1] == x.quote && t[from + 2] == x.quote ? 3 : 1;
    uint32_t tail = 0;
    while (tail < quotes && to - tail > from + quotes && t[to - tail - 1] == x.quote)
        tail++;
    if (hashes && to - from > hashes + 1)
        tail = hashes + 1; // "# of r#"…"#
    from = from + quotes < to ? from + quotes : to;
    to = to - tail > from ? to - tail : from;
    x.text = (struct span){from, to - from};
    if (formatted && memchr(t + from, '{', to - from))
        x.flags |= LITERAL_INTERPOLATED;
    bool script = r->lang == LANG_JAVASCRIPT || r->lang == LANG_TYPESCRIPT || r->lang == LANG_TSX ||
                  r->lang == LANG_KOTLIN || r->lang == LANG_BASH || r->lang == LANG_PHP ||
                  r->lang == LANG_PERL;
    if ((script && (x.quote == '`' || (r->lang > LANG_TSX && x.quote == '"')) &&
         memchr(t + from, '$', to - from)) ||
        (r->lang == LANG_RUBY && x.quote == '"' && memmem(t + from, to - from, "#{", 2)))
        x.flags |= LITERAL_INTERPOLATED;
    return x;
}

static int take_literal(struct reading *r, uint32_t from, uint32_t to, uint32_t line,
                        uint32_t end_line) {
    struct literal x = trim(r, from, to);
    if (!x.quote)
        return 0;
    x.line = line;
    x.end_line = end_line;
    x.group = top(r);
    x.argument = r->arguments[r->depth - 1];
    x.key = key_here(r);
    x.before = r->in_chain ? r->chain : (struct span){0};
    if (r->after_literal || r->after_plus)
        x.flags |= LITERAL_JOINED;
    else if (r->sign == '+')
        x.flags |= LITERAL_PARTIAL;
    if (r->statement)
        x.flags |= LITERAL_STATEMENT;
    r->last = x.text;
    return add_literal(r->l, x);
}

static void part_added(struct reading *r) { // "a" + x
    if (r->after_plus && r->l->count)
        r->l->list[r->l->count - 1].flags |= LITERAL_PARTIAL;
}

static void take_word(struct reading *r, uint32_t from, uint32_t to) {
    const char *t = r->l->text;
    part_added(r);
    bool joins = r->in_chain && r->chain.bytes &&
                 (t[from - 1] == '.' || t[from - 1] == ':' || t[from - 1] == '>');
    if (joins)
        r->chain.bytes = to - r->chain.at;
    else if (from && t[from - 1] == '.') // behind a call
        r->chain = (struct span){from, to - from};
    else
        r->chain = (struct span){from, to - from};
    r->in_chain = true;
}

static int take_sign(struct reading *r, uint32_t at, uint32_t line) {
    const char *t = r->l->text;
    char c = t[at], next = at + 1 < r->l->bytes ? t[at + 1] : 0;
    int code = 0;
    char before = at ? t[at - 1] : 0;
    bool keeps =
        r->in_chain && (c == '.' || (c == ':' && (next == ':' || next == '=' || before == ':')) ||
                        (c == '-' && next == '>') || (c == '>' && before == '-') ||
                        (c == '!' && next && strchr("([{", next)) || (c == '?' && next == '.'));
    bool plus = c == '+' && r->after_literal;
    switch (c) {
    case '(':
    case '[':
    case '{':
        part_added(r);
        code = open_group(r, at, line, c);
        r->statement = c == '{';
        r->chain = r->key = (struct span){0};
        if (c == '{')
            r->target = (struct span){0};
        keeps = false;
        break;
    case ')':
    case ']':
    case '}':
        close_group(r, at + 1, line);
        r->chain = r->key = (struct span){0};
        r->statement = c == '}';
        break;
    case ',':
        r->arguments[r->depth - 1]++;
        r->key = (struct span){0};
        break;
    case ';':
        new_statement(r);
        break;
    case ':':
    case '=':
        if (c == '=' && (next == '=' || (at && strchr("=!<>+-*/", t[at - 1]))))
            break;
        r->key = r->after_literal ? r->last : r->in_chain ? r->chain : r->key;
        r->key_distance = 0;
        if (c == '=' && next != '>' && r->in_chain)
            r->target = r->chain;
        if (c == ':' && at && t[at - 1] == ':')
            r->key = (struct span){0};
        break;
    case '>':
        r->key_distance = at && t[at - 1] == '=' ? 0 : r->key_distance; // key => value
        break;
    default:
        break;
    }
    r->in_chain = keeps && c != '=';
    r->after_plus = plus;
    r->after_literal = false;
    r->sign = c;
    return code;
}

static int take_token(struct reading *r, const struct clone_lexer *x, const struct clone_token *t) {
    uint32_t from = (uint32_t)(x->from - r->l->text), to = (uint32_t)(x->at - r->l->text);
    int code = 0;
    r->key_distance++;
    if (t->kind == CLONE_SIGN)
        return take_sign(r, from, t->line);
    if (t->kind == CLONE_LITERAL && !isdigit((unsigned char)*x->from) && *x->from != '/') {
        code = take_literal(r, from, to, t->line, x->line);
        r->after_literal = true;
        r->in_chain = false;
    } else if (t->kind == CLONE_WORD) {
        take_word(r, from, to);
        r->after_literal = false;
    } else {
        r->after_literal = r->in_chain = false;
    }
    r->after_plus = false;
    r->statement = false;
    r->sign = 0;
    return code;
}

// Languages whose statements end with the line, outside of brackets.
static bool lines_end(enum lang lang) {
    return lang == LANG_PYTHON || lang == LANG_RUBY || lang == LANG_GO || lang == LANG_KOTLIN ||
           lang == LANG_SWIFT || lang == LANG_SCALA || lang == LANG_LUA || lang == LANG_BASH;
}

int literals_read(enum lang lang, const char *text, size_t bytes, struct literals *ret,
                  struct err *err) {
    struct clone_lexer x = {0};
    struct clone_token t;
    *ret = (struct literals){.text = text, .bytes = (uint32_t)bytes};
    if (bytes >= UINT32_MAX || !clone_lexer_start(&x, lang, text, bytes))
        return err_set(err, ERR_UNSUPPORTED, "no code");
    struct reading r = {.l = ret, .lang = lang, .depth = 1, .statement = true};
    int code = add_group(ret, (struct literal_group){.end = ret->bytes, .line = 1});
    uint32_t line = 1;
    bool ends = lines_end(lang);
    x.imports = true;
    while (code == 0 && clone_lexer_next(&x, &t)) {
        char bracket = ret->groups[top(&r)].bracket;
        if (ends && t.line != line && (r.depth == 1 || bracket == '{') && *x.from != '.' &&
            r.sign != ',')
            new_statement(&r);
        line = x.line;
        code = take_token(&r, &x, &t);
    }
    while (r.depth > 1)
        close_group(&r, ret->bytes, x.line);
    if (ret->group_count)
        ret->groups[0].end_line = x.line;
    if (code == ERR_LIMIT) {
        ret->cut = true;
        code = 0;
    }
    if (code == 0)
        return 0;
    literals_done(ret);
    return err_set(err, code, "out of memory");
}
