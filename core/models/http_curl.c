// libcurl by dlopen: it brings some thirty libraries with it, which would cost every start of the
// engine milliseconds and megabytes, and most users have no backend.
#include "core/models/http_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FUNCTION(name)                                                                             \
    { "curl_" #name, offsetof(struct curl_api, name) }
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(global_init),         FUNCTION(easy_init),        FUNCTION(easy_setopt),
    FUNCTION(easy_getinfo),        FUNCTION(easy_cleanup),     FUNCTION(easy_reset),
    FUNCTION(easy_pause),          FUNCTION(easy_strerror),    FUNCTION(multi_init),
    FUNCTION(multi_setopt),        FUNCTION(multi_add_handle), FUNCTION(multi_remove_handle),
    FUNCTION(multi_socket_action), FUNCTION(multi_info_read),  FUNCTION(multi_assign),
    FUNCTION(multi_cleanup),       FUNCTION(slist_append),     FUNCTION(slist_free_all),
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct curl_api api;
static bool loaded;

static int load(struct err *err) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return err_set(err, ERR_NOT_FOUND,
                       "model backends need libcurl, which is not there: apt-get install libcurl4");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return err_set(err, ERR_VERSION, "this libcurl lacks %s: 7.85 or newer is needed",
                           functions[i].name);
        memcpy((char *)&api + functions[i].offset, &function, sizeof function);
    }
    if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_NOMEM, "libcurl could not be started");
    loaded = true;
    return 0;
}

int curl_api_get(const struct curl_api **ret, struct err *err) {
    (void)pthread_mutex_lock(&lock);
    int r = loaded ? 0 : load(err);
    (void)pthread_mutex_unlock(&lock);
    *ret = &api;
    return r;
}
