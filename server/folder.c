#include "server/folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool folder_root(const char *path, char real[DIRS_PATH_BYTES_MAX], size_t *ret_root) {
    char git[DIRS_PATH_BYTES_MAX + 8], home[DIRS_PATH_BYTES_MAX] = "";
    char full[PATH_MAX];
    struct stat st;
    if (!realpath(path, full) || strlen(full) >= DIRS_PATH_BYTES_MAX || stat(full, &st) < 0 ||
        !S_ISDIR(st.st_mode))
        return false;
    memcpy(real, full, strlen(full) + 1);
    const char *h = getenv("HOME");
    if (h && realpath(h, full) && strlen(full) < sizeof home)
        memcpy(home, full, strlen(full) + 1);
    size_t n = strlen(real);
    *ret_root = n;
    while (n > 1 && !(strncmp(real, home, n) == 0 && home[n] == '\0')) {
        (void)snprintf(git, sizeof git, "%.*s/.git", (int)n, real);
        if (stat(git, &st) == 0) {
            *ret_root = n;
            break;
        }
        while (n > 1 && real[n - 1] != '/')
            n--;
        n -= n > 1;
    }
    return true;
}
