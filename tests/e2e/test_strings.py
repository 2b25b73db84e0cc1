"""Texts that people see: each rule speaks on what breaks it and is silent on what only looks alike."""
import json
import os
import subprocess

from process_lib import PAIRED, World, main

KEYS = ["menu.open", "menu.close", "menu.save", "menu.help", "menu.quit", "page.first", "page.last", "page.next"]


def answer_of(w, root, *argv):
    r = subprocess.run([PAIRED, "strings", "--json", "--budget", "20000", *argv], env=w.env, cwd=root,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert r.returncode == 0, r.stderr
    answer = json.loads(r.stdout)
    assert answer["total"] == len(answer["items"]), answer
    return answer


def write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text, indent=1, ensure_ascii=False))


def findings(files):
    with World() as w:
        root = os.path.join(w.dir, "project")
        os.mkdir(root)
        write(root, files)
        return [(i["rule"], i["path"], i["line"], i["message"]) for i in answer_of(w, root)["items"]]


def catalogue(**more):
    return {**{k: "Text of %s" % k.replace(".", " ") for k in KEYS}, **more}


def code(*more):
    return "".join("show(t('%s'));\n" % k for k in (*KEYS, *more))


def test_catalogues_and_code():
    got = findings({
        "web/i18n/en.json": catalogue(**{"old.one": "Nobody asks", "dyn.red": "Red it is", "files_one": "{n} file",
                                         "files_other": "{n} files", "tail.ok": "All is well", "bye": "Good bye to all of you",
                                         "by": "By {name}", "wide": "100% of all", "proc": "%d of %s"}),
        "web/i18n/de.json": {**{k: "Wort %s" % k for k in KEYS}, "bye": "Good bye to all of you", "by": "Von {nahme}",
                             "wide": "100% von allem", "proc": "%2$s: %1$d", "left": "Rest", "dyn.red": "Rot",
                             "files_one": "eine Datei", "files_other": "{n} Dateien", "tail.ok": "Gut", "old.one": "Alt"},
        "web/i18n/en_GB.json": catalogue(bye="Good bye to all of you"),
        "web/app.js": code("menu.opne", "bye", "by", "wide", "proc") +
        "t('dyn.' + color); t('files', 3); t(x + '.ok'); other('not.a.key'); t('with blanks here');\n",
    })
    # en_GB falls back to en: nothing is missing there
    assert got == [
        ("missing-key", "web/app.js", 9, '"menu.opne" is in no catalogue; 13 of 14 texts given to t are'),
        ("placeholder", "web/i18n/de.json", 11, "by: {name} in the original, {nahme} here"),
        ("untranslated", "web/i18n/de.json", 10, "1 of 17 texts are word for word those of web/i18n/en.json: bye"),
        ("extra-key", "web/i18n/de.json", 14, "1 key that web/i18n/en.json has not: left"),
        ("unused-key", "web/i18n/en.json", 10, "old.one: no code mentions it; 16 of the 17 keys here are mentioned"),
    ], got


def test_gettext_speaks_of_empty_and_fuzzy_messages():
    po = 'msgid ""\nmsgstr ""\n\nmsgid "One %s"\nmsgstr "Eins"\n\n#, fuzzy\nmsgid "Two"\nmsgstr "Drei"\n\nmsgid "Three"\n' \
         'msgstr ""\n\nmsgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] "eine Datei"\nmsgstr[1] "%d Dateien"\n'
    got = findings({"po/de.po": po, "a.c": 'int main(void) { puts(_("One %s")); puts(_("unknown text")); }\n'})
    assert got == [
        ("placeholder", "po/de.po", 4, "One %s: %1$s in the original, nothing here"),
        ("missing-translation", "po/de.po", 8, "2 of 5 messages are empty or fuzzy: Two, Three"),
    ], got


def test_texts_that_stand_beside_translated_ones():
    page = "<p>{{ t('menu.open') }}</p>\n<p>{{ t('menu.save') }}</p>\n<p>{{ t('menu.help') }}</p>\n"
    got = findings({
        "i18n/en.json": catalogue(), "app.js": code(),
        "mixed.html": page + "<h2>Your last orders</h2>\n<code>not for people</code>\n<p>42</p>\n<p translate>Left alone here</p>\n",
        "plain.html": "<h2>Another whole page</h2>\n<p>Without any translation at all</p>\n",
    })
    assert got == [("hard-coded", "mixed.html", 4, '"Your last orders" is not translated; 3 texts of this file are')], got


def test_spellings_terms_and_customs():
    lines = ['raise ValueError("the value number %d is too large")\n' % i for i in range(30)]
    lines += ['raise ValueError("The odd one begins otherwise")\n']
    lines += ['print("Send an email to %s")\n' % who for who in ("ada", "bob", "eve", "all of them")]
    lines += ['print("No e-mail was sent")\n', 'print("Saved the the file")\n', 'print("File Not Found: %s")\n',
              'raise OSError("File not found")\n', 'print("GitHub said no")\n', 'logger.debug("Not not for people")\n',
              '"""Doc of the the module."""\n']
    got = findings({"a.py": "".join(lines)})
    assert [(rule, line) for rule, _, line, _ in got] == [("term", 36), ("case", 31), ("slip", 37)], got


def test_two_spellings_of_a_message():
    got = findings({"a.py": 'print("File not found")\nprint("File Not Found")\nprint("File not found.")\nprint("FILE NOT FOUND")\n'
                            'print("file not found:")\nprint("Other text here")\n'})
    assert [(rule, line) for rule, _, line, _ in got] == [("two-spellings", 2), ("two-spellings", 5)], got


def test_hostile_catalogues_are_survived():
    deep = "{" + '"a":{' * 5000
    got = findings({"i18n/en.json": deep, "i18n/de.json": '{"a": "\\ud83d", "b": "%s%n%*%"}',
                    "po/x.po": 'msgid "a\nmsgstr', "locales/en.yml": "a: b\n" * 10 + " " * 2000 + "c: d\n"})
    assert all(rule != "missing-key" for rule, *_ in got), got


if __name__ == "__main__":
    main(globals())
