// What socket.c and socket_group.c share. Not for others.
#pragma once

#include "core/loop/socket.h"

#include <sys/socket.h>

bool socket_is_four(const struct socket_addr *a);
socklen_t socket_to_system(const struct socket_addr *a, struct sockaddr_storage *ret);
bool socket_from_system(const struct sockaddr_storage *from,
                        struct socket_addr *ret); // false: neither
