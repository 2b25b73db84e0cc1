// When and how much the user of this session edits: times and sizes, never text. Arrival times are
// those of read(); an editor that knows better says so by `paired/rhythm`, the one message that is
// no part of LSP, and nobody has to send it. What is kept is a ring; for the flow engine and for
// lsp_quiet.h. Main loop.
#pragma once

#include "server/lsp_face.h"

enum {
    LSP_BEATS_MAX = 4096,               // kept, of a session
    LSP_RHYTHM_BATCH_MAX = 512,         // of one message
    LSP_RHYTHM_AGO_MS = 10 * 60 * 1000, // older ones are not taken
    LSP_RHYTHM_SIZE_MAX = 1 << 26
};
enum lsp_beat_kind { LSP_BEAT_TYPED, LSP_BEAT_OTHER, LSP_BEAT_UNDO, LSP_BEAT_REDO };
struct lsp_beat {
    uint64_t at_ms;             // CLOCK_MONOTONIC
    uint32_t inserted, removed; // bytes; units of the editor's where it told
    uint8_t kind;               // enum lsp_beat_kind
    bool told;                  // by the editor
};
struct lsp_rhythm;
struct lsp_rhythm *lsp_rhythm_new(void);    // NULL when out of memory
void lsp_rhythm_free(struct lsp_rhythm *r); // accepts NULL
// Seen at read(). Times that go back count as the last one's.
void lsp_rhythm_seen(struct lsp_rhythm *r, const struct lsp_beat *b);
// Told by the editor, oldest first: stand for what was seen since the first of them. ERR_INVAL:
// not in order.
int lsp_rhythm_told(struct lsp_rhythm *r, const struct lsp_beat *list, size_t n);
// The newest `max` since a time, oldest first. How many there are.
size_t lsp_rhythm_since(const struct lsp_rhythm *r, uint64_t since_ms, struct lsp_beat *ret,
                        size_t max);
struct lsp_rhythm_figures {
    uint64_t seen, told; // since the beginning
    uint32_t kept;
};
void lsp_rhythm_figures(const struct lsp_rhythm *r, struct lsp_rhythm_figures *ret);

// {"edits": [{"ago": ms, "inserted"?: n, "removed"?: n, "reason"?: "undo" | "redo"}]}: oldest
// first. ERR_INVAL with the path of what is wrong, ERR_LIMIT. *ret_n <= LSP_RHYTHM_BATCH_MAX.
int lsp_rhythm_read(const json_t *params, uint64_t now_ms,
                    struct lsp_beat ret[LSP_RHYTHM_BATCH_MAX], size_t *ret_n, struct err *err);

extern const struct lsp_feature lsp_feature_rhythm; // its state is the session's ring
