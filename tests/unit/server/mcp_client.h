// A client of the MCP face for tests: the whole engine runs on a thread of this process, in a
// temporary profile, and the test speaks to it by hop frames, as a front end does. Every wait is
// bounded.
#pragma once

#include "protocol/hop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MCP_CLIENT_WAIT_MS = 20000 };

struct mcp_client;

// Capabilities that the engine has besides its own, set before it is started; ends with name NULL.
struct capability;
extern const struct capability *mcp_client_more;

// Starts an engine in `profile` (NULL: a new temporary one) with one client.
struct mcp_client *mcp_client_start(const char *profile, bool fixtures);
// Another connection to the same engine; session NULL: a new one.
struct mcp_client *mcp_client_join(struct mcp_client *first, const char *session, bool fixtures);
// The same with the role of a command line ("cli"), whose messages the test sends itself.
struct mcp_client *mcp_client_join_as(struct mcp_client *first, const char *role);
const char *mcp_client_profile(const struct mcp_client *c);
const char *mcp_client_session(const struct mcp_client *c);
// Closes the connection; the first client's end is the engine's. keep: the profile stays.
void mcp_client_stop(struct mcp_client *c, bool keep);

void mcp_client_send(struct mcp_client *c, const char *json, unsigned flags, uint64_t seq);
void mcp_client_frame(struct mcp_client *c, enum hop_type type);
// The next message of the engine; NULL when there is none for `wait_ms`. *ret_seq may be NULL.
json_t *mcp_client_next(struct mcp_client *c, int wait_ms, uint64_t *ret_seq);
bool mcp_client_bye(struct mcp_client *c); // HOP_BYE has come

// Sends a request with the next number and waits for its answer; other messages are kept for
// mcp_client_kept. params is JSON text or NULL.
json_t *mcp_client_call(struct mcp_client *c, const char *method, const char *params);
// Same, with the _meta of 2026-07-28. `capabilities`: JSON text.
json_t *mcp_client_modern(struct mcp_client *c, const char *method, const char *params,
                          const char *capabilities);
void mcp_client_initialize(struct mcp_client *c, const char *version, const char *capabilities);
// While the engine works on this request its nth allocation fails. The answer, or NULL when the
// engine closed the connection.
json_t *mcp_client_starved(struct mcp_client *c, const char *json, uint64_t nth);
// The next notification or request of this method among those kept, or still to come; NULL: none.
json_t *mcp_client_kept(struct mcp_client *c, const char *method, int wait_ms);

// "a.b.0.c": NULL when there is no such thing.
json_t *mcp_at(const json_t *value, const char *path);
const char *mcp_text(const json_t *value, const char *path); // "" when no string
