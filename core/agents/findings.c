#include "core/agents/findings.h"

#include "core/agents/maya.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct rule review_complexity = {
    "complexity-worse",
    "sherlock",
    "function became hard to follow",
    "Readers have to hold more branches and nesting in mind than before; such functions break "
    "most.",
    "Take a part of it into a function of its own, or return early.",
    SEVERITY_NOTE,
    95,
    true,
    false};
const struct rule review_copied = {
    "copied-code",
    "sherlock",
    "code copied from elsewhere",
    "Two copies have to be mended twice, and one of them will be forgotten.",
    "Call what is there, or take the common part out.",
    SEVERITY_NOTE,
    70,
    true,
    true};
const struct rule review_secret = {
    "secret",
    "sherlock",
    "secret in the text",
    "Who can read the repository, now or in its history, can use it.",
    "Take it out, make a new one, and read it from the environment or a secret store.",
    SEVERITY_ERROR,
    95,
    false,
    false};
const struct rule review_dead_export = {"dead-export",
                                        "sherlock",
                                        "visible to others, used by nobody",
                                        "Nobody in this workspace mentions it: it is kept, tested "
                                        "and read for nothing, or a caller was "
                                        "forgotten.",
                                        "Remove it, or make it private.",
                                        SEVERITY_NOTE,
                                        50,
                                        true,
                                        true};

const struct rule *review_rule_find(const char *id, size_t n) {
    static const struct rule *const own[] = {&review_complexity, &review_copied, &review_secret,
                                             &review_dead_export};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (strlen(own[i]->id) == n && memcmp(own[i]->id, id, n) == 0)
            return own[i];
    const struct rule *a11y = maya_rule_find(id, n);
    return a11y ? a11y : rules_find(id, n);
}

const char *severity_name(enum severity s) {
    return s == SEVERITY_ERROR ? "error" : s == SEVERITY_WARNING ? "warning" : "note";
}

static void release(struct reported *r) {
    mem_free((char *)r->path);
    mem_free((char *)r->message);
    mem_free((char *)r->fix);
}

void findings_done(struct findings *f) {
    for (uint32_t i = 0; i < f->count; i++)
        release(&f->list[i]);
    mem_free(f->list);
    *f = (struct findings){0};
}

// --- names -------------------------------------------------------------------------------------

// FNV-1a, 64 bits.
static uint64_t hash(uint64_t h, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
    return (h ^ 0xff) * 1099511628211u; // "ab","c" is not "a","bc"
}

static const char *find_line(const char *text, size_t bytes, uint32_t line, size_t *ret_n) {
    const char *at = text, *end = text + bytes;
    for (; line > 1 && at < end; line--) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol)
            break;
        at = eol + 1;
    }
    const char *eol = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    *ret_n = (size_t)((eol ? eol : end) - at);
    return at;
}

uint64_t finding_print(const struct rule *rule, const char *path, const char *text, size_t bytes,
                       uint32_t line) {
    size_t n;
    const char *s = find_line(text, bytes, line, &n);
    while (n && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
        n--;
    uint64_t h = hash(14695981039346656037u, rule->id, strlen(rule->id));
    h = hash(h, path, strlen(path));
    return hash(h, s, n);
}

static bool line_ignores(const char *s, size_t n, const struct rule *rule) {
    static const char mark[] = "paired:ignore";
    const char *at = memmem(s, n, mark, sizeof mark - 1);
    if (!at)
        return false;
    at += sizeof mark - 1;
    const char *end = s + n;
    while (at < end && (*at == ' ' || *at == ':' || *at == ','))
        at++;
    // Words that are ids of rules narrow it; other words are the reason.
    bool named = false;
    while (at < end) {
        size_t m = 0;
        while (at + m < end && ((at[m] >= 'a' && at[m] <= 'z') || at[m] == '-'))
            m++;
        const struct rule *r = m ? review_rule_find(at, m) : NULL;
        if (r == rule)
            return true;
        named |= r != NULL;
        if (!r)
            break;
        at += m;
        while (at < end && (*at == ' ' || *at == ','))
            at++;
    }
    return !named;
}

bool finding_ignored(const char *text, size_t bytes, uint32_t line, const struct rule *rule) {
    size_t n;
    const char *s = find_line(text, bytes, line, &n);
    if (line_ignores(s, n, rule))
        return true;
    if (line <= 1)
        return false;
    s = find_line(text, bytes, line - 1, &n);
    // The line above only when it holds nothing but the comment.
    while (n && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }
    bool comment =
        n > 1 && (*s == '#' || *s == '*' || memcmp(s, "//", 2) == 0 || memcmp(s, "/*", 2) == 0 ||
                  memcmp(s, "--", 2) == 0 || memcmp(s, "<!", 2) == 0);
    return comment && line_ignores(s, n, rule);
}

// --- collecting --------------------------------------------------------------------------------

int findings_add(struct findings *f, const struct finding *x, const char *path, uint64_t print,
                 struct err *err) {
    if (f->count == FINDINGS_MAX) {
        f->cut = true;
        return 0;
    }
    if (f->count == f->capacity) {
        uint32_t more = f->capacity ? f->capacity * 2 : 64;
        struct reported *list = mem_realloc(f->list, more * sizeof *list);
        if (!list)
            return err_set(err, ERR_NOMEM, "out of memory");
        f->list = list;
        f->capacity = more;
    }
    struct reported *r = &f->list[f->count];
    *r = (struct reported){.rule = x->rule,
                           .path = mem_strdup(path),
                           .message = mem_strdup(x->message),
                           .fix = x->has_fix ? mem_strdup(x->fix_text) : NULL,
                           .line = x->line,
                           .end_line = x->end_line < x->line ? x->line : x->end_line,
                           .last_line = x->last_line,
                           .start = x->start,
                           .end = x->end,
                           .fix_start = x->fix_start,
                           .fix_end = x->fix_end,
                           .confidence = x->confidence ? x->confidence : x->rule->confidence,
                           .quiet = x->quiet || x->rule->quiet,
                           .print = print};
    f->count++;
    return r->path && r->message && (r->fix || !x->has_fix)
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

static int by_weight(const void *a, const void *b) {
    const struct reported *x = a, *y = b;
    if (x->rule->severity != y->rule->severity)
        return x->rule->severity > y->rule->severity ? -1 : 1;
    if (x->hot != y->hot)
        return x->hot ? -1 : 1;
    if (x->confidence != y->confidence)
        return x->confidence > y->confidence ? -1 : 1;
    int order = strcmp(x->path, y->path);
    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    order = strcmp(x->rule->id, y->rule->id);
    return order ? order : strcmp(x->message, y->message);
}

static void drop(struct findings *f, uint32_t i) {
    release(&f->list[i]);
    memmove(&f->list[i], &f->list[i + 1], (f->count - i - 1) * sizeof *f->list);
    f->count--;
}

void findings_sort(struct findings *f) {
    if (f->count)
        qsort(f->list, f->count, sizeof *f->list, by_weight);
    for (uint32_t i = 1; i < f->count;)
        if (by_weight(&f->list[i - 1], &f->list[i]) == 0)
            drop(f, i);
        else
            i++;
}

static int by_rule_and_place(const void *a, const void *b) {
    const struct reported *x = a, *y = b;
    int order = strcmp(x->rule->id, y->rule->id);
    order = order ? order : strcmp(x->path, y->path);
    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->end_line != y->end_line)
        return x->end_line > y->end_line ? -1 : 1;
    return strcmp(x->message, y->message);
}

static void say_more(struct reported *r, uint32_t more) {
    size_t bytes = strlen(r->message) + 48;
    char *text = mem_alloc(bytes);
    if (!text)
        return; // it says less
    (void)snprintf(text, bytes, "%s, and at %u more place%s", r->message, more,
                   more == 1 ? "" : "s");
    mem_free((char *)r->message);
    r->message = text;
}

static bool overlap(const struct reported *a, const struct reported *b) {
    return a->rule == b->rule && a->line <= b->end_line && b->line <= a->end_line &&
           strcmp(a->path, b->path) == 0;
}

void findings_leave_habits(struct findings *f, const struct rule *rule, uint32_t places) {
    AUTO_FREE bool *leave = mem_zalloc(f->count + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; leave && i < f->count; i++) {
        uint32_t stands = 0;
        for (uint32_t k = 0; f->list[i].rule == rule && k < f->count && stands < places; k++)
            stands += overlap(&f->list[i], &f->list[k]);
        leave[i] = stands >= places;
    }
    for (uint32_t i = 0; leave && i < f->count; i++) // without memory they are told of
        if (leave[i])
            release(&f->list[i]);
        else
            f->list[kept++] = f->list[i];
    f->count = leave ? kept : f->count;
}

void findings_doubt_copied(struct findings *f, const struct rule *copies) {
    for (uint32_t i = 0; i < f->count; i++) {
        struct reported *x = &f->list[i];
        for (uint32_t k = 0; x->last_line && !x->quiet && k < f->count; k++) {
            const struct reported *y = &f->list[k];
            if (y->rule != copies || strcmp(x->path, y->path) != 0)
                continue;
            uint32_t from = x->line > y->line ? x->line : y->line;
            uint32_t to = x->last_line < y->end_line ? x->last_line : y->end_line;
            uint64_t shared = to >= from ? to - from + 1 : 0;
            x->quiet = shared * 5 >= (uint64_t)(x->last_line - x->line + 1) * 3;
        }
    }
}

void findings_leave_quiet(struct findings *f) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->list[i].quiet)
            release(&f->list[i]);
        else
            f->list[kept++] = f->list[i];
    f->quiet += f->count - kept;
    f->count = kept;
}

void findings_join(struct findings *f, const struct rule *rule) {
    uint32_t kept = 0;
    if (f->count)
        qsort(f->list, f->count, sizeof *f->list, by_rule_and_place);
    for (uint32_t i = 0; i < f->count;) {
        if (f->list[i].rule != rule) {
            f->list[kept++] = f->list[i++];
            continue;
        }
        uint32_t longest = i, last = f->list[i].end_line, k = i + 1;
        for (; k < f->count && f->list[k].rule == rule && f->list[k].line <= last &&
               strcmp(f->list[k].path, f->list[i].path) == 0;
             k++) {
            const struct reported *a = &f->list[longest], *b = &f->list[k];
            longest = b->end_line - b->line > a->end_line - a->line ? k : longest;
            last = b->end_line > last ? b->end_line : last;
        }
        struct reported one = f->list[longest];
        for (uint32_t j = i; j < k; j++)
            if (j != longest)
                release(&f->list[j]);
        if (k - i > 1)
            say_more(&one, k - i - 1);
        f->list[kept++] = one;
        i = k;
    }
    f->count = kept;
}

// --- silence -----------------------------------------------------------------------------------

static bool names_path(const char *pattern, const char *path) {
    size_t n = strlen(pattern);
    while (n && pattern[n - 1] == '/')
        n--;
    return strncmp(pattern, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool mute_matches(const json_t *mute, const struct reported *r) {
    const char *rule = json_string_value(json_object_get(mute, "rule"));
    const char *path = json_string_value(json_object_get(mute, "path"));
    const char *print = json_string_value(json_object_get(mute, "print"));
    char own[17];
    (void)snprintf(own, sizeof own, "%016llx", (unsigned long long)r->print);
    if (!rule && !path && !print)
        return false;
    return (!rule || strcmp(rule, r->rule->id) == 0) && (!path || names_path(path, r->path)) &&
           (!print || strcmp(print, own) == 0);
}

void findings_mute(struct findings *f, const json_t *mutes) {
    for (uint32_t i = 0; i < f->count;) {
        size_t k;
        const json_t *mute;
        bool out = false;
        json_array_foreach(mutes, k, mute) {
            out = mute_matches(mute, &f->list[i]);
            if (out)
                break;
        }
        f->muted += out;
        if (out)
            drop(f, i);
        else
            i++;
    }
}

void findings_baseline(struct findings *f, const json_t *prints) {
    for (uint32_t i = 0; i < f->count;) {
        char own[17];
        size_t k;
        const json_t *print;
        bool out = false;
        (void)snprintf(own, sizeof own, "%016llx", (unsigned long long)f->list[i].print);
        json_array_foreach(prints, k, print) {
            const char *text = json_string_value(print);
            out = text && strcmp(text, own) == 0;
            if (out)
                break;
        }
        f->known += out;
        if (out)
            drop(f, i);
        else
            i++;
    }
}

// --- SARIF -------------------------------------------------------------------------------------

static json_t *sarif_rule(const struct rule *r) {
    return json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "id", r->id, "shortDescription",
                     "text", r->title, "fullDescription", "text", r->why, "help", "text", r->fix,
                     "defaultConfiguration", "level", severity_name(r->severity));
}

// Paths become URIs: what is no letter, digit or one of "-._~/" is percent-encoded (RFC 3986 §2.1).
static json_t *sarif_uri(const char *path) {
    AUTO_BUF uri = BUF_INIT(32 * 1024);
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/", c);
        (void)(plain ? buf_putc(&uri, (char)c) : buf_printf(&uri, "%%%02X", c));
    }
    return json_string(uri.data ? uri.data : "");
}

static json_t *sarif_result(const struct reported *r) {
    char print[17];
    (void)snprintf(print, sizeof print, "%016llx", (unsigned long long)r->print);
    return json_pack("{s:s, s:s, s:{s:s}, s:[{s:{s:{s:o}, s:{s:I, s:I}}}], s:{s:s}, s:{s:i}}",
                     "ruleId", r->rule->id, "level", severity_name(r->rule->severity), "message",
                     "text", r->message, "locations", "physicalLocation", "artifactLocation", "uri",
                     sarif_uri(r->path), "region", "startLine", (json_int_t)r->line, "endLine",
                     (json_int_t)r->end_line, "partialFingerprints", "pairedLine/v1", print,
                     "properties", "confidence", (int)r->confidence);
}

int findings_sarif(const struct findings *f, struct buf *out) {
    json_t *rules = json_array(), *results = json_array();
    for (uint32_t i = 0; i < f->count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = f->list[k].rule == f->list[i].rule;
        if (!seen)
            (void)json_array_append_new(rules, sarif_rule(f->list[i].rule));
        (void)json_array_append_new(results, sarif_result(&f->list[i]));
    }
    json_t *log = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:o}}, s:s, s:o}]}", "$schema",
                            "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0",
                            "runs", "tool", "driver", "name", "paired", "rules", rules,
                            "columnKind", "utf16CodeUnits", "results", results);
    int r = log ? buf_put_json(out, log, JSON_INDENT(1)) : ERR_NOMEM;
    json_decref(log);
    return r;
}
