// The parser's side of unit.c, behind the core's parser.c.
#pragma once

// With one version and one action there is nobody else who could need the stack as it was: the
// version goes on instead of a new one that would replace it.
static StackVersion reduce(TSParser *self, StackVersion version, TSSymbol symbol, uint32_t count,
                           int dynamic_precedence, uint16_t production, bool is_fragile,
                           bool ends_extra) {
    Stack *stack = self->stack;
    StackHead *head = stack->heads.contents;
    uint32_t all;
    StackNode *below = current && !is_fragile && count && stack->heads.size == 1
                           ? way_down(head->node, count, &all)
                           : NULL;
    if (!below)
        return reduce_any(self, version, symbol, count, dynamic_precedence, production, is_fragile,
                          ends_extra);
    SubtreeArray children = array_new();
    array_reserve(&children, (uint32_t)(ts_subtree_alloc_size(all) / sizeof(Subtree)));
    children.size = all;
    take_off(stack, head->node, all, children.contents);
    head->node = below;
    MutableSubtree parent = ts_subtree_new_node(symbol, &children, production, self->language);
    TSStateId state = below->state;
    TSStateId next = ts_language_next_state(self->language, state, symbol);
    if (ends_extra && next == state)
        parent.ptr->extra = true;
    parent.ptr->parse_state = state;
    parent.ptr->dynamic_precedence += dynamic_precedence;
    ts_stack_push(stack, version, ts_subtree_from_mut(parent), false, next);
    return version;
}

// For the scanners that languages bring; generated lexers have lexing.h.
static void advance(TSLexer *lexer, bool skip) {
    Lexer *l = (Lexer *)lexer;
    uint32_t next = l->current_position.bytes + 1 - l->chunk_start;
    if (next >= l->chunk_size || l->lookahead_size != 1 || lexer->lookahead == '\n' ||
        (unsigned char)l->chunk[next] >= 0x80) {
        ts_lexer__advance(lexer, skip);
        return;
    }
    l->current_position.bytes++;
    l->current_position.extent.column++;
    l->column_data.value += l->column_data.valid;
    lexer->lookahead = (unsigned char)l->chunk[next];
    if (skip)
        l->token_start_position = l->current_position;
}

static void mark_end(TSLexer *lexer) {
    Lexer *l = (Lexer *)lexer;
    l->token_end_position = l->current_position;
}

// Balancing makes lists cheap to edit; nobody edits a tree that is read once.
static bool balance(TSParser *self) {
    return current || balance_subtree(self);
}

struct text {
    const char *text;
    uint32_t bytes;
};

static const char *read_text(void *payload, uint32_t byte, TSPoint point, uint32_t *ret_n) {
    const struct text *t = payload;
    (void)point;
    *ret_n = byte < t->bytes ? t->bytes - byte : 0;
    return byte < t->bytes ? t->text + byte : "";
}

struct tree_memory *tree_memory_new(const struct tree_chunks *chunks) {
    struct tree_memory *m = chunks->take(sizeof *m);
    if (!m)
        return NULL;
    memset(m, 0, sizeof *m);
    m->chunks = *chunks;
    blocks_reset(m);
    return m;
}

void tree_memory_free(struct tree_memory *m) {
    if (!m)
        return;
    blocks_reset(m);
    struct chunk *next;
    for (struct chunk *c = m->spare; c; c = next) {
        next = c->next;
        m->chunks.give(c);
    }
    m->chunks.give(m);
}

enum tree_result tree_memory_parse(struct tree_memory *m, const TSLanguage *language,
                                   const char *text, uint32_t bytes, TSParseOptions options,
                                   const TSTree **ret) {
    struct text whole = {text, bytes};
    jmp_buf out;
    blocks_reset(m);
    if (m->language != language)
        memset(m->looked_up, 0, sizeof m->looked_up);
    m->language = language;
    m->parser = NULL;
    m->out = &out;
    m->why = TREE_STOPPED;
    current = m;
    if (setjmp(out) == 0) {
        m->parser = ts_parser_new();
        m->parser->lexer.data.advance = advance;
        m->parser->lexer.data.mark_end = mark_end;
        TSInput input = {&whole, read_text, TSInputEncodingUTF8, NULL};
        if (ts_parser_set_language(m->parser, language) &&
            (*ret = ts_parser_parse_with_options(m->parser, NULL, input, options)) != NULL)
            m->why = TREE_PARSED;
    }
    // What a language's scanner has is its own; the rest ends with the blocks.
    if (m->why != TREE_PARSED && m->parser)
        ts_parser__external_scanner_destroy(m->parser);
    m->out = NULL;
    current = NULL;
    return m->why;
}

_Static_assert(offsetof(Lexer, data.lookahead) == offsetof(struct lexer_view, lookahead), "");
_Static_assert(offsetof(Lexer, data.result_symbol) == offsetof(struct lexer_view, result_symbol),
               "");
_Static_assert(offsetof(Lexer, current_position) == offsetof(struct lexer_view, at), "");
_Static_assert(offsetof(Lexer, token_start_position) == offsetof(struct lexer_view, token_start),
               "");
_Static_assert(offsetof(Lexer, token_end_position) == offsetof(struct lexer_view, token_end), "");
_Static_assert(sizeof(Length) == sizeof(struct lexer_place), "");
_Static_assert(offsetof(Lexer, chunk) == offsetof(struct lexer_view, chunk), "");
_Static_assert(offsetof(Lexer, chunk_start) == offsetof(struct lexer_view, chunk_start), "");
_Static_assert(offsetof(Lexer, chunk_size) == offsetof(struct lexer_view, chunk_size), "");
_Static_assert(offsetof(Lexer, lookahead_size) == offsetof(struct lexer_view, lookahead_size), "");
_Static_assert(offsetof(Lexer, column_data.value) == offsetof(struct lexer_view, column_value), "");
_Static_assert(offsetof(Lexer, column_data.valid) == offsetof(struct lexer_view, column_valid), "");
