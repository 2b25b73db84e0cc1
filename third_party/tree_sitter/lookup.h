// Values of a language's tables. Those of most states stand in lists that have to be searched; a
// thread remembers what it has looked up.
#pragma once

static inline uint16_t ts_language_lookup(const TSLanguage *self, TSStateId state,
                                          TSSymbol symbol) {
    if (state < self->large_state_count)
        return self->parse_table[(size_t)state * self->symbol_count + symbol];
    if (!current)
        return lookup_in_tables(self, state, symbol);
    uint32_t key = (uint32_t)state << 16 | symbol;
    struct looked_up *l = &current->looked_up[(key * 0x9E3779B1u) >> (32 - LOOKED_UP_BITS)];
    if (l->key != key || !l->known)
        *l = (struct looked_up){key, lookup_in_tables(self, state, symbol), 1};
    return l->value;
}

static inline bool ts_language_has_actions(const TSLanguage *self, TSStateId state,
                                           TSSymbol symbol) {
    return ts_language_lookup(self, state, symbol) != 0;
}
