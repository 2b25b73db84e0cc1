// Inside of pattern*.c and miner*.c.
#pragma once

#include "core/code/pattern.h"

struct pattern_reader {
    struct syntax *s;
    struct form form;
    struct form_walk walk;
    struct buf code; // the text with stand-ins for metavariables
    struct form_slot slots[FORM_SLOT_NAMES];
    uint32_t slot_count;
    uint32_t text_end;              // in `code`
    uint16_t keys[FORM_SLOT_NAMES]; // metavariables by number: letter, digits
    uint32_t key_count;
    bool literals; // numbered: an edit
    uint32_t body; // form node whose children are the side's statements
};
