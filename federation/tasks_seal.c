// Tasks as A2A writes them, and the signature under those that have ended.
#include "federation/tasks_impl.h"

#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "protocol/jcs.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEY_HEX = 65 };
static const char member[] = "paired"; // of metadata: what is ours
static const char signature_name[] = "signature";

void task_hex(const uint8_t *bytes, size_t n, char *ret) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * n] = '\0';
}

int task_hash(const json_t *message, size_t max, uint8_t hash[TASKS_HASH_BYTES], size_t *ret_bytes,
              struct err *err) {
    AUTO_BUF text = BUF_INIT(max);
    uint8_t both[2 * TASKS_HASH_BYTES];
    int r = jcs_write(message, &text, err);
    if (r < 0)
        return r;
    memcpy(both, hash, TASKS_HASH_BYTES);
    digest_bytes(text.data, text.len, both + TASKS_HASH_BYTES, TASKS_HASH_BYTES);
    digest_bytes(both, sizeof both, hash, TASKS_HASH_BYTES);
    if (ret_bytes)
        *ret_bytes = text.len;
    return 0;
}

// --- writing -----------------------------------------------------------------------------------

static void timestamp(int64_t wall_ms, char ret[40]) {
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm = {0};
    char day[24] = "1970-01-01T00:00:00";
    if (gmtime_r(&s, &tm))
        (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(ret, 40, "%s.%03dZ", day, (int)(wall_ms % 1000));
}

json_t *task_status(const struct task *k) {
    char when[40];
    timestamp(k->changed_ms, when);
    json_t *status = json_pack("{s:s, s:s}", "state", a2a_state_name(k->state), "timestamp", when);
    json_t *message = NULL;
    if (!status || !(k->text[0] || k->total > 0))
        return status;
    char id[40];
    (void)snprintf(id, sizeof id, "s%lld", (long long)k->changed_ms);
    message = a2a_message_text(A2A_AGENT, id, k->text[0] ? k->text : "working");
    int bad = message ? 0 : -1;
    if (bad == 0 && k->total > 0)
        bad = json_object_set_new(
            message, "metadata",
            json_pack("{s:{s:f, s:f}}", member, "done", k->done, "total", k->total));
    if (json_object_set_new(status, "message", message) < 0 || bad < 0) {
        json_decref(status);
        return NULL;
    }
    return status;
}

// What is signed: the label with its NUL, and the canonical task without its signature.
static int to_sign(const json_t *task, struct buf *out, struct err *err) {
    if (buf_append(out, TASKS_LABEL, sizeof TASKS_LABEL) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return jcs_write(task, out, err);
}

static int sign(struct tasks *t, json_t *task, struct err *err) {
    AUTO_BUF bytes = BUF_INIT(TASKS_RESULT_BYTES_MAX);
    AUTO_BUF text = BUF_INIT(128);
    uint8_t signature[JWS_SIGNATURE_BYTES];
    int r = to_sign(task, &bytes, err);
    if (r == 0)
        r = t->c.sign(t->c.sign_ctx, bytes.data, bytes.len, signature, err);
    if (r < 0)
        return r;
    json_t *ours = json_object_get(json_object_get(task, "metadata"), member);
    if (jws_base64url_write(signature, sizeof signature, &text) < 0 ||
        json_object_set_new(ours, signature_name, json_string(text.data)) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int task_format(struct tasks *t, const struct task *k, json_t *artifacts, json_t **ret,
                struct err *err) {
    char device[KEY_HEX], request[KEY_HEX];
    task_hex(t->c.device, sizeof t->c.device, device);
    task_hex(k->request, sizeof k->request, request);
    json_t *task = json_pack("{s:s, s:o?, s:{s:{s:s, s:s, s:s, s:s}}}", "id", k->id, "status",
                             task_status(k), "metadata", member, "agent", k->agent, "skill",
                             k->skill, "device", device, "request", request);
    int r = task && json_object_get(task, "status") ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && json_array_size(artifacts) && json_object_set(task, "artifacts", artifacts) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && !task_open(k))
        r = sign(t, task, err);
    if (r < 0)
        json_decref(task);
    else
        *ret = task;
    return r;
}

int task_seal(struct tasks *t, struct task *k, json_t *artifacts, struct err *err) {
    json_t *made = NULL;
    AUTO_BUF size = BUF_INIT(TASKS_RESULT_BYTES_MAX + 1024);
    int r = task_format(t, k, artifacts, &made, err);
    if (r == 0)
        r = jcs_write(made, &size, err);
    if (r < 0) {
        json_decref(made);
        return r;
    }
    json_decref(k->result);
    k->result = made;
    k->result_bytes = size.len;
    return 0;
}

// --- reading -----------------------------------------------------------------------------------

static bool text_equals(const json_t *object, const char *name, const char *wanted) {
    const char *s = json_string_value(json_object_get(object, name));
    return s && strcmp(s, wanted) == 0;
}

static int forged(struct err *err, const char *what) {
    return err_set(err, ERR_KEY,
                   "the answer is not what the friend's device signed for this "
                   "request (%s): it is not used",
                   what);
}

static int check_signature(const struct task *k, const json_t *object, struct err *err) {
    const json_t *text = json_object_get(
        json_object_get(json_object_get(object, "metadata"), member), signature_name);
    AUTO_BUF signature = BUF_INIT(JWS_SIGNATURE_BYTES + 4);
    AUTO_BUF bytes = BUF_INIT(TASKS_RESULT_BYTES_MAX);
    if (!json_is_string(text) || json_string_length(text) != 86 ||
        jws_base64url_read(json_string_value(text), 86, &signature, NULL) < 0)
        return forged(err, "no signature");
    json_t *bare = json_deep_copy(object);
    if (!bare)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)json_object_del(json_object_get(json_object_get(bare, "metadata"), member),
                          signature_name);
    int r = to_sign(bare, &bytes, err);
    json_decref(bare);
    if (r < 0)
        return r == ERR_NOMEM ? r : forged(err, "too large");
    if (crypto_sign_verify_detached((const uint8_t *)signature.data, (const uint8_t *)bytes.data,
                                    bytes.len, k->device) != 0)
        return forged(err, "signature");
    return 0;
}

int task_open_result(const struct task *k, const json_t *object, struct a2a_task *ret,
                     struct err *err) {
    char device[KEY_HEX], request[KEY_HEX];
    struct a2a_task a;
    int r = a2a_task_read(object, &a, err);
    if (r < 0)
        return r;
    task_hex(k->device, sizeof k->device, device);
    task_hex(k->request, sizeof k->request, request);
    const json_t *ours = json_object_get(a.metadata, member);
    if (!text_is(a.id, k->id))
        r = forged(err, "another task");
    else if (a2a_state_terminal((enum a2a_state)a.status.state)) {
        if (!text_equals(ours, "device", device) || !text_equals(ours, "request", request))
            r = forged(err, "of another device or request");
        if (r == 0)
            r = check_signature(k, object, err);
    }
    if (r < 0)
        fields_release(a2a_task_fields, &a);
    else
        *ret = a;
    return r;
}

int tasks_verify_card(void *ctx, const char *key_id, const void *bytes, size_t n,
                      const uint8_t *signature, struct err *err) {
    char device[KEY_HEX];
    task_hex(ctx, 32, device);
    if (strcmp(key_id, device) != 0)
        return err_set(err, ERR_KEY, "the card is signed by another key than the device's");
    if (crypto_sign_verify_detached(signature, bytes, n, ctx) != 0)
        return err_set(err, ERR_KEY, "the card's signature is not the device's");
    return 0;
}
