#include "server/asked.h"

#include "core/base/mem.h"
#include "server/when.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    struct asked *list[ASKED_MAX]; // ring; NULL: free
    uint32_t next;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Copies what fits, whole characters of UTF-8 only, on one line.
static void put(char *ret, size_t room, const char *text) {
    size_t n = text ? strlen(text) : 0;
    if (n >= room) {
        n = room - 1;
        while (n && ((unsigned char)text[n] & 0xC0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    ret[n] = '\0';
}

// What a question is about: the first of its arguments that says so.
static const char *about(const json_t *arguments) {
    static const char *const names[] = {"symbol", "path", "focus", "id",   "question",
                                        "query",  "text", "task",  "rule", "base"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const json_t *value = json_object_get(arguments, names[i]);
        const char *text =
            json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
        if (text && *text)
            return text;
    }
    return "";
}

void asked_note(const struct asked_by *by, const char *title, const json_t *arguments,
                int64_t now_ms) {
    struct asked *a = by->root && strlen(by->root) < sizeof a->root ? mem_zalloc(sizeof *a) : NULL;
    if (!a)
        return; // nobody misses it
    a->at_ms = now_ms;
    a->times = 1;
    put(a->face, sizeof a->face, by->face);
    put(a->session, sizeof a->session, by->session);
    put(a->client, sizeof a->client, by->client && *by->client ? by->client : by->face);
    put(a->title, sizeof a->title, title);
    put(a->about, sizeof a->about, about(arguments));
    put(a->root, sizeof a->root, by->root);
    (void)pthread_mutex_lock(&all.lock);
    struct asked *last = all.list[(all.next + ASKED_MAX - 1) % ASKED_MAX];
    struct asked **slot = &all.list[all.next];
    if (last && strcmp(last->session, a->session) == 0 && strcmp(last->title, a->title) == 0 &&
        strcmp(last->about, a->about) == 0 && strcmp(last->root, a->root) == 0) {
        a->times = last->times + 1; // the next page, or once more
        slot = &all.list[(all.next + ASKED_MAX - 1) % ASKED_MAX];
    } else {
        all.next = (all.next + 1) % ASKED_MAX;
    }
    struct asked *old = *slot;
    *slot = a;
    (void)pthread_mutex_unlock(&all.lock);
    mem_free(old);
}

static bool is_letter(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c & 0x80);
}

// Does the text name it, as a whole word or path?
static bool names(const char *text, const char *what) {
    size_t n = strlen(what);
    for (const char *p = text; n && (p = strstr(p, what)); p++)
        if ((p == text || !is_letter(p[-1])) && !is_letter(p[n]))
            return true;
    return false;
}

size_t asked_find(const char *root, const char *path, const char *symbol, const char *but_session,
                  int64_t now_ms, struct asked *ret, size_t max) {
    size_t n = 0;
    (void)pthread_mutex_lock(&all.lock);
    for (uint32_t i = 1; i <= ASKED_MAX && n < max; i++) {
        const struct asked *a = all.list[(all.next + ASKED_MAX - i) % ASKED_MAX];
        if (!a || strcmp(a->root, root) != 0 || now_ms - a->at_ms > ASKED_AGE_MS ||
            (but_session && strcmp(a->session, but_session) == 0))
            continue;
        if ((!path && !symbol) || (path && names(a->about, path)) ||
            (symbol && names(a->about, symbol)))
            ret[n++] = *a;
    }
    (void)pthread_mutex_unlock(&all.lock);
    return n;
}

void asked_put(struct buf *out, const struct asked *a, int64_t now_ms) {
    (void)buf_printf(out, "%s asked for %s", a->client, a->title);
    if (*a->about)
        (void)buf_printf(out, ": %s", a->about);
    if (a->times > 1)
        (void)buf_printf(out, " (%u times)", a->times);
    (void)buf_puts(out, ", ");
    (void)when_put(out, a->at_ms, now_ms);
}
