/* Our own macros: an outline says what there is, and a file is compiled when one of its macros is asked for. */
#include "dbt/inner.h"

#include "base/embed.h"

#include <assert.h>

/* What begins a block, and the prefix of its macro's name. */
static const struct {
    lt_text word, prefix, end;
} kinds[] = {{T("macro"), T(""), T("endmacro")},
             {T("test"), T("test_"), T("endtest")},
             {T("materialization"), T("materialization_"), T("endmaterialization")}};

/* One tag: {%- word rest -%}. */
typedef struct tag {
    lt_text word, rest;
    size_t start, end;
} tag;

static bool is_word_byte(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || c == '_';
}

static lt_text cut_word(lt_text *text)
{
    size_t len = 0;
    *text = lt_text_trim(*text);
    while (len < text->len && is_word_byte(text->ptr[len]))
        len++;
    lt_text word = lt_text_sub(*text, 0, len);
    *text = lt_text_sub(*text, len, SIZE_MAX);
    return word;
}

static bool next_tag(lt_text source, size_t from, tag *out)
{
    size_t start = lt_text_find(source, T("{%"), from);
    size_t end = start == SIZE_MAX ? start : lt_text_find(source, T("%}"), start);
    if (end == SIZE_MAX)
        return false;
    *out = (tag){
        .rest = lt_text_sub(source, start + 2, end - start - 2), .start = start, .end = end + 2};
    if (out->rest.len && out->rest.ptr[0] == '-')
        out->rest = lt_text_sub(out->rest, 1, SIZE_MAX);
    out->word = cut_word(&out->rest);
    return true;
}

/* "default" or the adapter of {% materialization table, adapter='duckdb', ... %}. */
static lt_text adapter_of(lt_text rest)
{
    static const lt_text key = T("adapter='");
    size_t at = lt_text_find(rest, key, 0);
    if (at == SIZE_MAX)
        return T("default");
    lt_text name = lt_text_sub(rest, at + key.len, SIZE_MAX);
    return lt_text_sub(name, 0, lt_text_find_byte(name, '\'', 0));
}

static lt_text name_of(lt_dbt *dbt, const tag *begin, size_t kind)
{
    lt_text rest = begin->rest, name = cut_word(&rest);
    if (lt_text_eq(begin->word, T("materialization")))
        return lt_text_of(lt_arena_format(&dbt->arena, "%.*s%.*s_%.*s", LT_ARG(kinds[kind].prefix),
                                          LT_ARG(name), LT_ARG(adapter_of(rest))));
    if (!kinds[kind].prefix.len)
        return name;
    return lt_text_of(
        lt_arena_format(&dbt->arena, "%.*s%.*s", LT_ARG(kinds[kind].prefix), LT_ARG(name)));
}

static void add_macro(lt_dbt *dbt, lt_dbt_macro_file *file, lt_text name, lt_text sql)
{
    lt_dbt_macro *macro = LT_NEW(&dbt->arena, lt_dbt_macro);
    *macro = (lt_dbt_macro){
        .package = file->package, .name = name, .path = file->path, .sql = sql, .file = file};
    macro->id = lt_text_of(
        lt_arena_format(&dbt->arena, "macro.%.*s.%.*s", LT_ARG(file->package->name), LT_ARG(name)));
    const lt_dbt_macro *twin = lt_map_put(&file->package->macros, name, macro);
    assert(!twin);
    lt_push_in(&dbt->arena, &dbt->macros, macro);
    lt_push_in(&dbt->arena, &file->macros, macro);
}

static void outline(lt_dbt *dbt, lt_dbt_macro_file *file)
{
    tag begin, end = {0};
    for (size_t at = 0; next_tag(file->source, at, &begin); at = end.end) {
        size_t kind = 0;
        while (kind < LT_COUNT(kinds) && !lt_text_eq(begin.word, kinds[kind].word))
            kind++;
        end = begin;
        if (kind == LT_COUNT(kinds))
            continue;
        while (next_tag(file->source, end.end, &end) && !lt_text_eq(end.word, kinds[kind].end))
            ;
        add_macro(dbt, file, name_of(dbt, &begin, kind),
                  lt_text_sub(file->source, begin.start, end.end - begin.start));
    }
}

void lt_dbt_own_macros_load(lt_dbt *dbt, lt_dbt_package *package)
{
    const lt_embedded *from;
    LT_AUTO(lt_chars) prefix = lt_format("macros/%.*s/", LT_ARG(package->name));
    for (size_t i = 0; (from = lt_embedded_at(i)); i++) {
        lt_text path = lt_text_of(from->path);
        if (!lt_text_starts(path, lt_text_of(prefix)))
            continue;
        lt_dbt_macro_file *file = LT_NEW(&dbt->arena, lt_dbt_macro_file);
        *file = (lt_dbt_macro_file){.env = &dbt->env,
                                    .package = package,
                                    .path = path,
                                    .source = lt_text_at((const char *)from->data, from->len)};
        (void)pthread_mutex_init(&file->lock, NULL);
        lt_push_in(&dbt->arena, &dbt->macro_files, file);
        outline(dbt, file);
    }
}

/* ---- compiling ---- */

/* The outline and the compiler see the same: the unit tests compile every file. */
static void take_blocks(lt_dbt_macro_file *file)
{
    lt_jinja_block block;
    size_t taken = 0;
    for (size_t i = 0; lt_jinja_block_at(file->compiled, i, &block); i++) {
        assert(taken < file->macros.len);
        lt_dbt_macro *macro = file->macros.items[taken++];
        assert(lt_text_eq(macro->sql, block.source));
        macro->value = block.macro;
        macro->home = file->compiled;
        if (block.tag && block.tag->kind == LT_JINJA_TAG_NAMED)
            macro->supported_languages = lt_dbt_block_languages(&block, &file->heap);
    }
    assert(taken == file->macros.len);
}

static void compile(lt_dbt_macro_file *file)
{
    lt_err err = {0};
    lt_jinja_template *compiled = NULL;
    lt_status status = lt_jinja_compile(file->env, file->path, file->source, &compiled, NULL, &err);
    assert(status == LT_OK); /* of ours */
    (void)status;
    lt_jinja_set_tag(compiled, file->package);
    lt_jinja_hide(compiled);
    file->compiled = compiled;
    take_blocks(file);
    file->heap.frozen = true;
}

const lt_dbt_macro *lt_dbt_macro_ready(const lt_dbt_macro *macro)
{
    lt_dbt_macro_file *file = macro->file;
    if (!file || atomic_load_explicit(&file->is_ready, memory_order_acquire))
        return macro;
    (void)pthread_mutex_lock(&file->lock);
    if (!atomic_load_explicit(&file->is_ready, memory_order_relaxed)) {
        compile(file);
        atomic_store_explicit(&file->is_ready, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&file->lock);
    return macro;
}

void lt_dbt_own_macros_free(lt_dbt *dbt)
{
    for (size_t i = 0; i < dbt->macro_files.len; i++) {
        lt_dbt_macro_file *file = dbt->macro_files.items[i];
        lt_jinja_template_free(file->compiled);
        lt_jinja_heap_cleanup(&file->heap);
        (void)pthread_mutex_destroy(&file->lock);
    }
}
