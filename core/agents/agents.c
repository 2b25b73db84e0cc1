#include "core/agents/agents.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const struct agent *const agents[] = {
    &agent_sherlock, &agent_leonardo, &agent_edison, &agent_marie, &agent_alex,
    &agent_vince,    &agent_maya,     &agent_team,   NULL,
};

// --- looking up --------------------------------------------------------------------------------

const struct agent *agent_find(const char *name, size_t n) {
    for (size_t i = 0; agents[i]; i++)
        if (strlen(agents[i]->name) == n && memcmp(agents[i]->name, name, n) == 0)
            return agents[i];
    return NULL;
}

static const struct agent_capability *capability_of(const struct agent *a, const char *name,
                                                    size_t n) {
    for (const struct agent_capability *c = a->capabilities; c->name; c++)
        if (strlen(c->name) == n && memcmp(c->name, name, n) == 0)
            return c;
    return NULL;
}

const struct agent_capability *agent_capability_find(const char *name, size_t n,
                                                     const struct agent **ret_agent) {
    const char *dot = memchr(name, '.', n);
    const struct agent *only = dot ? agent_find(name, (size_t)(dot - name)) : NULL;
    if (dot && !only)
        return NULL;
    if (dot) {
        n -= (size_t)(dot + 1 - name);
        name = dot + 1;
    }
    for (size_t i = 0; agents[i]; i++) {
        const struct agent_capability *c =
            only && only != agents[i] ? NULL : capability_of(agents[i], name, n);
        if (!c)
            continue;
        if (ret_agent)
            *ret_agent = agents[i];
        return c;
    }
    return NULL;
}

// --- figures -----------------------------------------------------------------------------------

enum { CAPABILITIES_MAX = 96 };

struct counted {
    atomic_uint_fast64_t calls, failures, asked, total_us, worst_us, last_us;
};
static struct counted counted[CAPABILITIES_MAX];

static struct counted *counted_of(const struct agent_capability *wanted) {
    size_t n = 0;
    for (size_t i = 0; agents[i]; i++)
        for (const struct agent_capability *c = agents[i]->capabilities; c->name; c++, n++)
            if (c == wanted && n < CAPABILITIES_MAX)
                return &counted[n];
    return NULL;
}

static void count(const struct agent_capability *c, uint64_t begin_ns, int result, bool by_agent) {
    struct counted *f = counted_of(c);
    if (!f)
        return;
    uint64_t us = (env_now_mono_ns() - begin_ns) / 1000;
    uint64_t worst = atomic_load_explicit(&f->worst_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->failures, result < 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->asked, by_agent, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->total_us, us, memory_order_relaxed);
    atomic_store_explicit(&f->last_us, us, memory_order_relaxed);
    while (us > worst && !atomic_compare_exchange_weak(&f->worst_us, &worst, us))
        ;
}

void agent_figures(const struct agent_capability *c, struct agent_figures *ret) {
    const struct counted *f = counted_of(c);
    *ret = (struct agent_figures){0};
    if (f)
        *ret = (struct agent_figures){
            .calls = atomic_load_explicit(&f->calls, memory_order_relaxed),
            .failures = atomic_load_explicit(&f->failures, memory_order_relaxed),
            .asked_by_agents = atomic_load_explicit(&f->asked, memory_order_relaxed),
            .total_us = atomic_load_explicit(&f->total_us, memory_order_relaxed),
            .worst_us = atomic_load_explicit(&f->worst_us, memory_order_relaxed),
            .last_us = atomic_load_explicit(&f->last_us, memory_order_relaxed)};
}

json_t *agent_status(void) {
    json_t *all = json_object();
    for (size_t i = 0; all && agents[i]; i++) {
        json_t *mine = json_object();
        for (const struct agent_capability *c = agents[i]->capabilities; c->name; c++) {
            struct agent_figures f;
            agent_figures(c, &f);
            if (f.calls)
                (void)json_object_set_new(
                    mine, c->name,
                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "calls", (json_int_t)f.calls,
                              "failures", (json_int_t)f.failures, "asked_by_agents",
                              (json_int_t)f.asked_by_agents, "mean_us",
                              (json_int_t)(f.total_us / f.calls), "worst_us",
                              (json_int_t)f.worst_us, "last_us", (json_int_t)f.last_us));
        }
        if (json_object_size(mine))
            (void)json_object_set(all, agents[i]->name, mine);
        json_decref(mine);
    }
    return all;
}

// --- running -----------------------------------------------------------------------------------

bool agent_cancelled(const struct agent_call *call) {
    return call->cancelled && call->cancelled(call->ctx);
}

static uint32_t hash_bytes(uint32_t h, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * 16777619u;
    return h;
}

static int hash_chunk(const char *bytes, size_t n, void *ctx) {
    uint32_t *h = ctx;
    *h = hash_bytes(*h, bytes, n);
    return 0;
}

// Of what is asked, whatever the page: a cursor must not be used with another question.
static uint32_t hash_question(const struct agent_capability *c, json_t *arguments) {
    uint32_t h = hash_bytes(2166136261u, c->name, strlen(c->name));
    const char *name;
    json_t *value;
    json_object_foreach(arguments, name, value) {
        uint32_t one = hash_bytes(2166136261u, name, strlen(name));
        if (strcmp(name, "budget") == 0 || strcmp(name, "cursor") == 0)
            continue;
        (void)json_dump_callback(value, hash_chunk, &one,
                                 JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        h ^= one; // in any order
    }
    return h;
}

static int run_decoded(struct agent_call *call, const void *input, uint32_t question, bool whole,
                       struct report_answer *ret, struct err *err) {
    const struct agent_page *page = input;
    struct report *report = report_new();
    if (!report)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = call->capability->run(call, input, report, err);
    struct report_page how = {
        .budget = page->budget ? (uint32_t)page->budget : AGENT_BUDGET_DEFAULT,
        .cursor = page->cursor.data,
        .cursor_bytes = page->cursor.len,
        .question = question,
    };
    if (whole || (call->capability->flags & AGENT_OWN_PAGES))
        how = (struct report_page){.question = question};
    if (r == 0)
        r = report_finish(report, &how, ret, err);
    report_free(report);
    return r;
}

static int run_counted(struct agent_call *call, const struct agent_capability *c, json_t *arguments,
                       bool whole, struct report_answer *ret, struct err *err) {
    void *input = mem_zalloc(c->input_size);
    uint64_t begin = env_now_mono_ns();
    call->capability = c;
    int r = input ? fields_decode(c->input, arguments, input, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    if (r == ERR_LIMIT)
        r = ERR_INVAL;
    if (r == 0) {
        r = run_decoded(call, input, hash_question(c, arguments), whole, ret, err);
        fields_release(c->input, input);
    }
    mem_free(input);
    if (!call->asker) // what was worked out on the way is there the next time
        derived_flush(workspace_derived(call->ws));
    count(c, begin, r, call->asker != NULL);
    return r;
}

int agent_run(struct agent_call *call, const struct agent_capability *c, json_t *arguments,
              struct report_answer *ret, struct err *err) {
    return run_counted(call, c, arguments, false, ret, err);
}

int agent_ask(struct agent_call *call, const char *capability, json_t *arguments, json_t **ret,
              struct err *err) {
    const struct agent_capability *c = agent_capability_find(capability, strlen(capability), NULL);
    struct agent_call inner = *call;
    struct report_answer answer = {0};
    unsigned depth = 1;
    inner.asker = call;
    for (const struct agent_call *up = call; up->asker; up = up->asker)
        depth++;
    json_t *given = arguments ? json_incref(arguments) : json_object();
    int r =
        !c ? err_set(err, ERR_NOT_FOUND, "no agent can do \"%s\"", capability)
        : depth > AGENT_ASK_DEPTH_MAX
            ? err_set(err, ERR_LIMIT, "agents ask each other at most %d deep", AGENT_ASK_DEPTH_MAX)
        : !given ? err_set(err, ERR_NOMEM, "out of memory")
                 : run_counted(&inner, c, given, true, &answer, err);
    json_decref(given);
    if (r == 0) {
        *ret = json_incref(answer.structured);
        report_answer_done(&answer);
    }
    return r;
}
