// What would be written for a client: its parts, gathered by file.
#include "core/base/mem.h"
#include "server/cli_setup_impl.h"

#include <stdlib.h>
#include <string.h>

static void swap(struct buf *a, struct buf *b) {
    struct buf t = *a;
    *a = *b;
    *b = t;
}

bool setup_changes(const struct setup_file *f) {
    if (f->exists != f->keep)
        return true;
    return f->keep && (f->before.len != f->after.len ||
                       (f->before.len && memcmp(f->before.data, f->after.data, f->after.len) != 0));
}

void setup_plan_done(struct setup_plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        buf_done(&plan->files[i].before);
        buf_done(&plan->files[i].after);
    }
    plan->count = 0;
}

// --- gathering ---------------------------------------------------------------------------------

static int gather(struct setup_plan *plan, size_t index, struct err *err) {
    const struct setup_part *part = &plan->kind->parts[index];
    char path[SETUP_PATH_BYTES];
    int r = setup_choose(part, path, err);
    if (r < 0)
        return r;
    struct setup_file *file = NULL;
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->files[i].path, path) == 0)
            file = &plan->files[i];
    if (!file) {
        file = &plan->files[plan->count++];
        *file = (struct setup_file){.first_part = index};
        memcpy(file->path, path, sizeof path);
        file->before = BUF_INIT(SETUP_FILE_BYTES_MAX);
        r = setup_read(file, err);
    }
    file->parts[file->part_count++] = part;
    return r;
}

// --- putting in --------------------------------------------------------------------------------

// All parts of the file, put into `text`.
static int put_all(const struct setup_file *file, const char *program, const struct buf *text,
                   struct buf *out, size_t *ret_same, size_t *ret_different, struct err *err) {
    AUTO_BUF now = BUF_INIT(0);
    *ret_same = *ret_different = 0;
    if (buf_append(&now, text->data ? text->data : "", text->len) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < file->part_count; i++) {
        AUTO_BUF next = BUF_INIT(0);
        bool there = false;
        int r = setup_put(file->parts[i], program, &now, &next, &there, err);
        if (r < 0)
            return r;
        *ret_same += r == 0 && (there || file->parts[i]->form == SETUP_JSON_ONCE);
        *ret_different += r == 1 && there;
        swap(&now, &next);
    }
    swap(out, &now);
    return 0;
}

// --- taking out --------------------------------------------------------------------------------

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool only_blank(const struct buf *text, const char *but) {
    for (size_t i = 0; i < text->len; i++)
        if (!is_blank(text->data[i]) && !strchr(but, text->data[i]))
            return false;
    return true;
}

static bool same_but_blanks(const struct buf *a, const struct buf *b) {
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < a->len && is_blank(a->data[i]))
            i++;
        while (k < b->len && is_blank(b->data[k]))
            k++;
        if (i == a->len || k == b->len)
            return i == a->len && k == b->len;
        if (a->data[i] != b->data[k])
            return false;
    }
}

// The file is as we left it: then the bytes that it had before come back.
static bool restore(struct setup_file *file, const char *program, const struct setup_backup *b) {
    AUTO_BUF then = BUF_INIT(0);
    size_t same, different;
    if (!b->known || put_all(file, program, &b->text, &then, &same, &different, NULL) < 0)
        return false;
    bool held = different || (b->existed && then.len == b->text.len);
    if (held || then.len != file->before.len || memcmp(then.data, file->before.data, then.len) != 0)
        return false;
    buf_clear(&file->after);
    file->keep = b->existed;
    return buf_append(&file->after, b->text.data ? b->text.data : "", b->text.len) == 0;
}

static size_t alike(const struct buf *a, const struct buf *b, bool from_end) {
    size_t n = 0, max = a->len < b->len ? a->len : b->len;
    while (n < max && (from_end ? a->data[a->len - 1 - n] == b->data[b->len - 1 - n]
                                : a->data[n] == b->data[n]))
        n++;
    return n;
}

// Somebody wrote on, but only before or only behind what we put in: the blanks around that come
// back as they were too. file->after is without our parts already, and says what else has to stand
// there.
static void restore_blanks(struct setup_file *file, const char *program,
                           const struct setup_backup *b) {
    AUTO_BUF then = BUF_INIT(0);
    size_t same, different;
    const struct buf *old = &b->text, *now = &file->before;
    const char *bytes = old->data ? old->data : "";
    if (!b->known || !b->existed ||
        put_all(file, program, old, &then, &same, &different, NULL) < 0 || different ||
        then.len <= old->len)
        return;
    size_t head = alike(old, &then, false), tail = alike(old, &then, true);
    tail = tail < old->len - head ? tail : old->len - head;
    for (int behind = 0; behind < 2; behind++) {
        AUTO_BUF text = BUF_INIT(SETUP_FILE_BYTES_MAX);
        size_t rest = then.len - (behind ? tail : head); // of `then`, which has to stand there yet
        if (alike(&then, now, !behind) < rest)
            continue;
        (void)buf_append(&text, behind ? bytes : now->data,
                         behind ? old->len - tail : now->len - rest);
        (void)buf_append(&text, behind ? now->data + rest : bytes + head,
                         behind ? now->len - rest : old->len - head);
        if (!text.failed && same_but_blanks(&text, &file->after))
            swap(&file->after, &text);
    }
}

static int take_all(struct setup_file *file, const struct setup_backup *b, struct err *err) {
    AUTO_BUF now = BUF_INIT(0);
    bool whole = false;
    (void)buf_append(&now, file->before.data ? file->before.data : "", file->before.len);
    for (size_t i = file->part_count; i-- > 0;) {
        AUTO_BUF next = BUF_INIT(0);
        size_t made = b->known ? setup_missing(file->parts[i], &b->text) : 0;
        int r = setup_take(file->parts[i], made, &now, &next, err);
        if (r < 0)
            return r;
        whole |= file->parts[i]->form == SETUP_FILE;
        swap(&now, &next);
    }
    if (now.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    file->keep = !whole && !(b->known && !b->existed && only_blank(&now, "{}"));
    swap(&file->after, &now);
    return 0;
}

static int plan_removal(struct setup_plan *plan, struct setup_file *file, const char *program,
                        const char *profile, struct err *err) {
    struct setup_backup b = {0};
    if (!file->exists)
        return 0;
    int r = setup_backup_load(plan->kind, file, profile, &b, err);
    if (r == 0 && !restore(file, program, &b)) {
        r = take_all(file, &b, err);
        if (r == 0 && file->keep)
            restore_blanks(file, program, &b);
    }
    setup_backup_done(&b);
    return r;
}

// --- the plan ----------------------------------------------------------------------------------

static int plan_file(struct setup_plan *plan, struct setup_file *file, const char *program,
                     const char *profile, struct err *err) {
    char shown[SETUP_PATH_BYTES];
    int r;
    if (plan->remove) {
        r = plan_removal(plan, file, program, profile, err);
    } else {
        file->keep = true;
        r = put_all(file, program, &file->before, &file->after, &file->same, &file->different, err);
    }
    return r < 0 ? err_context(err, r, "%s", setup_shown(file->path, shown)) : 0;
}

int setup_plan(const struct cli_client_kind *kind, bool remove, const char *program,
               const char *profile, struct setup_plan *ret, struct err *err) {
    int r = 0;
    ret->kind = kind;
    ret->remove = remove;
    ret->count = 0;
    ret->instead = !remove && setup_is_set(&kind->instead);
    if (ret->instead)
        return 0;
    for (size_t i = 0; r == 0 && i < SETUP_PARTS_MAX && kind->parts[i].form; i++)
        r = gather(ret, i, err);
    for (size_t i = 0; r == 0 && i < ret->count; i++)
        r = plan_file(ret, &ret->files[i], program, profile, err);
    return r;
}

enum setup_state cli_setup_state(const struct cli_client_kind *kind, struct err *err) {
    char program[SETUP_PATH_BYTES];
    size_t same = 0, different = 0;
    bool changes = false;
    struct setup_plan *plan = mem_zalloc(sizeof *plan);
    enum setup_state state = SETUP_UNREADABLE;
    if (!plan || cli_registered_path(program, sizeof program) < 0)
        (void)err_set(err, ERR_IO, "cannot tell where this program lies");
    else if (setup_plan(kind, false, program, NULL, plan, err) == 0) {
        for (size_t i = 0; i < plan->count; i++) {
            same += plan->files[i].same;
            different += plan->files[i].different;
            changes |= setup_changes(&plan->files[i]);
        }
        state = !changes ? SETUP_REGISTERED : same || different ? SETUP_DIFFERENT : SETUP_ABSENT;
    }
    if (plan)
        setup_plan_done(plan);
    mem_free(plan);
    return state;
}
