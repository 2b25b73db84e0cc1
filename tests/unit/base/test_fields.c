#include "core/base/fields.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

enum { POINT_NAME = 1, SHAPE_TITLE = 1, SHAPE_COUNT = 2 };

struct point {
    int64_t x, y;
    struct text name;
    uint64_t present;
};
static const struct field point_fields[] = {
    {.name = "x",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct point, x),
     .min = -10,
     .max = 10},
    {.name = "y", .type = FIELD_INT, .flags = FIELD_REQUIRED, .offset = offsetof(struct point, y)},
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .offset = offsetof(struct point, name),
     .presence = POINT_NAME,
     .presence_offset = offsetof(struct point, present)},
    {0},
};

static const char *const colours[] = {"red", "green", NULL};

struct shape {
    struct text title;
    int64_t count;
    double scale;
    bool filled;
    int colour;
    struct point origin;
    struct text_array tags;
    struct object_array points;
    json_t *extra;
    uint64_t present;
};
static const struct field shape_fields[] = {
    {.name = "title",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct shape, title),
     .description = "What it is called.",
     .min = 1,
     .max = 20},
    {.name = "count",
     .type = FIELD_INT,
     .offset = offsetof(struct shape, count),
     .min = 1,
     .max = 100,
     .default_json = "20",
     .presence = SHAPE_COUNT,
     .presence_offset = offsetof(struct shape, present)},
    {.name = "scale", .type = FIELD_REAL, .offset = offsetof(struct shape, scale)},
    {.name = "filled", .type = FIELD_BOOL, .offset = offsetof(struct shape, filled)},
    {.name = "colour",
     .type = FIELD_ENUM,
     .offset = offsetof(struct shape, colour),
     .values = colours},
    {.name = "origin",
     .type = FIELD_OBJECT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct shape, origin),
     .object = point_fields},
    {.name = "tags", .type = FIELD_STRING_ARRAY, .offset = offsetof(struct shape, tags), .max = 3},
    {.name = "points",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct shape, points),
     .object = point_fields,
     .object_size = sizeof(struct point)},
    {.name = "extra", .type = FIELD_JSON, .offset = offsetof(struct shape, extra)},
    {.name = "secret",
     .type = FIELD_JSON,
     .flags = FIELD_HIDDEN,
     .offset = offsetof(struct shape, extra)},
    {0},
};

static const char full[] =
    "{\"title\":\"Ring\",\"count\":7,\"scale\":2.5,\"filled\":true,\"colour\":\"green\","
    "\"origin\":{\"x\":1,\"y\":-2,\"name\":\"o\"},\"tags\":[\"a\",\"b\"],"
    "\"points\":[{\"x\":3,\"y\":4},{\"x\":5,\"y\":6,\"name\":\"p\"}],\"extra\":{\"k\":[1,null]}}";

static json_t *parse(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(v);
    return v;
}

static void refuses(const char *text, int code, const char *message) {
    json_t *v = parse(text);
    struct shape s = {0};
    struct err err = {0};
    assert_int_equal(fields_decode(shape_fields, v, &s, &err), code);
    assert_string_equal(err.message, message);
    assert_int_equal(err.code, code);
    json_decref(v);
}

static void decodes_every_type(void **state) {
    (void)state;
    json_t *v = parse(full);
    struct shape s = {0};
    assert_int_equal(fields_decode(shape_fields, v, &s, NULL), 0);
    assert_true(text_is(s.title, "Ring"));
    assert_int_equal(s.count, 7);
    assert_true(s.scale > 2.4 && s.scale < 2.6);
    assert_true(s.filled);
    assert_int_equal(s.colour, 1);
    assert_int_equal(s.origin.y, -2);
    assert_true(text_is(s.origin.name, "o"));
    assert_int_equal(s.tags.count, 2);
    assert_true(text_is(s.tags.items[1], "b"));
    assert_int_equal(s.points.count, 2);
    const struct point *points = s.points.items;
    assert_int_equal(points[0].x, 3);
    assert_int_equal(points[0].present, 0);
    assert_true(text_is(points[1].name, "p"));
    assert_int_equal(points[1].present, 1U << POINT_NAME);
    assert_true(json_is_object(s.extra));
    fields_release(shape_fields, &s);
    fields_release(shape_fields, &s); // harmless twice
    json_decref(v);
}

// fields_write and the text of fields_encode's tree are the same bytes.
static void assert_written_as_encoded(const struct shape *shape) {
    json_t *tree = NULL;
    struct buf text = BUF_INIT(0), dumped = BUF_INIT(0);
    assert_int_equal(fields_encode(shape_fields, shape, &tree, NULL), 0);
    assert_int_equal(buf_put_json(&dumped, tree, JSON_COMPACT), 0);
    assert_int_equal(fields_write(shape_fields, shape, &text, NULL), 0);
    assert_string_equal(text.data, dumped.data);
    buf_done(&text);
    buf_done(&dumped);
    json_decref(tree);
}

static void encodes_what_it_decoded(void **state) {
    (void)state;
    json_t *v = parse(full);
    struct shape first = {0};
    assert_int_equal(fields_decode(shape_fields, v, &first, NULL), 0);
    json_t *again;
    assert_int_equal(fields_encode(shape_fields, &first, &again, NULL), 0);
    assert_written_as_encoded(&first);
    // `secret` shares its slot with `extra`, so it comes out as well.
    assert_int_equal(json_object_del(again, "secret"), 0);
    assert_true(json_equal(v, again));
    struct shape second = {0};
    assert_int_equal(fields_decode(shape_fields, again, &second, NULL), 0);
    assert_int_equal(second.points.count, first.points.count);
    fields_release(shape_fields, &first);
    fields_release(shape_fields, &second);
    json_decref(again);
    json_decref(v);
}

static void keeps_defaults_of_what_is_absent_and_ignores_the_unknown(void **state) {
    (void)state;
    json_t *v =
        parse("{\"title\":\"T\",\"origin\":{\"x\":0,\"y\":0,\"name\":null,\"z\":9},\"new\":1}");
    struct shape s = {.count = 20, .colour = 1, .scale = 1};
    assert_int_equal(fields_decode(shape_fields, v, &s, NULL), 0);
    assert_int_equal(s.count, 20);
    assert_int_equal(s.colour, 1);
    assert_int_equal(s.present, 0);
    assert_null(s.origin.name.data);
    assert_int_equal(s.origin.present, 0);
    json_decref(v);
}

static void an_error_names_the_path(void **state) {
    (void)state;
    refuses("[]", ERR_INVAL, "expected object");
    refuses("{}", ERR_INVAL, "title: missing, it is required");
    refuses("{\"title\":7}", ERR_INVAL, "title: expected string");
    refuses("{\"title\":\"\"}", ERR_INVAL, "title: must not be empty");
    refuses("{\"title\":\"123456789012345678901\"}", ERR_LIMIT,
            "title: expected at most 20 bytes, got 21");
    refuses("{\"title\":null}", ERR_INVAL, "title: expected string");
    refuses("{\"title\":\"T\",\"count\":0}", ERR_INVAL, "count: expected at least 1");
    refuses("{\"title\":\"T\",\"count\":101}", ERR_LIMIT, "count: expected at most 100");
    refuses("{\"title\":\"T\",\"count\":1.5}", ERR_INVAL, "count: expected integer");
    refuses("{\"title\":\"T\",\"count\":1e300}", ERR_INVAL, "count: expected integer");
    refuses("{\"title\":\"T\",\"scale\":\"1\"}", ERR_INVAL, "scale: expected number");
    refuses("{\"title\":\"T\",\"filled\":1}", ERR_INVAL, "filled: expected boolean");
    refuses("{\"title\":\"T\",\"colour\":\"blue\"}", ERR_INVAL,
            "colour: expected one of \"red\", \"green\"");
    refuses("{\"title\":\"T\",\"colour\":1}", ERR_INVAL,
            "colour: expected one of \"red\", \"green\"");
    refuses("{\"title\":\"T\",\"origin\":[]}", ERR_INVAL, "origin: expected object");
    refuses("{\"title\":\"T\",\"origin\":{\"x\":1}}", ERR_INVAL,
            "origin.y: missing, it is required");
    refuses("{\"title\":\"T\",\"origin\":{\"x\":1,\"y\":1},\"tags\":[\"a\",2]}", ERR_INVAL,
            "tags[1]: expected string");
    refuses("{\"title\":\"T\",\"origin\":{\"x\":1,\"y\":1},\"tags\":[\"a\",\"b\",\"c\",\"d\"]}",
            ERR_LIMIT, "tags: expected at most 3 items, got 4");
    refuses("{\"title\":\"T\",\"origin\":{\"x\":1,\"y\":1},\"points\":[{\"x\":1,\"y\":1},{\"x\":11,"
            "\"y\":1}]}",
            ERR_LIMIT, "points[1].x: expected at most 10");
    refuses("{\"title\":\"T\",\"origin\":{\"x\":1,\"y\":1},\"points\":[{\"x\":1,\"y\":true}]}",
            ERR_INVAL, "points[0].y: expected integer");
}

static void a_whole_real_is_an_integer_and_text_may_hold_nul(void **state) {
    (void)state;
    json_t *v =
        parse("{\"title\":\"a\\u0000b\",\"count\":20.0,\"scale\":2,\"origin\":{\"x\":1,\"y\":1}}");
    struct shape s = {0};
    assert_int_equal(fields_decode(shape_fields, v, &s, NULL), 0);
    assert_int_equal(s.count, 20);
    assert_int_equal(s.title.len, 3);
    json_t *again;
    assert_int_equal(fields_encode(shape_fields, &s, &again, NULL), 0);
    assert_int_equal(json_string_length(json_object_get(again, "title")), 3);
    assert_written_as_encoded(&s);
    json_decref(again);
    json_decref(v);
}

static void encode_leaves_out_what_is_not_there(void **state) {
    (void)state;
    struct shape s = {0};
    json_t *v;
    assert_int_equal(fields_encode(shape_fields, &s, &v, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(v, "title")), ""); // required
    assert_null(json_object_get(v, "count"));                                // presence bit unset
    assert_null(json_object_get(v, "tags"));
    assert_null(json_object_get(v, "points"));
    assert_null(json_object_get(v, "extra"));
    assert_string_equal(json_string_value(json_object_get(v, "colour")), "red");
    json_decref(v);
    assert_written_as_encoded(&s);
    s.title = (struct text){"a \"quoted\" \\ line\nand \xC3\xA9\x01 more", 28};
    s.scale = 0.1;
    assert_written_as_encoded(&s);
}

static void encode_refuses_what_json_cannot_say(void **state) {
    (void)state;
    struct err err = {0};
    json_t *v;
    struct shape s = {.title = {"\xFF", 1}};
    assert_int_equal(fields_encode(shape_fields, &s, &v, &err), ERR_INVAL);
    assert_string_equal(err.message, "title: not valid UTF-8");
    s = (struct shape){.scale = 0.0 / (double)(s.count)};
    assert_int_equal(fields_encode(shape_fields, &s, &v, &err), ERR_INVAL);
    assert_string_equal(err.message, "scale: not a finite number");
    s = (struct shape){.colour = 2};
    assert_int_equal(fields_encode(shape_fields, &s, &v, &err), ERR_INVAL);
    assert_string_equal(err.message, "colour: 2 is no value of the enumeration");
    struct buf text = BUF_INIT(0);
    err = (struct err){0};
    assert_int_equal(fields_write(shape_fields, &s, &text, &err), ERR_INVAL);
    assert_string_equal(err.message, "colour: 2 is no value of the enumeration");
    assert_true(text.failed);
    buf_done(&text);
    s = (struct shape){.title = {"far too long for this buffer", 28}};
    text = BUF_INIT(16);
    assert_int_equal(fields_write(shape_fields, &s, &text, &err), ERR_NOMEM);
    buf_done(&text);
}

struct tree {
    struct object_array children;
};
static const struct field tree_fields[] = {
    {.name = "c",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct tree, children),
     .object = tree_fields,
     .object_size = sizeof(struct tree)},
    {0},
};

static void a_table_that_contains_itself_is_bounded(void **state) {
    (void)state;
    char text[2048] = "";
    for (int i = 0; i < 100; i++)
        strcat(text, "{\"c\":[");
    for (int i = 0; i < 100; i++)
        strcat(text, "]}");
    json_t *v = parse(text);
    struct tree t = {0};
    assert_int_equal(fields_decode(tree_fields, v, &t, NULL), ERR_LIMIT);
    assert_null(t.children.items);
    json_decref(v);
    json_t *schema = fields_schema(tree_fields);
    assert_non_null(schema);
    json_decref(schema);
}

static void schema_says_what_decode_accepts(void **state) {
    (void)state;
    json_t *schema = fields_schema(shape_fields);
    char *text = json_dumps(schema, JSON_COMPACT);
    assert_string_equal(
        text,
        "{\"type\":\"object\",\"properties\":{"
        "\"title\":{\"type\":\"string\",\"description\":\"What it is "
        "called.\",\"minLength\":1,\"maxLength\":20},"
        "\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":20},"
        "\"scale\":{\"type\":\"number\"},\"filled\":{\"type\":\"boolean\"},"
        "\"colour\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]},"
        "\"origin\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\",\"minimum\":-"
        "10,\"maximum\":10},"
        "\"y\":{\"type\":\"integer\"},\"name\":{\"type\":[\"string\",\"null\"]}},\"required\":["
        "\"x\",\"y\"]},"
        "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":3},"
        "\"points\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
        "\"x\":{\"type\":\"integer\",\"minimum\":-10,\"maximum\":10},\"y\":{\"type\":\"integer\"},"
        "\"name\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"x\",\"y\"]}},"
        "\"extra\":{}},\"required\":[\"title\",\"origin\"]}");
    mem_free(text);
    json_decref(schema);
}

static void every_failing_allocation_is_an_error_and_leaves_nothing(void **state) {
    (void)state;
    json_t *v = parse(full);
    bool decoded = false, encoded = false, described = false;
    for (uint64_t n = 1; !decoded || !encoded || !described; n++) {
        assert_true(n < 500);
        struct shape s = {0};
        mem_fail_at(n);
        int r = fields_decode(shape_fields, v, &s, NULL);
        mem_fail_at(0);
        decoded = r == 0;
        assert_true(r == 0 || r == ERR_NOMEM);
        if (r < 0) {
            assert_null(s.tags.items);
            assert_null(s.points.items);
            continue;
        }
        json_t *again = NULL;
        mem_fail_at(n);
        r = fields_encode(shape_fields, &s, &again, NULL);
        mem_fail_at(0);
        encoded = r == 0;
        assert_true(r == 0 || r == ERR_NOMEM);
        json_decref(again);
        struct buf text = BUF_INIT(0);
        mem_fail_at(n);
        r = fields_write(shape_fields, &s, &text, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        buf_done(&text);
        fields_release(shape_fields, &s);
        mem_fail_at(n);
        json_t *schema = fields_schema(shape_fields);
        mem_fail_at(0);
        described = schema != NULL;
        json_decref(schema);
    }
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_type),
        cmocka_unit_test(encodes_what_it_decoded),
        cmocka_unit_test(keeps_defaults_of_what_is_absent_and_ignores_the_unknown),
        cmocka_unit_test(an_error_names_the_path),
        cmocka_unit_test(a_whole_real_is_an_integer_and_text_may_hold_nul),
        cmocka_unit_test(encode_leaves_out_what_is_not_there),
        cmocka_unit_test(encode_refuses_what_json_cannot_say),
        cmocka_unit_test(a_table_that_contains_itself_is_bounded),
        cmocka_unit_test(schema_says_what_decode_accepts),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaves_nothing),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("base/fields", tests, NULL, NULL);
}
