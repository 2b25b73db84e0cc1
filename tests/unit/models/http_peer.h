// A server of one answer, as wrong as a test wants it: a thread with blocking sockets.
#pragma once

#include <pthread.h>
#include <stdint.h>

enum peer_end { PEER_CLOSE, PEER_RESET, PEER_HANG };
struct peer_step {
    const char *bytes; // NULL ends the script
    unsigned wait_ms;  // before they are sent
};
struct peer {
    const struct peer_step *steps;
    enum peer_end end;
    uint16_t port;
    int fd;
    int wake[2]; // closing [1] ends a peer that hangs
    char request[4096];
    pthread_t thread;
};
void peer_start(struct peer *p, const struct peer_step *steps, enum peer_end end);
void peer_stop(struct peer *p); // waits for its end
