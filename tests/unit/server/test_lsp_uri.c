#include "server/lsp_face.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_path(const char *uri, const char *path) {
    AUTO_FREE char *got = lsp_uri_path(uri, strlen(uri));
    if (!path)
        assert_null(got);
    else if (!got)
        fail_msg("%s: no path", uri);
    else
        assert_string_equal(got, path);
}

static void file_uris_are_paths(void **state) {
    (void)state;
    expect_path("file:///a/b.c", "/a/b.c");
    expect_path("file:/a/b.c", "/a/b.c");
    expect_path("FILE:///a", "/a");
    expect_path("file://localhost/a", "/a");
    expect_path("file://LOCALHOST/a", "/a");
    expect_path("file:///", "/");
    expect_path("file:///a%20b/%C3%A4%f0%9f%98%80.c", "/a b/ä😀.c");
    expect_path("file:///a%2Fb", "/a/b");
    expect_path("file:///c%3A/x.c", "/c:/x.c");
    expect_path("file:///C:/x.c", "/C:/x.c");
    expect_path("file:///a.c#L3", "/a.c");
    expect_path("file:///a.c?x=1", "/a.c");
    expect_path("file:///a%23b%3Fc", "/a#b?c");
    expect_path("file:///ä", "/ä"); // not escaped as it should be, but meant
}

static void other_uris_are_none(void **state) {
    (void)state;
    static const char *const none[] = {"",
                                       "file",
                                       "file:",
                                       "file://",
                                       "file://host/a",
                                       "file://localhos/a",
                                       "file:a/b",
                                       "untitled:Untitled-1",
                                       "git:/a/b.c",
                                       "vscode-notebook-cell:/a.c#W",
                                       "http://a/b",
                                       "/a/b.c",
                                       "file:///a%00b",
                                       "file:///a%",
                                       "file:///a%4",
                                       "file:///a%zz",
                                       "file:///%"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        expect_path(none[i], NULL);
    AUTO_FREE char *long_one = mem_alloc(LSP_URI_BYTES_MAX + 16);
    memset(long_one, 'a', LSP_URI_BYTES_MAX + 15);
    memcpy(long_one, "file:///", 8);
    long_one[LSP_URI_BYTES_MAX + 15] = '\0';
    expect_path(long_one, NULL);
}

static void paths_become_uris_and_paths_again(void **state) {
    (void)state;
    static const char *const paths[] = {"/", "/a b/ä😀.c", "/%41/#?;:@&=+$,'()", "/\xff\x01\n",
                                        "/node_modules/@x/y.ts"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        AUTO_FREE char *uri = lsp_uri_of_path(paths[i]);
        assert_non_null(uri);
        for (const char *p = uri; *p; p++)
            assert_true(*p > 0x20 && *p < 0x7f);
        expect_path(uri, paths[i]);
    }
    AUTO_FREE char *uri = lsp_uri_of_path("/a b/~x-1_2.c");
    assert_string_equal(uri, "file:///a%20b/~x-1_2.c");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_uris_are_paths),
        cmocka_unit_test(other_uris_are_none),
        cmocka_unit_test(paths_become_uris_and_paths_again),
    };
    return cmocka_run_group_tests_name("server/lsp_uri", tests, NULL, NULL);
}
