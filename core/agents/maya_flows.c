// flows: where people can go in a program, and what leads nowhere. Routes of servers and clients,
// links, forms and redirects between them; for command lines, their commands. A link is called dead
// only where most of the others are understood.
#include "core/agents/maya_flows.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    UNDERSTOOD_MIN = 3,      // links that lead to a route
    UNDERSTOOD_PERCENT = 70, // of all, for the others to be dead
    ROUTES_FOR_404 = 5,
    GRAPH_EDGES_MAX = 80
};

static const struct maya_rule rules[] = {
    [RULE_DEAD_LINK] = {"dead-link", "Links to a route that is not there",
                        "Mend the address, or bring the route back."},
    [RULE_FORM_UNHANDLED] = {"form-unhandled", "Forms whose action nobody handles",
                             "Add the route, or mend action and method."},
    [RULE_NO_HANDLER] = {"no-handler", "Routes that nothing answers", "Name what answers it."},
    [RULE_SAME_ROUTE] = {"same-route", "Routes that are declared twice",
                         "Only the first answers: remove one."},
    [RULE_UNREACHABLE] = {"unreachable", "Pages that no link, redirect or code leads to",
                          "Link to it, or remove it; that it is typed by hand is possible."},
    [RULE_DEAD_END] = {"dead-end", "Pages with no way on", "Give a link back at least."},
    [RULE_NO_404] = {"no-404", "No page for what is not there", "Say so and offer a way back."},
    [RULE_LONG_FORM] = {"long-form", "Long forms in one piece (information)",
                        "Divide it into parts with headings, or ask for less."},
};

// --- addresses ---------------------------------------------------------------------------------

static size_t template_end(const char *s, size_t n) { // bytes of {{…}}, {%…%}, <%…%>, ${…}, {…}
    static const char *const pairs[][2] = {{"{{", "}}"}, {"{%", "%}"}, {"<%", "%>"},
                                           {"${", "}"},  {"#{", "}"},  {"{", "}"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        size_t m = strlen(pairs[i][0]);
        if (n < m || memcmp(s, pairs[i][0], m) != 0)
            continue;
        const char *end = memmem(s + m, n - m, pairs[i][1], strlen(pairs[i][1]));
        return end ? (size_t)(end - s) + strlen(pairs[i][1]) : n;
    }
    return 0;
}

bool flows_normal(const char *s, size_t n, bool template_parts, char *ret, size_t max) {
    size_t m = 0;
    bool dynamic = false;
    size_t lead = template_parts ? template_end(s, n) : 0;
    if (lead && lead < n && s[lead] == '/') { // {{AppSubURL}}/a
        s += lead;
        n -= lead;
    }
    if (n > 1 && s[0] == '#' && s[1] == '/') { // #/a of old client routers
        s++;
        n--;
    } else if (n > 2 && s[0] == '/' && s[1] == '#' && s[2] == '/') {
        s += 2;
        n -= 2;
    }
    if (!n || s[0] != '/' || (n > 1 && s[1] == '/') || max < 8)
        return false;
    for (size_t i = 0; i < n && m + 4 < max;) {
        char c = s[i];
        size_t part = template_parts ? template_end(s + i, n - i) : 0;
        if (part || c == '*') {
            dynamic = true;
            i += part ? part : 1;
        } else if (c == '/') {
            if (dynamic) { // one part that is not known makes the whole segment so
                while (m && ret[m - 1] != '/')
                    m--;
                ret[m++] = '*';
            }
            dynamic = false;
            if (!m || ret[m - 1] != '/')
                ret[m++] = '/';
            i++;
        } else if (c == '?' || c == '#' || c == '&' || isspace((unsigned char)c)) {
            if (c != '?' && c != '#')
                return false;
            break;
        } else {
            if (!isalnum((unsigned char)c) && !strchr("-_.~@:+=,!%", c))
                return false;
            ret[m++] = c;
            i++;
        }
    }
    if (dynamic) {
        while (m && ret[m - 1] != '/')
            m--;
        ret[m++] = '*';
    }
    while (m > 1 && ret[m - 1] == '/')
        m--;
    ret[m] = '\0';
    return true;
}

// Of a route: parameters become *. ":id", "{id}", "<int:id>", "(…)", "[id]".
static bool normal_route(const char *s, size_t n, char *ret, size_t max, bool *below) {
    size_t m = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        int depth = 0;
        while (end < n && (s[end] != '/' || depth > 0)) {
            depth += strchr("([{<", s[end]) != NULL;
            depth -= strchr(")]}>", s[end]) != NULL;
            end++;
        }
        if (end > i) {
            bool parameter = false, rest = false;
            for (size_t k = i; k < end; k++) {
                parameter |= strchr(":*([{<", s[k]) != NULL;
                rest |= s[k] == '*' || (s[k] == '.' && k + 1 < end && s[k + 1] == '.');
            }
            rest |= end - i > 6 && memmem(s + i, end - i, "path:", 5) != NULL;
            bool group = s[i] == '(' && s[end - 1] == ')' && !memchr(s + i, '|', end - i) &&
                         isalpha((unsigned char)s[i + 1]); // (marketing) of Next is no segment
            if (group) {
                i = end + 1;
                continue;
            }
            if (rest) {
                *below = true;
                break;
            }
            size_t bytes = parameter ? 1 : end - i;
            if (m + bytes + 2 > max)
                return false;
            ret[m++] = '/';
            memcpy(ret + m, parameter ? "*" : s + i, bytes);
            m += bytes;
        }
        i = end + 1;
    }
    if (!m)
        ret[m++] = '/';
    ret[m] = '\0';
    return true;
}

static bool same_segment(const char *a, size_t n, const char *b, size_t m) {
    return (n == 1 && *a == '*') || (m == 1 && *b == '*') || (n == m && memcmp(a, b, n) == 0);
}

bool flows_match(const struct flows_route *r, const char *path) {
    const char *a = r->path + 1, *b = path + 1;
    if (path[0] != '/')
        return false;
    while (*a && *b) {
        size_t n = strcspn(a, "/"), m = strcspn(b, "/");
        if (!same_segment(a, n, b, m))
            return false;
        a += n + (a[n] == '/');
        b += m + (b[m] == '/');
    }
    return (!*a && !*b) || (!*a && r->below);
}

int flows_add_route(struct flows *f, struct flows_route r, const char *prefix, const char *path,
                    size_t n) {
    char whole[FLOWS_PATH_BYTES_MAX], normal[FLOWS_PATH_BYTES_MAX];
    void *list = f->routes;
    int k = snprintf(whole, sizeof whole, "%s%.*s", prefix, (int)(n < 200 ? n : 200), path);
    if (k < 0 || (size_t)k >= sizeof whole ||
        !normal_route(whole, (size_t)k, normal, sizeof normal, &r.below))
        return 0;
    int code =
        mem_grow(&list, f->route_count, &f->route_capacity, sizeof *f->routes, FLOWS_ROUTES_MAX);
    f->routes = list;
    if (code < 0) {
        f->cut |= code == ERR_LIMIT;
        return code == ERR_LIMIT ? 0 : code;
    }
    r.path = maya_keep(&f->pool, normal, strlen(normal));
    if (!r.path)
        return ERR_NOMEM;
    f->routes[f->route_count++] = r;
    return 0;
}

int flows_add_link(struct flows *f, struct flows_link l, const char *to, size_t n) {
    void *list = f->links;
    int code = mem_grow(&list, f->link_count, &f->link_capacity, sizeof *f->links, FLOWS_LINKS_MAX);
    f->links = list;
    if (code < 0) {
        f->cut |= code == ERR_LIMIT;
        return code == ERR_LIMIT ? 0 : code;
    }
    l.to = maya_keep(&f->pool, to, n);
    if (!l.to)
        return ERR_NOMEM;
    f->links[f->link_count++] = l;
    return 0;
}

// --- files -------------------------------------------------------------------------------------

static bool wanted(const char *path, enum lang lang) {
    (void)path;
    return lang == LANG_HTML || lang == LANG_PYTHON || lang == LANG_JAVASCRIPT ||
           lang == LANG_TYPESCRIPT || lang == LANG_TSX || lang == LANG_GO || lang == LANG_RUBY ||
           lang == LANG_JAVA || lang == LANG_RUST || lang == LANG_C;
}

static bool says(const struct maya_file *f, const char *word) {
    return memmem(f->text, f->bytes, word, strlen(word)) != NULL;
}

static int read_file(struct flows *f, const struct maya_file *file) {
    static const char *const marks[] = {"404",        "NotFound",  "not_found",      "notFound",
                                        "pathMatch(", "NoRoute",   "page-not-found", "'**'",
                                        "path: '*'",  "path=\"*\""};
    struct literals l = {0};
    bool page = file->lang == LANG_HTML || file->lang == LANG_TSX || file->lang == LANG_JAVASCRIPT;
    int r = page ? flows_read_page(f, file) : 0;
    for (size_t i = 0; i < COUNT_OF(marks) && !f->not_found; i++)
        f->not_found = says(file, marks[i]);
    enum cli_framework framework = r == 0 ? cli_framework_of(file) : CLI_NONE;
    if (r < 0 || file->lang == LANG_HTML ||
        (!framework && (file->lang == LANG_C || file->lang == LANG_RUST)))
        return r;
    if (!framework && !memchr(file->text, '/', file->bytes))
        return 0;
    r = literals_read(file->lang, file->text, file->bytes, &l, NULL);
    if (r == 0 && file->lang != LANG_C && file->lang != LANG_RUST)
        r = flows_read_code(f, file, &l);
    if (r == 0 && framework)
        r = cli_read(&f->cli, file, framework, &l);
    literals_done(&l);
    return r == ERR_UNSUPPORTED ? 0 : r;
}

static int on_file(void *ctx, const struct maya_file *file, struct err *err) {
    struct flows *f = ctx;
    f->snapshot = file->s;
    int r = read_file(f, file);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

// --- rules -------------------------------------------------------------------------------------

static bool by_name(const struct flows *f, const char *name) {
    const char *dot = strrchr(name, '.'), *colon = strrchr(name, ':');
    const char *last = dot ? dot + 1 : colon ? colon + 1 : name;
    for (uint32_t i = 0; i < f->route_count; i++)
        if (f->routes[i].name && strcmp(f->routes[i].name, last) == 0)
            return true;
    return strcmp(last, "static") == 0;
}

static void use_name(struct flows *f, const char *name) {
    const char *dot = strrchr(name, '.'), *colon = strrchr(name, ':');
    const char *last = dot ? dot + 1 : colon ? colon + 1 : name;
    for (uint32_t i = 0; i < f->route_count; i++)
        f->routes[i].uses += f->routes[i].name && strcmp(f->routes[i].name, last) == 0;
}

static bool is_asset(const char *to) { // a file: served as it is
    const char *slash = strrchr(to, '/'), *dot = slash ? strchr(slash, '.') : NULL;
    return dot && dot[1] && strcmp(dot, ".html") != 0;
}

struct hit {
    bool any, method;
};

static void look_up_as(struct flows *f, const struct flows_link *l, const char *to,
                       struct hit *hit) {
    for (uint32_t i = 0; i < f->route_count; i++) {
        struct flows_route *r = &f->routes[i];
        if (!flows_match(r, to))
            continue;
        r->uses++;
        hit->any = true;
        hit->method |= !r->method[0] || !l->method[0] || strcmp(r->method, l->method) == 0 ||
                       r->below || r->framework == FLOWS_CLIENT;
    }
}

static struct hit look_up(struct flows *f, const struct flows_link *l) {
    struct hit hit = {0};
    look_up_as(f, l, l->to, &hit);
    for (uint32_t i = 0; i < f->mount_count; i++) {
        size_t n = strlen(f->mounts[i]);
        if (strncmp(l->to, f->mounts[i], n) == 0 && (l->to[n] == '/' || !l->to[n]))
            look_up_as(f, l, l->to[n] ? l->to + n : "/", &hit);
    }
    return hit;
}

struct tally {
    uint32_t all, found;
};

static bool understood(struct tally t) {
    return t.found >= UNDERSTOOD_MIN && t.found * 100 >= t.all * UNDERSTOOD_PERCENT;
}

static int links(struct flows *f) {
    struct hit *hits = mem_zalloc((f->link_count + 1) * sizeof *hits);
    struct tally addresses = {0}, names = {0};
    if (!hits)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < f->link_count; i++) {
        const struct flows_link *l = &f->links[i];
        struct tally *t = l->kind == FLOWS_NAME ? &names : &addresses;
        if (l->kind == FLOWS_NAME) {
            hits[i].any = by_name(f, l->to);
            use_name(f, l->to);
        } else if (l->kind != FLOWS_FILE) {
            hits[i] = look_up(f, l);
        }
        if (l->kind != FLOWS_FILE && l->kind != FLOWS_MENTION && !is_asset(l->to)) {
            t->all++;
            t->found += hits[i].any;
        }
    }
    for (uint32_t i = 0; i < f->link_count; i++) {
        const struct flows_link *l = &f->links[i];
        struct tally t = l->kind == FLOWS_NAME ? names : addresses;
        struct maya_place at = {l->file, l->line};
        bool dead = !hits[i].any && l->kind != FLOWS_MENTION && l->kind != FLOWS_FILE &&
                    !is_asset(l->to) && strcmp(l->to, "/") != 0 && strcmp(l->to, "/*") != 0;
        if (dead && understood(t))
            maya_find(&f->findings, l->kind == FLOWS_FORM ? RULE_FORM_UNHANDLED : RULE_DEAD_LINK,
                      at, NULL, 0, "%.150s: no route; %u of %u others have one", l->to, t.found,
                      t.all);
        else if (l->kind == FLOWS_FORM && hits[i].any && !hits[i].method && understood(t))
            maya_find(&f->findings, RULE_FORM_UNHANDLED, at, NULL, 0,
                      "%.150s: a route is there, but not for %s", l->to, l->method);
    }
    if (addresses.all && !understood(addresses) && f->route_count)
        report_note(
            f->report,
            "%u of %u addresses lead to a route that is seen: the others are not called dead",
            addresses.found, addresses.all);
    mem_free(hits);
    return 0;
}

// Beside a page: a/../b.html. Nothing outside of the workspace is asked for.
static bool file_there(const struct snapshot *s, const char *path) {
    char out[FLOWS_PATH_BYTES_MAX];
    size_t m = 0;
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            if (!m)
                return true; // above the workspace: not known
            while (m && out[m - 1] != '/')
                m--;
            m -= m > 0;
        } else if (n && !(n == 1 && at[0] == '.')) {
            if (m + n + 2 > sizeof out)
                return true;
            if (m)
                out[m++] = '/';
            memcpy(out + m, at, n);
            m += n;
        }
        at += n + (at[n] == '/');
    }
    return snapshot_find(s, out, m) >= 0;
}

static void files(struct flows *f, const struct snapshot *s) {
    struct tally t = {0};
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < f->link_count; i++) {
            const struct flows_link *l = &f->links[i];
            if (l->kind != FLOWS_FILE)
                continue;
            bool there = file_there(s, l->to);
            if (pass == 0) {
                t.all++;
                t.found += there;
            } else if (!there && understood(t)) {
                maya_find(&f->findings, RULE_DEAD_LINK, (struct maya_place){l->file, l->line}, NULL,
                          0, "%.150s: no such page; %u of %u others are there", l->to, t.found,
                          t.all);
            }
        }
}

// What is called by others than people who follow links.
static bool for_machines(const struct flows_route *r) {
    static const char *const words[] = {
        "api",    "callback", "webhook", "webhooks", "health",     "healthz", "metrics",
        "oauth",  "auth",     "rss",     "feed",     "static",     "assets",  "ping",
        "status", "ws",       "socket",  "graphql",  "rest",       "debug",   "v1",
        "v2",     "sitemap",  "robots",  "token",    "unsubscribe"};
    for (const char *at = r->path + 1; *at;) {
        size_t n = strcspn(at, "/");
        for (size_t i = 0; i < COUNT_OF(words); i++)
            if (strlen(words[i]) == n && strncasecmp(at, words[i], n) == 0)
                return true;
        if (memchr(at, '.', n) || (n == 1 && *at == '*'))
            return true; // a file; or by a number that nobody writes down
        at += n + (at[n] == '/');
    }
    for (const char *at = r->file; *at; at += strcspn(at, "/"), at += *at == '/')
        if (strncmp(at, "api", 3) == 0 && (at[3] == '/' || at[3] == '.'))
            return true;
    return r->path[1] == '\0' || r->below || r->framework == FLOWS_FILES;
}

// Tables of a client's router, and pages of a server that draws them.
static void unreachable(struct flows *f) {
    uint32_t pages = 0, reached = 0;
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *r = &f->routes[i];
        bool page = (r->framework == FLOWS_CLIENT || r->framework == FLOWS_FLASK) &&
                    (!r->method[0] || strcmp(r->method, "get") == 0) && !for_machines(r);
        pages += page;
        reached += page && r->uses;
    }
    if (reached < UNDERSTOOD_MIN || reached * 100 < pages * UNDERSTOOD_PERCENT)
        return;
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *r = &f->routes[i];
        bool page = (r->framework == FLOWS_CLIENT || r->framework == FLOWS_FLASK) &&
                    (!r->method[0] || strcmp(r->method, "get") == 0) && !for_machines(r);
        if (page && !r->uses && r->handled)
            maya_find(&f->findings, RULE_UNREACHABLE, (struct maya_place){r->file, r->line}, NULL,
                      0, "%.150s: nothing leads here; %u of %u pages are led to", r->path, reached,
                      pages);
    }
}

static int by_route(const void *a, const void *b) {
    const struct flows_route *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    order = order ? order : strcmp(x->method, y->method);
    order = order ? order : strcmp(x->file, y->file);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void twice(struct flows *f) {
    for (uint32_t i = 1; i < f->route_count; i++) {
        const struct flows_route *a = &f->routes[i - 1], *b = &f->routes[i];
        struct maya_place at = {a->file, a->line};
        bool table = b->framework == FLOWS_FLASK || b->framework == FLOWS_CLIENT;
        if (table && !a->below && !b->below && strcmp(a->path, b->path) == 0 &&
            a->file == b->file && strcmp(a->method, b->method) == 0 && !strchr(a->path, '*') &&
            a->line != b->line && b->path[1] &&
            !a->scope == !b->scope && // a menu's entries, and the elements that they lead to
            (!a->name || !b->name || strcmp(a->name, b->name) != 0))
            maya_find(&f->findings, RULE_SAME_ROUTE, (struct maya_place){b->file, b->line}, &at, 1,
                      "%s%s%.150s again", b->method, b->method[0] ? " " : "", b->path);
    }
}

// get '/a', to: 'b#c': app/controllers/b_controller.rb with def c, or a view of that name.
static void rails_handlers(struct flows *f, const struct snapshot *s) {
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *r = &f->routes[i];
        const char *hash = r->handler ? strchr(r->handler, '#') : NULL;
        char path[FLOWS_PATH_BYTES_MAX];
        if (!hash || strcmp(r->file, "config/routes.rb") != 0 || strchr(r->handler, '/'))
            continue;
        (void)snprintf(path, sizeof path, "app/controllers/%.*s_controller.rb",
                       (int)(hash - r->handler), r->handler);
        if (snapshot_find(s, path, strlen(path)) < 0 &&
            snapshot_find(s, "app/controllers/application_controller.rb", 41) >= 0)
            maya_find(&f->findings, RULE_NO_HANDLER, (struct maya_place){r->file, r->line}, NULL, 0,
                      "%.100s: %s is not there", r->handler, path);
    }
}

static void tell_rules(struct flows *f, const struct snapshot *s) {
    uint32_t pages = 0;
    twice(f);
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *r = &f->routes[i];
        pages += r->framework == FLOWS_CLIENT || r->framework == FLOWS_FLASK ||
                 r->framework == FLOWS_EXPRESS;
        if (!r->handled)
            maya_find(&f->findings, RULE_NO_HANDLER, (struct maya_place){r->file, r->line}, NULL, 0,
                      "%.150s: no component, redirect or children", r->path);
    }
    unreachable(f);
    rails_handlers(f, s);
    files(f, s);
    if (pages >= ROUTES_FOR_404 && !f->not_found)
        maya_find(&f->findings, RULE_NO_404,
                  (struct maya_place){f->routes[0].file, f->routes[0].line}, NULL, 0,
                  "%u routes, and nothing speaks of 404 or of what is left over", pages);
}

// --- telling -----------------------------------------------------------------------------------

static const char *framework_name(enum flows_framework f) {
    static const char *const names[] = {
        [FLOWS_NONE] = "",         [FLOWS_EXPRESS] = "express", [FLOWS_FLASK] = "flask",
        [FLOWS_DJANGO] = "django", [FLOWS_RAILS] = "rails",     [FLOWS_SINATRA] = "sinatra",
        [FLOWS_GO] = "go",         [FLOWS_SPRING] = "spring",   [FLOWS_CLIENT] = "client",
        [FLOWS_FILES] = "files"};
    return names[f];
}

static void tell_routes(const struct flows *f, struct report *r) {
    if (f->route_count)
        report_group(r, "Routes: %u", f->route_count);
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *x = &f->routes[i];
        report_item(r,
                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "rule", "route", "route",
                              x->path, "method", x->method, "kind", framework_name(x->framework),
                              "path", x->file, "line", (json_int_t)x->line, "uses",
                              (json_int_t)x->uses),
                    "%s%s%s%s  %s:%u, %u lead here", x->method, x->method[0] ? " " : "", x->path,
                    x->below ? "/…" : "", x->file, x->line, x->uses);
    }
}

static void tell_commands(const struct flows *f, struct report *r) {
    bool said = false;
    for (uint32_t i = 0; i < f->cli.item_count; i++) {
        const struct cli_item *x = &f->cli.items[i];
        if (x->kind != CLI_COMMAND || !x->name)
            continue;
        if (!said)
            report_group(r, "Commands");
        said = true;
        report_item(r,
                    json_pack("{s:s, s:s, s:s, s:s, s:I}", "rule", "command", "command", x->name,
                              "kind", cli_framework_name(x->framework), "path", x->path, "line",
                              (json_int_t)x->line),
                    "%s  %s:%u", x->name, x->path, x->line);
    }
}

static uint32_t hash_of(const char *s) {
    uint32_t h = 2166136261U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619U;
    return h;
}

// What leads where, from file to route.
static int tell_graph(const struct flows *f, struct report *r, struct err *err) {
    AUTO_BUF out = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    uint32_t edges = 0;
    (void)buf_puts(&out, "graph LR");
    for (uint32_t i = 0; i < f->route_count; i++) {
        const struct flows_route *x = &f->routes[i];
        const char *last = NULL;
        for (uint32_t k = 0; k < f->link_count && edges < GRAPH_EDGES_MAX; k++) {
            const struct flows_link *l = &f->links[k];
            if (l->kind == FLOWS_MENTION || l->kind == FLOWS_FILE || l->file == last)
                continue;
            const char *dot = strrchr(l->to, '.');
            bool leads = l->kind == FLOWS_NAME
                             ? x->name && strcmp(x->name, dot ? dot + 1 : l->to) == 0
                             : flows_match(x, l->to);
            if (!leads)
                continue;
            last = l->file;
            edges++;
            (void)buf_printf(&out, "\n  f%08x[\"%.80s\"] --> r%u[\"%.80s\"]", hash_of(l->file),
                             l->file, i, x->path);
        }
    }
    if (out.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    report_item_text(r, json_pack("{s:s, s:s%}", "rule", "graph", "mermaid", out.data, out.len),
                     out.data, out.len);
    return 0;
}

static void done(struct flows *f) {
    mem_free(f->routes);
    mem_free(f->links);
    mem_free(f->cli.items);
    mem_free((void *)f->cli.words);
    maya_pool_done(&f->cli.pool);
    maya_findings_done(&f->findings);
    maya_pool_done(&f->pool);
}

// Names of files that are routes, when the project's settings say so.
static int file_routes(struct flows *f, const struct snapshot *s, struct text path) {
    static const char *const marks[] = {"next.config.js", "next.config.mjs", "next.config.ts",
                                        "nuxt.config.ts", "nuxt.config.js",  "svelte.config.js"};
    bool is = false;
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        is |= snapshot_find(s, marks[i], strlen(marks[i])) >= 0;
    int r = 0;
    for (uint32_t i = 0; is && !path.len && i < snapshot_count(s) && r == 0; i++)
        r = flows_read_file_name(f, snapshot_file(s, i)->path);
    return r;
}

static int look(struct agent_call *call, const struct maya_flows_input *in, struct flows *f,
                struct err *err) {
    struct maya_walk w = {.wanted = wanted, .on_file = on_file, .ctx = f};
    struct snapshot *s = NULL;
    uint32_t read = 0;
    int r = maya_each(call, in->path, &w, f->report, &read, err);
    if (r == 0)
        r = agent_snapshot(call, TIER_LEXICAL, &s, err);
    if (r == 0 && (r = file_routes(f, s, in->path)) == 0) {
        if (f->route_count)
            qsort(f->routes, f->route_count, sizeof *f->routes, by_route);
        r = links(f);
        if (r == 0)
            tell_rules(f, s);
        if (r < 0)
            r = err_set(err, r, "out of memory");
    }
    snapshot_put(s);
    return r;
}

static int answer(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct maya_flows_input *in = input;
    struct flows f = {.report = report, .findings = {.rules = rules}};
    bool graph = in->format == MAYA_MERMAID;
    int r = look(call, in, &f, err);
    if (r == 0 && !graph)
        r = maya_tell(&f.findings, report, err);
    if (r == 0) {
        uint32_t n = graph ? f.findings.count : report_count(report);
        report_title(report, "%u finding%s in %u routes and %u links", n, n == 1 ? "" : "s",
                     f.route_count, f.link_count);
        report_nothing(report,
                       "No routes, pages or commands of the libraries that are known (tests "
                       "and examples are left out).");
        if (graph && f.route_count)
            r = tell_graph(&f, report, err);
        else if (!graph) {
            tell_routes(&f, report);
            tell_commands(&f, report);
        }
        if (f.cut)
            report_note(report, "more routes or links than are looked at");
        report_note(report, "addresses that are put together at run time count as a place for "
                            "anything; what a server adds in front of routes may not be seen");
    }
    done(&f);
    return r;
}

int maya_flows(struct agent_call *call, const void *input, struct report *report, struct err *err) {
    const struct maya_flows_input *in = input;
    const struct maya_kept k = {MAYA_FLOWS, in->path, in->format, answer};
    return maya_answer(call, &k, input, report, err);
}
