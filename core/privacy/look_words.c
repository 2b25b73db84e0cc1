// Words that look like code and that everybody knows.
#include "core/privacy/look.h"

#include "core/base/mem.h"
#include "core/code/stdnames.h"

#include <string.h>

// Spellings of products, protocols and habits with a capital inside or an underscore.
static const char *const spelled[] = {
    "AppArmor",      "BitBucket",    "BlueTooth",   "BoringSSL",  "CamelCase",  "ChatGPT",
    "ClickHouse",    "CloudFlare",   "CMake",       "CPython",    "CycloneDX",  "DevOps",
    "DevTools",      "DigitalOcean", "DuckDB",      "DynamoDB",   "ECMAScript", "ElasticSearch",
    "FastAPI",       "FreeBSD",      "GitHub",      "GitLab",     "GnuPG",      "GraphQL",
    "InnoDB",        "IntelliJ",     "JavaDoc",     "JavaScript", "JetBrains",  "JUnit",
    "LaTeX",         "LibreSSL",     "LinkedIn",    "MacOS",      "MariaDB",    "MongoDB",
    "MsgPack",       "MySQL",        "NeoVim",      "NetBSD",     "NixOS",      "NodeJS",
    "NoSQL",         "NumPy",        "OAuth",       "OAuth2",     "OpenAI",     "OpenAPI",
    "OpenBSD",       "OpenGL",       "OpenID",      "OpenJDK",    "OpenSSH",    "OpenSSL",
    "OpenTelemetry", "PostgreSQL",   "PowerShell",  "PyPI",       "PyTest",     "PyTorch",
    "ReactJS",       "RocksDB",      "RubyGems",    "SciPy",      "SQLAlchemy", "SQLite",
    "StackOverflow", "SwiftUI",      "SystemD",     "TensorFlow", "TypeScript", "UnitTest",
    "VMware",        "VueJS",        "WebAssembly", "WebAuthn",   "WebGL",      "WebRTC",
    "WebSocket",     "WebSockets",   "WireGuard",   "YouTube",    "ZeroMQ",     "camelCase",
    "eBPF",          "gRPC",         "iOS",         "iPad",       "iPhone",     "macOS",
    "snake_case",    "x86_64",       "vRPC",        "mDNS",       "mTLS",       "kB",
    "MiB",           "GiB",          "KiB",         "mW",         "pH",         "eXpress",
    "jQuery",        "uBlock",       "iptables",
};

bool look_word_is_public(const char *word, size_t n) {
    for (size_t i = 0; i < COUNT_OF(spelled); i++)
        if (strlen(spelled[i]) == n && memcmp(spelled[i], word, n) == 0)
            return true;
    for (enum lang lang = LANG_TREE_FIRST; lang <= LANG_TREE_LAST; lang++)
        if (stdnames_has(lang, word, n) || stdnames_is_keyword(lang, word, n))
            return true;
    return false;
}
