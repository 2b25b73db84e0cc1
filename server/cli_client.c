#include "server/cli_client.h"

#include "core/base/buf.h"
#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "protocol/mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, END_MS = 2000, END_STEP_MS = 1 };
static const uint64_t NS_PER_MS = 1000000;

struct cli_client {
    struct cli_client_config config;
    pid_t pid;
    int in, out; // its stdin and stdout
    struct buf line;
    size_t scanned; // of `line`: no newline before it
    json_int_t id;
    json_t *server;
};

// --- process -----------------------------------------------------------------------------------

static int spawn(struct cli_client *c, int child_in, int child_out, struct err *err) {
    const char *args[8] = {"paired", "mcp"};
    size_t n = 2;
    if (c->config.workspace) {
        args[n++] = "--workspace";
        args[n++] = c->config.workspace;
    }
    if (c->config.standalone)
        args[n++] = "--standalone";
    union {
        const char **in;
        char *const *out; // posix_spawn changes none of them
    } argv = {args};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t pipe;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE); // ours is ignored, which would be inherited
    int e = posix_spawn_file_actions_init(&files);
    if (e)
        return err_errno(err, e, "cannot start paired mcp");
    e = posix_spawnattr_init(&attributes);
    if (!e)
        e = posix_spawnattr_setsigdefault(&attributes, &pipe);
    if (!e)
        e = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, child_in, STDIN_FILENO);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, child_out, STDOUT_FILENO);
    if (!e && c->config.silent)
        e = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!e)
        e = posix_spawn(&c->pid, "/proc/self/exe", &files, &attributes, argv.out, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return e ? err_errno(err, e, "cannot start paired mcp") : 0;
}

static int start(struct cli_client *c, struct err *err) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    if (pipe2(from, O_CLOEXEC) < 0) {
        int saved = errno;
        (void)close(to[0]);
        (void)close(to[1]);
        return err_errno(err, saved, "cannot make a pipe");
    }
    int r = spawn(c, to[0], from[1], err);
    (void)close(to[0]);
    (void)close(from[1]);
    c->in = to[1];
    c->out = from[0];
    // A server that does not read must not hold us.
    if (fcntl(c->in, F_SETFL, O_NONBLOCK) < 0 && r == 0)
        r = err_errno(err, errno, "cannot prepare a pipe");
    return r;
}

static bool wait_end(pid_t pid, int *status, int ms) {
    for (int waited = 0; waited < ms; waited += END_STEP_MS) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            return true;
        struct timespec pause = {.tv_nsec = END_STEP_MS * 1000000};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

int cli_client_close(struct cli_client *c) {
    int status = 0;
    int code = 0;
    if (!c)
        return 0;
    if (c->in >= 0)
        (void)close(c->in);
    if (c->pid > 0 && !wait_end(c->pid, &status, END_MS)) {
        (void)kill(c->pid, SIGKILL);
        (void)waitpid(c->pid, &status, 0);
    }
    if (c->pid > 0)
        code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (c->out >= 0)
        (void)close(c->out);
    buf_done(&c->line);
    json_decref(c->server);
    mem_free(c);
    return code;
}

pid_t cli_client_pid(const struct cli_client *c) {
    return c->pid;
}

const json_t *cli_client_server(const struct cli_client *c) {
    return c->server;
}

// --- lines -------------------------------------------------------------------------------------

static uint64_t deadline_of(const struct cli_client *c) {
    uint64_t ms = c->config.deadline_ms ? c->config.deadline_ms : CLI_CLIENT_DEADLINE_MS;
    return env_now_mono_ns() + ms * NS_PER_MS;
}

static int wait_for(int fd, short events, uint64_t until_ns, struct err *err) {
    for (;;) {
        uint64_t now = env_now_mono_ns();
        if (now >= until_ns)
            return err_set(err, ERR_TIMEOUT, "paired mcp did not answer in time");
        uint64_t left_ms = (until_ns - now) / NS_PER_MS + 1;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for paired mcp");
        if (n > 0)
            return 0;
    }
}

static int ended(struct err *err) {
    return err_set(err, ERR_CLOSED, "paired mcp ended before it answered");
}

// Takes message.
static int send_line(struct cli_client *c, json_t *message, uint64_t until_ns, struct err *err) {
    AUTO_BUF text = BUF_INIT(CLI_CLIENT_LINE_BYTES_MAX);
    int r = message ? buf_put_json(&text, message, JSON_COMPACT) : ERR_NOMEM;
    json_decref(message);
    if (r < 0 || buf_putc(&text, '\n') < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t sent = 0; sent < text.len;) {
        ssize_t n = write(c->in, text.data + sent, text.len - sent);
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN) {
            r = wait_for(c->in, POLLOUT, until_ns, err);
            if (r < 0)
                return r;
        } else if (n < 0 && errno != EINTR)
            return ended(err);
    }
    return 0;
}

// One line, without its newline; then buf_consume(line, *ret_bytes).
static int read_line(struct cli_client *c, uint64_t until_ns, size_t *ret_bytes, struct err *err) {
    for (;;) {
        const char *end = c->line.len > c->scanned
                              ? memchr(c->line.data + c->scanned, '\n', c->line.len - c->scanned)
                              : NULL;
        if (end) {
            *ret_bytes = (size_t)(end - c->line.data) + 1;
            c->scanned = 0;
            return 0;
        }
        c->scanned = c->line.len;
        int r = wait_for(c->out, POLLIN, until_ns, err);
        if (r < 0)
            return r;
        if (buf_reserve(&c->line, READ_BYTES) < 0)
            return err_set(err, ERR_LIMIT, "the answer is too long");
        ssize_t n = read(c->out, c->line.data + c->line.len, READ_BYTES);
        if (n == 0 || (n < 0 && errno != EINTR))
            return ended(err);
        c->line.len += n > 0 ? (size_t)n : 0;
        c->line.data[c->line.len] = '\0';
    }
}

static int next_message(struct cli_client *c, uint64_t until_ns, json_t **ret, struct err *err) {
    size_t n = 0;
    int r = read_line(c, until_ns, &n, err);
    if (r < 0)
        return r;
    *ret = json_loadb(c->line.data, n, 0, NULL);
    buf_consume(&c->line, n);
    return *ret ? 0 : err_set(err, ERR_PARSE, "paired mcp wrote a line that is not JSON");
}

// --- requests ----------------------------------------------------------------------------------

// 2026-07-28: every request says who asks and in which version.
static int put_meta(const struct cli_client *c, json_t *params) {
    const char *version = mcp_version_latest(MCP_MODERN)->name;
    return json_object_set_new(params, "_meta",
                               json_pack("{ss s{ss ss} s{}}", MCP_KEY_VERSION, version,
                                         MCP_KEY_CLIENT_INFO, "name", c->config.name, "version",
                                         paired_version, MCP_KEY_CLIENT_CAPABILITIES));
}

// Requests of the server: we have declared nothing that it could ask for.
static int answer_server(struct cli_client *c, const json_t *request, uint64_t until_ns,
                         struct err *err) {
    json_t *id = json_object_get(request, "id");
    const char *method = json_string_value(json_object_get(request, "method"));
    if (!id)
        return 0; // a notification
    if (method && strcmp(method, "ping") == 0)
        return send_line(c, json_pack("{ss sO s{}}", "jsonrpc", "2.0", "id", id, "result"),
                         until_ns, err);
    return send_line(c,
                     json_pack("{ss sO s{si ss}}", "jsonrpc", "2.0", "id", id, "error", "code",
                               -32601, "message", "not offered by this client"),
                     until_ns, err);
}

static int settle(json_t *message, json_t **ret, struct err *err) {
    json_t *result = json_object_get(message, "result");
    const char *why =
        json_string_value(json_object_get(json_object_get(message, "error"), "message"));
    int r = 0;
    if (result)
        *ret = json_incref(result);
    else
        r = err_set(err, ERR_INVAL, "%s", why ? why : "refused without a reason");
    json_decref(message);
    return r;
}

int cli_client_request(struct cli_client *c, const char *method, json_t *params, json_t **ret,
                       struct err *err) {
    uint64_t until = deadline_of(c);
    if (!params)
        params = json_object();
    if (!params || (!c->config.legacy && put_meta(c, params) < 0)) {
        json_decref(params);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = send_line(c,
                      json_pack("{ss sI ss so}", "jsonrpc", "2.0", "id", ++c->id, "method", method,
                                "params", params),
                      until, err);
    while (r == 0) {
        json_t *message;
        r = next_message(c, until, &message, err);
        if (r < 0)
            break;
        if (!json_object_get(message, "method") &&
            json_integer_value(json_object_get(message, "id")) == c->id)
            return settle(message, ret, err);
        r = json_object_get(message, "method") ? answer_server(c, message, until, err) : 0;
        json_decref(message);
    }
    return r;
}

static int greet(struct cli_client *c, struct err *err) {
    if (!c->config.legacy)
        return cli_client_request(c, "server/discover", NULL, &c->server, err);
    json_t *params =
        json_pack("{ss s{} s{ss ss}}", "protocolVersion", mcp_version_latest(MCP_LEGACY)->name,
                  "capabilities", "clientInfo", "name", c->config.name, "version", paired_version);
    int r = cli_client_request(c, "initialize", params, &c->server, err);
    if (r < 0)
        return r;
    return send_line(c,
                     json_pack("{ss ss}", "jsonrpc", "2.0", "method", "notifications/initialized"),
                     deadline_of(c), err);
}

int cli_client_open(const struct cli_client_config *config, struct cli_client **ret,
                    struct err *err) {
    struct cli_client *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    *c = (struct cli_client){
        .config = *config, .in = -1, .out = -1, .line = BUF_INIT(CLI_CLIENT_LINE_BYTES_MAX)};
    int r = start(c, err);
    if (r == 0)
        r = greet(c, err);
    if (r < 0) {
        (void)cli_client_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

int cli_client_tool(struct cli_client *c, const char *tool, json_t *arguments, json_t **ret,
                    struct err *err) {
    json_t *params = json_pack("{ss so*}", "name", tool, "arguments", arguments);
    if (!params)
        return err_set(err, ERR_NOMEM, "out of memory");
    return cli_client_request(c, "tools/call", params, ret, err);
}

char *cli_client_text(const json_t *result) {
    AUTO_BUF text = BUF_INIT(CLI_CLIENT_LINE_BYTES_MAX);
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(result, "content"), i, part) {
        const json_t *t = json_object_get(part, "text");
        if (!json_is_string(t))
            continue;
        if (text.len)
            (void)buf_putc(&text, '\n');
        (void)buf_append(&text, json_string_value(t), json_string_length(t));
    }
    return buf_take(&text);
}

bool cli_client_failed(const json_t *result) {
    return json_is_true(json_object_get(result, "isError"));
}
