// Routes as servers and clients declare them, and addresses that code goes to.
#include "core/agents/maya_flows.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { VARIABLES_MAX = 64, LOOK_BYTES_MAX = 4096 };

struct prefix { // v1 = r.Group("/v1"); bp = Blueprint(…, url_prefix='/x')
    struct span variable;
    char path[FLOWS_PATH_BYTES_MAX];
};
struct reader {
    struct flows *flows;
    const struct maya_file *f;
    const struct literals *l;
    struct prefix prefixes[VARIABLES_MAX];
    uint32_t prefix_count;
    char of_class[FLOWS_PATH_BYTES_MAX]; // @RequestMapping above the class
    const char *file;
    enum flows_framework framework;
};

static bool mentions(const struct maya_file *f, const char *word) {
    return memmem(f->text, f->bytes, word, strlen(word)) != NULL;
}

static enum flows_framework framework_of(const struct maya_file *f) {
    static const struct {
        enum lang lang;
        enum flows_framework framework;
        const char *mark;
    } list[] = {
        {LANG_PYTHON, FLOWS_FLASK, "flask"},     {LANG_PYTHON, FLOWS_FLASK, "fastapi"},
        {LANG_PYTHON, FLOWS_FLASK, ".route("},   {LANG_PYTHON, FLOWS_DJANGO, "urlpatterns"},
        {LANG_RUBY, FLOWS_RAILS, "routes.draw"}, {LANG_RUBY, FLOWS_SINATRA, "sinatra"},
        {LANG_RUBY, FLOWS_SINATRA, "Sinatra::"}, {LANG_GO, FLOWS_GO, "net/http"},
        {LANG_GO, FLOWS_GO, "gin-gonic"},        {LANG_GO, FLOWS_GO, "labstack/echo"},
        {LANG_GO, FLOWS_GO, "go-chi"},           {LANG_GO, FLOWS_GO, "macaron"},
        {LANG_GO, FLOWS_GO, "flamego"},          {LANG_GO, FLOWS_GO, "gorilla/mux"},
        {LANG_GO, FLOWS_GO, "gofiber"},          {LANG_JAVA, FLOWS_SPRING, "Mapping(\""},
    };
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (list[i].lang == f->lang && mentions(f, list[i].mark))
            return list[i].framework;
    if (f->lang != LANG_JAVASCRIPT && f->lang != LANG_TYPESCRIPT && f->lang != LANG_TSX)
        return FLOWS_NONE;
    if (mentions(f, "@angular/router") || mentions(f, "vue-router") ||
        mentions(f, "react-router") || mentions(f, "createBrowserRouter"))
        return FLOWS_CLIENT;
    return mentions(f, "express") || mentions(f, "Router()") || mentions(f, "fastify") ||
                   mentions(f, "koa")
               ? FLOWS_EXPRESS
               : FLOWS_NONE;
}

static bool is_one(const char *text, struct span s, const char *const *list, size_t count,
                   const char **ret) {
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == s.bytes && strncasecmp(list[i], text + s.at, s.bytes) == 0) {
            *ret = list[i];
            return true;
        }
    return false;
}

static const struct literal *first_in(const struct literals *l, uint32_t group) {
    uint32_t low = 0, high = l->count; // they are in order of position
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->list[middle].text.at < l->groups[group].start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->count && l->list[low].group == group ? &l->list[low] : NULL;
}

// --- prefixes ----------------------------------------------------------------------------------

// Brackets around: Group("/a", func() { … }), namespace "/b" do …
static void prefix_around(const struct reader *r, uint32_t group, char *ret, size_t max) {
    static const char *const names[] = {"Group", "Route", "route", "group"};
    const char *unused;
    char parts[8][80];
    size_t count = 0, len = 0;
    for (uint32_t g = r->l->groups[group].parent; g && count < COUNT_OF(parts);
         g = r->l->groups[g].parent) {
        const struct literal *x = first_in(r->l, g);
        struct span name = span_last(r->f->text, r->l->groups[g].name);
        bool object = r->framework == FLOWS_CLIENT && r->l->groups[g].bracket == '{';
        if (object) { // {path: 'a', children: [{path: 'b'}]}
            if (x && span_is(r->f->text, x->key, "path") && x->text.bytes < 70)
                (void)snprintf(parts[count++], sizeof parts[0], "/%.*s", (int)x->text.bytes,
                               r->f->text + x->text.at);
        } else if (x && x->argument == 0 &&
                   is_one(r->f->text, name, names, COUNT_OF(names), &unused) && x->text.bytes &&
                   r->f->text[x->text.at] == '/' && x->text.bytes < 70) {
            (void)snprintf(parts[count++], sizeof parts[0], "%.*s", (int)x->text.bytes,
                           r->f->text + x->text.at);
        }
    }
    ret[0] = '\0';
    while (count && len < max) {
        int n = snprintf(ret + len, max - len, "%s", parts[--count]);
        len += n > 0 ? (size_t)n : 0;
    }
}

static void receiver_of(const struct reader *r, struct span chain, struct span *ret) {
    struct span last = span_last(r->f->text, chain);
    *ret = (struct span){chain.at, last.at > chain.at ? last.at - chain.at - 1 : 0};
}

static const char *prefix_of_variable(const struct reader *r, struct span v) {
    for (uint32_t i = r->prefix_count; v.bytes && i > 0; i--)
        if (r->prefixes[i - 1].variable.bytes == v.bytes &&
            memcmp(r->f->text + r->prefixes[i - 1].variable.at, r->f->text + v.at, v.bytes) == 0)
            return r->prefixes[i - 1].path;
    return "";
}

static void take_prefix(struct reader *r, const struct literal *x) {
    const struct literal_group *g = &r->l->groups[x->group];
    struct span receiver;
    bool blueprint =
        span_is(r->f->text, x->key, "url_prefix") || span_is(r->f->text, x->key, "prefix");
    bool group = x->argument == 0 && (span_ends_with(r->f->text, g->name, "Group") ||
                                      span_ends_with(r->f->text, g->name, "Subrouter"));
    if (!(blueprint || group) || !x->text.bytes || r->f->text[x->text.at] != '/' ||
        r->prefix_count == VARIABLES_MAX)
        return;
    struct prefix *p = &r->prefixes[r->prefix_count];
    p->variable = g->target;
    if (blueprint && !g->target.bytes) { // register_blueprint(bp, url_prefix=…): by its argument
        uint32_t at = g->start + 1;
        while (at < g->end && (isalnum((unsigned char)r->f->text[at]) || r->f->text[at] == '_'))
            at++;
        p->variable = (struct span){g->start + 1, at - g->start - 1};
    }
    if (!p->variable.bytes)
        return;
    receiver_of(r, g->name, &receiver);
    if (blueprint && !g->target.bytes && r->flows->mount_count < FLOWS_MOUNTS_MAX) {
        char *mount = maya_keep(&r->flows->pool, r->f->text + x->text.at, x->text.bytes);
        if (mount)
            r->flows->mounts[r->flows->mount_count++] = mount;
    }
    (void)snprintf(p->path, sizeof p->path, "%s%.*s", group ? prefix_of_variable(r, receiver) : "",
                   (int)(x->text.bytes < 100 ? x->text.bytes : 100), r->f->text + x->text.at);
    r->prefix_count++;
}

// --- routes ------------------------------------------------------------------------------------

static struct flows_route route_at(const struct reader *r, uint32_t line) {
    return (struct flows_route){
        .file = r->file, .line = line, .framework = r->framework, .method = "", .handled = true};
}

// The function below a decorator.
static char *name_below(struct reader *r, uint32_t at) {
    const char *t = r->f->text, *end = t + r->f->bytes, *p = t + at;
    size_t max = (size_t)(end - p) < LOOK_BYTES_MAX ? (size_t)(end - p) : LOOK_BYTES_MAX;
    const char *def = memmem(p, max, "def ", 4);
    size_t n = 0;
    if (!def)
        return NULL;
    for (def += 4; def + n < end && (isalnum((unsigned char)def[n]) || def[n] == '_');)
        n++;
    return n ? maya_keep(&r->flows->pool, def, n) : NULL;
}

static int server_route(struct reader *r, const struct literal *x) {
    static const char *const methods[] = {"get",    "post",    "put", "patch",
                                          "delete", "options", "head"};
    static const char *const others[] = {"use",   "all",       "Any",       "Handle", "HandleFunc",
                                         "route", "Combo",     "Mount",     "Static", "PathPrefix",
                                         "mount", "api_route", "websocket", "head"};
    const struct literal_group *g = &r->l->groups[x->group];
    const char *t = r->f->text, *method = "", *other = "";
    uint32_t group = x->group;
    if (g->bracket == '[' && x->argument <= 8) { // app.get(['/a', '/b'], …)
        group = g->parent;
        g = &r->l->groups[group];
    } else if (x->argument != 0) {
        return 0;
    }
    struct span name = span_last(t, g->name), receiver;
    if (g->bracket != '(' || name.bytes == g->name.bytes || !x->text.bytes || x->key.bytes)
        return 0;
    bool is_method = is_one(t, name, methods, COUNT_OF(methods), &method);
    if (!is_method && !is_one(t, name, others, COUNT_OF(others), &other))
        return 0;
    char c = t[x->text.at];
    const char *space = memchr(t + x->text.at, ' ', x->text.bytes); // "GET /a" of Go 1.22
    size_t skip = space && r->framework == FLOWS_GO ? (size_t)(space - t) + 1 - x->text.at : 0;
    if (c != '/' && !skip)
        return 0;
    receiver_of(r, g->name, &receiver);
    static const char *const clients[] = {"axios",  "http",     "this.http", "request",     "agent",
                                          "client", "requests", "session",   "self.client", "api",
                                          "fetch",  "chai",     "frisby",    "supertest",   "$http",
                                          "cache",  "redis"};
    if (is_one(t, receiver, clients, COUNT_OF(clients), &other) && r->framework != FLOWS_FLASK)
        return 0;
    // a handler has to be there: a lone address is a question to somebody else's server
    bool decorator = g->name.at && t[g->name.at - 1] == '@';
    size_t n = g->end - g->start < LOOK_BYTES_MAX ? g->end - g->start : LOOK_BYTES_MAX;
    size_t behind = x->text.at + x->text.bytes - g->start;
    bool more = behind < n && memchr(t + g->start + behind, ',', n - behind);
    if (r->framework == FLOWS_FLASK
            ? !decorator
            : !more && strcmp(other, "Combo") != 0 && strcmp(other, "PathPrefix") != 0 &&
                  strcmp(other, "route") != 0)
        return 0;
    struct flows_route route = route_at(r, x->line);
    char prefix[FLOWS_PATH_BYTES_MAX];
    prefix_around(r, group, prefix, sizeof prefix);
    if (!prefix[0])
        (void)snprintf(prefix, sizeof prefix, "%s", prefix_of_variable(r, receiver));
    route.method = is_method ? method : "";
    if (r->framework == FLOWS_FLASK && !is_method) { // .route(…, methods=['POST'])
        const char *list = memmem(t + g->start, n, "methods", 7);
        bool post = list && memmem(list, (size_t)(t + g->start + n - list), "POST", 4);
        bool get = list && memmem(list, (size_t)(t + g->start + n - list), "GET", 3);
        route.method = !list || (get && !post) ? "get" : get ? "" : post ? "post" : "";
    }
    if (decorator)
        route.name = name_below(r, g->end);
    route.below =
        strcmp(other, "use") == 0 || strcmp(other, "Mount") == 0 || strcmp(other, "Static") == 0 ||
        strcmp(other, "PathPrefix") == 0 || strcmp(other, "mount") == 0 ||
        (r->framework == FLOWS_GO && x->text.bytes > 1 && t[x->text.at + x->text.bytes - 1] == '/');
    return flows_add_route(r->flows, route, prefix, t + x->text.at + skip, x->text.bytes - skip);
}

static int spring_route(struct reader *r, const struct literal *x) {
    static const struct {
        const char *name, *method;
    } list[] = {{"GetMapping", "get"},     {"PostMapping", "post"},     {"PutMapping", "put"},
                {"PatchMapping", "patch"}, {"DeleteMapping", "delete"}, {"RequestMapping", ""}};
    uint32_t group = x->group;
    if (r->l->groups[group].bracket == '{')
        group = r->l->groups[group].parent;
    const struct literal_group *g = &r->l->groups[group];
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        if (!span_is(r->f->text, g->name, list[i].name))
            continue;
        if (g->parent == 0) { // above the class
            (void)snprintf(r->of_class, sizeof r->of_class, "%.*s",
                           (int)(x->text.bytes < 200 ? x->text.bytes : 200),
                           r->f->text + x->text.at);
            return 0;
        }
        struct flows_route route = route_at(r, x->line);
        route.method = list[i].method;
        return flows_add_route(r->flows, route, r->of_class, r->f->text + x->text.at,
                               x->text.bytes);
    }
    return 0;
}

// path('a/<int:id>/', view, name='n')
static int django_route(struct reader *r, const struct literal *x) {
    const struct literal_group *g = &r->l->groups[x->group];
    static const char *const names[] = {"path", "re_path", "url"};
    const char *which;
    if (x->argument != 0 || !is_one(r->f->text, g->name, names, COUNT_OF(names), &which))
        return 0;
    struct flows_route route = route_at(r, x->line);
    size_t n = g->end - g->start < LOOK_BYTES_MAX ? g->end - g->start : LOOK_BYTES_MAX;
    route.below = memmem(r->f->text + g->start, n, "include(", 8) != NULL;
    for (const struct literal *y = x; y < r->l->list + r->l->count && y->text.at < g->end; y++)
        if (y->group == x->group && span_is(r->f->text, y->key, "name"))
            route.name = maya_keep(&r->flows->pool, r->f->text + y->text.at, y->text.bytes);
    const char *s = r->f->text + x->text.at;
    size_t m = x->text.bytes;
    while (m && (*s == '^' || *s == '/')) {
        s++;
        m--;
    }
    while (m && s[m - 1] == '$')
        m--;
    return flows_add_route(r->flows, route, "/", s, m);
}

// get '/a', to: 'b#c'; get '/a' do; resources :b.
static int ruby_route(struct reader *r, const struct literal *x) {
    static const char *const methods[] = {"get", "post", "put", "patch", "delete"};
    static const char *const whole[] = {"match", "mount", "scope", "namespace"};
    const char *t = r->f->text, *method = "", *other = "";
    struct span before = span_last(t, x->before);
    if (!x->before.bytes || x->key.bytes || !x->text.bytes)
        return 0;
    bool is_method = is_one(t, before, methods, COUNT_OF(methods), &method);
    if (!is_method && !is_one(t, before, whole, COUNT_OF(whole), &other))
        return 0;
    if (r->framework == FLOWS_SINATRA && t[x->text.at] != '/')
        return 0;
    struct flows_route route = route_at(r, x->line);
    route.method = method;
    route.below = !is_method;
    const struct literal *y = x + 1, *end = r->l->list + r->l->count;
    if (r->framework == FLOWS_RAILS && y < end && y->line == x->line &&
        memchr(t + y->text.at, '#', y->text.bytes))
        route.handler = maya_keep(&r->flows->pool, t + y->text.at, y->text.bytes);
    bool slash = t[x->text.at] == '/';
    return flows_add_route(r->flows, route, slash ? "" : "/", t + x->text.at, x->text.bytes);
}

// resources :agents → everything below /agents.
static int rails_resources(struct reader *r) {
    static const char *const words[] = {
        "resources :", "resource :", "namespace :", "devise_for :", "scope :", "scope path: :"};
    uint32_t line = 1;
    int code = 0;
    for (const char *at = r->f->text, *end = at + r->f->bytes; at < end && code == 0; line++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        const char *stop = eol ? eol : end;
        while (at < stop && isspace((unsigned char)*at))
            at++;
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            size_t n = strlen(words[i]), m = 0;
            if ((size_t)(stop - at) <= n || memcmp(at, words[i], n) != 0)
                continue;
            while (at + n + m < stop && (isalnum((unsigned char)at[n + m]) || at[n + m] == '_'))
                m++;
            struct flows_route route = route_at(r, line);
            route.below = true;
            code = flows_add_route(r->flows, route, "/", at + n, m);
        }
        at = stop + 1;
    }
    return code;
}

// {path: 'a', component: X} of a router's table, <Route path="/a" …>.
static int client_route(struct reader *r, const struct literal *x) {
    const struct literal_group *g = &r->l->groups[x->group];
    const char *t = r->f->text;
    if (!span_is(t, x->key, "path"))
        return 0;
    struct flows_route route = route_at(r, x->line);
    char prefix[FLOWS_PATH_BYTES_MAX] = "";
    if (x->group && g->bracket == '{') {
        static const char *const answers[] = {"component", "element",   "redirect", "children",
                                              "load",      "Component", "lazy",     "matcher",
                                              "render",    "view"};
        size_t n = g->end - g->start < LOOK_BYTES_MAX ? g->end - g->start : LOOK_BYTES_MAX;
        // rows of a table are in an array; anything else has a path of its own
        if (r->l->groups[g->parent].bracket != '[')
            return 0;
        route.scope = g->parent;
        route.handled = false;
        for (size_t i = 0; i < COUNT_OF(answers); i++)
            route.handled |= memmem(t + g->start, n, answers[i], strlen(answers[i])) != NULL;
        prefix_around(r, x->group, prefix, sizeof prefix);
    } else {
        size_t from = x->text.at > 200 ? x->text.at - 200 : 0;
        const char *open = memrchr(t + from, '<', x->text.at - from);
        if (!open || (strncmp(open, "<Route", 6) != 0 && !memmem(open, 20, "Route", 5)))
            return 0;
    }
    bool slash = x->text.bytes && t[x->text.at] == '/';
    if (slash)
        prefix[0] = '\0';
    else
        (void)snprintf(prefix + strlen(prefix), sizeof prefix - strlen(prefix), "/");
    route.below = x->text.bytes == 0 || memmem(t + x->text.at, x->text.bytes, "*", 1) != NULL;
    if (x->text.bytes && memchr("*", t[x->text.at + x->text.bytes - 1], 1) && x->text.bytes <= 2) {
        r->flows->not_found = true; // what is left over
        return 0;
    }
    if (x->text.bytes == 0) { // the parent's own place, or the program's
        if (prefix[1])
            return 0;
        route.below = false;
    }
    return flows_add_route(r->flows, route, prefix, t + x->text.at, x->text.bytes);
}

static int route(struct reader *r, const struct literal *x) {
    switch (r->framework) {
    case FLOWS_EXPRESS:
    case FLOWS_FLASK:
    case FLOWS_GO:
        return server_route(r, x);
    case FLOWS_SPRING:
        return spring_route(r, x);
    case FLOWS_DJANGO:
        return django_route(r, x);
    case FLOWS_RAILS:
    case FLOWS_SINATRA:
        return ruby_route(r, x);
    case FLOWS_CLIENT:
        return client_route(r, x);
    default:
        return 0;
    }
}

// --- addresses that code goes to ---------------------------------------------------------------

static int address(struct reader *r, const struct literal *x) {
    static const char *const goes[] = {
        "push",        "replace",       "navigate",  "redirect",     "Redirect",
        "redirect_to", "navigateByUrl", "pushState", "sendRedirect", "RedirectSubpath",
        "href",        "location",      "assign",    "link_to"};
    static const char *const names[] = {"url_for", "reverse", "reverse_lazy", "redirect"};
    const struct literal_group *g = &r->l->groups[x->group];
    const char *t = r->f->text, *unused;
    struct flows_link link = {
        .file = r->file, .line = x->line, .method = "", .kind = FLOWS_MENTION};
    if (!x->text.bytes || x->text.bytes > 200)
        return 0;
    uint32_t group = g->bracket == '[' ? g->parent : x->group;
    struct span name = span_last(t, r->l->groups[group].name), before = span_last(t, x->before);
    if (t[x->text.at] != '/' && x->argument == 0 &&
        is_one(t, name, names, COUNT_OF(names), &unused)) {
        link.kind = FLOWS_NAME;
        bool only = strcmp(unused, "url_for") == 0 || strncmp(unused, "reverse", 7) == 0;
        return only && !(x->flags & (LITERAL_PARTIAL | LITERAL_INTERPOLATED))
                   ? flows_add_link(r->flows, link, t + x->text.at, x->text.bytes)
                   : 0;
    }
    if (is_one(t, name, goes, COUNT_OF(goes), &unused) ||
        is_one(t, before, goes, COUNT_OF(goes), &unused) ||
        is_one(t, span_last(t, x->key), goes, COUNT_OF(goes), &unused))
        link.kind = FLOWS_LINK;
    char path[FLOWS_PATH_BYTES_MAX];
    if ((t[x->text.at] != '/' && t[x->text.at] != '#') ||
        !flows_normal(t + x->text.at, x->text.bytes, true, path, sizeof path))
        return 0;
    if (g->bracket == '[' && x->argument == 0) { // navigate(['/a', id])
        size_t behind = x->text.at + x->text.bytes;
        bool more = behind < g->end && memchr(t + behind, ',', g->end - behind) != NULL;
        if (more) {
            link.kind = FLOWS_MENTION;
            (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/*");
        }
    }
    // "/a/" + id: anything may follow
    if (x->flags & LITERAL_PARTIAL ||
        (x->text.bytes && t[x->text.at + x->text.bytes - 1] == '/' && x->text.bytes > 1))
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/*");
    if (x->flags & LITERAL_PARTIAL)
        link.kind = FLOWS_MENTION;
    return flows_add_link(r->flows, link, path, strlen(path));
}

int flows_read_code(struct flows *f, const struct maya_file *file, const struct literals *l) {
    struct reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->flows = f;
    r->f = file;
    r->l = l;
    r->framework = framework_of(file);
    r->file = maya_keep(&f->pool, file->path, strlen(file->path));
    int code = r->file ? 0 : ERR_NOMEM;
    f->rails |= r->framework == FLOWS_RAILS;
    for (uint32_t i = 0; i < l->count && r->framework; i++)
        take_prefix(r, &l->list[i]);
    if (r->framework == FLOWS_RAILS && code == 0)
        code = rails_resources(r);
    for (uint32_t i = 0; i < l->count && code == 0; i++) {
        uint32_t before = f->route_count;
        code = r->framework ? route(r, &l->list[i]) : 0;
        if (code == 0 && f->route_count == before)
            code = address(r, &l->list[i]);
    }
    mem_free(r);
    return code == ERR_LIMIT ? 0 : code;
}

// pages/a/[id].tsx of Next and Nuxt, app/a/page.tsx, src/routes/a/+page.svelte.
int flows_read_file_name(struct flows *f, const char *path) {
    static const char *const roots[] = {"pages/", "src/pages/", "app/", "src/app/", "src/routes/"};
    static const char *const endings[] = {".tsx", ".jsx", ".ts", ".js", ".vue", ".svelte"};
    char out[FLOWS_PATH_BYTES_MAX] = "/";
    size_t n = strlen(path), root = 0, cut = 0;
    for (size_t i = 0; i < COUNT_OF(roots); i++)
        if (strncmp(path, roots[i], strlen(roots[i])) == 0)
            root = strlen(roots[i]);
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (n > strlen(endings[i]) && strcmp(path + n - strlen(endings[i]), endings[i]) == 0)
            cut = strlen(endings[i]);
    if (!root || !cut || n - root - cut + 2 > sizeof out)
        return 0;
    memcpy(out + 1, path + root, n - root - cut);
    out[1 + n - root - cut] = '\0';
    bool files = strncmp(path, "app/", 4) == 0 || strncmp(path, "src/app/", 8) == 0 ||
                 strncmp(path, "src/routes/", 11) == 0;
    char *last = strrchr(out, '/');
    bool page = strcmp(last, "/page") == 0 || strcmp(last, "/route") == 0 ||
                strcmp(last, "/+page") == 0 || strcmp(last, "/+server") == 0;
    if (files ? !page : last[1] == '_')
        return 0;
    if (page || strcmp(last, "/index") == 0)
        last[last == out] = '\0';
    struct flows_route r = {.method = "", .framework = FLOWS_FILES, .line = 1, .handled = true};
    r.file = maya_keep(&f->pool, path, strlen(path));
    return r.file ? flows_add_route(f, r, "", out, strlen(out)) : ERR_NOMEM;
}
