#!/usr/bin/env python3
"""Include directions: a layer includes only what it uses, foreign libraries stay in their layer, own header first."""
import os
import re

import tree

LAYERS = {  # as in docs/ARCHITECTURE.md
    "core/base": (),
    "core/loop": ("core/base",),
    "core/code": ("core/base",),
    "core/crypto": ("core/base",),
    "core/route": ("core/base",),
    "core/db": ("core/base", "core/crypto"),
    "core/store": ("core/base", "core/crypto", "core/db"),
    "core/workspace": ("core/base", "core/loop", "core/crypto", "core/db", "core/code", "core/store"),
    "core/agents": ("core/base", "core/workspace", "core/code", "core/store", "core/db"),
    "core/models": ("core/base", "core/loop", "core/route"),
    "core/privacy": ("core/base", "core/code", "core/crypto"),
    "protocol": ("core/base",),
    "federation": ("core/base", "core/loop", "core/crypto", "core/privacy", "core/db", "protocol"),
    "server": ("core/base", "core/loop", "core/crypto", "core/db", "core/store", "core/code",
               "core/workspace", "core/agents", "core/models", "core/route", "core/privacy", "protocol",
               "federation"),
}
# What a client spawns: it must start in a millisecond, so it may not even name the engine's layers.
FRONT = re.compile(r"^server/(main|cli|attach|frontend)\w*\.c$")
FRONT_NOT = re.compile(r"^server/cli_face\.c$")
FRONT_USES = ("core/base", "core/loop", "protocol")
FOREIGN = {  # header → where it may be included
    "uv.h": ("core/loop/", "tests/unit/loop/"),
    "sqlite3.h": ("core/db/", "core/store/", "federation/", "tests/unit/db/", "tests/unit/store/", "tests/faults/", "tests/bench/"),
    "sodium.h": ("core/code/", "core/crypto/", "core/privacy/", "federation/", "core/db/", "core/store/", "server/", "tests/"),
    "avahi-client/": ("federation/",),
    "avahi-common/": ("federation/",),
    "zstd.h": ("federation/", "tests/"),
    "openssl/": ("core/crypto/", "federation/", "tests/unit/federation/", "tests/unit/crypto/"),
    "tree_sitter/": ("core/code/", "tests/bench/", "tests/trees/", "tests/unit/code/"),
    "cmocka.h": ("tests/",),
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    return next((layer for layer in LAYERS if path.startswith(layer + "/")), None)


def is_front(name):
    return FRONT.match(name) and not FRONT_NOT.match(name)


def check_foreign(name, path):
    if is_front(name) and path in ("sodium.h", "sqlite3.h"):
        return [f"{name}: <{path}> belongs to the engine; what a client spawns is not linked with it"]
    for header, places in FOREIGN.items():
        if (path == header or (header.endswith("/") and path.startswith(header))) and not name.startswith(places):
            return [f"{name}: <{path}> may be included only below {', '.join(places)}"]
    return []


def check_own(name, path):
    if not os.path.isfile(os.path.join(tree.ROOT, path)):
        return [f'{name}: "{path}" is not a path from the root of the tree']
    layer, target = layer_of(name), layer_of(path)
    if layer is None:  # tests see everything
        return []
    if target is None:
        return [f'{name}: "{path}" is outside the product']
    allowed = (FRONT_USES if is_front(name) else LAYERS[layer]) + (layer,)
    return [] if target in allowed else [f'{name}: {layer} may not include "{path}"']


def check_first(name, includes):
    own = name[:-2] + ".h"
    if not name.endswith(".c") or not includes or not os.path.isfile(os.path.join(tree.ROOT, own)):
        return []
    return [] if includes[0] == ('"', own) else [f'{name}: its own header "{own}" must be included first']


def main():
    findings, seen = [], 0
    for name in tree.c_files(tree.PRODUCT + ("tests/",)):
        includes = INCLUDE.findall(tree.read(name))
        seen += len(includes)
        for kind, path in includes:
            findings += check_foreign(name, path) if kind == "<" else check_own(name, path)
        findings += check_first(name, includes)
    tree.finish("includes", seen, 300, findings)


main()
