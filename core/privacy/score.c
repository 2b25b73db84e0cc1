#include "core/privacy/score.h"

struct adding {
    struct score *ret;
    size_t n;
};

// A protection is there, or it is missing with all of its points, or with some.
static void add(struct adding *a, const char *name, int got, int of, const char *reason,
                const char *advice) {
    a->ret->points[a->n++] = (struct score_point){name, got, of, reason, got < of ? advice : NULL};
    a->ret->score += got;
}

static void add_store(struct adding *a, const struct score_facts *f) {
    add(a, "store-lock", f->locked_by_more ? 15 : 5, 15,
        f->locked_by_more ? "The store opens with something that you know or have."
                          : "The store is encrypted, but its key lies in a file beside it: who has "
                            "your files has both.",
        "paired key passphrase");
    add(a, "recovery", f->recovery ? 5 : 0, 5,
        f->recovery ? "A recovery code exists."
                    : "There is no recovery code: a lost key is a lost store.",
        "paired key recovery");
}

static void add_out(struct adding *a, const struct score_facts *f) {
    bool any = f->out_friend + f->out_group + f->out_everyone > 0;
    add(a, "everyone", f->out_everyone ? 0 : 20, 20,
        f->out_everyone ? "Something may go to everyone that you are paired with, now and later."
                        : "Nothing may go to everyone.",
        "paired consent revoke KIND everyone");
    add(a, "groups", f->out_group ? 5 : 10, 10,
        f->out_group ? "Something may go to a group: whoever is in it, or joins it."
                     : "Nothing may go to a group.",
        "paired consent");
    add(a, "ends", f->without_end ? 5 : 10, 10,
        f->without_end ? "Some of what may leave may do so without an end."
        : any          ? "All that may leave may do so until a date."
                       : "Nothing may leave to other people.",
        "paired consent grant … --for 90d");
    add(a, "backends", f->backends ? 5 : 10, 10,
        f->backends ? "Requests may go to model backends of others."
                    : "No request may go to a model backend.",
        "paired consent");
}

void score_of(const struct score_facts *f, struct score *ret) {
    struct adding a = {ret, 0};
    *ret = (struct score){0};
    add_store(&a, f);
    add_out(&a, f);
    add(&a, "secrets", f->secrets_refused ? 15 : 12, 15,
        f->secrets_refused ? "A request to a model in which a secret is found does not go."
                           : "Secrets that are found in requests to models are masked.",
        "paired config set models.secrets refuse");
    add(&a, "arrivals", f->waiting ? 5 : 10, 10,
        f->waiting ? "Records of others wait, and nobody has looked at them."
                   : "Nothing that others sent waits unseen.",
        "paired arrivals");
    int left = f->epsilon_max > 0 && f->epsilon < f->epsilon_max ? f->epsilon ? 3 : 5 : 0;
    add(&a, "noise", left, 5,
        !f->epsilon ? "No figure was given out."
        : left == 3 ? "Figures were given out, with noise, and some of the budget is left."
                    : "The budget for figures with noise is used up.",
        NULL);
}
