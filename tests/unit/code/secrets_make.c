#include "tests/unit/code/secrets_make.h"

#include "core/base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint32_t maker_random(struct maker *m, uint32_t below) {
    m->state ^= m->state >> 12; // xorshift64*
    m->state ^= m->state << 25;
    m->state ^= m->state >> 27;
    return (uint32_t)((m->state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % below;
}

#define DIGIT  "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX    DIGIT "abcdef"
#define ALNUM  DIGIT LOWER UPPER
#define URL64  ALNUM "_-"
#define BASE64 ALNUM "+/"
#define BASE32 UPPER "234567"

void make_chars(struct maker *m, const char *alphabet, size_t n, char *out) {
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[maker_random(m, (uint32_t)letters)];
    out[n] = '\0';
}

struct part {
    const char *before, *alphabet;
    size_t n;
};

static const struct {
    const char *rule;
    struct part parts[4];
    const char *end;
} shapes[] = {
    {"adobe-secret", {{"p8e-", ALNUM, 32}}, ""},
    {"airtable-token", {{"pat", ALNUM, 14}, {".", HEX, 64}}, ""},
    {"anthropic-key", {{"sk-ant-api03-", URL64, 93}}, "AA"},
    {"anthropic-key", {{"sk-ant-admin01-", URL64, 93}}, "AA"},
    {"artifactory-key", {{"AKCp", ALNUM, 69}}, ""},
    {"atlassian-token", {{"ATATT3xFfGF0", URL64, 170}, {"=", DIGIT "ABCDEF", 8}}, ""},
    {"aws-access-key", {{"AKIA", BASE32, 16}}, ""},
    {"aws-access-key", {{"ASIA", BASE32, 16}}, ""},
    {"azure-client-secret", {{"", ALNUM, 3}, {"8Q~", URL64 "~.", 34}}, ""},
    {"bitbucket-password", {{"ATBB", ALNUM, 32}}, ""},
    {"brevo-key", {{"xkeysib-", HEX, 64}, {"-", ALNUM, 16}}, ""},
    {"buildkite-token", {{"bkua_", HEX, 40}}, ""},
    {"circleci-token", {{"CCIPAT_", ALNUM, 22}, {"_", HEX, 40}}, ""},
    {"clojars-token", {{"CLOJARS_", LOWER DIGIT, 60}}, ""},
    {"cloudflare-ca-key", {{"v1.0-", HEX, 24}, {"-", HEX, 146}}, ""},
    {"contentful-token", {{"CFPAT-", URL64, 43}}, ""},
    {"crates-io-token", {{"cio", ALNUM, 32}}, ""},
    {"databricks-token", {{"dapi", HEX, 32}}, ""},
    {"digitalocean-token", {{"dop_v1_", HEX, 64}}, ""},
    {"digitalocean-token", {{"doo_v1_", HEX, 64}}, ""},
    {"discord-webhook", {{"https://discord.com/api/webhooks/", DIGIT, 18}, {"/", URL64, 68}}, ""},
    {"docker-token", {{"dckr_pat_", URL64, 27}}, ""},
    {"doppler-token", {{"dp.pt.", ALNUM, 43}}, ""},
    {"duffel-token", {{"duffel_live_", URL64, 43}}, ""},
    {"dynatrace-token", {{"dt0c01.", BASE32, 24}, {".", BASE32, 64}}, ""},
    {"easypost-key", {{"EZAK", ALNUM, 54}}, ""},
    {"facebook-token", {{"EAAC", ALNUM, 180}}, ""},
    {"figma-token", {{"figd_", URL64, 40}}, ""},
    {"frameio-token", {{"fio-u-", URL64, 64}}, ""},
    {"github-token", {{"github_pat_", ALNUM, 22}, {"_", ALNUM, 59}}, ""},
    {"gitlab-token", {{"glpat-", URL64, 20}}, ""},
    {"gitlab-token", {{"gldt-", URL64, 20}}, ""},
    {"gitlab-token", {{"glptt-", HEX, 40}}, ""},
    {"google-api-key", {{"AIzaSy", URL64, 33}}, ""},
    {"google-oauth-secret", {{"GOCSPX-", URL64, 28}}, ""},
    {"grafana-token", {{"glsa_", ALNUM, 32}, {"_", HEX, 8}}, ""},
    {"groq-key", {{"gsk_", ALNUM, 52}}, ""},
    {"heroku-key", {{"HRKU-AA", URL64, 58}}, ""},
    {"huggingface-token", {{"hf_", LOWER UPPER, 34}}, ""},
    {"langsmith-key", {{"lsv2_pt_", HEX, 32}, {"_", HEX, 10}}, ""},
    {"linear-key", {{"lin_api_", ALNUM, 40}}, ""},
    {"mailchimp-key", {{"", HEX, 32}, {"-us", "123456789", 1}}, ""},
    {"mailgun-key", {{"key-", HEX, 32}}, ""},
    {"maxmind-key", {{"", ALNUM, 6}, {"_", ALNUM, 29}}, "_mmk"},
    {"netlify-token", {{"nfp_", ALNUM, 36}}, ""},
    {"newrelic-key", {{"NRAK-", UPPER DIGIT, 27}}, ""},
    {"notion-token", {{"ntn_", DIGIT, 11}, {"", ALNUM, 35}}, ""},
    {"openai-key", {{"sk-proj-", URL64, 74}, {"T3BlbkFJ", URL64, 74}}, ""},
    {"openai-key", {{"sk-", ALNUM, 20}, {"T3BlbkFJ", ALNUM, 20}}, ""},
    {"openrouter-key", {{"sk-or-v1-", HEX, 64}}, ""},
    {"perplexity-key", {{"pplx-", ALNUM, 48}}, ""},
    {"planetscale-token", {{"pscale_tkn_", URL64, 43}}, ""},
    {"postman-key", {{"PMAK-", HEX, 24}, {"-", HEX, 34}}, ""},
    {"pulumi-token", {{"pul-", HEX, 40}}, ""},
    {"pypi-token", {{"pypi-AgEIcHlwaS5vcmc", URL64, 160}}, ""},
    {"readme-key", {{"rdme_", LOWER DIGIT, 70}}, ""},
    {"replicate-token", {{"r8_", ALNUM, 37}}, ""},
    {"resend-key", {{"re_", ALNUM, 8}, {"_", ALNUM, 24}}, ""},
    {"rubygems-key", {{"rubygems_", HEX, 48}}, ""},
    {"sendgrid-key", {{"SG.", URL64, 22}, {".", URL64, 43}}, ""},
    {"sentry-token", {{"sntryu_", HEX, 64}}, ""},
    {"shopify-token", {{"shpat_", HEX, 32}}, ""},
    {"shopify-token", {{"shpss_", HEX, 32}}, ""},
    {"slack-token", {{"xoxb-", DIGIT, 12}, {"-", DIGIT, 13}, {"-", ALNUM, 24}}, ""},
    {"slack-token", {{"xoxp-", DIGIT, 12}, {"-", DIGIT, 12}, {"-", DIGIT, 12}, {"-", HEX, 32}}, ""},
    {"slack-webhook",
     {{"https://hooks.slack.com/services/T", UPPER DIGIT, 9},
      {"/B", UPPER DIGIT, 9},
      {"/", ALNUM, 24}},
     ""},
    {"sonarqube-token", {{"squ_", HEX, 40}}, ""},
    {"sourcegraph-token", {{"sgp_", HEX, 16}, {"_", HEX, 40}}, ""},
    {"square-token", {{"sq0csp-", URL64, 43}}, ""},
    {"square-token", {{"EAAA", URL64, 60}}, ""},
    {"stripe-key", {{"sk_live_", ALNUM, 24}}, ""},
    {"stripe-key", {{"rk_live_", ALNUM, 99}}, ""},
    {"stripe-webhook", {{"whsec_", ALNUM, 32}}, ""},
    {"supabase-key", {{"sbp_", HEX, 40}}, ""},
    {"tailscale-key", {{"tskey-auth-", ALNUM, 17}, {"-", ALNUM, 32}}, ""},
    {"telegram-token", {{"", "123456789", 10}, {":AA", URL64, 33}}, ""},
    {"terraform-token", {{"", ALNUM, 14}, {".atlasv1.", URL64, 67}}, ""},
    {"twilio-key", {{"SK", HEX, 32}}, ""},
    {"typeform-token", {{"tfp_", URL64, 59}}, ""},
    {"vault-token", {{"hvs.", URL64, 95}}, ""},
    {"xai-key", {{"xai-", ALNUM, 80}}, ""},
};

// --- tokens with a checksum ----------------------------------------------------------------------
static uint32_t crc32_slow(const char *s, size_t n) {
    uint32_t table[256], crc = ~0U;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] & 1 ? 0xEDB88320U ^ table[i] >> 1 : table[i] >> 1;
    }
    for (size_t i = 0; i < n; i++)
        crc = table[(crc ^ (unsigned char)s[i]) & 255] ^ crc >> 8;
    return ~crc;
}

static void with_crc32(struct maker *m, const char *prefix, char *out) {
    static const char digits[] = DIGIT UPPER LOWER;
    size_t p = strlen(prefix);
    memcpy(out, prefix, p + 1);
    make_chars(m, ALNUM, 30, out + p);
    uint32_t crc = crc32_slow(out + p, 30);
    for (size_t i = 0; i < 6; i++, crc /= 62)
        out[p + 35 - i] = digits[crc % 62];
    out[p + 36] = '\0';
}

static void encode(const uint8_t *bytes, size_t n, unsigned width, const char *digits, char *out) {
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= width; have -= width)
            *out++ = digits[bits >> (have - width) & ((1U << width) - 1)];
    }
    if (have)
        *out++ = digits[bits << (width - have) & ((1U << width) - 1)];
    *out = '\0';
}

static void random_bytes(struct maker *m, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)maker_random(m, 256);
}

static void nkey_seed(struct maker *m, char *out) {
    static const uint8_t kinds[] = {20 << 3, 0, 14 << 3, 13 << 3, 2 << 3}; // user, account …
    uint8_t raw[36], kind = kinds[maker_random(m, 5)];
    raw[0] = (uint8_t)(18 << 3 | kind >> 5);
    raw[1] = (uint8_t)(kind << 3);
    random_bytes(m, raw + 2, 32);
    uint32_t crc = 0;
    for (size_t i = 0; i < 34 * 8; i++) { // bit by bit
        uint32_t bit = ((uint32_t)raw[i / 8] >> (7 - i % 8) & 1U) ^ (crc >> 15 & 1U);
        crc = (crc << 1 & 0xFFFF) ^ (bit ? 0x1021U : 0);
    }
    raw[34] = (uint8_t)crc;
    raw[35] = (uint8_t)(crc >> 8);
    encode(raw, 36, 5, BASE32, out);
}

static uint32_t bech32_step(uint32_t sum, uint32_t value) {
    static const uint32_t g[] = {0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3};
    uint32_t top = sum >> 25;
    sum = (sum & 0x1FFFFFF) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        sum ^= top >> i & 1 ? g[i] : 0;
    return sum;
}

static void age_key(struct maker *m, char *out) {
    static const char digits[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", human[] = "age-secret-key-";
    uint32_t sum = 1;
    for (const char *p = human; *p; p++)
        sum = bech32_step(sum, (uint32_t)(*p >> 5));
    sum = bech32_step(sum, 0);
    for (const char *p = human; *p; p++)
        sum = bech32_step(sum, (uint32_t)(*p & 31));
    size_t at = (size_t)sprintf(out, "AGE-SECRET-KEY-1");
    for (int i = 0; i < 52; i++) {
        uint32_t value = maker_random(m, 32);
        sum = bech32_step(sum, value);
        out[at++] = digits[value];
    }
    for (int i = 0; i < 6; i++)
        sum = bech32_step(sum, 0);
    sum ^= 1;
    for (int i = 0; i < 6; i++)
        out[at++] = digits[sum >> 5 * (5 - i) & 31];
    out[at] = '\0';
}

static void account_key(struct maker *m, char *out) {
    uint8_t raw[64];
    random_bytes(m, raw, sizeof raw);
    char *end = stpcpy(out, "AccountKey=");
    encode(raw, sizeof raw, 6, UPPER LOWER DIGIT "+/", end);
    strcat(out, "==");
}

enum { SUMMED = 6 };

size_t make_token_kinds(void) {
    return COUNT_OF(shapes) + SUMMED;
}

void make_token(struct maker *m, size_t kind, char out[MADE_BYTES_MAX], const char **ret_rule) {
    if (kind < COUNT_OF(shapes)) {
        size_t at = 0;
        for (size_t i = 0; i < COUNT_OF(shapes[kind].parts) && shapes[kind].parts[i].before; i++) {
            const struct part *p = &shapes[kind].parts[i];
            at += (size_t)sprintf(out + at, "%s", p->before);
            make_chars(m, p->alphabet, p->n, out + at);
            at += p->n;
        }
        (void)sprintf(out + at, "%s", shapes[kind].end);
        *ret_rule = shapes[kind].rule;
        return;
    }
    static const char *const rules[SUMMED] = {"github-token", "github-token", "npm-token",
                                              "nats-seed",    "age-key",      "azure-account-key"};
    kind -= COUNT_OF(shapes);
    *ret_rule = rules[kind];
    if (kind < 3)
        with_crc32(m, kind == 0 ? "ghp_" : kind == 1 ? "ghs_" : "npm_", out);
    else if (kind == 3)
        nkey_seed(m, out);
    else if (kind == 4)
        age_key(m, out);
    else
        account_key(m, out);
}

// --- keys and web tokens -------------------------------------------------------------------------
void make_pem(struct maker *m, char out[MADE_BYTES_MAX]) {
    static const char *const labels[] = {"RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY",
                                         "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"};
    uint8_t raw[2400];
    char text[3300];
    unsigned kind = maker_random(m, 5);
    size_t n = kind == 2 ? 121 : 600 + maker_random(m, 1700);
    random_bytes(m, raw, n);
    if (kind == 2) {
        raw[0] = 0x30;
        raw[1] = (uint8_t)(n - 2);
    } else if (kind < 2) {
        raw[0] = 0x30;
        raw[1] = 0x82;
        raw[2] = (uint8_t)((n - 4) >> 8);
        raw[3] = (uint8_t)(n - 4);
    } else if (kind == 3) {
        memcpy(raw, "openssh-key-v1", 15);
    } else {
        raw[0] = 0x95;
    }
    encode(raw, n, 6, UPPER LOWER DIGIT "+/", text);
    while (strlen(text) % 4)
        strcat(text, "=");
    size_t at = (size_t)sprintf(out, "-----BEGIN %s-----\n", labels[kind]);
    if (kind == 4)
        at += (size_t)sprintf(out + at, "Version: GnuPG v2\n\n");
    for (size_t i = 0; i < strlen(text); i += 64)
        at += (size_t)sprintf(out + at, "%.64s\n", text + i);
    if (kind == 4)
        at += (size_t)sprintf(out + at, "=Xa9f\n");
    (void)sprintf(out + at, "-----END %s-----", labels[kind]);
}

static size_t put_json(char *out, const char *json) {
    encode((const uint8_t *)json, strlen(json), 6, UPPER LOWER DIGIT "-_", out);
    return strlen(out);
}

void make_jwt(struct maker *m, char out[MADE_BYTES_MAX]) {
    static const char *const heads[] = {
        "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"typ\":\"JWT\",\"alg\":\"RS256\"}",
        "{\"kid\":\"a1b2\",\"alg\":\"ES256\"}", "{ \"alg\": \"PS384\", \"typ\": \"at+jwt\" }"};
    char id[24], payload[200];
    make_chars(m, ALNUM, 20, id);
    (void)snprintf(payload, sizeof payload,
                   "{\"sub\":\"%s\",\"iss\":\"https://login.acme.io\",\"exp\":%u}", id,
                   1700000000U + maker_random(m, 90000000));
    size_t at = put_json(out, heads[maker_random(m, 4)]);
    out[at++] = '.';
    at += put_json(out + at, payload);
    out[at++] = '.';
    make_chars(m, URL64, maker_random(m, 2) ? 43 : 342, out + at);
}

// --- files ---------------------------------------------------------------------------------------
// Line ends as the kind of file writes them inside a string.
static void put_value(const char *value, const char *line_end, char *out) {
    for (; *value; value++) {
        if (*value == '\n')
            out = stpcpy(out, line_end);
        else
            *out++ = *value;
    }
    *out = '\0';
}

void make_file(struct maker *m, unsigned kind, const char *value, char out[4 * MADE_BYTES_MAX],
               const char **ret_path, size_t *ret_at) {
    static const struct {
        const char *path, *head, *before, *line_end, *after;
    } files[FILE_KINDS] = {
        {"src/app/settings.py", "import os\n\nDEBUG = False\n", "SERVICE = \"\"\"", "\n",
         "\"\"\"\nPORT = 8080\n"},
        {"web/client.js", "const url = base + '/v1';\n", "const conf = { name: 'x', service: `",
         "\n", "` };\nrun(conf);\n"},
        {"cmd/main.go", "package main\n\nfunc main() {\n", "\tclient := New(\"", "\\n",
         "\")\n\tclient.Run()\n}\n"},
        {"src/main/java/Client.java", "class Client {\n",
         "  private static final String VALUE = \"", "\\n\" +\n      \"", "\";\n}\n"},
        {"deploy/values.yaml", "service:\n  port: 80\n", "  value: |\n    ", "\n    ",
         "\n  replicas: 3\n"},
        {".env.production", "PORT=80\n", "SERVICE_VALUE=\"", "\\n", "\"\nMODE=prod\n"},
        {"config/app.json", "{\n  \"port\": 80,\n", "  \"service\": \"", "\\n",
         "\",\n  \"debug\": false\n}\n"},
        {"scripts/deploy.sh", "#!/bin/sh\nset -eu\n", "curl -H 'X-Service: ", "\n", "' \"$URL\"\n"},
        {"infra/main.tf", "provider \"x\" {\n", "  value = \"", "\\n", "\"\n}\n"},
        {"conf/app.xml", "<app>\n  <port>80</port>\n", "  <service>", "\n", "</service>\n</app>\n"},
    };
    const char *head = files[kind].head;
    size_t at = 0;
    for (uint32_t i = maker_random(m, 4) + 1; i-- > 0;)
        at += (size_t)sprintf(out + at, "%s", head);
    at += (size_t)sprintf(out + at, "%s", files[kind].before);
    *ret_at = at;
    put_value(value, files[kind].line_end, out + at);
    strcat(out + at, files[kind].after);
    *ret_path = files[kind].path;
}
