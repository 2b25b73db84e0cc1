"""Accessibility rules: each speaks on what breaks it and is silent on what only looks alike."""
import json
import os
import subprocess

from process_lib import PAIRED, World, main

# file, text, rules in the order of their lines
CASES = [
    ("bad_link.html", "<a href=x></a>", ["name-missing"]),
    ("bad_label.html", "<label for=a>A</label>\n<input id=b>", ["control-label"]),
    ("bad_id.html", "<p id=a>x</p>\n<p id=b>y</p>\n<p id=a>z</p>", ["same-id"]),
    ("bad_zoom.html", '<meta name=viewport content="maximum-scale=1">', ["zoom-off"]),
    ("bad_click.html", '<div onclick="go()">x</div>', ["click-only"]),
    ("bad_play.html", "<video autoplay src=x></video>", ["autoplay"]),
    ("bad_image.html", "<img src=x>", ["image-alt"]),
    ("bad_color.css", "a { color: #999; background: #eee }", ["contrast"]),
    ("slash.html", "<a href=/docs/>Docs</a>", []),
    ("sign.html", "<button>+</button>", []),
    ("slot.html", "<button><slot /></button>", []),
    ("filled.html", '<button x-text="a"></button>\n<button th:text="b"></button>\n<a href=x data-i18n=c></a>', []),
    ("angular.html", '<button [attr.aria-label]="a"></button>', []),
    ("label.html", "<label for=a>A</label><input id=a>\n<label>B <input></label>\n<input id={{ c }}>", []),
    ("branch.html", "{% if a %}<p id=a>x</p>{% else %}<p id=a>y</p>{% endif %}", []),
    ("comment.html", "{# <img src=x> #}\n<!--[if IE]><img src=x><![endif]-->\n<script>'<img>'</script>", []),
    ("pixel.html", "<noscript><img src=x></noscript>\n<input type=file style=\"display: none\">", []),
    ("zoom.html", '<meta name=viewport content="maximum-scale=10">', []),
    ("stop.html", '<div onclick="event.stopPropagation()">x</div>', []),
    ("play.html", '<video :autoplay="a" src=x></video>', []),
    ("off.css", "a:disabled { color: #999; background: #eee }\n/*/ a { color: #999; background: #eee } */", []),
]


def test_rules_and_their_near_misses():
    with World() as w:
        root = os.path.join(w.dir, "site")
        os.mkdir(root)
        for name, text, _ in CASES:
            with open(os.path.join(root, name), "w") as f:
                f.write(text + "\n")
        r = subprocess.run([PAIRED, "a11y", "--json", "--budget", "20000"], env=w.env, cwd=root, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.returncode == 0, r.stderr
        answer = json.loads(r.stdout)
        assert answer["total"] == len(answer["items"]), answer
        for name, _, rules in CASES:
            got = [i["rule"] for i in answer["items"] if i["path"] == name]
            assert got == rules, (name, got, rules)


if __name__ == "__main__":
    main(globals())
