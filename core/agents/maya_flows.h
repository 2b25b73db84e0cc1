// Inside of maya_flows*.c: where people can go in a program, and how they get there.
#pragma once

#include "core/agents/maya_cli.h"

enum {
    FLOWS_ROUTES_MAX = 4000,
    FLOWS_LINKS_MAX = 20000,
    FLOWS_PATH_BYTES_MAX = 300,
    FLOWS_MOUNTS_MAX = 32
};

enum flows_framework {
    FLOWS_NONE,
    FLOWS_EXPRESS,
    FLOWS_FLASK, // and FastAPI
    FLOWS_DJANGO,
    FLOWS_RAILS,
    FLOWS_SINATRA,
    FLOWS_GO,
    FLOWS_SPRING,
    FLOWS_CLIENT, // tables of React, Vue and Angular routers
    FLOWS_FILES   // Next, Nuxt, SvelteKit: by the names of files
};

struct flows_route {
    const char *path, *method, *file; // path: "/a/*", parameters as *; method "" = any
    const char *name, *handler;       // of Flask and Django; "controller#action" of Rails
    uint32_t line, uses, scope;       // scope: the table it stands in; 0: none
    enum flows_framework framework;
    bool below;   // answers everything below it too
    bool handled; // something is there to answer
};
enum flows_link_kind {
    FLOWS_LINK,    // an address that people follow
    FLOWS_FORM,    // where a form is sent
    FLOWS_NAME,    // the name of a route
    FLOWS_MENTION, // a text of code that looks like an address
    FLOWS_FILE     // relative, to a file of the site
};
struct flows_link {
    const char *to, *method, *file;
    uint32_t line;
    enum flows_link_kind kind;
    bool spa; // by the client's router
};

enum flows_rule {
    RULE_DEAD_LINK,
    RULE_FORM_UNHANDLED,
    RULE_NO_HANDLER,
    RULE_SAME_ROUTE,
    RULE_UNREACHABLE,
    RULE_DEAD_END,
    RULE_NO_404,
    RULE_LONG_FORM
};

struct flows {
    struct report *report;
    const struct snapshot *snapshot; // while files are read
    struct maya_findings findings;
    struct maya_pool pool;
    struct flows_route *routes;
    uint32_t route_count, route_capacity;
    struct flows_link *links;
    uint32_t link_count, link_capacity;
    struct cli cli;                       // for its commands
    const char *mounts[FLOWS_MOUNTS_MAX]; // in front of what another file declares
    uint32_t mount_count;
    bool not_found; // somebody thought of 404
    bool rails;     // its helpers make addresses that are not seen
    uint32_t pages, pages_with_links;
    bool cut;
};

int flows_add_route(struct flows *f, struct flows_route r, const char *prefix, const char *path,
                    size_t n);
int flows_add_link(struct flows *f, struct flows_link l, const char *to, size_t n);
// "/a/:id/b?x#y" → "/a/*/b"; false: no address of the program's own.
bool flows_normal(const char *s, size_t n, bool template_parts, char *ret, size_t max);
bool flows_match(const struct flows_route *r, const char *path);

// --- maya_flows_code.c: routes and addresses in code
int flows_read_code(struct flows *f, const struct maya_file *file, const struct literals *l);
int flows_read_file_name(struct flows *f, const char *path);
// --- maya_flows_pages.c: links and forms of pages
int flows_read_page(struct flows *f, const struct maya_file *file);
