// The languages that paired knows: how a file's language is recognised, and what the node types of
// its grammar mean. Node types of all grammars are mapped to one set of roles, so that metrics,
// checks and symbols are written once. Everything here is constant after first use; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lang {
    LANG_NONE, // binary or unknown: only its name counts
    // with a grammar, when the build has it (language_has_tree)
    LANG_C,
    LANG_CPP,
    LANG_PYTHON,
    LANG_JAVASCRIPT, // and JSX
    LANG_TYPESCRIPT,
    LANG_TSX,
    LANG_GO,
    LANG_RUST,
    LANG_JAVA,
    LANG_BASH,
    LANG_RUBY,
    // lexical tier only
    LANG_CSHARP,
    LANG_PHP,
    LANG_KOTLIN,
    LANG_SWIFT,
    LANG_SCALA,
    LANG_LUA,
    LANG_PERL,
    LANG_SQL,
    LANG_HTML, // and templates close to it
    LANG_CSS,
    LANG_MARKDOWN,
    LANG_TEXT,
    LANG_JSON,
    LANG_YAML,
    LANG_TOML,
    LANG_MAKE,
    LANG_CMAKE,
    LANG_COUNT,
    LANG_TREE_FIRST = LANG_C,
    LANG_TREE_LAST = LANG_RUBY
};

// By the path's last part, then by a "#!" line in the first bytes of the content (may be NULL).
// `.h` is C unless the content looks like C++.
enum lang language_of(const char *path, const char *head, size_t head_bytes);
// Where the name settles it, whatever the text: not for headers (C or C++), nor for names without a
// known ending. false: the text has to be asked.
bool language_by_name_alone(const char *path, enum lang *ret);
const char *language_name(enum lang l); // "c", "cpp", "python" …; "" for LANG_NONE
enum lang language_by_name(const char *name, size_t n); // LANG_NONE unknown
bool language_has_tree(enum lang l);                    // this build has its grammar
bool language_is_code(enum lang l);                     // not prose, data or markup

// What a node is, whatever its language. Only what some consumer asks for; everything else is
// ROLE_NONE.
enum role {
    ROLE_NONE,
    ROLE_ERROR,   // text that the grammar could not read
    ROLE_MISSING, // a token that the parser supplied
    ROLE_COMMENT,
    // definitions
    ROLE_FUNCTION,  // with a body: functions, methods, constructors
    ROLE_LAMBDA,    // anonymous
    ROLE_SIGNATURE, // a function without a body: interface method, trait method, overload
    ROLE_CLASS,     // class, struct, interface, trait, impl, enum, union, module, namespace
    ROLE_TYPE_ALIAS,
    ROLE_MACRO,      // #define with or without parameters, macro_rules!
    ROLE_VARIABLE,   // declaration of variables, constants, fields
    ROLE_DECLARATOR, // one of them: has FIELD_ROLE_NAME (or a declarator) and maybe a value
    ROLE_ENUMERATOR,
    ROLE_PARAMETERS,
    ROLE_PARAMETER,
    ROLE_DECORATOR,
    ROLE_IMPORT, // import, include, use, require as a statement of its own
    ROLE_EXPORT,
    // statements
    ROLE_BLOCK,
    ROLE_EXPRESSION_STATEMENT,
    ROLE_EMPTY, // ; or pass
    ROLE_IF,
    ROLE_ELIF,
    ROLE_ELSE,
    ROLE_UNLESS,
    ROLE_IF_MODIFIER, // `x if y` of Ruby
    ROLE_FOR,
    ROLE_WHILE,
    ROLE_DO,
    ROLE_SWITCH,
    ROLE_CASE,
    ROLE_DEFAULT,
    ROLE_TRY,
    ROLE_CATCH,
    ROLE_FINALLY,
    ROLE_WITH, // with, using, try-with-resources
    ROLE_RETURN,
    ROLE_THROW,
    ROLE_BREAK,
    ROLE_CONTINUE,
    ROLE_GOTO,
    ROLE_LABEL,
    ROLE_DEFER,
    ROLE_ASSERT,
    ROLE_PREPROC_IF, // #if, #ifdef
    ROLE_PREPROC_ELIF,
    ROLE_PREPROC_ELSE,
    // expressions
    ROLE_CALL,
    ROLE_NEW,
    ROLE_ARGUMENTS,
    ROLE_BINARY, // the operator is an anonymous child
    ROLE_UNARY,
    ROLE_TERNARY,
    ROLE_ASSIGN,
    ROLE_AUGMENTED_ASSIGN,
    ROLE_UPDATE, // ++ --
    ROLE_MEMBER, // a.b, a->b, a::b
    ROLE_INDEX,
    ROLE_PARENTHESES,
    ROLE_CAST,
    ROLE_AWAIT,
    ROLE_YIELD,
    ROLE_COMPREHENSION_FOR,
    ROLE_COMPREHENSION_IF,
    ROLE_PAIR, // key and value
    ROLE_ARRAY,
    ROLE_MAP,
    // leaves
    ROLE_IDENTIFIER,
    ROLE_FIELD_IDENTIFIER,
    ROLE_TYPE_IDENTIFIER,
    ROLE_TYPE, // builtin type names
    ROLE_STRING,
    ROLE_STRING_PART, // content, escapes, quotes inside ROLE_STRING
    ROLE_CHARACTER,
    ROLE_NUMBER,
    ROLE_BOOLEAN,
    ROLE_NULL,
    ROLE_SELF, // this, self, super
    // anonymous tokens that consumers ask for
    ROLE_OP_AND, // && and
    ROLE_OP_OR,  // || or
    ROLE_OP_NOT,
    ROLE_OP_COALESCE, // ??
    ROLE_OP_EQUAL,    // == === is
    ROLE_OP_UNEQUAL,
    ROLE_OP_COMPARE, // < > <= >=
    ROLE_OP_ASSIGN,  // =
    ROLE_OP_OTHER,   // any other operator
    ROLE_KEYWORD,    // a word: if, else, async …
    ROLE_PUNCTUATION,
    ROLE_COUNT
};

// The field that a node fills in its parent.
enum field_role {
    FIELD_ROLE_NONE,
    FIELD_ROLE_NAME,
    FIELD_ROLE_BODY,
    FIELD_ROLE_CONDITION,
    FIELD_ROLE_CONSEQUENCE,
    FIELD_ROLE_ALTERNATIVE,
    FIELD_ROLE_LEFT,
    FIELD_ROLE_RIGHT,
    FIELD_ROLE_OPERATOR,
    FIELD_ROLE_FUNCTION, // what is called; `method`, `constructor` too
    FIELD_ROLE_ARGUMENTS,
    FIELD_ROLE_PARAMETERS,
    FIELD_ROLE_PARAMETER,
    FIELD_ROLE_TYPE,
    FIELD_ROLE_VALUE,
    FIELD_ROLE_OBJECT,   // the a of a.b: object, argument, operand, receiver, value, scope, path
    FIELD_ROLE_PROPERTY, // the b of a.b: property, field, attribute
    FIELD_ROLE_DECLARATOR,
    FIELD_ROLE_INITIALIZER,
    FIELD_ROLE_UPDATE,
    FIELD_ROLE_SOURCE, // what is imported: source, path, module_name
    FIELD_ROLE_ALIAS,
    FIELD_ROLE_KEY,
    FIELD_ROLE_RETURN_TYPE,
    FIELD_ROLE_RECEIVER, // of a Go method
    FIELD_ROLE_INDEX,
    FIELD_ROLE_PATTERN, // what a value is taken apart into
    FIELD_ROLE_OTHER
};

enum { SYMBOL_IS_NAMED = 1, SYMBOL_IS_EXTRA = 2, SYMBOL_IS_BRANCH = 4 }; // BRANCH: see metrics.h

// Tables of one grammar, indexed by its symbol and field numbers. They differ between versions of a
// grammar; `type_hash` (of the node type's text) does not.
struct grammar {
    const void *ts;            // TSLanguage
    uint32_t symbol_count;     // ERROR is not among them: it has the number UINT16_MAX
    const uint8_t *role;       // [symbol_count] enum role
    const uint8_t *named;      // [symbol_count] SYMBOL_IS_…
    const uint32_t *type_hash; // [symbol_count]
    const uint16_t *type;      // [symbol_count] enum node_type (node_type.h)
    uint32_t field_count;
    const uint8_t *field; // [field_count + 1] enum field_role
};
// NULL when the build has no grammar for it, or out of memory.
const struct grammar *language_grammar(enum lang l);
// Node type as the grammar names it ("if_statement"); "ERROR" for UINT16_MAX.
const char *language_type(enum lang l, uint16_t symbol);
