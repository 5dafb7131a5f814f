/* Macros: read from files, found by name as each package sees them, and chosen for an adapter. */
#include "dbt/ignore.h"
#include "dbt/inner.h"

#include "base/fs.h"

static lt_status fail_twice(const lt_dbt_package *package, const lt_dbt_macro *before, lt_text path,
                            const lt_jinja_block *block, lt_err *err)
{
    (void)package;
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s:%u:1: the macro '%.*s' is there already, in %.*s",
                      LT_ARG(path), block->line, LT_ARG(block->name), LT_ARG(before->path)));
    return lt_hint(err, "give one of them another name");
}

static bool find_arg(const lt_jinja_block *block, lt_text wanted, lt_jinja_heap *heap,
                     lt_jinja_value *out)
{
    lt_text name;
    bool literal;
    for (size_t i = 0; lt_jinja_block_arg(block, heap, i, &name, out, &literal); i++)
        if (literal && lt_text_eq(name, wanted))
            return true;
    return false;
}

lt_jinja_value lt_dbt_block_languages(const lt_jinja_block *block, lt_jinja_heap *heap)
{
    lt_jinja_value value;
    return find_arg(block, T("supported_languages"), heap, &value) ? value : (lt_jinja_value){0};
}

/* "materialization_view_default" of {% materialization view, default %}; of other adapters "..._duckdb". */
static lt_text materialization_name(lt_dbt *dbt, const lt_jinja_block *block)
{
    lt_jinja_value value;
    lt_text adapter = T("default");
    if (find_arg(block, T("adapter"), &dbt->heap, &value))
        adapter = lt_jinja_as_text(value);
    return lt_text_of(
        lt_arena_format(&dbt->arena, "%.*s_%.*s", LT_ARG(block->name), LT_ARG(adapter)));
}

/* How many bytes of `written` are the first `len` of a template's source, where every line end is one. */
static size_t written_len(lt_text written, size_t len)
{
    size_t at = 0;
    for (; len && at < written.len; len--, at++)
        at += written.ptr[at] == '\r' && at + 1 < written.len && written.ptr[at + 1] == '\n';
    return at;
}

/* The part of a file that a part of its template is, with its line ends. */
static lt_text as_written(lt_dbt *dbt, lt_text file, lt_text source, lt_text part)
{
    if (lt_text_find_byte(file, '\r', 0) == SIZE_MAX)
        return part;
    lt_text rest = lt_text_sub(file, written_len(file, (size_t)(part.ptr - source.ptr)), SIZE_MAX);
    return lt_arena_text(&dbt->arena, lt_text_sub(rest, 0, written_len(rest, part.len)));
}

static lt_status add_block(lt_dbt *dbt, lt_dbt_package *package, lt_text path,
                           const lt_jinja_template *home, const lt_jinja_block *block, lt_err *err)
{
    lt_dbt_macro *macro = LT_NEW(&dbt->arena, lt_dbt_macro);
    *macro = (lt_dbt_macro){.package = package,
                            .name = block->name,
                            .path = path,
                            .sql = block->whole,
                            .value = block->macro,
                            .place = (uint32_t)dbt->macros.len,
                            .home = home};
    if (block->tag && block->tag->kind == LT_JINJA_TAG_NAMED) {
        if (!lt_text_starts(block->name, T("materialization_")))
            return LT_OK; /* a snapshot in a macro file is none */
        macro->name = materialization_name(dbt, block);
        macro->supported_languages = lt_dbt_block_languages(block, &dbt->heap);
    }
    const lt_dbt_macro *before = lt_map_find(&package->macros, macro->name);
    if (before)
        return fail_twice(package, before, path, block, err);
    macro->id = lt_text_of(lt_arena_format(&dbt->arena, "macro.%.*s.%.*s", LT_ARG(package->name),
                                           LT_ARG(macro->name)));
    (void)lt_map_put(&package->macros, macro->name, macro);
    lt_push_in(&dbt->arena, &dbt->macros, macro);
    return LT_OK;
}

/* ---- macro files with text between the macros that is no template ---- */

/* Where the tag that begins at `at` ends, quotes read over; the text's length when it does not. */
static size_t tag_end(lt_text text, size_t at)
{
    char quote = '\0';
    for (size_t i = at + 2; i + 1 < text.len; i++) {
        char c = text.ptr[i];
        if (quote && c == '\\')
            i++;
        else if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '%' && text.ptr[i + 1] == '}')
            return i + 2;
    }
    return text.len;
}

/* The word behind "{%" or "{%-". */
static lt_text tag_word(lt_text text, size_t at)
{
    lt_text rest = lt_text_sub(text, at + 2, SIZE_MAX);
    if (rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+'))
        rest = lt_text_sub(rest, 1, SIZE_MAX);
    while (rest.len && lt_is_space(rest.ptr[0]))
        rest = lt_text_sub(rest, 1, SIZE_MAX);
    size_t len = 0;
    while (len < rest.len && (lt_is_alpha(rest.ptr[len]) || rest.ptr[len] == '_'))
        len++;
    return lt_text_sub(rest, 0, len);
}

/* The end of {% word ... %} ... {% endword %}. */
static size_t block_end(lt_text text, size_t at, lt_text word)
{
    for (size_t i = tag_end(text, at); i < text.len; i++) {
        if (text.ptr[i] != '{')
            continue;
        if (lt_text_starts(lt_text_sub(text, i, 2), T("{#"))) {
            size_t end = lt_text_find(text, T("#}"), i);
            i = end == SIZE_MAX ? text.len : end + 1;
        } else if (lt_text_starts(lt_text_sub(text, i, 2), T("{%"))) {
            lt_text closing = tag_word(text, i);
            if (lt_text_starts(closing, T("end")) &&
                lt_text_eq(lt_text_sub(closing, 3, SIZE_MAX), word))
                return tag_end(text, i);
        }
    }
    return text.len;
}

static const lt_text kept[] = {T("macro"), T("test"), T("data_test"), T("materialization")};

/* dbt reads the blocks of a macro file one by one and never looks at what stands between them. Here the whole file is a template;
 * when it is none, what stands between the blocks gives way to blanks, so that every place stays. */
static void keep_blocks(lt_text text, lt_buf *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t end = at + 1;
        bool keep = false;
        if (lt_text_starts(lt_text_sub(text, at, 2), T("{#"))) {
            end = lt_text_find(text, T("#}"), at);
            end = end == SIZE_MAX ? text.len : end + 2;
        } else if (lt_text_starts(lt_text_sub(text, at, 2), T("{%"))) {
            lt_text word = tag_word(text, at);
            for (size_t i = 0; i < LT_COUNT(kept); i++)
                keep |= lt_text_eq(kept[i], word);
            end = keep ? block_end(text, at, word) : tag_end(text, at);
        }
        for (; at < end; at++) {
            char c = text.ptr[at];
            lt_buf_add_byte(out, keep || c == '\n' || c == '\r' ? c : ' ');
        }
    }
}

/* Where the comment, the expression or the raw text that begins at `at` ends; 0: it is none of them. */
static size_t passage_end(lt_text text, size_t at)
{
    lt_text two = lt_text_sub(text, at, 2);
    size_t end = 0;
    if (lt_text_eq(two, T("{#")))
        end = lt_text_find(text, T("#}"), at + 2);
    else if (lt_text_eq(two, T("{{")))
        end = lt_text_find(text, T("}}"), at + 2);
    else if (lt_text_eq(two, T("{%")) && lt_text_eq(tag_word(text, at), T("raw")))
        return block_end(text, at, T("raw"));
    return end ? LT_MIN(end, text.len - 2) + 2 : 0;
}

static void warn_of_block(lt_dbt *dbt, lt_text path, lt_text text, size_t at)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < at; i++)
        if (text.ptr[i] == '\n') {
            line++;
            start = i + 1;
        }
    lt_dbt_warn(dbt, LT_DBT_UNEXPECTED_BLOCK,
                "Found unexpected '%.*s' block tag. in file `%.*s:%zu:%zu`",
                LT_ARG(tag_word(text, at)), LT_ARG(path), line, at - start + 1);
}

void lt_dbt_old_blocks(lt_dbt *dbt, lt_text path, lt_text text, const lt_text *blocks, size_t count)
{
    for (size_t at = 0; (at = lt_text_find_byte(text, '{', at)) != SIZE_MAX;) {
        size_t end = passage_end(text, at);
        bool is_tag = !end && lt_text_starts(lt_text_sub(text, at, 2), T("{%"));
        bool is_known = false;
        for (size_t i = 0; is_tag && i < count; i++)
            is_known |= lt_text_eq(blocks[i], tag_word(text, at));
        if (is_known)
            end = block_end(text, at, tag_word(text, at));
        else if (is_tag) {
            warn_of_block(dbt, path, text, at);
            end = tag_end(text, at);
        }
        at = end ? end : at + 1;
    }
}

static lt_status compile_file(lt_dbt *dbt, lt_text path, lt_text source, lt_jinja_template **out,
                              lt_err *err)
{
    lt_err ignored = {0};
    LT_AUTO(lt_buf) blocks = {.limit = source.len + 1};
    lt_status status = lt_jinja_compile(&dbt->env, path, source, out, NULL, err);
    if (status != LT_INVALID)
        return status;
    keep_blocks(source, &blocks);
    return lt_jinja_compile(&dbt->env, path, lt_buf_text(&blocks), out, NULL, &ignored) == LT_OK
               ? LT_OK
               : status;
}

/* As who stands in the project's folder finds the file: "dbt_packages/dbt_utils/macros/sql/star.sql". */
static char *shown_path(const lt_dbt *dbt, const lt_dbt_package *package, lt_text path)
{
    lt_text root = lt_text_of(dbt->settings.root), folder = lt_text_of(package->root);
    if (package->is_root)
        return lt_text_dup(path);
    if (lt_text_starts(folder, root) && folder.len > root.len && folder.ptr[root.len] == '/')
        folder = lt_text_sub(folder, root.len + 1, SIZE_MAX);
    return lt_format("%.*s/%.*s", LT_ARG(folder), LT_ARG(path));
}

lt_status lt_dbt_macros_add(lt_dbt *dbt, lt_dbt_package *package, lt_text path, lt_text source,
                            lt_err *err)
{
    lt_jinja_template *compiled = NULL;
    lt_jinja_block block;
    path = lt_arena_text(&dbt->arena, path);
    LT_AUTO(lt_chars) shown = shown_path(dbt, package, path);
    LT_TRY(compile_file(dbt, lt_text_of(shown), source, &compiled, err));
    lt_push_in(&dbt->arena, &dbt->templates, compiled);
    lt_jinja_set_tag(compiled, package);
    for (size_t i = 0; lt_jinja_block_at(compiled, i, &block); i++)
        if (!block.tag || block.tag->kind != LT_JINJA_TAG_RAW) {
            block.whole = as_written(dbt, source, lt_jinja_source(compiled), block.whole);
            LT_TRY(add_block(dbt, package, path, compiled, &block, err));
        }
    return LT_OK;
}

static lt_status load_folder(lt_dbt *dbt, lt_dbt_package *package, const char *folder, lt_err *err)
{
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) full = lt_path_join(package->root, folder);
    if (!lt_path_is_folder(full))
        return LT_OK;
    LT_TRY(lt_files_linked_below(full, "", LT_DBT_MOST_FILES, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        if (!lt_text_ends_nocase(lt_text_of(files.items[i]), T(".sql")))
            continue;
        LT_AUTO(lt_buf) text = {0};
        LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[i]);
        if (lt_dbt_ignores(&package->ignored, lt_text_of(path)))
            continue;
        LT_TRY(lt_dbt_read(package, path, &text, err));
        LT_TRY(lt_dbt_macros_add(dbt, package, lt_text_of(path), lt_buf_text(&text), err));
        lt_dbt_old_blocks(dbt, lt_text_of(path), lt_buf_text(&text), kept, LT_COUNT(kept));
    }
    return LT_OK;
}

lt_status lt_dbt_macros_load(lt_dbt *dbt, lt_dbt_package *package, lt_err *err)
{
    if (package->is_built_in) {
        lt_dbt_own_macros_load(dbt, package);
        return LT_OK;
    }
    for (size_t i = 0; i < package->paths[LT_DBT_MACRO_PATHS].len; i++) {
        LT_AUTO(lt_chars) folder = lt_text_dup(package->paths[LT_DBT_MACRO_PATHS].items[i]);
        LT_TRY(load_folder(dbt, package, folder, err));
    }
    for (size_t i = 0; i < package->paths[LT_DBT_TEST_PATHS].len; i++) {
        LT_AUTO(lt_chars)
        folder = lt_format("%.*s/generic", LT_ARG(package->paths[LT_DBT_TEST_PATHS].items[i]));
        LT_TRY(load_folder(dbt, package, folder, err));
    }
    return LT_OK;
}

/* ---- finding ---- */

static const lt_dbt_macro *find_internal(const lt_dbt *dbt, lt_text name)
{
    const lt_dbt_macro *found = lt_map_find(&dbt->adapter->macros, name);
    return found ? found : lt_map_find(&dbt->internal->macros, name);
}

const lt_dbt_macro *lt_dbt_macro_find(const lt_dbt *dbt, const lt_dbt_package *package,
                                      lt_text name)
{
    const lt_dbt_macro *found = NULL;
    if (package && !package->is_built_in)
        found = lt_map_find(&package->macros, name);
    if (!found)
        found = lt_map_find(&dbt->root->macros, name);
    return found ? found : find_internal(dbt, name);
}

const lt_dbt_macro *lt_dbt_macro_by_id(const lt_dbt *dbt, lt_text id)
{
    lt_text rest = lt_text_sub(id, strlen("macro."), SIZE_MAX);
    size_t dot = lt_text_find_byte(rest, '.', 0);
    const lt_dbt_package *package = lt_dbt_package_find(dbt, lt_text_sub(rest, 0, dot));
    return package ? lt_map_find(&package->macros, lt_text_sub(rest, dot + 1, SIZE_MAX)) : NULL;
}

/* `name` of one package; "dbt" is all that is built in. */
static const lt_dbt_macro *find_in(const lt_dbt *dbt, lt_text package, lt_text name)
{
    const lt_dbt_package *home = lt_dbt_package_find(dbt, package);
    if (!home)
        return NULL;
    return home == dbt->internal ? find_internal(dbt, name) : lt_map_find(&home->macros, name);
}

/* `dispatch:` of the root project; undefined when it says nothing of the namespace. */
static lt_jinja_value search_order(const lt_dbt *dbt, lt_text namespace)
{
    lt_jinja_value list = lt_dbt_at(dbt->root->project, "dispatch");
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_jinja_value entry = lt_jinja_at(list, i);
        if (lt_text_eq(lt_jinja_as_text(lt_dbt_at(entry, "macro_namespace")), namespace))
            return lt_dbt_at(entry, "search_order");
    }
    return (lt_jinja_value){0};
}

typedef struct dispatching {
    const lt_dbt *dbt;
    const lt_dbt_package *from;
    lt_text name;
    lt_buf *tried;
} dispatching;

/* The macro of the first prefix: the adapter's type, then "default". `package` empty: as the caller sees it. */
static const lt_dbt_macro *try_prefixes(const dispatching *d, lt_text package)
{
    size_t count = d->dbt->adapter_types.len;
    LT_AUTO(lt_buf) full = {.limit = LT_MIB};
    for (size_t i = 0; i <= count; i++) {
        lt_buf_clear(&full);
        lt_buf_add(&full, i < count ? d->dbt->adapter_types.items[i] : T("default"));
        lt_buf_add_str(&full, "__");
        lt_buf_add(&full, d->name);
        lt_text name = lt_buf_text(&full);
        const lt_dbt_macro *found =
            package.len ? find_in(d->dbt, package, name) : lt_dbt_macro_find(d->dbt, d->from, name);
        if (found)
            return found;
        if (d->tried)
            lt_buf_printf(d->tried, "%s'%.*s%s%.*s'", d->tried->len ? ", " : "", LT_ARG(package),
                          package.len ? "." : "", LT_ARG(name));
    }
    return NULL;
}

const lt_dbt_macro *lt_dbt_macro_dispatch(const lt_dbt *dbt, const lt_dbt_package *package,
                                          lt_text name, lt_text namespace, lt_buf *tried)
{
    dispatching d = {.dbt = dbt, .from = package, .name = name, .tried = tried};
    lt_jinja_value order = {0};
    const lt_dbt_macro *found = NULL;
    if (namespace.len)
        order = search_order(dbt, namespace);
    if (order.type == LT_JINJA_LIST) {
        for (size_t i = 0; !found && i < lt_jinja_len(order); i++)
            found = try_prefixes(&d, lt_jinja_as_text(lt_jinja_at(order, i)));
        return found;
    }
    if (!namespace.len || !lt_dbt_package_find(dbt, namespace))
        return try_prefixes(&d, (lt_text){0});
    found = try_prefixes(&d, dbt->root->name);
    return found ? found : try_prefixes(&d, namespace);
}

/* The root's before packages', those before ours; the adapter's before the default. */
/* The one for the adapter before that of its parents, before the default; the root's before a package's, before ours. */
static const lt_dbt_macro *find_materialization(const lt_dbt *dbt, lt_text name, bool imported)
{
    for (size_t i = 0; i <= dbt->adapter_types.len; i++) {
        lt_text adapter = i < dbt->adapter_types.len ? dbt->adapter_types.items[i] : T("default");
        LT_AUTO(lt_chars)
        full = lt_format("materialization_%.*s_%.*s", LT_ARG(name), LT_ARG(adapter));
        for (size_t p = 0; p < dbt->packages.len; p++) {
            const lt_dbt_package *package = dbt->packages.items[p];
            if (package == dbt->internal ||
                (!imported && !package->is_root && !package->is_built_in))
                continue; /* the internal one goes with the adapter's */
            const lt_dbt_macro *found = package == dbt->adapter
                                            ? find_internal(dbt, lt_text_of(full))
                                            : lt_map_find(&package->macros, lt_text_of(full));
            if (found)
                return found;
        }
    }
    return NULL;
}

bool lt_dbt_materialization_is_ours(const lt_dbt *dbt, lt_text name)
{
    for (size_t i = 0; i <= dbt->adapter_types.len; i++) {
        lt_text adapter = i < dbt->adapter_types.len ? dbt->adapter_types.items[i] : T("default");
        LT_AUTO(lt_chars)
        full = lt_format("materialization_%.*s_%.*s", LT_ARG(name), LT_ARG(adapter));
        if (find_internal(dbt, lt_text_of(full)))
            return true;
    }
    return false;
}

const lt_dbt_macro *lt_dbt_materialization_find(const lt_dbt *dbt, lt_text name)
{
    const lt_dbt_macro *found = find_materialization(dbt, name, true);
    if (!found || found->package->is_root || found->package->is_built_in ||
        !lt_dbt_flag_is_on(dbt,
                           T("require_explicit_package_overrides_for_builtin_materializations")))
        return found;
    const lt_dbt_macro *own = find_materialization(dbt, name, false);
    return own ? own : found;
}

const lt_dbt_macro *lt_dbt_generate_macro(const lt_dbt *dbt, const lt_dbt_package *package,
                                          const char *component)
{
    const lt_map *root = &dbt->root->macros;
    LT_AUTO(lt_chars) own = lt_format("generate_%s_name", component);
    const lt_dbt_macro *found = lt_map_find(&package->macros, lt_text_of(own));
    if (!found)
        found = lt_map_find(root, lt_text_of(own));
    if (found)
        return found;
    for (size_t i = 0; i <= dbt->adapter_types.len; i++) {
        lt_text adapter = i < dbt->adapter_types.len ? dbt->adapter_types.items[i] : T("default");
        LT_AUTO(lt_chars) full = lt_format("%.*s__%s", LT_ARG(adapter), own);
        found = lt_map_find(root, lt_text_of(full));
        if (found)
            return found;
    }
    return NULL;
}

/* ---- what it calls ---- */

static void add_need(lt_dbt *dbt, const lt_dbt_macro *macro, const lt_dbt_macro *needed,
                     lt_texts *out)
{
    if (needed && needed != macro && !lt_dbt_texts_have(out, needed->id))
        lt_push_in(&dbt->arena, out, needed->id);
}

static const lt_dbt_macro *called(const lt_dbt *dbt, const lt_dbt_macro *macro,
                                  const lt_jinja_static_call *call)
{
    lt_text name = call->name;
    size_t dot = lt_text_find_byte(name, '.', 0);
    if (lt_text_eq(name, T("adapter.dispatch"))) {
        lt_jinja_value second = lt_jinja_at(call->args, 1);
        if (second.type != LT_JINJA_STR)
            second = lt_dbt_at(call->kwargs, "macro_namespace");
        return lt_dbt_macro_dispatch(dbt, macro->package,
                                     lt_jinja_as_text(lt_jinja_at(call->args, 0)),
                                     lt_jinja_as_text(second), NULL);
    }
    if (dot == SIZE_MAX)
        return lt_dbt_macro_find(dbt, macro->package, name);
    return find_in(dbt, lt_text_sub(name, 0, dot), lt_text_sub(name, dot + 1, SIZE_MAX));
}

void lt_dbt_macro_needs(lt_dbt *dbt, const lt_dbt_macro *macro, lt_texts *out)
{
    lt_jinja_heap heap = {0};
    lt_jinja_static_call call;
    const lt_jinja_template *home = lt_dbt_macro_ready(macro)->home;
    const char *source = macro->file ? macro->file->source.ptr : lt_jinja_source(home).ptr;
    size_t start = (size_t)(macro->sql.ptr - source), end = start + macro->sql.len;
    for (size_t at = 0; lt_jinja_next_call(home, &heap, &at, &call);)
        if (call.pos >= start && call.pos < end)
            add_need(dbt, macro, called(dbt, macro, &call), out);
    lt_jinja_heap_cleanup(&heap);
}
