#include "core/models/http_parse.h"

#include <string.h>

// --- the head

// RFC 9110 5.6.2
static bool is_token(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value(unsigned char c) {
    return c >= ' ' ? c != 0x7f : c == '\t';
}

// Just behind the empty line, or NULL.
static char *end_of_head(char *bytes, size_t n) {
    for (char *at = bytes, *end = bytes + n; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        if (end - at >= 2 && at[1] == '\n')
            return at + 2;
        if (end - at >= 3 && at[1] == '\r' && at[2] == '\n')
            return at + 3;
    }
    return NULL;
}

// Ends the line at `at` (LF or CRLF) and returns the next one's start.
static char *cut_line(char *at) {
    char *lf = strchr(at, '\n');
    *(lf > at && lf[-1] == '\r' ? lf - 1 : lf) = '\0';
    return lf + 1;
}

static int read_request_line(char *line, struct http_head *ret, struct err *err) {
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || target == line || target[1] != '/')
        return err_set(err, ERR_PARSE, "not the first line of an HTTP request");
    *target++ = '\0';
    *version++ = '\0';
    for (const char *at = line; *at; at++)
        if (!is_token((unsigned char)*at))
            return err_set(err, ERR_PARSE, "not an HTTP method");
    for (const char *at = target; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return err_set(err, ERR_PARSE, "a control character in the path");
    if (strcmp(version, "HTTP/1.1") == 0)
        ret->minor = 1;
    else if (strcmp(version, "HTTP/1.0") != 0)
        return err_set(err, ERR_PARSE, "only HTTP/1.1 is spoken here");
    ret->keep_alive = ret->minor == 1;
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    ret->method = line;
    ret->path = target;
    ret->query = query ? query : version + strlen(version);
    return 0;
}

static int read_header(char *line, struct http_header *ret, struct err *err) {
    char *at = line;
    for (; is_token((unsigned char)*at); at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    if (at == line || *at != ':')
        return err_set(err, ERR_PARSE, "a header line without a name");
    *at++ = '\0';
    at += strspn(at, " \t");
    char *end = at;
    for (; *end; end++)
        if (!is_value((unsigned char)*end))
            return err_set(err, ERR_PARSE, "a control character in the header %.64s", line);
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    *ret = (struct http_header){line, at};
    return 0;
}

static bool same_word(const char *value, const char *lower) {
    size_t n = strlen(lower);
    if (strlen(value) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((value[i] | 0x20) != lower[i])
            return false;
    return true;
}

static int read_length(const char *value, struct http_head *ret, struct err *err) {
    int64_t length = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 15 || value[digits] || ret->content_length >= 0)
        return err_set(err, ERR_PARSE, "a Content-Length that is no single number");
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (value[i] - '0');
    ret->content_length = length;
    return 0;
}

// What decides where the request ends, and whether the connection goes on.
static int understand(const struct http_header *h, struct http_head *ret, struct err *err) {
    if (strcmp(h->name, "content-length") == 0)
        return read_length(h->value, ret, err);
    if (strcmp(h->name, "transfer-encoding") == 0) {
        if (ret->chunked || !same_word(h->value, "chunked"))
            return err_set(err, ERR_PARSE, "the only transfer coding known here is chunked");
        ret->chunked = true;
    } else if (strcmp(h->name, "connection") == 0) {
        if (same_word(h->value, "close"))
            ret->keep_alive = false;
        else if (same_word(h->value, "keep-alive"))
            ret->keep_alive = true;
    } else if (strcmp(h->name, "expect") == 0) {
        ret->expects_continue = same_word(h->value, "100-continue");
    }
    return 0;
}

ssize_t http_parse_head(char *bytes, size_t n, struct http_head *ret, struct err *err) {
    char *end = end_of_head(bytes, n < HTTP_HEAD_BYTES_MAX ? n : HTTP_HEAD_BYTES_MAX);
    if (!end)
        return n < HTTP_HEAD_BYTES_MAX
                   ? 0
                   : err_set(err, ERR_LIMIT, "the head of a request has at most %d bytes",
                             HTTP_HEAD_BYTES_MAX);
    if (memchr(bytes, '\0', (size_t)(end - bytes)))
        return err_set(err, ERR_PARSE, "a NUL byte in the head of a request");
    *ret = (struct http_head){.content_length = -1};
    char *line = bytes, *next = cut_line(line);
    int r = read_request_line(line, ret, err);
    for (line = next; r == 0 && line < end; line = next) {
        next = cut_line(line);
        if (!*line)
            break;
        if (ret->count == HTTP_HEADERS_MAX)
            return err_set(err, ERR_LIMIT, "a request has at most %d headers", HTTP_HEADERS_MAX);
        r = read_header(line, &ret->headers[ret->count], err);
        if (r == 0)
            r = understand(&ret->headers[ret->count++], ret, err);
    }
    if (r == 0 && ret->chunked && ret->content_length >= 0)
        r = err_set(err, ERR_PARSE, "a request with both a length and chunks");
    return r < 0 ? r : end - bytes;
}

const char *http_head_value(const struct http_head *head, const char *name) {
    for (size_t i = 0; i < head->count; i++)
        if (strcmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    return NULL;
}

// --- chunks (RFC 9112 7.1)

enum {
    CHUNK_SIZE_START, // at least one digit
    CHUNK_SIZE,
    CHUNK_EXTENSION, // up to the end of the line
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START, // of a line
    CHUNK_TRAILER,
    CHUNK_TRAILER_CR // an empty line, perhaps
};
enum { CHUNK_TRAILER_BYTES_MAX = 8192 };

static int digit_of(char c) {
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static int read_size(struct http_chunks *c, char byte) {
    int digit = digit_of(byte);
    if (digit >= 0) {
        if (c->left > UINT32_MAX)
            return ERR_LIMIT;
        c->left = c->left * 16 + (unsigned)digit;
        c->state = CHUNK_SIZE;
        return 0;
    }
    if (c->state == CHUNK_SIZE_START)
        return ERR_PARSE;
    if (byte == '\n')
        c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER_START;
    else if (byte == ';' || byte == '\r' || byte == ' ' || byte == '\t')
        c->state = CHUNK_EXTENSION;
    else
        return ERR_PARSE;
    return 0;
}

// 1: the empty line after the last chunk.
static int read_trailer(struct http_chunks *c, char byte) {
    if (++c->trailer_bytes > CHUNK_TRAILER_BYTES_MAX)
        return ERR_LIMIT;
    if (byte == '\n') {
        if (c->state != CHUNK_TRAILER)
            return 1;
        c->state = CHUNK_TRAILER_START;
    } else if (c->state == CHUNK_TRAILER_CR) {
        return ERR_PARSE;
    } else {
        c->state =
            c->state == CHUNK_TRAILER_START && byte == '\r' ? CHUNK_TRAILER_CR : CHUNK_TRAILER;
    }
    return 0;
}

static int read_byte(struct http_chunks *c, char byte) {
    switch (c->state) {
    case CHUNK_SIZE_START:
    case CHUNK_SIZE:
        return read_size(c, byte);
    case CHUNK_EXTENSION:
        if (++c->trailer_bytes > CHUNK_TRAILER_BYTES_MAX)
            return ERR_LIMIT;
        if (byte == '\n')
            c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER_START;
        return 0;
    case CHUNK_DATA_CR:
        c->state = byte == '\n' ? CHUNK_SIZE_START : CHUNK_DATA_LF;
        return byte == '\n' || byte == '\r' ? 0 : ERR_PARSE;
    case CHUNK_DATA_LF:
        c->state = CHUNK_SIZE_START;
        return byte == '\n' ? 0 : ERR_PARSE;
    default:
        return read_trailer(c, byte);
    }
}

int http_chunks_read(struct http_chunks *c, const char *bytes, size_t n, size_t *ret_used,
                     struct buf *body) {
    size_t at = 0;
    int r = 0;
    while (at < n && r == 0) {
        if (c->state == CHUNK_DATA) {
            size_t take = n - at < c->left ? n - at : (size_t)c->left;
            r = buf_append(body, bytes + at, take);
            at += take;
            c->left -= take;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
        } else {
            r = read_byte(c, bytes[at++]);
        }
    }
    *ret_used = at;
    return r;
}
