"""What a review says was copied, or is used by nobody: a copy is told of, what only looks like one is not."""
import json
import os
import subprocess

from process_lib import PAIRED, World, main


def write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)


def answer(before, after, *options):
    """What is said when `after` is written over the committed `before`."""
    with World() as w:
        root = os.path.join(w.dir, "project")
        write(root, before)
        env = dict(w.env, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
        for argv in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a"]):
            subprocess.run(["git", *argv], cwd=root, env=env, check=True)
        write(root, after)
        r = subprocess.run([PAIRED, "review", "--json", "--budget", "20000", *options], env=env, cwd=root, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)


def review(before, after, *options):
    """Rules and places of all of it, the less certain as well."""
    return [(i["rule"], i["path"], i["line"]) for i in answer(before, after, *(options or ["--confidence", "1"]))["items"]]


UNFINISHED = "TO" + "DO"  # which no file of this repository may say
# Thirteen statements, about 100 tokens.
BODY = "".join("    left%d = read_%d(input, left%d, right + %d);\n" % (i, i, i, i) for i in range(13))
C = "static int %s(struct reader *input, int right)\n{\n" + BODY + "    return right;\n}\n"


def test_a_copy_is_told_of():
    assert [x[:2] for x in review({"src/a.c": C % "first"}, {"src/b.c": "// second\n" + C % "second"})] == [("copied-code", "src/b.c")]


def test_the_less_certain_is_said_when_asked():
    before, after = {"src/a.c": C % "first"}, {"src/b.c": "// second\n" + C % "second"}
    said = answer(before, after)
    assert said["items"] == [] and any("1 less certain left out" in n for n in said["notes"]), said
    assert [x[:2] for x in review(before, after, "--rules", "copied-code")] == [("copied-code", "src/b.c")]
    assert review(before, after, "--confidence", "90") == []
    todo = review(before, {"src/c.c": "// %s: count them\nint x;\n" % UNFINISHED}, "--budget", "20000")
    assert todo == [("todo-comment", "src/c.c", 1)]


def test_what_was_taken_over_whole_is_not_held_against_the_change():
    def told(path, text, licence="Copyright (c) 2020 Jane Roe\n"):
        files = {"src/m%d.c" % i: "/* Copyright (c) 2020-2024, Jane Roe <jane@example.org> */\nint x%d;\n" % i for i in range(6)}
        files["LICENSE"] = licence
        some = review(files, {path: text}, "--budget", "20000")
        assert review(files, {path: text}) == [("todo-comment", path, 2)]
        return some == [("todo-comment", path, 2)]
    todo = "\n// %s: count them\n" % UNFINISHED
    lines = "".join("int y%d;\n" % i for i in range(1000))
    assert told("src/b.c", todo + lines[:4000]) and not told("src/b.c", todo + lines)
    # Whose it is says more than how long it is.
    assert told("src/b.c", "// Copyright Jane Roe. 2024 - present" + todo + lines)
    assert told("src/b.c", "// Copyright (c) The Jane Roe Authors" + todo + lines)
    assert not told("src/b.c", "// Copyright \u00a9 2011 Hans Huber" + todo)
    assert not told("src/b.c", "// Copyright (C) 2011-2012 by Hans Huber (hans@example.org)" + todo)
    assert not told("src/b.c", "// Copyright (c) 2011 Hans Huber" + todo, "Public domain.\n")
    assert told("src/b.c", "// See the copyright notice of Hans Huber" + todo)
    # An address that it was copied from says so, too, but only in the comment at its start; a licence's "a copy of" is none.
    assert not told("src/b.c", "// Vendored from https://example.org/b (public domain)" + todo)
    assert not told("src/b.c", "/* Copyright Jane Roe; adapted from */ // http://example.org/b.c" + todo)
    assert told("src/b.c", "// You may obtain a copy of the License at http://example.org/licence" + todo)
    assert told("src/b.c", "int x; // copied from https://example.org/b" + todo)
    assert told("lib/contrib/b.c", todo + lines[:2500]) and not told("lib/contrib/b.c", todo + lines[:4000])
    assert told("src/m1.c", "int x1;" + todo + lines)  # it was there before


def test_what_a_generator_wrote_is_not_reviewed():
    todo = "// %s: count them\nint y;\n" % UNFINISHED
    before = {"src/date.c": "int x;\n", "src/date.l": "%%\n", "src/time.c": "int x;\n", "src/l/time.l": "%%\n", "src/day.c": "int x;\n", "day.l": "%%\n"}
    after = {"src/date.c": todo, "src/time.c": todo, "src/day.c": todo, "src/new.c": todo, "src/new.rl": "x = 'a';\n"}
    said = answer(before, after)
    assert [i["path"] for i in said["items"]] == ["src/day.c", "src/time.c"], said["items"]
    assert [n for n in said["notes"] if "generated" in n] == ["src/date.c: vendored or generated, not reviewed", "src/new.c: vendored or generated, not reviewed"], said["notes"]


def test_what_tests_read_is_no_fault_of_the_change():
    before, dead = {"src/a.c": "int x;\n"}, "int f(int a)\n{\n    return a;\n    f(2);\n}\n"
    everything, unasked = [], []
    for path in ("tests/format/jumps.c", "tests/test_jumps.c", "src/jumps.c"):
        everything += [x[:2] for x in review(before, {path: dead}) if x[0] == "unreachable-code"]
        unasked += [x[:2] for x in review(before, {path: dead}, "--budget", "20000")]
    assert len(everything) == 3 and unasked == everything[1:], (everything, unasked)


def test_tests_at_the_end_of_a_file_may_be_hard_to_follow():
    hard = "int f(int a)\n{\n" + "    if (a) { if (a > 1) { if (a > 2) { if (a > 3) { if (a > 4) { if (a > 5) { g(a); } } } } } }\n" * 2 + "}\n"
    before = {"src/a.c": "int x;\n"}
    assert [x[:2] for x in review(before, {"src/a.c": "int x;\n" + hard})] == [("complexity-worse", "src/a.c")]
    assert review(before, {"src/a.c": "int x;\n#ifdef A_TEST\n" + hard + "#endif\n"}) == []
    assert review(before, {"src/it/resources/a.c": "int x;\n" + hard}) == []


def test_a_copy_is_as_hard_as_it_was():
    def hard(name, rest=""):
        return "int %s(int a, int b)\n{\n%s%s    return 0;\n}\n" % (name, "".join(
            "    if (a == %d) {\n        while (b) {\n            if (b > %d)\n                b = take_%d(a, b);\n        }\n    }\n" % (i, i, i) for i in range(5)), rest)
    before = {"src/a.c": hard("first")}
    more = "".join("    for (int i%d = 0; i%d < a; i%d++) {\n        if (i%d == b)\n            send(a, b);\n    }\n" % (i, i, i, i) for i in range(12))
    for text, unasked in ((hard("second"), []), (hard("second", more), [("complexity-worse", "src/b.c", 1)])):
        assert review(before, {"src/b.c": text}, "--budget", "20000") == unasked
        assert [x[0] for x in review(before, {"src/b.c": text})] == ["complexity-worse", "copied-code"] or not unasked
    assert sorted(x[0] for x in review(before, {"src/b.c": hard("second")})) == ["complexity-worse", "copied-code"]


def test_a_habit_of_the_project_is_no_copy():
    def modules(n):
        return {"src/m%d.c" % i: C % ("module_%d" % i) for i in range(n)}
    assert [x[:2] for x in review(modules(2), {"src/b.c": C % "second"})] == [("copied-code", "src/b.c")]
    assert review(modules(3), {"src/b.c": C % "second"}) == []


def test_what_moved_or_was_indented_is_no_copy():
    twice = {"src/a.c": C % "first", "src/b.c": C % "second"}
    assert review(twice, {"src/b.c": "", "src/c.c": C % "second"}) == []
    deeper = (C % "second").replace("    left", "        left").replace("{\n", "{\n    if (right) {\n", 1).replace("    return", "    }\n    return")
    assert review(twice, {"src/b.c": deeper}) == []


def test_tables_declarations_and_benches_are_no_copies():
    def flags(function, names):
        return "static void %s(struct args *to)\n{\n    struct arg *one;\n%s}\n" % (function, "".join(
            "    one = arg_new(\"%s\", 'x', to, 1);\n    arg_help(one, \"%s is a flag\", to);\n    arg_over(one, \"no-%s\", 1);\n"
            "    args_push(to, one);\n" % (n, n, n) for n in names))
    assert review({"src/a.c": flags("first", "abcd")}, {"src/b.c": flags("second", "efgh")}) == []
    prototypes = "".join("extern int set_%d(struct options *options, const char *key, unsigned long key_bytes, int value_%d);\n" % (i, i)
                         for i in range(8))
    assert review({"src/a.h": prototypes}, {"src/b.h": prototypes}) == []
    tested = C % "first" + "#ifdef A_TEST\n#if X\n#endif\n%s#endif\n"
    assert review({"src/a.c": tested % ""}, {"src/a.c": tested % (C % "second")}) == []
    fields = "".join("    field_%d: Mapping[str, Reader] | None = None,\n" % i for i in range(14))
    python = "def %s(\n" + fields + ") -> Writer:\n    return 1\n"
    assert review({"a.py": python % "first"}, {"b.py": python % "second"}) == []
    assert review({"examples/a.c": C % "first"}, {"examples/b.c": C % "second"}) == []
    # Eight lines are not worth a word.
    short = (C % "%s").replace("".join(BODY.splitlines(True)[6:]), "")
    assert review({"src/a.c": short % "first"}, {"src/b.c": short % "second"}) == []
    assert review({"bench/a.c": C % "first"}, {"bench/b.c": C % "second"}) == []
    rust = "fn a() {\n" + BODY + "}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {\n%s    }\n}\n"
    assert review({"a.rs": rust % ""}, {"a.rs": rust % BODY}) == []


def test_exports_that_nobody_uses():
    unheard = "export const x = 1;\nexport function unheard_of() {\n  return x;\n}\n"
    user = {"b.ts": "import { x } from './a';\nprint(x);\n"}
    assert review({"a.ts": "export const x = 1;\n", **user}, {"a.ts": unheard}) == [("dead-export", "a.ts", 2)]
    # No other file knows any of its names: it is not reached by names.
    assert review({"a.ts": "export const x = 1;\n"}, {"a.ts": unheard}) == []
    # A macro that makes functions.
    used = {"b.c": "int use(void) { return get(); }\n"}
    made = "int get(void)\n{\n    return 1;\n}\n%s(list)\n{\n    return 2;\n}\n"
    assert review({"a.c": "int a;\n", **used}, {"a.c": made % "MAKE_GET"}) == []
    assert review({"a.c": "int a;\n", **used}, {"a.c": made % "int make_get"}) == []
    assert review({"a.c": "int a;\n", **used}, {"a.c": made % "int make_set"}) == [("dead-export", "a.c", 5)]
    # Or one that pastes their names together.
    register = {"c.c": "#define REGISTER(name) add(#name, module_##name)\nvoid all(void) { REGISTER(Yield); }\n", **used}
    assert review({"a.c": "int a;\n", **register}, {"a.c": made % "int module_Yield"}) == []
    assert review({"a.c": "\n"}, {"a.h": "typedef struct _pending {\n    int a;\n} pending;\nint use(pending *p);\n"}) == []
    # Others give it a name of their own.
    assert review({"a.js": "x = 1;\n"}, {"a.js": "x = 1;\nmodule.exports = function unheard_of() {\n  return x;\n};\n"}) == []
    assert review({"a.ts": "const x = 1;\n"}, {"a.ts": "const x = 1;\nexport default function unheard_of() {\n  return x;\n}\n"}) == []


if __name__ == "__main__":
    main(globals())
