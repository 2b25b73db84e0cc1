// The stream of `git log -z --raw` with HISTORY_LOG_FORMAT: NUL-terminated pieces. A commit begins
// with \002; its files follow as ":modes ids status" and a path (two for a rename). Any bytes may
// come.
#include "core/workspace/history_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_BYTES_MAX = 16 * 1024 };

void log_parser_init(struct log_parser *p, struct log *l) {
    *p = (struct log_parser){.log = l, .token = BUF_INIT(TOKEN_BYTES_MAX)};
}

void log_parser_done(struct log_parser *p) {
    buf_done(&p->token);
    mem_free(p->pending);
}

static int broken(struct err *err) {
    return err_set(err, ERR_PARSE, "what git log printed cannot be read");
}

// --- what a subject says

static bool is_word(const char *s, size_t n, const char *word) {
    return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

unsigned log_flags_of(const char *subject, size_t n) {
    static const char *const mended[] = {"fix",   "fixes",   "fixed",     "fixing",
                                         "bug",   "bugs",    "bugfix",    "hotfix",
                                         "crash", "crashes", "regression"};
    unsigned flags = 0;
    for (size_t at = 0; at < n;) {
        size_t end = at;
        while (end < n && isalpha((unsigned char)subject[end]))
            end++;
        for (size_t k = 0; k < COUNT_OF(mended); k++)
            flags |= is_word(subject + at, end - at, mended[k]) ? (unsigned)HISTORY_FIX : 0;
        if (at == 0 && is_word(subject, end, "revert"))
            flags |= HISTORY_REVERT;
        at = end + (end < n);
    }
    // Undoing a mending is no mending.
    return flags & HISTORY_REVERT ? HISTORY_REVERT : flags;
}

// --- a commit

static int add_files(struct log_parser *p, struct err *err) {
    struct log *l = p->log;
    int r = log_pair_renames(l, p->pending, &p->pending_count, err);
    for (uint32_t k = 0; k < p->pending_count && r == 0; k++) {
        struct log_change *c;
        r = log_add_change(l, &c, err);
        if (r == 0)
            *c = (struct log_change){p->pending[k].path, p->pending[k].from, p->pending[k].status};
    }
    return r;
}

static int end_commit(struct log_parser *p, struct err *err) {
    if (!p->commit)
        return 0;
    int r = add_files(p, err);
    if (r < 0)
        return r;
    p->commit->change_count = p->log->change_count - p->commit->first_change;
    p->commit->file_total = p->file_total;
    if (p->file_total > HISTORY_COMMIT_FILES_MAX)
        p->commit->flags |= HISTORY_CUT;
    p->commit = NULL;
    p->pending_count = 0;
    p->file_total = 0;
    return 0;
}

// "\002<id> <seconds> <seconds> <parents>"
static int begin_commit(struct log_parser *p, const char *s, struct err *err) {
    struct log *l = p->log;
    unsigned chars = l->id_bytes * 2;
    uint8_t id[HISTORY_ID_BYTES_MAX];
    char *end;
    if (strlen(s) < chars + 2 || !log_id_parse(s, l->id_bytes, id) || s[chars] != ' ')
        return broken(err);
    int r = log_add_commit(l, &p->commit, err);
    if (r < 0)
        return r;
    struct log_commit *c = p->commit;
    memcpy(c->id, id, sizeof id);
    c->time = strtoll(s + chars + 1, &end, 10);
    if (*end != ' ')
        return broken(err);
    c->author_time = strtoll(end + 1, &end, 10);
    if (*end != ' ' && *end != '\0')
        return broken(err);
    while (*end == ' ' && end[1] != '\0' && c->parent_count < HISTORY_PARENTS_MAX) {
        struct log_link *link;
        end++;
        if (strlen(end) < chars || !log_id_parse(end, l->id_bytes, id))
            return broken(err);
        if ((r = log_add_link(l, &link, err)) < 0)
            return r;
        memcpy(link->id, id, sizeof id);
        c->parent_count++;
        end += chars;
    }
    if (c->parent_count > 1)
        c->flags |= HISTORY_MERGE;
    return 0;
}

static int take_address(struct log_parser *p, const char *s, size_t n, struct err *err) {
    char key[HISTORY_NAME_BYTES_MAX + 1];
    n = log_cut_text(s, n, HISTORY_NAME_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        key[i] = (char)tolower((unsigned char)s[i]);
    return log_add_person(p->log, n ? key : p->name, n ? n : strlen(p->name), p->name,
                          &p->commit->author, err);
}

static int take_body(struct log_parser *p, const char *s, struct err *err) {
    static const char words[] = "This reverts commit ";
    struct log *l = p->log;
    uint8_t id[HISTORY_ID_BYTES_MAX];
    const char *at = strstr(s, words);
    if (!at)
        return 0;
    at += sizeof words - 1;
    if (strlen(at) < l->id_bytes * 2 || !log_id_parse(at, l->id_bytes, id))
        return 0;
    struct log_link *link;
    int r = log_add_link(l, &link, err);
    if (r < 0)
        return r;
    memcpy(link->id, id, sizeof id);
    p->commit->has_revert = true;
    p->commit->flags =
        (uint8_t)((p->commit->flags & ~(unsigned)HISTORY_FIX) | (unsigned)HISTORY_REVERT);
    return 0;
}

// --- files

static uint64_t hash_hex(const char *s, size_t n) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001B3);
    return h;
}

// ":100644 100644 <id> <id> M"
static int begin_change(struct log_parser *p, const char *s, struct err *err) {
    const char *part[5];
    size_t bytes[5];
    s++;
    for (int k = 0; k < 5; k++) {
        part[k] = s;
        bytes[k] = strcspn(s, " ");
        s += bytes[k];
        if (k < 4 && *s++ != ' ')
            return broken(err);
    }
    if (!p->commit || bytes[4] == 0)
        return broken(err);
    p->change = (struct log_pending){.from = HISTORY_NONE,
                                     .old_hash = hash_hex(part[2], bytes[2]),
                                     .new_hash = hash_hex(part[3], bytes[3])};
    switch (part[4][0]) {
    case 'A':
    case 'D':
    case 'R':
        p->change.status = part[4][0];
        break;
    case 'C': // a copy is a new file
        p->change.status = 'C';
        break;
    default:
        p->change.status = 'M';
    }
    p->state = LOG_PATH;
    return 0;
}

static int keep_change(struct log_parser *p, struct err *err) {
    if (p->pending_count == p->pending_cap) {
        uint32_t cap = p->pending_cap ? p->pending_cap * 2 : 64;
        struct log_pending *fresh = mem_realloc(p->pending, cap * sizeof *fresh);
        if (!fresh)
            return err_set(err, ERR_NOMEM, "out of memory");
        p->pending = fresh;
        p->pending_cap = cap;
    }
    p->pending[p->pending_count++] = p->change;
    return 0;
}

static int take_path(struct log_parser *p, const char *s, size_t n, struct err *err) {
    char status = p->change.status;
    bool first_of_two = p->state == LOG_PATH && (status == 'R' || status == 'C');
    p->file_total += !first_of_two;
    p->state = first_of_two ? LOG_PATH_TO : LOG_BEFORE;
    if (n == 0)
        return broken(err);
    if (p->token_cut || n > GIT_PATH_BYTES_MAX || p->file_total > HISTORY_COMMIT_FILES_MAX)
        return 0;
    uint32_t path;
    int r = log_intern(&p->log->paths, s, n, &path, err);
    if (r == ERR_LIMIT) {
        p->file_total = HISTORY_COMMIT_FILES_MAX + 1; // not listed
        return 0;
    }
    if (r < 0)
        return r;
    if (first_of_two) {
        p->change.from = path;
        return 0;
    }
    p->change.path = path;
    if (status == 'C' || (status == 'R' && p->change.from == HISTORY_NONE)) {
        p->change.status = 'A';
        p->change.from = HISTORY_NONE;
    }
    return keep_change(p, err);
}

// --- pieces

static int take_token(struct log_parser *p, struct err *err) {
    const char *s = p->token.data;
    size_t n = p->token.len - 1;
    int r = 0;
    switch (p->state) {
    case LOG_BEFORE:
        if (*s == '\n') // parts a commit's words from its files
            s++, n--;
        if (*s == ':')
            return begin_change(p, s, err);
        if (*s != '\002' || p->token_cut)
            return broken(err);
        r = end_commit(p, err);
        if (r < 0 || p->full)
            return r;
        p->state = LOG_NAME;
        return begin_commit(p, s + 1, err);
    case LOG_NAME:
        n = log_cut_text(s, n, HISTORY_NAME_BYTES_MAX);
        memcpy(p->name, s, n);
        p->name[n] = '\0';
        p->state = LOG_ADDRESS;
        return 0;
    case LOG_ADDRESS:
        p->state = LOG_SUBJECT;
        return take_address(p, s, n, err);
    case LOG_SUBJECT:
        p->state = LOG_BODY;
        p->commit->flags |= (uint8_t)log_flags_of(s, n);
        return log_set_subject(p->log, p->commit, s, n, err);
    case LOG_BODY:
        p->state = LOG_BEFORE;
        return take_body(p, s, err);
    case LOG_PATH:
    case LOG_PATH_TO:
        return take_path(p, s, n, err);
    }
    return r;
}

int log_parser_feed(void *parser, const char *bytes, size_t n, struct err *err) {
    struct log_parser *p = parser;
    for (size_t at = 0; at < n && !p->full;) {
        const char *stop = memchr(bytes + at, '\0', n - at);
        size_t some = (stop ? (size_t)(stop - bytes) : n) - at;
        size_t room = TOKEN_BYTES_MAX - 1 - p->token.len; // and its end
        if (some > room)
            p->token_cut = true;
        if (buf_append(&p->token, bytes + at, some < room ? some : room) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        at += some;
        if (!stop)
            break;
        at++;
        if (buf_putc(&p->token, '\0') < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        int r = take_token(p, err);
        if (r == ERR_LIMIT && p->commit) { // older commits are left out
            p->log->commit_count--;
            p->commit = NULL;
            p->full = true;
            r = 0;
        }
        if (r < 0)
            return r;
        buf_clear(&p->token);
        p->token_cut = false;
    }
    return 0;
}

int log_parser_end(struct log_parser *p, struct err *err) {
    if (p->full)
        return 0;
    if (p->state != LOG_BEFORE || p->token.len > 0)
        return broken(err);
    int r = end_commit(p, err);
    if (r == ERR_LIMIT) {
        p->log->commit_count--;
        r = 0;
    }
    return r;
}
