#include "federation/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int bad(const char *text, size_t n, struct err *err) {
    return err_set(err, ERR_INVAL,
                   "\"%.*s\" is no address: write 192.168.1.5:7443 or [fe80::1%%2]:7443",
                   (int)(n < NET_ADDR_TEXT_MAX ? n : NET_ADDR_TEXT_MAX), text);
}

// A decimal number without sign or leading zero, of the whole text.
static bool number(const char *p, size_t n, uint32_t max, uint32_t *ret) {
    uint64_t v = 0;
    if (n == 0 || n > 10 || (n > 1 && p[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    if (v > max)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool parse_six(char *host, struct net_addr *ret) {
    char *scope = strchr(host, '%');
    if (scope) {
        *scope++ = 0;
        if (!number(scope, strlen(scope), UINT32_MAX, &ret->scope) || ret->scope == 0)
            return false;
    }
    return inet_pton(AF_INET6, host, ret->ip) == 1;
}

static bool parse_four(const char *host, struct net_addr *ret) {
    memcpy(ret->ip, mapped, sizeof mapped);
    return inet_pton(AF_INET, host, ret->ip + 12) == 1;
}

int net_addr_parse(const char *text, size_t n, struct net_addr *ret, struct err *err) {
    char host[NET_ADDR_TEXT_MAX] = {0};
    struct net_addr a = {0};
    uint32_t port = 0;
    size_t colon = n;
    while (colon > 0 && text[colon - 1] != ':')
        colon--;
    if (colon < 2 || colon > sizeof host || memchr(text, 0, n) ||
        !number(text + colon, n - colon, UINT16_MAX, &port) || port == 0)
        return bad(text, n, err);
    size_t host_bytes = colon - 1;
    bool six = host_bytes > 2 && text[0] == '[' && text[host_bytes - 1] == ']';
    if (six)
        memcpy(host, text + 1, host_bytes - 2);
    else
        memcpy(host, text, host_bytes);
    if (!(six ? parse_six(host, &a) : parse_four(host, &a)))
        return bad(text, n, err);
    a.port = (uint16_t)port;
    *ret = a;
    return 0;
}

void net_addr_format(const struct net_addr *a, char ret[NET_ADDR_TEXT_MAX]) {
    char host[INET6_ADDRSTRLEN] = "";
    if (memcmp(a->ip, mapped, sizeof mapped) == 0) {
        (void)inet_ntop(AF_INET, a->ip + 12, host, sizeof host);
        (void)snprintf(ret, NET_ADDR_TEXT_MAX, "%s:%u", host, a->port);
        return;
    }
    (void)inet_ntop(AF_INET6, a->ip, host, sizeof host);
    if (a->scope)
        (void)snprintf(ret, NET_ADDR_TEXT_MAX, "[%s%%%u]:%u", host, a->scope, a->port);
    else
        (void)snprintf(ret, NET_ADDR_TEXT_MAX, "[%s]:%u", host, a->port);
}

bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b) {
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->scope == b->scope;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b) {
    return net_addr_same_host(a, b) && a->port == b->port;
}
