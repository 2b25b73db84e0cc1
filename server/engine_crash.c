// What a crash leaves behind: build, signal, address, return addresses, last request. Written by
// the dying process itself with async-signal-safe calls only; it never leaves this machine.
#include "core/base/build.h"
#include "core/base/mem.h"
#include "server/engine_parts.h"

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES_MAX = 48, STACK_BYTES = 64 * 1024, NOTES_MAX = 20, LAST_MAX = 8 };

static char note_dir[DIRS_PATH_BYTES_MAX + 16];
static char build_line[128];
static struct {
    char session[9];
    uint64_t seq;
} last[LAST_MAX];
static unsigned last_at;

void engine_crash_last(const char *session, uint64_t seq) {
    unsigned i = last_at++ % LAST_MAX;
    memcpy(last[i].session, session, sizeof last[i].session - 1);
    last[i].seq = seq;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static void put(int fd, const char *s) {
    (void)!write(fd, s, strlen(s));
}

static char *format_number(char *end, uint64_t n, unsigned base) {
    *--end = '\0';
    do
        *--end = "0123456789abcdef"[n % base];
    while (n /= base);
    return end;
}

static void put_number(int fd, uint64_t n, unsigned base) {
    char digits[24];
    put(fd, base == 16 ? "0x" : "");
    put(fd, format_number(digits + sizeof digits, n, base));
}

static int open_note(void) {
    char path[sizeof note_dir + 64];
    char digits[24];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)stpcpy(stpcpy(path, note_dir), "/crash-");
    (void)stpcpy(path + strlen(path),
                 format_number(digits + sizeof digits, (uint64_t)now.tv_sec, 10));
    (void)stpcpy(path + strlen(path), "-");
    (void)stpcpy(path + strlen(path),
                 format_number(digits + sizeof digits, (uint64_t)getpid(), 10));
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void on_crash(int signum, siginfo_t *info, void *context) {
    (void)context;
    int fd = open_note();
    if (fd >= 0) {
        void *frames[FRAMES_MAX];
        put(fd, build_line);
        put(fd, "signal ");
        put_number(fd, (uint64_t)signum, 10);
        put(fd, " address ");
        put_number(fd, (uint64_t)(uintptr_t)info->si_addr, 16);
        put(fd, "\n");
        for (unsigned i = 0; i < LAST_MAX; i++) {
            put(fd, "request ");
            put(fd, last[(last_at + i) % LAST_MAX].session);
            put(fd, " ");
            put_number(fd, last[(last_at + i) % LAST_MAX].seq, 10);
            put(fd, "\n");
        }
        // The first call of backtrace() may allocate; engine_crash_init has made it.
        backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
        (void)close(fd);
    }
    // SA_RESETHAND: the signal's own effect comes now.
    (void)raise(signum);
}

static void install(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
    static char stack[STACK_BYTES];
    void *frames[2];
    (void)backtrace(frames, 2);
    (void)sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        (void)sigaction(signals[i], &action, NULL);
}

#else
static void install(void) { // a sanitizer reports better than we could
}
#endif

static int is_note(const struct dirent *e) {
    return strncmp(e->d_name, "crash-", 6) == 0;
}

unsigned engine_crash_init(const char *log_dir) {
    (void)snprintf(note_dir, sizeof note_dir, "%s", log_dir);
    (void)snprintf(build_line, sizeof build_line, "paired %s build %s\n", paired_version,
                   paired_build_id);
    struct dirent **notes = NULL;
    int count = scandir(log_dir, &notes, is_note, alphasort); // by time: same number of digits
    for (int i = 0; i < count; i++) {
        char path[sizeof note_dir + 280];
        (void)snprintf(path, sizeof path, "%s/%s", log_dir, notes[i]->d_name);
        if (i < count - NOTES_MAX)
            (void)unlink(path);
        free(notes[i]); // of libc
    }
    free(notes); // of libc
    install();
    return count > 0 ? (unsigned)count : 0;
}
