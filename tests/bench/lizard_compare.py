#!/usr/bin/env python3
"""Cyclomatic complexity beside lizard's: lizard_compare.py CHECKS LIZARD [--each] PATH…

CHECKS is run_checks, LIZARD a checkout of terryyin/lizard; each PATH is a tree. Compared are the functions that both see: same
file, same name, same first line, one of each. --each lists those whose figures differ.

A difference is explained when it can be shown mechanically where it comes from:
  place    lizard's own tokens between the function's first and last byte (without its nested functions) give our figure:
           it ended the function elsewhere, or counted branches of another one in
  letter   the same with characters taken out: `?x`, `?"` (Ruby)
  literal  the same with template literals, regular expressions, raw strings and %Q{} taken out: it reads the first ` inside of
           a template as its end, \\ in front of a raw string's end as an escape, and what stands in regular expressions as code
  name     a property that is called like a keyword: promise.catch(…), hooks.for(…), {catch: 1}
  closure  `||` in front of a closure without parameters (Rust)
  type     `&&` of a reference to a reference (Rust), `?` of a type (TypeScript, Java)
  chain    `a?.b`, one token to it in .ts and two in .tsx
What is left over is "not explained".

lizard_differences.tsv beside this file is such a list: names of folders are repository@commit."""
import collections
import os
import re
import subprocess
import sys

KEYWORDS = r"(?:if|for|while|catch|case|when|until|and|or|rescue|ensure|match|where)\b"
NAMES = re.compile(r"(?:(?:\.|\?\.|\bdef\s)\s*(%s)|(?<=[{,\n])\s*(%s)\s*:)" % (KEYWORDS, KEYWORDS))
MISREAD = {
    ".rs": [("closure", re.compile(r"(?:[(,={;|]|\bmove|\breturn|=>)\s*\|\|")),
            ("type", re.compile(r"(?:(?<=\|)|(?<=: )|(?<=<)|(?<=\())&&(?=\w)"))],
    ".ts": [("type", re.compile(r"\?(?=\])|\bextends [\w.<>\[\], |&]+ \?"))],
    ".java": [("type", re.compile(r"[<,]\s*\?"))],
}
MISREAD[".tsx"] = MISREAD[".ts"] + [("type", re.compile(r"\w\?:")), ("chain", re.compile(r"\w\?\."))]
LETTER = re.compile(r"(?<![\w)\]}?!'\"])\?(?:\\?[^\s])(?!\w)")
REGEX = re.compile(r"(?<=[=(,:!&|?{};\n])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
RAW = {
    ".rb": re.compile(r"%[QqWwr]?\{(?:#\{[^}]*\}|[^}])*\}|" + REGEX.pattern.replace("(?<=[", "(?<=[~"), re.S),
    ".rs": re.compile(r"\br(#*)\".*?\"\1", re.S),
}
SCRIPTS = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")
STRINGS = {
    ".rb": r"#[^\n{]*$|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    ".py": r"#[^\n]*|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    ".rs": r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"",
}
COMMON = r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
CLASSES = ["place", "letter", "literal", "name", "closure", "type", "chain", "not explained"]


def ours(checks, root):
    found = collections.defaultdict(list)
    out = subprocess.run([checks, "--metrics", root], stdout=subprocess.PIPE, check=True).stdout.decode("utf8", "replace")
    for line in filter(None, out.split("\n")):
        path, start, end, first, last, cyclomatic, _, is_lambda, name = line.split("\t")
        found[path].append((int(start), int(end), int(first), int(last), int(cyclomatic), is_lambda == "1", name))
    return found


def body(text, function, functions, extension):
    """The function's own text: what counts for itself is blanked."""
    start, end = function[:2]
    own = bytearray(text[start:end])
    separate = extension in SCRIPTS + (".go",)
    for f in functions:
        if start <= f[0] and f[1] <= end and f[:2] != (start, end) and (separate or not f[5]):
            own[f[0] - start:f[1] - start] = re.sub(rb"[^\n]", b" ", bytes(own[f[0] - start:f[1] - start]))
    return own.decode("utf8", "replace")


def without_templates(text):
    """Blanks template literals, nested ones too."""
    out, around, at = list(text), [], 0  # around: for each literal or ${ the braces open in it; -1: a literal
    while at < len(text):
        c, first, literal = text[at], at, bool(around) and around[-1] < 0
        blank = bool(around)
        if literal and c == "\\":
            at += 1
        elif c == "`":
            around = around[:-1] if literal else around + [-1]
        elif literal and text.startswith("${", at):
            around.append(0)
            at += 1
        elif not literal and around and c in "{}":
            around[-1] += 1 if c == "{" else -1
            if around[-1] < 0:
                around.pop()
        elif not literal and c in "'\"":  # strings and comments hold none
            at = re.compile(r"(?:\\.|[^\\\n%s])*%s?" % (c, c)).match(text, at + 1).end() - 1
        elif not literal and text.startswith(("//", "/*"), at):
            end = text.find("\n" if text[at + 1] == "/" else "*/", at + 2)
            at = end if end > 0 else len(text) - 1
        at += 1
        if blank or around:
            out[first:at] = re.sub(r"[^\n]", " ", text[first:at])
    return "".join(out)


def count(reader, text):
    conditions = reader(None).conditions
    return 1 + sum(t in conditions for t in reader.generate_tokens(text))


def explain(lizard, path, text, function, functions):
    extension = os.path.splitext(path)[1]
    own = body(text, function, functions, extension)
    reader = lizard.get_reader_for(path)
    counted = count(reader, own)
    if counted == function[4]:
        return "place"
    if extension == ".rb":
        own = LETTER.sub("xx", own)
        counted = count(reader, own)
        if counted == function[4]:
            return "letter"
    if extension in SCRIPTS or extension in RAW:
        raw = RAW.get(extension, REGEX)
        own = raw.sub(lambda m: "x" * len(m.group()), without_templates(own) if extension in SCRIPTS else own)
        counted = count(reader, own)
        if counted == function[4]:
            return "literal"
    masked = re.sub(STRINGS.get(extension, COMMON), lambda m: re.sub(r"[^\n]", "x", m.group()), own, flags=re.S | re.M)
    branching = reader(None).conditions
    names = [w for w in (m[1] or m[2] for m in NAMES.finditer(masked)) if w in branching]
    kinds = [("name", len(names))] + [(k, len(p.findall(masked))) for k, p in MISREAD.get(extension, [])]
    for chosen in range(1, 1 << len(kinds)):
        some = [k for i, k in enumerate(kinds) if chosen >> i & 1]
        if all(n for _, n in some) and counted - function[4] == sum(n for _, n in some):
            return max(some, key=lambda k: k[1])[0]
    return "not explained"


def compare(lizard, checks, root, name, each):
    functions, shared, classes, alike = ours(checks, root), 0, collections.Counter(), [0, 0]
    for path in sorted(functions):
        if not lizard.get_reader_for(path):
            continue
        try:
            listed = lizard.analyze_file(path).function_list
        except RecursionError:
            continue
        theirs, mine = collections.defaultdict(list), collections.defaultdict(list)
        for f in listed:
            theirs[re.split(r"::|\.", f.name)[-1], f.start_line].append(f)
        for f in functions[path]:
            mine[f[6], f[2]].append(f)
        with open(path, "rb") as file:
            text = file.read()
        for key, both in mine.items():
            if not key[0] or len(both) != 1 or len(theirs.get(key, ())) != 1:
                continue
            shared += 1
            f, g = both[0], theirs[key][0]
            alike[0] += f[3] == g.end_line
            alike[1] += f[3] == g.end_line and f[4] == g.cyclomatic_complexity
            if f[4] != g.cyclomatic_complexity:
                why = explain(lizard, path, text, f, functions[path])
                classes[why] += 1
                if each:
                    print("\t".join(map(str, [name, os.path.relpath(path, root), f[2], f[3], g.end_line, f[6], f[4],
                                              g.cyclomatic_complexity, why])))
    return shared, alike, classes


def main():
    args = [a for a in sys.argv[1:] if a != "--each"]
    each = len(args) + 1 < len(sys.argv)
    checks, folder = args[:2]
    sys.path.insert(0, folder)
    sys.setrecursionlimit(20000)
    import lizard
    import lizard_languages
    lizard.get_reader_for = lizard_languages.get_reader_for
    if each:
        print("\t".join(["repository", "file", "first", "last", "lizard's last", "function", "ours", "lizard's", "because"]))
    head = ["tree", "functions", "equal", "with the same last line", "of these equal", "differ"] + CLASSES
    summary = ["# | %s |" % " | ".join(head), "# |%s" % ("---|" * len(head))]
    for root in args[2:]:
        name = os.path.basename(os.path.abspath(root))
        shared, alike, classes = compare(lizard, checks, root, name, each)
        differ = sum(classes.values())
        summary.append("# | %s | %d | %.1f %% | %d | %.1f %% | %d | %s |" % (
            name, shared, 100 - 100 * differ / max(1, shared), alike[0], 100 * alike[1] / max(1, alike[0]), differ,
            " | ".join(str(classes[c]) for c in CLASSES)))
        print(summary[-1], file=sys.stderr, flush=True)
    print("\n".join(summary))


if __name__ == "__main__":
    main()
