#include "server/frontend_load.h"

#include "core/base/build.h"
#include "core/base/dirs.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char library[] = "lib/paired/engine.so";

static int library_path(char out[DIRS_PATH_BYTES_MAX + 64], struct err *err) {
    char exe[DIRS_PATH_BYTES_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return err_errno(err, errno, "cannot tell the path of this program");
    exe[n] = '\0';
    for (int up = 0; up < 2; up++) { // …/bin/paired → …
        char *slash = strrchr(exe, '/');
        if (slash)
            *slash = '\0';
    }
    (void)snprintf(out, DIRS_PATH_BYTES_MAX + 64, "%s/%s", exe, library);
    return 0;
}

int frontend_load_engine(engine_main_fn **ret, struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 64];
    int r = library_path(path, err);
    if (r < 0)
        return r;
    if (access(path, R_OK) < 0)
        return err_errno(
            err, errno,
            "the engine's library %s cannot be read: install paired again, bin and lib "
            "together",
            path);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        return err_set(err, ERR_UNSUPPORTED, "the engine's library cannot be loaded: %s",
                       why ? why : path);
    }
    // A data pointer made into a function pointer: POSIX allows it, ISO C wants the detour.
    union {
        void *object;
        engine_build_fn *build;
        engine_main_fn *run;
    } build = {dlsym(handle, "paired_engine_build")}, run = {dlsym(handle, "paired_engine_main")};
    if (!build.object || !run.object || strcmp(build.build(), paired_build_id) != 0)
        return err_set(err, ERR_VERSION,
                       "the engine's library %s is of another build than this program: install "
                       "paired again, bin and lib together",
                       path);
    *ret = run.run;
    return 0;
}
