// Tasks between two friends over nodes in memory.
#include "tests/unit/federation/tasks_pair.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct task_pair pair;

static int setup(void **state) {
    *state = &pair;
    return task_pair_init(&pair) < 0 || !task_pair_connect(&pair);
}
static int teardown(void **state) {
    (void)state;
    task_pair_done(&pair);
    return pair.env.live != 0;
}

static void ask(char id[TASKS_ID_BYTES + 1]) {
    struct err err = {0};
    assert_int_equal(side_ask(&pair.a, "diff --git a/x b/x", id, &err), 0);
    task_pair_run(&pair);
}
static const char *answer_of(const json_t *task) {
    const json_t *artifact = json_array_get(json_object_get(task, "artifacts"), 0);
    const json_t *part = json_array_get(json_object_get(artifact, "parts"), 0);
    return json_string_value(json_object_get(part, "text"));
}
static unsigned count(struct task_side *s) {
    struct tasks_stats st;
    tasks_stats(s->tasks, &st);
    return st.served + st.kept;
}

// --- states

static void a_task_goes_to_the_friend_and_its_answer_comes_back_verified(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    assert_int_equal(pair.b.started, 1);
    assert_string_equal(pair.b.parts, "[{\"text\":\"diff --git a/x b/x\"}]");
    assert_int_equal(side_state(&pair.a, true, id), A2A_WORKING);
    assert_int_equal(pair.a.leavings, 1);
    assert_int_equal(tasks_progress(pair.b.tasks, pair.b.jobs[0], 1, 4, "one file of four"), 0);
    task_pair_run(&pair);
    assert_string_equal(pair.a.text, "one file of four");
    side_finish(&pair.b, A2A_COMPLETED, "", "x:1 a finding");
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
    assert_int_equal(side_state(&pair.b, false, id), A2A_COMPLETED);
    assert_string_equal(answer_of(pair.a.result), "x:1 a finding");
    assert_int_equal(pair.b.usage.requests, 1);
    assert_int_equal(pair.b.usage.cpu_ms, 1000);
}

static void a_failure_is_said_with_its_reason(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    side_finish(&pair.b, A2A_FAILED, "the diff cannot be read", NULL);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_string_equal(pair.a.text, "the diff cannot be read");
}

static void a_task_that_asks_waits_until_its_user_allows_it(void **state) {
    char id[TASKS_ID_BYTES + 1];
    struct err err = {0};
    (void)state;
    pair.b.policy.mode = TASKS_ASK;
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_AUTH_REQUIRED);
    assert_int_equal(pair.b.started, 0);
    assert_int_equal(tasks_decide(pair.b.tasks, "nothing", true, &err), ERR_NOT_FOUND);
    assert_int_equal(tasks_decide(pair.b.tasks, id, true, &err), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.b.started, 1);
    assert_int_equal(tasks_decide(pair.b.tasks, id, true, &err), ERR_INVAL); // not twice
    side_finish(&pair.b, A2A_COMPLETED, "", "ok");
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
}

static void a_no_of_its_user_is_a_rejection(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    pair.b.policy.mode = TASKS_ASK;
    ask(id);
    assert_int_equal(tasks_decide(pair.b.tasks, id, false, NULL), 0);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_REJECTED);
    assert_int_equal(pair.b.started, 0);
}

static void what_is_missing_is_asked_for_and_the_work_goes_on(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    assert_int_equal(tasks_reply(pair.a.tasks, id, json_pack("[{s:s}]", "text", "y"), NULL),
                     ERR_INVAL);
    side_finish(&pair.b, A2A_INPUT_REQUIRED, "the text of x", NULL);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_INPUT_REQUIRED);
    assert_string_equal(pair.a.text, "the text of x");
    pair.b.policy.mode = TASKS_ASK; // it was let in once
    assert_int_equal(tasks_reply(pair.a.tasks, id, json_pack("[{s:s}]", "text", "int x;"), NULL),
                     0);
    task_pair_run(&pair);
    assert_int_equal(pair.b.started, 2);
    assert_non_null(strstr(pair.b.parts, "int x;"));
    assert_non_null(strstr(pair.b.parts, "diff --git"));
    side_finish(&pair.b, A2A_COMPLETED, "", "all of it");
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
    assert_string_equal(answer_of(pair.a.result), "all of it");
}

// --- rules

static void nobody_asks_without_a_grant_on_either_side(void **state) {
    char id[TASKS_ID_BYTES + 1];
    struct err err = {0};
    (void)state;
    pair.a.grant_out = false;
    assert_int_equal(side_ask(&pair.a, "x", id, &err), ERR_PERM);
    pair.a.grant_out = true;
    pair.b.grant_in = false;
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_REJECTED);
    assert_int_equal(count(&pair.b), 0); // a refusal at the door costs no memory
    pair.b.grant_in = true;
    pair.b.policy.mode = TASKS_NEVER;
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_REJECTED);
    assert_int_equal(count(&pair.b), 0);
    assert_int_equal(pair.b.started, 0);
}

static void a_quota_counts_requests_and_computing_time_of_a_day(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    pair.b.policy = (struct tasks_policy){.mode = TASKS_QUOTA, .requests_day = 2, .cpu_s_day = 9};
    for (int i = 0; i < 2; i++) {
        ask(id);
        side_finish(&pair.b, A2A_COMPLETED, "", "ok");
        task_pair_run(&pair);
        assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
    }
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_REJECTED);
    assert_non_null(strstr(pair.a.text, "a day"));
    pair.b.policy = (struct tasks_policy){.mode = TASKS_ALWAYS, .requests_day = 9, .cpu_s_day = 2};
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_REJECTED);
    assert_non_null(strstr(pair.a.text, "computing time"));
    pair.env.now_ms += 24 * 3600 * UINT64_C(1000); // tomorrow
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 60 * 1000);
    assert_true(task_pair_connect(&pair));
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_WORKING);
}

static void a_change_of_policy_reaches_what_is_queued_and_what_runs(void **state) {
    char id[4][TASKS_ID_BYTES + 1];
    (void)state;
    for (int i = 0; i < 4; i++)
        ask(id[i]);
    assert_int_equal(pair.b.started, TASKS_RUNNING_MAX);
    assert_int_equal(side_state(&pair.b, false, id[3]), A2A_SUBMITTED);
    pair.b.policy.mode = TASKS_ASK; // what waits asks again, what runs goes on
    tasks_rules_changed(pair.b.tasks);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id[3]), A2A_AUTH_REQUIRED);
    assert_int_equal(side_state(&pair.a, true, id[0]), A2A_WORKING);
    side_finish(&pair.b, A2A_COMPLETED, "", "ok");
    task_pair_run(&pair);
    assert_int_equal(pair.b.started, TASKS_RUNNING_MAX); // and is not started by a free place
    pair.b.policy.mode = TASKS_NEVER;
    tasks_rules_changed(pair.b.tasks);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id[3]), A2A_REJECTED);
    assert_int_equal(side_state(&pair.a, true, id[1]), A2A_FAILED);
    assert_int_equal(pair.b.stopped, 1);
    side_finish(&pair.b, A2A_COMPLETED, "", "too late"); // the worker comes back
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id[1]), A2A_FAILED);
}

static void a_grant_withdrawn_before_sending_keeps_it_here(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    side_stop(&pair.b);
    task_pair_pass(&pair, 1000);
    ask(id);
    assert_int_equal(side_state(&pair.a, true, id), A2A_SUBMITTED);
    pair.a.grant_out = false; // nobody says so: it is looked at right before the bytes leave
    assert_int_equal(side_start(&pair.b), 0);
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 1000);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_int_equal(pair.a.leavings, 0);
    assert_int_equal(count(&pair.b), 0);
}

static void a_grant_withdrawn_while_the_friend_works_takes_it_back(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    pair.a.grant_out = false;
    tasks_rules_changed(pair.a.tasks);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_int_equal(side_state(&pair.b, false, id), A2A_CANCELED);
    assert_int_equal(pair.b.stopped, 1);
}

static void grants_that_are_being_read_delay_and_do_not_refuse(void **state) {
    char id[3][TASKS_ID_BYTES + 1];
    struct err err = {0};
    (void)state;
    pair.b.reading = true;
    ask(id[0]);
    assert_int_equal(side_state(&pair.a, true, id[0]), A2A_SUBMITTED);
    assert_int_equal(count(&pair.b), 0);
    pair.b.reading = false;
    task_pair_pass(&pair, 2 * TASKS_RETRY_MS);
    assert_int_equal(side_state(&pair.a, true, id[0]), A2A_WORKING);
    ask(id[1]);
    pair.b.policy.mode = TASKS_ASK;
    ask(id[2]);
    pair.b.reading = true; // what runs and what waits is left alone meanwhile
    tasks_rules_changed(pair.b.tasks);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id[0]), A2A_WORKING);
    assert_int_equal(side_state(&pair.a, true, id[2]), A2A_AUTH_REQUIRED);
    assert_int_equal(tasks_decide(pair.b.tasks, id[2], true, &err), ERR_BUSY);
    pair.a.reading = true;
    assert_int_equal(side_ask(&pair.a, "x", id[0], &err), ERR_BUSY);
}

// --- cancelling

static void a_cancelled_task_ends_on_both_sides_and_its_place_stays_taken(void **state) {
    char id[TASKS_ID_BYTES + 1];
    struct tasks_stats s;
    (void)state;
    ask(id);
    assert_int_equal(tasks_cancel(pair.a.tasks, id, NULL), 0);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_CANCELED);
    assert_int_equal(side_state(&pair.b, false, id), A2A_CANCELED);
    assert_int_equal(pair.b.stopped, 1);
    tasks_stats(pair.b.tasks, &s);
    assert_int_equal(s.running, 1); // the worker is still at it
    side_finish(&pair.b, A2A_COMPLETED, "", "too late");
    task_pair_run(&pair);
    tasks_stats(pair.b.tasks, &s);
    assert_int_equal(s.running, 0);
    assert_int_equal(side_state(&pair.a, true, id), A2A_CANCELED);
    assert_int_equal(pair.b.usage.cpu_ms, 1000); // its time counts nonetheless
    assert_int_equal(tasks_cancel(pair.a.tasks, id, NULL), ERR_INVAL);
}

static void a_cancel_that_crosses_the_answer_loses(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    side_finish(&pair.b, A2A_COMPLETED, "", "done"); // nothing of it is delivered yet
    assert_int_equal(tasks_cancel(pair.a.tasks, id, NULL), 0);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
    assert_string_equal(answer_of(pair.a.result), "done");
}

static void a_cancel_without_a_link_counts_here_and_is_told_later(void **state) {
    char id[TASKS_ID_BYTES + 1], unsent[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    net_memory_reset(pair.m);
    task_pair_run(&pair);
    ask(unsent);
    assert_int_equal(tasks_cancel(pair.a.tasks, id, NULL), 0);
    assert_int_equal(tasks_cancel(pair.a.tasks, unsent, NULL), 0);
    assert_int_equal(side_state(&pair.a, true, id), A2A_CANCELED);
    assert_int_equal(side_state(&pair.b, false, id), A2A_WORKING);
    assert_true(task_pair_connect(&pair));
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.b, false, id), A2A_CANCELED);
    assert_int_equal(side_state(&pair.b, false, unsent), A2A_STATES);
}

// --- links and lives

static void a_task_goes_on_without_a_link_and_is_fetched_afterwards(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    net_memory_reset(pair.m);
    task_pair_run(&pair);
    side_finish(&pair.b, A2A_COMPLETED, "", "meanwhile");
    assert_true(task_pair_connect(&pair));
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_COMPLETED);
    assert_string_equal(answer_of(pair.a.result), "meanwhile");
    assert_int_equal(pair.b.started, 1);
}

static void a_lost_answer_does_not_make_it_two_tasks(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    pair.b.cut = true; // the link ends when the friend has begun, before its word is on its way
    ask(id);
    assert_int_equal(pair.b.started, 1);
    assert_int_equal(side_state(&pair.a, true, id), A2A_SUBMITTED);
    assert_null(node_session_find(pair.a.node, pair.b.self.key));
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 10000);
    assert_int_equal(pair.b.started, 1);
    assert_int_equal(pair.a.leavings, 2); // said twice
    assert_int_equal(side_state(&pair.a, true, id), A2A_WORKING);
}

static json_t *message(const char *id, const char *text) {
    return json_pack("{s:{s:s, s:s, s:[{s:s}], s:{s:{s:s, s:s}}}}", "message", "messageId", id,
                     "role", "ROLE_USER", "parts", "text", text, "metadata", "paired", "agent",
                     "sherlock", "skill", "review");
}

static void an_id_said_twice_is_one_task_and_another_request_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(side_raw(&pair.a, "task.send", message("one", "x")), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.a.raw, 2);
    assert_int_equal(pair.b.started, 1);
    assert_int_equal(side_raw(&pair.a, "task.send", message("one", "y")), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.a.raw_code, -32602);
    assert_int_equal(count(&pair.b), 1);
    side_finish(&pair.b, A2A_COMPLETED, "", "ok");
    assert_int_equal(side_raw(&pair.a, "task.send", message("one", "x")), 0); // and when it is over
    task_pair_run(&pair);
    assert_int_equal(pair.b.started, 1);
    assert_string_equal(pair.a.raw_state, "TASK_STATE_COMPLETED");
}

static void a_restart_of_the_friend_is_a_failure_that_says_so(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    side_stop(&pair.b);
    assert_int_equal(side_start(&pair.b), 0);
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 10000);
    assert_int_equal(side_state(&pair.b, false, id), A2A_FAILED);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_non_null(strstr(pair.a.text, "restarted"));
    assert_non_null(pair.a.result); // it is signed
    // One that has lost its table as well.
    pair.b.rows_n = 0;
    ask(id);
    side_stop(&pair.b);
    pair.b.rows_n = 0;
    assert_int_equal(side_start(&pair.b), 0);
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 10000);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_non_null(strstr(pair.a.text, "restarted"));
}

static void a_restart_of_who_asked_stops_the_work_at_the_friend(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    side_stop(&pair.a);
    assert_int_equal(side_start(&pair.a), 0);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_true(task_pair_connect(&pair));
    task_pair_pass(&pair, 10000);
    assert_int_equal(side_state(&pair.b, false, id), A2A_CANCELED);
    assert_int_equal(pair.b.stopped, 1);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
}

static void deadlines_end_it_here_and_there(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    struct tasks_ask a = {.device = pair.b.self.key,
                          .agent = "sherlock",
                          .skill = "review",
                          .parts = json_pack("[{s:s}]", "text", "x"),
                          .deadline_ms = 30000};
    assert_int_equal(tasks_ask(pair.a.tasks, &a, id, NULL), 0);
    task_pair_pass(&pair, 29000);
    assert_int_equal(side_state(&pair.a, true, id), A2A_WORKING);
    task_pair_pass(&pair, 3000);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_int_equal(side_state(&pair.b, false, id), A2A_FAILED);
    assert_int_equal(pair.b.stopped, 1);
    side_stop(&pair.b);
    task_pair_pass(&pair, 1000);
    a.parts = json_pack("[{s:s}]", "text", "x");
    assert_int_equal(tasks_ask(pair.a.tasks, &a, id, NULL), 0);
    task_pair_pass(&pair, 32000);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_non_null(strstr(pair.a.text, "nothing was sent"));
}

// --- limits and lies

static char *text_of(size_t n) {
    char *s = malloc(n + 1);
    assert_non_null(s);
    memset(s, 'x', n);
    s[n] = '\0';
    return s;
}

static void what_is_too_large_is_refused_before_it_leaves_and_when_it_comes(void **state) {
    char id[TASKS_ID_BYTES + 1];
    struct err err = {0};
    (void)state;
    char *large = text_of(A2A_TEXT_BYTES_MAX + 1);
    assert_int_equal(side_ask(&pair.a, large, id, &err), ERR_LIMIT);
    assert_int_equal(side_raw(&pair.a, "task.send", message("big", large)), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.a.raw_code, -32602);
    free(large);
    char *most = text_of(500 * 1024);
    struct tasks_ask a = {.device = pair.b.self.key,
                          .agent = "sherlock",
                          .skill = "review",
                          .parts = json_pack("[{s:s},{s:s}]", "text", most, "text", most)};
    assert_int_equal(tasks_ask(pair.a.tasks, &a, id, &err), ERR_LIMIT);
    a.parts = json_pack("[{s:s}]", "text", most);
    assert_int_equal(tasks_ask(pair.a.tasks, &a, id, &err), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.b.started, 1);
    char *answer = text_of(TASKS_RESULT_BYTES_MAX);
    side_finish(&pair.b, A2A_COMPLETED, "", answer);
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_non_null(strstr(pair.a.text, "too large"));
    free(answer);
    free(most);
}

static void a_forged_answer_is_not_used(void **state) {
    char id[TASKS_ID_BYTES + 1];
    (void)state;
    ask(id);
    pair.b.forge = true;
    side_finish(&pair.b, A2A_COMPLETED, "", "believe me");
    task_pair_run(&pair);
    assert_int_equal(side_state(&pair.a, true, id), A2A_FAILED);
    assert_null(pair.a.result);
    assert_non_null(strstr(pair.a.text, "signed"));
}

static void messages_that_are_none_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"message\":[]}",
        "{\"message\":{\"messageId\":\"a\",\"role\":\"ROLE_AGENT\","
        "\"parts\":[{\"text\":\"x\"}]}}",
        "{\"message\":{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}]}}",
        "{\"message\":{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}],"
        "\"metadata\":{\"paired\":{\"agent\":\"../x\",\"skill\":\"y\"}}}}",
        "{\"message\":{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}],"
        "\"metadata\":{\"paired\":{\"agent\":\"sherlock\",\"skill\":\"review\",\"deadlineMs\":0}}}"
        "}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        pair.a.raw_code = 0;
        assert_int_equal(side_raw(&pair.a, "task.send", json_loads(bad[i], 0, NULL)), 0);
        task_pair_run(&pair);
        assert_int_equal(pair.a.raw_code, -32602);
    }
    static const char *const methods[] = {"task.get", "task.cancel", "task.update"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        pair.a.raw_code = 0;
        assert_int_equal(side_raw(&pair.a, methods[i], json_pack("{s:s}", "id", "none")), 0);
        task_pair_run(&pair);
        assert_int_equal(pair.a.raw_code, A2A_ERROR_NOT_FOUND);
    }
    assert_int_equal(count(&pair.b), 0);
    // An agent that there is not: an answer, but nothing is kept.
    json_t *m = message("other", "x");
    (void)json_object_set_new(
        json_object_get(json_object_get(json_object_get(m, "message"), "metadata"), "paired"),
        "agent", json_string("moriarty"));
    assert_int_equal(side_raw(&pair.a, "task.send", m), 0);
    task_pair_run(&pair);
    assert_string_equal(pair.a.raw_state, "TASK_STATE_REJECTED");
    assert_int_equal(count(&pair.b), 0);
}

static void a_flood_of_a_friend_ends_at_its_share(void **state) {
    struct tasks_stats s;
    char id[32];
    (void)state;
    pair.b.policy.requests_day = 100000;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof id, "flood%d", i);
        assert_int_equal(side_raw(&pair.a, "task.send", message(id, "x")), 0);
        task_pair_run(&pair);
    }
    tasks_stats(pair.b.tasks, &s);
    assert_int_equal(s.served, TASKS_FRIEND_MAX);
    assert_int_equal(s.running, TASKS_RUNNING_MAX);
    assert_int_equal(pair.a.raw_code, NODE_ERROR_BUSY);
    assert_true(s.refused >= 300 - TASKS_FRIEND_MAX);
    assert_true(s.bytes < 64 * 1024);
    // What was cancelled while a worker is at it does not free its place.
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof id, "flood%d", i);
        assert_int_equal(side_raw(&pair.a, "task.cancel", json_pack("{s:s}", "id", id)), 0);
        (void)snprintf(id, sizeof id, "more%d", i);
        assert_int_equal(side_raw(&pair.a, "task.send", message(id, "x")), 0);
        task_pair_pass(&pair, 100); // a friend's requests are counted, too
    }
    tasks_stats(pair.b.tasks, &s);
    assert_int_equal(s.running, TASKS_RUNNING_MAX);
    assert_int_equal(pair.b.started, TASKS_RUNNING_MAX);
    assert_true(s.served <= TASKS_FRIEND_MAX);
    assert_true(s.kept <= TASKS_KEPT_FRIEND_MAX + TASKS_FRIEND_MAX);
    assert_true(pair.b.rows_n <= TASKS_KEPT_FRIEND_MAX + 2 * TASKS_FRIEND_MAX);
}

static void ours_under_way_have_a_maximum(void **state) {
    char id[TASKS_ID_BYTES + 1], first[TASKS_ID_BYTES + 1];
    struct err err = {0};
    (void)state;
    side_stop(&pair.b);
    task_pair_pass(&pair, 1000);
    ask(first);
    for (int i = 1; i < TASKS_ASKED_MAX; i++)
        ask(id);
    assert_int_equal(side_ask(&pair.a, "x", id, &err), ERR_BUSY);
    assert_int_equal(tasks_cancel(pair.a.tasks, first, NULL), 0);
    ask(id);
    assert_int_equal(side_state(&pair.a, true, first), A2A_STATES); // an ended one made room
}

static void without_memory_it_fails_or_is_tried_again(void **state) {
    unsigned completed = 0;
    (void)state;
    for (uint64_t n = 1; n < 400; n += 3) {
        char id[TASKS_ID_BYTES + 1];
        mem_fail_at(n);
        int r = side_ask(&pair.a, "x", id, NULL);
        task_pair_run(&pair);
        mem_fail_at(0);
        assert_true(task_pair_connect(&pair));
        task_pair_pass(&pair, 2 * TASKS_RETRY_MS + TASKS_CALL_MS);
        while (pair.b.jobs_n)
            side_finish(&pair.b, A2A_COMPLETED, "", "ok");
        task_pair_pass(&pair, 2 * TASKS_RETRY_MS + TASKS_CALL_MS);
        enum a2a_state end = r < 0 ? A2A_STATES : side_state(&pair.a, true, id);
        assert_true(r == 0 || r == ERR_NOMEM || r == ERR_LIMIT);
        assert_true(r < 0 || a2a_state_terminal(end));
        completed += end == A2A_COMPLETED;
    }
    assert_true(completed > 60);
}

// --- cards

static void on_cards(void *ctx, const json_t *cards, const struct err *why) {
    struct task_side *s = ctx;
    s->cards_n = (int)json_array_size(cards);
    s->cards_code = why ? why->code : 0;
}

static void cards_are_those_that_the_device_signed(void **state) {
    (void)state;
    assert_int_equal(tasks_cards(pair.a.tasks, pair.b.self.key, on_cards, &pair.a, NULL), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.a.cards_n, 1);
    assert_int_equal(pair.a.cards_code, 0);
    pair.b.forge = true;
    assert_int_equal(tasks_cards(pair.a.tasks, pair.b.self.key, on_cards, &pair.a, NULL), 0);
    task_pair_run(&pair);
    assert_int_equal(pair.a.cards_n, 0);
    assert_int_equal(pair.a.cards_code, ERR_KEY);
    net_memory_reset(pair.m);
    task_pair_run(&pair);
    assert_int_equal(tasks_cards(pair.a.tasks, pair.b.self.key, on_cards, &pair.a, NULL),
                     ERR_CLOSED);
}

int main(void) {
#define TASK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TASK_TEST(a_task_goes_to_the_friend_and_its_answer_comes_back_verified),
        TASK_TEST(a_failure_is_said_with_its_reason),
        TASK_TEST(a_task_that_asks_waits_until_its_user_allows_it),
        TASK_TEST(a_no_of_its_user_is_a_rejection),
        TASK_TEST(what_is_missing_is_asked_for_and_the_work_goes_on),
        TASK_TEST(nobody_asks_without_a_grant_on_either_side),
        TASK_TEST(a_quota_counts_requests_and_computing_time_of_a_day),
        TASK_TEST(a_change_of_policy_reaches_what_is_queued_and_what_runs),
        TASK_TEST(a_grant_withdrawn_before_sending_keeps_it_here),
        TASK_TEST(a_grant_withdrawn_while_the_friend_works_takes_it_back),
        TASK_TEST(grants_that_are_being_read_delay_and_do_not_refuse),
        TASK_TEST(a_cancelled_task_ends_on_both_sides_and_its_place_stays_taken),
        TASK_TEST(a_cancel_that_crosses_the_answer_loses),
        TASK_TEST(a_cancel_without_a_link_counts_here_and_is_told_later),
        TASK_TEST(a_task_goes_on_without_a_link_and_is_fetched_afterwards),
        TASK_TEST(a_lost_answer_does_not_make_it_two_tasks),
        TASK_TEST(an_id_said_twice_is_one_task_and_another_request_is_refused),
        TASK_TEST(a_restart_of_the_friend_is_a_failure_that_says_so),
        TASK_TEST(a_restart_of_who_asked_stops_the_work_at_the_friend),
        TASK_TEST(deadlines_end_it_here_and_there),
        TASK_TEST(what_is_too_large_is_refused_before_it_leaves_and_when_it_comes),
        TASK_TEST(a_forged_answer_is_not_used),
        TASK_TEST(messages_that_are_none_are_refused),
        TASK_TEST(a_flood_of_a_friend_ends_at_its_share),
        TASK_TEST(ours_under_way_have_a_maximum),
        TASK_TEST(without_memory_it_fails_or_is_tried_again),
        TASK_TEST(cards_are_those_that_the_device_signed),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("federation/tasks", tests, NULL, NULL);
}
