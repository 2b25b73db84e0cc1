#include "tests/unit/workspace/git_box.h"

#include "core/base/child.h"
#include "core/base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 40, FOLDERS_OPEN_MAX = 16 };

#define CLOCK_FIRST INT64_C(1700000000)

static struct child_end last_end;

int git_box_try(struct git_box *b, const char *folder, const char *const *arguments) {
    const char *all[ARGUMENTS_MAX] = {"git"};
    char person[4][256], when[2][64], home[GIT_BOX_PATH_BYTES + 8];
    const char *at = strchr(b->author, '<');
    int name = (int)(at - b->author) - 1;
    size_t n = 1;
    while (arguments[n - 1] && n + 1 < ARGUMENTS_MAX) {
        all[n] = arguments[n - 1];
        n++;
    }
    all[n] = NULL;
    (void)snprintf(person[0], sizeof person[0], "GIT_AUTHOR_NAME=%.*s", name, b->author);
    (void)snprintf(person[1], sizeof person[1], "GIT_AUTHOR_EMAIL=%.*s", (int)strlen(at) - 2,
                   at + 1);
    (void)snprintf(person[2], sizeof person[2], "GIT_COMMITTER_NAME=%.*s", name, b->author);
    (void)snprintf(person[3], sizeof person[3], "GIT_COMMITTER_EMAIL=%.*s", (int)strlen(at) - 2,
                   at + 1);
    (void)snprintf(when[0], sizeof when[0], "GIT_AUTHOR_DATE=%lld +0000", (long long)b->clock);
    (void)snprintf(when[1], sizeof when[1], "GIT_COMMITTER_DATE=%lld +0000", (long long)b->clock);
    (void)snprintf(home, sizeof home, "HOME=%s", b->home);
    const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                       "LC_ALL=C",
                                       "GIT_CONFIG_NOSYSTEM=1",
                                       "GIT_TERMINAL_PROMPT=0",
                                       "GIT_EDITOR=true",
                                       "GIT_ALLOW_PROTOCOL=file",
                                       home,
                                       person[0],
                                       person[1],
                                       person[2],
                                       person[3],
                                       when[0],
                                       when[1],
                                       NULL};
    struct child_spec spec = {.program = "/usr/bin/git",
                              .arguments = all,
                              .environment = environment,
                              .folder = folder,
                              .ms = 60000};
    struct err err = {0};
    if (child_run(&spec, &last_end, &err) < 0)
        fail_msg("git %s: %s", arguments[0], err.message);
    return last_end.status;
}

void git_box_git(struct git_box *b, ...) {
    const char *arguments[ARGUMENTS_MAX] = {0};
    va_list list;
    va_start(list, b);
    for (size_t n = 0; n + 1 < ARGUMENTS_MAX; n++) {
        arguments[n] = va_arg(list, const char *);
        if (!arguments[n])
            break;
    }
    va_end(list);
    if (git_box_try(b, b->path, arguments) != 0)
        fail_msg("git %s %s: %s", arguments[0], arguments[1] ? arguments[1] : "", last_end.errors);
}

void git_box_new(struct git_box *b) {
    *b = (struct git_box){.author = "Ann <ann@example.org>", .clock = CLOCK_FIRST};
    (void)snprintf(b->home, sizeof b->home, "/tmp/paired-git-box-XXXXXX");
    assert_non_null(mkdtemp(b->home));
    (void)snprintf(b->path, sizeof b->path, "%.100s/tree", b->home);
    assert_int_equal(mkdir(b->path, 0700), 0);
    git_box_git(b, "init", "-q", "-b", "main", ".", NULL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    (void)remove(path);
    return 0;
}

void git_box_done(struct git_box *b) {
    (void)nftw(b->home, remove_one, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}

void git_box_path(const struct git_box *b, const char *name, char *ret, size_t max) {
    int n = snprintf(ret, max, "%s/%s", b->path, name);
    assert_true(n > 0 && (size_t)n < max);
}

void git_box_write(struct git_box *b, const char *path, const char *text) {
    char full[1024];
    git_box_path(b, path, full, sizeof full);
    for (char *slash = strchr(full + strlen(b->path) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *f = fopen(full, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

void git_box_lines(struct git_box *b, const char *path, unsigned first, unsigned last) {
    AUTO_BUF text = BUF_INIT(0);
    for (unsigned i = first; i <= last; i++)
        assert_int_equal(buf_printf(&text, "line %u\n", i), 0);
    git_box_write(b, path, text.data ? text.data : "");
}

void git_box_remove(struct git_box *b, const char *path) {
    char full[1024];
    git_box_path(b, path, full, sizeof full);
    assert_int_equal(unlink(full), 0);
}

void git_box_move(struct git_box *b, const char *from, const char *to) {
    char old_path[1024], new_path[1024];
    git_box_write(b, to, "");
    git_box_path(b, from, old_path, sizeof old_path);
    git_box_path(b, to, new_path, sizeof new_path);
    assert_int_equal(rename(old_path, new_path), 0);
}

void git_box_commit(struct git_box *b, const char *message) {
    git_box_git(b, "add", "-A", NULL);
    git_box_git(b, "commit", "-q", "--allow-empty", "-m", message, NULL);
    b->clock += 3600;
}

struct git *git_box_open(struct git_box *b) {
    struct git_config c = {.folder = b->path, .scratch = b->home};
    struct git *g = NULL;
    struct err err = {0};
    if (git_open(&c, &g, &err) < 0)
        fail_msg("%s", err.message);
    return g;
}

static uint64_t print;

static void mix(const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        print = (print ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
}

static int print_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)kind, (void)at;
    uint64_t before = print;
    print = UINT64_C(0xCBF29CE484222325);
    mix(path, strlen(path));
    mix(&st->st_size, sizeof st->st_size);
    mix(&st->st_mode, sizeof st->st_mode);
    mix(&st->st_mtim.tv_sec, sizeof st->st_mtim.tv_sec);
    mix(&st->st_mtim.tv_nsec, sizeof st->st_mtim.tv_nsec);
    print += before; // in whatever order they come
    return 0;
}

uint64_t git_box_print_of(const char *folder) {
    print = 0;
    assert_int_equal(nftw(folder, print_one, FOLDERS_OPEN_MAX, FTW_PHYS), 0);
    return print;
}
