#include "core/workspace/classify.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
    BINARY_HEAD_BYTES = 8000,  // as git looks for a NUL
    MARK_HEAD_BYTES = 2048,    // where a generator says who it is
    MINIFIED_LINE_BYTES = 500, // mean length of a line
    MINIFIED_BYTES_MIN = 4096
};

struct mark {
    const char *name;
    uint16_t flags;
};
// Names of folders, in lower case.
static const struct mark folders[] = {
    {"vendor", FILE_VENDORED},
    {"vendors", FILE_VENDORED},
    {"vendored", FILE_VENDORED},
    {"_vendor", FILE_VENDORED},
    {"third_party", FILE_VENDORED},
    {"third-party", FILE_VENDORED},
    {"thirdparty", FILE_VENDORED},
    {"3rdparty", FILE_VENDORED},
    {"3rd_party", FILE_VENDORED},
    {"external", FILE_VENDORED},
    {"externals", FILE_VENDORED},
    {"deps", FILE_VENDORED},
    {"node_modules", FILE_VENDORED},
    {"bower_components", FILE_VENDORED},
    {"jspm_packages", FILE_VENDORED},
    {"site-packages", FILE_VENDORED},
    {"godeps", FILE_VENDORED},
    {"pods", FILE_VENDORED},
    {"carthage", FILE_VENDORED},
    {"submodules", FILE_VENDORED},
    {"contrib", 0},
    {"generated", FILE_GENERATED},
    {"__generated__", FILE_GENERATED},
    {"gen", FILE_GENERATED},
    {"autogen", FILE_GENERATED},
    {"dist", FILE_GENERATED},
    {"test", FILE_TEST},
    {"tests", FILE_TEST},
    {"testing", FILE_TEST},
    {"__tests__", FILE_TEST},
    {"spec", FILE_TEST},
    {"specs", FILE_TEST},
    {"testdata", FILE_TEST},
    {"test_data", FILE_TEST},
    {"test-data", FILE_TEST},
    {"fixtures", FILE_TEST},
    {"__fixtures__", FILE_TEST},
    {"__mocks__", FILE_TEST},
    {"__snapshots__", FILE_TEST | FILE_GENERATED},
    {"e2e", FILE_TEST},
    {"fuzz", FILE_TEST},
    {"bench", FILE_TEST},
    {"benches", FILE_TEST},
    {"benchmark", FILE_TEST},
    {"benchmarks", FILE_TEST},
    {"regress", FILE_TEST},
    {"unittests", FILE_TEST},
    {"integration-tests", FILE_TEST},
    {"androidtest", FILE_TEST},
    {"example", FILE_EXAMPLE},
    {"examples", FILE_EXAMPLE},
    {"sample", FILE_EXAMPLE},
    {"samples", FILE_EXAMPLE},
    {"demo", FILE_EXAMPLE},
    {"demos", FILE_EXAMPLE},
    {"tutorial", FILE_EXAMPLE},
    {"tutorials", FILE_EXAMPLE},
    {"migrate", FILE_MIGRATION},
    {"migrations", FILE_MIGRATION},
    {"doc", FILE_DOCUMENT},
    {"docs", FILE_DOCUMENT},
    {"documentation", FILE_DOCUMENT},
};
// Whole names of files, in lower case.
static const struct mark names[] = {
    {"package-lock.json", FILE_GENERATED | FILE_CONFIG},
    {"npm-shrinkwrap.json", FILE_GENERATED | FILE_CONFIG},
    {"yarn.lock", FILE_GENERATED | FILE_CONFIG},
    {"pnpm-lock.yaml", FILE_GENERATED | FILE_CONFIG},
    {"bun.lock", FILE_GENERATED | FILE_CONFIG},
    {"bun.lockb", FILE_GENERATED | FILE_CONFIG},
    {"cargo.lock", FILE_GENERATED | FILE_CONFIG},
    {"gemfile.lock", FILE_GENERATED | FILE_CONFIG},
    {"poetry.lock", FILE_GENERATED | FILE_CONFIG},
    {"uv.lock", FILE_GENERATED | FILE_CONFIG},
    {"pipfile.lock", FILE_GENERATED | FILE_CONFIG},
    {"composer.lock", FILE_GENERATED | FILE_CONFIG},
    {"flake.lock", FILE_GENERATED | FILE_CONFIG},
    {"go.sum", FILE_GENERATED | FILE_CONFIG},
    {"go.work.sum", FILE_GENERATED | FILE_CONFIG},
    {"go.mod", FILE_CONFIG},
    {"configure", FILE_GENERATED},
    {"aclocal.m4", FILE_GENERATED},
    {"makefile.in", FILE_GENERATED},
    {"conftest.py", FILE_TEST},
    {"dockerfile", FILE_CONFIG},
    {"codeowners", FILE_CONFIG},
    {"license", FILE_DOCUMENT},
    {"copying", FILE_DOCUMENT},
    {"readme", FILE_DOCUMENT},
    {"changelog", FILE_DOCUMENT},
    {"authors", FILE_DOCUMENT},
};
// How a name ends, in lower case.
static const struct mark endings[] = {
    {".min.js", FILE_GENERATED},
    {".min.css", FILE_GENERATED},
    {".bundle.js", FILE_GENERATED},
    {".map", FILE_GENERATED},
    {".pb.go", FILE_GENERATED},
    {".pb.gw.go", FILE_GENERATED},
    {".pb.cc", FILE_GENERATED},
    {".pb.h", FILE_GENERATED},
    {".pb-c.c", FILE_GENERATED},
    {".pb-c.h", FILE_GENERATED},
    {"_pb2.py", FILE_GENERATED},
    {"_pb2.pyi", FILE_GENERATED},
    {"_pb2_grpc.py", FILE_GENERATED},
    {"_pb.js", FILE_GENERATED},
    {"_pb.d.ts", FILE_GENERATED},
    {".designer.cs", FILE_GENERATED},
    {".g.cs", FILE_GENERATED},
    {".g.dart", FILE_GENERATED},
    {".generated.ts", FILE_GENERATED},
    {"_generated.go", FILE_GENERATED},
    {"_gen.go", FILE_GENERATED},
    {"_string.go", FILE_GENERATED},
    {".snap", FILE_GENERATED | FILE_TEST},
    {".tab.c", FILE_GENERATED},
    {".tab.h", FILE_GENERATED},
    {".yy.c", FILE_GENERATED},
    {".lock", FILE_GENERATED | FILE_CONFIG},
    {"_test.go", FILE_TEST},
    {"_test.py", FILE_TEST},
    {"_test.rb", FILE_TEST},
    {"_spec.rb", FILE_TEST},
    {"_test.rs", FILE_TEST},
    {"_tests.rs", FILE_TEST},
    {"_test.c", FILE_TEST},
    {"_test.cc", FILE_TEST},
    {"_test.cpp", FILE_TEST},
    {"_unittest.cc", FILE_TEST},
    {"_unittest.cpp", FILE_TEST},
    {".test.js", FILE_TEST},
    {".test.jsx", FILE_TEST},
    {".test.ts", FILE_TEST},
    {".test.tsx", FILE_TEST},
    {".test.mjs", FILE_TEST},
    {".spec.js", FILE_TEST},
    {".spec.jsx", FILE_TEST},
    {".spec.ts", FILE_TEST},
    {".spec.tsx", FILE_TEST},
    {".bats", FILE_TEST},
    {".t", FILE_TEST},
    {".tcl", 0},
};
// One of these says it all; "do not edit" needs a word of generating beside it.
static const char *const generators[] = {
    "@generated",
    "autogenerated by",
    "auto-generated by",
    "auto generated by",
    "automatically generated by",
    "a bison parser",
    "a lexical scanner generated",
    "has been merged from multiple", // Catch2, and others that ship as one header
    "is an amalgamation of",         // SQLite
};
static const char *const warnings[] = {"do not edit", "do not modify", "do not change"};

static bool is_name(const char *part, size_t n, const char *name) {
    return strlen(name) == n && strncasecmp(part, name, n) == 0;
}

static uint16_t folder_flags(const char *part, size_t n) {
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (is_name(part, n, folders[i].name))
            return folders[i].flags;
    return 0;
}

// FooTest.java, FooTests.cs, FooIT.java: only with a capital, so that "latest.java" is none.
static bool ends_like_test_class(const char *name, size_t n) {
    const char *dot = memrchr(name, '.', n);
    static const char *const ends[] = {"Test", "Tests", "TestCase", "Spec"};
    static const char *const kinds[] = {".java", ".kt", ".cs", ".scala", ".swift", ".php"};
    bool kind = false;
    for (size_t i = 0; dot && i < COUNT_OF(kinds); i++)
        kind |= is_name(dot, (size_t)(name + n - dot), kinds[i]);
    for (size_t i = 0; kind && i < COUNT_OF(ends); i++) {
        size_t m = strlen(ends[i]), stem = (size_t)(dot - name);
        if (stem > m && memcmp(dot - m, ends[i], m) == 0)
            return true;
    }
    return false;
}

static bool begins_like_test(const char *name, size_t n) {
    if (n < 6 || strncmp(name, "test_", 5) != 0)
        return false;
    const char *dot = memrchr(name, '.', n);
    static const char *const kinds[] = {".py", ".c", ".cc", ".cpp", ".rb", ".sh", ".rs", ".js"};
    for (size_t i = 0; dot && i < COUNT_OF(kinds); i++)
        if (is_name(dot, (size_t)(name + n - dot), kinds[i]))
            return true;
    return false;
}

static uint16_t name_flags(const char *name, size_t n) {
    uint16_t flags = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (is_name(name, n, names[i].name))
            flags |= names[i].flags;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t m = strlen(endings[i].name);
        if (m < n && is_name(name + n - m, m, endings[i].name))
            flags |= endings[i].flags;
    }
    if (begins_like_test(name, n) || ends_like_test_class(name, n))
        flags |= FILE_TEST;
    return flags;
}

uint16_t classify_path(const char *path, size_t n) {
    uint16_t flags = 0;
    const char *part = path, *end = path + n;
    for (const char *slash; (slash = memchr(part, '/', (size_t)(end - part))); part = slash + 1)
        flags |= folder_flags(part, (size_t)(slash - part));
    return flags | name_flags(part, (size_t)(end - part));
}

uint16_t classify_language(enum lang lang) {
    switch (lang) {
    case LANG_MARKDOWN:
    case LANG_TEXT:
        return FILE_DOCUMENT;
    case LANG_JSON:
    case LANG_YAML:
    case LANG_TOML:
    case LANG_MAKE:
    case LANG_CMAKE:
        return FILE_CONFIG;
    default:
        return 0;
    }
}

static bool contains_folded(const char *text, size_t n, const char *word) {
    size_t m = strlen(word);
    for (size_t i = 0; i + m <= n; i++)
        if ((text[i] | 32) == (word[0] | 32) && strncasecmp(text + i, word, m) == 0)
            return true;
    return false;
}

static bool contains_one(const char *text, size_t n, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (contains_folded(text, n, words[i]))
            return true;
    return false;
}

// In a comment of the first lines, so that a program which prints the phrase is not meant.
static bool says_generated(const char *text, size_t bytes) {
    size_t left = bytes < MARK_HEAD_BYTES ? bytes : MARK_HEAD_BYTES;
    bool warned = false, made = false;
    while (left) {
        const char *eol = memchr(text, '\n', left);
        size_t n = eol ? (size_t)(eol - text) : left, at = 0;
        while (at < n && (text[at] == ' ' || text[at] == '\t'))
            at++;
        if (at < n && strchr("/*#;-<\"", text[at])) {
            if (contains_one(text + at, n - at, generators, COUNT_OF(generators)))
                return true;
            warned |= contains_one(text + at, n - at, warnings, COUNT_OF(warnings));
            made |= contains_folded(text + at, n - at, "generated");
        }
        text += n + (eol != NULL);
        left -= n + (eol != NULL);
    }
    return warned && made;
}

static bool is_minified(enum lang lang, const char *text, size_t bytes) {
    if (bytes < MINIFIED_BYTES_MIN || (lang != LANG_JAVASCRIPT && lang != LANG_CSS))
        return false;
    size_t lines = 1;
    for (const char *at = text; (at = memchr(at, '\n', bytes - (size_t)(at - text))); at++)
        lines++;
    return bytes / lines > MINIFIED_LINE_BYTES;
}

// What bundlers write at the top: browserify's table of modules, webpack's loader.
static bool is_bundle(enum lang lang, const char *text, size_t bytes) {
    static const char *const marks[] = {"[function(require,module,exports){", "/******/ ("};
    size_t head = bytes < MARK_HEAD_BYTES ? bytes : MARK_HEAD_BYTES;
    for (size_t i = 0; lang == LANG_JAVASCRIPT && i < COUNT_OF(marks); i++)
        if (memmem(text, head, marks[i], strlen(marks[i])))
            return true;
    return false;
}

uint16_t classify_content(enum lang lang, const char *text, size_t bytes) {
    size_t head = bytes < BINARY_HEAD_BYTES ? bytes : BINARY_HEAD_BYTES;
    if (head && memchr(text, '\0', head))
        return FILE_BINARY;
    bool generated = language_is_code(lang) && says_generated(text, bytes);
    return generated || is_minified(lang, text, bytes) || is_bundle(lang, text, bytes)
               ? FILE_GENERATED
               : 0;
}

float classify_weight(uint16_t flags) {
    if (flags & (FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_SUBMODULE | FILE_TOO_LARGE |
                 FILE_SYMLINK | FILE_UNREADABLE))
        return 0.05f;
    if (flags & FILE_TEST)
        return 0.25f;
    if (flags & (FILE_EXAMPLE | FILE_MIGRATION))
        return 0.3f;
    if (flags & FILE_CONFIG)
        return 0.4f;
    return flags & FILE_DOCUMENT ? 0.5f : 1.0f;
}
