/* YAML files of dbt as values: read, rendered natively, and the small conversions that all readers share. */
#include "dbt/inner.h"

#include "base/fs.h"

#include <openssl/evp.h>

lt_status lt_dbt_yaml_file(lt_dbt *dbt, const char *root, const char *path, lt_yaml **out,
                           lt_yaml_doubles *doubles, lt_err *err)
{
    const lt_yaml_options options = {.yaml11 = true, .doubles = doubles};
    LT_AUTO(lt_buf) text = {.limit = 4 * (size_t)LT_DBT_FILE_BYTES};
    LT_AUTO(lt_chars) full = lt_path_join(root, path);
    LT_TRY(lt_file_read(full, &text, err));
    return lt_yaml_read(lt_buf_text(&text), path, &options, &dbt->arena, out, err);
}

bool lt_dbt_is_template(lt_text text)
{
    return text.len > 3 &&
           (lt_text_has(text, T("{{")) || lt_text_has(text, T("{%")) || lt_text_has(text, T("{#")));
}

/* Text that was rendered from more than one part becomes a value again, when it reads as one (dbt's native rendering). */
static void read_back(lt_dbt *dbt, lt_jinja_value *value)
{
    lt_err err = {0};
    lt_jinja_value literal;
    lt_text text = lt_jinja_as_text(*value);
    if (value->type != LT_JINJA_STR || !text.len)
        return;
    char first = text.ptr[0];
    bool may = first == '[' || first == '{' || first == '(' || first == '-' || lt_is_digit(first) ||
               lt_text_eq(text, T("True")) || lt_text_eq(text, T("False")) ||
               lt_text_eq(text, T("None"));
    if (may && lt_jinja_literal(&dbt->heap, text, &literal, &err) == LT_OK)
        *value = literal;
}

/* ---- plain copies ---- */

enum { PLAIN_MOST_DEPTH = 200, PLAIN_MOST_VALUES = 1000000 };

typedef struct copying {
    lt_jinja_heap *heap;
    size_t count, depth;
} copying;

/* A template can put a value into itself, and the same one a thousand times over: written out, both are endless. */
static lt_status check_size(copying *c, lt_err *err)
{
    if (c->depth > PLAIN_MOST_DEPTH)
        return lt_fail(err, LT_INVALID, "this value nests more than %d levels deep",
                       PLAIN_MOST_DEPTH);
    if (++c->count > PLAIN_MOST_VALUES)
        return lt_fail(err, LT_INVALID, "this value has more than %d parts, written out",
                       PLAIN_MOST_VALUES);
    return LT_OK;
}

static lt_status copy_plain(copying *c, lt_jinja_value value, lt_jinja_value *out, lt_err *err);

static lt_status copy_items(copying *c, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value item;
    lt_jinja_value made = lt_jinja_list(c->heap);
    for (size_t i = 0; i < lt_jinja_len(value); i++) {
        LT_TRY(copy_plain(c, lt_jinja_at(value, i), &item, err));
        lt_jinja_add(made, item);
    }
    *out = made;
    return LT_OK;
}

static lt_status copy_pairs(copying *c, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value key, item;
    lt_jinja_value made = lt_jinja_dict(c->heap);
    for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
        LT_TRY(copy_plain(c, key, &key, err));
        LT_TRY(copy_plain(c, item, &item, err));
        lt_jinja_put_value(made, key, item);
    }
    *out = made;
    return LT_OK;
}

static lt_status copy_text(copying *c, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_DBT_FILE_BYTES};
    lt_jinja_str(value, &text);
    LT_TRY(lt_buf_check(&text, "the text of a value", err));
    *out = lt_jinja_text_copy(c->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status copy_plain(copying *c, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    lt_status status = check_size(c, err);
    if (status != LT_OK)
        return status;
    c->depth++;
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
        *out = lt_jinja_none();
        break;
    case LT_JINJA_NONE:
    case LT_JINJA_BOOL:
    case LT_JINJA_INT:
    case LT_JINJA_FLOAT:
        *out = value;
        break;
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        status = copy_items(c, value, out, err);
        break;
    case LT_JINJA_DICT:
        status = copy_pairs(c, value, out, err);
        break;
    default:
        status = lt_jinja_is_long(value) ? lt_jinja_copy(c->heap, value, out, err)
                                         : copy_text(c, value, out, err);
        break;
    }
    c->depth--;
    return status;
}

lt_status lt_dbt_plain(lt_dbt *dbt, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    copying c = {.heap = &dbt->heap};
    return copy_plain(&c, value, out, err);
}

static bool is_one_expression(lt_text text)
{
    text = lt_text_trim(text);
    return lt_text_starts(text, T("{{")) && lt_text_find(text, T("}}"), 0) == text.len - 2;
}

/* A scalar of a .yml file has a place of its own; one in its text, from where it begins, would be read as one in the file. */
static lt_status compile_scalar(const value_source *source, const lt_yaml *node,
                                lt_jinja_template **out, lt_err *err)
{
    lt_jinja_error where = {0};
    lt_status status = lt_jinja_compile(&source->dbt->yaml_env, lt_text_of(source->path),
                                        node->text, out, &where, err);
    if (status == LT_OK)
        lt_jinja_hide(*out);
    else if (where.text[0]) {
        const lt_err inner = *err;
        lt_ignore(lt_fail(err, status, "%s", where.text));
        memcpy(err->hint, inner.hint, sizeof(inner.hint));
    }
    return status;
}

static lt_status render(const value_source *source, const lt_yaml *node, bool native,
                        lt_texts *doc_blocks, lt_jinja_value *out, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_heap heap = {0};
    lt_jinja_value made = {0};
    rendering r;
    lt_dbt_rendering_init(&r, dbt, NULL);
    r.package = source->package ? source->package : dbt->root;
    r.scope.vars = r.package->vars;
    r.loading = dbt;
    r.only_values = true;
    r.doc_blocks = doc_blocks;
    r.may_read_secrets = source->may_read_secrets;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &r};
    lt_status status = compile_scalar(source, node, &compiled, err);
    if (status == LT_OK && native) {
        status = lt_jinja_render_value(compiled, &context, &heap, &made, NULL, err);
        if (status == LT_OK)
            status = lt_dbt_marked(&heap, &made, err);
    } else if (status == LT_OK) {
        LT_AUTO(lt_buf) text = {.limit = LT_DBT_FILE_BYTES};
        status = lt_jinja_render_text(compiled, &context, &heap, &text, NULL, err);
        made = lt_jinja_text_copy(&heap, lt_buf_text(&text));
    }
    if (status == LT_OK)
        status = lt_dbt_plain(dbt, made, out, err);
    if (status == LT_OK && native && !is_one_expression(node->text))
        read_back(dbt, out);
    lt_jinja_heap_cleanup(&heap);
    if (status != LT_OK)
        return lt_wrap(err, "%s:%u:%u", source->path, node->line, node->col);
    return LT_OK;
}

/* A text that stays where it is: the tree lives as long as the project. */
static lt_jinja_value plain_scalar(lt_dbt *dbt, const lt_yaml *node)
{
    if (node->type == LT_YAML_STRING || node->type == LT_YAML_TIME)
        return lt_jinja_text(node->text);
    return lt_scope_value(&dbt->heap, node);
}

/* dbt renders every text, and a template ends without the line end behind it. */
static lt_jinja_value rendered_scalar(lt_dbt *dbt, const lt_yaml *node)
{
    lt_text text = node->text;
    if (node->type != LT_YAML_STRING || !lt_text_ends(text, T("\n")))
        return plain_scalar(dbt, node);
    text.len--;
    return lt_jinja_text(text);
}

/* The depth of a tree is limited by its reader (64). */
lt_status lt_dbt_value(const value_source *source, const lt_yaml *node, lt_jinja_value *out,
                       lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    if (!node) {
        *out = lt_jinja_none();
        return LT_OK;
    }
    if (node->kind == LT_YAML_SCALAR) {
        if (node->type == LT_YAML_STRING && lt_dbt_is_template(node->text))
            return render(source, node, true, NULL, out, err);
        *out = rendered_scalar(dbt, node);
        return LT_OK;
    }
    bool list = node->kind == LT_YAML_SEQUENCE;
    lt_jinja_value made = list ? lt_jinja_list(&dbt->heap) : lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < node->count; i++) {
        lt_jinja_value value;
        if (!list && source->late.len && lt_text_eq(node->keys[i]->text, source->late))
            value = lt_scope_value(&dbt->heap, node->items[i]);
        else
            LT_TRY(lt_dbt_value(source, node->items[i], &value, err));
        if (list)
            lt_jinja_add(made, value);
        else
            lt_jinja_put_value(made, plain_scalar(dbt, node->keys[i]), value);
    }
    *out = made;
    return LT_OK;
}

lt_status lt_dbt_value_text(const value_source *source, const lt_yaml *node, lt_texts *doc_blocks,
                            lt_jinja_value *out, lt_err *err)
{
    if (node && node->kind == LT_YAML_SCALAR && lt_dbt_is_template(node->text))
        return render(source, node, false, doc_blocks, out, err);
    if (!node || node->kind != LT_YAML_SCALAR)
        return lt_dbt_value(source, node, out, err);
    *out = plain_scalar(source->dbt, node); /* a description: dbt looks for doc() alone */
    return LT_OK;
}

lt_text lt_dbt_text_of(lt_dbt *dbt, lt_jinja_value value)
{
    LT_AUTO(lt_buf) text = {.limit = LT_DBT_FILE_BYTES};
    if (!lt_dbt_is_set(value))
        return (lt_text){0};
    if (value.type == LT_JINJA_STR)
        return lt_jinja_as_text(value);
    lt_jinja_str(value, &text);
    return lt_arena_text(&dbt->arena, lt_buf_text(&text));
}

lt_jinja_value lt_dbt_at(lt_jinja_value dict, const char *key)
{
    lt_jinja_value value = {0};
    if (dict.type == LT_JINJA_DICT && lt_jinja_find(dict, lt_text_of(key), &value))
        return value;
    return (lt_jinja_value){0};
}

lt_text lt_dbt_text_at(lt_dbt *dbt, lt_jinja_value dict, const char *key)
{
    return lt_dbt_text_of(dbt, lt_dbt_at(dict, key));
}

void lt_dbt_texts_of(lt_dbt *dbt, lt_jinja_value value, lt_texts *out)
{
    if (!lt_dbt_is_set(value))
        return;
    if (value.type != LT_JINJA_LIST && value.type != LT_JINJA_TUPLE && value.type != LT_JINJA_SET) {
        lt_push_in(&dbt->arena, out, lt_dbt_text_of(dbt, value));
        return;
    }
    for (size_t i = 0; i < lt_jinja_len(value); i++)
        lt_push_in(&dbt->arena, out, lt_dbt_text_of(dbt, lt_jinja_at(value, i)));
}

static void digest(const EVP_MD *kind, lt_text content, char *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    static const char digits[] = "0123456789abcdef";
    (void)EVP_Digest(content.ptr ? content.ptr : "", content.len, sum, &len, kind, NULL);
    for (unsigned i = 0; i < len; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[2 * len] = '\0';
}

void lt_dbt_sha256(lt_text content, char out[65])
{
    digest(EVP_sha256(), content, out);
}

lt_text lt_dbt_checksum(lt_dbt *dbt, lt_text content)
{
    char sum[65];
    lt_dbt_sha256(content, sum);
    return lt_arena_text(&dbt->arena, lt_text_of(sum));
}

uint64_t lt_dbt_mix_text(uint64_t digest, lt_text text)
{
    for (size_t at = 0; at < text.len; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text.ptr + at, LT_MIN(sizeof(word), text.len - at));
        digest = lt_dbt_mix(digest, word);
    }
    return lt_dbt_mix(digest, text.len);
}

void lt_dbt_md5_hex(lt_text content, char out[33])
{
    digest(EVP_md5(), content, out);
}

bool lt_dbt_texts_have(const lt_texts *texts, lt_text text)
{
    for (size_t i = 0; i < texts->len; i++)
        if (lt_text_eq(texts->items[i], text))
            return true;
    return false;
}
