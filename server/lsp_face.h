// The language server: a face of the engine (session.h) for LSP 3.17 and 3.18. What follows is what
// the files of server/lsp_*.c share: the face, documents, features, answers, talking to the client.
// A feature is a file with one `struct lsp_feature`, listed in lsp_features.c: its methods, what
// they advertise, and what it wants to hear. Main loop only, except where said. Nothing on the main
// loop may take longer than about 10 ms: what reads a text as a whole goes to a worker (lsp_work).
// Sources: LSP 3.17, LSP 3.18; docs/decisions/0005-language-server.md.
#pragma once

#include "core/code/language.h"
#include "protocol/lsp_text.h"
#include "protocol/rpc.h"
#include "server/lsp_quiet.h"
#include "server/session.h"

#include <stdatomic.h>

enum { // LSP 3.17 "Response Message", beside those of JSON-RPC
    LSP_NOT_INITIALIZED = -32002,
    LSP_REQUEST_CANCELLED = -32800,
    LSP_CONTENT_MODIFIED = -32801,
    LSP_SERVER_CANCELLED = -32802,
    LSP_REQUEST_FAILED = -32803
};
enum {
    LSP_DOCUMENTS_MAX = 1000,
    LSP_DOCUMENTS_BYTES_MAX = 256 * 1024 * 1024,
    LSP_FOLDERS_MAX = 64,
    LSP_FEATURES_MAX = 24,
    LSP_URI_BYTES_MAX = 8 * 1024,
    LSP_WORD_BYTES_MAX = 120,
    LSP_TYPED_BYTES_MAX = 32, // more at once is no typing: pasted, completed, written by a tool
    LSP_CALL_MS = 10 * 1000,  // for the client's answer to a question of ours
    LSP_PEOPLE_MS = 10 * 60 * 1000 // for a person's
};

struct lsp_face;
struct lsp_document;
struct lsp_copy;

// --- features ------------------------------------------------------------------------------------

// One method of the client. `request` and `notification` get the face as their first argument
// (void *face, …), as rpc.h says; one of the two is set.
struct lsp_method {
    const char *name; // "textDocument/hover"
    rpc_request_fn *request;
    rpc_notification_fn *notification;
    // Adds to the result of initialize what follows from this row. NULL: nothing to advertise.
    // 0, or ERR_NOMEM.
    int (*advertise)(struct lsp_face *f, json_t *capabilities);
    // Can this client use it? If not it is neither advertised nor known (-32601). NULL: always.
    bool (*wanted)(const struct lsp_face *f);
};

enum lsp_event {
    LSP_OPENED,  // the document is new
    LSP_CHANGED, // its text is another; also after a whole replacement
    LSP_SAVED,
    LSP_CLOSED // it is still there, for the last time: free what you keep for it
};

struct lsp_feature {
    const char *name;                 // "hover"
    const struct lsp_method *methods; // ends with name == NULL; may be NULL
    // State for one session, found again by lsp_state(). May be NULL.
    int (*open)(struct lsp_face *f, void **ret, struct err *err);
    void (*close)(struct lsp_face *f, void *state); // the session ends; talk to nobody
    void (*initialized)(struct lsp_face *f); // the client is ready: register, ask for settings
    void (*document)(struct lsp_face *f, struct lsp_document *d, enum lsp_event event);
    void (*configured)(struct lsp_face *f); // lsp_setting() may say something else now
    void (*folders)(struct lsp_face *f);    // the workspace's folders are others
    void (*watched)(struct lsp_face *f);    // files on the disk have changed
    // Somebody (another editor, an assistant) wrote notes, mutes, … behind the resources `uris`.
    void (*changed)(struct lsp_face *f, json_t *uris, bool list_changed);
};
extern const struct lsp_feature *const lsp_features[]; // lsp_features.c; ends with NULL
extern const struct lsp_feature lsp_feature_commands, lsp_feature_actions, lsp_feature_pages;
void *lsp_state(const struct lsp_face *f, const struct lsp_feature *feature);

// --- the client ----------------------------------------------------------------------------------

enum lsp_phase { LSP_BEFORE, LSP_RUNNING, LSP_SHUT };

struct lsp_folder {
    char *uri, *name;
    char *path; // absolute, as the client has it, without a slash at its end; NULL: no file: URI
    char *root; // of the repository around it, or the folder itself, without links; NULL: not there
    char *below; // the folder below `root`: "" or "sub/folder"
};

struct lsp_face {
    struct session *session;
    struct rpc *rpc;
    enum lsp_phase phase;
    bool silent;  // what is handed out was said before, to an engine that is gone: answer nobody
    bool live;    // "initialized" has come: requests of ours are welcome
    uint64_t seq; // of the message that is handed out
    uint64_t arrival_ns; // when it was read from the editor (CLOCK_MONOTONIC); 0: not known, replay
    json_t *params;      // of initialize; NULL before
    enum lsp_encoding encoding;
    struct lsp_folder *folders;
    size_t folder_count;
    json_t *settings;               // section "paired" of the client; NULL: none
    struct lsp_document *documents; // all open ones, by `next`
    size_t document_count, document_bytes;
    uint64_t last_document;
    size_t
        resting; // requests that wait for something to happen: an ending engine does not for them
    int trace;   // 0 off, 1 messages, 2 verbose
    // of lsp_work.c, lsp_talk.c, lsp_calm.c
    struct lsp_work *works;
    struct lsp_progress *progresses;
    struct lsp_refresh_state *refreshes;
    unsigned last_progress;
    struct lsp_quiet *quiet;
    struct env_timer *calm_timer;
    uint64_t calm_due, calm_ms;
    void *states[LSP_FEATURES_MAX];
};

// A member of the client's capabilities by its path: "textDocument.codeLens.refreshSupport". NULL:
// absent.
const json_t *lsp_client_value(const struct lsp_face *f, const char *path);
bool lsp_client_can(const struct lsp_face *f,
                    const char *path); // there, and neither false nor null
// Does the array at `path` hold this text? ("textDocument.codeAction.…valueSet", "quickfix")
bool lsp_client_lists(const struct lsp_face *f, const char *path, const char *text);
const char *lsp_client_name(const struct lsp_face *f); // clientInfo.name; "" unknown

// One of the client's settings below "paired", else of initializationOptions, by path:
// "codeLens.enable". NULL: not set. Borrowed until the next message.
const json_t *lsp_setting(const struct lsp_face *f, const char *path);
bool lsp_setting_bool(const struct lsp_face *f, const char *path, bool otherwise);
int64_t lsp_setting_int(const struct lsp_face *f, const char *path, int64_t otherwise);

// Root of the first folder that is there, else the session's workspace; NULL: none.
const char *lsp_root(const struct lsp_face *f);

// --- documents -----------------------------------------------------------------------------------

struct lsp_document {
    struct lsp_document *next, *prev;
    uint64_t id;    // of this opening; never used again in this session
    char *uri;      // as the client writes it
    char *path;     // absolute; NULL: not a file (untitled: and others)
    char *root;     // lsp_folder.root of the folder that it is in; NULL: in none
    char *relative; // below `root`, as the index names it; NULL: in none
    char *language; // languageId
    enum lang lang;
    int64_t version;
    uint64_t edits;      // counts every change of the text, whatever the client's versions say
    uint64_t changed_ns; // arrival of the last change; 0: not known
    uint64_t saved_ns;
    uint64_t saved_edits;     // `edits` when it was as its file is; UINT64_MAX: not known
    size_t inserted, removed; // bytes, by the last message
    struct lsp_range edited;  // what the last message replaced, in the new text
    bool typed;               // … and it looks like the user's own hand: one small change
    // An edit could not be applied: what the editor has is not known until it sends all of it. For
    // features such a document is closed.
    bool lost;
    struct lsp_text *text;
    struct lsp_copy *copy;          // of the text as it is now, if somebody asked for one
    size_t journaled;               // bytes that the front end keeps of its edits
    size_t counted;                 // bytes of document_bytes that are its
    void *states[LSP_FEATURES_MAX]; // of features, by lsp_document_state
};

// NULL: not open. `uri` need not be written exactly as in didOpen.
struct lsp_document *lsp_document_find(const struct lsp_face *f, const char *uri, size_t n);
// By the member textDocument.uri of a request's parameters. NULL: req has been answered (-32602 for
// parameters without one; for one that is not open: `null`).
struct lsp_document *lsp_document_of(struct lsp_face *f, struct rpc_request *req,
                                     const json_t *params);
void **lsp_document_state(struct lsp_document *d, const struct lsp_feature *feature);
// The identifier that the position stands in, or right behind; UTF-8 counts as letters. Its bytes;
// 0: there is none, it is longer than LSP_WORD_BYTES_MAX, or there is no memory.
size_t lsp_word_at(const struct lsp_face *f, const struct lsp_document *d, struct lsp_position at,
                   char ret[LSP_WORD_BYTES_MAX + 1], struct lsp_range *ret_range);
bool lsp_is_word(char c); // may it stand in such an identifier?

// The text as it is now, for workers: immutable, any thread, any number of holders.
struct lsp_copy {
    atomic_uint holders;
    char *uri, *path, *root, *relative, *language; // as in lsp_document
    enum lang lang;
    int64_t version;
    uint64_t edits;
    enum lsp_encoding encoding;
    const char *text; // not terminated
    size_t bytes;
    const struct lsp_text *lines; // for lsp_text_position, lsp_text_offset
};
struct lsp_copy *lsp_document_copy(struct lsp_face *f, struct lsp_document *d); // NULL: no memory
struct lsp_copy *lsp_copy_hold(struct lsp_copy *c);
void lsp_copy_put(struct lsp_copy *c); // accepts NULL

// --- JSON of positions ---------------------------------------------------------------------------

// false: not a Position, Range.
bool lsp_read_position(const json_t *value, struct lsp_position *ret);
bool lsp_read_range(const json_t *value, struct lsp_range *ret);
json_t *lsp_position_json(struct lsp_position p); // new; NULL out of memory
json_t *lsp_range_json(struct lsp_range r);
void lsp_put_range(struct buf *out, struct lsp_range r); // as text; a failure marks `out`
// Of bytes of a copy.
json_t *lsp_copy_range_json(const struct lsp_copy *c, size_t from, size_t to);

// --- URIs ----------------------------------------------------------------------------------------

// Absolute path of a file: URI (percent-decoded, "file:///c%3A/x" → "/c:/x"). New; NULL: of another
// scheme or host, with a NUL or an escape that is none, relative.
char *lsp_uri_path(const char *uri, size_t n);
// New; NULL out of memory. Writes as most clients do: lower-case drive, everything escaped that is
// not unreserved, "/" or ":" behind a drive's letter.
char *lsp_uri_of_path(const char *path);

// --- work for a request --------------------------------------------------------------------------

// A request that a worker answers. Owned by lsp_work.c. The client's cancellation answers -32800 at
// once and stops the job; a text that changed meanwhile answers -32801 if LSP_FRESH was asked for.
enum lsp_work_flags {
    LSP_FRESH = 1,      // what was found is worth nothing once the text has changed
    LSP_BACKGROUND = 2, // it may take seconds
};
struct lsp_job { // handed to the worker; lives until it returns
    struct services *services;
    const struct lsp_copy *copy; // of the document, or NULL
    const char *root;            // of the document's folder, else the session's workspace, or NULL
    const json_t *params;        // of the request; read only
    const char *client;
    char session[33];
    uint64_t seq;
    struct job *job;   // job_cancelled(job->job)
    void *data;        // lsp_work_start's
    struct buf result; // JSON text of the result; empty: null
};
// 0; ERR_INVAL answers -32602, another ERR_* -32803 with err's text.
typedef int lsp_work_fn(struct lsp_job *job, struct err *err);
// `free_data` (may be NULL) is called once on the main loop when the work is over. d may be NULL.
void lsp_work_start(struct lsp_face *f, struct rpc_request *req, struct lsp_document *d,
                    unsigned flags, lsp_work_fn *fn, void *data, void (*free_data)(void *data));
bool lsp_job_cancelled(
    void *job); // struct lsp_job *; fits the `cancelled` of index_want and agents

void lsp_reply_null(struct rpc_request *req);
void lsp_reply_buf(struct rpc_request *req, const struct buf *text); // failed: -32603
void lsp_fail(struct rpc_request *req, int code, const struct err *err);

// --- not disturbing ------------------------------------------------------------------------------

// lsp_quiet.h for this session. What nobody asked for goes through here: fn(ctx, key) now, or when
// the user looks up. In the callback take what is newest.
void lsp_when_calm(struct lsp_face *f, lsp_quiet_fn *fn, void *ctx, uint64_t key);
void lsp_forget_calm(struct lsp_face *f, const void *ctx, uint64_t key); // before ctx goes
bool lsp_line_busy(struct lsp_face *f, const struct lsp_document *d, uint32_t line);
void lsp_boundary(struct lsp_face *f, enum lsp_boundary what); // a command, a question of the user

// --- talking to the client -----------------------------------------------------------------------

enum lsp_message { LSP_ERROR = 1, LSP_WARNING, LSP_INFO, LSP_LOG, LSP_DEBUG };
// window/logMessage. Nothing while `silent` or before the answer to initialize.
void lsp_log(struct lsp_face *f, enum lsp_message type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void lsp_trace(struct lsp_face *f, const char *message, const char *verbose); // $/logTrace
void lsp_show(struct lsp_face *f, enum lsp_message type, const char *text);   // window/showMessage
// A notification; params are stolen (NULL: out of memory, nothing is sent).
void lsp_notify(struct lsp_face *f, const char *method, json_t *params);
// A request of ours; the deadline's end cancels it ($/cancelRequest). fn is not called when this
// returns < 0: ERR_CLOSED (not live yet, or shut down), ERR_BUSY, ERR_NOMEM. After the session's
// end fn gets ERR_CLOSED: then the face is going, touch only ctx.
int64_t lsp_call(struct lsp_face *f, const char *method, json_t *params, uint64_t deadline_ms,
                 rpc_answer_fn *fn, void *ctx, struct err *err);
// window/showMessageRequest with these titles, NULL-terminated. `chosen`: index, or -1 (dismissed,
// not possible, session over). Called exactly once.
typedef void lsp_chosen_fn(void *ctx, int chosen);
void lsp_ask(struct lsp_face *f, enum lsp_message type, const char *text,
             const char *const *actions, lsp_chosen_fn *fn, void *ctx);
// client/registerCapability; nothing happens when the client cannot ("….dynamicRegistration" at
// `capability`, e.g. "workspace.didChangeWatchedFiles"). options are stolen. true: it was asked.
bool lsp_register(struct lsp_face *f, const char *capability, const char *id, const char *method,
                  json_t *options);
// workspace/…/refresh, at most one under way ("workspace.codeLens.refreshSupport" is looked at).
void lsp_refresh(struct lsp_face *f, const char *capability, const char *method);

struct rule;
// What a rule is about, as a page (lsp_pages.c); `message`: of a finding, may be NULL.
void lsp_rule_page(const struct rule *rule, const char *message, struct buf *out);
bool lsp_pages_can(const struct lsp_face *f); // does the client open paired: pages?
// Opens a page with this text (markdown) in the editor, or tells it as a message (lsp_pages.c).
void lsp_page_show(struct lsp_face *f, const char *title, const char *text, size_t n);

// $/progress. `token`: workDoneToken of the request (borrowed), or NULL: the client is asked for
// one of ours, if it can (window.workDoneProgress). Never NULL-checked by callers: NULL is accepted
// by all that follows. Ends with the session by itself. `cancelled` may be NULL.
struct lsp_progress;
struct lsp_progress *lsp_progress_begin(struct lsp_face *f, const json_t *token, const char *title,
                                        void (*cancelled)(void *ctx), void *ctx);
void lsp_progress_report(struct lsp_progress *p, int percent,
                         const char *message);                      // percent < 0: none
void lsp_progress_end(struct lsp_progress *p, const char *message); // frees p
