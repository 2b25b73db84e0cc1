// Links, forms and names of routes in pages, templates and JSX.
#include "core/agents/maya_flows.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LONG_FORM_FIELDS = 15 };

static bool says(const struct maya_file *f, const char *word) {
    return memmem(f->text, f->bytes, word, strlen(word)) != NULL;
}

static bool is_template(const struct maya_file *f) {
    return says(f, "{{") || says(f, "{%") || says(f, "<%") || says(f, "<?") || says(f, "th:") ||
           says(f, "ng-");
}

// A value of href, to, action …
static int go_to(struct flows *f, struct flows_link link, const char *s, size_t n, bool whole) {
    char path[FLOWS_PATH_BYTES_MAX];
    while (n && isspace((unsigned char)*s)) {
        s++;
        n--;
    }
    if (!n || n > 250)
        return 0;
    if (memmem(s, n, "url_for(", 8) || memmem(s, n, "{% url ", 7))
        return 0; // by name: seen where names are
    if (*s == '/' || *s == '{' || *s == '#' || *s == '<')
        return flows_normal(s, n, true, path, sizeof path)
                   ? flows_add_link(f, link, path, strlen(path))
                   : 0;
    if (link.spa && isalpha((unsigned char)*s)) { // routerLink="a": below where one is
        link.kind = FLOWS_MENTION;
        (void)snprintf(path, sizeof path, "/%.*s", (int)n, s);
        return flows_add_link(f, link, path, strlen(path));
    }
    bool web =
        memchr(s, ':', n) != NULL || memchr(s, '{', n) || memchr(s, '<', n) || memchr(s, '$', n);
    size_t m = 0;
    while (m < n && s[m] != '?' && s[m] != '#')
        m++;
    bool page = (m > 5 && memcmp(s + m - 5, ".html", 5) == 0) ||
                (m > 4 && memcmp(s + m - 4, ".htm", 4) == 0);
    if (web || !page || !whole || link.kind != FLOWS_LINK)
        return 0;
    link.kind = FLOWS_FILE; // beside the page
    const char *slash = strrchr(link.file, '/');
    (void)snprintf(path, sizeof path, "%.*s%.*s", slash ? (int)(slash - link.file + 1) : 0,
                   link.file, (int)m, s);
    return flows_add_link(f, link, path, strlen(path));
}

static void long_form(struct flows *f, const struct markup *m, uint32_t form, const char *file) {
    uint32_t fields = 0;
    for (uint32_t e = form + 1; e < m->count; e++) {
        bool inside = false;
        for (uint32_t p = m->elements[e].parent; p != UINT32_MAX && p >= form;
             p = m->elements[p].parent)
            inside |= p == form;
        if (!inside)
            break;
        if (markup_is(m, e, "fieldset") || markup_is(m, e, "section") || markup_is(m, e, "h3") ||
            markup_is(m, e, "h4"))
            return; // it is divided
        const struct markup_attribute *type = markup_attribute(m, e, "type");
        bool quiet = markup_value_is(m, type, "hidden") || markup_value_is(m, type, "submit") ||
                     markup_value_is(m, type, "button") || markup_value_is(m, type, "radio");
        fields += !quiet && (markup_is(m, e, "input") || markup_is(m, e, "select") ||
                             markup_is(m, e, "textarea"));
    }
    if (fields >= LONG_FORM_FIELDS)
        maya_find(&f->findings, RULE_LONG_FORM, (struct maya_place){file, m->elements[form].line},
                  NULL, 0, "a form of %u fields without parts", fields);
}

static int attributes(struct flows *f, const struct markup *m, const char *file, bool whole,
                      uint32_t *links) {
    static const struct {
        const char *name;
        enum flows_link_kind kind;
        bool spa;
    } names[] = {{"href", FLOWS_LINK, false},       {"routerLink", FLOWS_LINK, true},
                 {"to", FLOWS_LINK, true},          {"action", FLOWS_FORM, false},
                 {"formaction", FLOWS_FORM, false}, {"hx-get", FLOWS_LINK, false},
                 {"hx-post", FLOWS_FORM, false},    {"data-url", FLOWS_MENTION, false}};
    for (uint32_t e = 0; e < m->count; e++) {
        if (markup_is(m, e, "form"))
            long_form(f, m, e, file);
        if (markup_is(m, e, "link") || markup_is(m, e, "base") || markup_is(m, e, "use"))
            continue;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            const struct markup_attribute *a = markup_attribute(m, e, names[i].name);
            if (!a)
                continue;
            struct flows_link link = {.file = file,
                                      .line = m->elements[e].line,
                                      .method = "",
                                      .kind = names[i].kind,
                                      .spa = names[i].spa};
            const struct markup_attribute *method = markup_attribute(m, e, "method");
            if (link.kind == FLOWS_FORM)
                link.method = markup_value_is(m, method, "post") ? "post"
                              : method && method->dynamic        ? ""
                                                                 : "get";
            if (names[i].spa && a->dynamic) { // [routerLink]="['/a', id]"
                const char *s = m->text + a->value, *q = memchr(s, '\'', a->value_bytes);
                const char *end =
                    q ? memchr(q + 1, '\'', (size_t)(s + a->value_bytes - q - 1)) : NULL;
                link.kind = FLOWS_MENTION;
                int r = end ? go_to(f, link, q + 1, (size_t)(end - q) - 1, whole) : 0;
                if (r < 0)
                    return r;
                continue;
            }
            *links += link.kind == FLOWS_LINK || link.kind == FLOWS_FORM;
            int r = go_to(f, link, m->text + a->value, a->value_bytes, whole);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

// href="/a", to='/b' of JSX; values that are not texts are passed over.
static int jsx(struct flows *f, const struct maya_file *file, const char *path) {
    static const struct {
        const char *name;
        enum flows_link_kind kind;
        bool spa;
    } names[] = {
        {" href=", FLOWS_LINK, false}, {" to=", FLOWS_LINK, true}, {" action=", FLOWS_FORM, false}};
    uint32_t line = 1;
    int r = 0;
    for (size_t i = 0; i < file->bytes && r == 0; i++) {
        line += file->text[i] == '\n';
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            size_t n = strlen(names[k].name);
            if ((file->text[i] != ' ' && file->text[i] != '\n') || file->bytes - i < n + 2 ||
                memcmp(file->text + i + 1, names[k].name + 1, n - 1) != 0)
                continue;
            const char *s = file->text + i + n;
            size_t rest = file->bytes - i - n;
            if (*s == '{' && rest > 2) { // {"/a"}, {`/a/${id}`}
                s++;
                rest--;
            }
            if (*s != '"' && *s != '\'' && *s != '`')
                continue;
            const char *end = memchr(s + 1, *s, rest - 1 < 250 ? rest - 1 : 250);
            struct flows_link link = {.file = path,
                                      .line = line,
                                      .method = "",
                                      .kind = names[k].kind,
                                      .spa = names[k].spa};
            if (end)
                r = go_to(f, link, s + 1, (size_t)(end - s) - 1, false);
        }
    }
    return r;
}

// url_for('a.b'), {% url 'a' %} anywhere; "/a" of scripts.
static int names_and_mentions(struct flows *f, const struct maya_file *file, const char *path) {
    uint32_t line = 1;
    int r = 0;
    for (size_t i = 1; i < file->bytes && r == 0; i++) {
        char c = file->text[i], quote = file->text[i - 1];
        line += quote == '\n';
        if (quote != '\'' && quote != '"')
            continue;
        size_t rest = file->bytes - i;
        const char *end = memchr(file->text + i, quote, rest < 200 ? rest : 200);
        size_t n = end ? (size_t)(end - file->text) - i : 0;
        struct flows_link link = {.file = path, .line = line, .method = "", .kind = FLOWS_MENTION};
        char to[FLOWS_PATH_BYTES_MAX];
        bool named = (i > 9 && memcmp(file->text + i - 9, "url_for(", 8) == 0) ||
                     (i > 8 && memcmp(file->text + i - 8, "{% url ", 7) == 0);
        if (n && named) {
            link.kind = FLOWS_NAME;
            r = flows_add_link(f, link, file->text + i, n);
        } else if (n && c == '/' && flows_normal(file->text + i, n, true, to, sizeof to)) {
            r = flows_add_link(f, link, to, strlen(to));
        }
    }
    return r;
}

int flows_read_page(struct flows *f, const struct maya_file *file) {
    char *path = maya_keep(&f->pool, file->path, strlen(file->path));
    struct markup m = {0};
    uint32_t links = 0;
    if (!path)
        return ERR_NOMEM;
    if (file->lang != LANG_HTML)
        return jsx(f, file, path);
    bool whole = !is_template(file) && says(file, "<html");
    int r = names_and_mentions(f, file, path);
    if (r == 0)
        r = markup_read(file->text, file->bytes, &m, NULL);
    if (r == 0)
        r = attributes(f, &m, path, whole, &links);
    if (r == 0 && whole && says(file, "</body>")) {
        f->pages++;
        f->pages_with_links += links > 0;
        // a way on that a program makes
        bool moves =
            says(file, "<script") || says(file, "onclick") || says(file, "http-equiv=\"refresh\"");
        if (!links && !moves)
            maya_find(&f->findings, RULE_DEAD_END, (struct maya_place){path, 1}, NULL, 0,
                      "no link, no form, no script leads on");
    }
    markup_done(&m);
    return r;
}
