#include "federation/mdns_avahi.h"

#include "core/base/mem.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define FUNCTION(name)                                                                             \
    { "avahi_" #name, offsetof(struct avahi_api, name) }
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(client_new),
    FUNCTION(client_free),
    FUNCTION(client_errno),
    FUNCTION(client_get_host_name_fqdn),
    FUNCTION(entry_group_new),
    FUNCTION(entry_group_reset),
    FUNCTION(entry_group_add_record),
    FUNCTION(entry_group_commit),
    FUNCTION(service_browser_new),
    FUNCTION(service_resolver_new),
    FUNCTION(service_resolver_free),
    FUNCTION(strerror),
    FUNCTION(unescape_label),
    FUNCTION(simple_poll_new),
    FUNCTION(simple_poll_free),
    FUNCTION(simple_poll_get),
    FUNCTION(simple_poll_iterate),
    FUNCTION(simple_poll_set_func),
};

int avahi_api_load(const char *name, struct avahi_api *ret, struct err *err) {
    // dlsym also looks into what the library itself depends on.
    void *library =
        dlopen(name ? name : "libavahi-client.so.3", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return err_set(err, ERR_NOT_FOUND,
                       "libavahi-client is not there: apt-get install libavahi-client3");
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return err_set(err, ERR_VERSION, "this libavahi-client lacks %s: 0.8 is needed",
                           functions[i].name);
        memcpy((char *)ret + functions[i].offset, &function, sizeof function);
    }
    return 0;
}
