// `struct net` on real sockets (core/loop/socket, core/loop/stream). Thread of the loop.
#pragma once

#include "core/loop/loop.h"
#include "core/loop/socket.h"
#include "federation/net.h"

enum { NET_LOOP_LINGER_MS = 2000, NET_LOOP_LINGERING_MAX = 256 };

// The beacon's group: IPv4 of administrative, IPv6 of link scope; neither is registered elsewhere.
// {239.255.76.67, ff02::7061:6972:6564, port 7667}
extern const struct socket_group_config net_loop_neighbourhood;

struct net_loop;
// `group` NULL: net_loop_neighbourhood.
int net_loop_new(struct loop *l, const struct socket_group_config *group, struct net_loop **ret,
                 struct err *err);
struct net *net_loop_net(struct net_loop *n);
size_t net_loop_connections(const struct net_loop *n); // open, opening and lingering
// Closes what its users left open without telling them. Accepts NULL; not within a callback of it.
void net_loop_free(struct net_loop *n);
