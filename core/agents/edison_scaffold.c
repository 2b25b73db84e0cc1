// scaffold_test: a test for a function in this repository's own manner: beside which tests it
// belongs, what they begin with, how one of them looks, and a skeleton that names what has to be
// thought of. Nothing is written.
#include "core/agents/edison.h"

#include "core/agents/symbols.h"
#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 256, MODEL_BYTES_MAX = 1500, HEAD_LINES_MAX = 12, CASES_MAX = 12 };

struct target {
    const struct snapshot *s;
    struct place place;
    const struct snapshot_file *file;
    const struct fact_symbol *y;
    const char *name;
};

// --- where tests of it are ---------------------------------------------------------------------

static uint32_t shared_bytes(const char *a, const char *b) {
    uint32_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

// Mentions of the file's symbols, then of the function itself, then the nearest folder.
static uint64_t nearness(const struct target *t, const struct snapshot_file *f) {
    const struct facts *mine = t->file->facts;
    uint64_t mentions = 0, own = 0;
    for (uint32_t r = 0; r < f->facts->ref_count; r++) {
        const char *name = facts_text(f->facts, facts_ref(f->facts, r)->name);
        own += strcmp(name, t->name) == 0;
        for (uint32_t i = 0; i < mine->symbol_count; i++)
            if ((facts_symbol(mine, i)->flags & SYMBOL_EXPORTED) &&
                strcmp(name, facts_text(mine, facts_symbol(mine, i)->name)) == 0) {
                mentions++;
                break;
            }
    }
    return own * 1000000 + mentions * 1000 + shared_bytes(f->path, t->file->path);
}

static int64_t nearest_test(const struct target *t) {
    int64_t best = -1;
    uint64_t best_score = 0;
    for (uint32_t i = 0; i < snapshot_count(t->s); i++) {
        const struct snapshot_file *f = snapshot_file(t->s, i);
        if (!(f->flags & FILE_TEST) || !f->facts || f->lang != t->file->lang ||
            (f->flags & FILE_VENDORED))
            continue;
        uint64_t score = nearness(t, f) + 1;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

// The shortest of its tests that has a body worth showing: the clearest model.
static int64_t model_test(const struct facts *f) {
    int64_t best = -1;
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        uint32_t n = y->end - y->start;
        if (y->kind != SYMBOL_TEST || n < 60 || n > MODEL_BYTES_MAX)
            continue;
        if (best < 0 ||
            n < facts_symbol(f, (uint32_t)best)->end - facts_symbol(f, (uint32_t)best)->start)
            best = i;
    }
    return best;
}

// --- the skeleton ------------------------------------------------------------------------------

// What each kind of parameter makes one think of: from names and the signature's words.
static void put_cases(struct buf *out, const struct target *t, const char *text,
                      const char *comment) {
    static const struct {
        const char *word, *think;
    } words[] = {{"size", "0, 1 and the maximum"},
                 {"len", "0, 1 and the maximum"},
                 {"count", "0, 1 and many"},
                 {"n", "0, 1 and the maximum"},
                 {"path", "missing, a folder, no permission"},
                 {"file", "missing, empty, large"},
                 {"name", "empty and very long"},
                 {"text", "empty, long, not ASCII"},
                 {"str", "empty, long, not ASCII"},
                 {"s", "empty, long, not ASCII"},
                 {"list", "empty, one, many, duplicates"},
                 {"items", "empty, one, many, duplicates"},
                 {"timeout", "0, passed, none"},
                 {"index", "first, last, one beyond"},
                 {"callback", "that fails"},
                 {"url", "malformed, unreachable"},
                 {"key", "missing"},
                 {"value", "none"},
                 {"date", "month's end, other zone"},
                 {"id", "unknown"}};
    const char *open = memchr(text + t->y->start, '(', t->y->body - t->y->start);
    size_t n = open ? (size_t)(text + t->y->body - open) : 0;
    unsigned cases = 0;
    for (size_t i = 0; i < n && cases < CASES_MAX;) {
        size_t m = 0;
        while (i + m < n && (isalnum((unsigned char)open[i + m]) || open[i + m] == '_'))
            m++;
        for (size_t w = 0; m && w < COUNT_OF(words); w++)
            if (strlen(words[w].word) == m && strncasecmp(words[w].word, open + i, m) == 0) {
                (void)buf_printf(out, "%s %.*s: %s\n", comment, (int)m, open + i, words[w].think);
                cases++;
                break;
            }
        i += m ? m : 1;
    }
    if (t->y->cyclomatic > 1)
        (void)buf_printf(out, "%s %u ways through it: one case each at least\n", comment,
                         t->y->cyclomatic);
}

static bool holds(const struct buf *text, const char *word) {
    return text->len && memmem(text->data, text->len, word, strlen(word));
}

static void put_skeleton(struct buf *out, const struct target *t, const struct buf *test,
                         const char *cases) {
    const char *name = t->name;
    char cap[NAME_BYTES_MAX];
    (void)snprintf(cap, sizeof cap, "%s", name);
    cap[0] = (char)toupper((unsigned char)cap[0]);
    switch (t->file->lang) {
    case LANG_PYTHON:
        if (holds(test, "unittest.TestCase") || holds(test, "(TestCase)"))
            (void)buf_printf(out,
                             "    def test_%s(self):\n%s        result = %s(...)\n"
                             "        self.assertEqual(result, ...)",
                             name, cases, name);
        else
            (void)buf_printf(out,
                             "def test_%s():\n%s    result = %s(...)\n    assert result == ...",
                             name, cases, name);
        break;
    case LANG_GO:
        (void)buf_printf(out,
                         "func Test%s(t *testing.T) {\n%s\tgot := %s(…)\n\tif got != want {\n"
                         "\t\tt.Errorf(\"%s() = %%v, want %%v\", got, want)\n\t}\n}",
                         cap, cases, name, name);
        break;
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        (void)buf_printf(
            out, "%s('%s …', () => {\n%s  %s\n});", holds(test, "it(") ? "it" : "test", name, cases,
            holds(test, "assert.") ? "assert.strictEqual(…, …);" : "expect(…).toEqual(…);");
        break;
    case LANG_RUST:
        (void)buf_printf(out, "#[test]\nfn %s_…() {\n%s    assert_eq!(%s(…), …);\n}", name, cases,
                         name);
        break;
    case LANG_JAVA:
        (void)buf_printf(out, "@Test\nvoid %s…() {\n%s    assertEquals(…, %s(…));\n}", name, cases,
                         name);
        break;
    case LANG_RUBY:
        if (holds(test, "describe"))
            (void)buf_printf(out, "it '%s …' do\n%s  expect(%s(…)).to eq(…)\nend", name, cases,
                             name);
        else
            (void)buf_printf(out, "def test_%s\n%s  assert_equal …, %s(…)\nend", name, cases, name);
        break;
    default:
        if (holds(test, "cmocka"))
            (void)buf_printf(out,
                             "static void %s_…(void **state) {\n    (void)state;\n%s"
                             "    assert_int_equal(%s(…), …);\n}",
                             name, cases, name);
        else if (holds(test, "TEST("))
            (void)buf_printf(out, "TEST(%s, …) {\n%s    EXPECT_EQ(%s(…), …);\n}", cap, cases, name);
        else
            (void)buf_printf(out, "static void test_%s(void) {\n%s    assert(%s(…) == …);\n}", name,
                             cases, name);
    }
}

// The lines before the first definition: what tests here begin with.
static void put_head(struct buf *out, const struct facts *f, const struct buf *text) {
    uint32_t shown = 0;
    for (uint32_t i = 0; i < f->import_count && shown < HEAD_LINES_MAX; i++) {
        uint32_t line = facts_import(f, i)->line;
        if (i && facts_import(f, i - 1)->line == line)
            continue;
        const char *at = text->data, *end = at + text->len;
        for (uint32_t k = 1; k < line && at < end; k++) {
            const char *eol = memchr(at, '\n', (size_t)(end - at));
            at = eol ? eol + 1 : end;
        }
        const char *eol = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        (void)buf_append(out, at, (size_t)((eol ? eol : end) - at));
        (void)buf_putc(out, '\n');
        shown++;
    }
}

static int put_scaffold(const struct target *t, struct report *report, struct err *err) {
    AUTO_BUF test = BUF_INIT(INDEX_FILE_BYTES_MAX);
    AUTO_BUF source = BUF_INIT(INDEX_FILE_BYTES_MAX);
    AUTO_BUF skeleton = BUF_INIT(64 * 1024);
    AUTO_BUF cases = BUF_INIT(16 * 1024);
    AUTO_BUF head = BUF_INIT(16 * 1024);
    int64_t near = nearest_test(t);
    const struct snapshot_file *f = near < 0 ? NULL : snapshot_file(t->s, (uint32_t)near);
    int r = snapshot_text(t->s, t->place.file, &source, err);
    if (r == 0 && f)
        r = snapshot_text(t->s, (uint32_t)near, &test, err);
    if (r < 0)
        return r;
    bool hash =
        t->file->lang == LANG_PYTHON || t->file->lang == LANG_RUBY || t->file->lang == LANG_BASH;
    put_cases(&cases, t, source.data, hash ? "    #" : "    //");
    put_skeleton(&skeleton, t, &test, cases.len ? cases.data : "");
    int64_t model = f ? model_test(f->facts) : -1;
    if (f)
        put_head(&head, f->facts, &test);
    const struct fact_symbol *m = model < 0 ? NULL : facts_symbol(f->facts, (uint32_t)model);
    json_t *item =
        json_pack("{s:s, s:s, s:I, s:s%}", "symbol", t->name, "path", t->file->path, "line",
                  (json_int_t)t->y->line, "skeleton", skeleton.data, skeleton.len);
    if (f)
        (void)json_object_set_new(item, "beside", json_string(f->path));
    AUTO_BUF text = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    (void)buf_printf(&text, "for %s:%u %s\n", t->file->path, t->y->line, t->name);
    if (f)
        (void)buf_printf(&text, "beside %s, which begins with\n%s", f->path,
                         head.len ? head.data : "");
    else
        (void)buf_puts(&text, "there are no tests in this language yet\n");
    if (m)
        (void)buf_printf(&text, "a test there (line %u):\n%.*s\n", m->line,
                         (int)(m->end - m->start), test.data + m->start);
    (void)buf_printf(&text, "skeleton:\n%s", skeleton.data);
    report_item_text(report, item, text.data, text.len);
    if (text.failed || skeleton.failed)
        report_failed(report);
    return 0;
}

int edison_scaffold_test(struct agent_call *call, const void *input, struct report *report,
                         struct err *err) {
    const struct scaffold_input *in = input;
    struct snapshot *s = NULL;
    struct symbol_list found;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0)
        r = symbols_find(s, in->symbol, &found, err);
    if (r == 0 && found.count) {
        struct target t = {.s = s,
                           .place = found.places[0],
                           .file = snapshot_file(s, found.places[0].file),
                           .y = symbol_at(s, found.places[0]),
                           .name = symbol_name_at(s, found.places[0])};
        r = put_scaffold(&t, report, err);
        if (found.total > 1)
            report_note(report, "%u definitions have this name; this is the first", found.total);
    } else if (r == 0)
        report_nothing(report, "No definition of %.*s in this workspace.", (int)in->symbol.len,
                       in->symbol.data);
    if (r == 0)
        agent_note_limits(report, s);
    snapshot_put(s);
    return r;
}
