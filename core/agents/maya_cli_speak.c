// What a program says when something goes wrong, where it says it, and how it ends then.
#include "core/agents/maya_cli.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { LINES_TO_EXIT = 3, CALL_BYTES_MAX = 1000 };

static int spoken(struct cli *c, const struct maya_file *f, enum cli_spoken_kind kind,
                  const char *text, size_t n, uint32_t line) {
    void *list = c->spoken;
    int r =
        mem_grow(&list, c->spoken_count, &c->spoken_capacity, sizeof *c->spoken, CLI_SPOKEN_MAX);
    c->spoken = list;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    struct cli_spoken x = {.kind = kind, .line = line};
    x.path = maya_keep(&c->pool, f->path, strlen(f->path));
    x.text = maya_keep(&c->pool, text, n < 120 ? n : 120);
    if (!x.path || !x.text)
        return ERR_NOMEM;
    c->spoken[c->spoken_count++] = x;
    return 0;
}

static bool begins_as_error(const char *s, size_t n) {
    static const char *const words[] = {
        "error:",     "error ",   "fatal:",         "fatal error",     "[error]",
        "failed to ", "cannot ",  "can't ",         "could not ",      "couldn't ",
        "unable to ", "invalid ", "unknown option", "unknown command", "missing "};
    while (n && (isspace((unsigned char)*s) || strchr("!*#-[\\", *s))) { // decoration
        if (*s == '\\' && n > 1) {
            s++;
            n--;
        }
        s++;
        n--;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (n >= strlen(words[i]) && strncasecmp(s, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static bool sure_error(const char *s, size_t n) { // "Missing a file?" may be a question
    return n >= 6 && (strncasecmp(s, "error:", 6) == 0 || strncasecmp(s, "fatal:", 6) == 0 ||
                      (n >= 7 && strncasecmp(s, "error: ", 7) == 0));
}

// Does it print on stdout, and nothing else?
static bool to_stdout(const struct maya_file *f, struct span name) {
    static const struct {
        enum lang lang;
        const char *name;
    } list[] = {{LANG_PYTHON, "print"},
                {LANG_JAVASCRIPT, "console.log"},
                {LANG_TYPESCRIPT, "console.log"},
                {LANG_GO, "fmt.Println"},
                {LANG_GO, "fmt.Printf"},
                {LANG_GO, "fmt.Print"},
                {LANG_RUST, "println"},
                {LANG_C, "printf"},
                {LANG_C, "puts"},
                {LANG_CPP, "printf"},
                {LANG_CPP, "puts"},
                {LANG_RUBY, "puts"},
                {LANG_RUBY, "$stdout.puts"},
                {LANG_JAVA, "System.out.println"},
                {LANG_JAVA, "System.out.printf"}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].lang == f->lang && span_is(f->text, name, list[i].name))
            return true;
    return false;
}

static bool to_stderr(const struct maya_file *f, const struct literal_group *g) {
    static const char *const names[] = {"stderr", "console.error", "eprint",
                                        "warn",   "err(",          "perror"};
    size_t n = g->end - g->start < CALL_BYTES_MAX ? g->end - g->start : CALL_BYTES_MAX;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (memmem(f->text + g->start, n, names[i], strlen(names[i])) ||
            memmem(f->text + g->name.at, g->name.bytes, names[i], strlen(names[i])))
            return true;
    return false;
}

// How the program ends within a few lines behind a byte: 0, 1 (or anything else), -1: it does not.
static int exit_behind(const struct maya_file *f, uint32_t at) {
    static const char *const exits[] = {"sys.exit(", "os.Exit(", "process.exit(", "exit("};
    const char *s = f->text + at, *end = f->text + f->bytes, *to = s;
    for (unsigned lines = 0; to < end && lines < LINES_TO_EXIT + 1; to++)
        lines += *to == '\n';
    for (const char *p = s; p < to; p++) {
        if (*p == '}' || (p + 4 < to && (memcmp(p, "else", 4) == 0 || memcmp(p, "def ", 4) == 0)))
            return -1;
        for (size_t i = 0; i < COUNT_OF(exits); i++) {
            size_t n = strlen(exits[i]);
            if ((size_t)(to - p) <= n || memcmp(p, exits[i], n) != 0 ||
                (p > s && (isalnum((unsigned char)p[-1]) || p[-1] == '_')))
                continue;
            return p[n] == '0' && p[n + 1] == ')' ? 0 : 1;
        }
    }
    return -1;
}

// print(e), console.log(err): the message alone, as the library words it.
static bool bare(const struct maya_file *f, const struct literal_group *g) {
    static const char *const names[] = {"e", "ex", "exc", "err", "error", "exception", "str(e)"};
    const char *s = f->text + g->start + 1;
    size_t n = g->end > g->start + 1 ? g->end - g->start - 2 : 0;
    if (f->lang != LANG_PYTHON && f->lang != LANG_JAVASCRIPT && f->lang != LANG_TYPESCRIPT)
        return false;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == n && memcmp(s, names[i], n) == 0)
            return true;
    return false;
}

static bool prints(const struct maya_file *f, struct span name) {
    return to_stdout(f, name) || span_is(f->text, name, "console.error");
}

int cli_speak(struct cli *c, const struct maya_file *f, const struct literals *l) {
    int r = 0;
    for (uint32_t i = 1; i < l->group_count && r == 0; i++) {
        const struct literal_group *g = &l->groups[i];
        if (g->bracket == '(' && prints(f, g->name) && bare(f, g) && exit_behind(f, g->end) == 1)
            r = spoken(c, f, SPOKEN_BARE, f->text + g->name.at, g->end - g->name.at, g->line);
    }
    for (uint32_t i = 0; i < l->count && r == 0; i++) {
        const struct literal *x = &l->list[i];
        const struct literal_group *g = &l->groups[x->group];
        const char *s = f->text + x->text.at;
        struct span name = g->bracket == '(' ? g->name : x->before;
        bool call = x->group && g->bracket == '(' && x->argument == 0;
        if (!(call || x->before.bytes) || (x->flags & LITERAL_JOINED) ||
            !begins_as_error(s, x->text.bytes))
            continue;
        bool out = to_stdout(f, name) && !(call && to_stderr(f, g));
        int ends = out || (call && to_stderr(f, g))
                       ? exit_behind(f, call ? g->end : x->text.at + x->text.bytes + 1)
                       : -1;
        if (ends == 0)
            r = spoken(c, f, SPOKEN_EXIT_0, s, x->text.bytes, x->line);
        else if (out && (ends == 1 || sure_error(s, x->text.bytes)))
            r = spoken(c, f, SPOKEN_ERROR_STDOUT, s, x->text.bytes, x->line);
    }
    return r;
}
