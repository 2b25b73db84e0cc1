#include "tests/unit/workspace/tree_support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void tree_init(struct tree *t) {
    (void)snprintf(t->dir, sizeof t->dir, "/tmp/paired-tree-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

void tree_done(struct tree *t) {
    (void)nftw(t->dir, remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

void tree_path(const struct tree *t, const char *name, char *ret, size_t max) {
    assert_true(snprintf(ret, max, "%s/%s", t->dir, name) < (int)max);
}

void tree_folder(const struct tree *t, const char *name) {
    char path[8192];
    tree_path(t, name, path, sizeof path);
    for (char *at = path + strlen(t->dir) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(path, 0755) < 0)
            assert_int_equal(errno, EEXIST);
        *at = '/';
    }
    if (mkdir(path, 0755) < 0)
        assert_int_equal(errno, EEXIST);
}

void tree_write_bytes(const struct tree *t, const char *name, const void *bytes, size_t n) {
    char path[8192];
    const char *slash = strrchr(name, '/');
    if (slash) {
        assert_true((size_t)snprintf(path, sizeof path, "%.*s", (int)(slash - name), name) <
                    sizeof path);
        tree_folder(t, path);
    }
    tree_path(t, name, path, sizeof path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void tree_write(const struct tree *t, const char *name, const char *text) {
    tree_write_bytes(t, name, text, strlen(text));
}

void tree_remove(const struct tree *t, const char *name) {
    char path[8192];
    tree_path(t, name, path, sizeof path);
    (void)nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

void tree_link(const struct tree *t, const char *target, const char *name) {
    char path[8192];
    tree_path(t, name, path, sizeof path);
    assert_int_equal(symlink(target, path), 0);
}

uint32_t tree_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

// --- git ----------------------------------------------------------------------------------------

bool tree_has_git(void) {
    return access("/usr/bin/git", X_OK) == 0;
}

enum { WORDS_MAX = 40 };

static void child(const struct tree *t, int in, int out, const char *const *words) {
    const char *argv[WORDS_MAX + 16] = {"git",
                                        "-C",
                                        t->dir,
                                        "-c",
                                        "protocol.file.allow=always",
                                        "-c",
                                        "user.name=t",
                                        "-c",
                                        "user.email=t@t.invalid",
                                        "-c",
                                        "init.defaultBranch=main",
                                        "-c",
                                        "core.excludesFile="};
    int n = 13;
    for (int i = 0; words[i] && i < WORDS_MAX; i++)
        argv[n++] = words[i];
    static char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/nonexistent",
                                        "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", NULL};
    (void)dup2(in, 0);
    (void)dup2(out, 1);
    union { // execve does not write to them
        const char **const_words;
        char *const *words;
    } u = {argv};
    (void)execve("/usr/bin/git", u.words, environment);
    _exit(127);
}

static char *read_all(int fd, size_t *ret_bytes) {
    size_t n = 0, max = 65536;
    char *text = malloc(max);
    assert_non_null(text);
    for (ssize_t got; (got = read(fd, text + n, max - n - 1)) > 0;) {
        n += (size_t)got;
        if (max - n < 4096) {
            max *= 2;
            text = realloc(text, max);
            assert_non_null(text);
        }
    }
    text[n] = '\0';
    *ret_bytes = n;
    return text;
}

char *tree_git(const struct tree *t, const char *input, size_t input_bytes, size_t *ret_bytes,
               int status_max, const char *const *words) {
    int out[2];
    FILE *in = tmpfile(); // a file, so that neither side waits for the other
    assert_non_null(in);
    assert_int_equal(fwrite(input ? input : "", 1, input_bytes, in), input_bytes);
    assert_int_equal(fflush(in), 0);
    assert_int_equal(lseek(fileno(in), 0, SEEK_SET), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(t, fileno(in), out[1], words);
    (void)close(out[1]);
    (void)fclose(in);
    char *text = read_all(out[0], ret_bytes);
    (void)close(out[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) > status_max)
        fail_msg("git %s: status %d: %s", words[0], WEXITSTATUS(status), text);
    return text;
}

void tree_git_do(const struct tree *t, const char *words) {
    char text[1024];
    const char *list[WORDS_MAX + 1];
    int n = 0;
    assert_true((size_t)snprintf(text, sizeof text, "%s", words) < sizeof text);
    char *rest = text;
    for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
        list[n++] = word;
    list[n] = NULL;
    size_t bytes;
    free(tree_git(t, NULL, 0, &bytes, 0, list));
}
