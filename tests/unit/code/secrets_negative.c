// What looks like a secret and is none: each kind is a family of lines that a careless scanner
// reports.
#include "tests/unit/code/secrets_make.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

#define HEX    "0123456789abcdef"
#define ALNUM  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define BASE64 ALNUM "+/"
#define BASE32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// In a format: $h8 eight hexadecimal digits, $a letters and digits, $b base64, $2 base32, $d
// digits, $w a word of the list, $k a key that means a secret, $p a key that means a password.
static const char *const formats[] = {
    // Fails its checksum, is cut, is too long.
    "token = \"ghp_$a36\"",
    "token: ghp_$a35",
    "const t = 'ghp_$a41'",
    "//registry/:_authToken=npm_$a36",
    "seed = \"SUA$255\"",
    "identity = 'AGE-SECRET-KEY-1$258'",
    "key = \"AKIA$212\"",
    "url = \"SG.$a22.$a20\"",
    "token = \"glpat-$a12\"",
    "stripe = \"sk_live_$a9\"",
    "hook = \"xoxb-$d4-$d4-$a24\"",
    "dapi$h30",
    "id = \"SK$h30\"",
    // Everybody's examples and placeholders.
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"",
    "$k = \"your-$w-$w-here\"",
    "$k = \"<$w>\"",
    "$k: ${$w_$w}",
    "$k: \"{{ $w.$w }}\"",
    "$k = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
    "$k = \"abcdefghijklmnopqrstuvwxyz123456\"",
    "$k = \"1234567890abcdef1234567890abcdef\"",
    "$k=changeme",
    "$p = \"********\"",
    "$k = \"00000000000000000000000000000000\"",
    "$k = \"REPLACE_ME_WITH_A_$w\"",
    "$k: \"TO"
    "DO-$w-$w-$d4\"",
    "token = 'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
    "key: sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
    "$k = \"dummy-$a20\"",
    "slack = \"xoxb-000000000000-000000000000-xxxxxxxxxxxxxxxxxxxxxxxx\"",
    "$p = \"%s\"",
    "$p = \"{$w}\"",
    "$k = \"$$(cat /run/$w)\"",
    // From elsewhere.
    "$k = os.environ[\"$w_KEY\"]",
    "$k: process.env.$w_TOKEN,",
    "$k = getenv(\"$w_SECRET\");",
    "$k = config.get(\"$w.secret\")",
    "$k = \"vault:secret/data/$w#key\"",
    "$k = \"arn:aws:secretsmanager:us-east-1:$d12:secret:$w-$a6\"",
    "$k: !secret $w_password",
    "$k = \"/run/secrets/$w_$w\"",
    "$k_file = \"./keys/$w.pem\"",
    "$k_url = \"https://$w.io/oauth/token\"",
    "$k = $w.$w($w)",
    "op_ref = \"op://$w/$w/password\"",
    "$k = \"projects/$d9/secrets/$w/versions/4\"",
    // Identifiers, hashes, digests, versions.
    "$k = \"$h8-$h4-$h4-$h4-$h12\"",
    "api_key_id: $h8-$h4-$h4-$h4-$h12",
    "commit: $h40",
    "sha256 = \"$h64\"",
    "md5: \"$h32\"",
    "\"integrity\": \"sha512-$b86==\"",
    "image: $w@sha256:$h64",
    "golang.org/x/$w v0.1.0 h1:$b43=",
    "etag: \"$h32\"",
    "$p_hash = \"$h64\"",
    "token_hash: \"$h64\"",
    "$p = \"$$2b$$12$$$a53\"",
    "checksum = '$b43='",
    "nonce = \"$b32\"",
    "index $h7..$h7 100644",
    "\"resolved\": \"https://registry/$w/-/$w-1.2.3.tgz#$h40\"",
    "const id = \"$h24\";",
    "fingerprint = \"SHA256:$b43\"",
    "uuid = '$h8-$h4-$h4-$h4-$h12'",
    "cache_key = \"$w:$d6:$w\"",
    "primary_key: $w_id",
    "next_token = \"$b40\"",
    "csrf_token = \"$a32\"",
    "request_id=$h16",
    "trace: $h32",
    "color: #$h6",
    "version = \"1.$d2.$d3-rc.4\"",
    "public_key = \"$b44\"",
    "site_key = \"6L$a38\"",
    // Public keys, certificates, data.
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ$b340 $w@$w",
    "-----BEGIN CERTIFICATE-----\nMIID$b60\n$b64\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB$b60\n$b64\n-----END PUBLIC KEY-----",
    "if (strstr(s, \"-----BEGIN PRIVATE KEY-----\")) return 1;",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n<$w>\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA$b48\n-----END RSA PRIVATE KEY-----",
    "src=\"data:image/png;base64,iVBORw0KGgo$b200\"",
    "@font-face { src: url(data:font/woff2;base64,$b300) }",
    "payload = \"$b120\"",
    "header = \"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\"",
    "t = \"eyJ$a40.$a50.$a43\"",
    "\"mappings\": \"AAAA,$a30;$a40\"",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.$a43",
    // Names, types, prose, URLs.
    "String $k = get$wToken$wFrom$w($w);",
    "$k = $w_$w_$w_$w",
    "$k: \"$w_$w_$w_$w\"",
    "$p: \"Please enter your $w $w\"",
    "$p = \"$w$w$w\"",
    "label.$p = \"$w $w\"",
    "type $k = $w<$w>;",
    "def reset_$p($w, $w=None):",
    "if $p == \"$w$d4\":",
    "<input name=\"$p\" type=\"password\">",
    "$k_type = \"urn:ietf:params:oauth:token-type:$w\"",
    "$k_name: \"$w-$w-prod-$d2\"",
    "max_tokens: $d5",
    "tokenizer = \"$w/$w-v2-$d3b\"",
    "Authorization: Bearer <token>",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "headers = {'Authorization': f'Bearer {$w}'}",
    "https://user:password@$w.example.com/$w",
    "postgres://postgres:postgres@localhost:5432/$w",
    "redis://:${REDIS_PASSWORD}@$w:6379",
    "https://$w:$w@$w.io/",
    "mysql://root:root@db/$w",
    "https://$w.io:8443/@$w/$w",
    "git clone https://$$TOKEN@$w.io/$w.git",
    "ftp://anonymous:anonymous@$w.org/$w",
    "<$p>$w</$p>",
    "$p($w, \"$w\")",
    "#define $w_KEY \"$w_$w\"",
};

static const char *const words[] = {
    "account", "builder", "client",  "deploy",   "engine",  "folder",  "gateway", "handler",
    "import",  "journal", "kernel",  "listener", "manager", "network", "object",  "parser",
    "queue",   "request", "session", "template", "update",  "vendor",  "window",  "server"};
static const char *const keys[] = {"api_key",    "apiKey",        "access_token", "client_secret",
                                   "SECRET_KEY", "auth_token",    "privateKey",   "session_token",
                                   "app-secret", "encryption_key"};
static const char *const passwords[] = {"password",      "db_password", "PASSWORD",
                                        "adminPassword", "passwd",      "user.pass"};

size_t make_negative_kinds(void) {
    return COUNT_OF(formats);
}

static const char *item(struct maker *m, char kind) {
    if (kind == 'w')
        return words[maker_random(m, COUNT_OF(words))];
    if (kind == 'k')
        return keys[maker_random(m, COUNT_OF(keys))];
    return kind == 'p' ? passwords[maker_random(m, COUNT_OF(passwords))] : NULL;
}

void make_negative(struct maker *m, char out[MADE_BYTES_MAX]) {
    const char *p = formats[maker_random(m, COUNT_OF(formats))];
    while (*p) {
        const char *text = *p == '$' ? item(m, p[1]) : NULL;
        if (text) {
            out = stpcpy(out, text);
            p += 2;
            continue;
        }
        const char *alphabet = *p != '$'     ? NULL
                               : p[1] == 'h' ? HEX
                               : p[1] == 'a' ? ALNUM
                               : p[1] == 'b' ? BASE64
                               : p[1] == '2' ? BASE32
                               : p[1] == 'd' ? "0123456789"
                                             : NULL;
        if (!alphabet) {
            p += p[0] == '$' && p[1] == '$'; // $$ is $
            *out++ = *p++;
            continue;
        }
        size_t n = 0;
        for (p += 2; *p >= '0' && *p <= '9' && n < 100; p++)
            n = n * 10 + (size_t)(*p - '0');
        make_chars(m, alphabet, n, out);
        out += n;
    }
    *out = '\0';
}
