/* YAML documents: libfyaml's events into a tree in an arena, with limits. */
#include "fmt/yaml.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "fmt/yaml_scalar.h"

#include <assert.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>

enum { DEPTH_LIMIT = 64, NODE_LIMIT = 1000000, FEW_KEYS = 8 };

/* A collection that is still open. Its finished children wait in builder.waiting from `start`: items, or key, value, ... */
typedef struct open_node {
    lt_yaml *node;
    lt_text anchor; /* empty: none */
    size_t start;
} open_node;

typedef struct builder {
    const char *path;
    lt_yaml_options options;
    lt_arena *arena;
    struct fy_diag *diag;
    struct fy_parser *parser;
    lt_text text; /* what is parsed */
    LT_VEC(open_node) open;
    LT_VEC(lt_yaml *) waiting;
    lt_map anchors; /* name to finished node */
    lt_yaml *root;
    size_t nodes;
    uint32_t line, col; /* of the event at hand */
} builder;

static void builder_cleanup(builder *self)
{
    if (self->parser)
        fy_parser_destroy(self->parser);
    if (self->diag)
        fy_diag_destroy(self->diag);
    lt_vec_free(&self->open);
    lt_vec_free(&self->waiting);
    lt_map_cleanup(&self->anchors);
}

/* ---- errors ---- */

static lt_status put_place(const char *path, uint32_t line, uint32_t col, lt_err *err)
{
    if (path && *path)
        return lt_wrap(err, "%s:%u:%u", path, line, col);
    return lt_wrap(err, "%u:%u", line, col);
}

static lt_status fail_at(const builder *self, uint32_t line, uint32_t col, lt_status status,
                         lt_err *err, const char *format, ...) LT_PRINTF(6, 7);
static lt_status fail_at(const builder *self, uint32_t line, uint32_t col, lt_status status,
                         lt_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, status, format, args));
    va_end(args);
    return put_place(self->path, line, col, err);
}

lt_status lt_yaml_fail(const lt_yaml *node, const char *path, lt_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return put_place(path, node->line, node->col, err);
}

static lt_status fail_too_many(const builder *self, lt_err *err)
{
    return fail_at(self, self->line, self->col, LT_TOO_BIG, err, "more than %zu YAML values%s",
                   self->options.node_limit,
                   self->anchors.entries.len ? ", aliases written out" : "");
}

static lt_status fail_too_deep(const builder *self, lt_err *err)
{
    return fail_at(self, self->line, self->col, LT_TOO_BIG, err, "nested deeper than %u levels",
                   self->options.depth);
}

static lt_status hint_quotes(lt_err *err)
{
    return lt_hint(err, "a value that begins with {{ must stand in quotes: \"{{ ... }}\"");
}

static lt_text line_of(lt_text text, uint32_t number)
{
    lt_text line = {0};
    for (uint32_t i = 0; i < number && lt_text_cut(&text, '\n', &line); i++)
        ;
    return line;
}

static bool indents_by_tab(lt_text line)
{
    size_t at = 0;
    while (at < line.len && line.ptr[at] == ' ')
        at++;
    return at < line.len && line.ptr[at] == '\t';
}

/* A line that is no key, no item, and goes on nowhere: "name orders". */
static bool lacks_colon(lt_text line)
{
    lt_text text = lt_text_trim(line);
    bool begins = text.len && (lt_is_alpha(text.ptr[0]) || text.ptr[0] == '_');
    return begins && !lt_text_has(text, T(": ")) && !lt_text_ends(text, T(":"));
}

/* The two slips of everybody. The error is told at the line behind it, at it, or before. */
static void hint_habit(const builder *self, uint32_t at, lt_err *err)
{
    for (uint32_t line = at > 2 ? at - 2 : 1; line <= at + 1; line++) {
        lt_text there = line_of(self->text, line);
        if (indents_by_tab(there)) {
            lt_ignore(lt_hint(err, "line %u is indented by a tab: YAML wants spaces", line));
            return;
        }
        if (lacks_colon(there)) {
            lt_ignore(lt_hint(err, "is a colon missing in line %u, '%.*s'?", line,
                              LT_ARG(lt_text_sub(lt_text_trim(there), 0, 60))));
            return;
        }
    }
}

/* What libfyaml said first. */
static lt_status fail_syntax(builder *self, lt_err *err)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(self->diag, &iterator);
    if (!error || !error->msg)
        return fail_at(self, self->line, self->col, LT_INVALID, err, "not valid YAML");
    uint32_t line = error->line > 0 ? (uint32_t)error->line : 1;
    uint32_t col = error->column > 0 ? (uint32_t)error->column : 1;
    lt_ignore(fail_at(self, line, col, LT_INVALID, err, "not valid YAML: %s", error->msg));
    lt_text there = line_of(self->text, line);
    if (lt_text_has(there, T(": {{")) || lt_text_has(there, T("- {{")))
        lt_ignore(hint_quotes(err));
    else
        hint_habit(self, line, err);
    return LT_INVALID;
}

/* ---- nodes ---- */

static lt_text token_text(struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return lt_text_at(text ? text : "", text ? len : 0);
}

static lt_yaml_style style_of(struct fy_token *token)
{
    switch (fy_token_scalar_style(token)) {
    case FYSS_SINGLE_QUOTED:
        return LT_YAML_SINGLE_QUOTED;
    case FYSS_DOUBLE_QUOTED:
        return LT_YAML_DOUBLE_QUOTED;
    case FYSS_LITERAL:
        return LT_YAML_LITERAL;
    case FYSS_FOLDED:
        return LT_YAML_FOLDED;
    default:
        return LT_YAML_PLAIN;
    }
}

static void note_place(builder *self, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (!mark)
        return; /* implicit: the place before stays */
    self->line = (uint32_t)mark->line + 1;
    self->col = (uint32_t)mark->column + 1;
    if (event->type == FYET_SCALAR && event->scalar.value && self->col > 1) {
        lt_yaml_style style = style_of(event->scalar.value);
        self->col -= style == LT_YAML_SINGLE_QUOTED ||
                     style == LT_YAML_DOUBLE_QUOTED; /* its mark is behind the quote */
    }
}

static lt_yaml *make_node(builder *self, lt_yaml_kind kind)
{
    lt_yaml *node = LT_NEW(self->arena, lt_yaml);
    node->kind = kind;
    node->line = self->line;
    node->col = self->col;
    node->size = node->height = 1;
    return node;
}

static lt_status new_node(builder *self, lt_yaml_kind kind, struct fy_token *tag, lt_yaml **out,
                          lt_err *err)
{
    if (++self->nodes > self->options.node_limit)
        return fail_too_many(self, err);
    lt_yaml *node = make_node(self, kind);
    if (tag)
        node->tag = lt_arena_text(self->options.texts, token_text(tag));
    *out = node;
    return LT_OK;
}

static bool wants_key(const builder *self)
{
    if (self->open.len == 0)
        return false;
    const open_node *top = &self->open.items[self->open.len - 1];
    return top->node->kind == LT_YAML_MAPPING && (self->waiting.len - top->start) % 2 == 0;
}

/* A key that is no scalar is nearly always a template without quotes. */
static lt_status fail_key(const builder *self, lt_err *err)
{
    lt_ignore(fail_at(self, self->line, self->col, LT_INVALID, err, "a key must be a text"));
    return hint_quotes(err);
}

/* A node, finished or an alias to one, becomes a child of the open collection or the root. */
static lt_status attach(builder *self, lt_yaml *node, lt_err *err)
{
    if (self->open.len + node->height > self->options.depth)
        return fail_too_deep(self, err);
    if (wants_key(self) && node->kind != LT_YAML_SCALAR)
        return fail_key(self, err);
    if (self->open.len == 0)
        self->root = node;
    else
        lt_push(&self->waiting, node);
    return LT_OK;
}

static void set_anchor(builder *self, lt_text anchor, lt_yaml *node)
{
    if (anchor.len == 0)
        return;
    if (!lt_map_has(&self->anchors, anchor))
        anchor = lt_arena_text(self->arena, anchor);
    (void)lt_map_put(&self->anchors, anchor, node);
}

static lt_status set_type(builder *self, lt_yaml *node, lt_err *err)
{
    bool known;
    if (node->tag.len == 0) {
        if (node->style == LT_YAML_PLAIN)
            lt_yaml_resolve(node, self->options.yaml11);
        return LT_OK;
    }
    if (lt_yaml_apply_tag(node, self->options.yaml11, &known))
        return LT_OK;
    if (known)
        return fail_at(self, node->line, node->col, LT_INVALID, err,
                       "'%.*s' does not fit its tag %.*s", LT_ARG(node->text), LT_ARG(node->tag));
    return fail_at(self, node->line, node->col, LT_INVALID, err, "unknown tag %.*s",
                   LT_ARG(node->tag));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Step over a folded line break: one is a blank, n are n - 1 line breaks (YAML 1.2, 6.5). */
static size_t fold(lt_text raw, size_t at, lt_buf *out)
{
    size_t breaks = 0;
    while (out->len && is_blank(out->data[out->len - 1]))
        lt_buf_cut(out, out->len - 1);
    for (; at < raw.len && (is_blank(raw.ptr[at]) || raw.ptr[at] == '\n' || raw.ptr[at] == '\r');
         at++)
        breaks += raw.ptr[at] == '\n' ||
                  (raw.ptr[at] == '\r' && !(at + 1 < raw.len && raw.ptr[at + 1] == '\n'));
    if (breaks == 1)
        lt_buf_add_byte(out, ' ');
    for (size_t i = 1; i < breaks; i++)
        lt_buf_add_byte(out, '\n');
    return at;
}

/* libfyaml 0.7.12 leaks memory while it decodes a single-quoted scalar with many '', so that is done here. False: it does not
 * stand in the text as expected. */
static bool decode_quoted(const builder *self, struct fy_token *token, lt_buf *out)
{
    const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);
    if (!start || !end || start->input_pos < 1 || end->input_pos < start->input_pos ||
        end->input_pos >= self->text.len || self->text.ptr[start->input_pos - 1] != '\'' ||
        self->text.ptr[end->input_pos] != '\'')
        return false;
    lt_text raw = lt_text_sub(self->text, start->input_pos, end->input_pos - start->input_pos);
    for (size_t at = 0; at < raw.len;) {
        char c = raw.ptr[at];
        if (c == '\n' || c == '\r') {
            at = fold(raw, at, out);
            continue;
        }
        at += c == '\'' ? 2 : 1;
        lt_buf_add_byte(out, c);
    }
    return true;
}

/* A block of YAML 1.1 whose last line ends with the file and not with a line end: as PyYAML, it has none either. */
static bool ends_the_file(const builder *self, struct fy_token *token)
{
    const struct fy_mark *end = fy_token_end_mark(token);
    lt_yaml_style style = style_of(token);
    return self->options.yaml11 && (style == LT_YAML_LITERAL || style == LT_YAML_FOLDED) && end &&
           end->input_pos >= self->text.len && !lt_text_ends(self->text, T("\n"));
}

static lt_text scalar_text(builder *self, struct fy_token *token)
{
    LT_AUTO(lt_buf) decoded = {.limit = self->text.len + 1};
    if (token && style_of(token) == LT_YAML_SINGLE_QUOTED && decode_quoted(self, token, &decoded))
        return lt_arena_text(self->options.texts, lt_buf_text(&decoded));
    lt_text text = token_text(token);
    if (token && ends_the_file(self, token) && lt_text_ends(text, T("\n")))
        text.len--;
    return lt_arena_text(self->options.texts, text);
}

static lt_text line_at(lt_text text, size_t at)
{
    return lt_text_sub(text, at, lt_text_find_byte(text, '\n', at) - at);
}

static size_t spaces_of(lt_text line)
{
    size_t count = 0;
    while (count < line.len && line.ptr[count] == ' ')
        count++;
    return count;
}

/* A literal block: its lines stand in the file with the same number of spaces in front. */
static void place_block(const builder *self, size_t at, lt_yaml *node)
{
    lt_text first = line_at(node->text, 0), source;
    size_t line = node->line, own = spaces_of(first);
    while (at > 0 && self->text.ptr[at - 1] != '\n')
        at--;
    for (int i = 0; i < 2 && first.len > own; i++, line++) { /* the mark, then the first line */
        source = line_at(self->text, at);
        size_t spaces = spaces_of(source);
        if (spaces >= own && lt_text_eq(lt_text_sub(source, spaces - own, SIZE_MAX), first)) {
            node->text_line = (uint32_t)line;
            node->text_indent = (uint32_t)(spaces - own);
            node->text_col = node->text_indent + 1;
            return;
        }
        at += source.len + 1;
        if (at >= self->text.len)
            return;
    }
}

static void place_text(const builder *self, struct fy_token *token, lt_yaml *node)
{
    const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);
    if (!start || !end || start->input_pos > end->input_pos || end->input_pos > self->text.len)
        return;
    lt_text raw = lt_text_sub(self->text, start->input_pos, end->input_pos - start->input_pos);
    if (node->style == LT_YAML_LITERAL) {
        place_block(self, start->input_pos, node);
    } else if (lt_text_eq(raw, node->text)) {
        node->text_line = (uint32_t)start->line + 1;
        node->text_col = (uint32_t)start->column + 1;
    }
}

static lt_status on_scalar(builder *self, const struct fy_event *event, lt_err *err)
{
    lt_yaml *node;
    LT_TRY(new_node(self, LT_YAML_SCALAR, event->scalar.tag, &node, err));
    node->text = scalar_text(self, event->scalar.value);
    node->size += node->text.len / LT_YAML_TEXT_BYTES;
    if (event->scalar.value) {
        node->style = style_of(event->scalar.value);
        place_text(self, event->scalar.value, node);
    }
    LT_TRY(set_type(self, node, err));
    LT_TRY(attach(self, node, err));
    set_anchor(self, token_text(event->scalar.anchor), node);
    return LT_OK;
}

static lt_status on_alias(builder *self, const struct fy_event *event, lt_err *err)
{
    lt_text name = token_text(event->alias.anchor);
    for (size_t i = 0; i < self->open.len; i++)
        if (lt_text_eq(self->open.items[i].anchor, name))
            return fail_at(self, self->line, self->col, LT_INVALID, err,
                           "the alias *%.*s stands inside what it names", LT_ARG(name));
    lt_yaml *node = lt_map_find(&self->anchors, name);
    if (!node)
        return fail_at(self, self->line, self->col, LT_INVALID, err,
                       "there is no anchor &%.*s before this alias", LT_ARG(name));
    return attach(self, node, err);
}

static lt_status on_open(builder *self, lt_yaml_kind kind, struct fy_token *tag,
                         struct fy_token *anchor, lt_err *err)
{
    static const lt_text tags[] = {[LT_YAML_SEQUENCE] = {"tag:yaml.org,2002:seq", 21},
                                   [LT_YAML_MAPPING] = {"tag:yaml.org,2002:map", 21}};
    lt_yaml *node;
    if (self->open.len >= self->options.depth)
        return fail_too_deep(self, err);
    if (wants_key(self))
        return fail_key(self, err);
    LT_TRY(new_node(self, kind, tag, &node, err));
    if (node->tag.len && !lt_text_eq(node->tag, tags[kind]) && !lt_text_eq(node->tag, T("!")))
        return fail_at(self, node->line, node->col, LT_INVALID, err, "unknown tag %.*s",
                       LT_ARG(node->tag));
    open_node opened = {.node = node, .start = self->waiting.len};
    if (anchor)
        opened.anchor = lt_arena_text(self->arena, token_text(anchor));
    lt_push(&self->open, opened);
    return LT_OK;
}

/* ---- keys that stand twice, merge keys ---- */

typedef struct pair {
    lt_yaml *key, *value;
} pair;

/* The pairs of a mapping while it is closed. */
typedef struct pairs {
    pair *items; /* in the arena */
    size_t len, cap;
} pairs;

/* Keep one pair for each key: the last value in the place of the first (as a dict in Python does), or fail. */
static lt_status keep_one_each(builder *self, pairs *all, bool is_merged, lt_map *seen, lt_err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->len; i++) {
        pair now = all->items[i];
        pair *first = lt_map_find(seen, now.key->text);
        if (!first) {
            all->items[kept] = now;
            (void)lt_map_put(seen, now.key->text, &all->items[kept++]);
            continue;
        }
        if (!self->options.yaml11)
            return fail_at(self, now.key->line, now.key->col, LT_INVALID, err,
                           "the key '%.*s' stands twice (first at %u:%u)", LT_ARG(now.key->text),
                           first->key->line, first->key->col);
        if (self->options.doubles && !is_merged) {
            const lt_yaml_double twice = {now.key->text, now.key->line, now.key->col};
            lt_push_in(self->arena, self->options.doubles, twice);
        }
        *first = now;
    }
    all->len = kept;
    return LT_OK;
}

static bool all_differ(const pairs *all)
{
    if (all->len > FEW_KEYS)
        return false;
    for (size_t i = 1; i < all->len; i++)
        for (size_t j = 0; j < i; j++)
            if (lt_text_eq(all->items[i].key->text, all->items[j].key->text))
                return false;
    return true;
}

static lt_status check_keys(builder *self, pairs *all, bool is_merged, lt_err *err)
{
    if (all_differ(all))
        return LT_OK;
    LT_AUTO(lt_map) seen = {0};
    return keep_one_each(self, all, is_merged, &seen, err);
}

static bool is_merge(const lt_yaml *key)
{
    return key->style == LT_YAML_PLAIN && lt_text_eq(key->text, T("<<"));
}

static lt_status merge_one(builder *self, pairs *all, const lt_yaml *from, lt_err *err)
{
    if (from->kind != LT_YAML_MAPPING)
        return fail_at(self, from->line, from->col, LT_INVALID, err,
                       "'<<' needs a mapping or a list of mappings, got %s", lt_yaml_name(from));
    self->nodes += from->count; /* merging merges multiplies pairs: they count as nodes */
    if (self->nodes > self->options.node_limit)
        return fail_too_many(self, err);
    for (size_t i = 0; i < from->count; i++) {
        pair merged = {from->keys[i], from->items[i]};
        lt_push_in(self->arena, all, merged);
    }
    return LT_OK;
}

static lt_status merge(builder *self, pairs *all, const lt_yaml *value, lt_err *err)
{
    if (value->kind != LT_YAML_SEQUENCE)
        return merge_one(self, all, value, err);
    for (size_t i = value->count; i-- > 0;) /* earlier ones win */
        LT_TRY(merge_one(self, all, value->items[i], err));
    return LT_OK;
}

/* Merged pairs stand in front, so that the mapping's own win. */
static lt_status collect_pairs(builder *self, const open_node *top, pairs *all, bool *is_merged,
                               lt_err *err)
{
    size_t count = (self->waiting.len - top->start) / 2;
    if (count == 0)
        return LT_OK;
    lt_yaml **children = self->waiting.items + top->start;
    if (self->options.yaml11)
        for (size_t i = 0; i < count; i++)
            if (is_merge(children[2 * i])) {
                *is_merged = true;
                LT_TRY(merge(self, all, children[2 * i + 1], err));
            }
    for (size_t i = 0; i < count; i++) {
        pair own = {children[2 * i], children[2 * i + 1]};
        if (!self->options.yaml11 || !is_merge(own.key))
            lt_push_in(self->arena, all, own);
    }
    return LT_OK;
}

static lt_status fill_mapping(builder *self, const open_node *top, lt_err *err)
{
    pairs all = {0};
    bool is_merged = false;
    LT_TRY(collect_pairs(self, top, &all, &is_merged, err));
    LT_TRY(check_keys(self, &all, is_merged, err));
    lt_yaml *node = top->node;
    node->count = all.len;
    node->keys = lt_alloc_array(self->arena, all.len, sizeof(*node->keys));
    node->items = lt_alloc_array(self->arena, all.len, sizeof(*node->items));
    for (size_t i = 0; i < all.len; i++) {
        node->keys[i] = all.items[i].key;
        node->items[i] = all.items[i].value;
    }
    return LT_OK;
}

static void fill_sequence(builder *self, const open_node *top)
{
    lt_yaml *node = top->node;
    node->count = self->waiting.len - top->start;
    node->items = lt_alloc_array(self->arena, node->count, sizeof(*node->items));
    if (node->count)
        memcpy(node->items, self->waiting.items + top->start, node->count * sizeof(*node->items));
}

static lt_status measure(builder *self, lt_yaml *node, lt_err *err)
{
    for (size_t i = 0; i < node->count; i++) {
        node->size += node->items[i]->size + (node->keys != NULL);
        node->height = LT_MAX(node->height, node->items[i]->height + 1);
    }
    return node->size > self->options.node_limit ? fail_too_many(self, err) : LT_OK;
}

static lt_status on_close(builder *self, lt_err *err)
{
    assert(self->open.len && self->open.items); /* libfyaml closes what it opened */
    open_node top = self->open.items[--self->open.len];
    if (top.node->kind == LT_YAML_MAPPING)
        LT_TRY(fill_mapping(self, &top, err));
    else
        fill_sequence(self, &top);
    LT_TRY(measure(self, top.node, err));
    self->waiting.len = top.start;
    LT_TRY(attach(self, top.node, err));
    set_anchor(self, top.anchor, top.node);
    return LT_OK;
}

/* ---- events ---- */

static lt_status on_document(builder *self, lt_err *err)
{
    if (!self->root)
        return LT_OK;
    return fail_at(self, self->line, self->col, LT_INVALID, err,
                   "a second document: a file holds one");
}

static lt_status on_event(builder *self, struct fy_event *event, lt_err *err)
{
    note_place(self, event);
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return on_document(self, err);
    case FYET_SCALAR:
        return on_scalar(self, event, err);
    case FYET_ALIAS:
        return on_alias(self, event, err);
    case FYET_SEQUENCE_START:
        return on_open(self, LT_YAML_SEQUENCE, event->sequence_start.tag,
                       event->sequence_start.anchor, err);
    case FYET_MAPPING_START:
        return on_open(self, LT_YAML_MAPPING, event->mapping_start.tag, event->mapping_start.anchor,
                       err);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_close(self, err);
    default:
        return LT_OK;
    }
}

static lt_status read_events(builder *self, lt_err *err)
{
    bool more = true;
    while (more) {
        struct fy_event *event = fy_parser_parse(self->parser);
        if (!event)
            return fail_syntax(self, err);
        more = event->type != FYET_STREAM_END;
        lt_status status = on_event(self, event, err);
        fy_parser_event_free(self->parser, event);
        LT_TRY(status);
    }
    return fy_diag_got_error(self->diag) ? fail_syntax(self, err) : LT_OK;
}

static lt_status start(builder *self, lt_text text, lt_err *err)
{
    struct fy_diag_cfg diag_cfg;
    self->text = text;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.level = FYET_ERROR;
    diag_cfg.colorize = false;
    self->diag = fy_diag_create(&diag_cfg);
    if (!self->diag)
        return lt_fail(err, LT_IO, "cannot start the YAML parser");
    fy_diag_set_collect_errors(self->diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2, .diag = self->diag};
    if (self->options.yaml11) /* as the readers of YAML 1.1 that people have; 1.2 says no */
        cfg.flags |= FYPCF_SLOPPY_FLOW_INDENTATION;
    self->parser = fy_parser_create(&cfg);
    if (!self->parser || fy_parser_set_string(self->parser, text.ptr, text.len) != 0)
        return lt_fail(err, LT_IO, "cannot start the YAML parser");
    return LT_OK;
}

/* What libfyaml should never see. */
static lt_status check_bytes(const builder *self, lt_text text, lt_err *err)
{
    size_t valid = lt_utf8_valid_len(text);
    size_t nul = text.len ? lt_text_find_byte(text, '\0', 0) : SIZE_MAX;
    size_t bad = LT_MIN(valid == text.len ? SIZE_MAX : valid, nul);
    if (bad == SIZE_MAX)
        return LT_OK;
    uint32_t line = 1, col = 1;
    for (size_t i = 0; i < bad; i++) {
        col += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
        if (text.ptr[i] == '\n') {
            line++;
            col = 1;
        }
    }
    return fail_at(self, line, col, LT_INVALID, err,
                   bad == nul ? "a NUL byte" : "the text is not UTF-8");
}

lt_status lt_yaml_read(lt_text text, const char *path, const lt_yaml_options *options,
                       lt_arena *arena, lt_yaml **root, lt_err *err)
{
    LT_AUTO(builder) self = {.path = path, .arena = arena, .line = 1, .col = 1};
    if (options)
        self.options = *options;
    if (!self.options.texts)
        self.options.texts = arena;
    if (self.options.depth == 0)
        self.options.depth = DEPTH_LIMIT;
    if (self.options.node_limit == 0)
        self.options.node_limit = NODE_LIMIT;
    LT_TRY(check_bytes(&self, text, err));
    if (lt_text_starts(text, T("\xEF\xBB\xBF")))
        text = lt_text_sub(text, 3, text.len);
    if (lt_text_trim(text).len) {
        LT_TRY(start(&self, text, err));
        LT_TRY(read_events(&self, err));
    }
    if (!self.root) { /* nothing but comments */
        self.line = self.col = 1;
        self.root = make_node(&self, LT_YAML_SCALAR);
        self.root->text = T("");
        self.root->type = LT_YAML_NULL;
    }
    *root = self.root;
    return LT_OK;
}

/* ---- asking ---- */

lt_yaml *lt_yaml_find(const lt_yaml *mapping, lt_text key)
{
    if (!mapping || mapping->kind != LT_YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++)
        if (lt_text_eq(mapping->keys[i]->text, key))
            return mapping->items[i];
    return NULL;
}

const char *lt_yaml_name(const lt_yaml *node)
{
    static const char *const types[] = {
        [LT_YAML_STRING] = "a text",      [LT_YAML_NULL] = "nothing",
        [LT_YAML_BOOL] = "true or false", [LT_YAML_INT] = "a whole number",
        [LT_YAML_FLOAT] = "a number",     [LT_YAML_TIME] = "a date",
    };
    if (node->kind == LT_YAML_SCALAR)
        return types[node->type];
    return node->kind == LT_YAML_MAPPING ? "a mapping" : "a list";
}
