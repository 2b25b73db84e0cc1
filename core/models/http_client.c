// libcurl's multi interface on the loop: it says which sockets to watch and when to wake it, we
// tell it what happened. Nothing is removed from within its callbacks (it forbids that): what is
// cancelled there is swept once it has returned. A connection that waits for its next request stays
// watched: libcurl would have it taken out and put in again for each of them. Only of connections
// it says when it closes them: what a look-up of a name waits at is not watched on, as its number
// may be anybody's at once.
#include "core/models/http_client.h"

#include "core/base/mem.h"
#include "core/models/http_impl.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_KEPT = 64, CONNECTIONS_PER_HOST = 32 };

struct http_watched {
    struct http_watched *next;
    struct http_client *client;
    struct loop_watch *watch;
    curl_socket_t fd;
    uint64_t cookie; // of the socket, as the kernel counts them
    int events;      // that are waited for
    bool connection; // http_client_closes() is called for it
    bool idle;       // of no transfer now
};

// --- what libcurl asks for

static void unwatch(struct http_client *c, struct http_watched *w);

static void on_ready(void *ctx, int fd, int events) {
    struct http_watched *w = ctx;
    if (w->idle) { // its end, most likely: libcurl looks before it uses it again
        unwatch(w->client, w);
        return;
    }
    http_client_act(w->client, fd,
                    ((events & LOOP_READABLE) ? CURL_CSELECT_IN : 0) |
                        ((events & LOOP_WRITABLE) ? CURL_CSELECT_OUT : 0));
}

static void unwatch(struct http_client *c, struct http_watched *w) {
    struct http_watched **at = &c->watched;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    loop_watch_free(w->watch);
    mem_free(w);
}

static uint64_t cookie_of(curl_socket_t fd) {
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n) == 0 ? cookie : 0;
}

static bool is_connection(curl_socket_t fd) {
    int protocol = 0;
    socklen_t n = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) == 0 && protocol == IPPROTO_TCP;
}

static struct http_watched *find(struct http_client *c, curl_socket_t fd) {
    struct http_watched *w = c->watched;
    while (w && w->fd != fd)
        w = w->next;
    return w;
}

static struct http_watched *watch(struct http_client *c, curl_socket_t fd) {
    struct http_watched *w = find(c, fd);
    uint64_t cookie = cookie_of(fd);
    if (w && w->cookie == cookie && cookie) {
        w->idle = false;
        (void)c->curl->multi_assign(c->multi, fd, w);
        return w;
    }
    if (w) // another socket's
        unwatch(c, w);
    w = mem_zalloc(sizeof *w);
    if (!w)
        return NULL;
    w->client = c;
    w->fd = fd;
    w->cookie = cookie;
    w->connection = is_connection(fd);
    w->events = LOOP_READABLE;
    if (loop_watch_new(c->loop, fd, on_ready, w, &w->watch, NULL) < 0) {
        mem_free(w);
        return NULL;
    }
    w->next = c->watched;
    c->watched = w;
    (void)c->curl->multi_assign(c->multi, fd, w);
    return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx) {
    struct http_client *c = ctx;
    struct http_watched *w = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w && w->connection && w->events == LOOP_READABLE)
            w->idle = true; // until it is used again, or closed
        else if (w)
            unwatch(c, w);
        return 0;
    }
    if (!w && !(w = watch(c, fd)))
        return -1; // the transfers end with an error
    int events =
        ((what & CURL_POLL_IN) ? LOOP_READABLE : 0) | ((what & CURL_POLL_OUT) ? LOOP_WRITABLE : 0);
    if (events != w->events)
        loop_watch_set(w->watch, events);
    w->events = events;
    return 0;
}

int http_client_closes(void *ctx, curl_socket_t fd) {
    struct http_watched *w = find(ctx, fd);
    if (w)
        unwatch(ctx, w);
    return close(fd);
}

static int on_timer_wanted(CURLM *multi, long ms, void *ctx) {
    struct http_client *c = ctx;
    (void)multi;
    if (ms < 0)
        loop_timer_stop(c->timer);
    else
        loop_timer_start(c->timer, (uint64_t)ms, 0);
    return 0;
}

static void on_timer(void *ctx) {
    http_client_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

// --- after it has worked

void http_client_remove(struct http_call *call) {
    struct http_client *c = call->client;
    (void)c->curl->multi_remove_handle(c->multi, call->easy);
    if (call->prev)
        call->prev->next = call->next;
    else
        c->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    c->call_count--;
}

static void sweep(struct http_client *c) {
    c->sweep = false;
    for (struct http_call *call = c->calls, *next; call; call = next) {
        next = call->next;
        if (!call->cancelled)
            continue;
        http_client_remove(call);
        http_call_free(call);
    }
}

static void collect(struct http_client *c) {
    CURLMsg *message;
    int left;
    while ((message = c->curl->multi_info_read(c->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *pointer = NULL;
        CURLcode code = message->data.result; // gone once the handle is removed
        (void)c->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
        struct http_call *call = (struct http_call *)(void *)pointer;
        http_client_remove(call);
        http_call_finish(call, code);
    }
}

// `inside` also covers the callbacks of `done`: a client is freed by its owner, never by those.
void http_client_act(struct http_client *c, curl_socket_t fd, int what) {
    int running;
    c->inside++;
    (void)c->curl->multi_socket_action(c->multi, fd, what, &running);
    c->inside--;
    if (c->inside)
        return;
    if (c->sweep)
        sweep(c);
    collect(c);
}

// --- calls

int http_start(struct http_client *c, const struct http_request *request,
               const struct http_events *events, void *ctx, struct http_call **ret,
               struct err *err) {
    if (c->call_count >= HTTP_CALLS_MAX)
        return err_set(err, ERR_BUSY, "%d requests to backends run already", HTTP_CALLS_MAX);
    struct http_call *call;
    int r = http_call_new(c, request, events, ctx, &call, err);
    if (r < 0)
        return r;
    // libcurl only asks for a timer here: it begins when the loop runs.
    CURLMcode code = c->curl->multi_add_handle(c->multi, call->easy);
    if (code != CURLM_OK) {
        http_call_free(call);
        return err_set(err, ERR_NOMEM, "a request could not be started");
    }
    call->body = request->body; // only now is it ours
    call->next = c->calls;
    if (c->calls)
        c->calls->prev = call;
    c->calls = call;
    c->call_count++;
    *ret = call;
    return 0;
}

void http_cancel(struct http_call *call) {
    if (!call)
        return;
    struct http_client *c = call->client;
    call->cancelled = true;
    if (c->inside) {
        c->sweep = true;
        return;
    }
    http_client_remove(call);
    http_call_free(call);
}

// --- life and death

int http_client_new(struct loop *l, struct http_client **ret, struct err *err) {
    const struct curl_api *curl;
    int r = curl_api_get(&curl, err);
    if (r < 0)
        return r;
    struct http_client *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->curl = curl;
    c->loop = l;
    c->multi = curl->multi_init();
    if (!c->multi || loop_timer_new(l, on_timer, c, &c->timer) < 0) {
        http_client_free(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    (void)curl->multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl->multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl->multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl->multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)curl->multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    (void)curl->multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_PER_HOST);
    *ret = c;
    return 0;
}

void http_client_free(struct http_client *c) {
    if (!c)
        return;
    while (c->calls) {
        struct http_call *call = c->calls;
        http_client_remove(call);
        http_call_free(call);
    }
    while (c->idle_count)
        c->curl->easy_cleanup(c->idle[--c->idle_count]);
    if (c->multi)
        (void)c->curl->multi_cleanup(c->multi); // closes connections: on_socket is still called
    while (c->watched)
        unwatch(c, c->watched);
    loop_timer_free(c->timer);
    mem_free(c);
}
