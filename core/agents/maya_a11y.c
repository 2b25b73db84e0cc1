// a11y: what a screen reader, a keyboard or weak eyes will miss, as far as syntax proves it. Each
// rule names its success criterion of WCAG 2.2. What is only known at run time is not judged.
#include "core/agents/maya.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Values of an attribute, sorted: pages of a hundred thousand elements are looked up, not walked.
struct value {
    const char *text;
    uint32_t bytes, element;
};
struct values {
    struct value *list;
    uint32_t count;
    bool dynamic; // one or more are only known at run time
};

struct looking {
    maya_found_fn *fn;
    void *ctx;
    const struct maya_file *f;
    struct markup *m;
    struct values labelled; // what labels are for
    bool cut;               // too many elements
};

static void put(struct looking *l, uint32_t line, const char *rule, const char *criterion,
                const char *what, const char *instead) {
    struct maya_found x = {rule, criterion, what, instead, line, 0, 0};
    l->fn(l->ctx, &x);
}

static void put_at(struct looking *l, uint32_t e, const char *rule, const char *criterion,
                   const char *what, const char *instead) {
    const struct markup_element *at = &l->m->elements[e];
    struct maya_found x = {rule, criterion, what, instead, at->line, at->start, at->end};
    l->fn(l->ctx, &x);
}

static int by_value(const void *a, const void *b) {
    const struct value *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return memcmp(x->text, y->text, x->bytes);
}

static int by_value_and_place(const void *a, const void *b) {
    const struct value *x = a, *y = b;
    int order = by_value(a, b);
    return order ? order : (x->element > y->element) - (x->element < y->element);
}

// ERR_NOMEM. The list is mem_free'd by the caller.
static int values_of(const struct markup *m, const char *name, const char *other,
                     struct values *ret) {
    *ret = (struct values){.list = mem_alloc((m->count + 1) * sizeof *ret->list)};
    if (!ret->list)
        return ERR_NOMEM;
    for (uint32_t e = 0; e < m->count; e++) {
        const struct markup_attribute *a = markup_attribute(m, e, name);
        if (!a && other)
            a = markup_attribute(m, e, other);
        if (a && a->dynamic)
            ret->dynamic = true;
        else if (a && a->value_bytes)
            ret->list[ret->count++] = (struct value){m->text + a->value, a->value_bytes, e};
    }
    qsort(ret->list, ret->count, sizeof *ret->list, by_value_and_place);
    return 0;
}

static bool says(const struct markup *m, const struct markup_attribute *a, const char *word) {
    return a && memmem(m->text + a->value, a->value_bytes, word, strlen(word));
}

// Parts of a page that a template may leave out or take from elsewhere.
static bool has_branches(const struct markup *m) {
    static const char *const marks[] = {
        "{%",   "<%",     "<?",   "{{#",      "{{ if",    "{{if",   "{{- if",  "{{-if",
        "{#if", "{#each", "v-if", "v-for",    "*ngIf",    "*ngFor", "{{ temp", "{{template",
        "{{>",  "th:",    "@if",  "@foreach", "@include", "x-if",   "x-for",   "ng-if"};
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (memmem(m->text, m->bytes, marks[i], strlen(marks[i])))
            return true;
    return false;
}

static bool hidden(const struct markup *m, uint32_t e) {
    for (; e != UINT32_MAX; e = m->elements[e].parent) {
        const struct markup_attribute *role = markup_attribute(m, e, "role");
        if (markup_value_is(m, markup_attribute(m, e, "aria-hidden"), "true") ||
            markup_attribute(m, e, "hidden") || markup_value_is(m, role, "presentation") ||
            markup_value_is(m, role, "none") || markup_is(m, e, "noscript"))
            return true;
        const struct markup_attribute *style = markup_attribute(m, e, "style");
        if (says(m, style, "display:none") || says(m, style, "display: none") ||
            says(m, style, "display: 'none'") || says(m, style, "display: \"none\""))
            return true;
    }
    return false;
}

static bool filled(const struct markup_attribute *a) {
    return a && (a->dynamic || a->value_bytes);
}

static bool named(const struct markup *m, uint32_t e) {
    return filled(markup_attribute(m, e, "aria-label")) ||
           filled(markup_attribute(m, e, "aria-labelledby")) ||
           filled(markup_attribute(m, e, "title"));
}

static bool unknown(const struct markup *m, uint32_t e) {
    return m->elements[e].flags & (MARKUP_SPREAD | MARKUP_COMPONENT);
}

// --- rules -------------------------------------------------------------------------------------

static void image(struct looking *l, uint32_t e) {
    if (markup_is(l->m, e, "img") && !markup_attribute(l->m, e, "alt") && !named(l->m, e) &&
        !hidden(l->m, e))
        put_at(l, e, "image-alt", "1.1.1", "image without alt",
               "Say what it shows in alt, or alt=\"\" when it is decoration.");
}

// <label for=id>, or a label around it.
static bool has_label(const struct looking *l, uint32_t e) {
    const struct markup *m = l->m;
    for (uint32_t p = m->elements[e].parent; p != UINT32_MAX; p = m->elements[p].parent)
        if (markup_is(m, p, "label") || (m->elements[p].flags & MARKUP_COMPONENT))
            return true; // a component may be a label
    const struct markup_attribute *id = markup_attribute(m, e, "id");
    if (!id)
        return false;
    if (id->dynamic)
        return true;
    struct value v = {m->text + id->value, id->value_bytes, 0};
    return l->labelled.dynamic ||
           (v.bytes && bsearch(&v, l->labelled.list, l->labelled.count, sizeof v, by_value));
}

static void control(struct looking *l, uint32_t e) {
    static const char *const quiet[] = {"hidden", "submit", "button", "reset", "image"};
    bool input = markup_is(l->m, e, "input");
    const struct markup_attribute *type = markup_attribute(l->m, e, "type");
    if (!input && !markup_is(l->m, e, "select") && !markup_is(l->m, e, "textarea"))
        return;
    if (input && type && type->dynamic)
        return;
    for (size_t i = 0; input && i < COUNT_OF(quiet); i++)
        if (markup_value_is(l->m, type, quiet[i]))
            return;
    if (!named(l->m, e) && !has_label(l, e) && !hidden(l->m, e))
        put_at(l, e, "control-label", "3.3.2", "form control without a label",
               markup_attribute(l->m, e, "placeholder")
                   ? "Give it a <label for>; a placeholder goes away when one types."
                   : "Give it a <label for>, or aria-label.");
}

static void name_needed(struct looking *l, uint32_t e) {
    bool button = markup_is(l->m, e, "button");
    bool link = markup_is(l->m, e, "a") && markup_attribute(l->m, e, "href");
    if ((!button && !link) || named(l->m, e) || hidden(l->m, e))
        return;
    // filled by a framework, or by the code that translates
    static const char *const fills[] = {"v-text",       "v-html",       "dangerouslySetInnerHTML",
                                        "children",     "x-text",       "x-html",
                                        "innerHTML",    "innerText",    "textContent",
                                        "ng-bind",      "data-bind",    "th:text",
                                        "data-th-text", "th:utext",     "data-i18n",
                                        "i18n",         "data-l10n-id", "v-t",
                                        "ng-bind-html"};
    for (size_t i = 0; i < COUNT_OF(fills); i++)
        if (markup_attribute(l->m, e, fills[i]))
            return;
    if (!(l->m->elements[e].flags & (MARKUP_TEXT | MARKUP_DYNAMIC | MARKUP_LABELLED)))
        put_at(l, e, "name-missing", button ? "4.1.2" : "2.4.4",
               button ? "button without a name" : "link without a text",
               "Put words inside, or aria-label for an icon.");
}

static void clickable(struct looking *l, uint32_t e) {
    static const char *const plain[] = {"div", "span", "li", "p", "td", "tr", "section", "img"};
    bool is_plain = false, click = false, key = false;
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        is_plain |= markup_is(l->m, e, plain[i]);
    static const char *const clicks[] = {"onclick", "@click", "v-on:click", "on:click", "(click)"};
    static const char *const keys[] = {"onkeydown",  "onkeyup",  "onkeypress", "@keydown", "@keyup",
                                       "on:keydown", "on:keyup", "(keydown)",  "(keyup)"};
    for (size_t i = 0; i < COUNT_OF(clicks); i++) {
        const struct markup_attribute *a = markup_attribute(l->m, e, clicks[i]);
        // keeping a click from others is nothing that a key would do
        click |= a && !says(l->m, a, "stopPropagation") && !says(l->m, a, "preventDefault");
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        key |= markup_attribute(l->m, e, keys[i]) != NULL;
    if (is_plain && click && !key && !markup_attribute(l->m, e, "role") && !hidden(l->m, e))
        put_at(l, e, "click-only", "2.1.1", "works by mouse only",
               "Use a <button>, or add role, tabindex=\"0\" and a key handler.");
}

static bool zoom_limited(const char *s, size_t n) { // to once its size
    static const char key[] = "maximum-scale=1";
    const char *at = memmem(s, n, key, sizeof key - 1);
    const char *behind = at ? at + sizeof key - 1 : NULL;
    return at && (behind == s + n || !isdigit((unsigned char)*behind));
}

static void page_rules(struct looking *l, uint32_t e) {
    const struct markup_attribute *a;
    if (markup_is(l->m, e, "html") && !markup_attribute(l->m, e, "lang") &&
        !markup_attribute(l->m, e, "xml:lang") && !markup_attribute(l->m, e, "th:lang"))
        put_at(l, e, "page-language", "3.1.1", "page without a language",
               "Write <html lang=\"…\">, so that it is read with the right voice.");
    if (markup_is(l->m, e, "iframe") && !named(l->m, e) && !hidden(l->m, e))
        put_at(l, e, "frame-title", "4.1.2", "frame without a title",
               "Say in title what it holds.");
    a = markup_attribute(l->m, e, "tabindex");
    if (a && !a->dynamic && a->value_bytes && isdigit((unsigned char)l->m->text[a->value]) &&
        !markup_value_is(l->m, a, "0"))
        put_at(l, e, "tab-order", "2.4.3", "tabindex above 0",
               "It jumps ahead of the whole page: use 0 and the order of the source.");
    a = markup_attribute(l->m, e, "content");
    if (markup_is(l->m, e, "meta") && a && !a->dynamic &&
        markup_value_is(l->m, markup_attribute(l->m, e, "name"), "viewport") &&
        (memmem(l->m->text + a->value, a->value_bytes, "user-scalable=no", 16) ||
         zoom_limited(l->m->text + a->value, a->value_bytes)))
        put_at(l, e, "zoom-off", "1.4.4", "zooming is switched off",
               "Leave user-scalable and maximum-scale out.");
    if ((markup_is(l->m, e, "audio") || markup_is(l->m, e, "video")) &&
        markup_attribute(l->m, e, "autoplay") && !markup_attribute(l->m, e, "autoplay")->dynamic &&
        !markup_attribute(l->m, e, "muted"))
        put_at(l, e, "autoplay", "1.4.2", "plays sound by itself", "Let people start it.");
}

static void aria(struct looking *l, uint32_t e) {
    static const char *const known[] = {"activedescendant",
                                        "atomic",
                                        "autocomplete",
                                        "braillelabel",
                                        "brailleroledescription",
                                        "busy",
                                        "checked",
                                        "colcount",
                                        "colindex",
                                        "colindextext",
                                        "colspan",
                                        "controls",
                                        "current",
                                        "describedby",
                                        "description",
                                        "details",
                                        "disabled",
                                        "dropeffect",
                                        "errormessage",
                                        "expanded",
                                        "flowto",
                                        "grabbed",
                                        "haspopup",
                                        "hidden",
                                        "invalid",
                                        "keyshortcuts",
                                        "label",
                                        "labelledby",
                                        "level",
                                        "live",
                                        "modal",
                                        "multiline",
                                        "multiselectable",
                                        "orientation",
                                        "owns",
                                        "placeholder",
                                        "posinset",
                                        "pressed",
                                        "readonly",
                                        "relevant",
                                        "required",
                                        "roledescription",
                                        "rowcount",
                                        "rowindex",
                                        "rowindextext",
                                        "rowspan",
                                        "selected",
                                        "setsize",
                                        "sort",
                                        "valuemax",
                                        "valuemin",
                                        "valuenow",
                                        "valuetext"};
    for (uint32_t i = 0; i < l->m->elements[e].attribute_count; i++) {
        const struct markup_attribute *a = &l->m->attributes[l->m->elements[e].first_attribute + i];
        const char *name = l->m->text + a->name;
        bool there = false;
        if (a->name_bytes < 6 || strncmp(name, "aria-", 5) != 0)
            continue;
        for (size_t k = 0; k < COUNT_OF(known) && !there; k++)
            there = strlen(known[k]) == a->name_bytes - 5 &&
                    strncasecmp(known[k], name + 5, a->name_bytes - 5) == 0;
        if (there)
            continue;
        char what[120];
        (void)snprintf(what, sizeof what, "there is no attribute %.*s",
                       (int)(a->name_bytes < 60 ? a->name_bytes : 60), name);
        put_at(l, e, "aria-unknown", "4.1.2", what,
               "It does nothing: write the one that was meant.");
    }
}

// --- whole page --------------------------------------------------------------------------------

static void headings(struct looking *l) {
    int last = 0;
    for (uint32_t e = 0; e < l->m->count; e++) {
        const struct markup_element *x = &l->m->elements[e];
        if (x->name_bytes != 2 || tolower((unsigned char)l->m->text[x->name]) != 'h' ||
            !isdigit((unsigned char)l->m->text[x->name + 1]))
            continue;
        int level = l->m->text[x->name + 1] - '0';
        if (level < 1 || level > 6)
            continue;
        if (last && level > last + 1) {
            char what[64];
            (void)snprintf(what, sizeof what, "heading h%d follows h%d", level, last);
            put_at(l, e, "heading-order", "1.3.1", what, "Do not leave levels out.");
        }
        last = level;
    }
}

static int same_ids(struct looking *l) {
    struct values ids;
    int r = values_of(l->m, "id", NULL, &ids);
    for (uint32_t i = 1; r == 0 && i < ids.count; i++)
        if (by_value(&ids.list[i - 1], &ids.list[i]) == 0)
            put_at(l, ids.list[i].element, "same-id", "1.3.1", "an id that is used twice",
                   "Labels and descriptions reach the first only: make them different.");
    mem_free(ids.list);
    return r;
}

// --- contrast: WCAG 2.2, relative luminance and contrast ratio ----------------------------------

struct color {
    double r, g, b;
};

static int hex_digit(char c) {
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

static bool read_hex(const char *s, size_t n, struct color *ret) {
    int d[6];
    if (n != 3 && n != 6)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((d[i] = hex_digit(s[i])) < 0)
            return false;
    if (n == 3)
        *ret = (struct color){d[0] * 17, d[1] * 17, d[2] * 17};
    else
        *ret = (struct color){d[0] * 16 + d[1], d[2] * 16 + d[3], d[4] * 16 + d[5]};
    return true;
}

static bool read_color(const char *s, size_t n, struct color *ret) {
    static const struct {
        const char *name;
        struct color color;
    } names[] = {
        {"black", {0, 0, 0}},           {"white", {255, 255, 255}},    {"gray", {128, 128, 128}},
        {"grey", {128, 128, 128}},      {"silver", {192, 192, 192}},   {"red", {255, 0, 0}},
        {"yellow", {255, 255, 0}},      {"lime", {0, 255, 0}},         {"orange", {255, 165, 0}},
        {"lightgray", {211, 211, 211}}, {"lightgrey", {211, 211, 211}}};
    while (n && isspace((unsigned char)*s)) {
        s++;
        n--;
    }
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    if (n && *s == '#')
        return read_hex(s + 1, n - 1, ret);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i].name) == n && strncasecmp(names[i].name, s, n) == 0) {
            *ret = names[i].color;
            return true;
        }
    return false;
}

static double channel(double c) {
    c /= 255;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(struct color c) {
    return 0.2126 * channel(c.r) + 0.7152 * channel(c.g) + 0.0722 * channel(c.b);
}

// Declarations "a: b; c: d": the last literal colour of text and background.
static void contrast_of(struct looking *l, const char *s, size_t n, uint32_t line) {
    struct color text, back;
    bool has_text = false, has_back = false;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && s[end] != ';')
            end++;
        const char *colon = memchr(s + i, ':', end - i);
        size_t from = i;
        while (from < end && (isspace((unsigned char)s[from]) || s[from] == '{'))
            from++;
        if (colon && colon > s + from) {
            size_t name = (size_t)(colon - s) - from, value = end - (size_t)(colon - s) - 1;
            while (name && isspace((unsigned char)s[from + name - 1]))
                name--;
            bool is_text = name == 5 && strncasecmp(s + from, "color", 5) == 0;
            bool is_back = (name == 10 && strncasecmp(s + from, "background", 10) == 0) ||
                           (name == 16 && strncasecmp(s + from, "background-color", 16) == 0);
            if (is_text)
                has_text = read_color(colon + 1, value, &text);
            if (is_back)
                has_back = read_color(colon + 1, value, &back);
        }
        i = end + 1;
    }
    if (!has_text || !has_back)
        return;
    double a = luminance(text), b = luminance(back);
    double ratio = ((a > b ? a : b) + 0.05) / ((a > b ? b : a) + 0.05);
    char what[80];
    (void)snprintf(what, sizeof what, "contrast %.1f : 1", ratio);
    if (ratio < 4.5)
        put(l, line, "contrast", "1.4.3", what, "Text needs 4.5 : 1 (3 : 1 when it is large).");
}

static void css_blocks(struct looking *l, const char *s, size_t n, uint32_t line) {
    size_t open = SIZE_MAX, selector = 0;
    uint32_t open_line = line;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '/' && i + 1 < n && s[i + 1] == '*') {
            const char *end = memmem(s + i + 2, n - i - 2, "*/", 2);
            size_t to = end ? (size_t)(end - s) + 1 : n - 1;
            for (; i < to; i++)
                line += s[i] == '\n';
        } else if (s[i] == '{') {
            // 1.4.3 leaves out controls that are switched off
            bool off = memmem(s + selector, i - selector, "disabled", 8);
            open = off ? SIZE_MAX : i + 1;
            selector = i + 1;
            open_line = line;
        } else if (s[i] == '}') {
            if (open != SIZE_MAX)
                contrast_of(l, s + open, i - open, open_line);
            open = SIZE_MAX;
            selector = i + 1;
        }
        line += s[i] == '\n';
    }
}

static void styles(struct looking *l) {
    for (uint32_t e = 0; e < l->m->count; e++) {
        const struct markup_element *x = &l->m->elements[e];
        const struct markup_attribute *a = markup_attribute(l->m, e, "style");
        if (a && !a->dynamic)
            contrast_of(l, l->m->text + a->value, a->value_bytes, x->line);
        if (!markup_is(l->m, e, "style") || x->end >= l->m->bytes)
            continue;
        const char *begin = l->m->text + x->end;
        const char *end = memmem(begin, l->m->bytes - x->end, "</", 2);
        css_blocks(l, begin, end ? (size_t)(end - begin) : l->m->bytes - x->end, x->line);
    }
}

// --- files -------------------------------------------------------------------------------------

static void check_elements(struct looking *l) {
    for (uint32_t e = 0; e < l->m->count; e++) {
        aria(l, e);
        if (unknown(l->m, e))
            continue;
        image(l, e);
        control(l, e);
        name_needed(l, e);
        clickable(l, e);
        page_rules(l, e);
    }
}

static int check_page(struct looking *l, struct markup *m, bool jsx, struct err *err) {
    l->m = m;
    int r = values_of(m, "for", "htmlFor", &l->labelled);
    if (r == 0) {
        check_elements(l);
        styles(l);
    }
    if (r == 0 && !jsx && !has_branches(m)) { // a component or template is no whole page
        headings(l);
        r = same_ids(l);
    }
    l->cut |= m->cut;
    mem_free(l->labelled.list);
    l->labelled = (struct values){0};
    l->m = NULL;
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int check(struct looking *l, const struct maya_file *f, struct err *err) {
    struct markup m = {0};
    bool jsx = f->lang == LANG_JAVASCRIPT || f->lang == LANG_TSX;
    l->f = f;
    if (f->lang == LANG_CSS) {
        css_blocks(l, f->text, f->bytes, 1);
        return 0;
    }
    if (jsx && !f->tree)
        return 0;
    int r = jsx ? markup_of_tree(f->tree, &m, err) : markup_read(f->text, f->bytes, &m, err);
    if (r == 0)
        r = check_page(l, &m, jsx, err);
    markup_done(&m);
    return r;
}

int maya_check(const struct maya_file *f, maya_found_fn *fn, void *ctx, struct err *err) {
    struct looking l = {.fn = fn, .ctx = ctx};
    return check(&l, f, err);
}

// --- the answer --------------------------------------------------------------------------------

struct answering {
    struct report *report;
    const char *path;
    uint32_t found;
};

static void on_found(void *ctx, const struct maya_found *x) {
    struct answering *a = ctx;
    a->found++;
    report_item(a->report,
                json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "rule", x->rule, "criterion",
                          x->criterion, "path", a->path, "line", (json_int_t)x->line, "message",
                          x->what, "instead", x->instead),
                "%s:%u [%s, WCAG %s] %s\n  %s", a->path, x->line, x->rule, x->criterion, x->what,
                x->instead);
}

static int on_file(void *ctx, const struct maya_file *f, struct err *err) {
    struct answering *a = ctx;
    struct looking l = {.fn = on_found, .ctx = a};
    a->path = f->path;
    int r = check(&l, f, err);
    if (l.cut)
        report_note(a->report, "%s: too many elements, the rest was not looked at", f->path);
    return r;
}

static bool wanted(const char *path, enum lang lang) {
    (void)path;
    return lang == LANG_HTML || lang == LANG_JAVASCRIPT || lang == LANG_TSX || lang == LANG_CSS;
}

static int answer(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct maya_input *in = input;
    struct answering a = {.report = report};
    struct maya_walk w = {.wanted = wanted, .trees = true, .on_file = on_file, .ctx = &a};
    uint32_t files = 0;
    int r = maya_each(call, in->path, &w, report, &files, err);
    if (r < 0)
        return r;
    report_title(report, "%u finding%s in %u pages, components and style sheets", a.found,
                 a.found == 1 ? "" : "s", files);
    report_nothing(
        report,
        files ? "Nothing that syntax can prove."
              : "No pages, components or style sheets here (tests and examples are left out).");
    report_note(report,
                "what is only known at run time is not judged: try it with a keyboard and a "
                "screen reader");
    return 0;
}

int maya_a11y(struct agent_call *call, const void *input, struct report *report, struct err *err) {
    const struct maya_input *in = input;
    const struct maya_kept k = {MAYA_A11Y, in->path, 0, answer};
    return maya_answer(call, &k, input, report, err);
}
