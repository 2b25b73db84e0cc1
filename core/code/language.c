#include "core/code/language.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[LANG_COUNT] = {
    [LANG_NONE] = "",
    [LANG_C] = "c",
    [LANG_CPP] = "cpp",
    [LANG_PYTHON] = "python",
    [LANG_JAVASCRIPT] = "javascript",
    [LANG_TYPESCRIPT] = "typescript",
    [LANG_TSX] = "tsx",
    [LANG_GO] = "go",
    [LANG_RUST] = "rust",
    [LANG_JAVA] = "java",
    [LANG_BASH] = "bash",
    [LANG_RUBY] = "ruby",
    [LANG_CSHARP] = "csharp",
    [LANG_PHP] = "php",
    [LANG_KOTLIN] = "kotlin",
    [LANG_SWIFT] = "swift",
    [LANG_SCALA] = "scala",
    [LANG_LUA] = "lua",
    [LANG_PERL] = "perl",
    [LANG_SQL] = "sql",
    [LANG_HTML] = "html",
    [LANG_CSS] = "css",
    [LANG_MARKDOWN] = "markdown",
    [LANG_TEXT] = "text",
    [LANG_JSON] = "json",
    [LANG_YAML] = "yaml",
    [LANG_TOML] = "toml",
    [LANG_MAKE] = "make",
    [LANG_CMAKE] = "cmake",
};

struct ending {
    const char *text;
    enum lang lang;
};
// Without the dot, sorted for reading only; looked up once a file.
static const struct ending endings[] = {
    {"c", LANG_C},
    {"h", LANG_C},
    {"cc", LANG_CPP},
    {"cpp", LANG_CPP},
    {"cxx", LANG_CPP},
    {"c++", LANG_CPP},
    {"hh", LANG_CPP},
    {"hpp", LANG_CPP},
    {"hxx", LANG_CPP},
    {"h++", LANG_CPP},
    {"ipp", LANG_CPP},
    {"tpp", LANG_CPP},
    {"inl", LANG_CPP},
    {"cu", LANG_CPP},
    {"ino", LANG_CPP},
    {"py", LANG_PYTHON},
    {"pyi", LANG_PYTHON},
    {"pyw", LANG_PYTHON},
    {"js", LANG_JAVASCRIPT},
    {"mjs", LANG_JAVASCRIPT},
    {"cjs", LANG_JAVASCRIPT},
    {"jsx", LANG_JAVASCRIPT},
    {"ts", LANG_TYPESCRIPT},
    {"mts", LANG_TYPESCRIPT},
    {"cts", LANG_TYPESCRIPT},
    {"tsx", LANG_TSX},
    {"go", LANG_GO},
    {"rs", LANG_RUST},
    {"java", LANG_JAVA},
    {"sh", LANG_BASH},
    {"bash", LANG_BASH},
    {"zsh", LANG_BASH},
    {"ksh", LANG_BASH},
    {"bats", LANG_BASH},
    {"rb", LANG_RUBY},
    {"rake", LANG_RUBY},
    {"gemspec", LANG_RUBY},
    {"ru", LANG_RUBY},
    {"cs", LANG_CSHARP},
    {"php", LANG_PHP},
    {"kt", LANG_KOTLIN},
    {"kts", LANG_KOTLIN},
    {"swift", LANG_SWIFT},
    {"scala", LANG_SCALA},
    {"sc", LANG_SCALA},
    {"lua", LANG_LUA},
    {"pl", LANG_PERL},
    {"pm", LANG_PERL},
    {"sql", LANG_SQL},
    {"html", LANG_HTML},
    {"htm", LANG_HTML},
    {"xhtml", LANG_HTML},
    {"vue", LANG_HTML},
    {"svelte", LANG_HTML},
    {"erb", LANG_HTML},
    {"hbs", LANG_HTML},
    {"ejs", LANG_HTML},
    {"jinja", LANG_HTML},
    {"j2", LANG_HTML},
    {"twig", LANG_HTML},
    {"tmpl", LANG_HTML},
    {"css", LANG_CSS},
    {"scss", LANG_CSS},
    {"less", LANG_CSS},
    {"md", LANG_MARKDOWN},
    {"markdown", LANG_MARKDOWN},
    {"mdx", LANG_MARKDOWN},
    {"rst", LANG_MARKDOWN},
    {"adoc", LANG_MARKDOWN},
    {"txt", LANG_TEXT},
    {"json", LANG_JSON},
    {"jsonc", LANG_JSON},
    {"json5", LANG_JSON},
    {"jsonl", LANG_JSON},
    {"yaml", LANG_YAML},
    {"yml", LANG_YAML},
    {"toml", LANG_TOML},
    {"ini", LANG_TOML},
    {"cfg", LANG_TOML},
    {"conf", LANG_TOML},
    {"properties", LANG_TOML},
    {"env", LANG_TOML},
    {"mk", LANG_MAKE},
    {"mak", LANG_MAKE},
    {"cmake", LANG_CMAKE},
};
static const struct ending whole_names[] = {
    {"Makefile", LANG_MAKE},    {"makefile", LANG_MAKE},
    {"GNUmakefile", LANG_MAKE}, {"CMakeLists.txt", LANG_CMAKE},
    {"Rakefile", LANG_RUBY},    {"Gemfile", LANG_RUBY},
    {"Vagrantfile", LANG_RUBY}, {"SConstruct", LANG_PYTHON},
    {"Dockerfile", LANG_TEXT},  {"README", LANG_TEXT},
    {"LICENSE", LANG_TEXT},     {"CHANGELOG", LANG_TEXT},
    {"COPYING", LANG_TEXT},     {"NEWS", LANG_TEXT},
    {"AUTHORS", LANG_TEXT},     {"CODEOWNERS", LANG_TEXT},
    {".bashrc", LANG_BASH},     {".profile", LANG_BASH},
    {".env", LANG_TOML},        {"go.mod", LANG_TEXT},
    {"Jenkinsfile", LANG_TEXT},
};
static const struct ending interpreters[] = {
    {"python", LANG_PYTHON}, {"node", LANG_JAVASCRIPT}, {"deno", LANG_TYPESCRIPT},
    {"bash", LANG_BASH},     {"sh", LANG_BASH},         {"dash", LANG_BASH},
    {"ksh", LANG_BASH},      {"zsh", LANG_BASH},        {"ruby", LANG_RUBY},
    {"perl", LANG_PERL},     {"php", LANG_PHP},         {"lua", LANG_LUA},
};

const char *language_name(enum lang l) {
    return (unsigned)l < LANG_COUNT ? names[l] : "";
}

enum lang language_by_name(const char *name, size_t n) {
    for (int l = 1; l < LANG_COUNT; l++)
        if (strlen(names[l]) == n && memcmp(names[l], name, n) == 0)
            return (enum lang)l;
    return LANG_NONE;
}

bool language_is_code(enum lang l) {
    return l >= LANG_C && l <= LANG_SQL;
}

// "#!/usr/bin/env -S python3 -u" → python
static enum lang by_first_line(const char *head, size_t n) {
    if (n < 3 || head[0] != '#' || head[1] != '!')
        return LANG_NONE;
    const char *eol = memchr(head, '\n', n);
    size_t end = eol ? (size_t)(eol - head) : n, at = 2;
    while (at < end) {
        while (at < end && (head[at] == ' ' || head[at] == '\t'))
            at++;
        size_t word = at;
        while (at < end && head[at] != ' ' && head[at] != '\t' && head[at] != '\r') {
            if (head[at++] == '/')
                word = at;
        }
        size_t len = at - word;
        if (len == 0 || head[word] == '-' || (len == 3 && memcmp(head + word, "env", 3) == 0)) {
            at += at < end;
            continue;
        }
        for (size_t k = 0; k < sizeof interpreters / sizeof *interpreters; k++) {
            size_t m = strlen(interpreters[k].text);
            if (len >= m && memcmp(head + word, interpreters[k].text, m) == 0 &&
                (len == m || strchr("0123456789.", head[word + m])))
                return interpreters[k].lang;
        }
        return LANG_NONE;
    }
    return LANG_NONE;
}

static bool has_word(const char *text, size_t n, const char *word) {
    return memmem(text, n, word, strlen(word)) != NULL;
}

// A header is C++ when its beginning uses what C has not. `#ifdef __cplusplus` alone says the
// opposite: a C header made usable from C++.
static bool looks_like_cpp(const char *head, size_t n) {
    static const char *const signs[] = {
        "\nclass ",          "\nnamespace ",      "\ntemplate <",
        "\ntemplate<",       "\nusing ",          "\npublic:",
        "\nprivate:",        " public:",          "std::",
        "\n  virtual ",      "#include <string>", "#include <vector>",
        "#include <memory>", "constexpr "};
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (has_word(head, n, signs[k]))
            return true;
    return false;
}

enum lang language_of(const char *path, const char *head, size_t head_bytes) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (size_t k = 0; k < sizeof whole_names / sizeof *whole_names; k++)
        if (strcmp(name, whole_names[k].text) == 0)
            return whole_names[k].lang;
    const char *dot = strrchr(name, '.');
    if (dot && dot != name)
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++)
            if (strcasecmp(dot + 1, endings[k].text) == 0) {
                bool header = strcasecmp(dot, ".h") == 0;
                return header && head && looks_like_cpp(head, head_bytes) ? LANG_CPP
                                                                          : endings[k].lang;
            }
    return head ? by_first_line(head, head_bytes) : LANG_NONE;
}

bool language_by_name_alone(const char *path, enum lang *ret) {
    size_t n = strlen(path);
    bool header = n > 2 && strcasecmp(path + n - 2, ".h") == 0;
    enum lang lang = header ? LANG_NONE : language_of(path, NULL, 0);
    if (lang != LANG_NONE)
        *ret = lang;
    return lang != LANG_NONE;
}
