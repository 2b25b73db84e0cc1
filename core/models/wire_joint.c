// The seam between an answer that was cut and the one that goes on with it.
#include "core/models/wire_continue.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

// A backend that takes the beginning as its own goes on right behind it. Others say their last
// sentence again, or everything. What is short may be said twice on purpose.
enum {
    AGAIN_BYTES_MIN = 4,    // the same beginning: it starts over
    AGAIN_BYTES_SURE = 64,  // … and this much before it goes another way
    OVERLAP_BYTES_MIN = 20, // the same end
    OVERLAP_BYTES_MAX = 1024
};

struct wire_joint {
    struct wire_writer *w;
    struct buf *said; // grows by what is new
    size_t n, blank;  // of it when this answer was asked for; blanks at its end, not sent along
    struct wire_usage before;
    bool begun;          // its first block
    bool joined;         // where its text begins is known
    unsigned block;      // of the answer that goes on
    enum wire_kind kind; // of that block
    size_t again;        // bytes of `held` that are the begin of `said`
    struct buf held;
};

int wire_joint_new(struct wire_writer *w, struct buf *said, const struct wire_usage *before,
                   struct wire_joint **ret) {
    struct wire_joint *j = mem_zalloc(sizeof *j);
    if (!j)
        return ERR_NOMEM;
    *j = (struct wire_joint){.w = w, .said = said, .n = said->len, .before = *before};
    j->joined = j->n == 0;
    j->blank = j->n ? wire_said_blank(said->data, j->n) : 0;
    j->held = BUF_INIT(WIRE_SAID_BYTES_MAX + WIRE_EVENT_BYTES_MAX);
    *ret = j;
    return 0;
}

void wire_joint_free(struct wire_joint *j) {
    if (!j)
        return;
    buf_done(&j->held);
    mem_free(j);
}

// --- where its text begins

static size_t same_bytes(const char *a, size_t a_n, const char *b, size_t b_n) {
    size_t most = a_n < b_n ? a_n : b_n, i = 0;
    while (i < most && a[i] == b[i])
        i++;
    return i;
}

// The piece stands in what was said only there: what repeats itself may go on doing so.
static bool stands_once(const char *said, size_t n, const char *piece, size_t piece_n) {
    const char *first = memmem(said, n, piece, piece_n);
    return first && first == said + n - piece_n;
}

// Bytes at the begin of `held` that say the end of `said` again. *ret_more: a longer piece may.
static size_t overlap_of(const struct wire_joint *j, bool *ret_more) {
    const char *held = j->held.data;
    size_t held_n = j->held.len, best = 0;
    size_t most = j->n < OVERLAP_BYTES_MAX ? j->n : OVERLAP_BYTES_MAX;
    *ret_more = false;
    for (size_t k = most; k >= OVERLAP_BYTES_MIN; k--) {
        const char *end = j->said->data + j->n - k;
        size_t same = same_bytes(end, k, held, held_n);
        if (same < k && same < held_n)
            continue;
        if (held_n < k)
            *ret_more = true;
        else if (!best && stands_once(j->said->data, j->n, held, k))
            best = k;
    }
    return best;
}

enum { JOINT_WAITS = 1 };
// *ret: bytes of `held` that are left out. JOINT_WAITS: more is needed to tell; ERR_PARSE.
// A digit or a stroke may well come twice; a word that is begun is not begun again.
static bool tells(const char *said, size_t n) {
    bool letter = false;
    for (size_t i = 0; i < n && i < AGAIN_BYTES_MIN; i++)
        letter = letter || (unsigned char)said[i] >= 0x80 ||
                 ((said[i] | 0x20) >= 'a' && (said[i] | 0x20) <= 'z');
    return n >= AGAIN_BYTES_MIN || letter;
}

static int find_seam(struct wire_joint *j, bool last, size_t *ret) {
    const char *held = j->held.len ? j->held.data : "";
    size_t again = j->again;
    bool more = false;
    again += same_bytes(j->said->data + again, j->n - again, held + again, j->held.len - again);
    j->again = again;
    bool tell = tells(j->said->data, j->n);
    if (tell && again == j->n) { // all of it, and then it goes on
        *ret = j->n;
        return 0;
    }
    if (tell && again == j->held.len && !last)
        return JOINT_WAITS;
    if (again >= AGAIN_BYTES_SURE)
        return ERR_PARSE;
    size_t overlap = overlap_of(j, &more);
    if (more && !last)
        return JOINT_WAITS;
    const char *blank = j->said->data + j->n - j->blank;
    *ret = overlap ? overlap : same_bytes(blank, j->blank, held, j->held.len);
    // Blanks alone: whether the next one is new shows only with it.
    if (!overlap && !last && j->blank && *ret == j->held.len && *ret < j->blank)
        return JOINT_WAITS;
    return 0;
}

// --- events

// The place of a block that is written now: the one that is open, or the next.
static unsigned place(const struct wire_joint *j) {
    return j->w->open ? j->w->index : j->w->next;
}

static int close_open(struct wire_joint *j, struct buf *out) {
    if (!j->w->open)
        return 0;
    const struct wire_event end = {.kind = WIRE_BLOCK_END, .index = j->w->index};
    return wire_write(j->w, &end, out);
}

static int write_text(struct wire_joint *j, const char *text, size_t n, struct buf *out) {
    struct wire_event e = {.kind = WIRE_TEXT, .index = place(j), .text = text, .n = n};
    if (!n)
        return 0;
    (void)buf_append(j->said, text, n); // one that has failed is not gone on with
    return wire_write(j->w, &e, out);
}

static int settle(struct wire_joint *j, bool last, struct buf *out) {
    size_t skip = 0;
    int code = j->joined ? 0 : find_seam(j, last, &skip);
    if (j->joined || code != 0)
        return code == JOINT_WAITS ? 0 : code;
    j->joined = true;
    if (j->held.len > skip)
        code = write_text(j, j->held.data + skip, j->held.len - skip, out);
    buf_done(&j->held);
    return code;
}

static int take_text(struct wire_joint *j, const struct wire_event *e, struct buf *out) {
    if (j->joined)
        return write_text(j, e->text, e->n, out);
    int code = buf_append(&j->held, e->text, e->n);
    return code < 0 ? code : settle(j, false, out);
}

// Text goes on in the block that is open; whatever else comes first ends it.
static int begin_block(struct wire_joint *j, const struct wire_event *e, struct buf *out) {
    bool goes_on = e->kind == WIRE_TEXT && j->w->open && j->w->kind == WIRE_TEXT;
    j->begun = true;
    j->block = e->index;
    j->kind = e->kind == WIRE_SIGNATURE ? WIRE_THINKING : e->kind;
    return goes_on ? 0 : close_open(j, out);
}

static int take_block(struct wire_joint *j, const struct wire_event *e, struct buf *out) {
    int code = !j->begun || e->index != j->block ? begin_block(j, e, out) : 0;
    if (code < 0)
        return code;
    if (e->kind == WIRE_TEXT)
        return take_text(j, e, out);
    if (e->kind == WIRE_SIGNATURE && j->kind == WIRE_TEXT)
        return 0; // of a text that is not its signer's alone
    struct wire_event moved = *e;
    moved.index = place(j);
    return wire_write(j->w, &moved, out);
}

static int take_end(struct wire_joint *j, const struct wire_event *e, struct buf *out) {
    struct wire_event summed = *e;
    int code = settle(j, true, out);
    if (code == 0)
        code = close_open(j, out);
    wire_usage_add(&summed.usage, &j->before);
    return code < 0 ? code : wire_write(j->w, &summed, out);
}

int wire_joint_write(struct wire_joint *j, const struct wire_event *e, struct buf *out) {
    struct wire_event summed = *e;
    int code = 0;
    switch (e->kind) {
    case WIRE_START:
        return 0; // the client has seen one
    case WIRE_USAGE:
        wire_usage_add(&summed.usage, &j->before);
        return wire_write(j->w, &summed, out);
    case WIRE_BLOCK_END:
        if (j->begun && j->kind == WIRE_TEXT)
            code = settle(j, true, out);
        return code < 0 ? code : close_open(j, out);
    case WIRE_STOP:
        return take_end(j, e, out);
    case WIRE_ERROR:
        return wire_write(j->w, e, out);
    default:
        return take_block(j, e, out);
    }
}
