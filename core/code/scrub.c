#include "core/code/scrub.h"

#include "core/base/buf.h"
#include "core/code/stdnames.h"

#include <string.h>

struct slot { // where a metavariable's stand-in is
    uint32_t start, end;
};
struct gate {
    struct syntax *s;
    enum lang lang;
    struct buf code;
    struct slot slots[256];
    uint32_t slot_count, slot;
    uint64_t letters[8]; // metavariables met: 26 letters × (none, 0 … 9 …) folded to 512 bits
    uint32_t metavariables;
    uint32_t nodes, holes;
    uint32_t from, to; // the text inside of `code`
    uint32_t covered;  // bytes of it that tokens account for
};

static int refuse(struct err *err, const char *why) {
    return err_set(err, ERR_PERM, "not shared: %s", why);
}

// One layout has no room for messages: printable ASCII, one space between tokens, lines that are
// not empty and do not end in spaces, indentation by fours.
static bool is_plain(const char *text, size_t n) {
    size_t line = 0, indent = 0;
    for (size_t k = 0; k < n; k++) {
        char c = text[k];
        if (c == '\n') {
            if (k == line || text[k - 1] == ' ')
                return false;
            line = k + 1;
            indent = 0;
            continue;
        }
        if (c < ' ' || c > '~')
            return false;
        if (c == ' ' && k == line + indent)
            indent++;
        else if (k == line + indent && (indent % 4 || indent > 64))
            return false;
        if (c == ' ' && k > line + indent && text[k - 1] == ' ')
            return false;
    }
    return n && text[n - 1] != ' ' && text[n - 1] != '\n';
}

static bool word_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// Length of the metavariable at `text`; 0 when there is none.
static size_t metavariable(const char *text, size_t n, const char **ret_stand_in) {
    size_t at = 2;
    if (n >= 4 && text[1] == '.' && text[2] == '.' && text[3] == '.') {
        *ret_stand_in = "mv";
        return 4;
    }
    if (n < 2 || text[1] < 'A' || text[1] > 'Z')
        return 0;
    while (at < n && at < 4 && text[at] >= '0' && text[at] <= '9')
        at++;
    if (at < n && word_char(text[at]))
        return 0;
    *ret_stand_in = text[1] == 'S'   ? "\"s\""
                    : text[1] == 'N' ? "55"
                    : text[1] == 'C' ? "'c'"
                                     : "mv";
    return at;
}

static void count_metavariable(struct gate *g, const char *text, size_t n) {
    uint32_t key = (uint32_t)(text[1] - 'A');
    bool literal = text[1] == 'S' || text[1] == 'N' || text[1] == 'C';
    if (text[1] == '.' || (literal && n == 2))
        return;
    for (size_t k = 2; k < n; k++)
        key = key * 10 + (uint32_t)(text[k] - '0') + 1;
    key = (key * 2654435761U) >> 23; // 512 bits: a collision only undercounts by one
    uint64_t bit = 1ULL << (key & 63);
    g->metavariables += !(g->letters[key >> 6] & bit);
    g->letters[key >> 6] |= bit;
}

static int put_code(struct gate *g, const char *open, const char *text, size_t n,
                    const char *close) {
    buf_clear(&g->code);
    g->slot_count = g->slot = 0;
    (void)buf_puts(&g->code, open);
    g->from = (uint32_t)g->code.len;
    for (size_t k = 0; k < n;) {
        const char *stand_in = NULL;
        size_t bytes = text[k] == '$' ? metavariable(text + k, n - k, &stand_in) : 0;
        if (!bytes) {
            (void)buf_putc(&g->code, text[k++]);
            continue;
        }
        if (g->slot_count == sizeof g->slots / sizeof g->slots[0])
            return ERR_PERM;
        count_metavariable(g, text + k, bytes);
        struct slot *slot = &g->slots[g->slot_count++];
        slot->start = (uint32_t)g->code.len;
        (void)buf_puts(&g->code, stand_in);
        slot->end = (uint32_t)g->code.len;
        k += bytes;
    }
    g->to = (uint32_t)g->code.len;
    bool c_like = g->lang == LANG_C || g->lang == LANG_CPP || g->lang == LANG_JAVA;
    if (c_like && n && text[n - 1] != ';' && text[n - 1] != '}')
        (void)buf_putc(&g->code, ';');
    (void)buf_puts(&g->code, close);
    return g->code.failed ? ERR_NOMEM : 0;
}

static int parse(struct gate *g, const char *text, size_t n, struct err *err) {
    const char *open = "", *close = "\n";
    if (g->lang == LANG_C || g->lang == LANG_CPP) {
        open = "void mv(void) {\n";
        close = "\n}\n";
    } else if (g->lang == LANG_GO) {
        open = "package mv\nfunc mv() {\n";
        close = "\n}\n";
    } else if (g->lang == LANG_RUST) {
        open = "fn mv() {\n";
        close = "\n}\n";
    } else if (g->lang == LANG_JAVA) {
        open = "class Mv { void mv() {\n";
        close = "\n} }\n";
    }
    int r = put_code(g, open, text, n, close);
    if (r < 0)
        return r == ERR_PERM ? refuse(err, "too many metavariables")
                             : err_set(err, r, "out of memory");
    r = syntax_parse(g->s, g->lang, g->code.data, g->code.len, NULL, err);
    if (r == ERR_NOMEM || r == ERR_UNSUPPORTED)
        return r;
    return r < 0 || g->s->errors ? refuse(err, "not code of its language") : 0;
}

static bool is_slot(struct gate *g, const struct node *n) {
    while (g->slot < g->slot_count && g->slots[g->slot].start < n->start)
        g->slot++;
    return g->slot < g->slot_count && g->slots[g->slot].start == n->start &&
           g->slots[g->slot].end == n->end;
}

static bool role_is_refused(enum role role) {
    switch (role) {
    case ROLE_ERROR:
    case ROLE_MISSING:
    case ROLE_COMMENT:
    case ROLE_FUNCTION:
    case ROLE_CLASS:
    case ROLE_MACRO:
    case ROLE_IMPORT:
    case ROLE_EXPORT:
    case ROLE_DECORATOR:
    case ROLE_PREPROC_IF:
    case ROLE_PREPROC_ELIF:
    case ROLE_PREPROC_ELSE:
        return true;
    default:
        return false;
    }
}

// A leaf with a text of its own: on a list, or one of the small literals, or a short sign.
static bool text_is_allowed(const struct gate *g, enum role role, const char *text, size_t n) {
    if (role == ROLE_STRING)
        return n == 2 && text[0] == text[1] && (text[0] == '"' || text[0] == '\'');
    if (role == ROLE_NUMBER)
        return (n == 1 && (text[0] == '0' || text[0] == '1')) ||
               (n == 2 && text[0] == '-' && text[1] == '1');
    if (stdnames_has(g->lang, text, n) || stdnames_is_keyword(g->lang, text, n))
        return true;
    if (n > 3 || role == ROLE_STRING_PART || role == ROLE_CHARACTER)
        return false;
    for (size_t k = 0; k < n; k++)
        if (!strchr("+-*/%&|^!~<>=?:.;", text[k]) || !text[k])
            return false;
    return true;
}

static bool weighs(const struct syntax *s, uint32_t i) {
    const struct node *n = &s->nodes[i];
    char c = n->end > n->start ? s->text[n->start] : '\0';
    if (syntax_named(s, i))
        return n->role != ROLE_EXPRESSION_STATEMENT && !syntax_type_is(s, i, "statement_list");
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !letter && !strchr("(){}[],;:\"'`\n", c);
}

static int check_node(struct gate *g, uint32_t i, uint32_t *ret_next, struct err *err) {
    const struct syntax *s = g->s;
    const struct node *n = &s->nodes[i];
    enum role role = (enum role)n->role;
    bool leaf = n->next == i + 1;
    bool whole = role == ROLE_STRING || role == ROLE_CHARACTER || role == ROLE_NUMBER ||
                 role == ROLE_NULL || role == ROLE_BOOLEAN || role == ROLE_SELF ||
                 !syntax_named(s, i);
    *ret_next = i + 1;
    if (n->end <= g->from || n->start >= g->to) { // of the frame
        *ret_next = n->end <= g->from || n->start >= g->to ? n->next : i + 1;
        return 0;
    }
    if (n->start < g->from || n->end > g->to) // around the text: must be the frame's own
        return leaf && n->end > n->start ? refuse(err, "a token leaves the text") : 0;
    if (role_is_refused(role))
        return refuse(err, "comments, directives, imports and definitions are not");
    g->nodes += weighs(s, i);
    if (!leaf && !whole)
        return 0;
    *ret_next = n->next;
    g->covered += n->end - n->start;
    if (is_slot(g, n)) {
        g->holes++;
        return 0;
    }
    const char *text = s->text + n->start;
    size_t bytes = n->end - n->start;
    if (!syntax_named(s, i)) {
        const char *type = syntax_type(s, i);
        bool same = strlen(type) == bytes && memcmp(type, text, bytes) == 0;
        // Some anonymous tokens stand for the end of a line, `;` or a line break.
        bool end = bytes <= 1 && (!bytes || *text == '\n' || *text == ';');
        return same || end ? 0 : refuse(err, "a token without a fixed text");
    }
    const char *word = syntax_type(s, i); // `auto` is of type "auto"
    if (role == ROLE_NONE && strlen(word) == bytes && memcmp(word, text, bytes) == 0)
        return 0;
    if (!text_is_allowed(g, role, text, bytes))
        return refuse(err, role == ROLE_STRING || role == ROLE_NUMBER || role == ROLE_CHARACTER
                               ? "a literal of its own"
                               : "a name that is not of the standard library");
    return 0;
}

static bool all_is_covered(const struct gate *g) {
    uint32_t visible = 0, breaks = 0;
    for (uint32_t k = g->from; k < g->to; k++) {
        visible += g->code.data[k] != ' ' && g->code.data[k] != '\n';
        breaks += g->code.data[k] == ' ' || g->code.data[k] == '\n';
    }
    // Tokens may hold spaces ("is not", a line break that ends a statement), never lack letters.
    return g->covered >= visible && g->covered <= visible + breaks;
}

// The text may not close the frame's bracket and open another: it lies in one block whole.
static bool is_framed(const struct gate *g) {
    const struct syntax *s = g->s;
    if (g->from == 0)
        return true;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].role == ROLE_BLOCK)
            return s->nodes[i].start < g->from && s->nodes[i].end > g->to;
    return false;
}

static int check_side(struct gate *g, const char *text, size_t n, struct err *err) {
    int r = parse(g, text, n, err);
    if (r < 0)
        return r;
    if (!is_framed(g))
        return refuse(err, "a bracket is closed that was not opened");
    g->nodes = g->holes = g->covered = 0;
    for (uint32_t i = 0, next; i < g->s->count; i = next) {
        r = check_node(g, i, &next, err);
        if (r < 0)
            return r;
    }
    if (!all_is_covered(g))
        return refuse(err, "text that is no token");
    if (g->nodes > SCRUB_NODES_MAX)
        return refuse(err, "larger than 64 nodes");
    if (g->metavariables > SCRUB_METAVARIABLES_MAX)
        return refuse(err, "more than 24 metavariables");
    return g->holes * 100 > g->nodes * SCRUB_HOLES_PERCENT_MAX ? refuse(err, "mostly holes") : 0;
}

static int check_sides(struct gate *g, const char *text, size_t bytes, struct err *err) {
    const char *arrow = memmem(text, bytes, "\n=>\n", 4);
    size_t first = arrow ? (size_t)(arrow - text) : bytes;
    int r = check_side(g, text, first, err);
    uint32_t nodes = g->nodes;
    if (r == 0 && arrow) {
        r = check_side(g, arrow + 4, bytes - first - 4, err);
        nodes += g->nodes;
    }
    if (r == 0 && nodes < SCRUB_NODES_MIN)
        return refuse(err, "smaller than 6 nodes");
    return r;
}

int scrub_check(struct syntax *s, enum lang lang, const char *text, size_t bytes, struct err *err) {
    if (!language_has_tree(lang))
        return err_set(err, ERR_UNSUPPORTED, "no grammar for %s in this build",
                       language_name(lang));
    if (bytes > SCRUB_BYTES_MAX || !is_plain(text, bytes))
        return refuse(err, "not in a pattern's layout");
    struct gate g = {.s = s, .lang = lang, .code = BUF_INIT(4 * SCRUB_BYTES_MAX)};
    int r = check_sides(&g, text, bytes, err);
    buf_done(&g.code);
    return r;
}
