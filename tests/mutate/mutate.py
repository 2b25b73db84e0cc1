#!/usr/bin/env python3
"""Plants defects into real code and counts what the tree checks say about them.

mutate.py CHECKS [--each N] [--seed S] [--recall R] [--precision P] [--verbose] PATH...

CHECKS is the program that prints findings (tests/bench/run_checks.c). Of each shape, up to N places are chosen in the files
below PATH, one defect a copy. Found: a new finding of the shape's rule near the change. Wrong: any other new finding in the
copy, unless the shape says why it is true as well. Exits 1 below the bounds.
"""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import sysconfig
import tempfile

LANGS = {".c": "c", ".py": "python", ".js": "javascript", ".go": "go", ".java": "java"}
NEAR = 40  # lines between the change and what is said about it: an opening may stand above its lost release


def mask(text, lang):
    """The text with strings and comments blanked, so that patterns see code only; same length."""
    if lang == "python":
        pattern = r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    else:
        pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
    blank = lambda m: m.group()[0] + re.sub(r"[^\n]", " ", m.group()[1:-1]) + m.group()[-1] if len(m.group()) > 1 else m.group()
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def closing(code, at):
    """Index of the brace that closes the one at `at`, or -1."""
    depth = 0
    for k in range(at, min(len(code), at + 4000)):
        depth += (code[k] == "{") - (code[k] == "}")
        if depth == 0:
            return k
    return -1


NAME = r"[a-z_][a-zA-Z0-9_]*"
PATH = NAME + r"(?:(?:\.|->)" + NAME + r")*"


def edits(pattern, build, flags=0):
    """A shape that is one pattern over masked code; build(match, text) gives (start, end, new) or None."""
    def find(text, code, lang):
        for m in re.finditer(pattern, code, flags):
            edit = build(m, text)
            if edit:
                yield edit
    return find


def whole(m, new):
    return (m.start(), m.end(), new)


# --- shapes: generators of (start, end, new text)

same_operand = edits(rf"(?:(?<=\()|(?<=&& )|(?<=\|\| ))({PATH}) (==|<|>|<=|>=) ({PATH})(?=\)| &&| \|\|)",
                     lambda m, t: whole(m, f"{m[1]} {m[2]} {m[1]}") if m[1] != m[3] and "null" not in m[0].lower() and
                     m[3] not in ("nil", "true", "false", "undefined") and not re.search("nan", t[max(0, m.start() - 300):m.end() + 80], re.I) else None)
same_operand_python = edits(rf"(?<=if )({PATH}) (==|<|>|<=|>=) ({PATH})(?=:| and)",
                            lambda m, t: whole(m, f"{m[1]} {m[2]} {m[1]}") if m[1] != m[3] and not re.search(
                                "nan|def (__)?eq|equal", t[max(0, m.start() - 900):m.end() + 80], re.I) else None)
to_itself = edits(rf"^([ \t]+)({NAME}) = ({NAME});$", lambda m, t: whole(m, f"{m[1]}{m[2]} = {m[2]};")
                  if m[2] != m[3] and m[3] not in ("true", "false", "null", "undefined") and "volatile" not in t and "//" not in t[m.start() - 90:m.end() + 60] else None, re.M)
to_itself_this = edits(rf"^([ \t]+)this\.({NAME}) = ({NAME});$", lambda m, t: whole(m, f"{m[1]}this.{m[2]} = this.{m[2]};")
                       if not re.search(r"//|\*/", t[m.start() - 90:m.end() + 60]) else None, re.M)
to_itself_go = edits(rf"^(\t+)({PATH}) = ({PATH})$", lambda m, t: whole(m, f"{m[1]}{m[2]} = {m[2]}")
                     if m[2] != m[3] and m[3] not in ("nil", "true", "false") and "//" not in t[m.start() - 90:m.end() + 60] else None, re.M)
to_itself_python = edits(rf"^([ \t]{{8,}})self\.({NAME}) = ({NAME})$", lambda m, t: whole(m, f"{m[1]}self.{m[2]} = self.{m[2]}")
                         if "#" not in t[m.start() - 90:m.end() + 60] and "try:" not in t[m.start() - 400:m.start()] else None, re.M)
assigned = edits(rf"(?<=if \()({PATH}) ==+ (-?\d+|[A-Z][A-Z0-9_]+|null|true|false|NULL)\)", lambda m, t: whole(m, f"{m[1]} = {m[2]})"))


def empty_handler(text, code, lang):
    for m in re.finditer(r"(try \{)|(catch \(([^)]*)\) \{)", code):
        if not m[2]:
            continue
        end = closing(code, m.end() - 1)
        before = code[:m.start()].rstrip()
        # A body that returned, or only tidied up, or names its error `ignored`: no defect to be planted there.
        tried = before[before.rfind("try {"):]
        if end < 0 or not before.endswith("}") or re.search(r"\b(return|throw|break|continue)\b[^;]*;\s*\}$", tried) or \
                re.search(r"close|require|ignore|unlink|kill|stop|NumberFormat|ClassNotFound|NoSuch|CloneNot|Unsupported", tried + m[3]) or \
                tried.count(";") < 2 or text[m.end():end].strip() == "":
            continue
        yield (m.end(), end, "\n")


def block_end(lines, first, indent):
    """Index behind the block that starts with line `first`: lines deeper than the indentation, or empty."""
    k = first
    while k < len(lines) and (not lines[k].strip() or len(lines[k]) - len(lines[k].lstrip()) > indent):
        k += 1
    return k


def python_blocks(code, word):
    """(first line, line of its head's end, line behind its block, indentation) of each `word …:`."""
    lines = code.split("\n")
    for k, line in enumerate(lines):
        m = re.match(rf"([ \t]*){word}\b[^\n]*:$", line)
        if m:
            yield lines, k, block_end(lines, k + 1, len(m[1])), len(m[1])


def offset(lines, k):
    return sum(map(len, lines[:k])) + k


def empty_handler_python(text, code, lang):
    for lines, k, end, indent in python_blocks(code, "except"):
        up = k - 1
        while up >= 0 and (not lines[up].strip() or len(lines[up]) - len(lines[up].lstrip()) > indent):
            up -= 1
        tried = "\n".join(lines[up + 1:k])
        while end > k and not lines[end - 1].strip():
            end -= 1
        raw = text.split("\n")
        if not re.match(r"\s*try:$", lines[up]) or k - up < 3 or "import" in tried or "close" in tried or end <= k + 1 or \
                (end < len(lines) and re.match(r"\s*else:", lines[end])) or re.match(r"\s*(return|raise|break|continue)\b", lines[k - 1]) or \
                "#" in "".join(raw[k - 2:end + 1]) or ("(" in lines[k - 1] and ")" not in lines[k - 1]) or re.search(r"^\s*(return|raise)", lines[k - 2]) or \
                not re.match(r"\s*[\w.]+(\(| = )", lines[k - 1]) or "sleep" in tried or "unlink" in tried or "remove" in tried:
            continue
        blank = " " * indent
        yield (offset(lines, k), offset(lines, end), f"{blank}except Exception:\n{blank}    pass\n")


empty_if_go = edits(r"if err != nil \{\n[^{}]*\n\t*\}", lambda m, t: whole(m, "if err != nil {\n\t}") if "else" not in t[m.end():m.end() + 6] and
                    "//" not in t[m.start() - 90:m.end() + 40] else None)


def after_jump(word):
    def find(text, code, lang):
        end = "" if lang in ("python", "go") else ";"
        call = rf"[\w.>-]+\([^\n]*\){end}"
        for m in re.finditer(rf"^([ \t]+)({call})\n\1({call})\n", code, re.M):
            if re.search(r"\b(if|for|while|else|return|case|switch|defer|go|await|yield)\b", m.group()) or m[2].count("(") != m[2].count(")") or \
                    re.search(r"exit|abort|panic|fatal|fail|unreachable", m[3], re.I):
                continue
            at = m.start(3) - len(m[1])
            before = code[:m.start()].rstrip()
            if before.endswith((")", "else", ",", "(", ":", "\\")) and lang != "python":
                continue  # the first of the two is a branch without braces
            yield (at, at, f"{m[1]}{word}{end}\n")
    return find


def same_branches(text, code, lang):
    for m in re.finditer(r"\} else \{", code):
        end = closing(code, m.end() - 1)
        start = m.start()
        depth = 0
        for k in range(m.start(), max(0, m.start() - 2000), -1):
            depth += (code[k] == "}") - (code[k] == "{")
            if depth == 0:
                start = k
                break
        head = code[code.rfind("\n", 0, start) + 1:start]
        body = text[start + 1:m.start()]
        if end < 0 or not re.match(r"\s*if\b", head) or body.count(";") + body.count("\n") < 3 or "//" in body or "/*" in body or "#" in body or \
                "//" in text[m.start() - 120:m.end() + 60] or text[m.end():end].strip() == body.strip() or "instanceof" in head or ":=" in head or \
                re.match(r"\s*//|\s*/\*", text[end + 1:end + 60]) or "/" in text[text.rfind("\n", 0, code.rfind("\n", 0, start)) + 1:start]:
            continue
        yield (m.end(), end, body)


def same_branches_python(text, code, lang):
    for lines, k, end, indent in python_blocks(code, "if"):
        if end >= len(lines) or lines[end] != " " * indent + "else:" or end - k > 30:
            continue
        last = block_end(lines, end + 1, indent)
        body = (offset(lines, k + 1), offset(lines, end))
        other = (offset(lines, end + 1), offset(lines, last))
        if "#" in text[body[0] - 100:other[1] + 80] or text[slice(*body)] == text[slice(*other)] or not text[slice(*body)].strip() or \
                len(re.findall(r"\w+", text[slice(*body)])) < 4:
            continue
        yield (*other, text[slice(*body)])


def repeated_python(text, code, lang):
    for lines, k, end, indent in python_blocks(code, "if"):
        m = re.match(r"\s*if ([^()\n:]+):$", lines[k])
        n = end < len(lines) and re.match(r"([ \t]*)elif ([^()\n:]+):$", lines[end])
        if m and n and len(n[1]) == indent and m[1] != n[2] and end - k < 40:
            at = offset(lines, end) + n.start(2)
            first = offset(lines, k) + m.start(1)
            yield (at, at + len(n[2]), text[first:first + len(m[1])])


repeated = edits(rf"if \(([^()\n]+)\) \{{[^{{}}]*\}} else if \(([^()\n]+)\)",
                 lambda m, t: (m.start(2), m.end(2), t[m.start(1):m.end(1)]) if m[1] != m[2] and "=" not in m[1].replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "") and "++" not in m[1] and "--" not in m[1] else None)
repeated_go = edits(r"if ([^(){};\n]+) \{[^{}]*\} else if ([^(){};\n]+) \{", lambda m, t: (m.start(2), m.end(2), t[m.start(1):m.end(1)]) if m[1] != m[2] else None)

def always(word):
    return edits(r"(?:\bif \(([^()\n]+)\) \{)" if word[0] == "|" else r"\bif ([^\n:()\[\]{}]+):$",
                 lambda m, t: (m.end(1), m.end(1), f" {word}") if ":=" not in m[1] and not re.search("//|#|/[*]|[*]/", t[m.start() - 90:m.end() + 60]) and
                 not re.search(r"[^=!<>]=[^=]|\bif\b|\blambda\b|\byield\b", m[1]) else None, re.M)


always_go = edits(r"\bif ([^(){};\n]+) \{", lambda m, t: (m.end(1), m.end(1), " || true") if "//" not in t[m.start() - 90:m.end() + 60] else None)
masked = edits(r"\((\w+(?:(?:->|\.)\w+)*) & ([A-Z][A-Z0-9_]+)\) (==|!=) (0|[A-Z][A-Z0-9_]+)", lambda m, t: whole(m, f"{m[1]} & {m[2]} {m[3]} {m[4]}"))
lost_argument = edits(r"\b(?:printf|fprintf|snprintf|fmt\.Printf|fmt\.Sprintf|fmt\.Errorf|String\.format|log\.Printf)\(([^;\n]*), ([\w.>-]+)\)(?=[;,)\n])",
                      lambda m, t: (m.start(2) - 2, m.end(2), "") if t[m.start():m.end()].count("%") == len(split_args(m[1])) - lead(t[m.start():m.end()]) + 1 and
                      t[m.start():m.end()].count('"') == 2 and not re.search(r"[A-Z]{2,}|%%|\$|%n", t[m.start():m.end()]) and "(" not in m[1] else None)
lost_argument_python = edits(r" % \((\w[\w.]*), (\w[\w.]*)\)", lambda m, t: whole(m, f" % ({m[1]},)") if literal_before(t, m.start(), 2) else None)


def split_args(text):
    return [part for part in text.split(",") if part.strip()]


def lead(text):
    """Arguments in front of those that the format takes, the format included."""
    return 2 if text.startswith(("fprintf", "fmt.Fprintf")) else 3 if text.startswith("snprintf") else 1


def literal_before(text, at, count):
    m = re.search(r"""(['"])((?:(?!\1)[^\n\\]|\\.)*)\1$""", text[max(0, at - 200):at])
    before = text[max(0, at - 200):at]
    return m is not None and m[2].count("%") == count and "%(" not in m[2] and "%%" not in m[2] and not re.search(r"['\"]\s*\n?\s*['\"]", before)


semicolon = edits(r"^([ \t]+)if \(([^\n]*)\) ?(\{|$)", lambda m, t: (m.start(3), m.start(3), ";") if m[2].count("(") == m[2].count(")") and
                  (m[3] == "{" and not re.match(r"\s*else", t[max(0, closing(t, m.start(3)) + 1):][:20]) and "//" not in t[m.start() - 90:m.end() + 60] and
                   "/*" not in t[m.start() - 90:m.end() + 200]) else None, re.M)
same_key = edits(rf"^([ \t]+)({NAME}): [^\n]*,\n\1({NAME}): ", lambda m, t: (m.start(3), m.end(3), m[2]), re.M)
same_key_python = edits(r"^([ \t]+)(['\"])( *)\2: [^\n{]*,\n\1(['\"])( *)\4: ", lambda m, t: (m.start(5), m.end(5), t[m.start(3):m.end(3)])
                        if t[m.start(3):m.end(3)] != t[m.start(5):m.end(5)] and m[2] == m[4] else None, re.M)
literal_is = edits(rf"\b({NAME}) == (['\"])( *)\2", lambda m, t: (m.end(1) + 1, m.end(1) + 3, "is"))
shared_default = edits(rf"^([ \t]*)def {NAME}\(([^()\n]*)\b({NAME})=None([^()\n]*)\):\n",
                       lambda m, t: (m.end(3), m.end(), f"=[]{m[4]}):\n{m[1]}    {m[3]}.append(1)\n")
                       if not m[3].startswith("_") and not re.search(rf"\b{m[3]} = ", t[m.end():m.end() + 4000]) and "#" not in t[m.start() - 90:m.end() + 20] else None, re.M)
not_a_number = edits(rf"(?<![\w.!])(?:Number\.isNaN|isNaN|math\.isnan|math\.IsNaN|isnan)\(({PATH})\)",
                     lambda m, t: whole(m, m[1] + (" === NaN" if "isNaN" in m.group() else " == float('nan')" if "math.isnan" in m.group() else
                                                    " == math.NaN()" if "IsNaN" in m.group() else " == NAN")))
unwrapped = edits(r"fmt\.Errorf\(([^\n]*), (err|\w+Err)\)", lambda m, t: (m.start(), m.end(), t[m.start():m.end()].replace("%w", "%v"))
                  if t[m.start():m.end()].count("%w") == 1 and not re.search(r"%[+#]|Err.*Err", t[m.start():m.end()]) and "//" not in t[m.start() - 90:m.end() + 40] else None)
identity = edits(r'(?<!!)("[ ]*")\.equals\((\w+)\)', lambda m, t: whole(m, f"{t[m.start(1):m.end(1)]} == {m[2]}") if "//" not in t[m.start() - 90:m.end() + 40] and
                 t.count(t[m.start(1):m.end(1)]) == 1 else None)
lost_close_c = edits(rf"^([ \t]+)(?:fclose|closedir|free)\(({NAME})\);\n", lambda m, t: (m.start(), m.start(), f"{m[1]}if (errno_seen)\n{m[1]}    return;\n")
                     if owned_c(t[max(0, m.start() - 1500):m.start()], m[2]) else None, re.M)


def owned_c(before, name):
    """The function opens it in its outermost block, and does nothing with it that hands it on."""
    body = before[before.rfind("\n}\n") + 1:]
    opened = re.search(rf"^    [^\n]*\*?{name} = (?:fopen|malloc|calloc|strdup|opendir)\(", body, re.M)
    rest = body[opened.end():] if opened else ""
    if not opened or "//" in body or f"&{name}" in body or "AUTO" in body or re.search(r"\b(goto|case|label|for|while|else)\b|^    }", rest, re.M):
        return False
    known = r"\b(?:fgets|fread|fwrite|fprintf|fputs|fputc|fgetc|readdir|memset|memcpy|memmove|strlen|snprintf|strcmp|ferror|feof|fseek|ftell|fflush|rewind)\("
    for line in rest.split("\n")[1:]:
        if re.search(rf"\b{name}\b", line) and not re.search(known, line) and not re.search(rf"if \(!?{name}( [=!]= NULL)?\)|{name}\[", line):
            return False
    return True


lost_defer = edits(rf"^\t+defer ({NAME})\.Close\(\)\n", lambda m, t: whole(m, "") if lost_go(t, m[1], m.start(), m.end()) else None, re.M)


def lost_go(text, name, start, end):
    before = text[max(0, start - 400):start]
    opened = re.search(rf"\b{name}, err := os\.(Open|Create)\([^\n]*\)\n\tif err != nil \{{\n[^}}]*\}}\n$", before)
    body = text[end:text.find("\n}\n", end)]
    return opened and not re.search(rf"\({name}[,)]|, {name}[,)]|= {name}\b|return {name}\b|func\(", body)


lost_with = edits(rf"^([ \t]+)with open\(([^()\n]*)\) as ({NAME}):\n", lambda m, t: (m.start(), m.end(), f"{m[1]}{m[3]} = open({t[m.start(2):m.end(2)]})\n{m[1]}if True:  # was with\n".replace("  # was with", ""))
                  if "#" not in t[m.start() - 90:m.start()] and used_plainly(t[m.end():m.end() + 1500], m[1], m[3]) and inside_function(t, m.start(), m[1]) else None, re.M)


def inside_function(text, at, indent):
    heads = re.findall(r"^([ \t]*)(def|class) ", text[:at], re.M)
    return bool(heads) and heads[-1][1] == "def" and len(heads[-1][0]) < len(indent) and not re.search(r"\b(global|nonlocal)\b", text)


def used_plainly(behind, indent, name):
    body = re.match(rf"(?:{indent}[ \t]+[^\n]*\n|\n)+", behind)
    uses = re.findall(rf"[^\n]*\b{name}\b[^\n]*", body.group()) if body else []
    return bool(uses) and all(re.search(rf"\b{name}\.(read|write|readline|readlines|seek)\(|in {name}:$|json\.load\({name}\)", use) for use in uses)


lost_try = edits(r"try \((Input|Output|)(\w+) (\w+) = new (FileInputStream|FileOutputStream|FileReader|FileWriter|Socket|RandomAccessFile)\(([^\n]*)\)\) \{",
                 lambda m, t: whole(m, f"{m[1]}{m[2]} {m[3]} = new {m[4]}({t[m.start(5):m.end(5)]}); {{")
                 if not re.match(r"\s*(catch|finally)", t[closing(t, m.end() - 1) + 1:][:30]) and not re.search(rf"\({m[3]}[,)]|, {m[3]}[,)]|return {m[3]};", t[m.end():closing(t, m.end() - 1)]) else None)
misspelt = edits(rf"typeof [\w.]+ (?:===?|!==?) '( {{6,9}})'", lambda m, t: (m.start(1), m.end(1), t[m.start(1):m.end(1)][:-2] + t[m.end(1) - 1])
                 if t[m.start(1):m.end(1)] != "unknown" else None)


def not_awaited(text, code, lang):
    this = r"this\." if lang == "javascript" else r"self\."
    for m in re.finditer(rf"^([ \t]+)await ((?:{this})?)({NAME})\(", code, re.M):
        kind = rf"async {m[3]}\(|async def {m[3]}\(self" if m[2] else rf"^async function {m[3]}\(|^async def {m[3]}\("
        made = re.search(kind, code, re.M)
        if not made or len(re.findall(rf"\b{m[3]} ?[=(]", code)) > 40 or re.search(r"//|#|\*/", text[m.start() - 90:m.end() + 90]) or \
                len(re.findall(rf"(?:def|function|async) {m[3]}\(|\b{m[3]} = ", code)) > 1 or "yield" in code[made.end():made.end() + 3000]:
            continue
        body = code[made.end():made.end() + 1500]
        if lang == "javascript" and (re.search(r"^\s{2,4}(try|while)\b", body, re.M) or "@" in code[made.start() - 40:made.start()]):
            continue
        yield (m.start(), m.end(), f"{m[1]}{m[2]}{m[3]}(")


tuple_assert = edits(r"^([ \t]+)assert ([^\n,#(]+), ([^\n#]+)$", lambda m, t: whole(m, f"{m[1]}assert ({t[m.start(2):m.end(2)]}, {t[m.start(3):m.end(3)]})")
                     if "\\" not in m.group() and m[3].count("(") == m[3].count(")") else None, re.M)
bare = edits(r"except Exception(?: as \w+)?:$", lambda m, t: whole(m, "except:") if not re.search(r"raise|exit", t[m.end():m.end() + 400]) and
             re.match(r"\n\s+(?!pass|continue|\.\.\.)", t[m.end():m.end() + 100]) and " as " not in m.group() and "#" not in t[m.start() - 100:m.end() + 200] else None, re.M)
pointer_size = edits(r"\bstruct \w+ \*(\w+) = (?:\w*alloc)\((?:1, ?)?sizeof(?: \*\1|\(\*\1\))\)", lambda m, t: whole(m, m.group()[:20] + m.group()[20:].replace("sizeof *", "sizeof ").replace("sizeof(*", "sizeof("))
                     if "*" not in m.group()[20:].split("sizeof")[0] else None)

# rule, languages, generator, other findings that are true of the same change
SHAPES = [
    ("self-comparison", "c javascript java go", same_operand, ()),
    ("self-comparison", "python", same_operand_python, ()),
    ("self-assignment", "c javascript java", to_itself, ()),
    ("self-assignment", "javascript java", to_itself_this, ()),
    ("self-assignment", "go", to_itself_go, ()),
    ("self-assignment", "python", to_itself_python, ()),
    ("assignment-in-condition", "c javascript java", assigned, ()),
    ("swallowed-error", "javascript java", empty_handler, ()),
    ("swallowed-error", "python", empty_handler_python, ()),
    ("swallowed-error", "go", empty_if_go, ()),
    # a return between an opening and its release is a leak, too
    ("unreachable-code", "c javascript java go", after_jump("return"), ("resource-leak",)),
    ("unreachable-code", "python", after_jump("return None"), ("resource-leak",)),
    ("identical-branches", "c javascript java go", same_branches, ()),
    ("identical-branches", "python", same_branches_python, ()),
    ("repeated-condition", "c javascript java", repeated, ()),
    ("repeated-condition", "go", repeated_go, ()),
    ("repeated-condition", "python", repeated_python, ()),
    ("constant-condition", "c", always("|| 1"), ()),
    ("constant-condition", "javascript java", always("|| true"), ()),
    ("constant-condition", "go", always_go, ()),
    ("constant-condition", "python", always("or True"), ()),
    ("precedence-trap", "c", masked, ()),
    ("format-mismatch", "c go java", lost_argument, ()),
    ("format-mismatch", "python", lost_argument_python, ()),
    # the branch, now a block of its own, is left by a jump: what follows is dead
    ("suspicious-semicolon", "c javascript java", semicolon, ("unreachable-code",)),
    ("duplicate-key", "javascript", same_key, ()),
    ("duplicate-key", "python", same_key_python, ()),
    ("is-literal", "python", literal_is, ()),
    ("mutable-default", "python", shared_default, ()),
    ("nan-comparison", "c javascript python go", not_a_number, ()),
    ("errorf-without-wrap", "go", unwrapped, ()),
    ("string-identity", "java", identity, ()),
    ("resource-leak", "c", lost_close_c, ()),
    ("resource-leak", "go", lost_defer, ()),
    ("resource-leak", "python", lost_with, ("constant-condition",)),  # the copy says `if True:` where it said `with`
    ("resource-leak", "java", lost_try, ()),
    ("typeof-typo", "javascript", misspelt, ()),
    ("unawaited-async", "javascript python", not_awaited, ()),
    ("assert-tuple", "python", tuple_assert, ()),
    ("bare-except", "python", bare, ()),
    ("sizeof-pointer", "c", pointer_size, ()),
]


def sources(paths):
    """Files in order. "@python" and "@npm" stand for what is installed of them, as far as it is."""
    known = {"@python": [os.path.join(sysconfig.get_paths()["stdlib"], part) for part in
                         ("asyncio", "concurrent", "email", "http", "importlib", "json", "logging", "multiprocessing", "unittest", "urllib", "xml", "xmlrpc")],
             "@npm": ["/usr/share/nodejs/npm/lib", "/usr/share/npm/lib", "/usr/lib/node_modules/npm/lib", "/usr/lib/node_modules/npm/node_modules/tar",
                      "/usr/share/nodejs/tar"]}
    for path in [p for path in paths for p in known.get(path, [path])]:
        walk = [(os.path.dirname(path), [], [os.path.basename(path)])] if os.path.isfile(path) else os.walk(path)
        for folder, folders, names in walk:
            folders[:] = sorted(f for f in folders if not re.search(r"^(test|tests|testing|\.git|build|vendor|third_party|idlelib|testdata|samples_|lib2to3|min)$", f))
            for name in sorted(names):
                full = os.path.join(folder, name)
                if os.path.splitext(name)[1] in LANGS and not re.search(r"(^test_|_test\.|\.test\.|\.min\.|Test\.java|\.spec\.)", name) and \
                        os.path.isfile(full) and not os.path.islink(full) and os.path.getsize(full) < 300000:
                    yield full


def findings(checks, folder):
    """{file name: Counter of (rule, message)} and {file name: [(line, rule, message)]}."""
    out = subprocess.run([checks, folder], capture_output=True, text=True, errors="replace", check=True).stdout
    found = collections.defaultdict(list)
    for line in out.split("\n"):
        m = re.match(r".*/(\d+)/[^:]*:(\d+) ([a-z-]+) (\d+) (.*)", line)
        if m and m[3] != "todo-comment":
            found[int(m[1])].append((int(m[2]), m[3], re.sub(r"line \d+", "line", m[5])))
    return found


def plan(paths, each, seed):
    """Places by shape and language, the same for the same files and seed."""
    places = collections.defaultdict(list)
    texts = {}
    for path in sources(paths):
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
        if "\r" in text or re.search("DO NOT EDIT|@generated|Code generated|[Gg]enerated [Bb]y", text[:600]) or max(map(len, text.split("\n"))) > 400:
            continue
        lang = LANGS[os.path.splitext(path)[1]]
        code = mask(text, lang)
        texts[path] = text
        for shape, (rule, langs, find, also) in enumerate(SHAPES):
            if lang in langs.split():
                for edit in find(text, code, lang):
                    places[(shape, lang)].append((path, edit))
    rng = random.Random(seed)
    chosen = []
    for key in sorted(places):
        chosen += [(key, *place) for place in rng.sample(places[key], min(each, len(places[key])))]
    return chosen, texts


def write(folder, number, path, text):
    where = os.path.join(folder, str(number), "code" + os.path.splitext(path)[1])
    os.makedirs(os.path.dirname(where))
    with open(where, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)


def judge(chosen, texts, before, after, verbose):
    """Per shape: planted, found, wrong."""
    score = collections.defaultdict(lambda: [0, 0, 0])
    for number, ((shape, lang), path, (start, end, new)) in enumerate(chosen):
        rule, _, _, also = SHAPES[shape]
        text = texts[path]
        line = text.count("\n", 0, start) + 1
        last = line + new.count("\n") + 2
        moved = new.count("\n") - text.count("\n", start, end)
        old = {(at if at <= line else at + moved, r) for at, r, _ in before[number]}
        fresh = [f for f in after[number] if f[:2] not in old]
        hits = [f for f in fresh if f[1] == rule and line - NEAR <= f[0] <= last + NEAR]
        wrong = [f for f in fresh if f not in hits and f[1] not in also]
        entry = score[(rule, lang)]
        entry[0] += 1
        entry[1] += bool(hits)
        entry[2] += len(wrong)
        if verbose and (not hits or wrong):
            print(f"{'MISSED' if not hits else 'found'} {rule} {path}:{line}: {text[start:end]!r:.90} -> {new!r:.90} wrong: {wrong}")
    return score


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checks")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--precision", type=float, default=0.95)
    parser.add_argument("--langs", type=int, default=1, help="at least so many languages")
    parser.add_argument("--rules", type=int, default=1, help="at least so many rules")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    chosen, texts = plan(args.paths, args.each, args.seed)
    with tempfile.TemporaryDirectory() as folder:
        old, new = os.path.join(folder, "old"), os.path.join(folder, "new")
        for number, (_, path, (start, end, text)) in enumerate(chosen):
            write(old, number, path, texts[path])
            write(new, number, path, texts[path][:start] + text + texts[path][end:])
        score = judge(chosen, texts, findings(args.checks, old), findings(args.checks, new), args.verbose)
    planted, found, wrong = (sum(entry[k] for entry in score.values()) for k in range(3))
    for (rule, lang), (n, hits, false) in sorted(score.items()):
        print(f"{rule:28} {lang:11} planted {n:4}  found {hits:4}  wrong {false:3}")
    if not planted:
        sys.exit("no place to plant anything")
    recall, precision = found / planted, found / max(1, found + wrong)
    rules, langs = {rule for rule, _ in score}, {lang for _, lang in score}
    print(f"{len(rules)} rules, {len(langs)} languages: planted {planted}, recall {recall:.3f}, precision {precision:.3f}")
    sys.exit(recall < args.recall or precision < args.precision or len(rules) < args.rules or len(langs) < args.langs)


main()
