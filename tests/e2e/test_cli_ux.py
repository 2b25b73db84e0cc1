"""Command lines: each rule speaks on what breaks it and is silent on what only looks alike."""
import json
import os
import subprocess

from process_lib import PAIRED, World, main


def answer_of(files):
    with World() as w:
        root = os.path.join(w.dir, "project")
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as f:
                f.write(text)
        r = subprocess.run([PAIRED, "cli-ux", "--json", "--budget", "20000"], env=w.env, cwd=root, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)


def findings(files):
    return [(i["rule"], i["path"], i["line"]) for i in answer_of(files)["items"]]


def table(files):
    return {(p["library"], p["folder"]): [(o["kind"], o.get("name"), o.get("letter"), o["help"]) for o in p["table"]]
            for p in answer_of(files)["programs"]}


def test_every_library_gives_its_table():
    got = table({
        "a/a.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('-v', '--verbose', help='say more')\n"
                  "p.add_argument('file')\np.add_argument('--dry-run', action='store_true')\ns = p.add_subparsers()\n"
                  "s.add_parser('run', help='runs')\n",
        "b/b.py": "import click\n@click.command('go')\n@click.option('--name', '-n', help='x')\ndef go(name): pass\n",
        "c/c.js": "const { program } = require('commander');\nprogram.command('serve').option('-p, --port <n>', 'port', 80)\n"
                  "  .option('--bare');\n",
        "d/d.js": "import yargs from 'yargs';\nyargs.option('size', {alias: 's', describe: 'how big'}).option('plain', {});\n",
        "e/e.go": "package main\nimport (\n\t\"flag\"\n)\nvar a = flag.String(\"addr\", \":80\", \"where to listen\")\n"
                  "func main() { flag.BoolVar(&q, \"quiet\", false, \"\"); strings.Split(\"x\", \",\") }\n",
        "f/f.go": "package main\nimport \"github.com/spf13/cobra\"\nvar c = &cobra.Command{Use: \"get [x]\", Short: \"Gets\"}\n"
                  "func init() { c.Flags().StringVarP(&o, \"output\", \"o\", \"\", \"format\") }\n",
        "g/g.go": "package main\nimport \"github.com/urfave/cli/v2\"\nvar x = cli.Command{Name: \"web\", Usage: \"serves\",\n"
                  "\tFlags: []cli.Flag{&cli.StringFlag{Name: \"port\", Usage: \"n\"}, &cli.BoolFlag{Name: hidden}}}\n",
        "h/h.rs": "use clap::Parser;\nstruct A {\n    /// How loud\n    #[arg(short, long)]\n    volume_level: u8,\n"
                  "    #[arg(long = \"mute\")]\n    m: bool,\n}\n",
        "i/i.c": "#include <getopt.h>\nstatic struct option o[] = {\n    {\"all\", no_argument, NULL, 'a'},\n"
                 "    {\"size\", required_argument, 0, 0},\n    {0}};\n",
        "j/j.rb": "require 'optparse'\nOptionParser.new do |o|\n  o.on('-x', '--[no-]extra', 'more')\n  o.on \"--bare\"\nend\n",
        "k/K.java": "import picocli.CommandLine.Option;\nclass K {\n  @Option(names = {\"-a\", \"--all\"}, description = \"x\") boolean a;\n"
                    "  @Option(names = \"--bare\") boolean b;\n}\n",
        "l/not.py": "parser.add_argument('--of-no-library')\n",
    })
    want = {
        ("argparse", "a"): [("option", "verbose", "v", True), ("option", "dry-run", None, False), ("command", "run", None, True)],
        ("click", "b"): [("command", "go", None, False), ("option", "name", "n", True)],
        ("commander", "c"): [("command", "serve", None, True), ("option", "port", "p", True), ("option", "bare", None, False)],
        ("yargs", "d"): [("option", "size", None, True), ("option", "plain", None, False)],
        ("flag", "e"): [("option", "addr", None, True), ("option", "quiet", None, False)],
        ("cobra", "f"): [("command", "get", None, True), ("option", "output", "o", True)],
        ("urfave/cli", "g"): [("option", None, None, False), ("command", "web", None, True), ("option", "port", None, True)],
        ("clap", "h"): [("option", "volume-level", None, True), ("option", "mute", None, False)],
        ("getopt_long", "i"): [("option", "all", "a", True), ("option", "size", None, True)],
        ("optparse", "j"): [("option", "extra", "x", True), ("option", "bare", None, False)],
        ("picocli", "k"): [("option", "all", "a", True), ("option", "bare", None, False)],
    }
    for key in want:
        assert got.get(key) == want[key], (key, got.get(key))
    assert set(got) == set(want), got


def declared(*names, more=""):
    return "import argparse\np = argparse.ArgumentParser()\n" + \
        "".join("p.add_argument('--%s', help='x')\n" % n for n in names) + "p.add_argument('--version', action='version')\n" + more


def test_names_letters_and_help():
    assert findings({"a.py": declared("one-a", "two-b", "three-c", "four-d", "five_e", "six-f")}) == [("naming", "a.py", 7)]
    assert findings({"a.py": declared("one-a", "two-b", "three_c", "four_d", "five_e")}) == []  # no custom
    assert findings({"a.py": declared("aa", "bb").replace(", help='x'", "", 1)}) == [("no-help", "a.py", 3)]
    table_of = "static struct option o[] = {{\"help\", no_argument, 0, 'h'}, {\"host\", required_argument, 0, 'h'},\n" \
               "{\"version\", no_argument, 0, 'v'}, {0}};\n"
    assert findings({"a.c": "#include <getopt.h>\n" + table_of}) == [("same-letter", "a.c", 2)]
    assert findings({"a.py": declared(*("a%d" % i for i in range(10))).replace("p.add_argument('--version', action='version')\n", "")}) == \
        [("no-version", "a.py", 3)]


def test_errors_their_place_and_their_code():
    more = "if x:\n    print('Error: no file')\n    sys.exit(1)\nif y:\n    print('Error: gone', file=sys.stderr)\n    sys.exit(0)\n" \
           "try:\n    f()\nexcept Exception as e:\n    print(e)\n    sys.exit(1)\n" \
           "print('Error rate: 3', flush=True)\nprint('Missing values are shown')\nprint('error: x', file=sys.stderr)\n"
    assert findings({"a.py": declared("a", more=more)}) == \
        [("exit-0", "a.py", 9), ("error-stdout", "a.py", 6), ("bare-exception", "a.py", 14)]
    assert findings({"web/a.py": more}) == []  # no command line there
    go = "package main\nimport (\n\t\"flag\"\n)\nvar v = flag.Bool(\"version\", false, \"x\")\nfunc main() {\n\tif err != nil {\n" \
         "\t\tfmt.Println(\"Error: no\")\n\t\tos.Exit(1)\n\t}\n\tfmt.Fprintln(os.Stderr, \"Error: no\")\n\tos.Exit(1)\n}\n"
    assert findings({"main.go": go}) == [("error-stdout", "main.go", 8)]


def test_documents():
    names = ["alpha", "beta", "gamma", "delta", "omega", "kappa", "sigma"]
    page = "# tool\n\nUse `pip install --upgrade tool`.\n\n" + "".join("- `--%s` does it\n" % n for n in names[:5])
    assert findings({"a.py": declared(*names[:5]), "README.md": page + "- `--gone`: is no more\n- `--no-alpha` off\n"}) == \
        [("doc-stale", "README.md", 10)]
    assert findings({"a.py": declared(*names), "tool.1": "".join(".TP\n\\fB\\-\\-%s\\fR\n" % n for n in names[:6])}) == \
        [("not-documented", "a.py", 9)]
    assert findings({"a.py": declared(*names), "README.md": "# tool\n- `--gone`: of another program\n"}) == []
    assert findings({"a.py": declared(*names[:5]), "CHANGELOG.md": page + "- `--gone`: removed\n"}) == []


def test_commands_that_destroy_and_lists():
    def program(*more):
        return declared("a", more="s = p.add_subparsers()\ns.add_parser('delete', help='x')\ns.add_parser('list', help='x')\n" +
                        "".join(more))
    assert findings({"a.py": program()}) == [("no-confirm", "a.py", 6), ("no-json", "a.py", 7)]
    assert findings({"a.py": program("p.add_argument('--dry-run', help='x')\np.add_argument('--json', help='x')\n")}) == []
    assert findings({"a.py": program("ok = input('Are you sure?')\np.add_argument('--format', help='x')\n")}) == []


def test_of_no_command_line_it_says_so():
    answer = answer_of({"a.c": "int f(void) { return 1; }\n"})
    assert answer["total"] == 0 and answer["programs"] == [] and "No command line" in answer["title"]


def test_hostile_declarations_are_survived():
    answer_of({"a.py": "import argparse\n" + "add_argument(" * 400 + "'--x'" + ")" * 400 + "\nadd_argument('" + "-" * 5000 + "')\n",
               "b.rs": "use clap::Parser;\n" + "#[arg(long " * 300, "c.go": "package x\nimport (\n\t\"flag\"\n)\nflag.String(\"",
               "d.1": ".B \\-\\-" + "\\f" * 3000 + "\n.", "e.c": "getopt_long({\"x\", no_argument" + "{" * 400})


if __name__ == "__main__":
    main(globals())
