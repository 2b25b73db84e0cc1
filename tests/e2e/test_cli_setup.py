"""paired setup over a home of its own: every client, and files as people have them. What it may change is its own entry;
everything else stays byte for byte, and --remove gives back what was there."""
import json
import os
import pty
import random
import re
import resource
import signal
import stat
import subprocess
import time

from process_lib import PAIRED, Skip, World, main, report

OK, FAILED, USAGE, AGAIN = 0, 1, 2, 75

CLIENTS = ("claude-code", "vscode", "vscode-insiders", "vscodium", "cursor", "devin", "zed", "jetbrains", "junie",
           "neovim", "emacs", "codex", "gemini", "opencode")

# Where each client looks (docs/EDITORS.md), and the entry that it has to find there.
PLACES = {
    "claude-code": (".claude.json", ("mcpServers", "paired"), {"type": "stdio", "command": PAIRED, "args": ["mcp"]}),
    "vscode": (".config/Code/User/mcp.json", ("servers", "paired"),
               {"type": "stdio", "command": PAIRED, "args": ["mcp"]}),
    "cursor": (".cursor/mcp.json", ("mcpServers", "paired"), {"command": PAIRED, "args": ["mcp"]}),
    "devin": (".config/devin/mcp_config.json", ("mcpServers", "paired"), {"command": PAIRED, "args": ["mcp"]}),
    "zed": (".config/zed/settings.json", ("agent_servers", "Paired"),
            {"type": "custom", "command": PAIRED, "args": ["acp"]}),
    "jetbrains": (".jetbrains/acp.json", ("agent_servers", "Paired"), {"command": PAIRED, "args": ["acp"]}),
    "junie": (".junie/mcp/mcp.json", ("mcpServers", "paired"), {"command": PAIRED, "args": ["mcp"]}),
    "gemini": (".gemini/settings.json", ("mcpServers", "paired"), {"command": PAIRED, "args": ["mcp"]}),
    "opencode": (".config/opencode/opencode.json", ("mcp", "paired"),
                 {"type": "local", "command": [PAIRED, "mcp"], "enabled": True}),
}

JSONC = b"""// My settings. /* not the end
{
    "theme": "One // Dark",  // with a comment

    /* several
       lines */
    "context_servers": {
        "other": { "command": "x", "args": [] }, // keep "this"
    },
    "agent_servers": {},
    "lines": ["a",
              "b"]   // no comma behind
}
"""


def run(w, *argv, code=OK, **options):
    r = w.run("setup", *argv, **options)
    assert r.returncode == code, (argv, r.returncode, r.stdout, r.stderr)
    return r.stdout.decode(), r.stderr.decode()


def data(w, *argv, **options):
    return json.loads(run(w, *argv, "--json", **options)[0])["clients"]


def home(w, path):
    return os.path.join(w.dir, path)


def put(w, path, content, mode=0o644):
    path = home(w, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, mode)
    return path


def get(path):
    with open(path, "rb") as f:
        return f.read()


def tree(w):
    """Everything below the home: what it is, its mode and bytes; paired's own profile aside."""
    found = {}
    for folder, folders, files in os.walk(w.dir):
        folders[:] = [f for f in folders if os.path.join(folder, f) != w.profile]
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(st.st_mode) else get(path) if stat.S_ISREG(st.st_mode) else b""
            found[os.path.relpath(path, w.dir)] = (st.st_mode, content)
    return found


def kept(w):
    return sorted(os.listdir(os.path.join(w.profile, "state", "setup"))) if os.path.isdir(
        os.path.join(w.profile, "state", "setup")) else []


def parse(content):
    """JSON with comments and trailing commas, by other means than the program's."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?\*/|[^"/]+|/', re.S)
    text = content.decode("utf-8-sig")
    return json.loads(strip_commas("".join("" if t.startswith(("//", "/*")) else t for t in token.findall(text))))


def strip_commas(text):
    out, strings = "", re.compile(r'"(?:\\.|[^"\\])*"')
    at = 0
    for m in strings.finditer(text):
        out += re.sub(r",(\s*[}\]])", r"\1", text[at:m.start()]) + m.group()
        at = m.end()
    return re.sub(r",(\s*[}\]])", r"\1", out + text[at:])


def at(value, keys):
    for key in keys:
        value = value[key]
    return value


def test_every_client_from_nothing_and_back():
    with World() as w:
        before = tree(w)
        out, err = run(w, *CLIENTS, "--yes")
        assert out.count("--- /dev/null") >= len(CLIENTS) and err.count(": done") == len(CLIENTS), err
        for client, (path, keys, entry) in PLACES.items():
            assert at(parse(get(home(w, path))), keys) == entry, client
        assert get(home(w, ".codex/config.toml")).decode() == \
            '[mcp_servers.paired]\ncommand = "%s"\nargs = ["mcp"]\n' % PAIRED
        registry = parse(get(home(w, ".windsurf/acp/registry.json")))
        assert registry["version"] == "1.0.0" and registry["agents"][0]["id"] == "paired"
        assert PAIRED in get(home(w, ".config/nvim/plugin/paired.lua")).decode()
        assert parse(get(home(w, ".local/share/paired/jetbrains/template.json")))["programArgs"] == {
            "default": '"%s" lsp' % PAIRED}
        assert '("%s" "lsp")' % PAIRED in get(home(w, ".local/share/paired/emacs/paired.el")).decode()
        assert home(w, ".local/share/paired/emacs/paired.el") in get(home(w, ".emacs.d/init.el")).decode()
        for file in kept(w):
            assert stat.S_IMODE(os.stat(os.path.join(w.profile, "state", "setup", file)).st_mode) == 0o600
        after = tree(w)
        out, err = run(w, *CLIENTS, "--yes")
        assert not out and err.count("nothing to do") == len(CLIENTS) and tree(w) == after
        assert {c["client"] for c in data(w) if c.get("state") == "registered"} == set(CLIENTS)
        run(w, *CLIENTS, "--remove", "--yes")
        assert tree(w) == before and not kept(w)
        out, err = run(w, *CLIENTS, "--remove", "--yes")
        assert not out and err.count("nothing to do") == len(CLIENTS)


FILES = {  # as people have them
    ".config/zed/settings.json": (
        "zed", (JSONC, JSONC.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + JSONC, JSONC.replace(b"    ", b"\t"),
                b"", b"  \n", b"// nothing yet", b"{}", b"{ }\n", b"{\n}\n", b'{"theme":"x"}', b'{ "a": 1, }',
                b'{\n  // only this\n}\n', b'{"context_servers":{"q":{}},"agent_servers":{ }}')),
    ".claude.json": ("claude-code", (
        b'{\n  "numStartups": 3,\n  "mcpServers": {\n    "q": {\n      "command": "q"\n    }\n  },\n  "z": "\\u00e9"\n}',
        b'{\n  "mcpServers": {},\n  "projects": {"/a": {"mcpServers": {"paired": {"command": "other"}}}}\n}')),
    ".codex/config.toml": ("codex", (
        b'model = "o"\n', b'model = "o"', b"# mine\r\n[mcp_servers.q]\r\ncommand = 'q'\r\n", b"",
        b'a = """\n[mcp_servers.paired]\n"""\n\n\n')),
    ".emacs.d/init.el": ("emacs", (b"(setq a 1)\n", b"(setq a 1)", b";; x\r\n(setq a 1)\r\n", b"", b"\n\n")),
    ".windsurf/acp/registry.json": ("devin", (
        b'{"version": "2.0.0", "agents": []}\n', b'{\n "agents": [\n  {"id": "q"}\n ]\n}\n')),
    ".config/opencode/opencode.jsonc": ("opencode", (b'{\n  "$schema": "https://opencode.ai/config.json", // s\n}\n',)),
}


def test_existing_files_come_back_byte_for_byte():
    for path, (client, contents) in FILES.items():
        for content in contents:
            with World() as w:
                file = put(w, path, content, 0o640)
                before = tree(w)
                run(w, client, "--yes")
                after = get(file)
                assert after != content, (path, content)
                assert stat.S_IMODE(os.stat(file).st_mode) == 0o640
                if path.endswith((".json", ".jsonc")) and content.strip() and b"nothing yet" not in content:
                    # Nothing but ours has come: each line that was there still is.
                    old, new = parse(content), parse(after)
                    assert {k: v for k, v in new.items() if k in old and not isinstance(v, (dict, list))} == \
                        {k: v for k, v in old.items() if not isinstance(v, (dict, list))}
                    for line in content.splitlines():
                        if b"{" not in line and b"}" not in line:
                            assert line.strip(b" \t\r,") in after, line
                if b"\r\n" in content:
                    assert after.count(b"\n") == after.count(b"\r\n"), after
                assert after.startswith(b"\xef\xbb\xbf") == content.startswith(b"\xef\xbb\xbf")
                run(w, client, "--yes")
                assert get(file) == after
                run(w, client, "--remove", "--yes")
                assert tree(w) == before and not kept(w), (path, content, get(file))


def odd_json(r, comments):
    """A file as nobody would write it, and some do. Never two members of one name in an object."""
    eol = r.choice(["\n", "\n", "\r\n"])
    tab = r.choice(["  ", "    ", "\t", " ", "   ", ""])
    loose = r.random() < .3  # no line breaks but where a comment needs one

    def gap(depth):
        said = ""
        if comments and r.random() < .25:
            said = r.choice(["// it's {\"x\": 1}" + eol, "/* not } the end */", "/* a" + eol + "  b */", "//" + eol])
        if loose:
            return r.choice(["", " ", "\t"]) + said
        return said + eol + (eol if r.random() < .05 else "") + tab * depth

    def text():
        return json.dumps(r.choice(["a", "ä𝄞", "paired", "// no comment", "/*", "\\", '"', "x/y", "", "{", "\u2028"]),
                          ensure_ascii=r.random() < .5)

    def value(depth):
        kind = r.randrange(7 if depth < 4 else 4)
        if kind < 4:
            return [text(), r.choice(["1", "-0.5e+3", "1E400"]), r.choice(["true", "false", "null"]), text()][kind]
        if kind == 4:
            return thing(depth, "[]", [value(depth + 1) for _ in range(r.randrange(4))])
        names = r.sample(["a", "B", "mcpServers2", "Paired2", "e\\u0301", "servers.x", "", "agents2"], r.randrange(4))
        return members(depth, [(n, value(depth + 1)) for n in names])

    def members(depth, pairs):
        return thing(depth, "{}", ['"%s"%s:%s%s' % (n, r.choice(["", "", " "]), r.choice([" ", " ", "", "\t"]), v)
                                   for n, v in pairs])

    def thing(depth, brackets, inner):
        if not inner:
            return brackets[0] + r.choice(["", "", " "]) + brackets[1]
        comma = "," if comments and r.random() < .2 else ""
        return brackets[0] + ("," .join(gap(depth + 1) + one for one in inner)) + comma + gap(depth) + brackets[1]

    holders = ["mcpServers", "servers", "context_servers", "agent_servers", "mcp"]
    top = [(n, value(1)) for n in r.sample(["theme", "x", "numStartups", "projects", "z"], r.randrange(5))]
    for name in r.sample(holders, r.randrange(4)):
        servers = r.sample(["q", "other", "P"], r.randrange(3))
        top.append((name, members(1, [(n, members(2, [("command", text())])) for n in servers])))
    r.shuffle(top)
    whole = r.choice(["", "", eol]) + members(0, top) + r.choice(["", eol, eol * 3, " "])
    if comments and r.random() < .3:
        whole = "// mine" + eol + whole
    return (b"\xef\xbb\xbf" if r.random() < .15 else b"") + whole.encode()


def odd_toml(r):
    eol = r.choice(["\n", "\r\n"])
    parts = ['model = "o"  # why', "", "# [mcp_servers.paired]", "[mcp_servers.q]" + eol + "command = 'q'", "[profiles.\"a b\"]",
             'a = """' + eol + "[mcp_servers.paired]" + eol + '"""', "[[list]]" + eol + "x = [1," + eol + " 2]"]
    first, tables = [parts[i] for i in (0, 5)], [parts[i] for i in (3, 4, 6)]
    lines = r.sample(first + ["", "# c"], r.randrange(4)) + r.sample(tables + ["", parts[2]], r.randrange(5))
    return (eol.join(lines) + r.choice(["", eol, eol * 2])).encode()


def odd_lisp(r):
    return r.choice(["\n", "\r\n"]).join(
        r.sample(["(setq a 1)", ";; x", "", '(setq b "paired.el")', "(when t" + "\n" + "  (b))"], r.randrange(5))
        + r.choice([[], [""]])).encode()


ODD = {  # which of them take comments
    **{path: (client, lambda r, c=client in ("zed", "vscode", "opencode"): odd_json(r, c))
       for client, (path, _, _) in PLACES.items()},
    ".codex/config.toml": ("codex", odd_toml),
    ".emacs.d/init.el": ("emacs", odd_lisp),
}


def test_whatever_stood_there_comes_back_byte_for_byte():
    """Every client over files that are odd in every way at once. In half of the rounds somebody goes on writing them:
    what is left then is what stood there, and what was added."""
    written = 0
    for seed in range(24):
        r = random.Random(seed)
        with World() as w:
            locked = []
            for path, (_, make) in ODD.items():
                mode = r.choice([0o644, 0o600, 0o640, 0o755])
                if r.random() < .06:
                    mode = 0o444
                    locked.append(path)
                put(w, path, make(r), mode)
            before = tree(w)
            clients = [c for c in CLIENTS if c not in {ODD[path][0] for path in locked}]
            for path in locked:
                out, err = run(w, ODD[path][0], "--yes", code=FAILED)
                assert "read-only" in err and tree(w) == before, (seed, path, err)
            run(w, *clients, "--yes")
            after = tree(w)
            for client, (path, keys, entry) in PLACES.items():
                if client in clients:
                    assert at(parse(get(home(w, path))), keys) == entry, (seed, path)
            written += sum(after[p][1] != before[p][1] for p in ODD)
            out, err = run(w, *clients, "--yes")
            assert not out and tree(w) == after, (seed, out, err)
            expected = dict(before)
            for path in ODD:
                if seed % 2 == 0 or path in locked:
                    continue
                more = r.choice([b" ", b"\n", b"\r\n\n"])
                first = r.random() < .5 and not before[path][1].startswith(b"\xef\xbb\xbf")
                now, then = get(home(w, path)), before[path][1]
                put(w, path, more + now if first else now + more, stat.S_IMODE(before[path][0]))
                expected[path] = (before[path][0], more + then if first else then + more)
            run(w, *clients, "--remove", "--yes")
            now = tree(w)
            different = [(p, expected.get(p), now.get(p)) for p in set(expected) | set(now) if expected.get(p) != now.get(p)]
            assert not different, (seed, different[0])
            assert not kept(w)
    assert written > 180, written


def test_what_somebody_adds_meanwhile_stays():
    """The client itself, or a person, goes on writing the file between registration and removal."""
    with World() as w:
        zed = put(w, ".config/zed/settings.json", JSONC)
        codex = put(w, ".codex/config.toml", b'model = "o"\n')
        emacs = put(w, ".emacs.d/init.el", b"(setq a 1)\n")
        run(w, "zed", "codex", "emacs", "cursor", "--yes")
        for file, old, new in ((zed, b'"theme": "One // Dark"', b'"theme": "Two"'), (codex, b'"o"', b'"p"'),
                               (emacs, b"(setq a 1)", b"(setq a 2)"),
                               (home(w, ".cursor/mcp.json"), b'"mcpServers": {', b'"mcpServers": {"q": {},')):
            changed = get(file).replace(old, new)
            assert changed != get(file)
            put(w, file, changed)
        with open(codex, "ab") as f:
            f.write(b"\n[profiles.x]\nmodel = \"y\"\n")
        with open(emacs, "ab") as f:
            f.write(b"(setq b 2)\n")
        run(w, "zed", "codex", "emacs", "cursor", "--remove", "--yes")
        assert get(zed) == JSONC.replace(b'"One // Dark"', b'"Two"')
        assert get(codex) == b'model = "p"\n\n[profiles.x]\nmodel = "y"\n'
        assert get(emacs) == b"(setq a 2)\n\n(setq b 2)\n"
        assert parse(get(home(w, ".cursor/mcp.json"))) == {"mcpServers": {"q": {}}}


def test_without_its_notes_it_still_finds_its_entry():
    with World() as w:
        zed = put(w, ".config/zed/settings.json", JSONC)
        run(w, "zed", "--yes")
        for file in kept(w):
            os.unlink(os.path.join(w.profile, "state", "setup", file))
        run(w, "zed", "--remove", "--yes")
        assert get(zed) == JSONC
        # And one that somebody wrote by hand.
        cursor = put(w, ".cursor/mcp.json", b'{"mcpServers": {"paired": {"command": "paired"}, "q": {}}}')
        run(w, "cursor", "--remove", "--yes")
        assert get(cursor) == b'{"mcpServers": {"q": {}}}'


def test_an_older_registration_is_brought_up_to_date_alone():
    with World() as w:
        old = b'{"mcpServers": {"paired": {"command": "/old/paired", "args": ["mcp"], "env": {"A": "b"}}}} // x'
        cursor = put(w, ".cursor/mcp.json", old)
        assert [c["state"] for c in data(w) if c["client"] == "cursor"] == ["different"]
        run(w, "cursor", "--yes")
        assert get(cursor) == old.replace(b"/old/paired", PAIRED.encode())
        run(w, "cursor", "--remove", "--yes")
        assert get(cursor) == b'{"mcpServers": {}} // x'


def refused(w, client, words, code=FAILED):
    before = tree(w)
    out, err = run(w, client, "--yes", code=code)
    assert not out and words in err, (client, words, err)
    assert [c["state"] for c in data(w) if c["client"] == client] == ["unreadable"]
    assert tree(w) == before and not kept(w)


def test_files_it_cannot_change_safely_are_refused():
    for content, words in (
            (b'{"mcpServers": {}', "~/.cursor/mcp.json: line 1, column 18: expected ',' or the closing bracket"),
            (b"[]", "line 1, column 1: expected an object"),
            (b'{"mcpServers": []}', '"mcpServers" is not an object'),
            (b'{"mcpServers": {}, "mcpServers": {}}', '"mcpServers" stands there more than once'),
            (b'{"mcpServers": {"paired": {"url": "https://x"}}}', "another server is called paired"),
            (b'{"mcpServers": {"paired": 1}}', "not an object"),
            ("{}".encode("utf-16"), "line 1, column 1"),
            (b"\x00" * 40, "line 1, column 1"),
            (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested more than 256 deep")):
        with World() as w:
            put(w, ".cursor/mcp.json", content)
            refused(w, "cursor", words)
    for content, words in ((b"[mcp_servers]\npaired = {command = 'x'}\n", "line 2: it is written there in another form"),
                           (b"a = \"\"\"\n", "a text without its end")):
        with World() as w:
            put(w, ".codex/config.toml", content)
            refused(w, "codex", words)
    with World() as w:
        put(w, ".config/nvim/plugin/paired.lua", b"-- mine\n")
        refused(w, "neovim", "it is somebody else's")


def test_only_plain_files_of_this_user_at_home_are_touched():
    def case(prepare, words):
        with World() as w, World() as elsewhere:
            os.mkdir(home(w, ".cursor"))
            prepare(home(w, ".cursor/mcp.json"), w, elsewhere)
            refused(w, "cursor", words)

    def link(target):
        return lambda path, w, elsewhere: os.symlink(target(w, elsewhere), path)

    def folder_link(path, w, elsewhere):
        os.rmdir(home(w, ".cursor"))
        os.symlink(elsewhere.dir, home(w, ".cursor"))

    def read_only(path, w, elsewhere):
        put(w, ".cursor/mcp.json", b"{}", 0o444)

    def hard_link(path, w, elsewhere):
        os.link(put(w, "other.json", b"{}"), path)

    case(link(lambda w, e: put(e, "mcp.json", b"{}")), "is a link out of your home directory")
    case(link(lambda w, e: home(w, "nowhere")), "leads nowhere")
    case(link(lambda w, e: "mcp.json"), "leads nowhere")
    case(folder_link, "is a link out of your home directory")
    case(hard_link, "a hard link")
    case(lambda path, w, e: os.mkdir(path), "is no plain file")
    case(lambda path, w, e: os.mkfifo(path), "is no plain file")
    case(read_only, "is read-only")
    if os.geteuid() == 0:
        case(lambda path, w, e: os.chown(put(w, ".cursor/mcp.json", b"{}"), 1, 1), "belongs to another user (1)")
        case(lambda path, w, e: os.chown(home(w, ".cursor"), 1, 1), "belongs to another user (1)")


def test_a_link_inside_the_home_is_followed_and_stays():
    with World() as w:
        real = put(w, "dotfiles/zed.json", JSONC)
        os.makedirs(home(w, ".config/zed"))
        os.symlink("../../dotfiles/zed.json", home(w, ".config/zed/settings.json"))
        before = tree(w)
        run(w, "zed", "--yes")
        assert os.path.islink(home(w, ".config/zed/settings.json")) and PAIRED.encode() in get(real)
        run(w, "zed", "--remove", "--yes")
        assert tree(w) == before


def ask(w, answer, *argv, meanwhile=None):
    """On a terminal. Exit code and what it showed."""
    master, slave = pty.openpty()
    p = subprocess.Popen([PAIRED, "setup", *argv], env=w.env, stdin=slave, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    os.close(slave)
    said = b""
    while b"to go on" not in said:
        said += os.read(p.stderr.fileno(), 4096)
    if meanwhile:
        meanwhile()
    os.write(master, answer.encode() + b"\n")
    out, err = p.communicate(timeout=20)
    os.close(master)
    return p.returncode, out.decode(), (said + err).decode()


def test_it_asks_and_shows_first():
    with World() as w:
        cursor = put(w, ".cursor/mcp.json", b"{}\n")
        before = tree(w)
        out, err = run(w, "cursor", code=USAGE)
        assert "+++ ~/.cursor/mcp.json" in out and "\n+  " in out and "--yes" in err and tree(w) == before
        code, out, err = ask(w, "no", "cursor")
        assert code == FAILED and "This changes 1 file." in err and tree(w) == before, (code, err)
        code, out, err = ask(w, "yes", "cursor", meanwhile=lambda: put(w, ".cursor/mcp.json", b'{"a": 1}\n'))
        assert code == AGAIN and "has changed meanwhile" in err and get(cursor) == b'{"a": 1}\n', (code, err)
        code, out, err = ask(w, "yes", "cursor")
        assert code == OK and parse(get(cursor))["mcpServers"]["paired"], (code, err)
        assert not [f for f in os.listdir(home(w, ".cursor")) if f != "mcp.json"]


def test_a_write_that_fails_leaves_the_file_as_it_was():
    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    for limit, kept_back in ((0, False), (600, True)):
        # With room for the small record and the backup of a small file, but not for a large one.
        with World() as w:
            content = b'{"a": "%s"}\n' % (b"x" * (100 if not kept_back else 550))
            file = put(w, ".cursor/mcp.json", content)
            before = tree(w)
            r = subprocess.run([PAIRED, "setup", "cursor", "--yes"], env=w.env, capture_output=True, timeout=20,
                               preexec_fn=full, check=False)
            assert r.returncode == FAILED and b"cannot write" in r.stderr, r
            assert tree(w) == before and get(file) == content
            assert not [f for f in kept(w) if ".paired-" in f]
            run(w, "cursor", "--yes")
            run(w, "cursor", "--remove", "--yes")
            assert tree(w) == before and not kept(w)


def test_killed_at_any_moment_the_file_is_one_or_the_other():
    with World() as w:
        content = b'{"a": "%s"}\n' % (b"x" * 300000)
        file = put(w, ".cursor/mcp.json", content)
        begun = time.monotonic()
        run(w, "cursor", "--yes")
        whole = time.monotonic() - begun
        registered, late = get(file), 0
        run(w, "cursor", "--remove", "--yes")
        for i in range(25):
            p = subprocess.Popen([PAIRED, "setup", "cursor", "--yes"], env=w.env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            time.sleep(whole * i / 20)
            p.kill()
            p.wait(timeout=20)
            now = get(file)
            assert now in (content, registered)
            late += now == registered
            run(w, "cursor", "--remove", "--yes")
            assert get(file) == content and not kept(w)
        report("%d of 25 had written before they were killed" % late)
        assert late < 25
        for name in os.listdir(home(w, ".cursor")):  # what a killed run may leave is private
            assert name == "mcp.json" or stat.S_IMODE(os.stat(home(w, ".cursor/" + name)).st_mode) in (0o600, 0o644)


def test_a_patch_tool_agrees_with_the_diff():
    with World() as w:
        before = JSONC + b"\n" * 12 + b"// the end, without a line end"
        file = put(w, ".config/zed/settings.json", before)
        out, _ = run(w, "zed", "--yes")
        after = get(file)
        try:
            undone = subprocess.run(["patch", "-R", "-o", "-", file], input=out.encode(), capture_output=True,
                                    timeout=20, check=False)
        except FileNotFoundError as e:
            raise Skip("no patch(1)") from e
        assert undone.returncode == 0 and undone.stdout.startswith(before), (undone, out)
        assert get(file) == after


def test_print_and_json_write_nothing():
    with World() as w:
        before = tree(w)
        out, _ = run(w, "--print")
        assert "claude mcp add --scope user paired -- %s mcp\n" % PAIRED in out
        for client in CLIENTS + ("json",):
            out, _ = run(w, client, "--print")
            assert out.startswith("# ") and (PAIRED in out), (client, out)
        assert json.loads(run(w, "json", "--print")[0].split("\n", 1)[1])["mcpServers"]["paired"]["command"] == PAIRED
        cursor, = data(w, "cursor")
        assert not cursor["written"] and PAIRED in cursor["changes"][0]["diff"] and cursor["changes"][0]["new"]
        assert tree(w) == before
        cursor, = data(w, "cursor", "--yes")
        assert cursor["written"] and parse(get(home(w, ".cursor/mcp.json")))
        cursor, = data(w, "cursor", "--yes")
        assert not cursor["written"] and cursor["changes"] == []


def test_what_a_plugin_brings_is_not_registered_twice():
    with World() as w:
        put(w, ".claude/settings.json", b'{"enabledPlugins": {"paired@paired": true}}')
        before = tree(w)
        out, err = run(w, "claude-code", "--yes")
        assert not out and "its plugin brings paired" in err and tree(w) == before
        assert [c["state"] for c in data(w) if c["client"] == "claude-code"] == ["registered"]
        put(w, ".claude/settings.json", b'{"enabledPlugins": {"paired@paired": false}}')
        out, err = run(w, "claude-code", "--yes")
        assert out and get(home(w, ".claude.json"))


def test_variables_and_existing_files_choose_the_place():
    with World() as w:
        env = dict(w.env, CLAUDE_CONFIG_DIR=home(w, "c"), CODEX_HOME=home(w, "x"), XDG_CONFIG_HOME=home(w, "cfg"),
                   XDG_DATA_HOME=home(w, "share"))
        put(w, ".codeium/windsurf/mcp_config.json", b"{}")
        put(w, ".emacs", b";; mine\n")
        run(w, "claude", "codex", "zed", "emacs", "windsurf", "zed", "--yes", env=env)
        for path in ("c/.claude.json", "x/config.toml", "cfg/zed/settings.json", "share/paired/emacs/paired.el",
                     ".codeium/windsurf/mcp_config.json", ".emacs"):
            assert "aired" in get(home(w, path)).decode(), path
        assert not os.path.exists(home(w, ".config")) and not os.path.exists(home(w, ".claude.json"))


def test_the_name_on_path_is_written_where_it_leads_here():
    with World() as w:
        os.mkdir(home(w, "bin"))
        os.symlink(PAIRED, home(w, "bin/paired"))
        run(w, "cursor", "--yes", env=dict(w.env, PATH=home(w, "bin")))
        assert parse(get(home(w, ".cursor/mcp.json")))["mcpServers"]["paired"]["command"] == home(w, "bin/paired")


def test_the_list_names_what_is_installed_and_its_state():
    with World() as w:
        out, err = run(w, env=dict(w.env, PATH="/nonexistent"))
        assert not out and "no client was found here" in err and "claude-code" in err
        put(w, ".cursor/mcp.json", b"{")
        put(w, ".config/zed/settings.json", b"{}")
        os.mkdir(home(w, ".codex"))
        run(w, "codex", "--yes")
        out, _ = run(w, env=dict(w.env, PATH="/nonexistent"))
        lines = {line.split()[0]: line for line in out.splitlines()}
        assert set(lines) == {"cursor", "zed", "codex"}
        assert "not registered" in lines["zed"] and "cannot be told" in lines["cursor"] and "line 1" in lines["cursor"]
        assert lines["codex"].split()[1] == "registered" and "~/.codex/config.toml" in lines["codex"]
        _, err = run(w, "emcas", code=USAGE)
        assert "unknown client emcas" in err and "claude-code" in err
        _, err = run(w, "json", code=USAGE)
        assert "--print" in err


if __name__ == "__main__":
    main(globals())
