#include "core/base/jsonedit.h"

#include "core/base/jsonedit_impl.h"
#include "core/base/mem.h"

#include <string.h>

enum { UNIT_BYTES_MAX = 16 };

struct style { // how the text is written, which what is added follows
    const char *eol;
    char unit[UNIT_BYTES_MAX + 1]; // one step of indentation
    bool line;                     // on one line
    bool tight;                    // without a space after ':' and ','
};

struct span {
    const char *data;
    size_t n;
};

// --- the text's own style ----------------------------------------------------------------------

static size_t line_start(const char *text, size_t from, size_t at) {
    while (at > from && text[at - 1] != '\n')
        at--;
    return at;
}

// The blanks that begin the line of `at`.
static struct span indentation(const char *text, size_t from, size_t at) {
    size_t start = line_start(text, from, at), end = start;
    while (end < at && (text[end] == ' ' || text[end] == '\t'))
        end++;
    return (struct span){text + start, end - start};
}

static bool begins_line(const char *text, size_t from, size_t at) {
    struct span blanks = indentation(text, from, at);
    return blanks.data + blanks.n == text + at;
}

static bool on_one_line(const char *text, const struct jsonedit_box *box) {
    return box->count && !memchr(text + box->open, '\n', box->close - box->open);
}

static bool is_tight(const char *text, const struct jsonedit_box *box) {
    const char *colon = memchr(text + box->first, ':', box->close - box->first);
    return colon && colon[1] != ' ' && colon[1] != '\t' && colon[1] != '\n' && colon[1] != '\r';
}

static struct style style_of(const char *text, size_t n, const struct jsonedit_place *p) {
    struct style style = {.eol = "\n", .unit = "  "};
    const char *eol = memchr(text, '\n', n);
    if (eol && eol > text && eol[-1] == '\r')
        style.eol = "\r\n";
    if (p->empty)
        return style;
    const struct jsonedit_box *root = &p->boxes[0];
    if (on_one_line(text, root)) {
        style.line = true;
        style.tight = is_tight(text, root);
    } else if (root->count && begins_line(text, p->start, root->first)) {
        struct span unit = indentation(text, p->start, root->first);
        size_t outer = indentation(text, p->start, root->open).n;
        if (unit.n > outer && unit.n - outer <= UNIT_BYTES_MAX) {
            memcpy(style.unit, unit.data + outer, unit.n - outer);
            style.unit[unit.n - outer] = '\0';
        }
    }
    return style;
}

// --- writing values ----------------------------------------------------------------------------

static void put_span(struct buf *out, struct span s) {
    (void)buf_append(out, s.data, s.n);
}

static void put_line(struct buf *out, const struct style *style, struct span prefix, size_t steps) {
    (void)buf_puts(out, style->eol);
    put_span(out, prefix);
    while (steps--)
        (void)buf_puts(out, style->unit);
}

static void put_value(struct buf *out, const json_t *v, const struct style *style,
                      struct span prefix, size_t steps);

static void put_array(struct buf *out, const json_t *v, const struct style *style,
                      struct span prefix, size_t steps) {
    bool lines = !style->line && json_is_object(json_array_get(v, 0));
    (void)buf_putc(out, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i)
            (void)buf_puts(out, lines || style->tight ? "," : ", ");
        if (lines)
            put_line(out, style, prefix, steps + 1);
        put_value(out, json_array_get(v, i), style, prefix, steps + 1);
    }
    if (lines)
        put_line(out, style, prefix, steps);
    (void)buf_putc(out, ']');
}

static void put_name(struct buf *out, const char *name, const struct style *style) {
    (void)buf_put_json_string(out, name, strlen(name));
    (void)buf_puts(out, style->tight ? ":" : ": ");
}

static void put_object(struct buf *out, const json_t *v, const struct style *style,
                       struct span prefix, size_t steps) {
    const char *name;
    json_t *member;
    bool first = true;
    (void)buf_putc(out, '{');
    // jansson's iterators do not change the object, its types only say so.
    json_object_foreach((json_t *)(uintptr_t)v, name, member) {
        if (!first)
            (void)buf_puts(out, !style->line || style->tight ? "," : ", ");
        first = false;
        if (!style->line)
            put_line(out, style, prefix, steps + 1);
        put_name(out, name, style);
        put_value(out, member, style, prefix, steps + 1);
    }
    if (!style->line && !first)
        put_line(out, style, prefix, steps);
    (void)buf_putc(out, '}');
}

// Recurses on what is written, which is ours and a few levels deep.
static void put_value(struct buf *out, const json_t *v, const struct style *style,
                      struct span prefix, size_t steps) {
    if (json_is_object(v))
        put_object(out, v, style, prefix, steps);
    else if (json_is_array(v))
        put_array(out, v, style, prefix, steps);
    else
        (void)buf_put_json(out, v, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void put_child(struct buf *out, const char *part, const json_t *v, const struct style *style,
                      struct span prefix, size_t steps) {
    if (*part != '=')
        put_name(out, part, style);
    put_value(out, v, style, prefix, steps);
}

// --- adding ------------------------------------------------------------------------------------

struct change {
    const char *text;
    size_t n;
    const struct jsonedit_place *place;
    const char *part;
    const json_t *value;
    struct buf *out;
};

static void keep(const struct change *c, size_t from, size_t to) {
    (void)buf_append(c->out, c->text + from, to - from);
}

static void add_to_nothing(const struct change *c, const struct style *style) {
    struct span none = {"", 0};
    keep(c, 0, c->n);
    if (c->n > c->place->start && c->text[c->n - 1] != '\n')
        (void)buf_puts(c->out, style->eol);
    (void)buf_putc(c->out, '{');
    put_line(c->out, style, none, 1);
    put_child(c->out, c->part, c->value, style, none, 1);
    put_line(c->out, style, none, 0);
    (void)buf_putc(c->out, '}');
    (void)buf_puts(c->out, style->eol);
}

static void add_to_empty(const struct change *c, const struct jsonedit_box *box,
                         struct style style) {
    struct span prefix = indentation(c->text, c->place->start, box->open);
    bool comments = box->inner_end > box->open + 1;
    bool own_line = memchr(c->text + box->inner_end, '\n', box->close - box->inner_end);
    if (comments && !own_line)
        style.line = true;
    keep(c, 0, box->inner_end);
    if (!style.line)
        put_line(c->out, &style, prefix, 1);
    else if (comments)
        (void)buf_putc(c->out, ' ');
    put_child(c->out, c->part, c->value, &style, prefix, 1);
    if (!style.line && !comments)
        put_line(c->out, &style, prefix, 0);
    // Behind comments the closing bracket stays where it was.
    keep(c, comments ? box->inner_end : box->close, c->n);
}

static void add_behind(const struct change *c, const struct jsonedit_box *box, struct style style) {
    bool trailing = box->last_comma != JSONEDIT_NONE;
    size_t end = trailing ? box->last_comma + 1 : box->last_end;
    size_t at = jsonedit_after_comments(c->text, c->n, end);
    bool own_line = begins_line(c->text, c->place->start, box->first);
    struct span prefix = indentation(c->text, c->place->start, own_line ? box->first : box->open);
    style.line = on_one_line(c->text, box);
    style.tight = style.line && is_tight(c->text, box);
    keep(c, 0, end);
    if (!trailing)
        (void)buf_putc(c->out, ',');
    keep(c, end, at);
    if (!style.line)
        put_line(c->out, &style, prefix, own_line ? 0 : 1);
    else if (!style.tight)
        (void)buf_putc(c->out, ' ');
    put_child(c->out, c->part, c->value, &style, prefix, own_line ? 0 : 1);
    if (trailing)
        (void)buf_putc(c->out, ',');
    keep(c, at, c->n);
}

static void replace(const struct change *c, const struct jsonedit_box *box,
                    const struct style *style) {
    const struct jsonedit_child *child = &box->found;
    struct style own = *style;
    own.line = style->line || on_one_line(c->text, box);
    own.tight = own.line && is_tight(c->text, box);
    keep(c, 0, child->value);
    put_value(c->out, c->value, &own, indentation(c->text, c->place->start, child->start), 0);
    keep(c, child->end, c->n);
}

// `value` inside the objects that are missing: those of the parts behind `from`. New reference.
static json_t *wrap(const char *const *path, size_t parts, size_t from, const json_t *value) {
    json_t *v = json_deep_copy(value);
    for (size_t i = parts - 1; v && i > from; i--) {
        json_t *outer = *path[i] == '=' ? json_array() : json_object();
        int r = *path[i] == '=' ? json_array_append_new(outer, v)
                                : json_object_set_new(outer, path[i], v);
        if (!outer || r < 0) {
            json_decref(outer);
            return NULL;
        }
        v = outer;
    }
    return v;
}

static int same_value(const char *text, const struct jsonedit_child *c, const json_t *value,
                      struct err *err) {
    json_t *now = NULL;
    int r = jsonedit_load(text, c->value, c->end, &now, err);
    if (r < 0)
        return r;
    r = json_equal(now, value);
    json_decref(now);
    return r;
}

int jsonedit_set(const char *text, size_t n, const char *const *path, const json_t *value,
                 struct buf *out, size_t *ret_made, struct err *err) {
    struct jsonedit_place p;
    int r = jsonedit_locate(text, n, path, &p, err);
    if (r < 0)
        return r;
    size_t last = p.empty ? 0 : p.depth - 1;
    const struct jsonedit_box *box = &p.boxes[last];
    bool there = jsonedit_found(&p);
    if (there && (r = same_value(text, &box->found, value, err)) != 0) {
        if (r > 0 && buf_append(out, text, n) < 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
        return r < 0 ? r : 0;
    }
    json_t *whole = wrap(path, p.parts, last, value);
    if (!whole)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct style style = style_of(text, n, &p);
    struct change c = {text, n, &p, path[last], whole, out};
    if (p.empty)
        add_to_nothing(&c, &style);
    else if (there)
        replace(&c, box, &style);
    else if (box->count)
        add_behind(&c, box, style);
    else
        add_to_empty(&c, box, style);
    json_decref(whole);
    if (out->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (ret_made)
        *ret_made = p.parts - 1 - last;
    return 1;
}

// --- taking out --------------------------------------------------------------------------------

static bool all_blank(const char *text, size_t from, size_t to) {
    for (; from < to; from++)
        if (!strchr(" \t\r\n", text[from]) || !text[from])
            return false;
    return true;
}

// Nothing but the found child stands in it: no other, and no comment.
static bool holds_only(const char *text, const struct jsonedit_box *box) {
    const struct jsonedit_child *c = &box->found;
    size_t end = c->comma_after == JSONEDIT_NONE ? c->end : c->comma_after + 1;
    return box->count == 1 && c->before == box->open + 1 && all_blank(text, end, box->close);
}

// Where the removal begins: with the blanks in front of the child, unless what follows would
// become part of a comment that ends with its line.
static size_t removal_start(const struct change *c, const struct jsonedit_child *child,
                            size_t end) {
    while (end < c->n && (c->text[end] == ' ' || c->text[end] == '\t'))
        end++;
    bool line_ends = end == c->n || c->text[end] == '\n' || c->text[end] == '\r';
    return child->after_line && !line_ends ? child->start : child->before;
}

// The first of several on one line goes with the blanks behind it, not those in front: the offset
// of the next one, or 0.
static size_t next_on_line(const struct change *c, const struct jsonedit_child *child) {
    size_t at = child->comma_after + 1;
    if (child->comma_before != JSONEDIT_NONE || child->comma_after == JSONEDIT_NONE)
        return 0;
    while (at < c->n && (c->text[at] == ' ' || c->text[at] == '\t'))
        at++;
    return at < c->n && !strchr("\r\n/}]", c->text[at]) ? at : 0;
}

static void take_out(const struct change *c, const struct jsonedit_box *box) {
    const struct jsonedit_child *child = &box->found;
    if (holds_only(c->text, box)) {
        keep(c, 0, box->open + 1);
        keep(c, box->close, c->n);
        return;
    }
    size_t next = next_on_line(c, child);
    if (next) {
        keep(c, 0, child->start);
        keep(c, next, c->n);
        return;
    }
    bool comma = child->comma_after != JSONEDIT_NONE;
    size_t end = comma ? child->comma_after + 1 : child->end;
    size_t start = removal_start(c, child, end);
    if (comma || child->comma_before == JSONEDIT_NONE) {
        keep(c, 0, start);
    } else {
        keep(c, 0, child->comma_before);
        keep(c, child->comma_before + 1, start);
    }
    keep(c, end, c->n);
}

int jsonedit_remove(const char *text, size_t n, const char *const *path, size_t made,
                    struct buf *out, struct err *err) {
    struct jsonedit_place p;
    int r = jsonedit_locate(text, n, path, &p, err);
    if (r < 0)
        return r;
    struct change c = {text, n, &p, NULL, NULL, out};
    bool there = jsonedit_found(&p);
    size_t level = p.depth - 1;
    for (; there && made && level && holds_only(text, &p.boxes[level]); made--)
        level--;
    if (there)
        take_out(&c, &p.boxes[level]);
    else
        keep(&c, 0, n);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : there;
}

int jsonedit_get(const char *text, size_t n, const char *const *path, json_t **ret,
                 struct err *err) {
    struct jsonedit_place p;
    int r = jsonedit_locate(text, n, path, &p, err);
    if (r < 0)
        return r;
    *ret = NULL;
    if (!jsonedit_found(&p))
        return 0;
    const struct jsonedit_child *c = &p.boxes[p.depth - 1].found;
    return jsonedit_load(text, c->value, c->end, ret, err);
}
