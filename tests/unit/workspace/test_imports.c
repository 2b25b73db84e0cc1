// Where imports lead, language by language, and where they must not.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

struct expected {
    const char *from, *module; // as written, or the part of it that names the file
    const char *to;            // NULL: outside, or not known
};

static void add(const struct tree *t, const char *path, const char *text) {
    tree_write(t, path, text);
}

static void c_files(const struct tree *t) {
    add(t, "c/src/a.c",
        "#include \"b.h\"\n#include \"../inc/c.h\"\n#include <stdio.h>\n"
        "#include \"lib/d.h\"\n#include <pub/e.h>\n#include <f.h>\n"
        "#include \"none.h\"\nint a;\n");
    add(t, "c/src/b.h", "int b;\n");
    add(t, "other/b.h", "int b;\n");
    add(t, "c/inc/c.h", "int c;\n");
    add(t, "c/deep/lib/d.h", "int d;\n");
    add(t, "c/include/pub/e.h", "int e;\n");
    add(t, "c/include/f.h", "int f;\n");
    add(t, "c/compat/stdio.h", "int not_the_systems;\n");
}

static void python_files(const struct tree *t) {
    add(t, "py/src/pkg/__init__.py", "");
    add(t, "py/src/pkg/core.py",
        "import json\nimport pkg.util\nfrom . import near\n"
        "from .sub import thing\nfrom ..pkg.util import x\n"
        "from pkg import util\nimport os.path\n");
    add(t, "py/src/pkg/util.py", "x = 1\n");
    add(t, "py/src/pkg/near.py", "");
    add(t, "py/src/pkg/json.py", "");
    add(t, "py/src/pkg/sub/__init__.py", "thing = 1\n");
}

static void script_files(const struct tree *t) {
    add(t, "js/package.json", "{\n  \"name\": \"app\"\n}\n");
    add(t, "js/src/main.ts",
        "import a from './a';\nimport b from './b.js';\n"
        "import c from '../lib/dir';\nimport d from '@/a';\n"
        "import React from 'react';\nimport u from '@team/util';\n"
        "import v from '@team/util/sub';\n");
    add(t, "js/src/a.tsx", "export default 1;\n");
    add(t, "js/src/b.ts", "export default 1;\n");
    add(t, "js/lib/dir/index.js", "module.exports = 1;\n");
    add(t, "js/packages/util/package.json", "{ \"name\": \"@team/util\" }\n");
    add(t, "js/packages/util/src/index.ts", "export default 1;\n");
    add(t, "js/packages/util/src/sub.ts", "export default 1;\n");
}

static void go_files(const struct tree *t) {
    add(t, "go/go.mod", "module example.org/app\n\ngo 1.22\n");
    add(t, "go/main.go",
        "package main\n\nimport (\n\t\"fmt\"\n\t\"example.org/app/net/tcp\"\n"
        "\t\"example.org/app\"\n)\n");
    add(t, "go/net/tcp/dial.go", "package tcp\n");
    add(t, "go/net/tcp/a_test.go", "package tcp\n");
}

static void rust_files(const struct tree *t) {
    add(t, "rs/Cargo.toml", "[package]\nname = \"my-app\"\nversion = \"1.0.0\"\n");
    add(t, "rs/src/lib.rs", "mod net;\nuse crate::net::tcp::Dial;\nuse std::fmt;\n");
    add(t, "rs/src/net/mod.rs", "pub mod tcp;\nuse self::tcp::Dial;\nuse super::util;\n");
    add(t, "rs/src/net/tcp.rs", "pub struct Dial;\nuse super::super::util::helper;\n");
    add(t, "rs/src/util.rs", "pub fn helper() {}\n");
    add(t, "other/Cargo.toml", "[package]\nname = \"other\"\n");
    add(t, "other/src/main.rs", "use my_app::net::tcp::Dial;\n");
}

static void more_files(const struct tree *t) {
    add(t, "java/src/main/java/org/x/A.java",
        "package org.x;\nimport org.x.util.B;\nimport static org.x.util.B.help;\n"
        "import java.util.List;\nclass A {}\n");
    add(t, "java/src/main/java/org/x/util/B.java", "package org.x.util;\npublic class B {}\n");
    add(t, "rb/lib/app/tool.rb", "require 'app/base'\nrequire_relative 'near'\nrequire 'json'\n");
    add(t, "rb/lib/app/base.rb", "class Base\nend\n");
    add(t, "rb/lib/app/near.rb", "class Near\nend\n");
    add(t, "rb/lib/app/json.rb", "class Json\nend\n");
    add(t, "sh/run.sh", "#!/bin/sh\n. ./lib.sh\nsource \"$HERE/lib.sh\"\n");
    add(t, "sh/lib.sh", "f() { :; }\n");
}

static const struct expected expected[] = {
    {"c/src/a.c", "b.h", "c/src/b.h"},
    {"c/src/a.c", "../inc/c.h", "c/inc/c.h"},
    {"c/src/a.c", "stdio.h", NULL},
    {"c/src/a.c", "lib/d.h", "c/deep/lib/d.h"},
    {"c/src/a.c", "pub/e.h", "c/include/pub/e.h"},
    {"c/src/a.c", "f.h", "c/include/f.h"},
    {"c/src/a.c", "none.h", NULL},
    {"py/src/pkg/core.py", "json", NULL},
    {"py/src/pkg/core.py", "pkg.util", "py/src/pkg/util.py"},
    {"py/src/pkg/core.py", ".", "py/src/pkg/near.py"},
    {"py/src/pkg/core.py", ".sub", "py/src/pkg/sub/__init__.py"},
    {"py/src/pkg/core.py", "..pkg.util", "py/src/pkg/util.py"},
    {"py/src/pkg/core.py", "pkg", "py/src/pkg/util.py"},
    {"py/src/pkg/core.py", "os.path", NULL},
    {"js/src/main.ts", "./a", "js/src/a.tsx"},
    {"js/src/main.ts", "./b.js", "js/src/b.ts"},
    {"js/src/main.ts", "../lib/dir", "js/lib/dir/index.js"},
    {"js/src/main.ts", "@/a", "js/src/a.tsx"},
    {"js/src/main.ts", "react", NULL},
    {"js/src/main.ts", "@team/util", "js/packages/util/src/index.ts"},
    {"js/src/main.ts", "@team/util/sub", "js/packages/util/src/sub.ts"},
    {"go/main.go", "fmt", NULL},
    {"go/main.go", "example.org/app/net/tcp", "go/net/tcp/dial.go"},
    {"rs/src/lib.rs", "crate::net::tcp", "rs/src/net/tcp.rs"},
    {"rs/src/lib.rs", "std", NULL},
    {"rs/src/net/mod.rs", "self::tcp", "rs/src/net/tcp.rs"},
    {"rs/src/net/mod.rs", "super", "rs/src/util.rs"},
    {"rs/src/net/tcp.rs", "super::super::util", "rs/src/util.rs"},
    {"other/src/main.rs", "my_app::net::tcp", "rs/src/net/tcp.rs"},
    {"java/src/main/java/org/x/A.java", "org.x.util", "java/src/main/java/org/x/util/B.java"},
    {"java/src/main/java/org/x/A.java", "org.x.util.B", "java/src/main/java/org/x/util/B.java"},
    {"java/src/main/java/org/x/A.java", "java.util", NULL},
    {"rb/lib/app/tool.rb", "app/base", "rb/lib/app/base.rb"},
    {"rb/lib/app/tool.rb", "near", "rb/lib/app/near.rb"},
    {"rb/lib/app/tool.rb", "json", NULL},
    {"sh/run.sh", "./lib.sh", "sh/lib.sh"},
};

static int64_t resolve(const struct snapshot *s, const struct expected *e, bool *ret_there) {
    int64_t file = snapshot_find(s, e->from, strlen(e->from));
    assert_true(file >= 0);
    const struct facts *f = snapshot_file(s, (uint32_t)file)->facts;
    for (uint32_t i = 0; i < f->import_count; i++)
        if (strcmp(facts_text(f, facts_import(f, i)->module), e->module) == 0) {
            *ret_there = true;
            return snapshot_import(s, (uint32_t)file, i);
        }
    for (uint32_t i = 0; i < f->import_count; i++)
        print_message("%s: import \"%s\" name \"%s\"\n", e->from,
                      facts_text(f, facts_import(f, i)->module),
                      facts_text(f, facts_import(f, i)->name));
    *ret_there = false;
    return -1;
}

static void imports_lead_to_the_files_they_mean(void **state) {
    struct tree t;
    struct index *ix = NULL;
    struct snapshot *s = NULL;
    unsigned wrong = 0;
    (void)state;
    if (!language_has_tree(LANG_C) || !language_has_tree(LANG_RUBY))
        skip(); // without grammars there are no imports to resolve
    tree_init(&t);
    c_files(&t);
    python_files(&t);
    script_files(&t);
    go_files(&t);
    rust_files(&t);
    more_files(&t);
    const struct index_config c = {.root = t.dir, .excludes = "", .threads = 2};
    const struct index_want want = {.tier = TIER_TREE};
    assert_int_equal(index_open(&c, &ix, NULL), 0);
    assert_int_equal(index_get(ix, &want, &s, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        bool there;
        int64_t to = resolve(s, &expected[i], &there);
        const char *path = to < 0 ? NULL : snapshot_file(s, (uint32_t)to)->path;
        bool same =
            path && expected[i].to ? strcmp(path, expected[i].to) == 0 : path == expected[i].to;
        if (!there || !same) {
            print_message("%s imports %s: %s, not %s%s\n", expected[i].from, expected[i].module,
                          path ? path : "nothing", expected[i].to ? expected[i].to : "nothing",
                          there ? "" : " (no such import)");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    snapshot_put(s);
    index_close(ix);
    tree_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imports_lead_to_the_files_they_mean),
    };
    return cmocka_run_group_tests_name("workspace/imports", tests, NULL, NULL);
}
