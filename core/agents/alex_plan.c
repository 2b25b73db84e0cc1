// milestone: an order of items that respects who uses whom. changelog: what a range of commits
// brought, by kind and place.
#include "core/agents/alex.h"

#include "core/agents/marie.h"
#include "core/base/mem.h"
#include "core/workspace/locate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEMS_MAX = 64,
    ITEM_FILES = 4,   // the places an item is about
    REACH_MAX = 4096, // files looked at when one is followed to what it imports
    COMMITS_MAX = 5000,
    SCOPE_BYTES_MAX = 64
};

// --- milestone ---------------------------------------------------------------------------------

struct item {
    struct text text;
    uint32_t files[ITEM_FILES];
    uint32_t file_count;
    uint64_t needs; // bits of the items whose files its own import
    bool placed;
};

// Which of the items' files does this one reach by imports?
static void reach(const struct snapshot *s, uint32_t from, const struct item *items, size_t count,
                  uint64_t *ret) {
    uint32_t *queue = mem_alloc(REACH_MAX * sizeof *queue), n = 0;
    uint8_t *seen = mem_zalloc(snapshot_count(s) + 1);
    if (queue && seen) {
        queue[n++] = from;
        seen[from] = 1;
    }
    for (uint32_t at = 0; at < n; at++) {
        const struct snapshot_file *f = snapshot_file(s, queue[at]);
        for (size_t i = 0; i < count && at > 0; i++)
            for (uint32_t k = 0; k < items[i].file_count; k++)
                if (items[i].files[k] == queue[at])
                    *ret |= UINT64_C(1) << i;
        for (uint32_t i = 0; f->facts && i < f->facts->import_count; i++) {
            int64_t to = snapshot_import(s, queue[at], i);
            if (to >= 0 && !seen[to] && n < REACH_MAX) {
                seen[to] = 1;
                queue[n++] = (uint32_t)to;
            }
        }
    }
    mem_free(queue);
    mem_free(seen);
}

static int find_places(const struct workspace_view *v, struct item *x, struct err *err) {
    struct locate_want want = {.text = x->text.data,
                               .bytes = x->text.len,
                               .files = ITEM_FILES,
                               .symbols = 1,
                               .no_documents = true};
    struct locate_result *found = NULL;
    int r = locate(workspace_view_search(v), &want, &found, err);
    for (uint32_t i = 0; r == 0 && i < found->file_count && i < ITEM_FILES; i++)
        // What scores far below the best is not what the item is about.
        if (found->files[i].score >= 0.5 * found->files[0].score)
            x->files[x->file_count++] = found->files[i].file;
    locate_free(found);
    return r;
}

static void put_item(struct report *r, const struct snapshot *s, const struct item *items, size_t i,
                     unsigned number, bool cycle) {
    const struct item *x = &items[i];
    AUTO_BUF files = BUF_INIT(64 * 1024);
    AUTO_BUF after = BUF_INIT(4096);
    json_t *paths = json_array(), *needs = json_array();
    for (uint32_t k = 0; k < x->file_count; k++) {
        (void)buf_printf(&files, "%s%s", k ? ", " : "", snapshot_file(s, x->files[k])->path);
        (void)json_array_append_new(paths, json_string(snapshot_file(s, x->files[k])->path));
    }
    for (size_t k = 0; k < ITEMS_MAX; k++)
        if (x->needs >> k & 1) {
            (void)buf_printf(&after, "%s\"%.*s\"", after.len ? ", " : "",
                             (int)(items[k].text.len < 40 ? items[k].text.len : 40),
                             items[k].text.data);
            (void)json_array_append_new(needs, json_stringn(items[k].text.data, items[k].text.len));
        }
    report_item(r,
                json_pack("{s:I, s:s%, s:o, s:o, s:b}", "order", (json_int_t)number, "item",
                          x->text.data, x->text.len, "paths", paths, "after", needs, "cycle",
                          cycle),
                "%u. %.*s\n   %s%s%s%s%s", number, (int)x->text.len, x->text.data,
                x->file_count ? "in " : "no place found", files.len ? files.data : "",
                after.len ? "; uses what is touched by " : "", after.len ? after.data : "",
                cycle ? " (they use each other)" : "");
}

// What uses nothing of the rest comes first; where all use each other, the one with the fewest.
static void put_order(struct report *r, const struct snapshot *s, struct item *items,
                      size_t count) {
    uint64_t open = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    for (unsigned number = 1; open; number++) {
        size_t best = 0;
        int fewest = 65;
        for (size_t i = 0; i < count; i++) {
            int needs = __builtin_popcountll(items[i].needs & open);
            if ((open >> i & 1) && needs < fewest) {
                best = i;
                fewest = needs;
            }
        }
        open &= ~(UINT64_C(1) << best);
        put_item(r, s, items, best, number, fewest > 0);
    }
}

int alex_milestone(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct milestone_input *in = input;
    struct workspace_view *view = NULL;
    struct item items[ITEMS_MAX] = {0};
    size_t count = in->items.count;
    int r = agent_view(call, &view, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        items[i].text = in->items.items[i];
        r = find_places(view, &items[i], err);
    }
    const struct snapshot *s = r == 0 ? workspace_view_snapshot(view) : NULL;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (agent_cancelled(call))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        for (uint32_t k = 0; k < items[i].file_count; k++)
            reach(s, items[i].files[k], items, count, &items[i].needs);
        items[i].needs &= ~(UINT64_C(1) << i);
    }
    if (r == 0) {
        put_order(report, s, items, count);
        report_title(report, "%zu items in an order in which what is used comes first", count);
        report_note(report, "places are found by the items' words; dates are not made up");
        agent_note_limits(report, s);
    }
    workspace_view_put(view);
    return r;
}

// --- changelog ---------------------------------------------------------------------------------

enum kind {
    KIND_BREAKING,
    KIND_FEATURE,
    KIND_FIX,
    KIND_SPEED,
    KIND_REVERT,
    KIND_DOCS,
    KIND_OTHER,
    KINDS
};
static const char *const kind_titles[KINDS] = {
    "Breaking", "Added and changed", "Fixed", "Faster", "Reverted", "Documentation, tests, upkeep",
    "Changed"};

struct entry {
    uint32_t commit;
    enum kind kind;
    char scope[SCOPE_BYTES_MAX];
    const char *text; // the subject behind its prefix
};

static bool begins(const char *s, const char *word) {
    size_t n = strlen(word);
    return strncasecmp(s, word, n) == 0 && !isalpha((unsigned char)s[n]);
}

// "feat(api)!: text" (Conventional Commits 1.0), or "module: text".
static void read_subject(const char *subject, unsigned flags, struct entry *e) {
    static const struct {
        const char *word;
        enum kind kind;
    } types[] = {{"feat", KIND_FEATURE},  {"feature", KIND_FEATURE}, {"fix", KIND_FIX},
                 {"perf", KIND_SPEED},    {"docs", KIND_DOCS},       {"doc", KIND_DOCS},
                 {"test", KIND_DOCS},     {"tests", KIND_DOCS},      {"chore", KIND_DOCS},
                 {"ci", KIND_DOCS},       {"build", KIND_DOCS},      {"style", KIND_DOCS},
                 {"refactor", KIND_DOCS}, {"revert", KIND_REVERT}};
    const char *colon = strstr(subject, ": ");
    size_t head = colon && colon - subject < SCOPE_BYTES_MAX ? (size_t)(colon - subject) : 0;
    bool typed = false;
    e->kind = flags & HISTORY_REVERT ? KIND_REVERT : flags & HISTORY_FIX ? KIND_FIX : KIND_OTHER;
    e->text = head ? colon + 2 : subject;
    if (!head || memchr(subject, ' ', head)) {
        e->text = subject;
        return;
    }
    for (size_t i = 0; i < COUNT_OF(types) && !typed; i++)
        if (begins(subject, types[i].word)) {
            e->kind = types[i].kind;
            typed = true;
        }
    const char *open = memchr(subject, '(', head), *close = memchr(subject, ')', head);
    if (typed && open && close && close > open)
        (void)snprintf(e->scope, sizeof e->scope, "%.*s", (int)(close - open - 1), open + 1);
    else if (!typed)
        (void)snprintf(e->scope, sizeof e->scope, "%.*s", (int)head, subject);
    if (typed && subject[head - 1] == '!')
        e->kind = KIND_BREAKING;
}

static int by_kind(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->scope, y->scope);
    return order ? order : x->commit < y->commit ? -1 : x->commit > y->commit;
}

// Marks all ancestors of `from` that were read, itself too.
static void mark(const struct history *h, uint32_t from, uint8_t *marks, uint8_t bit,
                 uint32_t *stack) {
    uint32_t n = 0;
    stack[n++] = from;
    marks[from] |= bit;
    while (n) {
        uint32_t at = stack[--n], parent;
        for (uint32_t k = 0; (parent = history_parent(h, at, k)) != HISTORY_NONE; k++)
            if (!(marks[parent] & bit)) {
                marks[parent] |= bit;
                stack[n++] = parent;
            }
    }
}

static int collect(const struct history *h, uint32_t to, int64_t from, struct entry **ret,
                   uint32_t *ret_count, struct err *err) {
    uint32_t all = history_commit_count(h), n = 0;
    uint8_t *marks = mem_zalloc(all + 1);
    uint32_t *stack = mem_alloc((all + 1) * sizeof *stack);
    struct entry *list = mem_zalloc(COMMITS_MAX * sizeof *list);
    if (marks && stack && list) {
        mark(h, to, marks, 1, stack);
        if (from >= 0)
            mark(h, (uint32_t)from, marks, 2, stack);
    }
    for (uint32_t i = 0; marks && stack && list && i < all && n < COMMITS_MAX; i++) {
        struct history_commit c;
        if (marks[i] != 1)
            continue;
        history_commit(h, i, &c);
        if (c.flags & (HISTORY_MERGE | HISTORY_REVERTED))
            continue;
        list[n].commit = i;
        read_subject(c.subject, c.flags, &list[n++]);
    }
    bool ok = marks && stack && list;
    mem_free(marks);
    mem_free(stack);
    if (!ok) {
        mem_free(list);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (n)
        qsort(list, n, sizeof *list, by_kind);
    *ret = list;
    *ret_count = n;
    return 0;
}

static void put_entries(struct report *r, const struct history *h, const struct entry *list,
                        uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct history_commit c;
        history_commit(h, list[i].commit, &c);
        if (i == 0 || list[i].kind != list[i - 1].kind)
            report_group(r, "## %s", kind_titles[list[i].kind]);
        report_item(r,
                    json_pack("{s:s, s:s, s:s, s:s, s:I}", "kind", kind_titles[list[i].kind],
                              "scope", list[i].scope, "text", list[i].text, "commit", c.id, "files",
                              (json_int_t)c.file_count),
                    "- %s%s%s (%.10s)", list[i].scope, list[i].scope[0] ? ": " : "", list[i].text,
                    c.id);
    }
}

// "A..B"; "A": from it to HEAD; "": all that was read.
static int ends_of(const struct workspace_past *past, struct text range, int64_t *ret_from,
                   int64_t *ret_to, struct err *err) {
    const char *dots = range.len ? memmem(range.data, range.len, "..", 2) : NULL;
    size_t before = dots ? (size_t)(dots - range.data) : range.len;
    const char *behind = dots ? dots + 2 : NULL;
    size_t rest = dots ? range.len - before - 2 : 0;
    char id[GIT_ID_CHARS_MAX + 1];
    *ret_from = -1;
    *ret_to = history_find_commit(past->history, history_head(past->history));
    if (before) {
        int r = git_resolve(past->git, range.data, before, id, err);
        if (r < 0)
            return r;
        *ret_from = history_find_commit(past->history, id);
        if (*ret_from < 0)
            return err_set(err, ERR_NOT_FOUND,
                           "range: %.*s is older than the commits that were read", (int)before,
                           range.data);
    }
    if (rest) {
        int r = git_resolve(past->git, behind, rest, id, err);
        if (r < 0)
            return r;
        *ret_to = history_find_commit(past->history, id);
        if (*ret_to < 0)
            return err_set(err, ERR_NOT_FOUND, "range: %.*s is not an ancestor of HEAD", (int)rest,
                           behind);
    }
    return 0;
}

int alex_changelog(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct changelog_input *in = input;
    struct workspace_past past = {0};
    struct entry *list = NULL;
    uint32_t count = 0;
    int64_t from = -1, to = -1;
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0 && past.git)
        r = ends_of(&past, in->range, &from, &to, err);
    if (r == 0 && to >= 0)
        r = collect(past.history, (uint32_t)to, from, &list, &count, err);
    if (r == 0) {
        put_entries(report, past.history, list, count);
        report_title(report, "%u changes%s%.*s", count, in->range.len ? " in " : "",
                     (int)in->range.len, in->range.len ? in->range.data : "");
        report_nothing(report, "No commits there.");
        if (count == COMMITS_MAX)
            report_note(report, "more than %d commits: the older ones are left out", COMMITS_MAX);
        report_note(report, "merges and what was reverted later are left out");
        note_history(report, &past);
    }
    mem_free(list);
    workspace_past_done(&past);
    return r;
}
