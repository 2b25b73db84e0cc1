// Reads lines "GRAMMAR TAB SKIP TAB PATH" and answers each with hashes of syntax trees: of the file
// behind its first SKIP bytes, then of the same text after each of some damages. All that
// tree-sitter's public interface says of a node goes into a hash, and the S-expression as a whole.
// Linked twice: with tree-sitter as we build it and as it comes (same.py compares).
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tree_sitter/api.h>
#ifdef PAIRED_TREE_UNIT
#include <tree_sitter/memory.h>
#endif

enum { LINE_BYTES = 4096, TEXT_BYTES_MAX = 1024 * 1024, DAMAGES = 3 };

#define GRAMMAR(name) const TSLanguage *tree_sitter_##name(void);
#include <grammars.inc>
#undef GRAMMAR

static const struct {
    const char *name;
    const TSLanguage *(*language)(void);
} grammars[] = {
#define GRAMMAR(name) {#name, tree_sitter_##name},
#include <grammars.inc>
#undef GRAMMAR
};

static const TSLanguage *language_of(const char *name) {
    for (size_t i = 0; i < sizeof grammars / sizeof grammars[0]; i++)
        if (strcmp(grammars[i].name, name) == 0)
            return grammars[i].language();
    (void)fprintf(stderr, "trees: no grammar %s\n", name);
    exit(2);
}

static uint64_t hash;

static void add(const void *bytes, size_t n) { // FNV-1a
    for (const unsigned char *at = bytes, *end = at + n; at < end; at++)
        hash = (hash ^ *at) * 0x100000001B3u;
}

static void add_node(TSNode node, TSFieldId field) {
    TSPoint start = ts_node_start_point(node), end = ts_node_end_point(node);
    const uint32_t all[] = {ts_node_symbol(node),
                            ts_node_grammar_symbol(node),
                            field,
                            ts_node_start_byte(node),
                            ts_node_end_byte(node),
                            start.row,
                            start.column,
                            end.row,
                            end.column,
                            ts_node_child_count(node),
                            ts_node_named_child_count(node),
                            ts_node_descendant_count(node),
                            ts_node_parse_state(node),
                            ts_node_is_named(node),
                            ts_node_is_missing(node),
                            ts_node_is_extra(node),
                            ts_node_has_error(node),
                            ts_node_is_error(node)};
    add(all, sizeof all);
}

static void add_tree(const TSTree *tree) {
    TSNode root = ts_tree_root_node(tree);
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    char *text = ts_node_string(root);
    add(text, strlen(text));
    free(text);
    for (bool more = true; more;) {
        add_node(ts_tree_cursor_current_node(&cursor), ts_tree_cursor_current_field_id(&cursor));
        if (ts_tree_cursor_goto_first_child(&cursor))
            continue;
        while (!(more = ts_tree_cursor_goto_next_sibling(&cursor)))
            if (!ts_tree_cursor_goto_parent(&cursor))
                break;
    }
    ts_tree_cursor_delete(&cursor);
}

static TSTree *parse(const TSLanguage *language, const char *text, uint32_t bytes) {
    static TSParser *parser;
    if (!parser)
        parser = ts_parser_new();
    return ts_parser_set_language(parser, language)
               ? ts_parser_parse_string(parser, NULL, text, bytes)
               : NULL;
}

static void add_parse(const TSLanguage *language, const char *text, uint32_t bytes) {
#ifdef PAIRED_TREE_UNIT
    static const struct tree_chunks chunks = {512 * 1024 * 1024, malloc, free};
    static struct tree_memory *memory;
    const TSTree *once = NULL;
    TSParseOptions options = {0};
    if (!memory)
        memory = tree_memory_new(&chunks);
    if (tree_memory_parse(memory, language, text, bytes, options, &once) == TREE_PARSED)
        add_tree(once);
    uint64_t of_once = hash;
    hash = 0;
#endif
    TSTree *tree = parse(language, text, bytes);
    add_tree(tree);
    ts_tree_delete(tree);
#ifdef PAIRED_TREE_UNIT
    if (hash != of_once)
        printf(" (once: %016llx)", (unsigned long long)of_once);
#endif
}

static uint64_t next(uint64_t *x) { // xorshift64
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

static void damage(char *text, size_t n, uint64_t *seed) {
    static const char odd[] = "(){}[];\"'`#/*\\\n\t :,=<x\xc3\xf0\0";
    for (size_t changes = 1 + next(seed) % 4; changes && n; changes--)
        text[next(seed) % n] = odd[next(seed) % sizeof odd];
}

static void answer(const char *grammar, size_t skip, const char *path) {
    static char text[TEXT_BYTES_MAX];
    const TSLanguage *language = language_of(grammar);
    FILE *file = fopen(path, "rb");
    if (!file) {
        (void)fprintf(stderr, "trees: cannot read %s\n", path);
        exit(2);
    }
    size_t n = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    n = skip < n ? n - skip : 0;
    memmove(text, text + skip, n);
    uint64_t seed = n * 7919 + 1;
    printf("%s %s:", grammar, path);
    for (int round = 0; round <= DAMAGES; round++) {
        hash = 0;
        add_parse(language, text, (uint32_t)n);
        printf(" %016llx", (unsigned long long)hash);
        damage(text, n, &seed);
    }
    printf("\n");
}

int main(void) {
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *skip = strchr(line, '\t'), *path = skip ? strchr(skip + 1, '\t') : NULL;
        if (!path)
            return 2;
        *skip = *path = '\0';
        answer(line, (size_t)strtoul(skip + 1, NULL, 10), path + 1);
    }
    return 0;
}
