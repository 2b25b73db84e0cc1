// The session's use of lsp_quiet.h: it learns of edits, saves and settings, and has a timer.
#include "core/base/mem.h"
#include "server/lsp_impl.h"

static uint64_t now_ms(struct lsp_face *f) {
    uint64_t now = env_mono_ns(session_env(f->session)) / 1000000;
    if (now > f->calm_ms)
        f->calm_ms = now;
    return f->calm_ms; // an edit's arrival may be looked at after something later
}

static void arm(struct lsp_face *f);

static void on_timer(void *ctx) {
    struct lsp_face *f = ctx;
    f->calm_timer = NULL;
    lsp_quiet_tick(f->quiet, now_ms(f));
    arm(f);
}

// One timer, for what is due next.
static void arm(struct lsp_face *f) {
    uint64_t due = lsp_quiet_due(f->quiet), now = now_ms(f);
    if (f->calm_timer) {
        if (due == f->calm_due)
            return;
        env_timer_cancel(session_env(f->session), f->calm_timer);
        f->calm_timer = NULL;
    }
    f->calm_due = due;
    if (due != UINT64_MAX)
        f->calm_timer =
            env_timer_start(session_env(f->session), due > now ? due - now : 1, on_timer, f);
}

void lsp_when_calm(struct lsp_face *f, lsp_quiet_fn *fn, void *ctx, uint64_t key) {
    lsp_quiet_hold(f->quiet, now_ms(f), fn, ctx, key);
    arm(f);
}

void lsp_forget_calm(struct lsp_face *f, const void *ctx, uint64_t key) {
    lsp_quiet_drop(f->quiet, ctx, key);
}

bool lsp_line_busy(struct lsp_face *f, const struct lsp_document *d, uint32_t line) {
    return lsp_quiet_line_busy(f->quiet, now_ms(f), d->id, line);
}

void lsp_boundary(struct lsp_face *f, enum lsp_boundary what) {
    lsp_quiet_boundary(f->quiet, now_ms(f), what);
    arm(f);
}

static int calm_open(struct lsp_face *f, void **ret, struct err *err) {
    f->quiet = lsp_quiet_new();
    *ret = f->quiet;
    return f->quiet ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void calm_close(struct lsp_face *f, void *state) {
    env_timer_cancel(session_env(f->session), f->calm_timer);
    f->calm_timer = NULL;
    lsp_quiet_free(state);
    f->quiet = NULL;
}

static void calm_document(struct lsp_face *f, struct lsp_document *d, enum lsp_event event) {
    if (f->silent)
        return;
    if (event == LSP_CHANGED) {
        uint64_t at = f->arrival_ns ? f->arrival_ns / 1000000 : now_ms(f);
        if (at > f->calm_ms)
            f->calm_ms = at;
        lsp_quiet_edit(f->quiet, f->calm_ms, d->id, d->edited.start.line, d->edited.end.line,
                       d->typed);
        arm(f);
    } else if (event == LSP_SAVED) {
        lsp_boundary(f, LSP_BOUNDARY_SAVE);
    }
}

static void calm_configured(struct lsp_face *f) {
    lsp_quiet_set_off(f->quiet, now_ms(f), !lsp_setting_bool(f, "quiet.enable", true));
    arm(f);
}

const struct lsp_feature lsp_feature_calm = {.name = "calm",
                                             .open = calm_open,
                                             .close = calm_close,
                                             .initialized = calm_configured,
                                             .document = calm_document,
                                             .configured = calm_configured};
