"""The files for editors that cannot run here, against what those editors accept: formats.py PAIRED

LSP4IJ's template: the members that its deserializer reads (LanguageServerTemplateDeserializer and
ServerTemplateJsonDeserializer of redhat-developer/lsp4ij d21cff92), and no others. Zed, JetBrains, Devin Desktop: what their
documentation shows (docs/EDITORS.md). And that the files agree with each other, the extension and the program."""
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EDITORS = os.path.join(ROOT, "editors")
PAIRED = os.path.abspath(sys.argv[1])
failed = 0


def check(what, good, detail=""):
    global failed
    failed += not good
    print(("ok    " if good else "FAIL  ") + what + (f"  ({detail})" if detail and not good else ""), flush=True)


def read(*path):
    with open(os.path.join(EDITORS, *path), encoding="utf-8") as f:
        text = f.read()
    return json.loads(re.sub(r"^\s*//.*\n", "", text, flags=re.M)) if path[-1].endswith("json") else text


def paired(home, *argv, raw=None):
    env = {"HOME": home, "PATH": os.environ["PATH"], "PAIRED_PROFILE": os.path.join(home, "p")}
    env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
    return subprocess.run([PAIRED, *argv], env=env, cwd=home, capture_output=True, timeout=60, check=True,
                          input=raw).stdout.decode()


def of_type(value, kind, *names):
    return all(isinstance(value[n], kind) and value[n] for n in names if n in value)


def lsp4ij():
    t = read("jetbrains", "lsp4ij", "template.json")
    known = {"id", "name", "dev", "url", "programArgs", "workingDir", "env", "expandConfiguration", "fileTypeMappings",
             "languageMappings", "disablePromotionFor"}
    check("lsp4ij: members that it reads, and no others", set(t) <= known, str(set(t) - known))
    check("lsp4ij: id, name and command", of_type(t, str, "id", "name") and "default" in t["programArgs"] and
          all(isinstance(v, str) for v in t["programArgs"].values()) and t["expandConfiguration"] is True)
    mappings = t["fileTypeMappings"]
    good = all(set(m) == {"fileType", "languageId"} and set(m["fileType"]) <= {"patterns", "name"} and
               of_type(m, str, "languageId") and all(re.fullmatch(r"\*\.\w+", p) for p in m["fileType"]["patterns"])
               for m in mappings)
    patterns = [p for m in mappings for p in m["fileType"]["patterns"]]
    check("lsp4ij: each pattern leads to one language", good and len(patterns) == len(set(patterns)))
    names = set(os.listdir(os.path.join(EDITORS, "jetbrains", "lsp4ij")))
    check("lsp4ij: files that it reads, and no others",
          {"template.json"} <= names <= {"template.json", "settings.json", "settings.schema.json", "README.md",
                                         "initializationOptions.json", "clientSettings.json", "experimental.json",
                                         "workspaceFolderSettings.json", "installer.json"}, str(names))
    settings, schema = read("jetbrains", "lsp4ij", "settings.json"), read("jetbrains", "lsp4ij", "settings.schema.json")
    check("lsp4ij: settings are those of its schema, with its defaults",
          {k: v["default"] for k, v in schema["properties"].items()} == settings and
          schema["additionalProperties"] is False and all(v["description"] for v in schema["properties"].values()))
    manifest = read("vscode", "package.json")["contributes"]["configuration"]["properties"]
    mine = {k: (v["type"], v["default"]) for k, v in manifest.items()
            if k.split(".")[1] in ("diagnostics", "quiet", "lens", "hover")}
    check("lsp4ij: and those of the extension, with the same defaults",
          {k: (v["type"], v["default"]) for k, v in schema["properties"].items()} == mine, str(mine))
    return {p[1:]: m["languageId"] for m in mappings for p in m["fileType"]["patterns"]}


def zed_extension(languages, version):
    with open(os.path.join(EDITORS, "zed", "extension", "extension.toml"), "rb") as f:
        t = tomllib.load(f)
    with open(os.path.join(EDITORS, "zed", "extension", "Cargo.toml"), "rb") as f:
        cargo = tomllib.load(f)
    check("zed: the extension's manifest has what it must, and the program's version",
          t["schema_version"] == 1 and re.fullmatch(r"[a-z0-9-]+", t["id"]) and of_type(t, str, "name", "description") and
          t["authors"] and t["version"] == cargo["package"]["version"] == version, str(t))
    server = t["language_servers"]["paired"]
    check("zed: each language has the name that paired knows, those of LSP4IJ's template",
          sorted(server["languages"]) == sorted(server["language_ids"]) and
          set(server["language_ids"].values()) == languages - {"javascriptreact"}, str(server))  # JSX is JavaScript there
    check("zed: a library that WebAssembly can be made of", cargo["lib"]["crate-type"] == ["cdylib"] and
          list(cargo["dependencies"]) == ["zed_extension_api"])


def written(home):
    """What setup writes has the shape of the examples, the path aside."""
    paired(home, "setup", "zed", "jetbrains", "devin", "--yes")

    def put(*path):
        with open(os.path.join(home, *path), encoding="utf-8") as f:
            return json.loads(f.read().replace(PAIRED, "paired"))
    zed = put(".config", "zed", "settings.json")
    check("zed: the example is what is written", zed == read("zed", "settings.json"), str(zed))
    server, agent = zed["context_servers"]["paired"], zed["agent_servers"]["Paired"]
    check("zed: a context server and a custom agent", server == {"command": "paired", "args": ["mcp"]} and
          agent == {"type": "custom", "command": "paired", "args": ["acp"]})
    for name, written_as in (("acp.json", put(".jetbrains", "acp.json")),
                             ("mcp.json", json.loads(paired(home, "setup", "json", "--print").split("\n", 1)[1]
                                                     .replace(PAIRED, "paired")))):
        example = json.loads(json.dumps(read("jetbrains", name)).replace("/usr/local/bin/paired", "paired"))
        check(f"jetbrains: {name} is what is written", example == written_as, str(written_as))
    raw = open(os.path.join(home, ".jetbrains", "acp.json"), encoding="utf-8").read()
    check("jetbrains: the command is absolute", json.loads(raw)["agent_servers"]["Paired"]["command"] == PAIRED)
    template = put(".local", "share", "paired", "jetbrains", "template.json")
    check("lsp4ij: setup puts the path in", template["programArgs"]["default"] == '"paired" lsp' and
          dict(template, programArgs=0) == dict(read("jetbrains", "lsp4ij", "template.json"), programArgs=0))
    registry = put(".windsurf", "acp", "registry.json")
    entry = registry["agents"][0]
    target = list(entry["distribution"]["binary"].items())[0]
    check("devin: an entry as the registry's schema wants it",
          registry["version"] == "1.0.0" and set(entry) == {"id", "name", "version", "description", "distribution"} and
          re.fullmatch(r"[a-z][a-z0-9-]*", entry["id"]) and re.match(r"\d+\.\d+\.\d+", entry["version"]) and
          target[0] in ("linux-x86_64", "linux-aarch64") and set(target[1]) == {"archive", "cmd", "args"} and
          target[1]["archive"].startswith("file://") and target[1]["args"] == ["acp"], str(registry))


def claude_code(home, extensions):
    version = re.search(r"\d+\.\d+\.\d+", paired(home, "--version")).group()
    market = read("claude-code", ".claude-plugin", "marketplace.json")
    for plugin in market["plugins"]:
        own = read("claude-code", plugin["source"], ".claude-plugin", "plugin.json")
        check(f"claude-code: {plugin['name']} has the program's version",
              plugin["version"] == own["version"] == version and plugin["name"] == own["name"], own["version"])
    lines = [json.dumps(m) for m in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"})]
    env = {"HOME": home, "PATH": os.environ["PATH"], "PAIRED_PROFILE": os.path.join(home, "p")}
    p = subprocess.Popen([PAIRED, "mcp"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=home)
    p.stdin.write(("\n".join(lines) + "\n").encode())
    p.stdin.flush()
    tools = set()
    while not tools:
        tools = {t["name"] for t in json.loads(p.stdout.readline())["result"].get("tools", [])}
    p.stdin.close()
    p.stdout.close()
    p.wait(timeout=20)
    for file in sorted(os.listdir(os.path.join(EDITORS, "claude-code", "plugin", "agents"))):
        text = read("claude-code", "plugin", "agents", file)
        head = dict(re.findall(r"^(\w+): (.*)$", text.split("---")[1], re.M))
        named = {t.removeprefix("mcp__plugin_paired_paired__") for t in head["tools"].split(", ") if t.startswith("mcp__")}
        check(f"claude-code: {file} names tools that there are", head["name"] == file[:-3] and named and named <= tools,
              str(named - tools))
    served = read("claude-code", "lsp", ".lsp.json")["paired"]["extensionToLanguage"]
    check("claude-code: paired-lsp serves files as LSP4IJ's template does", all(extensions.get(e) == l for e, l in served.items()),
          str({e: l for e, l in served.items() if extensions.get(e) != l}))


def main():
    with tempfile.TemporaryDirectory(prefix="paired-formats-") as home:
        os.mkdir(os.path.join(home, "p"), 0o700)
        extensions = lsp4ij()
        zed_extension(set(extensions.values()), re.search(r"\d+\.\d+\.\d+", paired(home, "--version")).group())
        written(home)
        claude_code(home, extensions)
        subprocess.run([PAIRED, "stop"], env={"HOME": home, "PATH": os.environ["PATH"],
                                              "PAIRED_PROFILE": os.path.join(home, "p")},
                       capture_output=True, timeout=30, check=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
