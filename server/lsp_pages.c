// Pages of answers that an editor opens as documents: "paired:/3/Title.md" by the client's own
// workspace/textDocumentContent (LSP 3.18), shown by window/showDocument. Who has neither gets a
// message. The newest are kept, for one session.
#include "core/agents/document.h"
#include "core/base/mem.h"
#include "server/lsp_face.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGES_MAX = 32,
    PAGE_BYTES_MAX = 1024 * 1024,
    NAME_BYTES_MAX = 60,
    MESSAGE_BYTES_MAX = 2000 // of a page that can only be a message
};
static const char scheme[] = "paired:/", rules[] = "paired:/rule/";

struct page {
    unsigned number; // 0: free
    char *text;
    size_t bytes;
};
struct pages {
    struct page list[PAGES_MAX]; // ring
    unsigned last;
};

bool lsp_pages_can(const struct lsp_face *f) {
    return lsp_client_can(f, "workspace.textDocumentContent") &&
           lsp_client_can(f, "window.showDocument.support");
}

// Letters and digits of the title; everything else becomes one '-'.
static void name_of(const char *title, char ret[NAME_BYTES_MAX + 1]) {
    size_t n = 0;
    for (const char *p = title; *p && n < NAME_BYTES_MAX; p++) {
        if (isalnum((unsigned char)*p))
            ret[n++] = *p;
        else if (n && ret[n - 1] != '-')
            ret[n++] = '-';
    }
    while (n && ret[n - 1] == '-')
        n--;
    memcpy(ret + n, "", 1);
    if (!n)
        memcpy(ret, "page", 5);
}

static void show_message(struct lsp_face *f, const char *text, size_t n) {
    AUTO_BUF cut = BUF_INIT(MESSAGE_BYTES_MAX + 16);
    size_t m = n;
    if (m > MESSAGE_BYTES_MAX) {
        m = MESSAGE_BYTES_MAX;
        while (m && ((unsigned char)text[m] & 0xC0) == 0x80)
            m--;
    }
    (void)buf_append(&cut, text, m);
    (void)buf_puts(&cut, m < n ? " …" : "");
    if (!cut.failed && cut.len)
        lsp_show(f, LSP_INFO, cut.data);
}

static void ignore(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    (void)ctx;
    (void)result;
    (void)error;
    (void)err;
}

void lsp_page_show(struct lsp_face *f, const char *title, const char *text, size_t n) {
    struct pages *pages = lsp_state(f, &lsp_feature_pages);
    char name[NAME_BYTES_MAX + 1], uri[sizeof scheme + NAME_BYTES_MAX + 24];
    if (n > PAGE_BYTES_MAX)
        n = PAGE_BYTES_MAX;
    char *copy = lsp_pages_can(f) ? mem_strndup(text, n) : NULL;
    if (!copy) {
        show_message(f, text, n);
        return;
    }
    struct page *p = &pages->list[pages->last++ % PAGES_MAX];
    mem_free(p->text);
    *p = (struct page){pages->last, copy, n};
    name_of(title, name);
    (void)snprintf(uri, sizeof uri, "%s%u/%s.md", scheme, p->number, name);
    if (lsp_call(f, "window/showDocument", json_pack("{s:s, s:b}", "uri", uri, "takeFocus", 1),
                 LSP_CALL_MS, ignore, NULL, NULL) < 0)
        show_message(f, text, n);
}

void lsp_rule_page(const struct rule *rule, const char *message, struct buf *out) {
    (void)buf_printf(out, "# %s\n\n", rule->title);
    if (message)
        (void)buf_printf(out, "Here: %s.\n\n", message);
    (void)buf_printf(out,
                     "**Why it matters.** %s\n\n**What to do.** %s\n\n"
                     "Rule `%s` of %s, held to a precision of %u %%. Silence it at a place by a "
                     "comment `paired:ignore %s`, in the workspace by `paired mute %s`.\n",
                     rule->why, rule->fix, rule->id, rule->agent, rule->confidence, rule->id,
                     rule->id);
}

// "paired:/rule/dead-store.md": the address of a finding's rule.
static bool answer_rule(struct rpc_request *req, const char *uri) {
    AUTO_BUF text = BUF_INIT(64 * 1024);
    const char *id = uri + sizeof rules - 1;
    size_t n = strcspn(id, ".");
    const struct rule *rule =
        strncmp(uri, rules, sizeof rules - 1) == 0 && strcmp(id + n, ".md") == 0
            ? document_rule(id, n)
            : NULL;
    if (!rule)
        return false;
    lsp_rule_page(rule, NULL, &text);
    rpc_reply(req, text.failed ? NULL : json_pack("{s:s%}", "text", text.data, text.len));
    return true;
}

static void on_content(void *face, struct rpc_request *req, json_t *params) {
    struct lsp_face *f = face;
    struct pages *pages = lsp_state(f, &lsp_feature_pages);
    const char *uri = json_string_value(json_object_get(params, "uri"));
    if (!uri || strncmp(uri, scheme, sizeof scheme - 1) != 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "uri: expected one of paired:/…", NULL);
        return;
    }
    if (answer_rule(req, uri))
        return;
    unsigned long number = strtoul(uri + sizeof scheme - 1, NULL, 10);
    const struct page *p = number ? &pages->list[(number - 1) % PAGES_MAX] : NULL;
    if (!p || p->number != number)
        rpc_reply(req, json_pack("{s:s}", "text",
                                 "This page is no longer kept: ask again, and it opens anew.\n"));
    else
        rpc_reply(req, json_pack("{s:s%}", "text", p->text, p->bytes));
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    json_t *workspace = json_object_get(capabilities, "workspace");
    (void)f;
    if (!workspace) {
        workspace = json_object();
        if (json_object_set_new(capabilities, "workspace", workspace) < 0)
            return ERR_NOMEM;
    }
    return json_object_set_new(workspace, "textDocumentContent",
                               json_pack("{s:[s]}", "schemes", "paired")) < 0
               ? ERR_NOMEM
               : 0;
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    (void)f;
    *ret = mem_zalloc(sizeof(struct pages));
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void close_state(struct lsp_face *f, void *state) {
    struct pages *pages = state;
    (void)f;
    for (unsigned i = 0; i < PAGES_MAX; i++)
        mem_free(pages->list[i].text);
    mem_free(pages);
}

static const struct lsp_method methods[] = {
    {.name = "workspace/textDocumentContent",
     .request = on_content,
     .advertise = advertise,
     .wanted = lsp_pages_can},
    {0},
};
const struct lsp_feature lsp_feature_pages = {
    .name = "pages", .methods = methods, .open = open_state, .close = close_state};
