// Catalogues as translators and tools really write them.
#include "core/base/mem.h"
#include "core/code/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_path_says_format_language_and_set(void **state) {
    static const struct {
        const char *path, *language, *set; // set NULL: no catalogue
    } cases[] = {
        {"web/i18n/de.json", "de", "web/i18n/.json"},
        {"assets/i18n/pt_BR.json", "pt_BR", "assets/i18n/.json"},
        {"locales/zh-Hans/common.json", "zh-Hans", "locales//common.json"},
        {"config/locales/devise.en.yml", "en", "config/locales/devise.yml"},
        {"conf/locale/locale_en-US.ini", "en-US", "conf/locale/locale.ini"},
        {"a/LocalStrings.properties", "", "a/LocalStrings.properties"},
        {"a/LocalStrings_de.properties", "de", "a/LocalStrings.properties"},
        {"app/translations/es/LC_MESSAGES/messages.po", "es",
         "app/translations//LC_MESSAGES/messages.po"},
        {"po/fr.po", "fr", "po/.po"},
        {"res/values/strings.xml", "", "res/values/strings.xml"},
        {"res/values-de/strings.xml", "de", "res/values/strings.xml"},
        {"App/de.lproj/Localizable.strings", "de", "App/.lproj/Localizable.strings"},
        {"App/Base.lproj/Localizable.strings", "", "App/.lproj/Localizable.strings"},
        {"l10n/de/main.ftl", "de", "l10n//main.ftl"},
        {"package.json", NULL, NULL},
        {"src/is/data.json", NULL, NULL}, // "is" is a language, but nothing says translations
        {"config/en.yaml", NULL, NULL},
        {"i18n/README.md", NULL, NULL},
        {"i18n/settings.json", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct catalogue_place p;
        bool is = catalogue_place_of(cases[i].path, &p);
        if (is != (cases[i].set != NULL))
            fail_msg("%s: %d", cases[i].path, is);
        if (!is)
            continue;
        char set[200], language[32];
        (void)snprintf(set, sizeof set, "%.*s%s", (int)p.cut, cases[i].path,
                       cases[i].path + p.cut + p.cut_bytes);
        (void)snprintf(language, sizeof language, "%.*s", (int)p.language_bytes,
                       cases[i].path + p.language);
        assert_string_equal(language, cases[i].language);
        assert_string_equal(set, cases[i].set);
    }
}

// "key@line=text|…"
static void read_all(enum catalogue_format format, const char *text, char *ret, size_t max) {
    struct catalogue c;
    size_t len = 0;
    ret[0] = '\0';
    assert_int_equal(catalogue_read(format, text, strlen(text), &c, NULL), 0);
    for (uint32_t i = 0; i < c.count && len < max; i++) {
        const struct catalogue_entry *e = &c.entries[i];
        len += (size_t)snprintf(ret + len, max - len, "%s%s@%u=%s%s", len ? "|" : "",
                                c.pool.data + e->key, e->line, c.pool.data + e->text,
                                e->flags & CATALOGUE_FUZZY ? "~" : "");
    }
    catalogue_done(&c);
}

static void every_format_gives_keys_texts_and_lines(void **state) {
    static const struct {
        enum catalogue_format format;
        const char *text, *want;
    } cases[] = {
        {CATALOGUE_JSON,
         "{\"a\": \"x\",\n \"b\": {\"c\": \"y \\u00e4\\n\", \"n\": 3},\n\"d\": [\"z\"]}",
         "a@1=x|b.c@2=y \xC3\xA4\n"},
        {CATALOGUE_JSON, "{\"de\": {\"a\": \"x\"}}", "a@1=x"}, // the language is no part of keys
        {CATALOGUE_JSON, "{\"a\": \"x\", \"b\": ", "a@1=x"},   // broken: what stands before
        {CATALOGUE_JSON, "{\"a\": null, \"b\": \"y\"}", "b@1=y"},
        {CATALOGUE_YAML,
         "en:\n  a: \"x: y\"\n  b:\n    c: it's # note\n    'd e': 'f''g'\n  h: z\n",
         "a@2=x: y|b.c@4=it's # note|b.d e@5=f'g|h@6=z"},
        {CATALOGUE_YAML, "en:\n  a: |\n    one\n    two\n  b: x\n", "a@2=one two|b@5=x"},
        {CATALOGUE_PROPERTIES, "# n\na = x\nb.c:y \\\n   z\n! m\nd e\n", "a@2=x|b.c@3=y z|d@6=e"},
        {CATALOGUE_PROPERTIES, "a = 1\n[s]\nb = \\u0041\n", "a@1=1|s.b@3=A"},
        {CATALOGUE_PO,
         "msgid \"\"\nmsgstr \"Language: de\\n\"\n\n#, fuzzy\nmsgid \"a\"\nmsgstr \"b\"\n\nmsgid "
         "\"c\"\n\"d\"\nmsgstr \"\"\n\"e\"\n#~ msgid \"old\"\n#~ msgstr \"alt\"\nmsgid "
         "\"f\"\nmsgstr "
         "\"\"\n",
         "a@5=b~|cd@8=e|f@14=~"},
        {CATALOGUE_STRINGS, "/* n\n */\n\"a\" = \"x\\n\";\nrubbish\n\"b\" \"c\";\n\"d\"=\"y\";",
         "a@3=x\n|d@6=y"},
        {CATALOGUE_FTL, "# n\na = x\n    y\n    .t = z\n-b = w\n", "a@2=x y|-b@5=w"},
        {CATALOGUE_ANDROID,
         "<resources><!-- <string name=\"n\">n</string> -->\n<string name=\"a\">it\\'s "
         "<b>x</b></string>\n<plurals name=\"p\"><item quantity=\"one\">1</item></plurals></"
         "resources>",
         "a@2=it's x|p.one@3=1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[500];
        read_all(cases[i].format, cases[i].text, got, sizeof got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%zu: %s", i, got);
    }
}

static void placeholders_are_found_and_their_neighbours_are_not(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"Hello %s, %d of %d", "%1$s %2$d %3$d"},
        {"%2$s before %1$d", "%1$d %2$s"},
        {"%[2]s before %[1]d", "%1$d %2$s"},
        {"%(name)s and %{other}", "%(name) %{other}"},
        {"{name} has {n, plural, one {a file} other {# files}}", "{name} {n}"},
        {"{{ name }} {0} ${x}", "{0} {x} {{name}}"},
        {"%<PRIuMAX> of %s", "%1$d %2$s"},
        {"1 line %sed", "%1$s"},
        {"'%s' for '%.*s'", "%1$s %3$s"},
        {"'%3$.*2$s' for '%1$s'", "%1$s %3$s"},
        {"100%", ""},
        {"100%%s", ""},
        {"50% discount", ""},
        {"50%off", ""},
        {"{ $progress }%", "{$progress}"},
        {"%{ $progress }", "{$progress}"},
        {"https://x/%E3%81%82", ""},
        {"a { b } and { c d }", "{b}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[200];
        catalogue_placeholders(cases[i].text, strlen(cases[i].text), got, sizeof got);
        char want[200];
        (void)snprintf(want, sizeof want, "%s", cases[i].want);
        for (char *at = want, *to = want;; at++) // `$` of variables is not part of the name
            if (*at != '$' || (at > want && at[-1] >= '0' && at[-1] <= '9'))
                if (!(*to++ = *at))
                    break;
        if (strcmp(got, want) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, got, want);
    }
}

static void every_failing_allocation_is_survived(void **state) {
    static const char po[] = "msgid \"a\"\nmsgstr \"b\"\nmsgid \"c\"\nmsgstr \"d\"\n";
    static const char json[] = "{\"a\": {\"b\": \"c\", \"d\": \"e\"}}";
    (void)state;
    for (unsigned f = 0; f < 2; f++)
        for (uint64_t n = 1;; n++) {
            struct catalogue c;
            mem_fail_at(n);
            int r = f ? catalogue_read(CATALOGUE_JSON, json, sizeof json - 1, &c, NULL)
                      : catalogue_read(CATALOGUE_PO, po, sizeof po - 1, &c, NULL);
            bool all = mem_count() < n;
            mem_fail_at(0);
            assert_true(r == 0 || r == ERR_NOMEM);
            if (r == 0)
                assert_int_equal(c.count, 2);
            catalogue_done(&c);
            if (all)
                break;
        }
}

static void what_is_too_deep_or_too_much_is_cut(void **state) {
    char deep[400], key[2100];
    struct catalogue c;
    (void)state;
    size_t n = 0;
    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "{\"a\":");
    assert_int_equal(catalogue_read(CATALOGUE_JSON, deep, n, &c, NULL), 0);
    assert_true(c.cut);
    catalogue_done(&c);
    (void)memset(key, 'k', sizeof key);
    key[sizeof key - 3] = '=';
    assert_int_equal(catalogue_read(CATALOGUE_PROPERTIES, key, sizeof key, &c, NULL), 0);
    assert_int_equal(c.count, 0);
    catalogue_done(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_says_format_language_and_set),
        cmocka_unit_test(every_format_gives_keys_texts_and_lines),
        cmocka_unit_test(placeholders_are_found_and_their_neighbours_are_not),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(what_is_too_deep_or_too_much_is_cut),
    };
    return cmocka_run_group_tests_name("code/catalogue", tests, NULL, NULL);
}
