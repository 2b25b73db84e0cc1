// Checkpoints of the audit log, from the command line: who cosigned them, and proofs for others.
#include "core/base/mem.h"
#include "core/store/checkpoints.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/fed_audit.h"
#include "server/fed_names.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PROOF_FORMAT "paired-audit-proof"
enum { PROOF_VERSION = 1, PROOF_COSIGNATURES_MAX = 1000 };

static json_t *hex_json(const uint8_t *bytes, size_t n) {
    char hex[2 * AUDIT_LEAF_BYTES_MAX + 1];
    (void)sodium_bin2hex(hex, sizeof hex, bytes, n);
    return json_string(hex);
}

// Names are for people: without federation keys stand for themselves.
static struct fed_names names_of(struct call *call) {
    struct fed_names names;
    if (fed_names_load(call->services, &names, NULL) < 0)
        names = (struct fed_names){.off = true};
    return names;
}

// --- who cosigned --------------------------------------------------------------------------------

struct cosigners {
    json_t *list; // the newest of each key
    const struct fed_names *names;
};

static json_t *find_key(json_t *list, const char *key) {
    json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (strcmp(json_string_value(json_object_get(one, "device")), key) == 0)
            return one;
    }
    return NULL;
}

static int note_cosigner(void *ctx, const struct cosignature *c, struct err *err) {
    struct cosigners *all = ctx;
    char key[2 * CHECKPOINT_KEY_BYTES + 1], who[FED_NAMED_BYTES_MAX];
    (void)sodium_bin2hex(key, sizeof key, c->key, sizeof c->key);
    json_t *one = find_key(all->list, key);
    if (!one) {
        fed_names_put(all->names, c->key, who);
        one = json_pack("{ss ss}", "device", key, "who", who);
        if (json_array_append_new(all->list, one) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    // They come by checkpoint, the newest last.
    (void)json_object_set_new(one, "entries", json_integer(c->entries));
    (void)json_object_set_new(one, "time_ms", json_integer(c->time_s * 1000));
    return 0;
}

int audit_put_cosigners(struct call *call, struct db *db, json_t *out, struct err *err) {
    struct fed_names names = names_of(call);
    struct cosigners all = {.list = json_array(), .names = &names};
    int r = checkpoints_cosigners(db, 0, note_cosigner, &all, err);
    fed_names_done(&names);
    return json_object_set_new(out, "cosigners", all.list) < 0 && r == 0
               ? err_set(err, ERR_NOMEM, "out of memory")
               : r;
}

// --- all of them, as others read them ------------------------------------------------------------

struct notes {
    struct db *db;
    json_t *list;
};

struct note {
    struct buf *text;
    json_t *keys;
};

static int put_key(struct note *n, const uint8_t *key, bool cosigner, struct err *err) {
    AUTO_BUF text = BUF_INIT(1000);
    int r = checkpoint_note_key(&text, key, cosigner);
    if (r < 0 || json_array_append_new(n->keys, json_string(text.data)) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int sign_note(void *ctx, const struct cosignature *c, struct err *err) {
    struct note *n = ctx;
    int r = checkpoint_note_sign(n->text, c->key, c->time_s, c->signature);
    return r < 0 ? err_set(err, r, "out of memory") : put_key(n, c->key, true, err);
}

static int note_checkpoint(void *ctx, const struct checkpoint_row *row, struct err *err) {
    struct notes *all = ctx;
    AUTO_BUF text = BUF_INIT(1024 * 1024);
    struct note n = {.text = &text, .keys = json_array()};
    int r = checkpoint_note_begin(&text, row->text, row->text_bytes);
    if (r == 0)
        r = checkpoint_note_sign(&text, row->device, -1, row->signature);
    if (r == 0)
        r = put_key(&n, row->device, false, err);
    if (r == 0)
        r = checkpoints_cosigners(all->db, row->checkpoint.entries, sign_note, &n, err);
    if (r < 0) {
        json_decref(n.keys);
        return r;
    }
    json_t *one =
        json_pack("{sI sI ss so}", "entries", (json_int_t)row->checkpoint.entries, "time_ms",
                  (json_int_t)row->checkpoint.time_ms, "checkpoint", text.data, "keys", n.keys);
    return json_array_append_new(all->list, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int models_audit_checkpoints(struct call *call, const void *input, struct answer *answer,
                             struct err *err) {
    struct store *s;
    struct notes all = {.list = NULL};
    (void)input;
    int r = models_reader(call, &s, &all.db, err);
    if (r < 0)
        return r;
    all.list = json_array();
    r = checkpoints_each(all.db, 0, note_checkpoint, &all, err);
    store_reader_put(s, all.db);
    if (r < 0) {
        json_decref(all.list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "checkpoints", all.list), err);
}

// --- proving -------------------------------------------------------------------------------------

const struct field audit_prove_fields[] = {
    {.name = "seq",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct audit_prove_input, seq),
     .min = 1,
     .max = INT64_MAX},
    {0},
};

struct choice { // the newest that holds the entry; one that is cosigned before one that is not
    struct db *db;
    int64_t seq;
    struct checkpoint_row row;
    bool any, cosigned;
};

static int count_one(void *ctx, const struct cosignature *c, struct err *err) {
    (void)c;
    (void)err;
    *(bool *)ctx = true;
    return 1; // enough
}

static int choose(void *ctx, const struct checkpoint_row *row, struct err *err) {
    struct choice *c = ctx;
    bool cosigned = false;
    if (row->checkpoint.entries < c->seq)
        return 0;
    int r = checkpoints_cosigners(c->db, row->checkpoint.entries, count_one, &cosigned, err);
    if (r >= 0 && (cosigned || !c->cosigned)) {
        c->row = *row;
        c->any = true;
        c->cosigned = cosigned;
    }
    return r < 0 ? r : 0;
}

static int put_cosignature(void *ctx, const struct cosignature *c, struct err *err) {
    json_t *one =
        json_pack("{so sI so}", "key", hex_json(c->key, sizeof c->key), "time",
                  (json_int_t)c->time_s, "signature", hex_json(c->signature, sizeof c->signature));
    return json_array_append_new(ctx, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// Where nobody has signed one yet, the tree as it is now stands for itself.
static int choose_tree(struct call *call, struct choice *c, struct err *err) {
    struct checkpoint_next next;
    int r = checkpoints_each(c->db, 0, choose, c, err);
    if (r < 0 || c->any)
        return r;
    r = checkpoints_next(c->db, call->now_ms, &next, err);
    if (r < 0)
        return r;
    c->row.checkpoint = next.checkpoint;
    c->row.text_bytes = checkpoint_format(&next.checkpoint, c->row.text);
    return 0;
}

static int make_proof(struct call *call, struct db *db, int64_t seq, json_t **ret,
                      struct err *err) {
    struct choice c = {.db = db, .seq = seq};
    struct tree_proof proof;
    AUTO_BUF leaf = BUF_INIT(AUDIT_LEAF_BYTES_MAX);
    int r = choose_tree(call, &c, err);
    if (r == 0)
        r = checkpoints_inclusion(db, seq, c.row.checkpoint.entries, &proof, &leaf, err);
    if (r < 0)
        return r;
    json_t *path = json_array(), *cosigned = json_array();
    for (unsigned i = 0; i < proof.count; i++)
        (void)json_array_append_new(path, hex_json(proof.hash[i], TREE_HASH_BYTES));
    if (c.any)
        r = checkpoints_cosigners(db, c.row.checkpoint.entries, put_cosignature, cosigned, err);
    json_t *out =
        json_pack("{ss si sI so so ss so}", "format", PROOF_FORMAT, "version", PROOF_VERSION, "seq",
                  (json_int_t)seq, "leaf", hex_json((const uint8_t *)leaf.data, leaf.len), "path",
                  path, "checkpoint", c.row.text, "cosignatures", cosigned);
    if (out && c.any) {
        (void)json_object_set_new(out, "device", hex_json(c.row.device, sizeof c.row.device));
        (void)json_object_set_new(out, "signature",
                                  hex_json(c.row.signature, sizeof c.row.signature));
    }
    if (r < 0) {
        json_decref(out);
        return r;
    }
    *ret = out;
    return out ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int models_audit_prove(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    const struct audit_prove_input *in = input;
    struct store *s;
    struct db *db;
    json_t *out = NULL;
    int r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    r = make_proof(call, db, in->seq, &out, err);
    store_reader_put(s, db);
    return r < 0 ? r : admin_answer(answer, json_pack("{so}", "proof", out), err);
}

// --- checking a proof, without any store ---------------------------------------------------------

const struct field audit_check_fields[] = {
    {.name = "proof",
     .type = FIELD_JSON,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct audit_check_input, proof)},
    {0},
};

struct proof_line {
    struct text format, leaf, checkpoint, device, signature;
    int64_t version, seq;
    struct text_array path;
    struct object_array cosignatures;
};
struct cosignature_line {
    struct text key, signature;
    int64_t time;
};
#define TEXT(owner, member, maximum, bits)                                                         \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING, .flags = (bits), .offset = offsetof(owner, member), \
        .min = 1, .max = (maximum)                                                                 \
    }
#define NUMBER(owner, member)                                                                      \
    {                                                                                              \
        .name = #member, .type = FIELD_INT, .flags = FIELD_REQUIRED,                               \
        .offset = offsetof(owner, member), .max = INT64_MAX                                        \
    }
static const struct field cosignature_fields[] = {
    TEXT(struct cosignature_line, key, 2 * CHECKPOINT_KEY_BYTES, FIELD_REQUIRED),
    TEXT(struct cosignature_line, signature, 2 * CHECKPOINT_SIGNATURE_BYTES, FIELD_REQUIRED),
    NUMBER(struct cosignature_line, time),
    {0},
};
static const struct field proof_fields[] = {
    TEXT(struct proof_line, format, 64, FIELD_REQUIRED),
    NUMBER(struct proof_line, version),
    NUMBER(struct proof_line, seq),
    TEXT(struct proof_line, leaf, 2 * AUDIT_LEAF_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct proof_line, checkpoint, CHECKPOINT_TEXT_BYTES_MAX - 1, FIELD_REQUIRED),
    TEXT(struct proof_line, device, 2 * CHECKPOINT_KEY_BYTES, 0),
    TEXT(struct proof_line, signature, 2 * CHECKPOINT_SIGNATURE_BYTES, 0),
    {.name = "path",
     .type = FIELD_STRING_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct proof_line, path),
     .max = TREE_PROOF_MAX},
    {.name = "cosignatures",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct proof_line, cosignatures),
     .max = PROOF_COSIGNATURES_MAX,
     .object = cosignature_fields,
     .object_size = sizeof(struct cosignature_line)},
    {0},
};

static bool from_hex(struct text t, uint8_t *out, size_t n) {
    return t.len == 2 * n && sodium_hex2bin(out, n, t.data, t.len, NULL, NULL, NULL) == 0;
}

static int wrong(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "%s", what);
}

// The entry is in the tree that the checkpoint speaks of.
static int check_tree(const struct proof_line *p, const struct checkpoint *c, json_t *out,
                      struct err *err) {
    uint8_t leaf[AUDIT_LEAF_BYTES_MAX], hash[AUDIT_HASH_BYTES], subject[AUDIT_HASH_BYTES];
    struct tree_proof proof = {.count = 0};
    struct audit_entry e = {.seq = 0};
    struct audit_texts texts;
    size_t n = p->leaf.len / 2;
    bool good = from_hex(p->leaf, leaf, n) && audit_leaf_decode(leaf, n, &e, subject, &texts) == 0;
    if (!good || e.seq != p->seq || p->seq < 1)
        return wrong(err, "the entry is none of an audit log, or not the one that is named");
    for (size_t i = 0; good && i < p->path.count; i++)
        good = from_hex(p->path.items[i], proof.hash[proof.count++], TREE_HASH_BYTES);
    audit_leaf_hash(leaf, n, hash);
    if (!good ||
        !tree_inclusion_holds(hash, (uint64_t)e.seq - 1, (uint64_t)c->entries, &proof, c->root))
        return wrong(err, "the entry is not in the log that the checkpoint speaks of");
    json_t *entry =
        json_pack("{sI sI ss ss sI sI sI ss ss ss ss}", "seq", (json_int_t)e.seq, "time_ms",
                  (json_int_t)e.time_ms, "event", audit_event_name(e.event), "outcome",
                  audit_outcome_name(e.outcome), "ref", (json_int_t)e.ref, "bytes_out",
                  (json_int_t)e.bytes_out, "bytes_in", (json_int_t)e.bytes_in, "kind", e.kind,
                  "audience", e.audience, "purpose", e.purpose, "model", e.model);
    return json_object_set_new(out, "entry", entry) < 0 ? err_set(err, ERR_NOMEM, "out of memory")
                                                        : 0;
}

static int check_signatures(const struct proof_line *p, json_t *out, struct err *err) {
    uint8_t key[CHECKPOINT_KEY_BYTES], signature[CHECKPOINT_SIGNATURE_BYTES];
    const struct cosignature_line *lines = p->cosignatures.items;
    json_t *cosigned = json_array();
    (void)json_object_set_new(out, "cosigned", cosigned);
    if (p->device.data || p->signature.data) {
        if (!from_hex(p->device, key, sizeof key) ||
            !from_hex(p->signature, signature, sizeof signature) ||
            !checkpoint_signed(p->checkpoint.data, p->checkpoint.len, key, signature))
            return wrong(err, "the signature of the checkpoint does not verify");
        (void)json_object_set_new(out, "device", hex_json(key, sizeof key));
    }
    for (size_t i = 0; i < p->cosignatures.count; i++) {
        if (!from_hex(lines[i].key, key, sizeof key) ||
            !from_hex(lines[i].signature, signature, sizeof signature) ||
            !checkpoint_cosigned(p->checkpoint.data, p->checkpoint.len, key, lines[i].time,
                                 signature))
            return wrong(err, "a cosignature of the checkpoint does not verify");
        (void)json_array_append_new(cosigned,
                                    json_pack("{so sI}", "device", hex_json(key, sizeof key),
                                              "time_ms", (json_int_t)lines[i].time * 1000));
    }
    return 0;
}

static int check(const struct proof_line *p, json_t *out, struct err *err) {
    struct checkpoint c;
    if (!text_is(p->format, PROOF_FORMAT))
        return wrong(err, "this is no proof of an audit log");
    if (p->version != PROOF_VERSION)
        return wrong(err, "the proof is of another version than this build knows");
    if (checkpoint_parse(p->checkpoint.data, p->checkpoint.len, &c, err) < 0)
        return wrong(err, "this is no checkpoint of an audit log");
    int r = check_tree(p, &c, out, err);
    if (r == 0)
        r = check_signatures(p, out, err);
    (void)json_object_set_new(out, "entries", json_integer(c.entries));
    (void)json_object_set_new(out, "time_ms", json_integer(c.time_ms));
    return r;
}

int models_audit_check(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    const struct audit_check_input *in = input;
    struct proof_line line = {.version = 0};
    struct err why = {0};
    (void)call;
    json_t *out = json_object();
    int r = fields_decode(proof_fields, in->proof, &line, &why);
    if (r == 0) {
        r = check(&line, out, &why);
        fields_release(proof_fields, &line);
    }
    if (r == ERR_NOMEM) {
        json_decref(out);
        return err_set(err, r, "out of memory");
    }
    (void)json_object_set_new(out, "ok", json_boolean(r == 0));
    if (r < 0)
        (void)json_object_set_new(out, "problem", json_string(err_text(&why)));
    return admin_answer(answer, out, err);
}

// --- cosigning now -------------------------------------------------------------------------------

int models_audit_cosign(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    json_t *out = NULL;
    (void)input;
    int r = fed_audit_round(call->services, true, &out, err);
    return r < 0 ? r : admin_answer(answer, out, err);
}
