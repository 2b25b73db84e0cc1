// "Why this backend?": a choice in words and as JSON.
#include "core/route/route_choose.h"

#include <string.h>

const char *route_reason_text(enum route_reason r) {
    static const char *const texts[ROUTE_REASONS] = {
        [ROUTE_REASON_CHOSEN] = "chosen",
        [ROUTE_REASON_STICKY] = "chosen: the session's cache is there, a change would not pay",
        [ROUTE_REASON_EXPLORED] = "chosen: to learn about it",
        [ROUTE_REASON_ONLY] = "chosen: below the floor, but nothing better can be used now",
        [ROUTE_REASON_LAST] = "chosen: nothing better is left to try",
        [ROUTE_REASON_DEARER] = "possible, but dearer",
        [ROUTE_REASON_WEAKER] = "possible, but less likely to be right",
        [ROUTE_REASON_BELOW_FLOOR] = "below the quality floor",
        [ROUTE_REASON_SPARED] = "its quota is kept for cheap work",
        [ROUTE_REASON_NOT_LOCAL] = "not local, and the policy is local only",
        [ROUTE_REASON_NOT_GRANTED] = "not granted for this workspace",
        [ROUTE_REASON_TOO_SMALL] = "the request does not fit into its context",
        [ROUTE_REASON_NO_TOOLS] = "cannot use tools",
        [ROUTE_REASON_NO_IMAGES] = "cannot read images",
        [ROUTE_REASON_OVER_BUDGET] = "would exceed the budget",
        [ROUTE_REASON_WAITING] = "must wait for its rate limit",
        [ROUTE_REASON_SPENT] = "its quota is used up",
        [ROUTE_REASON_PROBED] = "another request is finding out whether it is back",
        [ROUTE_REASON_BROKEN] = "it failed several times in a row",
        [ROUTE_REASON_REFUTED] = "an answer of it, or of a likelier one, failed the checks",
    };
    return (unsigned)r < ROUTE_REASONS ? texts[r] : "unknown";
}

size_t route_choice_order(const struct route_choice *c, size_t ret[ROUTE_CANDIDATES_MAX]) {
    bool told[ROUTE_CANDIDATES_MAX] = {false};
    size_t n = 0;
    if (c->chosen >= 0)
        told[ret[n++] = (size_t)c->chosen] = true;
    for (size_t i = 0; i < c->fallbacks; i++)
        told[ret[n++] = (size_t)c->fallback[i]] = true;
    for (size_t i = 0; i < c->count; i++)
        if (!told[i])
            ret[n++] = i;
    return n;
}

int route_choice_explain(const struct route_choice *c, const struct route_need *need,
                         const struct route_candidate *candidates, struct buf *out) {
    size_t order[ROUTE_CANDIDATES_MAX], n = route_choice_order(c, order);
    (void)buf_printf(out, "%s, at least %.0f %% likely to be right",
                     route_origin_name(need->origin), 100 * c->floor);
    if (c->budget_left < 1)
        (void)buf_printf(out, ", %.0f %% of the budget left", 100 * c->budget_left);
    (void)buf_putc(out, '\n');
    if (c->chosen < 0)
        (void)buf_puts(out, "no backend can be used now\n");
    for (size_t k = 0; k < n; k++) {
        const struct route_candidate *a = &candidates[order[k]];
        (void)buf_printf(out, "%s (%s): %.0f %%, $%.4f, $%.4f to a solved task; %s", a->name,
                         a->account, 100 * a->p_ok, c->usd[order[k]], c->solved[order[k]],
                         route_reason_text(c->reason[order[k]]));
        if (a->expected.cached > 0)
            (void)buf_printf(out, "; %lld tokens from its cache", (long long)a->expected.cached);
        if (c->reason[order[k]] == ROUTE_REASON_STICKY && c->stay_turns > 0)
            (void)buf_printf(out, "; a change pays after %.1f turns", c->stay_turns);
        (void)buf_putc(out, '\n');
    }
    return out->failed ? ERR_NOMEM : 0;
}

static void put_candidate(const struct route_choice *c, const struct route_candidate *a, size_t i,
                          struct buf *out) {
    (void)buf_puts(out, "{\"model\":");
    (void)buf_put_json_string(out, a->name, strlen(a->name));
    (void)buf_puts(out, ",\"account\":");
    (void)buf_put_json_string(out, a->account, strlen(a->account));
    (void)buf_printf(
        out, ",\"likely\":%.4f,\"usd\":%.6f,\"usd_to_solved\":%.6f,\"state\":\"%s\",\"reason\":",
        a->p_ok, c->usd[i], c->solved[i], route_state_name(a->standing.state));
    (void)buf_put_json_string(out, route_reason_text(c->reason[i]),
                              strlen(route_reason_text(c->reason[i])));
    (void)buf_putc(out, '}');
}

int route_choice_json(const struct route_choice *c, const struct route_need *need,
                      const struct route_candidate *candidates, struct buf *out) {
    size_t order[ROUTE_CANDIDATES_MAX], n = route_choice_order(c, order);
    (void)buf_printf(out, "{\"origin\":\"%s\",\"floor\":%.4f,\"budget_left\":%.4f,\"chosen\":",
                     route_origin_name(need->origin), c->floor, c->budget_left);
    if (c->chosen < 0)
        (void)buf_puts(out, "null");
    else
        put_candidate(c, &candidates[c->chosen], (size_t)c->chosen, out);
    (void)buf_puts(out, ",\"candidates\":[");
    for (size_t k = 0; k < n; k++) {
        if (k)
            (void)buf_putc(out, ',');
        put_candidate(c, &candidates[order[k]], order[k], out);
    }
    (void)buf_puts(out, "]}");
    return out->failed ? ERR_NOMEM : 0;
}
