// Checks of the machine, the program's own parts and its clients.
#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_doctor.h"
#include "server/cli_setup.h"
#include "server/frontend_load.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_WANTED = 256, MEMLOCK_WANTED = 64 * 1024, PATH_BYTES = DIRS_PATH_BYTES_MAX + 64 };

static const int64_t YEAR_2026_S = 1767225600;

void doctor_descriptors(struct doctor *d) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    // The engine raises the soft limit by itself, the hard one it cannot.
    if (limit.rlim_max < FILES_WANTED)
        doctor_put(d, DOCTOR_WARN, "Raise it: ulimit -Hn 1024, or LimitNOFILE= of the service.",
                   "at most %llu open files are allowed; many clients at once will be refused",
                   (unsigned long long)limit.rlim_max);
    else
        doctor_put(d, DOCTOR_OK, NULL, "up to %llu open files", (unsigned long long)limit.rlim_max);
}

void doctor_memlock(struct doctor *d) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    if (limit.rlim_cur < MEMLOCK_WANTED)
        doctor_put(d, DOCTOR_WARN, "Raise it: ulimit -l 64, or LimitMEMLOCK= of the service.",
                   "%llu bytes of memory may be kept out of swap: keys may reach the disk there",
                   (unsigned long long)limit.rlim_cur);
    else
        doctor_put(d, DOCTOR_OK, NULL, "keys can be kept out of swap");
}

// The engine makes itself undumpable; the kernel then gives its /proc entry to root.
void doctor_cores(struct doctor *d) {
    char path[64];
    char line[256];
    struct stat st;
    json_int_t pid = json_integer_value(json_object_get(d->status, "pid"));
    if (!pid) {
        doctor_put(d, DOCTOR_SKIP, NULL, "no engine is running");
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/%lld", pid);
    bool off = geteuid() != 0 && stat(path, &st) == 0 && st.st_uid == 0;
    (void)snprintf(path, sizeof path, "/proc/%lld/limits", pid);
    FILE *f = off ? NULL : fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Max core file size", 18) == 0)
            off = line[18 + strspn(line + 18, " ")] == '0';
    if (f)
        (void)fclose(f);
    if (off)
        doctor_put(d, DOCTOR_OK, NULL, "the engine leaves no core files");
    else
        doctor_put(d, DOCTOR_WARN, "Start another engine: paired stop.",
                   "the engine could leave a core file, with notes and keys in it");
}

void doctor_clock(struct doctor *d) {
    int64_t now_s = env_now_wall_ms() / 1000;
    const char *injected = getenv("PAIRED_TEST_CLOCK_S");
    if (injected)
        now_s = strtoll(injected, NULL, 10);
    // A build cannot have been made in the future; one without a date is not older than this year.
    int64_t built_s = paired_build_number > YEAR_2026_S ? paired_build_number : YEAR_2026_S;
    if (now_s < built_s)
        doctor_put(d, DOCTOR_WARN, "Set it (timedatectl): dates and expiry of notes depend on it.",
                   "the clock is behind the time when paired was built");
    else
        doctor_put(d, DOCTOR_OK, NULL, "plausible");
}

static bool cpu_has(const char *flag) {
    char line[8192];
    bool found = false;
    size_t n = strlen(flag);
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, "flags", 5) != 0 && strncmp(line, "Features", 8) != 0)
            continue;
        for (const char *p = strstr(line, flag); p && !found; p = strstr(p + 1, flag))
            found = isspace((unsigned char)p[-1]) && (isspace((unsigned char)p[n]) || !p[n]);
    }
    if (f)
        (void)fclose(f);
    return found;
}

void doctor_aes(struct doctor *d) {
    if (cpu_has("aes"))
        doctor_put(d, DOCTOR_OK, NULL, "the processor has instructions for AES");
    else
        doctor_put(d, DOCTOR_WARN, "Nothing to do; it works, at a tenth of the speed.",
                   "the processor has no instructions for AES");
}

void doctor_sqlite(struct doctor *d) {
    // The executable does not link it; the engine's library does, by this name.
    void *library = dlopen("libsqlite3.so.0", RTLD_LAZY | RTLD_LOCAL);
    const char *(*version)(void) = NULL;
    int (*used)(const char *) = NULL;
    void *symbol = library ? dlsym(library, "sqlite3_libversion") : NULL;
    memcpy(&version, &symbol, sizeof version);
    symbol = library ? dlsym(library, "sqlite3_compileoption_used") : NULL;
    memcpy(&used, &symbol, sizeof used);
    if (!version || !used)
        doctor_put(d, DOCTOR_FAIL, "Install it: apt-get install libsqlite3-0.",
                   "SQLite cannot be loaded");
    else if (!used("ENABLE_FTS5"))
        doctor_put(d, DOCTOR_FAIL, "Install one that has it, such as the distribution's.",
                   "SQLite %s was built without full-text search (FTS5)", version());
    else
        doctor_put(d, DOCTOR_OK, NULL, "%s with full-text search", version());
    if (library)
        (void)dlclose(library);
}

void doctor_library(struct doctor *d) {
    engine_main_fn *run = NULL;
    struct err err = {0};
    if (frontend_load_engine(&run, &err) < 0)
        doctor_put(d, DOCTOR_FAIL, "Install paired anew: both halves must be of one build.", "%s",
                   err_text(&err));
    else
        doctor_put(d, DOCTOR_OK, NULL, "paired %s, build %s, both halves", paired_version,
                   paired_build_id);
}

void doctor_crashes(struct doctor *d) {
    json_int_t crashes = json_integer_value(json_object_get(d->status, "crashes"));
    if (!d->status)
        doctor_put(d, DOCTOR_SKIP, NULL, "no engine is running");
    else if (crashes)
        doctor_put(d, DOCTOR_WARN, "Please report them; they hold addresses, no text of yours.",
                   "%lld notes about crashes lie in %s/log", crashes, d->dirs.state);
    else
        doctor_put(d, DOCTOR_OK, NULL, "none");
}

// --- clients -----------------------------------------------------------------------------------

static bool read_proc(const char *pid, const char *name, char *out, size_t max, size_t *ret_n) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, max - 1);
    (void)close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    *ret_n = (size_t)n;
    return true;
}

// "paired mcp", "paired lsp" or "paired acp" of ours whose parent has gone and been replaced by
// init.
static bool is_orphan(const char *pid) {
    char text[1024];
    size_t n;
    struct stat st;
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%s", pid);
    if (stat(path, &st) < 0 || st.st_uid != geteuid() ||
        !read_proc(pid, "cmdline", text, sizeof text, &n))
        return false;
    const char *base = strrchr(text, '/');
    const char *second = strlen(text) + 1 < n ? text + strlen(text) + 1 : "";
    if (strcmp(base ? base + 1 : text, "paired") != 0 ||
        (strcmp(second, "mcp") != 0 && strcmp(second, "lsp") != 0 && strcmp(second, "acp") != 0) ||
        !read_proc(pid, "status", text, sizeof text, &n))
        return false;
    const char *parent = strstr(text, "\nPPid:");
    return parent && strtol(parent + 6, NULL, 10) == 1;
}

void doctor_orphans(struct doctor *d) {
    char pids[256] = "";
    size_t n = 0, count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        if (!isdigit((unsigned char)e->d_name[0]) || !is_orphan(e->d_name))
            continue;
        count++;
        if (n < sizeof pids)
            n += (size_t)snprintf(pids + n, sizeof pids - n, " %s", e->d_name);
    }
    if (proc)
        (void)closedir(proc);
    char fix[320];
    (void)snprintf(fix, sizeof fix, "End them, unless init itself started them: kill%s", pids);
    if (count)
        doctor_put(d, DOCTOR_WARN, fix, "%zu servers whose client is gone", count);
    else
        doctor_put(d, DOCTOR_OK, NULL, "no server has outlived its client");
}

void doctor_clients(struct doctor *d) {
    size_t installed = 0, registered = 0;
    const struct cli_client_kind *missing = NULL;
    char found[PATH_BYTES], fix[96];
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++) {
        if (!cli_on_path(k->program, found, sizeof found))
            continue;
        enum setup_state state = cli_setup_state(k, NULL);
        installed++;
        if (state == SETUP_REGISTERED || state == SETUP_DIFFERENT)
            registered++;
        else if (!missing)
            missing = k;
    }
    if (!installed) {
        doctor_put(d, DOCTOR_SKIP, "paired setup shows what it can do for every client.",
                   "no client that is known here is on PATH");
    } else if (registered) {
        doctor_put(d, DOCTOR_OK, NULL, "%zu of the %zu clients found know paired", registered,
                   installed);
    } else {
        (void)snprintf(fix, sizeof fix, "paired setup %s", missing->name);
        doctor_put(d, DOCTOR_WARN, fix, "%s is installed, but does not seem to know paired",
                   missing->title);
    }
}

void doctor_terminal(struct doctor *d) {
    const char *term = getenv("TERM");
    if (!setlocale(LC_CTYPE, "")) {
        doctor_put(d, DOCTOR_WARN, "Set LANG to an installed one: locale -a.",
                   "the locale that LANG or LC_ALL names is not installed");
        return;
    }
    const char *codeset = nl_langinfo(CODESET);
    if (strcmp(codeset, "UTF-8") == 0)
        doctor_put(d, DOCTOR_OK, NULL, "%s, terminal %s", codeset, term && *term ? term : "none");
    else
        doctor_put(d, DOCTOR_SKIP, "LANG=C.UTF-8 shows all characters of notes.",
                   "the locale's characters are %s; notes are UTF-8", codeset);
    (void)setlocale(LC_CTYPE, "C");
}
