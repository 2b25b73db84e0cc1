"""Where people can go: each rule speaks on what leads nowhere and is silent on what only looks alike."""
import json
import os
import subprocess

from process_lib import PAIRED, World, main


def answer_of(files, *argv):
    with World() as w:
        root = os.path.join(w.dir, "project")
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as f:
                f.write(text)
        r = subprocess.run([PAIRED, "flows", "--json", "--budget", "20000", *argv], env=w.env, cwd=root,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)


def findings(files):
    return [(i["rule"], i["path"], i["line"]) for i in answer_of(files)["items"] if i["rule"] not in ("route", "command")]


def routes(files):
    return sorted((i["method"], i["route"]) for i in answer_of(files)["items"] if i["rule"] == "route")


def test_every_library_gives_its_routes():
    assert routes({"a.js": "const app = require('express')();\napp.get('/a/:id', h);\napp.post(['/b', '/c'], h);\napp.get('env');\n"
                           "app.use('/static', h);\naxios.get('/not/ours', h);\napp.get('/question');\n"}) == \
        [("", "/static"), ("get", "/a/*"), ("post", "/b"), ("post", "/c")]
    assert routes({"a.py": "from flask import Flask\nbp = Blueprint('b', __name__, url_prefix='/p')\n@bp.route('/a/<int:id>')\n"
                           "def a(id): pass\n@bp.route('/b', methods=['POST'])\ndef b(): pass\nd.route('/c')\n"}) == \
        [("get", "/p/a/*"), ("post", "/p/b")]
    assert routes({"urls.py": "urlpatterns = [path('a/<int:pk>/', v, name='a'), re_path(r'^b/$', v), path('c/', include('c.urls'))]\n"}) \
        == [("", "/a/*"), ("", "/b"), ("", "/c")]
    assert routes({"config/routes.rb": "Rails.application.routes.draw do\n  resources :users\n  get '/about', to: 'pages#about'\nend\n"}) \
        == [("", "/users"), ("get", "/about")]
    assert routes({"a.rb": "require 'sinatra'\nget '/a/:b' do\nend\npost '/c' do\nend\n"}) == [("get", "/a/*"), ("post", "/c")]
    assert routes({"a.go": "package a\nimport \"github.com/gin-gonic/gin\"\nfunc f(r *gin.Engine) {\n\tv := r.Group(\"/v\")\n"
                           "\tv.GET(\"/a/:id\", h)\n\tm.Group(\"/m\", func() {\n\t\tm.Post(\"/b\", h)\n\t})\n"
                           "\tmux.HandleFunc(\"GET /c/{x}\", h)\n}\n"}) == \
        [("", "/c/*"), ("get", "/v/a/*"), ("post", "/m/b")]
    assert routes({"A.java": "@RequestMapping(\"/a\")\nclass A {\n  @GetMapping(\"/b/{id}\") void b() {}\n"
                             "  @PostMapping(\"/c\") void c() {}\n}\n"}) == [("get", "/a/b/*"), ("post", "/a/c")]
    assert routes({"r.ts": "import { Routes } from '@angular/router';\nconst r: Routes = [{path: 'a', component: A, children: "
                           "[{path: 'b', component: B}]}, {path: '**', component: N}];\nconst o = {path: 'no/route'};\n"}) == \
        [("", "/a"), ("", "/a/b")]
    assert routes({"r.jsx": "import { Route } from 'react-router-dom';\nx = <Route path=\"/a/:id\" element={<A/>} />;\n"}) == \
        [("", "/a/*")]
    assert routes({"next.config.js": "", "pages/index.jsx": "", "pages/blog/[slug].jsx": "", "pages/_app.jsx": ""}) == \
        [("", "/"), ("", "/blog/*")]


SERVER = "const app = require('express')();\n" + "".join("app.get('/%s', h);\n" % p for p in ("a", "b", "c", "d/:id")) + \
    "app.use((q, r) => r.status(404).send('nothing'));\n"


def test_links_and_forms():
    page = "<p><a href=\"/a\">A</a> <a href='/b?x=1#y'>B</a> <a href=\"/c/\">C</a> <a href=\"/d/7\">D</a>\n" \
           "<a href=\"/gone\">G</a>\n<a href=\"https://x.org/gone\">X</a> <a href=\"//x.org/y\">Y</a> <a href=\"/logo.png\">L</a>\n" \
           "<a href=\"{{ base }}/a\">T</a> <a href=\"/{{ what }}\">T</a> <a href=\"mailto:a@b\">M</a> <a href=\"#top\">U</a>\n" \
           "<form action=\"/nowhere\" method=\"post\"></form>\n<form action=\"/a\" method=\"post\"></form>\n<form action=\"/a\"></form>\n"
    assert findings({"app.js": SERVER, "index.html": page}) == \
        [("dead-link", "index.html", 2), ("form-unhandled", "index.html", 5), ("form-unhandled", "index.html", 6)]
    # where most are not understood, none is called dead
    assert findings({"app.js": SERVER, "index.html": "".join("<a href=\"/x%d\">X</a>\n" % i for i in range(9)) + page}) == []


def test_names_of_flask_routes():
    code = "from flask import Flask\n" + "".join("@app.route('/%s')\ndef %s(): pass\n" % (p, p) for p in ("one", "two", "three")) + \
        "@app.errorhandler(404)\ndef e(x): return url_for('one'), url_for('two')\n"
    page = "<a href=\"{{ url_for('main.three') }}\">3</a>\n<a href=\"{{ url_for('four') }}\">4</a>\n" \
           "<img src=\"{{ url_for('static', filename='x') }}\">\n"
    assert findings({"app.py": code, "templates/a.html": page}) == [("dead-link", "templates/a.html", 2)]


def test_tables_of_a_client():
    table = "import { createRouter } from 'vue-router';\nconst routes = [\n" + \
        "".join("{path: '/%s', component: X},\n" % p for p in ("one", "two", "three", "four")) + \
        "{path: '/lonely', component: X},\n{path: '/empty'},\n{path: '/one', component: Y},\n{path: '/item/:id', component: X},\n];\n" + \
        "router.push('/one'); router.push('/two'); go('/three'); x.to = '/four';\nrouter.push('/empty');\n"
    assert findings({"router.ts": table}) == \
        [("no-handler", "router.ts", 8), ("same-route", "router.ts", 9), ("unreachable", "router.ts", 7), ("no-404", "router.ts", 8)]


def test_pages_of_a_site():
    def page(*links):
        return "<html><body>%s</body></html>\n" % "\n".join("<a href=\"%s\">x</a>" % to for to in links)
    files = {"index.html": page("a.html", "sub/b.html"), "a.html": page("index.html", "sub/c.html"), "sub/b.html": page("../a.html#x"),
             "sub/c.html": page()}
    assert findings(files) == [("dead-end", "sub/c.html", 1)]
    files["a.html"] = page("index.html", "sub/d.html")
    assert findings(files) == [("dead-link", "a.html", 2), ("dead-end", "sub/c.html", 1)]


def test_handlers_of_rails_and_long_forms():
    assert findings({"config/routes.rb": "Rails.application.routes.draw do\n  get '/a', to: 'pages#a'\n  get '/b', to: 'pages#b'\nend\n",
                     "app/controllers/application_controller.rb": "x\n", "app/controllers/pages_controller.rb": "x\n"}) == []
    assert findings({"config/routes.rb": "Rails.application.routes.draw do\n  get '/a', to: 'pages#a'\n  get '/b', to: 'gone#b'\nend\n",
                     "app/controllers/application_controller.rb": "class A\nend\n", "app/controllers/pages_controller.rb": "x\n"}) == \
        [("no-handler", "config/routes.rb", 3)]
    fields = "".join("<input name=f%d>\n" % i for i in range(16))
    assert findings({"a.html": "<form>" + fields + "</form>\n"}) == [("long-form", "a.html", 1)]
    assert findings({"a.html": "<form><fieldset>" + fields + "</fieldset></form>\n<form><input></form>\n"}) == []


def test_a_menu_is_no_second_table():
    menu = "import { Route } from 'react-router-dom';\nconst menu = [{title: 'A', path: '/a', element: <A/>}];\n"
    assert findings({"r.jsx": menu + "x = <Route path=\"/a\" element={<A/>} />;\n"}) == []
    assert findings({"r.jsx": menu + "x = <Route path=\"/b\" element={<A/>} />;\ny = <Route path=\"/b\" element={<B/>} />;\n"}) == \
        [("same-route", "r.jsx", 4)]


def test_commands_and_the_graph():
    answer = answer_of({"a.py": "import argparse\ns = p.add_subparsers()\ns.add_parser('run')\ns.add_parser('stop')\n"})
    assert [i["command"] for i in answer["items"]] == ["run", "stop"], answer
    answer = answer_of({"app.js": SERVER, "index.html": "<a href=\"/a\">A</a>"}, "--format", "mermaid")
    graph = answer["items"][0]["mermaid"]
    assert graph.startswith("graph LR") and '["index.html"] --> ' in graph and '["/a"]' in graph, graph


def test_hostile_routes_are_survived():
    answer_of({"app.js": "const app = require('express')();\napp.get('/" + "([{<:" * 60 + "', h);\napp.get('/', h" + "(" * 500,
               "a.html": "<form>" * 2000 + "<a href='/{{'>" + "<a href='{{}}/'>" * 200, "b.html": "<html><a href='" + "../" * 60 + "x.html'>",
               "config/routes.rb": "Rails.application.routes.draw do\nresources :" + "a" * 5000 + "\nget 'x', to: '#'\n",
               "next.config.js": "", "pages/" + "[" * 60 + ".js": ""})


if __name__ == "__main__":
    main(globals())
