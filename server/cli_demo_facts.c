#include "server/cli_demo.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 20000, LOOK_MS = 500, OPEN_MAX = 16, SCAN_BYTES_MAX = 64 * 1024 * 1024 };

// --- looking at a tree -------------------------------------------------------------------------

static const struct {
    const char *suffix, *language;
} languages[] = {{".c", "C"},           {".h", "C"},           {".cc", "C++"},
                 {".cpp", "C++"},       {".hpp", "C++"},       {".py", "Python"},
                 {".js", "JavaScript"}, {".ts", "TypeScript"}, {".tsx", "TypeScript"},
                 {".go", "Go"},         {".rs", "Rust"},       {".java", "Java"},
                 {".rb", "Ruby"},       {".sh", "shell"},      {".md", "Markdown"},
                 {".cs", "C#"},         {".kt", "Kotlin"},     {".swift", "Swift"}};

// nftw has no context argument; this program looks at one tree at a time.
static struct {
    struct demo_facts *facts;
    size_t counts[COUNT_OF(languages)];
    off_t biggest;
    size_t root_bytes;
    uint64_t until_ns;
} look;

static bool is_left_out(const char *name) {
    static const char *const names[] = {"node_modules", "build", "target", "dist", "vendor"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '.';
}

static int look_at(const char *path, const struct stat *st, int kind, struct FTW *at) {
    const char *name = path + at->base;
    if (at->level > 0 && is_left_out(name))
        return kind == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
    if (kind != FTW_F)
        return FTW_CONTINUE;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(languages); i++) {
        if (strcmp(dot, languages[i].suffix) != 0)
            continue;
        look.counts[i]++;
        if (st->st_size > look.biggest && strcmp(languages[i].language, "Markdown") != 0) {
            look.biggest = st->st_size;
            (void)snprintf(look.facts->biggest, sizeof look.facts->biggest, "%s",
                           path + look.root_bytes + 1);
        }
        break;
    }
    bool enough = ++look.facts->files >= FILES_MAX || env_now_mono_ns() > look.until_ns;
    return enough ? FTW_STOP : FTW_CONTINUE;
}

static void put_languages(struct demo_facts *facts) {
    size_t n = (size_t)snprintf(facts->layout, sizeof facts->layout, "Layout of %s: %zu files",
                                facts->name, facts->files);
    for (int place = 0; place < 3; place++) {
        size_t best = 0, total = 0;
        for (size_t i = 0; i < COUNT_OF(languages); i++) {
            size_t sum = 0;
            for (size_t j = 0; j < COUNT_OF(languages); j++)
                if (strcmp(languages[i].language, languages[j].language) == 0)
                    sum += look.counts[j];
            if (sum > total) {
                total = sum;
                best = i;
            }
        }
        if (!total || n >= sizeof facts->layout)
            break;
        n += (size_t)snprintf(facts->layout + n, sizeof facts->layout - n, "%s%zu of %s",
                              place ? ", " : "; ", total, languages[best].language);
        for (size_t j = 0; j < COUNT_OF(languages); j++)
            if (strcmp(languages[best].language, languages[j].language) == 0)
                look.counts[j] = 0;
    }
}

static void read_branch(const char *folder, struct demo_facts *facts) {
    char path[DEMO_PATH_BYTES + 16];
    char line[256] = "";
    (void)snprintf(path, sizeof path, "%s/.git/HEAD", folder);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    static const char prefix[] = "ref: refs/heads/";
    if (fgets(line, sizeof line, f) && strncmp(line, prefix, sizeof prefix - 1) == 0)
        (void)snprintf(facts->branch, sizeof facts->branch, "%.*s",
                       (int)strcspn(line + sizeof prefix - 1, "\n"), line + sizeof prefix - 1);
    (void)fclose(f);
}

void demo_look(const char *folder, struct demo_facts *ret) {
    const char *slash = strrchr(folder, '/');
    *ret = (struct demo_facts){0};
    (void)snprintf(ret->name, sizeof ret->name, "%s", slash && slash[1] ? slash + 1 : folder);
    memset(&look, 0, sizeof look);
    look.facts = ret;
    look.root_bytes = strlen(folder);
    look.until_ns = env_now_mono_ns() + (uint64_t)LOOK_MS * 1000000;
    (void)nftw(folder, look_at, OPEN_MAX, FTW_PHYS | FTW_ACTIONRETVAL);
    put_languages(ret);
    read_branch(folder, ret);
}

// --- the profile -------------------------------------------------------------------------------

int demo_profile_new(char out[DEMO_PATH_BYTES], struct err *err) {
    const char *base = getenv("TMPDIR");
    if (!base || base[0] != '/')
        base = "/tmp";
    (void)snprintf(out, DEMO_PATH_BYTES, "%s/paired-demo-XXXXXX", base);
    if (!mkdtemp(out))
        return err_errno(err, errno, "cannot make a folder below %s", base);
    if (setenv("PAIRED_PROFILE", out, 1) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st;
    (void)at;
    (void)(kind == FTW_DP ? rmdir(path) : unlink(path));
    return FTW_CONTINUE;
}

void demo_profile_remove(const char *path) {
    (void)nftw(path, remove_entry, OPEN_MAX, FTW_PHYS | FTW_DEPTH | FTW_ACTIONRETVAL);
}

// --- searching its files -----------------------------------------------------------------------

static struct {
    const char *const *words;
    size_t count;
    struct demo_scan *result;
} scan;

static bool holds_word(const char *text, size_t n) {
    for (size_t i = 0; i < scan.count; i++)
        if (memmem(text, n, scan.words[i], strlen(scan.words[i])))
            return true;
    return false;
}

static int scan_file(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)at;
    if (kind != FTW_F || !S_ISREG(st->st_mode) || st->st_size > SCAN_BYTES_MAX)
        return FTW_CONTINUE;
    AUTO_FREE char *text = mem_alloc((size_t)st->st_size + 1);
    int fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t n = 0;
    for (ssize_t got; fd >= 0 && n < (size_t)st->st_size; n += (size_t)got)
        if ((got = read(fd, text + n, (size_t)st->st_size - n)) <= 0)
            break;
    if (fd >= 0)
        (void)close(fd);
    scan.result->files++;
    scan.result->bytes += n;
    scan.result->hits += holds_word(text, n);
    return FTW_CONTINUE;
}

void demo_scan(const char *path, const char *const *words, size_t n, struct demo_scan *ret) {
    *ret = (struct demo_scan){0};
    scan.words = words;
    scan.count = n;
    scan.result = ret;
    (void)nftw(path, scan_file, OPEN_MAX, FTW_PHYS | FTW_ACTIONRETVAL);
}

// --- times -------------------------------------------------------------------------------------

void demo_sample(struct demo_samples *s, uint64_t start_ns) {
    if (s->count < DEMO_SAMPLES_MAX)
        s->ns[s->count++] = env_now_mono_ns() - start_ns;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

double demo_percentile_us(struct demo_samples *s, double part) {
    if (!s->count)
        return 0;
    qsort(s->ns, s->count, sizeof s->ns[0], by_size);
    size_t i = (size_t)(part * (double)(s->count - 1) + 0.5);
    return (double)s->ns[i] / 1000;
}
