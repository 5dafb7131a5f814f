/* Selection: words and selectors.yml become a tree of criteria, the tree a set of nodes, and tests come along. */
#include "dbt/select/select.h"

#include "base/fs.h"
#include "dbt/artifacts/manifest.h"
#include "dbt/inner.h"
#include "dbt/select/method.h"

enum { MOST_DEPTH = 64 };

typedef enum expr_kind { CRITERION, UNION, INTERSECTION, DIFFERENCE } expr_kind;

typedef struct expr {
    expr_kind kind;
    LT_VEC(struct expr *) parts; /* of a difference: what stays, then what goes */
    lt_text word;                /* as it was written; for messages */
    lt_dbt_term term;
    bool childrens_parents, parents, children;
    size_t parents_depth, children_depth;
    lt_dbt_indirect indirect;
} expr;

typedef struct selecting {
    const lt_dbt_selecting *asked;
    const lt_dbt *dbt;
    lt_arena *arena;
    lt_dbt_nodes *child_lists;
    lt_texts *unmatched;
} selecting;

/* A pair as dbt keeps it: chosen, and tests that would come along if all they read is chosen. */
typedef struct pair {
    lt_node_set direct, indirect;
} pair;

/* ---- words ---- */

static bool read_depth(lt_text text, size_t *out)
{
    uint64_t depth;
    *out = SIZE_MAX;
    if (!text.len)
        return true;
    if (!lt_text_to_u64(text, &depth))
        return false;
    *out = (size_t)depth;
    return true;
}

/* "@", "2+" and "+" in front. */
static void read_front(expr *e, lt_text *word)
{
    size_t plus = 0;
    if (lt_text_starts(*word, T("@"))) {
        e->childrens_parents = true;
        *word = lt_text_sub(*word, 1, SIZE_MAX);
    }
    while (plus < word->len && lt_is_digit(word->ptr[plus]))
        plus++;
    if (plus < word->len && word->ptr[plus] == '+' &&
        read_depth(lt_text_sub(*word, 0, plus), &e->parents_depth)) {
        e->parents = true;
        *word = lt_text_sub(*word, plus + 1, SIZE_MAX);
    }
}

static void read_back(expr *e, lt_text *word)
{
    size_t end = word->len;
    while (end && lt_is_digit(word->ptr[end - 1]))
        end--;
    if (end && word->ptr[end - 1] == '+' &&
        read_depth(lt_text_sub(*word, end, SIZE_MAX), &e->children_depth)) {
        e->children = true;
        word->len = end - 1;
    }
}

static bool is_method_name(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_alpha(text.ptr[i]) && !lt_is_digit(text.ptr[i]) && text.ptr[i] != '_' &&
            text.ptr[i] != '.')
            return false;
    return text.len > 0;
}

static bool is_file_name(lt_text value)
{
    static const lt_text ends[] = {T(".sql"), T(".py"), T(".csv"), T(".yml")};
    for (size_t i = 0; i < LT_COUNT(ends); i++)
        if (value.len >= ends[i].len &&
            lt_text_eq_nocase(lt_text_sub(value, value.len - ends[i].len, SIZE_MAX), ends[i]))
            return true;
    return false;
}

static lt_status set_method(expr *e, lt_text method, lt_text value, lt_err *err)
{
    size_t dot = lt_text_find_byte(method, '.', 0);
    e->term.value = value;
    if (dot != SIZE_MAX) {
        e->term.argument = lt_text_sub(method, dot + 1, SIZE_MAX);
        method = lt_text_sub(method, 0, dot);
    }
    return lt_dbt_method_find(method, &e->term.method, err);
}

static lt_status read_term(selecting *s, lt_text word, expr **out, lt_err *err)
{
    expr *e = LT_NEW(s->arena, expr);
    *e = (expr){.kind = CRITERION, .word = word, .indirect = s->asked->indirect};
    read_front(e, &word);
    read_back(e, &word);
    size_t colon = lt_text_find_byte(word, ':', 0);
    lt_text method = T("fqn"), value = word;
    if (colon != SIZE_MAX && is_method_name(lt_text_sub(word, 0, colon))) {
        method = lt_text_sub(word, 0, colon);
        value = lt_text_sub(word, colon + 1, SIZE_MAX);
    } else if (is_file_name(word) && lt_text_find_byte(word, '/', 0) == SIZE_MAX) {
        method = T("file");
    } else if (lt_text_find_byte(word, '/', 0) != SIZE_MAX) {
        method = T("path");
    }
    if (e->childrens_parents && e->children) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s': '@' in front and '+' behind do not go together",
                          LT_ARG(e->word)));
        return lt_hint(err, "'@x' is x, all that needs it, and all that these need");
    }
    LT_TRY(set_method(e, method, value, err));
    *out = e;
    return LT_OK;
}

static expr *group(selecting *s, expr_kind kind)
{
    expr *e = LT_NEW(s->arena, expr);
    *e = (expr){.kind = kind, .indirect = s->asked->indirect};
    return e;
}

/* "a,b" */
static lt_status read_word(selecting *s, lt_text word, expr **out, lt_err *err)
{
    lt_text rest = word, part;
    expr *both = group(s, INTERSECTION);
    both->word = word;
    while (lt_text_cut(&rest, ',', &part)) {
        expr *term = NULL;
        LT_TRY(read_term(s, part, &term, err));
        lt_push_in(s->arena, &both->parts, term);
    }
    *out = both->parts.len == 1 ? both->parts.items[0] : both;
    return LT_OK;
}

static lt_status read_words(selecting *s, const char *const *words, size_t count, expr **out,
                            lt_err *err)
{
    expr *all = group(s, UNION);
    for (size_t i = 0; i < count; i++) {
        lt_text rest = lt_text_of(words[i]), part;
        while (lt_text_cut(&rest, ' ', &part)) {
            expr *word = NULL;
            if (!lt_text_trim(part).len)
                continue;
            LT_TRY(read_word(s, lt_text_trim(part), &word, err));
            lt_push_in(s->arena, &all->parts, word);
        }
    }
    *out = all;
    return LT_OK;
}

/* ---- selectors.yml ---- */

static lt_status read_definition(selecting *s, lt_jinja_value value, unsigned depth, expr **out,
                                 lt_err *err);

static lt_text selector_name(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    lt_jinja_value key = {0}, value;
    for (size_t at = 0; lt_jinja_next(dbt->selectors, &at, &key, &value) && i; i--)
        ;
    return lt_jinja_as_text(key);
}

static lt_status find_selector(selecting *s, lt_text name, unsigned depth, expr **out, lt_err *err)
{
    lt_jinja_value found = {0};
    if (s->dbt->selectors.type == LT_JINJA_DICT && lt_jinja_find(s->dbt->selectors, name, &found))
        return read_definition(s, lt_dbt_at(found, "definition"), depth, out, err);
    lt_ignore(
        lt_fail(err, LT_INVALID, "there is no selector '%.*s' in selectors.yml", LT_ARG(name)));
    lt_text near;
    if (lt_text_nearest(name, lt_jinja_len(s->dbt->selectors), selector_name, s->dbt, &near))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(near));
    return lt_hint(err, "define it there, or select with --select");
}

static lt_status read_parts(selecting *s, lt_jinja_value list, unsigned depth, expr *into,
                            lt_err *err)
{
    expr *without = group(s, UNION);
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_jinja_value item = lt_jinja_at(list, i), exclude;
        expr *part = NULL;
        if (item.type == LT_JINJA_DICT && lt_jinja_len(item) == 1 &&
            lt_jinja_find(item, T("exclude"), &exclude)) {
            LT_TRY(read_parts(s, exclude, depth + 1, without, err));
            continue;
        }
        LT_TRY(read_definition(s, item, depth + 1, &part, err));
        lt_push_in(s->arena, &into->parts, part);
    }
    if (!without->parts.len)
        return LT_OK;
    expr *stays = group(s, into->kind);
    stays->parts = into->parts;
    into->kind = DIFFERENCE;
    into->parts.items = NULL;
    into->parts.len = into->parts.cap = 0;
    lt_push_in(s->arena, &into->parts, stays);
    lt_push_in(s->arena, &into->parts, without);
    return LT_OK;
}

static lt_dbt_indirect indirect_of(lt_text name, lt_dbt_indirect otherwise)
{
    static const char *const names[] = {"eager", "cautious", "buildable", "empty"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq(lt_text_of(names[i]), name))
            return (lt_dbt_indirect)i;
    return otherwise;
}

static size_t depth_at(lt_jinja_value dict, const char *key)
{
    lt_jinja_value value = lt_dbt_at(dict, key);
    return value.type == LT_JINJA_INT && value.as.i >= 0 ? (size_t)value.as.i : SIZE_MAX;
}

static lt_text as_text(selecting *s, lt_jinja_value value)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (value.type == LT_JINJA_STR)
        return lt_jinja_as_text(value);
    lt_jinja_str(value, &text);
    return lt_arena_text(s->arena, lt_buf_text(&text));
}

/* As it would be written behind --select. */
static lt_text term_words(selecting *s, lt_text method, lt_text value)
{
    return lt_text_of(lt_arena_format(s->arena, "%.*s:%.*s", LT_ARG(method), LT_ARG(value)));
}

static lt_status read_method(selecting *s, lt_jinja_value dict, unsigned depth, expr **out,
                             lt_err *err)
{
    lt_jinja_value exclude = lt_dbt_at(dict, "exclude");
    lt_text method = lt_jinja_as_text(lt_dbt_at(dict, "method"));
    expr *e = group(s, CRITERION);
    if (lt_text_eq(method, T("selector"))) {
        LT_TRY(find_selector(s, as_text(s, lt_dbt_at(dict, "value")), depth + 1, out, err));
        e = *out;
    } else {
        e->childrens_parents = lt_jinja_truth(lt_dbt_at(dict, "childrens_parents"));
        e->parents = lt_jinja_truth(lt_dbt_at(dict, "parents"));
        e->children = lt_jinja_truth(lt_dbt_at(dict, "children"));
        e->parents_depth = depth_at(dict, "parents_depth");
        e->children_depth = depth_at(dict, "children_depth");
        e->indirect = indirect_of(lt_jinja_as_text(lt_dbt_at(dict, "indirect_selection")),
                                  s->asked->indirect);
        lt_text value = as_text(s, lt_dbt_at(dict, "value"));
        e->word = term_words(s, method, value);
        LT_TRY(set_method(e, method, value, err));
    }
    *out = e;
    if (exclude.type != LT_JINJA_LIST)
        return LT_OK;
    expr *minus = group(s, DIFFERENCE), *without = group(s, UNION);
    LT_TRY(read_parts(s, exclude, depth + 1, without, err));
    lt_push_in(s->arena, &minus->parts, e);
    lt_push_in(s->arena, &minus->parts, without);
    *out = minus;
    return LT_OK;
}

static lt_status read_definition(selecting *s, lt_jinja_value value, unsigned depth, expr **out,
                                 lt_err *err)
{
    lt_jinja_value list, key, item;
    size_t at = 0;
    if (depth > MOST_DEPTH)
        return lt_fail(err, LT_INVALID,
                       "selectors.yml: a selector means itself, or nests too deep");
    if (value.type == LT_JINJA_STR)
        return read_word(s, lt_jinja_as_text(value), out, err);
    if (value.type != LT_JINJA_DICT || !lt_jinja_len(value))
        return lt_fail(err, LT_INVALID, "selectors.yml: a definition is a text or a mapping");
    bool both = lt_jinja_find(value, T("intersection"), &list);
    if (both || lt_jinja_find(value, T("union"), &list)) {
        if (list.type != LT_JINJA_LIST)
            return lt_fail(err, LT_INVALID, "selectors.yml: %s must be a list",
                           both ? "intersection" : "union");
        *out = group(s, both ? INTERSECTION : UNION);
        return read_parts(s, list, depth, *out, err);
    }
    if (lt_dbt_is_set(lt_dbt_at(value, "method")))
        return read_method(s, value, depth, out, err);
    if (lt_jinja_len(value) != 1)
        return lt_fail(err, LT_INVALID,
                       "selectors.yml: a definition needs 'method', 'union' or 'intersection'");
    (void)lt_jinja_next(value, &at, &key, &item); /* {tag: nightly} */
    expr *e = group(s, CRITERION);
    e->word = term_words(s, lt_jinja_as_text(key), as_text(s, item));
    *out = e;
    return set_method(e, lt_jinja_as_text(key), as_text(s, item), err);
}

lt_status lt_dbt_selectors_read(lt_dbt *dbt, lt_err *err)
{
    lt_yaml *root = NULL;
    lt_jinja_value whole;
    value_source source = {.dbt = dbt, .package = dbt->root, .path = "selectors.yml"};
    LT_AUTO(lt_chars) full = lt_path_join(dbt->settings.root, "selectors.yml");
    if (!lt_path_exists(full))
        return LT_OK;
    LT_TRY(lt_dbt_yaml_file(dbt, dbt->settings.root, "selectors.yml", &root, NULL, err));
    const lt_yaml *list = lt_yaml_find(root, T("selectors"));
    if (lt_dbt_is_null(list))
        return lt_yaml_fail(root, "selectors.yml", err, "'selectors' is missing");
    LT_TRY(lt_dbt_need_list("selectors.yml", list, "selectors", err));
    dbt->selectors = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < list->count; i++) {
        lt_text name = {0};
        LT_TRY(lt_dbt_need_text("selectors.yml", list->items[i], T("name"), &name, err));
        if (!lt_yaml_find(list->items[i], T("definition")))
            return lt_yaml_fail(list->items[i], "selectors.yml", err, "'definition' is missing");
        LT_TRY(lt_dbt_value(&source, list->items[i], &whole, err));
        lt_jinja_put_value(dbt->selectors, lt_jinja_text(name), whole);
    }
    return LT_OK;
}

lt_text lt_dbt_default_selector(const lt_dbt *dbt)
{
    lt_jinja_value key, value;
    for (size_t at = 0;
         dbt->selectors.type == LT_JINJA_DICT && lt_jinja_next(dbt->selectors, &at, &key, &value);)
        if (lt_jinja_truth(lt_dbt_at(value, "default")))
            return lt_jinja_as_text(key);
    return (lt_text){0};
}

/* ---- sets ---- */

static void copy_set(const selecting *s, lt_node_set *to, const lt_node_set *from)
{
    lt_node_set_init(to, s->dbt->all.len);
    memcpy(to->bits, from->bits, (from->count / 64 + 1) * sizeof(*from->bits));
}

typedef enum set_op { OP_OR, OP_AND, OP_WITHOUT } set_op;

static void combine(lt_node_set *into, const lt_node_set *with, set_op op)
{
    for (size_t i = 0; i < into->count / 64 + 1; i++)
        into->bits[i] = op == OP_OR    ? into->bits[i] | with->bits[i]
                        : op == OP_AND ? into->bits[i] & with->bits[i]
                                       : into->bits[i] & ~with->bits[i];
}

static const lt_dbt_nodes *neighbours(const selecting *s, size_t index, bool up)
{
    return up ? &s->dbt->all.items[index]->depends_on : &s->child_lists[index];
}

/* Add what is at most `depth` steps up or down. */
static void grow(const selecting *s, lt_node_set *set, bool up, size_t depth)
{
    size_t count = s->dbt->all.len, len = 0, *queue = lt_xcalloc(count + 1, sizeof(*queue));
    for (size_t i = 0; i < count; i++)
        if (lt_node_set_has(set, i))
            queue[len++] = i;
    for (size_t at = 0, end = len; depth && at < end; depth--, end = len)
        for (; at < end; at++) {
            const lt_dbt_nodes *list = neighbours(s, queue[at], up);
            for (size_t k = 0; k < list->len; k++) {
                size_t index = list->items[k]->index;
                if (lt_node_set_has(set, index))
                    continue;
                lt_node_set_add(set, index);
                queue[len++] = index;
            }
        }
    lt_free(queue);
}

/* ---- tests that come along ---- */

static bool comes_along(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST ||
           node->kind == LT_DBT_UNIT_TEST;
}

static bool all_in(const lt_dbt_node *node, const lt_node_set *set)
{
    for (size_t i = 0; i < node->depends_on.len; i++)
        if (!lt_node_set_has(set, node->depends_on.items[i]->index))
            return false;
    return true;
}

/* What counts as there: the selected; in buildable mode also all above it, and every source. */
static void allowed_parents(const selecting *s, const lt_node_set *selected, bool buildable,
                            lt_node_set *out)
{
    copy_set(s, out, selected);
    if (!buildable)
        return;
    grow(s, out, true, SIZE_MAX);
    for (size_t i = 0; i < s->dbt->all.len; i++)
        if (s->dbt->all.items[i]->kind == LT_DBT_SOURCE)
            lt_node_set_add(out, i);
}

static void add_tests(const selecting *s, lt_dbt_indirect mode, pair *p)
{
    LT_AUTO(lt_node_set) selected = {0};
    LT_AUTO(lt_node_set) there = {0};
    if (mode == LT_DBT_NO_INDIRECT)
        return;
    copy_set(s, &selected, &p->direct);
    allowed_parents(s, &selected, mode == LT_DBT_BUILDABLE, &there);
    for (size_t i = 0; i < s->dbt->all.len; i++) {
        if (!lt_node_set_has(&selected, i))
            continue;
        for (size_t k = 0; k < s->child_lists[i].len; k++) {
            const lt_dbt_node *test = s->child_lists[i].items[k];
            if (!comes_along(test))
                continue;
            bool now = mode == LT_DBT_EAGER || all_in(test, &there);
            lt_node_set_add(now ? &p->direct : &p->indirect, test->index);
        }
    }
}

/* Tests that single criteria could not take, but all of them together can. */
static void add_late_tests(const selecting *s, lt_dbt_indirect mode, lt_node_set *direct,
                           const lt_node_set *indirect)
{
    LT_AUTO(lt_node_set) there = {0};
    if (mode == LT_DBT_EAGER || mode == LT_DBT_NO_INDIRECT)
        return;
    allowed_parents(s, direct, mode == LT_DBT_BUILDABLE, &there);
    for (size_t i = 0; i < s->dbt->all.len; i++)
        if (lt_node_set_has(indirect, i) && all_in(s->dbt->all.items[i], &there))
            lt_node_set_add(direct, i);
}

/* ---- evaluation ---- */

static void pair_cleanup(pair *p)
{
    lt_node_set_cleanup(&p->direct);
    lt_node_set_cleanup(&p->indirect);
}

static lt_status eval_criterion(selecting *s, const expr *e, pair *out, lt_err *err)
{
    lt_dbt_method_context context = {.dbt = s->dbt, .state = s->asked->state, .arena = s->arena};
    LT_TRY(lt_dbt_method_run(&context, &e->term, &out->direct, err));
    if (e->childrens_parents) {
        grow(s, &out->direct, false, SIZE_MAX);
        grow(s, &out->direct, true, SIZE_MAX);
    }
    LT_AUTO(lt_node_set) above = {0};
    copy_set(s, &above, &out->direct);
    if (e->parents)
        grow(s, &above, true, e->parents_depth);
    if (e->children)
        grow(s, &out->direct, false, e->children_depth);
    combine(&out->direct, &above, OP_OR);
    if (!lt_node_set_size(&out->direct) && s->unmatched && e->word.len)
        lt_push_in(s->arena, s->unmatched, e->word);
    add_tests(s, e->indirect, out);
    return LT_OK;
}

static lt_status eval(selecting *s, const expr *e, pair *out, lt_err *err); /* depth is limited */

static lt_status eval_group(selecting *s, const expr *e, pair *out, lt_err *err)
{
    lt_node_set indirect;
    lt_node_set_init(&indirect, s->dbt->all.len);
    lt_status status = LT_OK;
    for (size_t i = 0; i < e->parts.len && status == LT_OK; i++) {
        pair part;
        lt_node_set_init(&part.direct, s->dbt->all.len);
        lt_node_set_init(&part.indirect, s->dbt->all.len);
        status = eval(s, e->parts.items[i], &part, err);
        set_op op = i == 0 || e->kind == UNION ? OP_OR
                    : e->kind == INTERSECTION  ? OP_AND
                                               : OP_WITHOUT;
        combine(&part.indirect, &part.direct, OP_OR);
        combine(&out->direct, &part.direct, op);
        combine(&indirect, &part.indirect, op);
        pair_cleanup(&part);
    }
    if (status == LT_OK) {
        add_late_tests(s, s->asked->indirect, &out->direct, &indirect);
        combine(&out->indirect, &indirect, OP_OR);
    }
    lt_node_set_cleanup(&indirect);
    return status;
}

static lt_status eval(selecting *s, const expr *e, pair *out, lt_err *err)
{
    return e->kind == CRITERION ? eval_criterion(s, e, out, err) : eval_group(s, e, out, err);
}

/* ---- all of it ---- */

static lt_status everything(selecting *s, expr **out, lt_err *err)
{
    lt_text name = s->asked->no_default ? (lt_text){0} : lt_dbt_default_selector(s->dbt);
    if (name.len)
        return find_selector(s, name, 0, out, err);
    expr *all = group(s, CRITERION);
    *out = all;
    return set_method(all, T("everything"), T("*"), err);
}

static lt_status read_asked(selecting *s, expr **out, lt_err *err)
{
    const lt_dbt_selecting *asked = s->asked;
    expr *in = NULL, *not_in = NULL;
    if (asked->selector)
        return find_selector(s, lt_text_of(asked->selector), 0, out, err);
    if (asked->select_count)
        LT_TRY(read_words(s, asked->select, asked->select_count, &in, err));
    else if (!asked->exclude_count)
        return everything(s, out, err);
    else {
        in = group(s, CRITERION);
        LT_TRY(set_method(in, T("everything"), T("*"), err));
    }
    *out = in;
    if (!asked->exclude_count)
        return LT_OK;
    LT_TRY(read_words(s, asked->exclude, asked->exclude_count, &not_in, err));
    *out = group(s, DIFFERENCE);
    lt_push_in(s->arena, &(*out)->parts, in);
    lt_push_in(s->arena, &(*out)->parts, not_in);
    return LT_OK;
}

lt_status lt_dbt_select(const lt_dbt_selecting *asked, lt_arena *arena, lt_node_set *out,
                        lt_texts *unmatched, lt_err *err)
{
    selecting s = {.asked = asked,
                   .dbt = asked->dbt,
                   .arena = arena,
                   .child_lists = lt_dbt_children(asked->dbt, arena),
                   .unmatched = unmatched};
    expr *tree = NULL;
    pair found;
    LT_TRY(read_asked(&s, &tree, err));
    lt_node_set_init(&found.direct, s.dbt->all.len);
    lt_node_set_init(&found.indirect, s.dbt->all.len);
    lt_status status = eval(&s, tree, &found, err);
    if (status == LT_OK)
        add_late_tests(&s, asked->indirect, &found.direct, &found.indirect);
    for (size_t i = 0; i < s.dbt->all.len; i++)
        if (!(asked->kinds & (1u << s.dbt->all.items[i]->kind)))
            lt_node_set_remove(&found.direct, i);
    if (status == LT_OK)
        copy_set(&s, out, &found.direct);
    pair_cleanup(&found);
    return status;
}
