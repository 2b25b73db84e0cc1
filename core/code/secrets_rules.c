#include "core/code/secrets_impl.h"

#include "core/base/mem.h"

#include <string.h>

// Public facts: the formats that the providers document, or that scanners for them agree on. Sorted
// by provider. A shape that could also be somebody's identifier has a check or is left to the
// key/value rule.
const struct secret_rule secret_rules[] = {
    {"1password-token", "1Password service account token", "ops_eyJ%b250,4000", NULL, NULL, 98},
    {"adobe-secret", "Adobe client secret", "p8e-%a32", NULL, NULL, 90},
    {"age-key", "age secret key", "AGE-SECRET-KEY-1%U58", NULL, check_age, 99},
    {"airtable-token", "Airtable personal access token", "pat%a14.%h64", NULL, NULL, 98},
    {"alibaba-key-id", "Alibaba Cloud access key id", "LTAI%a20", NULL, NULL, 85},
    {"anthropic-key", "Anthropic API key", "sk-ant-api%d2-%u93,110", NULL, NULL, 99},
    {"anthropic-key", "Anthropic admin key", "sk-ant-admin%d2-%u93,110", NULL, NULL, 99},
    {"anthropic-key", "Anthropic OAuth token", "sk-ant-oat%d2-%u80,120", NULL, NULL, 99},
    {"artifactory-key", "Artifactory API key", "AKCp%a69,73", NULL, NULL, 95},
    {"artifactory-token", "Artifactory reference token", "cmVmdGtu%a56", NULL, NULL, 95},
    {"atlassian-token", "Atlassian API token", "ATATT3%v180,220", NULL, NULL, 98},
    {"aws-access-key", "AWS access key id", "AKIA%216", NULL, NULL, 92},
    {"aws-access-key", "AWS temporary access key id", "ASIA%216", NULL, NULL, 90},
    {"aws-access-key", "AWS bearer token id", "ABIA%216", NULL, NULL, 90},
    {"aws-access-key", "AWS context credential id", "ACCA%216", NULL, NULL, 90},
    {"aws-bedrock-key", "AWS Bedrock API key", "ABSK%b109,269", NULL, NULL, 95},
    {"azure-client-secret", "Azure AD client secret", "Q~%t31,34", "%t3,3%d1", NULL, 95},
    {"azure-account-key", "Azure storage account key", "AccountKey=%b86==", NULL, check_azure, 98},
    {"azure-shared-key", "Azure shared access key", "SharedAccessKey=%b43=", NULL, check_account,
     96},
    {"bitbucket-password", "Bitbucket app password", "ATBB%a32", NULL, NULL, 95},
    {"brevo-key", "Brevo API key", "xkeysib-%h64-%a16", NULL, NULL, 98},
    {"brevo-key", "Brevo SMTP key", "xsmtpsib-%h64-%a16", NULL, NULL, 98},
    {"braintree-token", "Braintree access token", "access_token$production$%c16$%h32", NULL, NULL,
     98},
    {"buildkite-token", "Buildkite token", "bkua_%h40", NULL, NULL, 98},
    {"circleci-token", "CircleCI token", "CCIPAT_%a22_%h40", NULL, NULL, 98},
    {"clojars-token", "Clojars token", "CLOJARS_%c60", NULL, NULL, 97},
    {"cloudflare-ca-key", "Cloudflare origin CA key", "v1.0-%h24-%h146", NULL, NULL, 97},
    {"contentful-token", "Contentful personal token", "CFPAT-%u43", NULL, NULL, 96},
    {"crates-io-token", "crates.io token", "cio%a32", NULL, NULL, 90},
    {"databricks-token", "Databricks token", "dapi%h32", NULL, NULL, 95},
    {"digitalocean-token", "DigitalOcean personal token", "dop_v1_%h64", NULL, NULL, 99},
    {"digitalocean-token", "DigitalOcean OAuth token", "doo_v1_%h64", NULL, NULL, 99},
    {"digitalocean-token", "DigitalOcean refresh token", "dor_v1_%h64", NULL, NULL, 99},
    {"discord-webhook", "Discord webhook", "/api/webhooks/%d17,20/%u60,80", NULL, NULL, 96},
    {"docker-token", "Docker Hub token", "dckr_pat_%u27", NULL, NULL, 97},
    {"docker-token", "Docker Hub organisation token", "dckr_oat_%u32", NULL, NULL, 97},
    {"doppler-token", "Doppler personal token", "dp.pt.%a43", NULL, NULL, 98},
    {"doppler-token", "Doppler service token", "dp.st.%v43,80", NULL, NULL, 95},
    {"doppler-token", "Doppler CLI token", "dp.ct.%a43", NULL, NULL, 98},
    {"doppler-token", "Doppler service account token", "dp.sa.%a43", NULL, NULL, 98},
    {"dropbox-token", "Dropbox access token", "sl.%u130,152", NULL, NULL, 92},
    {"duffel-token", "Duffel token", "duffel_live_%v43", NULL, NULL, 96},
    {"dynatrace-token", "Dynatrace token", "dt0c01.%224.%264", NULL, NULL, 98},
    {"easypost-key", "EasyPost API key", "EZAK%a54", NULL, NULL, 96},
    {"facebook-token", "Facebook page token", "EAAM%a100,300", NULL, NULL, 93},
    {"facebook-token", "Facebook page token", "EAAC%a100,300", NULL, NULL, 93},
    {"figma-token", "Figma token", "figd_%u40", NULL, NULL, 97},
    {"flutterwave-key", "Flutterwave secret key", "FLWSECK-%c32-X", NULL, NULL, 95},
    {"fly-token", "Fly.io token", "fm2_%b100,2000", NULL, NULL, 95},
    {"fly-token", "Fly.io token", "fo1_%u43", NULL, NULL, 94},
    {"frameio-token", "Frame.io token", "fio-u-%v64", NULL, NULL, 95},
    {"github-token", "GitHub personal access token", "ghp_%a36", NULL, check_github, 99},
    {"github-token", "GitHub OAuth token", "gho_%a36", NULL, check_github, 99},
    {"github-token", "GitHub user token", "ghu_%a36", NULL, check_github, 99},
    {"github-token", "GitHub server token", "ghs_%a36", NULL, check_github, 99},
    {"github-token", "GitHub refresh token", "ghr_%a36", NULL, check_github, 99},
    {"github-token", "GitHub fine-grained token", "github_pat_%a22_%a59", NULL, NULL, 99},
    {"gitlab-token", "GitLab personal access token", "glpat-%u20", NULL, NULL, 97},
    {"gitlab-token", "GitLab personal access token", "glpat-%u27,300.%l2%l7", NULL, NULL, 97},
    {"gitlab-token", "GitLab personal access token", "glpat-%u27,300.%l2.%l7", NULL, NULL, 97},
    {"gitlab-token", "GitLab deploy token", "gldt-%u20", NULL, NULL, 97},
    {"gitlab-token", "GitLab runner token", "glrt-%u20", NULL, NULL, 97},
    {"gitlab-token", "GitLab runner registration token", "GR1348941%u20", NULL, NULL, 97},
    {"gitlab-token", "GitLab job token", "glcbt-%a1,5_%u20", NULL, NULL, 97},
    {"gitlab-token", "GitLab trigger token", "glptt-%h40", NULL, NULL, 97},
    {"gitlab-token", "GitLab feed token", "glft-%u20", NULL, NULL, 95},
    {"gitlab-token", "GitLab mail token", "glimt-%u25", NULL, NULL, 95},
    {"gitlab-token", "GitLab SCIM token", "glsoat-%u20", NULL, NULL, 95},
    {"gitlab-token", "GitLab agent token", "glagent-%u50", NULL, NULL, 97},
    {"gitlab-token", "GitLab OAuth secret", "gloas-%h64", NULL, NULL, 97},
    {"google-api-key", "Google API key", "AIzaSy%u33", NULL, NULL, 95},
    {"google-oauth-secret", "Google OAuth client secret", "GOCSPX-%u28", NULL, NULL, 98},
    {"google-oauth-token", "Google OAuth access token", "ya29.%u60,400", NULL, NULL, 92},
    {"grafana-token", "Grafana service account token", "glsa_%a32_%H8", NULL, NULL, 98},
    {"grafana-token", "Grafana cloud token", "glc_%b60,400", NULL, NULL, 94},
    {"groq-key", "Groq API key", "gsk_%a52", NULL, NULL, 97},
    {"heroku-key", "Heroku API key", "HRKU-AA%u58", NULL, NULL, 98},
    {"huggingface-token", "Hugging Face token", "hf_%L34", NULL, NULL, 95},
    {"huggingface-token", "Hugging Face organisation token", "api_org_%L34", NULL, NULL, 96},
    {"infracost-token", "Infracost token", "ico-%a32", NULL, NULL, 92},
    {"langfuse-key", "Langfuse secret key", "sk-lf-%h8-%h4-%h4-%h4-%h12", NULL, NULL, 97},
    {"langsmith-key", "LangSmith API key", "lsv2_pt_%h32_%h10", NULL, NULL, 98},
    {"langsmith-key", "LangSmith service key", "lsv2_sk_%h32_%h10", NULL, NULL, 98},
    {"linear-key", "Linear API key", "lin_api_%a40", NULL, NULL, 98},
    {"linear-key", "Linear OAuth token", "lin_oauth_%a40,64", NULL, NULL, 96},
    {"mailchimp-key", "Mailchimp API key", "-us%d1,2", "%h32,32", NULL, 95},
    {"mailgun-key", "Mailgun API key", "key-%h32", NULL, NULL, 90},
    {"mapbox-token", "Mapbox secret token", "sk.eyJ%u60,200.%u22", NULL, NULL, 97},
    {"maxmind-key", "MaxMind license key", "_mmk", "%a6,6_%a29,29", NULL, 96},
    {"nats-seed", "NATS nkey seed", "S%nA%255", NULL, check_nkey, 99},
    {"netlify-token", "Netlify token", "nfp_%a36,40", NULL, NULL, 96},
    {"newrelic-key", "New Relic user key", "NRAK-%U27", NULL, NULL, 97},
    {"newrelic-key", "New Relic admin key", "NRRA-%h42", NULL, NULL, 97},
    {"notion-token", "Notion token", "ntn_%d11%a35", NULL, NULL, 98},
    {"notion-token", "Notion token", "secret_%a43", NULL, NULL, 90},
    {"npm-token", "npm access token", "npm_%a36", NULL, check_github, 99},
    {"nuget-key", "NuGet API key", "oy2%l43", NULL, NULL, 90},
    {"octopus-key", "Octopus Deploy API key", "API-%U26", NULL, NULL, 85},
    {"openai-key", "OpenAI project key", "sk-proj-%u74T3BlbkFJ%u74", NULL, NULL, 99},
    {"openai-key", "OpenAI project key", "sk-proj-%u58T3BlbkFJ%u58", NULL, NULL, 99},
    {"openai-key", "OpenAI project key", "sk-proj-%u20T3BlbkFJ%u20", NULL, NULL, 99},
    {"openai-key", "OpenAI service key", "sk-svcacct-%u74T3BlbkFJ%u74", NULL, NULL, 99},
    {"openai-key", "OpenAI service key", "sk-svcacct-%u58T3BlbkFJ%u58", NULL, NULL, 99},
    {"openai-key", "OpenAI admin key", "sk-admin-%u74T3BlbkFJ%u74", NULL, NULL, 99},
    {"openai-key", "OpenAI admin key", "sk-admin-%u58T3BlbkFJ%u58", NULL, NULL, 99},
    {"openai-key", "OpenAI API key", "sk-%a20T3BlbkFJ%a20", NULL, NULL, 99},
    {"deepseek-key", "API key of the sk- form", "sk-%h32", NULL, NULL, 90},
    {"openrouter-key", "OpenRouter API key", "sk-or-v1-%h64", NULL, NULL, 99},
    {"openshift-token", "OpenShift user token", "sha256~%u43", NULL, NULL, 96},
    {"perplexity-key", "Perplexity API key", "pplx-%a48", NULL, NULL, 97},
    {"pinecone-key", "Pinecone API key", "pcsk_%w60,80", NULL, NULL, 96},
    {"plaid-token", "Plaid access token", "access-production-%h8-%h4-%h4-%h4-%h12", NULL, NULL, 97},
    {"planetscale-token", "PlanetScale token", "pscale_tkn_%v32,64", NULL, NULL, 97},
    {"planetscale-token", "PlanetScale password", "pscale_pw_%v32,64", NULL, NULL, 97},
    {"planetscale-token", "PlanetScale OAuth token", "pscale_oauth_%v32,64", NULL, NULL, 97},
    {"postman-key", "Postman API key", "PMAK-%h24-%h34", NULL, NULL, 98},
    {"prefect-token", "Prefect token", "pnu_%a36", NULL, NULL, 95},
    {"pulumi-token", "Pulumi token", "pul-%h40", NULL, NULL, 97},
    {"pypi-token", "PyPI upload token", "pypi-AgEIcHlwaS5vcmc%u50,1000", NULL, NULL, 99},
    {"pypi-token", "TestPyPI upload token", "pypi-AgENdGVzdC5weXBpLm9yZw%u50,1000", NULL, NULL, 99},
    {"readme-key", "ReadMe API key", "rdme_%l70", NULL, NULL, 96},
    {"render-key", "Render API key", "rnd_%a32", NULL, NULL, 90},
    {"replicate-token", "Replicate token", "r8_%a37", NULL, NULL, 95},
    {"resend-key", "Resend API key", "re_%a8_%a24", NULL, NULL, 93},
    {"rubygems-key", "RubyGems API key", "rubygems_%h48", NULL, NULL, 99},
    {"scalingo-token", "Scalingo token", "tk-us-%u48", NULL, NULL, 95},
    {"sendgrid-key", "SendGrid API key", "SG.%u22.%u43", NULL, NULL, 98},
    {"sentry-token", "Sentry user token", "sntryu_%h64", NULL, NULL, 98},
    {"sentry-token", "Sentry organisation token", "sntrys_eyJ%b80,400_%b43", NULL, NULL, 98},
    {"shippo-token", "Shippo token", "shippo_live_%h40", NULL, NULL, 97},
    {"shopify-token", "Shopify access token", "shpat_%H32", NULL, NULL, 98},
    {"shopify-token", "Shopify custom app token", "shpca_%H32", NULL, NULL, 98},
    {"shopify-token", "Shopify private app password", "shppa_%H32", NULL, NULL, 98},
    {"shopify-token", "Shopify shared secret", "shpss_%H32", NULL, NULL, 98},
    {"slack-token", "Slack bot token", "xoxb-%d10,13-%d10,13-%a24", NULL, NULL, 98},
    {"slack-token", "Slack user token", "xoxp-%d10,13-%d10,13-%d10,13-%h32", NULL, NULL, 98},
    {"slack-token", "Slack app token", "xapp-%d1-%U9,13-%d10,14-%h64", NULL, NULL, 98},
    {"slack-token", "Slack configuration token", "xoxe.xoxp-%d1-%U160,170", NULL, NULL, 98},
    {"slack-token", "Slack refresh token", "xoxe-%d1-%U140,150", NULL, NULL, 98},
    {"slack-webhook", "Slack webhook", "hooks.slack.com/services/T%U8,12/B%U8,12/%a24", NULL, NULL,
     98},
    {"sonarqube-token", "SonarQube user token", "squ_%h40", NULL, NULL, 97},
    {"sonarqube-token", "SonarQube project token", "sqp_%h40", NULL, NULL, 97},
    {"sonarqube-token", "SonarQube global token", "sqa_%h40", NULL, NULL, 97},
    {"sourcegraph-token", "Sourcegraph token", "sgp_%h16_%h40", NULL, NULL, 98},
    {"sourcegraph-token", "Sourcegraph token", "sgp_local_%h40", NULL, NULL, 98},
    {"square-token", "Square access token", "sq0atp-%u22", NULL, NULL, 97},
    {"square-token", "Square OAuth secret", "sq0csp-%u43", NULL, NULL, 97},
    {"square-token", "Square access token", "EAAA%u60", NULL, NULL, 92},
    {"stripe-key", "Stripe secret key", "sk_live_%a24,99", NULL, NULL, 99},
    {"stripe-key", "Stripe restricted key", "rk_live_%a24,99", NULL, NULL, 99},
    {"stripe-key", "Stripe test key", "sk_test_%a24,99", NULL, NULL, 80},
    {"stripe-webhook", "Stripe webhook secret", "whsec_%b32,64", NULL, NULL, 93},
    {"supabase-key", "Supabase access token", "sbp_%h40", NULL, NULL, 97},
    {"supabase-key", "Supabase secret key", "sb_secret_%u31,45", NULL, NULL, 96},
    {"tailscale-key", "Tailscale key", "tskey-auth-%a10,20-%a30,40", NULL, NULL, 98},
    {"tailscale-key", "Tailscale key", "tskey-api-%a10,20-%a30,40", NULL, NULL, 98},
    {"telegram-token", "Telegram bot token", ":AA%u33", "%d8,10", NULL, 96},
    {"tencent-key-id", "Tencent Cloud secret id", "AKID%a32", NULL, NULL, 88},
    {"terraform-token", "Terraform Cloud token", ".atlasv1.%v60,70", "%a14,14", NULL, 98},
    {"twilio-key", "Twilio API key", "SK%h32", NULL, NULL, 88},
    {"typeform-token", "Typeform token", "tfp_%v59", NULL, NULL, 95},
    {"vault-token", "Vault service token", "hvs.%u90,120", NULL, NULL, 98},
    {"vault-token", "Vault batch token", "hvb.%u138,300", NULL, NULL, 98},
    {"xai-key", "xAI API key", "xai-%a80", NULL, NULL, 97},
    {"yandex-key", "Yandex Cloud API key", "AQVN%w35,38", NULL, NULL, 95},
};
const size_t secret_rules_count = COUNT_OF(secret_rules);

size_t secrets_rule_count(void) {
    return secret_rules_count;
}

bool secret_begins_like_token(const char *s, size_t n) {
    enum { PREFIX_MIN = 4, CONFIDENCE_MIN = 95 };
    for (size_t i = 0; i < secret_rules_count; i++) {
        const char *pattern = secret_rules[i].pattern, *end = strchr(pattern, '%');
        size_t m = end ? (size_t)(end - pattern) : 0;
        if (m >= PREFIX_MIN && m <= n && secret_rules[i].confidence >= CONFIDENCE_MIN &&
            !secret_rules[i].before && memcmp(s, pattern, m) == 0)
            return true;
    }
    return false;
}

static bool digit(unsigned char c) {
    return c >= '0' && c <= '9';
}
static bool lower(unsigned char c) {
    return c >= 'a' && c <= 'z';
}
static bool upper(unsigned char c) {
    return c >= 'A' && c <= 'Z';
}

bool secret_class(char class, unsigned char c) {
    switch (class) {
    case 'd':
        return digit(c);
    case 'h': // lower-case hexadecimal
        return digit(c) || (c >= 'a' && c <= 'f');
    case 'H':
        return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
    case 'L':
        return lower(c) || upper(c);
    case 'l':
    case 'c':
        return digit(c) || lower(c);
    case 'U':
        return digit(c) || upper(c);
    case '2': // base32
        return upper(c) || (c >= '2' && c <= '7');
    case 'a':
        return digit(c) || lower(c) || upper(c);
    case 'w':
        return secret_class('a', c) || c == '_';
    case 'u': // base64 of URLs
        return secret_class('w', c) || c == '-';
    case 'v':
        return secret_class('u', c) || c == '=' || c == '.';
    case 't':
        return secret_class('u', c) || c == '~' || c == '.';
    case 'b':
        return secret_class('a', c) || c == '+' || c == '/';
    case 'n': // kinds of nkeys
        return c && strchr("AUONCX", c);
    case 'q': // what may follow a short key
        return c && strchr("=:\"' \t_])}>`(,", c);
    default:
        return false;
    }
}

// Reads %Cm,n at p; returns what follows.
static const char *read_item(const char *p, char *class, size_t *min, size_t *max) {
    *class = p[1];
    *min = *max = 0;
    for (p += 2; digit((unsigned char)*p) && *max < 4; p++, ++*max)
        *min = *min * 10 + (size_t)(*p - '0');
    if (!*max)
        *min = 1;
    *max = *min;
    if (*p != ',')
        return p;
    *max = 0;
    for (p++; digit((unsigned char)*p); p++)
        *max = *max * 10 + (size_t)(*p - '0');
    return p;
}

size_t secret_match(const char *pattern, const char *s, size_t n) {
    size_t at = 0, min, max;
    char class = 0;
    for (const char *p = pattern; *p;) {
        if (*p != '%') {
            if (at >= n || s[at++] != *p++)
                return 0;
            class = 'w';
            continue;
        }
        size_t run = 0;
        p = read_item(p, &class, &min, &max);
        while (run < max && at + run < n && secret_class(class, (unsigned char)s[at + run]))
            run++;
        if (run < min)
            return 0;
        at += run;
    }
    if (at < n &&
        (secret_class('w', (unsigned char)s[at]) || secret_class(class, (unsigned char)s[at])) &&
        !(class == 'v' && s[at] == '.')) // the end of a sentence
        return 0;
    return at;
}

bool secret_first(const char *pattern, size_t at, struct secret_set *ret) {
    size_t place = 0, min, max;
    char class;
    *ret = (struct secret_set){0};
    for (const char *p = pattern; *p;) {
        if (*p != '%') {
            if (place++ == at) {
                ret->bits[(unsigned char)*p >> 6] |= UINT64_C(1) << (*p & 63);
                return true;
            }
            p++;
            continue;
        }
        p = read_item(p, &class, &min, &max);
        if (at >= place + min) {
            place += min;
            continue;
        }
        for (unsigned c = 1; c < 256; c++)
            if (secret_class(class, (unsigned char)c))
                ret->bits[c >> 6] |= UINT64_C(1) << (c & 63);
        return true;
    }
    return false;
}
