// What server/gateway*.c share.
#pragma once

#include "core/loop/mailbox.h"
#include "core/models/http_server.h"
#include "server/gateway.h"
#include "server/models_wait.h"

struct gateway_entry { // a pass; main loop
    uint8_t hash[32];  // of the token: the token itself is not kept
    char *workspace;   // NULL none
    struct model_keys keys;
    bool kept;
};

struct gateway_visit { // one request on its way
    struct gateway_visit *prev, *next;
    struct gateway *gateway;
    struct http_exchange *exchange; // NULL: its client went (listings only)
    enum wire_family family;
    struct model_run *run;
    bool stream;
    bool listing; // a job has it
    char *workspace;
    struct buf out;
    struct err err;
    int r;
};

struct gateway {
    struct loop *loop;
    struct pool *pool;
    struct services *services;
    struct models *models;      // made with the first pass
    struct http_server *server; // likewise
    uint16_t port;              // as configured, 0 any
    struct gateway_entry *entries;
    size_t entry_count;
    struct gateway_visit *visits;
    size_t visit_count;
    struct mailbox *mailbox; // from workers: struct wish
    struct model_waits *waits;
    bool stopped, served;
};

// gateway.c
int gateway_listen(struct gateway *g, struct err *err);
void gateway_list(struct gateway *g, struct http_exchange *x, const struct gateway_entry *pass);

// gateway_passes.c
const struct gateway_entry *gateway_entry_of(const struct gateway *g, const char *token);
// On a worker: what GET /v1/models answers.
int gateway_models(struct gateway *g, const char *workspace, struct buf *out, struct err *err);
