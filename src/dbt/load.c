/* Reading a project: macros, models, properties, tests; then each template once for its references. */
#include "base/buf.h"
#include "base/embed.h"
#include "base/fs.h"
#include "dbt/inner.h"

enum { MAX_FILES = 100000 };

static const lt_jinja_tag own_tags[] = {
    {.name = "test", .kind = LT_JINJA_TAG_MACRO, .prefix = "test_"}};

void lt_dbt_need(lt_dbt *dbt, lt_dbt_node *node, lt_text id)
{
    for (size_t i = 0; i < node->needs.len; i++)
        if (lt_text_eq(node->needs.items[i], id))
            return;
    lt_push_in(&dbt->arena, &node->needs, id);
}

/* ---- macros ---- */

static lt_status add_macros(lt_dbt *dbt, lt_text path, lt_text source, lt_err *err)
{
    lt_jinja_template *compiled = NULL;
    lt_jinja_block block;
    LT_TRY(lt_jinja_compile(&dbt->env, path, source, &compiled, NULL, err));
    lt_push_in(&dbt->arena, &dbt->templates, compiled);
    for (size_t i = 0; lt_jinja_block_at(compiled, i, &block); i++) {
        macro_home *home = LT_NEW(&dbt->arena, macro_home);
        *home = (macro_home){.home = compiled,
                             .macro = block.macro,
                             .built_in = !lt_text_starts(path, T("macros/"))};
        const macro_home *before = lt_map_find(&dbt->macros, block.name);
        if (before && !before->built_in) {
            lt_ignore(lt_fail(err, LT_INVALID,
                              "%.*s:%u:1: the macro '%.*s' is there already, in %.*s", LT_ARG(path),
                              block.line, LT_ARG(block.name), LT_ARG(lt_jinja_name(before->home))));
            return lt_hint(err, "give one of them another name");
        }
        (void)lt_map_put(&dbt->macros, lt_arena_text(&dbt->arena, block.name), home);
    }
    return LT_OK;
}

static lt_status add_built_in_macros(lt_dbt *dbt, lt_err *err)
{
    const lt_embedded *file;
    for (size_t i = 0; (file = lt_embedded_at(i)); i++) {
        if (!lt_text_starts(lt_text_of(file->path), T("macros/")))
            continue;
        lt_text path = lt_text_of(lt_arena_format(&dbt->arena, "leat:%s", file->path));
        LT_TRY(add_macros(dbt, path, lt_text_at((const char *)file->data, file->len), err));
    }
    return LT_OK;
}

/* Told here with its place: an engine would speak of a statement, or of something behind it. */
static lt_status check_text(const char *path, lt_text text, lt_err *err)
{
    size_t line = 1, start = 0, nul = lt_text_find_byte(text, '\0', 0);
    size_t at = LT_MIN(lt_utf8_valid_len(text), nul);
    if (at >= text.len)
        return LT_OK;
    for (size_t i = 0; i < at; i++)
        if (text.ptr[i] == '\n') {
            line++;
            start = i + 1;
        }
    lt_ignore(lt_fail(err, LT_INVALID, "%s:%zu:%zu: %s", path, line, at - start + 1,
                      at == nul ? "a NUL byte" : "bytes that are not UTF-8"));
    return lt_hint(err, "save the file as UTF-8 text");
}

static lt_status read_source_file(const lt_dbt *dbt, const char *path, lt_buf *out, lt_err *err)
{
    out->limit = 4 * LT_MIB;
    LT_AUTO(lt_chars) full = lt_path_join(dbt->settings.root, path);
    lt_status status = lt_file_read(full, out, err);
    if (status == LT_TOO_BIG)
        return lt_fail(err, LT_INVALID, "%s is larger than 4 MiB", path);
    LT_TRY(status);
    return check_text(path, lt_buf_text(out), err);
}

static lt_status add_macro_file(lt_dbt *dbt, const char *path, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(read_source_file(dbt, path, &text, err));
    return add_macros(dbt, lt_text_of(path), lt_buf_text(&text), err);
}

/* ---- models and singular tests ---- */

/* "orders" of "models/marts/orders.sql". */
static lt_text stem(lt_dbt *dbt, const char *path)
{
    lt_text name = lt_text_of(lt_path_name(path));
    return lt_arena_text(&dbt->arena, lt_text_sub(name, 0, name.len - strlen(".sql")));
}

static lt_status make_node(lt_dbt *dbt, lt_dbt_kind kind, const char *path, lt_dbt_node **out,
                           lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(read_source_file(dbt, path, &text, err));
    lt_dbt_node *node = LT_NEW(&dbt->arena, lt_dbt_node);
    *node = (lt_dbt_node){.kind = kind, .name = stem(dbt, path), .config.full_refresh = -1};
    node->path = lt_arena_text(&dbt->arena, lt_text_of(path));
    node->id = lt_text_of(lt_arena_format(&dbt->arena, "%s.%.*s.%.*s",
                                          kind == LT_DBT_MODEL ? "model" : "test",
                                          LT_ARG(dbt->settings.name), LT_ARG(node->name)));
    LT_TRY(lt_jinja_compile(&dbt->env, node->path, lt_buf_text(&text), &node->source, NULL, err));
    lt_push_in(&dbt->arena, &dbt->templates, node->source);
    *out = node;
    return LT_OK;
}

static lt_status add_model(lt_dbt *dbt, const char *path, lt_err *err)
{
    lt_dbt_node *node = NULL;
    LT_TRY(make_node(dbt, LT_DBT_MODEL, path, &node, err));
    const lt_dbt_node *twin = lt_map_find(&dbt->models, node->name);
    if (twin) {
        lt_ignore(lt_fail(err, LT_INVALID, "%s: the model '%.*s' is there already, at %.*s", path,
                          LT_ARG(node->name), LT_ARG(twin->path)));
        return lt_hint(err, "rename one of the two files");
    }
    LT_TRY(lt_dbt_config_from_folders(dbt, dbt->settings.models, node, err));
    (void)lt_map_put(&dbt->models, node->name, node);
    return LT_OK;
}

static lt_status add_singular_test(lt_dbt *dbt, const char *path, lt_err *err)
{
    lt_dbt_node *node = NULL;
    LT_TRY(make_node(dbt, LT_DBT_SINGULAR_TEST, path, &node, err));
    LT_TRY(lt_dbt_config_from_folders(dbt, dbt->settings.tests, node, err));
    LT_TRY(lt_dbt_record(dbt, node, err));
    LT_TRY(lt_dbt_config_finish(dbt, node, err));
    if (!node->config.disabled)
        lt_push_in(&dbt->arena, &dbt->nodes, node);
    return LT_OK;
}

/* ---- walking ---- */

typedef lt_status add_file(lt_dbt *dbt, const char *path, lt_err *err);

static lt_status each_file(lt_dbt *dbt, const char *folder, const char *suffix, add_file *add,
                           lt_err *err)
{
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) full = lt_path_join(dbt->settings.root, folder);
    if (!lt_path_is_folder(full))
        return LT_OK;
    LT_TRY(lt_files_below(full, suffix, MAX_FILES, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[i]);
        LT_TRY(add(dbt, lt_arena_str(&dbt->arena, lt_text_of(path)), err));
    }
    return LT_OK;
}

/* Render every model for its references; the relation's names must be known before, so configuration comes first. */
static lt_status record_models(lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->models.entries.len; i++) {
        lt_dbt_node *node = dbt->models.entries.items[i].value;
        LT_TRY(lt_dbt_record(dbt, node, err));
        LT_TRY(lt_dbt_config_finish(dbt, node, err));
    }
    for (size_t i = 0; i < dbt->models.entries.len; i++) {
        lt_dbt_node *node = dbt->models.entries.items[i].value;
        if (!node->config.disabled)
            lt_push_in(&dbt->arena, &dbt->nodes, node);
    }
    return LT_OK;
}

static lt_status check_needs(const lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->nodes.len; i++) {
        const lt_dbt_node *node = dbt->nodes.items[i];
        for (size_t k = 0; k < node->needs.len; k++) {
            lt_text id = node->needs.items[k];
            if (!lt_text_starts(id, T("model.")))
                continue;
            lt_text name = lt_text_sub(id, strlen("model.") + dbt->settings.name.len + 1, SIZE_MAX);
            const lt_dbt_node *needed = lt_map_find(&dbt->models, name);
            if (!needed || !needed->config.disabled || node->kind == LT_DBT_GENERIC_TEST)
                continue;
            lt_ignore(lt_fail(err, LT_INVALID, "%.*s: it needs the model '%.*s', which is disabled",
                              LT_ARG(node->path), LT_ARG(name)));
            return lt_hint(err, "enable it, or disable this one too");
        }
    }
    return LT_OK;
}

static void set_up(lt_dbt *dbt)
{
    const lt_dbt_settings *set = &dbt->settings;
    dbt->env = (lt_jinja_env){.tags = own_tags, .tag_count = LT_COUNT(own_tags)};
    dbt->target = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(dbt->target, "name", lt_jinja_text(set->target_name));
    lt_jinja_put(dbt->target, "target_name", lt_jinja_text(set->target_name));
    lt_jinja_put(dbt->target, "type", lt_jinja_text(set->target_kind));
    lt_jinja_put(dbt->target, "schema", lt_jinja_text(set->target_schema));
    for (size_t i = 0; i < set->source_count; i++) {
        const lt_dbt_source *source = &set->sources[i];
        lt_dbt_source *copy = LT_NEW(&dbt->arena, lt_dbt_source);
        *copy = *source;
        char *key =
            lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(source->source), LT_ARG(source->name));
        (void)lt_map_put(&dbt->sources, lt_text_of(key), copy);
    }
}

static lt_status load(lt_dbt *dbt, lt_err *err)
{
    set_up(dbt);
    LT_TRY(add_built_in_macros(dbt, err));
    LT_TRY(each_file(dbt, "macros", ".sql", add_macro_file, err));
    LT_TRY(each_file(dbt, "models", ".sql", add_model, err));
    LT_TRY(each_file(dbt, "models", ".yml", lt_dbt_properties, err));
    LT_TRY(each_file(dbt, "models", ".yaml", lt_dbt_properties, err));
    LT_TRY(record_models(dbt, err));
    LT_TRY(each_file(dbt, "tests", ".sql", add_singular_test, err));
    LT_TRY(lt_dbt_link_tests(dbt, err));
    LT_TRY(check_needs(dbt, err));
    dbt->heap.frozen = true;
    return LT_OK;
}

lt_status lt_dbt_load(const lt_dbt_settings *settings, lt_dbt **out, lt_err *err)
{
    lt_dbt *dbt = lt_xcalloc(1, sizeof(*dbt));
    dbt->settings = *settings;
    lt_status status = load(dbt, err);
    if (status != LT_OK) {
        lt_dbt_close(dbt);
        return status;
    }
    *out = dbt;
    return LT_OK;
}

void lt_dbt_close(lt_dbt *dbt)
{
    if (!dbt)
        return;
    for (size_t i = 0; i < dbt->templates.len; i++)
        lt_jinja_template_free(dbt->templates.items[i]);
    lt_map_cleanup(&dbt->macros);
    lt_map_cleanup(&dbt->models);
    lt_map_cleanup(&dbt->sources);
    lt_jinja_heap_cleanup(&dbt->heap);
    lt_arena_cleanup(&dbt->arena);
    lt_free(dbt);
}

size_t lt_dbt_node_count(const lt_dbt *dbt)
{
    return dbt->nodes.len;
}

lt_dbt_node *lt_dbt_node_at(const lt_dbt *dbt, size_t i)
{
    return dbt->nodes.items[i];
}
