// The least that an MCP server over stdio can be: reads lines, answers each request with a fixed
// result and the request's own id. What a client measures against it is the cost of pipes, the
// scheduler and the client itself; everything above is a server's own.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, ANSWER_BYTES = 256 };

static char in[BUFFER_BYTES], out[BUFFER_BYTES];
static size_t out_len;

static bool flush_out(void) {
    for (size_t at = 0; at < out_len;) {
        ssize_t n = write(STDOUT_FILENO, out + at, out_len - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    out_len = 0;
    return true;
}

static bool answer(char *line, size_t n) {
    line[n] = '\0';
    const char *id = strstr(line, "\"id\":");
    if (!id)
        return true; // a notification
    id += 5;
    const char *result =
        strstr(line, "\"initialize\"")
            ? "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
              "\"serverInfo\":{\"name\":\"floor\",\"version\":\"0\"}}"
            : "{}";
    if (out_len + ANSWER_BYTES > sizeof out && !flush_out())
        return false;
    out_len += (size_t)snprintf(out + out_len, sizeof out - out_len,
                                "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}\n",
                                (int)strcspn(id, ",}"), id, result);
    return true;
}

int main(void) {
    size_t len = 0;
    for (ssize_t n; (n = read(STDIN_FILENO, in + len, sizeof in - 1 - len)) > 0;) {
        len += (size_t)n;
        char *at = in, *end;
        while ((end = memchr(at, '\n', len - (size_t)(at - in)))) {
            if (!answer(at, (size_t)(end - at)))
                return 1;
            at = end + 1;
        }
        len -= (size_t)(at - in);
        memmove(in, at, len);
        if (!flush_out())
            return 1;
    }
    return 0;
}
