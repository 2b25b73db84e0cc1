#include "core/base/conf_checks.h"

#include "core/base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES_MAX = 64 * 1024 };

static const char *const kinds[] = {"build", "test", "lint"};
static const char *const members[] = {"name",    "command",     "in",      "kind",
                                      "seconds", "environment", "writable"};

static int wrong(struct err *err, size_t i, const char *what) {
    return err_set(err, ERR_INVAL, "check %zu: %s", i + 1, what);
}

static bool known_member(const char *name) {
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (strcmp(members[i], name) == 0)
            return true;
    return false;
}

// Without a NUL inside: jansson refuses those when it reads.
static const char *text_of(const json_t *v, size_t max) {
    const char *s = json_string_value(v);
    return s && *s && strlen(s) <= max ? s : NULL;
}

static bool plain_name(const char *s) {
    return s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

static bool variable(const char *s) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return s && !(s[0] >= '0' && s[0] <= '9') && strspn(s, letters) == strlen(s) && !strchr(s, '=');
}

static bool folder(const char *s) {
    return s && (strcmp(s, "*") == 0 || (s[0] == '/' && !strstr(s, "/../") && !strstr(s, "//")));
}

static bool place(const char *s) {
    size_t n = strlen(s);
    bool up = strstr(s, "/../") || (n >= 3 && strcmp(s + n - 3, "/..") == 0);
    return !up && ((s[0] == '/' && s[1]) || (s[0] == '~' && s[1] == '/' && s[2]));
}

static const char *kind_of(const json_t *said, const char *name) {
    const char *word = json_string_value(said);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (said ? word && strcmp(word, kinds[i]) == 0
                 : strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return kinds[i];
    return said ? NULL : "lint"; // of which least is thought
}

// Words of a list, terminated; false: not a list of them.
static bool words_of(const json_t *list, size_t max, const char **ret) {
    size_t i;
    const json_t *one;
    if (!json_is_array(list) || json_array_size(list) > max)
        return false;
    json_array_foreach(list, i, one) {
        const char *s = json_string_value(one);
        if (!s || strlen(s) > CONF_CHECK_WORD_BYTES_MAX)
            return false;
        ret[i] = s;
    }
    ret[json_array_size(list)] = NULL;
    return true;
}

static int read_one(json_t *one, size_t i, struct conf_check *c, struct err *err) {
    const char *name;
    json_t *v;
    const json_t *seconds = json_object_get(one, "seconds");
    const json_t *environment = json_object_get(one, "environment");
    const json_t *writable = json_object_get(one, "writable");
    if (!json_is_object(one))
        return wrong(err, i, "expected an object with name, command and in");
    json_object_foreach(one, name, v) if (!known_member(name)) return err_set(
        err, ERR_INVAL, "check %zu: %.32s: no such member", i + 1, name);
    c->name = text_of(json_object_get(one, "name"), CONF_CHECK_NAME_BYTES_MAX);
    c->folder = text_of(json_object_get(one, "in"), CONF_CHECK_WORD_BYTES_MAX);
    if (!plain_name(c->name))
        return wrong(err, i, "name: expected 1 to 24 of a-z, 0-9, - and _");
    if (strcmp(c->name, "patch") == 0 || strcmp(c->name, "parse") == 0)
        return wrong(err, i, "name: patch and parse are paired's own checks");
    if (!folder(c->folder))
        return wrong(err, i, "in: expected an absolute path, PATH/* or *");
    if (!words_of(json_object_get(one, "command"), CONF_CHECK_WORDS_MAX, c->command) ||
        !c->command[0] || !c->command[0][0])
        return wrong(err, i, "command: expected a list of 1 to 64 words, the program first");
    c->kind = kind_of(json_object_get(one, "kind"), c->name);
    if (!c->kind)
        return wrong(err, i, "kind: expected build, test or lint");
    if (seconds && (!json_is_integer(seconds) || json_integer_value(seconds) < 1 ||
                    json_integer_value(seconds) > CONF_CHECK_SECONDS_MAX))
        return wrong(err, i, "seconds: expected a whole number from 1 to 900");
    c->seconds = seconds ? (unsigned)json_integer_value(seconds) : CONF_CHECK_SECONDS;
    if (environment && !words_of(environment, CONF_CHECK_NAMES_MAX, c->environment))
        return wrong(err, i, "environment: expected a list of at most 16 names");
    if (writable && !words_of(writable, CONF_CHECK_WRITABLE_MAX, c->writable))
        return wrong(err, i, "writable: expected a list of at most 8 paths");
    for (size_t k = 0; c->writable[k]; k++)
        if (!place(c->writable[k]))
            return wrong(err, i, "writable: expected absolute paths, or ~/ and what follows");
    for (size_t k = 0; c->environment[k]; k++)
        if (!*c->environment[k] || !variable(c->environment[k]))
            return wrong(err, i, "environment: expected names of variables, without values");
    return 0;
}

static int read_all(struct conf_checks *c, struct err *err) {
    size_t i;
    json_t *one;
    if (!json_is_array((json_t *)c->json))
        return err_set(err, ERR_INVAL, "expected a list of checks, [{…}]");
    if (json_array_size(c->json) > CONF_CHECKS_MAX)
        return err_set(err, ERR_INVAL, "expected at most %d checks", CONF_CHECKS_MAX);
    json_array_foreach((json_t *)c->json, i, one) {
        int r = read_one(one, i, &c->items[i], err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (strcmp(c->items[k].name, c->items[i].name) == 0 &&
                strcmp(c->items[k].folder, c->items[i].folder) == 0)
                return wrong(err, i, "another one has its name, for the same folder");
        c->count++;
    }
    return 0;
}

int conf_checks_new(const char *value, struct conf_checks **ret, struct err *err) {
    json_error_t why;
    size_t n = strlen(value);
    if (n > VALUE_BYTES_MAX)
        return err_set(err, ERR_INVAL, "expected at most %d KB", VALUE_BYTES_MAX / 1024);
    struct conf_checks *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->json = json_loadb(value, n, JSON_REJECT_DUPLICATES, &why);
    int r = c->json ? read_all(c, err)
            : json_error_code(&why) == json_error_out_of_memory || !why.text[0]
                ? err_set(err, ERR_NOMEM, "out of memory")
                : err_set(err, ERR_INVAL, "expected a list of checks as JSON: %.80s", why.text);
    if (r < 0) {
        conf_checks_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void conf_checks_free(struct conf_checks *c) {
    if (!c)
        return;
    json_decref(c->json);
    mem_free(c);
}

bool conf_check_is_for(const struct conf_check *c, const char *workspace) {
    const char *in = c->folder;
    size_t n = strlen(in);
    if (strcmp(in, "*") == 0)
        return true;
    if (n >= 2 && strcmp(in + n - 2, "/*") == 0) {
        const char *below = strncmp(in, workspace, n - 1) == 0 ? workspace + n - 1 : "";
        return *below && !strchr(below, '/');
    }
    while (n > 1 && in[n - 1] == '/')
        n--;
    return strncmp(in, workspace, n) == 0 && !workspace[n];
}

json_t *conf_checks_schema(void) {
    json_t *properties = json_pack(
        "{s{ss ss} s{ss si si s{ss} ss} s{ss ss} s{s[sss]} s{ss si si si} s{ss si s{ss ss} ss} "
        "s{ss si s{ss ss} ss}}",
        "name", "type", "string", "pattern", "^[a-z0-9_-]{1,24}$", "command", "type", "array",
        "minItems", 1, "maxItems", CONF_CHECK_WORDS_MAX, "items", "type", "string", "description",
        "Program and arguments; no shell.", "in", "type", "string", "description",
        "The folder it is for: an absolute path, PATH/* for each folder in it, * for any.", "kind",
        "enum", kinds[0], kinds[1], kinds[2], "seconds", "type", "integer", "minimum", 1, "maximum",
        CONF_CHECK_SECONDS_MAX, "default", CONF_CHECK_SECONDS, "environment", "type", "array",
        "maxItems", CONF_CHECK_NAMES_MAX, "items", "type", "string", "pattern",
        "^[A-Za-z_][A-Za-z0-9_]*$", "description",
        "Names of variables that it gets beside the usual ones.", "writable", "type", "array",
        "maxItems", CONF_CHECK_WRITABLE_MAX, "items", "type", "string", "pattern", "^(~?/)[^/]",
        "description", "Files and folders that it may write although it is isolated.");
    return json_pack("{ss si s[] s{ss s[sss] sb so}}", "type", "array", "maxItems", CONF_CHECKS_MAX,
                     "default", "items", "type", "object", "required", "name", "command", "in",
                     "additionalProperties", 0, "properties", properties);
}

int conf_checks_valid(const char *value, struct err *err) {
    struct conf_checks *c = NULL;
    int r = conf_checks_new(value, &c, err);
    conf_checks_free(c);
    return r;
}
