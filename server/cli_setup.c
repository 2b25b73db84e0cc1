// paired setup [CLIENT …]: says which clients know paired, shows what would change in their files,
// and changes it when told to.
#include "server/cli_setup.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"
#include "server/cli_setup_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- where this program lies -------------------------------------------------------------------

int cli_own_path(char *out, size_t max) {
    ssize_t n = readlink("/proc/self/exe", out, max - 1);
    if (n < 0 || (size_t)n >= max - 1)
        return ERR_IO;
    out[n] = '\0';
    return 0;
}

bool cli_on_path(const char *program, char *out, size_t max) {
    const char *path = getenv("PATH");
    while (program && path && *path) {
        size_t n = strcspn(path, ":");
        int len = snprintf(out, max, "%.*s/%s", (int)n, path, program);
        struct stat st;
        if (n && len > 0 && (size_t)len < max && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
            access(out, X_OK) == 0)
            return true;
        path += n;
        path += *path == ':';
    }
    return false;
}

int cli_registered_path(char *out, size_t max) {
    char own[SETUP_PATH_BYTES], named[SETUP_PATH_BYTES], real[PATH_MAX];
    int r = cli_own_path(own, sizeof own);
    if (r < 0)
        return r;
    bool same = cli_on_path("paired", named, sizeof named) && named[0] == '/' &&
                realpath(named, real) && strcmp(real, own) == 0;
    return snprintf(out, max, "%s", same ? named : own) < (int)max ? 0 : ERR_LIMIT;
}

static const struct cli_client_kind *find_kind(const char *name) {
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++)
        if (strcmp(k->name, name) == 0 || (k->alias && strcmp(k->alias, name) == 0))
            return k;
    return NULL;
}

// --- printing what belongs where (--print) -----------------------------------------------------

// A path for a shell: quoted when it has anything that the shell would read.
static void put_shell(struct buf *out, const char *path) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@,";
    if (path[strspn(path, plain)] == '\0') {
        (void)buf_puts(out, path);
        return;
    }
    (void)buf_putc(out, '\'');
    for (; *path; path++)
        (void)(*path == '\'' ? buf_puts(out, "'\\''") : buf_putc(out, *path));
    (void)buf_putc(out, '\'');
}

static void put_command(const struct cli_client_kind *k, const char *program, struct buf *out) {
    const char *at = k->command ? strstr(k->command, "@PAIRED@") : NULL;
    if (!at)
        return;
    (void)buf_append(out, k->command, (size_t)(at - k->command));
    put_shell(out, program);
    (void)buf_printf(out, "%s\n", at + strlen("@PAIRED@"));
}

// All parts that go into the place of `first`, as that file would be with nothing else in it.
static int put_content(const struct cli_client_kind *k, const struct setup_part *first,
                       const char *program, struct buf *out, struct err *err) {
    for (const struct setup_part *p = first; p < k->parts + SETUP_PARTS_MAX && p->form; p++) {
        AUTO_BUF next = BUF_INIT(0);
        bool there;
        if (p != first && (!p->places[0] || strcmp(p->places[0], first->places[0]) != 0))
            continue;
        int r = setup_put(p, program, out, &next, &there, err);
        if (r < 0)
            return r;
        struct buf old = *out;
        *out = next;
        next = old;
    }
    return 0;
}

static bool is_first_of_its_file(const struct cli_client_kind *k, const struct setup_part *p) {
    for (const struct setup_part *other = k->parts; other < p; other++)
        if (p->places[0] && strcmp(other->places[0], p->places[0]) == 0)
            return false;
    return true;
}

static int print_kind(const struct cli_client_kind *k, const char *program, struct err *err) {
    char path[SETUP_PATH_BYTES], shown[SETUP_PATH_BYTES];
    AUTO_BUF command = BUF_INIT(0);
    put_command(k, program, &command);
    if (command.len) {
        cli_out("%s# %s, by its own command%s\n", cli_style(CLI_DIM), k->title,
                cli_style(CLI_RESET));
        cli_out_bytes(command.data, command.len);
    }
    for (const struct setup_part *p = k->parts; p < k->parts + SETUP_PARTS_MAX && p->form; p++) {
        AUTO_BUF text = BUF_INIT(0);
        int r = is_first_of_its_file(k, p) ? put_content(k, p, program, &text, err) : 1;
        if (r > 0)
            continue;
        bool place = r == 0 && setup_choose(p, path, NULL) == 0;
        if (r < 0)
            return r;
        cli_out("%s# %s%s%s%s\n", cli_style(CLI_DIM), k->title, place ? ": " : "",
                place ? setup_shown(path, shown) : "", cli_style(CLI_RESET));
        cli_out_lines(text.data, text.len);
    }
    return 0;
}

// --- the list ----------------------------------------------------------------------------------

static const char *const state_names[] = {
    [SETUP_ABSENT] = "absent",
    [SETUP_DIFFERENT] = "different",
    [SETUP_REGISTERED] = "registered",
    [SETUP_UNREADABLE] = "unreadable",
};

static json_t *places_json(const struct cli_client_kind *k) {
    char path[SETUP_PATH_BYTES];
    json_t *files = json_array();
    for (const struct setup_part *p = k->parts; p < k->parts + SETUP_PARTS_MAX && p->form; p++)
        if (is_first_of_its_file(k, p) && setup_choose(p, path, NULL) == 0)
            (void)json_array_append_new(files, json_pack("{ss ss}", "file", path, "what", p->what));
    return files;
}

static json_t *kind_json(const struct cli_client_kind *k, const char *program) {
    struct err why = {0};
    AUTO_BUF command = BUF_INIT(0);
    AUTO_BUF content = BUF_INIT(0);
    bool files = k->parts[0].places[0] != NULL;
    put_command(k, program, &command);
    (void)put_content(k, &k->parts[0], program, &content, NULL);
    enum setup_state state = files ? cli_setup_state(k, &why) : SETUP_ABSENT;
    return json_pack("{ss ss sb ss* ss* so* ss* ss* ss*}", "client", k->name, "title", k->title,
                     "installed", cli_client_installed(k), "state",
                     files ? state_names[state] : NULL, "problem",
                     state == SETUP_UNREADABLE ? err_text(&why) : NULL, "files", places_json(k),
                     "command", command.data, "content", content.data, "hint", k->hint);
}

static void list_kind(const struct cli_client_kind *k) {
    static const char *const words[] = {
        [SETUP_ABSENT] = "not registered",
        [SETUP_DIFFERENT] = "registered, but not as now",
        [SETUP_REGISTERED] = "registered",
        [SETUP_UNREADABLE] = "cannot be told",
    };
    struct err why = {0};
    char path[SETUP_PATH_BYTES] = "", shown[SETUP_PATH_BYTES];
    enum setup_state state = cli_setup_state(k, &why);
    (void)setup_choose(&k->parts[0], path, NULL);
    enum cli_style style = state == SETUP_REGISTERED ? CLI_GREEN : CLI_YELLOW;
    cli_out("%-16s %s%-27s%s %s\n", k->name, cli_style(style), words[state], cli_style(CLI_RESET),
            state == SETUP_UNREADABLE ? err_text(&why) : setup_shown(path, shown));
}

static int list(const struct cli_line *line, const char *program) {
    json_t *all = json_array();
    AUTO_BUF missing = BUF_INIT(0);
    size_t found = 0;
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++) {
        if (line->json) {
            (void)json_array_append_new(all, kind_json(k, program));
        } else if (cli_client_installed(k)) {
            list_kind(k);
            found++;
        } else {
            (void)buf_printf(&missing, "%s%s", missing.len ? ", " : "", k->name);
        }
    }
    if (line->json)
        cli_out_json(json_pack("{sO}", "clients", all));
    else
        cli_note("%s%s; known as well: %s", found ? "" : "no client was found here. ",
                 "paired setup CLIENT … shows what it would write", missing.data);
    json_decref(all);
    return CLI_OK;
}

// --- changing ----------------------------------------------------------------------------------

static int diff_of(const struct setup_file *f, struct buf *out, struct err *err) {
    char shown[SETUP_PATH_BYTES];
    return setup_diff(setup_shown(f->path, shown), f->exists ? &f->before : NULL,
                      f->keep ? &f->after : NULL, out, err);
}

static void print_diff(const struct buf *diff) {
    for (size_t at = 0; at < diff->len;) {
        const char *start = diff->data + at;
        const char *end = memchr(start, '\n', diff->len - at);
        size_t n = end ? (size_t)(end - start) + 1 : diff->len - at;
        enum cli_style style = *start == '+'   ? CLI_GREEN
                               : *start == '-' ? CLI_RED
                               : *start == '@' ? CLI_DIM
                                               : CLI_PLAIN;
        cli_out("%s", cli_style(style));
        cli_out_text(start, n - (end != NULL));
        cli_out("%s\n", style == CLI_PLAIN ? "" : cli_style(CLI_RESET));
        at += n;
    }
}

struct job {
    struct setup_plan plan;
    struct err why;
    int result; // of planning, then of writing
    size_t changes;
};

static int show(const struct job *job) {
    for (size_t i = 0; i < job->plan.count && job->result == 0; i++) {
        AUTO_BUF diff = BUF_INIT(0);
        struct err err = {0};
        if (!setup_changes(&job->plan.files[i]))
            continue;
        int r = diff_of(&job->plan.files[i], &diff, &err);
        if (r < 0)
            return cli_fail(r, &err, false);
        print_diff(&diff);
    }
    return CLI_OK;
}

static json_t *job_json(const struct job *job, bool written) {
    json_t *files = json_array();
    for (size_t i = 0; i < job->plan.count; i++) {
        const struct setup_file *f = &job->plan.files[i];
        AUTO_BUF diff = BUF_INIT(0);
        if (job->result < 0 || !setup_changes(f) || diff_of(f, &diff, NULL) < 0)
            continue;
        json_t *text = json_stringn(diff.data ? diff.data : "", diff.len);
        (void)json_array_append_new(files, json_pack("{ss so sb sb}", "file", f->path, "diff",
                                                     text ? text : json_string("(not UTF-8)"),
                                                     "new", !f->exists, "removed", !f->keep));
    }
    return json_pack("{ss ss so sb ss* ss*}", "client", job->plan.kind->name, "title",
                     job->plan.kind->title, "changes", files, "written",
                     written && job->result == 0 && job->changes, "error",
                     job->result < 0 ? err_text(&job->why) : NULL, "hint",
                     job->plan.remove ? NULL : job->plan.kind->hint);
}

static int tell(const struct cli_line *line, struct job *jobs, size_t count, bool written) {
    int code = CLI_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct job *job = &jobs[i];
        const struct cli_client_kind *k = job->plan.kind;
        if (job->result < 0)
            code = cli_exit_of(job->result);
        if (line->json)
            (void)json_array_append_new(all, job_json(job, written));
        if (job->result < 0)
            cli_error("%s: %s", k->title, err_text(&job->why));
        else if (!job->changes)
            cli_note("%s: nothing to do, %s", k->title,
                     job->plan.remove    ? "paired is not registered"
                     : job->plan.instead ? "its plugin brings paired"
                                         : "paired is registered");
        else if (written)
            cli_note("%s: done; start it anew to have it read its settings", k->title);
        if (job->result == 0 && !job->plan.remove && k->hint && !line->json)
            cli_note("%s: %s", k->title, k->hint);
    }
    if (line->json)
        cli_out_json(json_pack("{sO}", "clients", all));
    json_decref(all);
    return code;
}

// The clients named, each once; their number.
static size_t name_all(const struct cli_line *line, struct job *jobs) {
    size_t count = 0;
    for (size_t i = 0; i < line->operand_count; i++) {
        size_t other = 0;
        jobs[count].plan.kind = find_kind(line->operands[i]);
        while (jobs[other].plan.kind != jobs[count].plan.kind)
            other++;
        count += other == count;
    }
    return count;
}

static size_t plan_all(const struct cli_line *line, const char *program, struct job *jobs,
                       size_t count) {
    size_t changes = 0;
    for (size_t i = 0; i < count; i++) {
        struct job *job = &jobs[i];
        job->result = setup_plan(job->plan.kind, cli_given(line, "remove"), program, line->profile,
                                 &job->plan, &job->why);
        for (size_t f = 0; job->result == 0 && f < job->plan.count; f++)
            job->changes += setup_changes(&job->plan.files[f]);
        changes += job->changes;
    }
    return changes;
}

// Where nothing is left to take out, what was kept for it goes as well.
static void forget(const struct cli_line *line, const struct job *job) {
    for (size_t i = 0; i < job->plan.count; i++)
        setup_backup_drop(job->plan.kind, &job->plan.files[i], line->profile);
    setup_folders_prune(line->profile);
}

static int carry_out(const struct cli_line *line, struct job *jobs, size_t count, size_t changes) {
    int code = CLI_OK;
    for (size_t i = 0; i < count && !line->json && code == CLI_OK; i++)
        code = show(&jobs[i]);
    // With --json and without --yes it is asked what would happen.
    bool agreed = changes && code == CLI_OK && (!line->json || cli_given(line, "yes"));
    char question[96];
    (void)snprintf(question, sizeof question, "This changes %zu file%s.", changes,
                   changes == 1 ? "" : "s");
    if (agreed && !cli_confirm(line, question, "yes", &code))
        agreed = false;
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        if (agreed && jobs[i].result == 0 && jobs[i].changes)
            jobs[i].result = setup_write(&jobs[i].plan, line->profile, &jobs[i].why);
        else if (jobs[i].result == 0 && !jobs[i].changes && jobs[i].plan.remove)
            forget(line, &jobs[i]);
    }
    return code == CLI_OK ? tell(line, jobs, count, agreed) : code;
}

static int change(const struct cli_line *line, const char *program) {
    struct job *jobs = mem_zalloc(line->operand_count * sizeof *jobs);
    if (!jobs)
        return cli_fail(ERR_NOMEM, NULL, line->json);
    size_t count = name_all(line, jobs);
    size_t changes = plan_all(line, program, jobs, count);
    int code = carry_out(line, jobs, count, changes);
    for (size_t i = 0; i < count; i++)
        setup_plan_done(&jobs[i].plan);
    mem_free(jobs);
    return code;
}

static int print(const struct cli_line *line, const char *program) {
    struct err err = {0};
    bool first = true;
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++) {
        bool wanted = line->operand_count == 0;
        for (size_t i = 0; i < line->operand_count; i++)
            wanted |= find_kind(line->operands[i]) == k;
        if (!wanted)
            continue;
        if (!first)
            cli_out("\n");
        first = false;
        int r = print_kind(k, program, &err);
        if (r < 0)
            return cli_fail(r, &err, false);
    }
    return CLI_OK;
}

int cli_run_setup(const struct cli_line *line) {
    char program[SETUP_PATH_BYTES];
    if (cli_registered_path(program, sizeof program) < 0) {
        cli_error("cannot tell where this program lies");
        return CLI_FAILED;
    }
    for (size_t i = 0; i < line->operand_count; i++) {
        const struct cli_client_kind *k = find_kind(line->operands[i]);
        if (k && (k->parts[0].places[0] || cli_given(line, "print")))
            continue;
        cli_error(k ? "%s has no file that is known here: add --print"
                    : "unknown client %s; one of:",
                  line->operands[i]);
        for (k = k ? NULL : cli_client_kinds; k && k->name; k++)
            cli_say("  %-16s %s\n", k->name, k->title);
        return CLI_USAGE;
    }
    if (cli_given(line, "print") && !line->json)
        return print(line, program);
    if (!line->operand_count || cli_given(line, "print"))
        return list(line, program);
    return change(line, program);
}
