// Finding symbols by what people write: a name, Class.method, path:line, path#name. Over one
// snapshot; any thread.
#pragma once

#include "core/base/err.h"
#include "core/base/fields.h"
#include "core/workspace/index.h"

enum { SYMBOLS_FOUND_MAX = 256, SYMBOL_TEXT_BYTES_MAX = 512 };

struct symbol_list {
    struct place places[SYMBOLS_FOUND_MAX]; // definitions with a body first, then by place
    uint32_t count, total;
    bool qualified; // the text named more than the bare name
};
// ERR_INVAL: the text is empty or too long. Finding none is no error.
int symbols_find(const struct snapshot *s, struct text text, struct symbol_list *ret,
                 struct err *err);

const struct fact_symbol *symbol_at(const struct snapshot *s, struct place p);
const char *symbol_name_at(const struct snapshot *s, struct place p);
const char *symbol_path_at(const struct snapshot *s, struct place p);
// "Class.method" or "name", by its scopes, into ret (cut at max).
void symbol_full_name(const struct snapshot *s, struct place p, char *ret, size_t max);
// Innermost function or class of the file that holds the line; < 0: none.
int64_t symbol_on_line(const struct facts *f, uint32_t line);

// --- who mentions a symbol
enum { CALLERS_MAX = 4096 };
struct caller_place {
    struct place place; // symbol UINT32_MAX: the file itself, outside of every function
    uint32_t line;      // of the first mention
    uint32_t count;
    bool calls;   // else mentions it: takes its address, names its type …
    bool certain; // no other definition of this name can be meant, or the file imports this one
};
// Distinct scopes that mention the symbol, in order of place. Mentions that cannot mean it (a
// private symbol of another file, another class's method whose file is not imported while another
// definition is) are left out. *ret: mem_free. ERR_NOMEM.
int symbol_callers(const struct snapshot *s, struct place target, struct caller_place **ret,
                   uint32_t *ret_count, struct err *err);
