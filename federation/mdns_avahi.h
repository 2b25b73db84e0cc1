// libavahi-client, loaded when it is first needed: it brings D-Bus with it, which most users of the
// engine would pay for at each start without ever having federated (docs/decisions/0008). Any
// thread.
#pragma once

#include "core/base/err.h"

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <avahi-common/simple-watch.h>

struct avahi_api { // by the names of the library, without avahi_
    __typeof__(avahi_client_new) *client_new;
    __typeof__(avahi_client_free) *client_free;
    __typeof__(avahi_client_errno) *client_errno;
    __typeof__(avahi_client_get_host_name_fqdn) *client_get_host_name_fqdn;
    __typeof__(avahi_entry_group_new) *entry_group_new;
    __typeof__(avahi_entry_group_reset) *entry_group_reset;
    __typeof__(avahi_entry_group_add_record) *entry_group_add_record;
    __typeof__(avahi_entry_group_commit) *entry_group_commit;
    __typeof__(avahi_service_browser_new) *service_browser_new;
    __typeof__(avahi_service_resolver_new) *service_resolver_new;
    __typeof__(avahi_service_resolver_free) *service_resolver_free;
    // Of libavahi-common, which it brings with it.
    __typeof__(avahi_strerror) *strerror;
    __typeof__(avahi_unescape_label) *unescape_label;
    __typeof__(avahi_simple_poll_new) *simple_poll_new;
    __typeof__(avahi_simple_poll_free) *simple_poll_free;
    __typeof__(avahi_simple_poll_get) *simple_poll_get;
    __typeof__(avahi_simple_poll_iterate) *simple_poll_iterate;
    __typeof__(avahi_simple_poll_set_func) *simple_poll_set_func;
};
// `name` NULL: "libavahi-client.so.3". Stays loaded. ERR_NOT_FOUND (says what to install),
// ERR_VERSION.
int avahi_api_load(const char *name, struct avahi_api *ret, struct err *err);
