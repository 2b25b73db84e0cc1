// Where an import leads, language by language. No build is run and no compiler asked: what the
// paths of the workspace and its build files say is enough in the usual cases, and nothing is
// said in the others.
#include "core/workspace/paths_impl.h"

#include <string.h>

static void from_folder(const struct seeker *k, struct place_name *p) {
    place_begin(p, k->from, k->from_folder);
}

static int64_t relative(const struct seeker *k, const char *path, const char *const *endings) {
    struct place_name p;
    from_folder(k, &p);
    place_add(&p, path, strlen(path));
    return seek_endings(k, &p, endings);
}

static const char *const as_it_is[] = {"", NULL};

// --- C, C++ -------------------------------------------------------------------------------------

static bool ends_with_part(const char *path, size_t n, const char *part) {
    size_t m = strlen(part);
    return n >= m && memcmp(path + n - m, part, m) == 0 && (n == m || path[n - m - 1] == '/');
}

// <x.h> is the system's unless it lies where headers for others lie.
static bool is_include_folder(const struct seeker *k, const char *path, size_t folder_bytes) {
    (void)k;
    return ends_with_part(path, folder_bytes, "include") ||
           ends_with_part(path, folder_bytes, "inc");
}

static int64_t seek_c(const struct seeker *k, const struct fact_import *import,
                      const char *module) {
    int64_t i = import->local ? relative(k, module, as_it_is) : -1;
    if (i < 0) {
        struct place_name p;
        place_begin(&p, "", 0);
        place_add(&p, module, strlen(module));
        i = import->local || strchr(module, '/') ? seek_exact(k, &p) : -1;
        if (i < 0 && !p.failed && p.n) // "../x.h" from an include path: its end counts
            i = seek_suffix(k, p.text, p.n,
                            import->local || strchr(module, '/') ? NULL : is_include_folder);
    }
    return i;
}

// --- Python -------------------------------------------------------------------------------------

static const char *const python_endings[] = {".py", ".pyi", "/__init__.py", "/__init__.pyi", NULL};

// A module's first part lies in a folder that is no package itself.
static bool is_no_package(const struct seeker *k, const char *path, size_t folder_bytes) {
    struct place_name p;
    place_begin(&p, path, folder_bytes);
    place_add(&p, "__init__.py", strlen("__init__.py"));
    return seek_exact(k, &p) < 0;
}

static int64_t python_suffix(const struct seeker *k, const struct place_name *module) {
    int64_t i = -1;
    for (const char *const *ending = python_endings; *ending && i < 0; ending++) {
        struct place_name p = *module;
        place_end(&p, *ending);
        if (!p.failed && module->n)
            i = seek_suffix(k, p.text, p.n, is_no_package);
    }
    return i;
}

static void add_dotted(struct place_name *p, const char *dotted, char separator) {
    while (*dotted) {
        size_t n = strcspn(dotted, (const char[]){separator, '\0'});
        place_add(p, dotted, n);
        dotted += n + (dotted[n] != '\0');
    }
}

static int64_t seek_python(const struct seeker *k, const char *module, const char *name) {
    size_t dots = strspn(module, ".");
    struct place_name p, with;
    if (dots)
        from_folder(k, &p);
    else
        place_begin(&p, "", 0);
    for (size_t i = 1; i < dots; i++)
        place_add(&p, "..", 2);
    add_dotted(&p, module + dots, '.');
    with = p; // what is taken may be a module of its own
    place_add(&with, name, strlen(name));
    int64_t i = -1;
    if (!dots) {
        i = *name ? python_suffix(k, &with) : -1;
        return i < 0 ? python_suffix(k, &p) : i;
    }
    i = *name ? seek_endings(k, &with, python_endings) : -1;
    if (i < 0 && module[dots])
        i = seek_endings(k, &p, python_endings);
    if (i < 0 && !module[dots]) // from . import x: the package itself
        i = seek_endings(k, &p, python_endings + 2);
    return i;
}

// --- JavaScript, TypeScript ---------------------------------------------------------------------

static const char *const script_endings[] = {
    "",           ".ts",        ".tsx",          ".d.ts",          ".js",
    ".jsx",       ".mjs",       ".cjs",          ".mts",           ".vue",
    ".svelte",    ".json",      "/index.ts",     "/index.tsx",     "/index.js",
    "/index.jsx", "/index.mjs", "/src/index.ts", "/src/index.tsx", "/src/index.js",
    NULL};

static int64_t seek_script_at(const struct seeker *k, struct place_name *p) {
    int64_t i = seek_endings(k, p, script_endings);
    static const char *const written[] = {".js", ".jsx", ".mjs"};
    static const char *const sources[] = {".ts", ".tsx", ".mts", NULL};
    for (unsigned e = 0; i < 0 && e < 3; e++) { // the compiled name of a source
        size_t n = strlen(written[e]);
        if (p->n <= n || strcmp(p->text + p->n - n, written[e]) != 0)
            continue;
        struct place_name stem;
        place_begin(&stem, p->text, p->n - n);
        i = seek_endings(k, &stem, sources);
    }
    return i;
}

// "@/x" and "~/x" are by custom the source folder of the package at hand.
static int64_t seek_script_alias(const struct seeker *k, const char *rest) {
    const struct package *own = seek_own_package(k, LANG_JAVASCRIPT);
    const char *folder = own ? own->folder : "";
    struct place_name p;
    place_begin(&p, folder, strlen(folder));
    place_add(&p, "src", 3);
    place_add(&p, rest, strlen(rest));
    int64_t i = seek_script_at(k, &p);
    if (i >= 0)
        return i;
    place_begin(&p, folder, strlen(folder));
    place_add(&p, rest, strlen(rest));
    return seek_script_at(k, &p);
}

static int64_t seek_script(const struct seeker *k, const char *module) {
    struct place_name p;
    if (module[0] == '.') {
        from_folder(k, &p);
        place_add(&p, module, strlen(module));
        return seek_script_at(k, &p);
    }
    if ((module[0] == '@' || module[0] == '~') && module[1] == '/')
        return seek_script_alias(k, module + 2);
    const struct package *package = seek_package(k, LANG_JAVASCRIPT, module, '/');
    if (!package)
        return -1;
    place_begin(&p, package->folder, strlen(package->folder));
    const char *rest = module + strlen(package->name);
    place_add(&p, rest, strlen(rest));
    int64_t i = p.n ? seek_script_at(k, &p) : -1;
    if (i < 0 && *rest) {
        place_begin(&p, package->folder, strlen(package->folder));
        place_add(&p, "src", 3);
        place_add(&p, rest, strlen(rest));
        i = seek_script_at(k, &p);
    }
    return i;
}

// --- Go -----------------------------------------------------------------------------------------

static int64_t seek_go(const struct seeker *k, const char *module) {
    const struct package *package = seek_package(k, LANG_GO, module, '/');
    if (!package)
        return -1;
    struct place_name p;
    const char *rest = module + strlen(package->name);
    place_begin(&p, package->folder, strlen(package->folder));
    place_add(&p, rest, strlen(rest));
    return seek_in_folder(k, &p, LANG_GO);
}

// --- Rust ---------------------------------------------------------------------------------------

static const char *const rust_endings[] = {".rs", "/mod.rs", NULL};
static const char *const rust_roots[] = {"/lib.rs", "/main.rs", NULL};

// The longest beginning of a::b::C that is a module of the folder.
static int64_t seek_rust_below(const struct seeker *k, const struct place_name *folder,
                               const char *path) {
    struct place_name p = *folder;
    add_dotted(&p, path, ':');
    while (!p.failed && p.n > folder->n) {
        int64_t i = seek_endings(k, &p, rust_endings);
        if (i >= 0)
            return i;
        place_add(&p, "..", 2);
    }
    return -1;
}

static bool is_rust_root(const char *name) {
    return strcmp(name, "mod.rs") == 0 || strcmp(name, "lib.rs") == 0 ||
           strcmp(name, "main.rs") == 0;
}

// The folder in which the submodules of the importing file lie.
static void rust_own_folder(const struct seeker *k, struct place_name *p) {
    const char *name = k->from + k->from_folder + (k->from_folder > 0);
    from_folder(k, p);
    const char *dot = strrchr(name, '.');
    if (!is_rust_root(name) && dot)
        place_add(p, name, (size_t)(dot - name));
}

static int64_t seek_rust_crate(const struct seeker *k, const struct package *crate,
                               const char *rest) {
    if (!crate)
        return -1;
    struct place_name p;
    place_begin(&p, crate->folder, strlen(crate->folder));
    place_add(&p, "src", 3);
    int64_t i = seek_rust_below(k, &p, rest);
    return i < 0 ? seek_endings(k, &p, rust_roots) : i;
}

static const char *behind(const char *path, const char *first) {
    size_t n = strlen(first);
    if (strncmp(path, first, n) != 0 || (path[n] && path[n] != ':'))
        return NULL;
    return path + n + strspn(path + n, ":");
}

static const struct package *rust_crate_named(const struct seeker *k, const char *module) {
    char name[256];
    size_t n = strcspn(module, ":");
    if (n == 0 || n >= sizeof name)
        return NULL;
    memcpy(name, module, n);
    name[n] = '\0';
    const struct package *crate = seek_package(k, LANG_RUST, name, '\0');
    for (size_t i = 0; !crate && i < n; i++) // foo_bar is the crate foo-bar
        if (name[i] == '_')
            name[i] = '-';
    return crate ? crate : seek_package(k, LANG_RUST, name, '\0');
}

static int64_t seek_rust_path(const struct seeker *k, const char *module) {
    const char *rest = behind(module, "crate");
    if (rest)
        return seek_rust_crate(k, seek_own_package(k, LANG_RUST), rest);
    struct place_name p;
    rust_own_folder(k, &p);
    rest = behind(module, "self");
    if (!rest && behind(module, "super")) {
        for (rest = module; behind(rest, "super"); rest = behind(rest, "super"))
            place_add(&p, "..", 2);
        int64_t i = seek_rust_below(k, &p, rest);
        return i < 0 ? seek_endings(k, &p, rust_endings) : i;
    }
    int64_t i = seek_rust_below(k, &p, rest ? rest : module); // mod x; and use self::x
    if (i < 0 && !rest)
        i = seek_rust_crate(k, rust_crate_named(k, module), module + strcspn(module, ":"));
    return i;
}

// What is taken may be a module of its own: use crate::net::tcp;
static int64_t seek_rust(const struct seeker *k, const char *module, const char *name) {
    char path[WALK_PATH_BYTES_MAX + 1];
    size_t n = strlen(module), m = strlen(name);
    if (m == 0 || n + m + 2 > WALK_PATH_BYTES_MAX || strcmp(name, "*") == 0)
        return seek_rust_path(k, module);
    memcpy(path, module, n);
    memcpy(path + n, "::", 2);
    memcpy(path + n + 2, name, m + 1);
    return seek_rust_path(k, path);
}

// --- Java and its relatives ---------------------------------------------------------------------

static int64_t seek_java(const struct seeker *k, const char *module, const char *name) {
    static const char *const endings[] = {".java", ".kt", ".scala", NULL};
    struct place_name p;
    place_begin(&p, "", 0);
    add_dotted(&p, module, '.');
    if (*name && strcmp(name, "*") != 0)
        add_dotted(&p, name, '.');
    // A class, or a member of one: then what is before it.
    for (int tries = 0; tries < 3 && !p.failed && strchr(p.text, '/'); tries++) {
        for (const char *const *e = endings; *e; e++) {
            struct place_name with = p;
            place_end(&with, *e);
            int64_t i = with.failed ? -1 : seek_suffix(k, with.text, with.n, NULL);
            if (i >= 0)
                return i;
        }
        place_add(&p, "..", 2);
    }
    return -1;
}

// --- Ruby, shell, Lua, PHP ----------------------------------------------------------------------

static bool is_load_path(const struct seeker *k, const char *path, size_t folder_bytes) {
    (void)k;
    return folder_bytes == 0 || ends_with_part(path, folder_bytes, "lib") ||
           ends_with_part(path, folder_bytes, "test") || ends_with_part(path, folder_bytes, "spec");
}

static int64_t seek_ruby(const struct seeker *k, const struct fact_import *import,
                         const char *module) {
    static const char *const endings[] = {".rb", "", NULL};
    if (import->local || module[0] == '.')
        return relative(k, module, endings);
    struct place_name p;
    place_begin(&p, "", 0);
    place_add(&p, module, strlen(module));
    if (p.n < 3 || strcmp(p.text + p.n - 3, ".rb") != 0)
        place_end(&p, ".rb");
    return p.failed ? -1 : seek_suffix(k, p.text, p.n, is_load_path);
}

// By the folder at hand, the root, then the path's end.
static int64_t seek_path(const struct seeker *k, const char *module) {
    int64_t i = relative(k, module, as_it_is);
    if (i >= 0)
        return i;
    const char *variable = strrchr(module, '}'); // "${DIR}/lib.sh"
    struct place_name p;
    place_begin(&p, "", 0);
    place_add(&p, variable ? variable + 1 : module, strlen(variable ? variable + 1 : module));
    i = seek_exact(k, &p);
    return i >= 0 || p.failed || !p.n ? i : seek_suffix(k, p.text, p.n, NULL);
}

static int64_t seek_lua(const struct seeker *k, const char *module) {
    static const char *const endings[] = {".lua", "/init.lua"};
    for (int e = 0; e < 2; e++) {
        struct place_name p;
        place_begin(&p, "", 0);
        add_dotted(&p, module, '.');
        place_end(&p, endings[e]);
        int64_t i = p.failed ? -1 : seek_suffix(k, p.text, p.n, NULL);
        if (i >= 0)
            return i;
    }
    return -1;
}

// ------------------------------------------------------------------------------------------------

int64_t paths_seek_import(const struct seeker *k, const struct snapshot_file *from,
                          const struct fact_import *import) {
    const char *module = facts_text(from->facts, import->module);
    const char *name = facts_text(from->facts, import->name);
    if (!*module || strlen(module) > WALK_PATH_BYTES_MAX)
        return -1;
    switch (from->lang) {
    case LANG_C:
    case LANG_CPP:
        return seek_c(k, import, module);
    case LANG_PYTHON:
        return seek_python(k, module, name);
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
    case LANG_HTML:
        return seek_script(k, module);
    case LANG_GO:
        return seek_go(k, module);
    case LANG_RUST:
        return seek_rust(k, module, name);
    case LANG_JAVA:
    case LANG_KOTLIN:
    case LANG_SCALA:
        return seek_java(k, module, name);
    case LANG_RUBY:
        return seek_ruby(k, import, module);
    case LANG_LUA:
        return seek_lua(k, module);
    case LANG_BASH:
    case LANG_PHP:
    case LANG_CSS:
        return seek_path(k, module);
    default:
        return -1;
    }
}
