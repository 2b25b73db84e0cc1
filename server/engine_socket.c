#include "core/base/mem.h"
#include "protocol/hop.h"
#include "server/engine_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 256, LISTEN_FD_FIRST = 3 };

// systemd's socket activation, sd_listen_fds(3): the descriptors from 3 on are for the process
// named in LISTEN_PID. -1 when there is none.
static int given_socket(void) {
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid() || strtol(count, NULL, 10) < 1)
        return -1;
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    int listening = 0;
    socklen_t n = sizeof listening;
    if (getsockopt(LISTEN_FD_FIRST, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 || !listening)
        return -1;
    (void)fcntl(LISTEN_FD_FIRST, F_SETFD, FD_CLOEXEC);
    (void)fcntl(LISTEN_FD_FIRST, F_SETFL, O_NONBLOCK);
    return LISTEN_FD_FIRST;
}

static int adopt(struct engine_socket *s, int fd, struct err *err) {
    struct sockaddr_un address = {0};
    socklen_t n = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &n) < 0 || address.sun_family != AF_UNIX)
        return err_set(err, ERR_INVAL, "the service manager's socket is not a Unix socket");
    (void)snprintf(s->path, sizeof s->path, "%.*s", (int)sizeof address.sun_path, address.sun_path);
    s->given = true;
    s->fd = fd;
    return 0;
}

// engine.lock is held: whoever bound this path before is gone or has been told to go.
static int bind_path(struct engine_socket *s, struct err *err) {
    if (unlink(s->path) < 0 && errno != ENOENT)
        return err_errno(err, errno, "cannot replace the socket %s", s->path);
    s->fd = unix_listen(s->path, BACKLOG, err);
    if (s->fd < 0)
        return s->fd;
    (void)fcntl(s->fd, F_SETFL, O_NONBLOCK);
    return 0;
}

int engine_socket_open(struct engine_socket *s, const struct dirs *dirs, struct err *err) {
    (void)snprintf(s->path, sizeof s->path, "%s/s%d", dirs->runtime, HOP_MAJOR);
    int fd = given_socket();
    int r = fd >= 0 ? adopt(s, fd, err) : bind_path(s, err);
    if (r < 0)
        return r;
    struct stat st;
    if (lstat(s->path, &st) == 0) {
        s->dev = st.st_dev;
        s->ino = st.st_ino;
    }
    return 0;
}

bool engine_socket_ours(const struct engine_socket *s) {
    struct stat st;
    return lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

void engine_socket_unlink(struct engine_socket *s) {
    if (s->path[0] && !s->given && engine_socket_ours(s))
        (void)unlink(s->path);
    s->path[0] = '\0'; // the next engine's may well get the number of this one's inode
}

void engine_notify(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, n);
    if (path[0] == '@') // abstract
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    (void)close(fd);
}

void engine_ready(int *fd, int code, const char *text) {
    if (*fd < 0)
        return;
    char line[ERR_MESSAGE_BYTES_MAX + 16];
    int n = code ? snprintf(line, sizeof line, "E%d %s", code, text) : snprintf(line, 2, "R");
    // Who started us may have given up; it learns the rest from the socket.
    (void)!write(*fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    (void)close(*fd);
    *fd = -1;
}
