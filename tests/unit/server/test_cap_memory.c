// The memory's tools through dispatch, on a real store in a directory of its own.
#include "tests/unit/server/cap_bench.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// --- the table

static void the_tools_are_described_annotated_and_small(void **state) {
    struct bench *b = *state;
    static const char *const names[] = {"remember", "recall", "forget", "handoff", "resume"};
    size_t total = 0, tools = 0;
    for (size_t i = 0; dispatch_at(b->dispatch, i); i++) {
        const struct capability *c = dispatch_at(b->dispatch, i);
        assert_true(c->flags & CAP_TOOL);
        assert_string_equal(c->name, names[i]);
        json_t *tool = json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:s}}", "name", c->name, "title",
                                 c->title, "description", c->description, "inputSchema",
                                 fields_schema(c->input), "outputSchema", fields_schema(c->output),
                                 "_meta", "searchHint", c->search_hint);
        char *text = json_dumps(tool, JSON_COMPACT);
        assert_non_null(text);
        json_t *seen = json_pack("{s:s, s:s, s:o}", "name", c->name, "description", c->description,
                                 "input_schema", fields_schema(c->input));
        char *model = json_dumps(seen, JSON_COMPACT); // what a model's context gets
        print_message("%s: %zu bytes, %zu tokens for a model\n", c->name, strlen(text),
                      tokens_count(model, strlen(model)));
        assert_in_range(tokens_count(model, strlen(model)), 20, 250);
        total += strlen(text);
        tools++;
        free(text);
        free(model);
        json_decref(tool);
        json_decref(seen);
        json_t *example = json_loads(c->example, 0, NULL);
        void *input = mem_zalloc(c->input_size);
        assert_int_equal(fields_decode(c->input, example, input, NULL), 0);
        fields_release(c->input, input);
        mem_free(input);
        json_decref(example);
    }
    assert_int_equal(tools, 5);
    assert_in_range(total, 1000, 5300); // with names and annotations around: 6 kB in tools/list
}

// --- remember and recall

static void what_is_remembered_is_recalled_with_all_it_came_with(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES], uri[64];
    cap_must(
        b, "remember",
        "{'text':'Releases are cut from main on Thursdays','kind':'fact','subject':'release day',"
        "'tags':['release',' ci ','release']}");
    cap_keep_uid(b, uid);
    assert_string_equal(cap_member(b, "kind"), "fact");
    assert_string_equal(cap_member(b, "scope"), "workspace");
    assert_true(cap_text_has(b, uid));
    (void)snprintf(uri, sizeof uri, "memory://note/%s", uid);
    assert_true(cap_changed_has(b, uri) && cap_changed_has(b, "memory://recent") &&
                b->list_changed);
    b->client = "other-tool"; // another client, a moment later
    (void)snprintf(b->session, sizeof b->session, "s2");
    cap_must(b, "recall", "{'query':'when do we cut releases?'}");
    assert_int_equal(cap_notes(b), 1);
    assert_string_equal(cap_note_member(b, 0, "uid"), uid);
    assert_string_equal(cap_note_member(b, 0, "text"), "Releases are cut from main on Thursdays");
    assert_string_equal(cap_note_member(b, 0, "subject"), "release day");
    assert_string_equal(cap_note_member(b, 0, "source"), "tester");
    assert_non_null(strstr(cap_note_member(b, 0, "when"), "(just now)"));
    const json_t *note = json_array_get(json_object_get(b->structured, "notes"), 0);
    assert_int_equal(json_array_size(json_object_get(note, "tags")), 2);
    // Text and structure say the same.
    assert_true(cap_text_has(b, uid) && cap_text_has(b, "release day") &&
                cap_text_has(b, "release, ci") && cap_text_has(b, "Thursdays") &&
                cap_text_has(b, "tester") && cap_text_has(b, "just now"));
    assert_false(b->list_changed);
}

static void bad_arguments_are_refused_by_name_and_rule(void **state) {
    struct bench *b = *state;
    static const struct {
        const char *tool, *json, *says;
    } bad[] = {
        {"remember", "{}", "text"},
        {"remember", "{'text':''}", "text: must not be empty"},
        {"remember", "{'text':' \\n\\t '}", "text: must not be empty"},
        {"remember", "{'text':'a','kind':'rumour'}", "kind: expected one of"},
        {"remember", "{'text':'a','tags':['ok','']}", "tags[1]"},
        {"remember", "{'text':'a','tags':['two\\nlines']}", "tags: must not hold a line break"},
        {"remember", "{'text':'a','subject':'a\\nb'}", "subject"},
        {"remember", "{'text':'a','expires_days':0}", "expires_days"},
        {"remember", "{'text':'a','replaces':'x'}", "replaces: expected the id of a note"},
        {"remember", "{'text':'a','replaces':'nabcdefghijk2345'}", "nabcdefghijk2345"},
        {"recall", "{'since':'soon'}", "since: \"soon\""},
        {"recall", "{'until':'2026-13'}", "until"},
        {"recall", "{'since':'today','until':'last week'}", "since: is later than until"},
        {"recall", "{'limit':0}", "limit"},
        {"recall", "{'budget':10}", "budget"},
        {"recall", "{'cursor':'nonsense'}", "cursor"},
        {"forget", "{'uid':'n1'}", "uid: expected the id of a note"},
        {"forget", "{'uid':'nabcdefghijk2345'}", "there is no note nabcdefghijk2345"},
        {"handoff", "{'title':'a'}", "next"},
        {"handoff", "{'title':'a\\nb','next':'c'}", "title: must not hold a line break"},
        {"handoff", "{'title':'a','next':'c','files':['']}", "files[0]"},
        {"resume", "{'uid':'nabcdefghijk2345'}", "uid: expected the id of a handoff"},
        {"resume", "{'uid':'habcdefghijk2345'}", "there is no handoff habcdefghijk2345"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_true(cap_call(b, bad[i].tool, bad[i].json) < 0);
        if (!strstr(b->message, bad[i].says))
            fail_msg("%s %s: %s", bad[i].tool, bad[i].json, b->message);
    }
    cap_must(b, "recall", "{}");
    assert_int_equal(cap_notes(b), 0); // nothing of it was kept
}

static void a_text_over_its_limit_is_refused_and_at_it_kept(void **state) {
    struct bench *b = *state;
    char *text = mem_zalloc(NOTE_TEXT_BYTES_MAX + 2);
    memset(text, 'x', NOTE_TEXT_BYTES_MAX + 1);
    assert_int_equal(cap_call_json(b, "remember", json_pack("{s:s}", "text", text), false),
                     ERR_INVAL);
    assert_non_null(strstr(b->message, "text"));
    assert_non_null(strstr(b->message, "65536"));
    text[NOTE_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(cap_call_json(b, "remember", json_pack("{s:s}", "text", text), false), 0);
    mem_free(text);
}

static void a_repeated_request_writes_once(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'once only'}");
    cap_keep_uid(b, uid);
    b->seq--; // the same request again, as after an engine restart
    cap_must(b, "remember", "{'text':'once only'}");
    assert_string_equal(cap_member(b, "uid"), uid);
    cap_must(b, "recall", "{'query':'once'}");
    assert_int_equal(cap_notes(b), 1);
    cap_must(b, "remember", "{'text':'once only'}"); // another request
    assert_string_not_equal(cap_member(b, "uid"), uid);
}

static void a_newer_decision_supersedes_and_the_older_stays_readable(void **state) {
    struct bench *b = *state;
    char older[NOTE_UID_BYTES], newer[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'We use MySQL','kind':'decision','subject':'database'}");
    cap_keep_uid(b, older);
    cap_must(b, "remember",
             "{'text':'We moved to Postgres','kind':'decision','subject':'database'}");
    cap_keep_uid(b, newer);
    assert_string_equal(cap_member(b, "superseded"), older);
    assert_true(cap_text_has(b, older));
    cap_must(b, "recall", "{'query':'database'}");
    assert_int_equal(cap_notes(b), 1);
    assert_string_equal(cap_note_member(b, 0, "uid"), newer);
    assert_non_null(strstr(cap_member(b, "searched"), "superseded=true"));
    cap_must(b, "recall", "{'query':'database','superseded':true}");
    assert_int_equal(cap_notes(b), 2);
    size_t old_one = strcmp(cap_note_member(b, 0, "uid"), older) == 0 ? 0 : 1;
    assert_string_equal(cap_note_member(b, old_one, "superseded_by"), newer);
    assert_true(cap_text_has(b, "superseded by"));
    assert_null(strstr(cap_member(b, "searched"), "superseded"));
    // By uid, without a subject.
    cap_must(b, "remember", cap_with_uid("{'text':'Postgres 16 it is','replaces':'@'}", newer));
    assert_string_equal(cap_member(b, "superseded"), newer);
}

static void workspaces_are_apart_and_global_notes_everywhere(void **state) {
    struct bench *b = *state;
    cap_must(b, "remember", "{'text':'needle here'}");
    cap_must(b, "remember", "{'text':'needle global','scope':'global'}");
    assert_string_equal(cap_member(b, "scope"), "global");
    b->workspace = "/home/u/other";
    cap_must(b, "recall", "{'query':'needle'}");
    assert_int_equal(cap_notes(b), 1);
    assert_string_equal(cap_note_member(b, 0, "scope"), "global");
    assert_non_null(strstr(cap_member(b, "searched"), "not other workspaces"));
    assert_true(cap_text_has(b, "not other workspaces"));
    cap_must(b, "recall", "{'query':'needle','all':true}");
    assert_int_equal(cap_notes(b), 2);
    assert_true(cap_text_has(b, "/home/u/project"));
    b->workspace = NULL;
    cap_must(b, "recall", "{'query':'needle'}");
    assert_int_equal(cap_notes(b), 1);
    cap_must(b, "remember", "{'text':'no workspace'}");
    assert_string_equal(cap_member(b, "scope"), "global");
}

static void filters_narrow(void **state) {
    struct bench *b = *state;
    cap_must(b, "remember", "{'text':'pin one','tags':['red']}");
    cap_must(b, "remember", "{'text':'pin two','kind':'decision'}");
    cap_must(b, "recall", "{'query':'pin','tag':'red'}");
    assert_int_equal(cap_notes(b), 1);
    cap_must(b, "recall", "{'query':'pin','kind':'decision'}");
    assert_int_equal(cap_notes(b), 1);
    assert_string_equal(cap_note_member(b, 0, "text"), "pin two");
    cap_must(b, "recall", "{'query':'pin','since':'today'}");
    assert_int_equal(cap_notes(b), 2);
    cap_must(b, "recall", "{'query':'pin','until':'yesterday'}");
    assert_int_equal(cap_notes(b), 0);
    cap_must(b, "recall", "{'query':'pin','since':'last week','until':'now'}");
    assert_int_equal(cap_notes(b), 2);
    cap_must(b, "recall", "{}"); // the newest
    assert_string_equal(cap_note_member(b, 0, "text"), "pin two");
    cap_must(b, "recall", "{'query':'zebra'}");
    assert_int_equal(cap_notes(b), 0);
    assert_true(cap_text_has(b, "Nothing noted matches"));
}

// --- pages and budgets

static void remember_many(struct bench *b, int count, int words) {
    for (int i = 0; i < count; i++) {
        AUTO_BUF text = BUF_INIT(0);
        (void)buf_printf(&text, "lighthouse number %d:", i);
        for (int k = 0; k < words; k++)
            (void)buf_printf(&text, " \"word%d\"", k % 97);
        assert_int_equal(cap_call_json(b, "remember", json_pack("{s:s}", "text", text.data), false),
                         0);
    }
}

static size_t answer_tokens(const struct bench *b) {
    char *json = json_dumps(b->structured, JSON_COMPACT);
    size_t n = tokens_count(json, strlen(json)), text = tokens_count(b->text.data, b->text.len);
    free(json);
    return n > text ? n : text;
}

static void pages_cover_everything_once_within_the_budget(void **state) {
    enum { NOTES = 40 };
    struct bench *b = *state;
    bool seen[NOTES] = {false};
    char order[NOTES][NOTE_UID_BYTES];
    char cursor[64] = "";
    size_t pages = 0, total = 0;
    remember_many(b, NOTES, 60);
    do {
        json_t *arguments = json_pack("{s:s}", "query", "lighthouse");
        if (*cursor)
            (void)json_object_set_new(arguments, "cursor", json_string(cursor));
        assert_int_equal(cap_call_json(b, "recall", arguments, false), 0);
        assert_true(cap_notes(b) > 0);
        assert_in_range(answer_tokens(b), 1, 1500);
        for (size_t i = 0; i < cap_notes(b); i++) {
            int number = -1;
            assert_int_equal(sscanf(cap_note_member(b, i, "text"), "lighthouse number %d", &number),
                             1);
            assert_in_range(number, 0, NOTES - 1);
            assert_false(seen[number]);
            seen[number] = true;
            (void)snprintf(order[total++], sizeof order[0], "%s", cap_note_member(b, i, "uid"));
        }
        (void)snprintf(cursor, sizeof cursor, "%s", cap_member(b, "more"));
        if (*cursor)
            assert_true(cap_text_has(b, cursor));
        pages++;
    } while (*cursor && pages < 50);
    assert_int_equal(total, NOTES);
    assert_true(pages > 1);
    // The same notes in the same order as at once.
    cap_must(b, "recall", "{'query':'lighthouse','limit':40,'budget':20000}");
    assert_int_equal(cap_notes(b), NOTES);
    for (size_t i = 0; i < NOTES; i++)
        assert_string_equal(cap_note_member(b, i, "uid"), order[i]);
}

static void a_long_note_is_cut_to_the_budget_and_says_so(void **state) {
    struct bench *b = *state;
    remember_many(b, 1, 3000);
    cap_must(b, "recall", "{'query':'lighthouse'}");
    assert_int_equal(cap_notes(b), 1);
    const json_t *note = json_array_get(json_object_get(b->structured, "notes"), 0);
    assert_true(json_is_true(json_object_get(note, "cut")));
    assert_in_range(answer_tokens(b), 300, 1500);
    assert_true(cap_text_has(b, "[…]") && cap_text_has(b, "memory://note/"));
    cap_must(b, "recall", "{'query':'lighthouse','budget':200}");
    assert_in_range(answer_tokens(b), 50, 200);
    cap_must(b, "recall", "{'query':'lighthouse','budget':20000}");
    note = json_array_get(json_object_get(b->structured, "notes"), 0);
    assert_null(json_object_get(note, "cut"));
}

static void a_cursor_holds_only_for_its_query_and_unchanged(void **state) {
    struct bench *b = *state;
    char cursor[64], *json;
    remember_many(b, 5, 3);
    cap_must(b, "recall", "{'query':'lighthouse','limit':2}");
    (void)snprintf(cursor, sizeof cursor, "%s", cap_member(b, "more"));
    assert_true(*cursor);
    static const char *const others[] = {
        "{'query':'lighthouse number','limit':2,'cursor':'@'}",
        "{'limit':2,'cursor':'@'}",
        "{'query':'lighthouse','limit':2,'kind':'note','cursor':'@'}",
        "{'query':'lighthouse','limit':2,'since':'today','cursor':'@'}",
        "{'query':'lighthouse','limit':2,'all':true,'cursor':'@'}",
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(cap_call(b, "recall", cap_with_uid(others[i], cursor)), ERR_INVAL);
        assert_non_null(strstr(b->message, "cursor"));
    }
    b->workspace = "/elsewhere";
    json = "{'query':'lighthouse','limit':2,'cursor':'@'}";
    assert_int_equal(cap_call(b, "recall", cap_with_uid(json, cursor)), ERR_INVAL);
    b->workspace = "/home/u/project";
    for (size_t i = 0; cursor[i]; i++) { // every single character counts
        char changed[64];
        memcpy(changed, cursor, sizeof changed);
        changed[i] = changed[i] == 'a' ? 'b' : 'a';
        assert_int_equal(cap_call(b, "recall", cap_with_uid(json, changed)), ERR_INVAL);
    }
    cap_must(b, "recall", cap_with_uid(json, cursor));
    assert_int_equal(cap_notes(b), 2);
    cap_must(b, "recall", cap_with_uid(json, cursor)); // stable: the same page again
    assert_int_equal(cap_notes(b), 2);
}

// --- forget

static void forgetting_hides_at_once(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'a secret plan'}");
    cap_keep_uid(b, uid);
    cap_must(b, "forget", cap_with_uid("{'uid':'@'}", uid));
    assert_string_equal(cap_member(b, "state"), "hidden");
    assert_true(cap_text_has(b, "erase=true") && b->list_changed);
    cap_must(b, "recall", "{'query':'plan'}");
    assert_int_equal(cap_notes(b), 0);
}

static bool files_hold(const char *dir, const char *word) {
    DIR *d = opendir(dir);
    struct dirent *e;
    bool found = false;
    while (d && !found && (e = readdir(d))) {
        char path[512];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            found = files_hold(path, word);
            continue;
        }
        FILE *f = fopen(path, "rb");
        char *bytes = mem_alloc((size_t)st.st_size + 1);
        size_t n = f ? fread(bytes, 1, (size_t)st.st_size, f) : 0;
        found = memmem(bytes, n, word, strlen(word)) != NULL;
        mem_free(bytes);
        if (f)
            (void)fclose(f);
    }
    if (d)
        (void)closedir(d);
    return found;
}

static void erasing_asks_first_and_then_really_erases(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'the word xyzzyplugh must go'}");
    cap_keep_uid(b, uid);
    cap_must(b, "forget", cap_with_uid("{'uid':'@','erase':true}", uid));
    assert_non_null(b->ask);
    const char *message = json_string_value(json_object_get(b->ask, "message"));
    assert_non_null(strstr(message, "xyzzyplugh"));
    assert_non_null(strstr(message, uid));
    cap_must(b, "recall", "{'query':'xyzzyplugh'}");
    assert_int_equal(cap_notes(b), 1); // asking changes nothing
    assert_int_equal(
        cap_call_json(b, "forget", cap_parse(cap_with_uid("{'uid':'@','erase':true}", uid)), true),
        0);
    assert_null(b->ask);
    assert_string_equal(cap_member(b, "state"), "erased");
    cap_must(b, "recall", "{'query':'xyzzyplugh','superseded':true,'all':true}");
    assert_int_equal(cap_notes(b), 0);
    assert_false(files_hold(b->dir, "xyzzyplugh"));
    b->seq -= 2; // the erase itself, repeated after an engine restart: done, not an error
    assert_int_equal(
        cap_call_json(b, "forget", cap_parse(cap_with_uid("{'uid':'@','erase':true}", uid)), true),
        0);
    b->seq = 1000; // a new request for it
    assert_int_equal(
        cap_call_json(b, "forget", cap_parse(cap_with_uid("{'uid':'@','erase':true}", uid)), true),
        ERR_NOT_FOUND);
}

static void a_hidden_note_can_still_be_erased(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'hide me'}");
    cap_keep_uid(b, uid);
    cap_must(b, "forget", cap_with_uid("{'uid':'@'}", uid));
    cap_must(b, "forget", cap_with_uid("{'uid':'@','erase':true}", uid));
    assert_non_null(b->ask);
    assert_int_equal(
        cap_call_json(b, "forget", cap_parse(cap_with_uid("{'uid':'@','erase':true}", uid)), true),
        0);
}

static void a_text_that_looks_like_a_credential_is_kept_with_a_warning(void **state) {
    struct bench *b = *state;
    cap_must(b, "remember",
             "{'text':'deploy with AK"
             "IA0123456789ABCDEF for now'}");
    assert_non_null(strstr(cap_member(b, "warning"), "AWS"));
    assert_true(cap_text_has(b, "Warning"));
    cap_must(b, "recall", "{'query':'deploy'}");
    assert_string_equal(cap_note_member(b, 0, "text"), "deploy with AK"
                                                       "IA0123456789ABCDEF for now");
    cap_must(b, "remember", "{'text':'nothing of the kind'}");
    assert_string_equal(cap_member(b, "warning"), "");
}

static void an_expiry_is_told(void **state) {
    struct bench *b = *state;
    cap_must(b, "remember", "{'text':'short lived','expires_days':3}");
    assert_non_null(strstr(cap_member(b, "expires"), "(in "));
    assert_true(cap_text_has(b, "expires"));
}

// --- handoff and resume

static void a_handoff_is_resumed_from_another_tool(void **state) {
    struct bench *b = *state;
    char uid[NOTE_UID_BYTES];
    cap_must(b, "remember", "{'text':'older than the handoff'}");
    (void)usleep(3000); // a later millisecond
    cap_must(b, "handoff",
             "{'title':'Port the parser','summary':'half done','question':'keep the cache?',"
             "'next':'run the fuzz seeds','files':['/home/u/project/src/parse.c','notes.md']}");
    cap_keep_uid(b, uid);
    assert_true(uid[0] == 'h' && cap_text_has(b, "resume"));
    assert_true(cap_changed_has(b, "memory://handoff/latest"));
    (void)usleep(3000);
    cap_must(b, "remember", "{'text':'found on the way'}");
    cap_must(b, "remember", "{'text':'drop the cache','kind':'decision','subject':'cache'}");
    b->client = "editor";
    (void)snprintf(b->session, sizeof b->session, "s9");
    cap_must(b, "resume", "{}");
    json_t *handoffs = json_object_get(b->structured, "handoffs");
    assert_int_equal(json_array_size(handoffs), 1);
    json_t *h = json_array_get(handoffs, 0);
    assert_string_equal(json_string_value(json_object_get(h, "uid")), uid);
    assert_string_equal(json_string_value(json_object_get(h, "question")), "keep the cache?");
    assert_string_equal(json_string_value(json_object_get(h, "next")), "run the fuzz seeds");
    assert_string_equal(json_string_value(json_object_get(h, "source")), "tester");
    assert_string_equal(json_string_value(json_array_get(json_object_get(h, "files"), 0)),
                        "src/parse.c");
    json_t *since = json_object_get(b->structured, "since");
    assert_int_equal(json_array_size(since), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(since, 0), "text")),
                        "drop the cache");
    assert_true(cap_text_has(b, "run the fuzz seeds") && cap_text_has(b, "src/parse.c, notes.md") &&
                cap_text_has(b, "drop the cache") && cap_text_has(b, "half done"));
    assert_false(cap_text_has(b, "older than the handoff"));
}

static void the_newest_handoff_of_this_workspace_comes_first(void **state) {
    struct bench *b = *state;
    char first[NOTE_UID_BYTES];
    cap_must(b, "handoff", "{'title':'one','next':'a'}");
    cap_keep_uid(b, first);
    (void)usleep(3000);
    cap_must(b, "handoff", "{'title':'two','next':'b'}");
    b->workspace = "/elsewhere";
    (void)usleep(3000);
    cap_must(b, "handoff", "{'title':'three','next':'c'}");
    b->workspace = "/home/u/project";
    cap_must(b, "resume", "{'limit':5}");
    json_t *handoffs = json_object_get(b->structured, "handoffs");
    assert_int_equal(json_array_size(handoffs), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(handoffs, 0), "title")),
                        "two");
    cap_must(b, "resume", cap_with_uid("{'uid':'@'}", first));
    handoffs = json_object_get(b->structured, "handoffs");
    assert_string_equal(json_string_value(json_object_get(json_array_get(handoffs, 0), "title")),
                        "one");
    b->seq = 1; // a repeated handoff is saved once
    cap_must(b, "handoff", "{'title':'two','next':'b'}");
}

static void without_a_handoff_resume_says_so(void **state) {
    struct bench *b = *state;
    cap_must(b, "resume", "{}");
    assert_int_equal(json_array_size(json_object_get(b->structured, "handoffs")), 0);
    assert_true(cap_text_has(b, "nothing has been handed over"));
}

// --- faults

static struct store *no_store(struct services *s, struct err *err) {
    (void)s;
    (void)err_set(err, ERR_LOCKED, "the store is locked: paired key unlock");
    return NULL;
}

static void a_store_that_is_not_there_is_an_error_with_its_reason(void **state) {
    struct bench *b = *state;
    b->services.store = no_store;
    static const char *const calls[][2] = {
        {"remember", "{'text':'a'}"},
        {"recall", "{}"},
        {"forget", "{'uid':'nabcdefghijk2345'}"},
        {"handoff", "{'title':'a','next':'b'}"},
        {"resume", "{}"},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        assert_int_equal(cap_call(b, calls[i][0], calls[i][1]), ERR_LOCKED);
        assert_non_null(strstr(b->message, "paired key unlock"));
    }
    b->services.store = cap_get_store;
}

static void notes_survive_a_restart_of_the_store(void **state) {
    struct bench *b = *state;
    cap_must(b, "remember", "{'text':'persistent thing'}");
    store_close(b->store);
    assert_int_equal(cap_open_store(b), 0);
    cap_must(b, "recall", "{'query':'persistent'}");
    assert_int_equal(cap_notes(b), 1);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, cap_setup, cap_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(the_tools_are_described_annotated_and_small),
        WITH_STORE(what_is_remembered_is_recalled_with_all_it_came_with),
        WITH_STORE(bad_arguments_are_refused_by_name_and_rule),
        WITH_STORE(a_text_over_its_limit_is_refused_and_at_it_kept),
        WITH_STORE(a_repeated_request_writes_once),
        WITH_STORE(a_newer_decision_supersedes_and_the_older_stays_readable),
        WITH_STORE(workspaces_are_apart_and_global_notes_everywhere),
        WITH_STORE(filters_narrow),
        WITH_STORE(pages_cover_everything_once_within_the_budget),
        WITH_STORE(a_long_note_is_cut_to_the_budget_and_says_so),
        WITH_STORE(a_cursor_holds_only_for_its_query_and_unchanged),
        WITH_STORE(forgetting_hides_at_once),
        WITH_STORE(erasing_asks_first_and_then_really_erases),
        WITH_STORE(a_hidden_note_can_still_be_erased),
        WITH_STORE(a_text_that_looks_like_a_credential_is_kept_with_a_warning),
        WITH_STORE(an_expiry_is_told),
        WITH_STORE(a_handoff_is_resumed_from_another_tool),
        WITH_STORE(the_newest_handoff_of_this_workspace_comes_first),
        WITH_STORE(without_a_handoff_resume_says_so),
        WITH_STORE(a_store_that_is_not_there_is_an_error_with_its_reason),
        WITH_STORE(notes_survive_a_restart_of_the_store),
    };
    return cmocka_run_group_tests_name("server/cap_memory", tests, NULL, NULL);
}
