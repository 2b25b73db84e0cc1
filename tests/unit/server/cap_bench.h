// A dispatch with the memory's tools on a real store in a directory of its own, and its last
// answer.
#pragma once

#include "core/store/memory.h"
#include "server/dispatch.h"

struct bench {
    struct loop *loop;
    struct pool *pool;
    struct dispatch *dispatch;
    struct store *store;
    struct services services;
    struct loop_timer *guard;
    bool timed_out;
    char dir[64];
    const char *workspace, *client;
    char session[33];
    uint64_t seq; // of the next call; counts up
    // The last call:
    int r;
    json_t *structured, *ask;
    struct buf text;
    char message[ERR_MESSAGE_BYTES_MAX];
    json_t *changed;
    bool list_changed;
};

int cap_setup(void **state); // gives the bench; the test's own directory, store and loop
int cap_teardown(void **state);
int cap_open_store(struct bench *b);
struct store *cap_get_store(struct services *s, struct err *err);

json_t *cap_parse(const char *json); // with ' for ", so that it reads well in C
// The result of the call: 0 or ERR_*; what came back stands in the bench.
int cap_call_json(struct bench *b, const char *name, json_t *arguments, bool confirmed);
int cap_call(struct bench *b, const char *name, const char *json);
void cap_must(struct bench *b, const char *name, const char *json); // fails the test on an error

// Of the last answer:
const char *cap_member(const struct bench *b, const char *name);
size_t cap_notes(const struct bench *b);
const char *cap_note_member(const struct bench *b, size_t i, const char *name);
bool cap_text_has(const struct bench *b, const char *s);
bool cap_changed_has(const struct bench *b, const char *uri);
void cap_keep_uid(const struct bench *b, char uid[NOTE_UID_BYTES]);
const char *cap_with_uid(const char *format, const char *uid); // @ becomes the uid
