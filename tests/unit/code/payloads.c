#include "tests/unit/code/payloads.h"

#include "core/base/mem.h"
#include "core/code/scrub.h"
#include "core/code/stdnames.h"

#include <stdio.h>
#include <string.h>

const struct payload_piece payloads_pieces[PAYLOADS_PIECES] = {
    {LANG_JAVASCRIPT,
     "const a = require('b');\na.on('data', function (x) { if (x) return cb(null, x.length + 42); "
     "y = `t ${x} u`; z = /re/g.test(y); o = {k: 'v', [x]: 1, m() { return 7; }}; });\n"
     "class Q extends R { #p = 3; get q() { return this.#p; } }\n"
     "label: for (const i of list) { if (i.name === 'n') continue label; log(i?.x ?? 99); }\n"
     "async () => { try { await f(`a`); } catch ({message}) { throw new Error('m' + message); } "
     "};\n"},
    {LANG_TYPESCRIPT,
     "interface A { b: string; }\nconst c: Map<string, A> = new Map();\n"
     "enum E { X = 'x' }\nlet d = <A>c.get('k')!; let e = c.get('k') as unknown as A;\n"
     "function f<T extends A>(t: T): t is T { return typeof t === 'object' && 'b' in t; }\n"},
    {LANG_GO,
     "package p\n\nfunc f(m map[string]int, err error) error {\n\tif err != nil {\n\t\treturn "
     "fmt.Errorf(\"at %s: %w\", p, err)\n\t}\n\tx := `raw` + string('r')\n\tgoto done\ndone:\n"
     "\tfor i, v := range m {\n\t\tm[i] = v + 42\n\t}\n\ttype t struct {\n\t\tA int "
     "`json:\"a\"`\n\t}\n\tswitch y := z.(type) {\n\tcase *t:\n\t\treturn y.A\n\t}\n\treturn "
     "nil\n}\n"},
    {LANG_RUST,
     "fn f<'a>(s: &'a str) -> Result<T, E> {\n    let v = g(s, 42)?;\n    println!(\"{} {name}\", "
     "v, name = s);\n    match v { Some(x) if x > 10 => h(r#\"raw\"#), None => return "
     "Err(E::new(b'x')), }\n    #[allow(dead_code)]\n    let c = |y: u8| y as i64 + 0xff;\n    'o: "
     "loop { break 'o; }\n    unsafe { m!(a => b, \"c\") }\n}\n"},
    {LANG_JAVA,
     "class A {\n    @B(\"c\") int f(List<String> l) throws D {\n        for (String s : l) { if "
     "(s.equals(\"x\") || s.length() > 42) { throw new IllegalArgumentException(\"bad \" + s); } "
     "}\n        Runnable r = () -> g('c', 1.5e3f);\n        outer: while (true) { break outer; "
     "}\n        return this.<T>h(l::size, int[].class);\n    }\n}\n"},
    {LANG_BASH,
     "set -euo pipefail\nif [ -z \"$x\" ]; then\n  echo \"usage: $0\" >&2\n  exit 1\nfi\nfor f in "
     "*.c; do\n  grep -q foo \"$f\" && rm -f \"${f%.c}.o\" || cat <<END\ntext $f\nEND\ndone\n"
     "x=$(ls -l /opt/thing | awk '{print $1}')\ncase $x in\n  a|b) run --opt=val ;;\n  *) "
     "die 3 ;;\nesac\nfunc() { local y=$'z\\n'; [[ $y =~ ^a ]] && return 42; }\n"},
    {LANG_RUBY,
     "class A < B\n  def f(x, k: 1)\n    raise ArgumentError, \"bad #{x}\" unless x.is_a?(Hash)\n"
     "    @y ||= x.map { |z| z[:key] + 42 }\n    h = { a: 1, 'b' => :c, \"d\": %w[e f] }\n"
     "    puts <<~T\n      text #{x}\n    T\n    $g = x =~ /re/ ? ?c : :\"sym\"\n    "
     "x.each do |i| next if i.nil?; yield i end\n  rescue E => e\n    log(e.message)\n  "
     "end\nend\n"},
    {LANG_CPP,
     "template <class T> int f(const std::vector<T> &v) {\n    auto p = std::make_unique<T>(42, "
     "'c', u8\"s\", R\"(raw)\");\n    for (const auto &x : v) { if (x.a() == 1'000) throw "
     "std::runtime_error(\"bad\"); }\n    return static_cast<int>(v.size()) + 12_km + [&](int q) "
     "{ return q * p->z; }(3);\n}\n"},
};

static bool is_candidate(const struct form_node *n) {
    return (n->flags & (FORM_STATEMENT | FORM_UNFIT)) == FORM_STATEMENT;
}

static int give(const struct syntax *s, const struct form *f, uint32_t i, uint32_t statements,
                bool cut, payload_fn *fn, void *ctx) {
    AUTO_BUF out = BUF_INIT(4 * PATTERN_TEXT_BYTES_MAX);
    struct pattern_names names = {.count = 0};
    int r = pattern_print(&out, s, f, i, statements, NULL, cut, &names);
    if (r == ERR_NOMEM)
        return r;
    return r < 0 ? 0 : fn(ctx, s->lang, out.data, out.len);
}

int payloads_each(const struct syntax *s, payload_fn *fn, void *ctx) {
    struct form f;
    form_init(&f);
    int r = form_build(&f, s, 0, NULL, 0, NULL);
    for (uint32_t i = 0; r == 0 && i < f.count; i++) {
        uint32_t to = f.nodes[i].next;
        if (!is_candidate(&f.nodes[i]) || form_weight(&f, i, to) < PATTERN_NODES_MIN)
            continue;
        for (uint32_t n = 1; r == 0 && n <= 3 && form_weight(&f, i, to) <= PATTERN_NODES_MAX; n++) {
            r = give(s, &f, i, n, false, fn, ctx);
            if (to >= f.count || f.nodes[to].depth != f.nodes[i].depth ||
                !is_candidate(&f.nodes[to]))
                break;
            to = f.nodes[to].next;
        }
        if (r == 0 && f.nodes[i].kind == FORM_INNER)
            r = give(s, &f, i, 1, true, fn, ctx);
    }
    form_done(&f);
    return r;
}

static uint32_t next(uint64_t *x) { // xorshift64
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (uint32_t)(*x >> 20);
}

// A name of one's own; now and then with letters that only look Latin (U+043A, U+0443).
static void put_name(struct buf *out, const char *old, size_t n, uint64_t *seed) {
    uint32_t r = next(seed);
    bool upper = n && old[0] >= 'A' && old[0] <= 'Z';
    while (n && (*old == '@' || *old == '$')) { // Ruby, PHP
        (void)buf_putc(out, *old++);
        n--;
    }
    if (r % 16 == 0)
        (void)buf_printf(out, "%snry_\xD0\xBA\xD1\x83%u", upper ? "K" : "k", r % 997);
    else
        (void)buf_printf(out, "%s%u", upper ? "Knry_secret" : "knry_secret", r % 997);
}

static void put_comment(struct buf *out, const char *old, size_t n, uint64_t *seed) {
    for (size_t k = 0; k < n; k++) // its signs and lines stay
        (void)buf_putc(out, (old[k] >= 'a' && old[k] <= 'z') || (old[k] >= 'A' && old[k] <= 'Z')
                                ? "knry"[(k + next(seed) % 1) % 4]
                                : old[k]);
}

static const char *const secrets[] = {"knry@example.org", "/home/knry/.ssh/id",
                                      "AKIAKNRY7357",     "knry",
                                      "C:\\\\knry\\\\x",  "https://knry.example/7357"};

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Symbols, regular expressions, prefixed strings: every word behind the first sign.
static void put_words(struct buf *out, const char *old, size_t n) {
    size_t k = 0;
    while (k < n && is_alnum(old[k]))
        k++;
    if (k == n) {
        (void)buf_puts(out, "knry");
        return;
    }
    (void)buf_append(out, old, k);
    while (k < n) {
        if (!is_alnum(old[k])) {
            (void)buf_putc(out, old[k++]);
            continue;
        }
        (void)buf_puts(out, "knry");
        while (k < n && is_alnum(old[k]))
            k++;
    }
}

static void put_string(struct buf *out, const char *old, size_t n, uint64_t *seed) {
    size_t quotes = 0;
    while (quotes < n && quotes < 3 && old[quotes] == old[0])
        quotes++;
    if (n == 2 && quotes == 2) { // empty
        (void)buf_append(out, old, n);
        return;
    }
    if (n < 2 * quotes || n < 3 || !strchr("\"'`", old[0]) || quotes == 2) {
        put_words(out, old, n);
        return;
    }
    (void)buf_append(out, old, quotes);
    (void)buf_puts(out, secrets[next(seed) % COUNT_OF(secrets)]);
    (void)buf_append(out, old + n - quotes, quotes);
}

static void put_leaf(const struct syntax *s, uint32_t i, struct buf *out, uint64_t *seed) {
    size_t n;
    const char *text = syntax_text(s, i, &n);
    switch ((enum role)s->nodes[i].role) {
    case ROLE_IDENTIFIER:
    case ROLE_FIELD_IDENTIFIER:
    case ROLE_TYPE_IDENTIFIER:
        if (!stdnames_has(s->lang, text, n)) {
            put_name(out, text, n, seed);
            return;
        }
        break;
    case ROLE_STRING:
        put_string(out, text, n, seed);
        return;
    case ROLE_NUMBER:
        if (n > 1) {
            (void)buf_printf(out, "%u7357", 1 + next(seed) % 9);
            return;
        }
        break;
    case ROLE_COMMENT:
        put_comment(out, text, n, seed);
        return;
    case ROLE_CHARACTER:
        (void)buf_puts(out, "'~'");
        return;
    case ROLE_NONE: // what no role knows: labels, contents of documents, parts of expressions
        if (syntax_named(s, i) && n > 1 && !stdnames_is_keyword(s->lang, text, n) &&
            !syntax_text_is(s, i, syntax_type(s, i))) {
            put_words(out, text, n);
            return;
        }
        break;
    default:
        break;
    }
    (void)buf_append(out, text, n);
}

int payloads_plant(const struct syntax *s, uint64_t *seed, struct buf *out) {
    uint32_t at = 0; // byte up to which the text is written
    for (uint32_t i = 0; i < s->count;) {
        const struct node *n = &s->nodes[i];
        bool whole = n->role == ROLE_STRING || n->role == ROLE_COMMENT || n->next == i + 1;
        if (!whole || n->start < at) {
            i++;
            continue;
        }
        (void)buf_append(out, s->text + at, n->start - at);
        put_leaf(s, i, out, seed);
        at = n->end;
        i = n->next;
    }
    (void)buf_append(out, s->text + at, s->bytes - at);
    return out->failed ? ERR_NOMEM : 0;
}

bool payloads_has_canary(const char *text, size_t bytes) {
    for (size_t k = 0; k + 4 <= bytes; k++) {
        char low[4];
        for (size_t i = 0; i < 4; i++)
            low[i] =
                (char)(text[k + i] >= 'A' && text[k + i] <= 'Z' ? text[k + i] + 32 : text[k + i]);
        if (memcmp(low, "knry", 4) == 0 || memcmp(low, "nry_", 4) == 0 ||
            memcmp(low, "7357", 4) == 0 || memcmp(low, "'~'", 3) == 0 ||
            (unsigned char)text[k] > 127)
            return true;
    }
    return false;
}

struct trial {
    struct payload_tally *tally;
    struct pattern_reader *reader;
    struct syntax *gate;
    uint64_t *seed;
    uint32_t max;
};

static void report(struct trial *t, const char *how, const char *text, size_t n) {
    if (t->tally->leaks++ < 5)
        (void)fprintf(stderr, "leak (%s):\n%.*s\n", how, (int)n, text);
}

// Puts a canary in the place of some metavariable, or at the end of a line.
static void try_planted(struct trial *t, enum lang lang, const char *text, size_t n) {
    static const char *const canaries[] = {"knry",    "\"knry\"",  "73570",         "k\xD0\xBDry",
                                           "'knry'",  "knry.knry", "`knry`",        "/* knry */ $Z",
                                           "/knry/x", "knry()",    "\"\" \"knry\"", "#knry",
                                           "0x7357",  "'k'",       "f'knry'",       "-7357"};
    const char *canary = canaries[next(t->seed) % COUNT_OF(canaries)];
    AUTO_BUF out = BUF_INIT(8 * PATTERN_TEXT_BYTES_MAX);
    size_t dollars = 0, pick;
    for (size_t k = 0; k < n; k++)
        dollars += text[k] == '$';
    if (!dollars)
        return;
    pick = next(t->seed) % dollars;
    for (size_t k = 0; k < n;) {
        if (text[k] != '$' || pick-- != 0) {
            (void)buf_putc(&out, text[k++]);
            continue;
        }
        (void)buf_puts(&out, canary);
        k++;
        if (n - k >= 3 && memcmp(text + k, "...", 3) == 0)
            k += 3;
        else
            while (k < n &&
                   ((text[k] >= 'A' && text[k] <= 'Z') || (text[k] >= '0' && text[k] <= '9')))
                k++;
    }
    t->tally->planted++;
    if (scrub_check(t->gate, lang, out.data, out.len, NULL) == 0)
        report(t, "gate", out.data, out.len);
}

static int try_payload(void *ctx, enum lang lang, const char *text, size_t bytes) {
    struct trial *t = ctx;
    struct pattern *p = NULL;
    if (t->tally->payloads >= t->max)
        return ERR_CANCELLED;
    int r = pattern_parse(t->reader, lang, text, bytes, &p, NULL);
    if (r == 0) {
        r = scrub_check(t->gate, lang, p->text, strlen(p->text), NULL);
        if (r == 0) {
            t->tally->payloads++;
            if (payloads_has_canary(p->text, strlen(p->text)))
                report(t, "miner", p->text, strlen(p->text));
            else
                try_planted(t, lang, p->text, strlen(p->text));
        }
    }
    t->tally->refused += r < 0;
    pattern_free(p);
    return r == ERR_NOMEM ? r : 0;
}

int payloads_tally(struct syntax *s, enum lang lang, const char *text, size_t bytes, uint64_t *seed,
                   uint32_t max, struct payload_tally *tally) {
    AUTO_BUF planted = BUF_INIT(8 * 1024 * 1024);
    struct trial t = {.tally = tally,
                      .reader = pattern_reader_new(),
                      .gate = syntax_new(),
                      .seed = seed,
                      .max = max};
    int r = t.reader && t.gate ? syntax_parse(s, lang, text, bytes, NULL, NULL) : ERR_NOMEM;
    if (r == 0)
        r = payloads_plant(s, seed, &planted);
    if (r == 0)
        r = syntax_parse(s, lang, planted.data, planted.len, NULL, NULL);
    if (r == 0)
        r = payloads_each(s, try_payload, &t);
    pattern_reader_free(t.reader);
    syntax_free(t.gate);
    return r == ERR_CANCELLED ? 0 : r;
}
