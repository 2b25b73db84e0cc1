#include "core/base/mem.h"
#include "core/store/export.h"
#include "tests/unit/store/store_support.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    struct scratch scratch;
    char store[160], out[160], again[160];
};
static struct place at;

static int setup(void **state) {
    (void)state;
    scratch_init(&at.scratch);
    (void)snprintf(at.store, sizeof at.store, "%s/store", at.scratch.dir);
    (void)snprintf(at.out, sizeof at.out, "%s/out", at.scratch.dir);
    (void)snprintf(at.again, sizeof at.again, "%s/again", at.scratch.dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_done(&at.scratch);
    return 0;
}

static char *slurp(const char *dir, const char *name, size_t *ret_n) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = mem_zalloc(4 * 1024 * 1024);
    *ret_n = fread(text, 1, 4 * 1024 * 1024 - 1, f);
    (void)fclose(f);
    return text;
}

static void spit(const char *dir, const char *name, const char *text, size_t n) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    (void)fclose(f);
}

// --- a store with everything that can be in one -------------------------------------------------

static int save_handoff(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct handoff h = *(struct handoff *)ctx;
    (void)result;
    return handoff_save(db, &h, err);
}

static void fill(struct store *s) {
    const struct note notes[] = {
        {.text = "plain", .created_ms = 3000},
        {.text = "everything \"quoted\" \\ \n\t\x01 \xF0\x9F\x8D\x8E",
         .kind = NOTE_FACT,
         .subject = "The Subject",
         .workspace = "/home/u/p",
         .source = "claude-code",
         .thread = "t-1",
         .tags = "one\ntwo three",
         .created_ms = 1000,
         .expires_ms = 4102444800000},
        {.text = "newer fact",
         .kind = NOTE_FACT,
         .subject = "the subject",
         .workspace = "/home/u/p",
         .thread = "t-1",
         .created_ms = 2000},
        {.text = "decided", .kind = NOTE_DECISION, .subject = "x", .created_ms = 2000},
    };
    for (size_t i = 0; i < COUNT_OF(notes); i++)
        assert_int_equal(remember(s, &notes[i], NULL, NULL), 0);
    struct handoff h = {.title = "t", .next = "n", .files = "a\nb", .created_ms = 5};
    assert_int_equal(store_write(s, NULL, save_handoff, &h, NULL, NULL, NULL), 0);
}

static void assert_same_file(const char *name) {
    size_t a = 0, b = 0;
    AUTO_FREE char *first = slurp(at.out, name, &a);
    AUTO_FREE char *second = slurp(at.again, name, &b);
    assert_int_equal(a, b);
    assert_memory_equal(first, second, a);
}

static void export_wipe_import_gives_the_identical_notes(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    json_t *manifest = NULL, *counts = NULL;
    fill(s);
    assert_int_equal(store_export(s, at.out, &manifest, NULL), 0);
    json_decref(manifest);
    assert_int_equal(store_erase(s, NULL, 0, NULL, NULL), 5);
    assert_int_equal(count_notes(s), 0);

    assert_int_equal(store_import(s, at.out, &counts, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(counts, "added")), 5);
    assert_int_equal(json_integer_value(json_object_get(counts, "known")), 0);
    json_decref(counts);
    assert_int_equal(count_notes(s), 4);
    assert_int_equal(store_export(s, at.again, NULL, NULL), 0);
    assert_same_file(EXPORT_NOTES);
    assert_same_file(EXPORT_HANDOFFS);
    store_close(s);
}

static void importing_twice_adds_nothing(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    json_t *counts = NULL;
    fill(s);
    assert_int_equal(store_export(s, at.out, NULL, NULL), 0);
    assert_int_equal(store_import(s, at.out, &counts, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(counts, "added")), 0);
    assert_int_equal(json_integer_value(json_object_get(counts, "known")), 5);
    json_decref(counts);
    assert_int_equal(count_notes(s), 4);
    store_close(s);
}

static void the_manifest_describes_the_files(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    json_t *manifest = NULL;
    struct stat st;
    char path[512];
    fill(s);
    assert_int_equal(store_export(s, at.out, &manifest, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(manifest, "format")), EXPORT_FORMAT);
    const json_t *notes = json_array_get(json_object_get(manifest, "files"), 0);
    assert_string_equal(json_string_value(json_object_get(notes, "name")), EXPORT_NOTES);
    assert_int_equal(json_integer_value(json_object_get(notes, "lines")), 4);
    (void)snprintf(path, sizeof path, "%s/%s", at.out, EXPORT_NOTES);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, json_integer_value(json_object_get(notes, "bytes")));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(at.out, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    json_decref(manifest);
    store_close(s);
}

static void forgotten_and_expired_notes_are_not_exported(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    json_t *manifest = NULL;
    const struct note soon = {.text = "soon gone", .created_ms = 1, .expires_ms = 2};
    assert_int_equal(remember(s, &soon, NULL, NULL), 0);
    assert_int_equal(store_export(s, at.out, &manifest, NULL), 0);
    const json_t *notes = json_array_get(json_object_get(manifest, "files"), 0);
    assert_int_equal(json_integer_value(json_object_get(notes, "lines")), 0);
    json_decref(manifest);
    store_close(s);
}

// --- where an export may go ---------------------------------------------------------------------

static void a_folder_with_something_in_it_is_refused_and_left_alone(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    assert_int_equal(mkdir(at.out, 0700), 0);
    spit(at.out, "mine", "x", 1);
    assert_int_equal(store_export(s, at.out, NULL, NULL), ERR_EXISTS);
    assert_true(file_exists(at.out, "mine"));
    assert_false(file_exists(at.out, EXPORT_NOTES));
    store_close(s);
}

static void an_empty_private_folder_is_used(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    assert_int_equal(mkdir(at.out, 0700), 0);
    assert_int_equal(store_export(s, at.out, NULL, NULL), 0);
    assert_true(file_exists(at.out, EXPORT_MANIFEST));
    store_close(s);
}

static void a_link_or_an_open_folder_is_refused(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    assert_int_equal(mkdir(at.again, 0700), 0);
    assert_int_equal(symlink(at.again, at.out), 0);
    assert_int_equal(store_export(s, at.out, NULL, NULL), ERR_EXISTS);
    assert_int_equal(chmod(at.again, 0755), 0);
    assert_int_equal(store_export(s, at.again, NULL, NULL), ERR_PERM);
    assert_false(file_exists(at.again, EXPORT_NOTES));
    store_close(s);
}

static void a_missing_parent_is_named(void **state) {
    (void)state;
    char path[256];
    struct err err;
    struct store *s = open_store(at.store);
    (void)snprintf(path, sizeof path, "%s/no/such", at.scratch.dir);
    assert_int_equal(store_export(s, path, NULL, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    store_close(s);
}

// --- what an import refuses ---------------------------------------------------------------------

static const char good_note[] =
    "{\"uid\":\"naaaaaaaaaaaaaaa\",\"kind\":\"note\",\"text\":\"hello\","
    "\"created_ms\":1}\n";

// An export made by hand: its manifest fits whatever the files hold.
static void forge(const char *notes, size_t n, int64_t lines) {
    unsigned char sum[EXPORT_HASH_BYTES];
    (void)mkdir(at.out, 0700);
    spit(at.out, EXPORT_NOTES, notes, n);
    spit(at.out, EXPORT_HANDOFFS, "", 0);
    AUTO_BUF m = BUF_INIT(0);
    (void)buf_puts(&m, "{\"format\":\"paired-export\",\"version\":1,\"schema\":1,\"created_ms\":1,"
                       "\"files\":[{\"name\":\"notes.jsonl\",\"blake2b\":\"");
    (void)crypto_generichash(sum, sizeof sum, (const unsigned char *)notes, n, NULL, 0);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)buf_printf(&m, "%02x", sum[i]);
    (void)buf_printf(&m, "\",\"lines\":%lld,\"bytes\":%zu},", (long long)lines, n);
    (void)buf_puts(&m, "{\"name\":\"handoffs.jsonl\",\"blake2b\":\"");
    (void)crypto_generichash(sum, sizeof sum, NULL, 0, NULL, 0);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)buf_printf(&m, "%02x", sum[i]);
    (void)buf_puts(&m, "\",\"lines\":0,\"bytes\":0}]}");
    spit(at.out, EXPORT_MANIFEST, m.data, m.len);
}

static void lines_that_break_a_rule_are_refused_and_nothing_is_imported(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int code;
        const char *names;
    } cases[] = {
        {"not json\n", ERR_PARSE, "notes.jsonl:2"},
        {"[]\n", ERR_PARSE, "object"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"note\",\"created_ms\":1}\n", ERR_INVAL, "text"},
        {"{\"uid\":\"short\",\"kind\":\"note\",\"text\":\"x\",\"created_ms\":1}\n", ERR_INVAL,
         "uid"},
        {"{\"uid\":\"naaaaaaaaaaaa/../\",\"kind\":\"note\",\"text\":\"x\",\"created_ms\":1}\n", 0,
         "uid"},
        {"{\"uid\":\"haaaaaaaaaaaaaab\",\"kind\":\"note\",\"text\":\"x\",\"created_ms\":1}\n",
         ERR_INVAL, "uid"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"rumour\",\"text\":\"x\",\"created_ms\":1}\n",
         ERR_INVAL, "kind"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"note\",\"text\":\"x\",\"created_ms\":-1}\n", 0,
         "created_ms"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"note\",\"text\":\"\xff\",\"created_ms\":1}\n",
         ERR_PARSE, "notes.jsonl:2"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"note\",\"text\":\"x\",\"created_ms\":1,"
         "\"tags\":[\"a\\nb\"]}\n",
         ERR_INVAL, "tags"},
        {"{\"uid\":\"naaaaaaaaaaaaaab\",\"kind\":\"fact\",\"text\":\"x\",\"created_ms\":1,"
         "\"subject\":\"a\\n[naaaaaaaaaaaaaac] fact\"}\n",
         ERR_INVAL, "subject"},
        {"\n", ERR_PARSE, "notes.jsonl:2"},
    };
    struct store *s = open_store(at.store);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[1024];
        struct err err = {0};
        int n = snprintf(text, sizeof text, "%s%s", good_note, cases[i].line);
        forge(text, (size_t)n, 2);
        int r = store_import(s, at.out, NULL, &err);
        assert_true(r < 0);
        if (cases[i].code)
            assert_int_equal(r, cases[i].code);
        assert_non_null(strstr(err.message, cases[i].names));
        assert_int_equal(count_notes(s), 0);
    }
    forge(good_note, strlen(good_note), 1);
    assert_int_equal(store_import(s, at.out, NULL, NULL), 0);
    assert_int_equal(count_notes(s), 1);
    store_close(s);
}

static void a_line_without_its_end_is_refused(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    struct err err = {0};
    forge(good_note, strlen(good_note) - 1, 0);
    assert_int_equal(store_import(s, at.out, NULL, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "the last line does not end"));
    assert_int_equal(count_notes(s), 0);
    store_close(s);
}

static void a_wrong_number_of_lines_is_refused(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    forge(good_note, strlen(good_note), 2);
    assert_int_equal(store_import(s, at.out, NULL, NULL), ERR_CORRUPT);
    assert_int_equal(count_notes(s), 0);
    store_close(s);
}

static void any_changed_byte_is_noticed(void **state) {
    (void)state;
    struct store *s = open_store(at.store);
    fill(s);
    assert_int_equal(store_export(s, at.out, NULL, NULL), 0);
    assert_int_equal(store_erase(s, NULL, 0, NULL, NULL), 5);
    size_t n = 0;
    AUTO_FREE char *text = slurp(at.out, EXPORT_NOTES, &n);
    for (size_t i = 0; i < n; i += 7) {
        text[i] ^= 1;
        spit(at.out, EXPORT_NOTES, text, n);
        text[i] ^= 1;
        assert_true(store_import(s, at.out, NULL, NULL) < 0);
        assert_int_equal(count_notes(s), 0);
    }
    spit(at.out, EXPORT_NOTES, text, n);
    assert_int_equal(store_import(s, at.out, NULL, NULL), 0);
    assert_int_equal(count_notes(s), 4);
    store_close(s);
}

static void a_file_that_is_a_link_or_a_pipe_is_refused(void **state) {
    (void)state;
    char path[512], away[512];
    struct store *s = open_store(at.store);
    assert_int_equal(store_export(s, at.out, NULL, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/%s", at.out, EXPORT_NOTES);
    (void)snprintf(away, sizeof away, "%s/away", at.out);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(symlink(away, path), 0);
    assert_true(store_import(s, at.out, NULL, NULL) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(store_import(s, at.out, NULL, NULL), ERR_INVAL);
    store_close(s);
}

struct told {
    const char *workspace, *agent, *key, *value;
};

static int tell(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct told *t = ctx;
    (void)result;
    return agent_store_put(db, t->workspace, t->agent, t->key, t->value, strlen(t->value), 7, err);
}

static void expect_told(struct store *s, const char *workspace, const char *key,
                        const char *wanted) {
    struct db *db = NULL;
    AUTO_BUF value = BUF_INIT(0);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    int r = agent_store_get(db, workspace, "sherlock", key, &value, NULL);
    store_reader_put(s, db);
    assert_int_equal(r, wanted != NULL);
    if (wanted)
        assert_string_equal(value.data, wanted);
}

// Mutes and baselines come back, joined to those that are here; a conversation does not go out.
static void what_agents_were_told_comes_back(void **state) {
    static const struct told all[] = {
        {"/w", "sherlock", "mutes", "[{\"rule\":\"a\"},{\"rule\":\"b\"}]"},
        {"/w", "sherlock", "baseline", "{\"of\":1}"},
        {"/v", "sherlock", "mutes", "[{\"path\":\"\xc3\xa9\"}]"},
        {"/w", "sherlock", "own", "[1]"},
        {"/w", "acp", "head/1", "{}"}};
    static const struct told here[] = {
        {"/w", "sherlock", "mutes", "[{\"rule\":\"c\"},{\"rule\":\"b\"}]"},
        {"/w", "sherlock", "baseline", "{\"of\":2}"}};
    json_t *manifest = NULL, *counts = NULL;
    (void)state;
    struct store *s = open_store(at.store);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(store_write(s, NULL, tell, (void *)&all[i], NULL, NULL, NULL), 0);
    assert_int_equal(store_export(s, at.out, &manifest, NULL), 0);
    const json_t *file = json_array_get(json_object_get(manifest, "files"), 4);
    assert_string_equal(json_string_value(json_object_get(file, "name")), EXPORT_AGENTS);
    assert_int_equal(json_integer_value(json_object_get(file, "lines")), 3);
    json_decref(manifest);
    store_close(s);
    (void)snprintf(at.store, sizeof at.store, "%s/other", at.scratch.dir);
    s = open_store(at.store);
    for (size_t i = 0; i < COUNT_OF(here); i++)
        assert_int_equal(store_write(s, NULL, tell, (void *)&here[i], NULL, NULL, NULL), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(store_import(s, at.out, &counts, NULL), 0);
        assert_int_equal(json_integer_value(json_object_get(counts, "added")), again ? 0 : 2);
        assert_int_equal(json_integer_value(json_object_get(counts, "known")), again ? 3 : 1);
        json_decref(counts);
        expect_told(s, "/w", "mutes", "[{\"rule\":\"c\"},{\"rule\":\"b\"},{\"rule\":\"a\"}]");
        expect_told(s, "/v", "mutes", all[2].value);
        expect_told(s, "/w", "baseline", here[1].value);
        expect_told(s, "/w", "own", NULL);
    }
    store_close(s);
}

static void what_no_export_holds_is_refused(void **state) {
    static const char *const wrong[] = {
        "{\"workspace\":\"/w\",\"agent\":\"acp\",\"key\":\"head/1\",\"value\":{},\"changed_ms\":1}",
        "{\"workspace\":\"w\",\"agent\":\"sherlock\",\"key\":\"mutes\",\"value\":[],\"changed_ms\":"
        "1}",
        "{\"workspace\":\"/"
        "w\",\"agent\":\"sherlock\",\"key\":\"mutes\",\"value\":1,\"changed_ms\":1}",
        "{\"workspace\":\"/w\",\"agent\":\"sherlock\",\"key\":\"mutes\",\"changed_ms\":1}"};
    struct export_record record;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(export_agent_decode(wrong[i], strlen(wrong[i]), &record, NULL), ERR_INVAL);
}

static void put_backend(struct store *s, const char *name, const char *url) {
    struct backend_model models[] = {{.name = "m1", .price = "p"}, {.name = "m0"}};
    struct backend b = {.family = BACKEND_CHAT,
                        .fim = BACKEND_FIM_MISTRAL,
                        .key = BACKEND_KEY_STORE,
                        .enabled = true,
                        .models = models,
                        .model_count = 2};
    const struct consent_what what = {CONSENT_BACKEND, name, CONSENT_OUT, "/w"};
    (void)snprintf(b.name, sizeof b.name, "%s", name);
    (void)snprintf(b.url, sizeof b.url, "%s", url);
    assert_int_equal(backend_put(s, NULL, &b, "sk-key", 6, false, NULL), 0);
    assert_int_equal(consent_grant(s, NULL, &what, 0, "cli", NULL), 0);
}

// A backend comes back without its key and off, its grant with it; one that is known here at
// another place keeps that, and gets no grant that was given for the other.
static void backends_and_grants_come_back_but_nothing_goes_by_itself(void **state) {
    (void)state;
    struct scratch from, to;
    char path[256];
    struct backend_list found = {0};
    struct consent_pass pass;
    struct db *db = NULL;
    json_t *counts = NULL;
    scratch_init(&from);
    struct store *s = open_store(from.dir);
    put_backend(s, "moved", "https://one.example");
    put_backend(s, "new", "https://one.example");
    (void)snprintf(path, sizeof path, "%s/export", from.dir);
    assert_int_equal(store_export(s, path, NULL, NULL), 0);
    store_close(s);
    scratch_init(&to);
    s = open_store(to.dir);
    struct backend known = {.family = BACKEND_CHAT, .enabled = true};
    memcpy(known.name, "moved", 6);
    memcpy(known.url, "https://two.example", 20);
    assert_int_equal(backend_put(s, NULL, &known, NULL, 0, false, NULL), 0);
    assert_int_equal(store_import(s, path, &counts, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(counts, "added")), 2);
    assert_int_equal(json_integer_value(json_object_get(counts, "known")), 2);
    json_decref(counts);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(backend_find(db, "new", &found, NULL), 0);
    store_reader_put(s, db);
    assert_false(found.items[0].enabled);
    assert_false(found.items[0].key_kept);
    assert_int_equal(found.items[0].fim, BACKEND_FIM_MISTRAL);
    assert_int_equal(found.items[0].model_count, 2);
    assert_string_equal(found.items[0].models[0].name, "m1");
    assert_string_equal(found.items[0].models[0].price, "p");
    assert_string_equal(found.items[0].models[1].name, "m0");
    backend_list_done(&found);
    const struct consent_what granted = {CONSENT_BACKEND, "new", CONSENT_OUT, "/w"};
    const struct consent_what refused = {CONSENT_BACKEND, "moved", CONSENT_OUT, "/w"};
    assert_int_equal(consent_check(s, &granted, &pass, NULL), 0);
    assert_int_equal(consent_check(s, &refused, &pass, NULL), ERR_PERM);
    store_close(s);
    scratch_done(&to);
    scratch_done(&from);
}

static void a_manifest_of_another_kind_or_version_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"{}", ERR_INVAL},
        {"{\"format\":\"other\",\"version\":1,\"schema\":1,\"created_ms\":1,\"files\":[]}",
         ERR_PARSE},
        {"{\"format\":\"paired-export\",\"version\":4,\"schema\":1,\"created_ms\":1,\"files\":[]}",
         ERR_VERSION},
        {"{\"format\":\"paired-export\",\"version\":1,\"schema\":1,\"created_ms\":1,\"files\":[]}",
         ERR_PARSE},
        {"", ERR_PARSE},
    };
    struct store *s = open_store(at.store);
    assert_int_equal(mkdir(at.out, 0700), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        spit(at.out, EXPORT_MANIFEST, cases[i].text, strlen(cases[i].text));
        assert_int_equal(store_import(s, at.out, NULL, NULL), cases[i].code);
    }
    store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(export_wipe_import_gives_the_identical_notes),
        TEST(importing_twice_adds_nothing),
        TEST(the_manifest_describes_the_files),
        TEST(forgotten_and_expired_notes_are_not_exported),
        TEST(a_folder_with_something_in_it_is_refused_and_left_alone),
        TEST(an_empty_private_folder_is_used),
        TEST(a_link_or_an_open_folder_is_refused),
        TEST(a_missing_parent_is_named),
        TEST(lines_that_break_a_rule_are_refused_and_nothing_is_imported),
        TEST(a_line_without_its_end_is_refused),
        TEST(a_wrong_number_of_lines_is_refused),
        TEST(any_changed_byte_is_noticed),
        TEST(a_file_that_is_a_link_or_a_pipe_is_refused),
        TEST(what_agents_were_told_comes_back),
        TEST(what_no_export_holds_is_refused),
        TEST(backends_and_grants_come_back_but_nothing_goes_by_itself),
        TEST(a_manifest_of_another_kind_or_version_is_refused),
    };
    return cmocka_run_group_tests_name("store/export", tests, NULL, NULL);
}
