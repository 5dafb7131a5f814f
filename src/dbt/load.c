/* Reading a project: packages, macros, files, properties, and one node after the other. */
#include "dbt/parse_cache/cache.h"

#include "base/fs.h"
#include "base/time.h"

/* Of one running template; while a project is read, the usual of templates. A macro that writes the facts of some thousand tests into
 * tables does much and keeps much. */
#define MOST_VALUE_BYTES (2 * LT_GIB)
#define MOST_STEPS 5000000000

static const lt_jinja_tag own_tags[] = {
    {.name = "test", .kind = LT_JINJA_TAG_MACRO, .prefix = "test_"},
    {.name = "data_test", .kind = LT_JINJA_TAG_MACRO, .prefix = "test_"},
    {.name = "materialization", .kind = LT_JINJA_TAG_NAMED, .prefix = "materialization_"},
    {.name = "snapshot", .kind = LT_JINJA_TAG_NAMED},
    {.name = "docs", .kind = LT_JINJA_TAG_RAW},
};

static const char *const kind_names[LT_DBT_KINDS] = {
    [LT_DBT_MODEL] = "model",
    [LT_DBT_GENERIC_TEST] = "test",
    [LT_DBT_SINGULAR_TEST] = "test",
    [LT_DBT_SEED] = "seed",
    [LT_DBT_SNAPSHOT] = "snapshot",
    [LT_DBT_ANALYSIS] = "analysis",
    [LT_DBT_OPERATION] = "operation",
    [LT_DBT_UDF] = "function",
    [LT_DBT_SOURCE] = "source",
    [LT_DBT_UNIT_TEST] = "unit_test",
    [LT_DBT_EXPOSURE] = "exposure",
    [LT_DBT_METRIC] = "metric",
    [LT_DBT_SEMANTIC_MODEL] = "semantic_model",
    [LT_DBT_SAVED_QUERY] = "saved_query",
    [LT_DBT_GROUP] = "group",
};

const char *lt_dbt_kind_name(lt_dbt_kind kind)
{
    return kind_names[kind];
}

void lt_dbt_warn(lt_dbt *dbt, lt_dbt_event event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = lt_arena_vformat(&dbt->arena, format, args);
    va_end(args);
    const lt_dbt_warning warning = {.text = lt_text_of(line), .event = event};
    lt_push_in(&dbt->arena, &dbt->warnings, warning);
    const warning_place place = {.phase = dbt->phase, .home = dbt->home};
    if (dbt->units)
        lt_push_in(&dbt->arena, &dbt->warned, place);
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

lt_status lt_dbt_read(const lt_dbt_package *package, const char *path, lt_buf *out, lt_err *err)
{
    out->limit = LT_DBT_FILE_BYTES;
    LT_AUTO(lt_chars) full = lt_path_join(package->root, path);
    lt_status status = lt_file_read(full, out, err);
    if (status == LT_TOO_BIG)
        return lt_fail(err, LT_INVALID, "%s is larger than 4 MiB", path);
    LT_TRY(status);
    return check_text(path, lt_buf_text(out), err);
}

/* ---- nodes ---- */

lt_dbt_node *lt_dbt_node_new(lt_dbt *dbt, lt_dbt_package *package, lt_dbt_kind kind, lt_text name,
                             lt_text path)
{
    lt_dbt_node *node = LT_NEW(&dbt->arena, lt_dbt_node);
    *node = (lt_dbt_node){.kind = kind,
                          .package = package,
                          .name = name,
                          .path = path,
                          .file = path,
                          .version = lt_jinja_none(),
                          .latest_version = lt_jinja_none(),
                          .home = dbt->home,
                          .place = dbt->place_count++,
                          .config.full_refresh = -1};
    node->id = lt_text_of(lt_arena_format(&dbt->arena, "%s.%.*s.%.*s", kind_names[kind],
                                          LT_ARG(package->name), LT_ARG(name)));
    lt_push_in(&dbt->arena, &dbt->parsed, node);
    return node;
}

void lt_dbt_fqn(lt_dbt *dbt, lt_dbt_node *node, lt_text file, lt_text name)
{
    lt_text rest = file, part;
    size_t slash = SIZE_MAX;
    for (size_t i = 0; i < file.len; i++)
        if (file.ptr[i] == '/')
            slash = i;
    node->fqn = (lt_texts){0};
    lt_push_in(&dbt->arena, &node->fqn, node->package->name);
    rest.len = slash == SIZE_MAX ? 0 : slash;
    while (rest.len && lt_text_cut(&rest, '/', &part))
        lt_push_in(&dbt->arena, &node->fqn, part);
    lt_push_in(&dbt->arena, &node->fqn, name);
}

/* "orders" of "marts/orders.sql". */
static lt_text stem_of(const char *path)
{
    lt_text name = lt_text_of(lt_path_name(path));
    for (size_t i = name.len; i-- > 0;)
        if (name.ptr[i] == '.')
            return lt_text_sub(name, 0, i);
    return name;
}

/* ---- one file ---- */

static lt_dbt_kind kind_of(lt_dbt_paths folder)
{
    switch (folder) {
    case LT_DBT_SEED_PATHS:
        return LT_DBT_SEED;
    case LT_DBT_ANALYSIS_PATHS:
        return LT_DBT_ANALYSIS;
    case LT_DBT_TEST_PATHS:
        return LT_DBT_SINGULAR_TEST;
    case LT_DBT_UDF_PATHS:
        return LT_DBT_UDF;
    default:
        return LT_DBT_MODEL;
    }
}

/* orders_v2.sql is version 2 of orders, when a .yml file says so. */
static void take_version(lt_dbt *dbt, lt_dbt_node *node)
{
    const patch *given = lt_dbt_patch_of(dbt, node);
    if (node->kind != LT_DBT_MODEL || !given || !given->version)
        return;
    const lt_yaml *name = lt_yaml_find(given->entry, T("name"));
    node->version = lt_scope_value(&dbt->heap, lt_yaml_find(given->version, T("v")));
    lt_text version = lt_dbt_text_of(dbt, node->version);
    node->name = name->text;
    node->id = lt_text_of(lt_arena_format(&dbt->arena, "model.%.*s.%.*s.v%.*s",
                                          LT_ARG(node->package->name), LT_ARG(node->name),
                                          LT_ARG(version)));
    lt_dbt_fqn(dbt, node, node->file, node->name);
    lt_push_in(&dbt->arena, &node->fqn,
               lt_text_of(lt_arena_format(&dbt->arena, "v%.*s", LT_ARG(version))));
}

/* As dbt has it: the path of a seed that is large. */
static lt_text checksum_of(lt_dbt *dbt, const project_file *file)
{
    return lt_arena_text(&dbt->arena, lt_text_of(file->is_large ? file->path : file->checksum));
}

/* Give a node what its .yml entry says. Of several nodes of one name, all but one disabled, the entry is for the one. */
static lt_status settle_with_entry(lt_dbt *dbt, lt_dbt_node *node, const char *path,
                                   const config_calls *call, lt_err *err)
{
    patch *given = lt_dbt_patch_of(dbt, node);
    value_source source = {
        .dbt = dbt, .package = node->package, .path = given ? given->path : path};
    if (!given)
        return lt_dbt_settle(dbt, node, &source, NULL, call, err);
    lt_dbt_node *before = given->node;
    given->node = node;
    LT_TRY(lt_dbt_settle(dbt, node, &source, given->entry, call, err));
    if (before && node->config.disabled)
        given->node = before;
    return LT_OK;
}

lt_status lt_dbt_node_add(lt_dbt *dbt, const project_file *file, unsigned place, lt_err *err)
{
    lt_dbt_kind kind = kind_of(file->kind);
    lt_dbt_node *node =
        lt_dbt_node_new(dbt, file->package, kind, lt_arena_text(&dbt->arena, stem_of(file->path)),
                        lt_text_of(file->path));
    config_calls call = {0};
    node->file_place = place;
    node->file = file->below;
    if (kind == LT_DBT_ANALYSIS)
        node->file = lt_text_of(lt_arena_format(&dbt->arena, "analysis/%.*s", LT_ARG(file->below)));
    node->raw_code = kind == LT_DBT_SEED ? T("") : file->text;
    node->checksum = checksum_of(dbt, file);
    lt_dbt_fqn(dbt, node, node->file, node->name);
    take_version(dbt, node);
    if (file->compiled)
        LT_TRY(lt_dbt_record_with(dbt, node, file->compiled, &call, err));
    return settle_with_entry(dbt, node, file->path, &call, err);
}

/* As it was when its file had been found and nothing else was known. */
static lt_dbt_node before_evaluation(const lt_dbt_node *node)
{
    return (lt_dbt_node){.kind = node->kind,
                         .id = node->id,
                         .name = node->name,
                         .path = node->path,
                         .file = node->file,
                         .package = node->package,
                         .fqn = node->fqn,
                         .version = node->version,
                         .latest_version = lt_jinja_none(),
                         .file_place = node->file_place,
                         .home = node->home,
                         .place = node->place,
                         .line = node->line,
                         .config.full_refresh = -1};
}

/* What comes from its .yml entry after its evaluation. */
static void give_back(lt_dbt_node *node, const lt_dbt_node *before)
{
    node->patch_path = before->patch_path;
    node->patch_home = before->patch_home;
    node->description = before->description;
    node->doc_blocks = before->doc_blocks;
    node->columns = before->columns;
    node->raw = before->raw;
    node->latest_version = before->latest_version;
    node->deprecation_date = before->deprecation_date;
    if (node->kind == LT_DBT_OPERATION)
        node->config.tags = before->config.tags; /* with the hook's own */
}

static lt_status settle_as_before(lt_dbt *dbt, lt_dbt_node *node, const lt_dbt_node *before,
                                  const config_calls *call, lt_err *err)
{
    node->config.entry = before->config.entry;
    node->config.entry_raw = before->config.entry_raw;
    LT_TRY(lt_dbt_settle_with(dbt, node, call, err));
    give_back(node, before);
    return LT_OK;
}

lt_status lt_dbt_node_again(lt_dbt *dbt, lt_dbt_node *node, const project_file *file, bool anew,
                            lt_err *err)
{
    const lt_dbt_node before = *node;
    config_calls call = {0};
    *node = before_evaluation(&before);
    node->raw_code = node->kind == LT_DBT_SEED ? T("") : file->text;
    node->checksum = checksum_of(dbt, file);
    node->is_again = true;
    if (file->compiled)
        LT_TRY(lt_dbt_record_with(dbt, node, file->compiled, &call, err));
    return anew ? settle_with_entry(dbt, node, "", &call, err)
                : settle_as_before(dbt, node, &before, &call, err);
}

/* Each {% snapshot name %} of a file is a node of its own. */
static lt_status add_snapshot(lt_dbt *dbt, const project_file *file, const lt_jinja_block *block,
                              lt_err *err)
{
    config_calls call = {0};
    lt_dbt_node *node =
        lt_dbt_node_new(dbt, file->package, LT_DBT_SNAPSHOT,
                        lt_arena_text(&dbt->arena, block->name), lt_text_of(file->path));
    LT_AUTO(lt_chars) below = lt_format("%.*s", LT_ARG(file->below));
    lt_text stem = stem_of(below);
    size_t without_ending = (size_t)(stem.ptr + stem.len - below);
    node->file = file->below;
    node->raw_code = lt_arena_text(&dbt->arena, block->body);
    node->line = block->line;
    node->checksum = lt_arena_text(&dbt->arena, lt_text_of(file->checksum));
    const char *inside =
        lt_arena_format(&dbt->arena, "%.*s/x", LT_ARG(lt_text_sub(file->below, 0, without_ending)));
    lt_dbt_fqn(dbt, node, lt_text_of(inside), node->name);
    LT_TRY(lt_dbt_record(dbt, node, &call, err));
    return settle_with_entry(dbt, node, file->path, &call, err);
}

static lt_status add_snapshots(lt_dbt *dbt, const project_file *file, lt_err *err)
{
    static const lt_text blocks[] = {T("snapshot")};
    lt_jinja_block block;
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_TRY(lt_jinja_compile(&dbt->parse_env, lt_text_of(file->path), file->text, &compiled, NULL,
                            err));
    lt_dbt_old_blocks(dbt, lt_text_of(file->path), file->text, blocks, LT_COUNT(blocks));
    for (size_t i = 0; lt_jinja_block_at(compiled, i, &block); i++)
        if (block.tag && lt_text_eq(lt_text_of(block.tag->name), T("snapshot")))
            LT_TRY(add_snapshot(dbt, file, &block, err));
    return LT_OK;
}

/* A docs block is a template without names: comments go, {% raw %} keeps what looks like one, what is undefined is nothing. */
static lt_status render_doc(lt_dbt *dbt, lt_dbt_doc *doc, lt_err *err)
{
    static const char *const marks[] = {"{{", "{%", "{#"};
    LT_AUTO(lt_jinja_template_ref) made = NULL;
    LT_AUTO(lt_buf) out = {.limit = LT_DBT_FILE_BYTES};
    LT_AUTO(lt_chars) path = lt_text_dup(doc->path);
    lt_jinja_heap heap = {0};
    if (!lt_text_has_any(doc->text, marks, LT_COUNT(marks)))
        return LT_OK;
    LT_TRY(lt_jinja_compile(&dbt->parse_env, doc->path, doc->text, &made, NULL, err));
    const lt_jinja_context context = {.vars = lt_jinja_dict(&heap)};
    lt_status status = lt_jinja_render_text(made, &context, &heap, &out, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    if (status != LT_OK)
        return lt_wrap(err, "%s: the docs block '%.*s'", path, LT_ARG(doc->name));
    doc->text = lt_text_trim(lt_arena_text(&dbt->arena, lt_buf_text(&out)));
    return LT_OK;
}

/* {% docs name %} text {% enddocs %}; what stands between the blocks of a .md file is nobody's. */
lt_status lt_dbt_file_docs(lt_dbt *dbt, const project_file *file, lt_err *err)
{
    static const lt_text open = T("{%"), close = T("%}");
    lt_text text = file->text;
    for (size_t at = 0; (at = lt_text_find(text, open, at)) != SIZE_MAX;) {
        size_t end = lt_text_find(text, close, at);
        if (end == SIZE_MAX)
            return LT_OK;
        lt_text tag = lt_text_sub(text, at + 2, end - at - 2);
        while (tag.len && (tag.ptr[0] == '-' || tag.ptr[0] == '+'))
            tag = lt_text_sub(tag, 1, SIZE_MAX);
        while (tag.len && tag.ptr[tag.len - 1] == '-')
            tag.len--;
        tag = lt_text_trim(tag);
        at = end + 2;
        if (!lt_text_starts(tag, T("docs ")))
            continue;
        size_t stop = at;
        for (;;) { /* the next tag that says enddocs */
            stop = lt_text_find(text, T("enddocs"), stop);
            if (stop == SIZE_MAX)
                return lt_fail(err, LT_INVALID, "%s: {%% %.*s %%} has no {%% enddocs %%}",
                               file->path, LT_ARG(tag));
            size_t start = stop;
            while (start > at && (lt_is_space(text.ptr[start - 1]) || text.ptr[start - 1] == '-'))
                start--;
            if (start >= at + 2 && text.ptr[start - 1] == '%' && text.ptr[start - 2] == '{') {
                stop = start - 2;
                break;
            }
            stop += 7;
        }
        lt_dbt_doc *doc = LT_NEW(&dbt->arena, lt_dbt_doc);
        doc->name = lt_arena_text(&dbt->arena, lt_text_trim(lt_text_sub(tag, 5, SIZE_MAX)));
        doc->text = lt_text_trim(lt_text_sub(text, at, stop - at));
        doc->path = lt_text_of(file->path);
        doc->package = file->package;
        doc->id = lt_text_of(lt_arena_format(&dbt->arena, "doc.%.*s.%.*s",
                                             LT_ARG(file->package->name), LT_ARG(doc->name)));
        const lt_dbt_doc *before =
            lt_map_put(&dbt->docs, lt_text_sub(doc->id, strlen("doc."), SIZE_MAX), doc);
        if (before)
            return lt_fail(err, LT_INVALID, "%s: the docs block '%.*s' is there already, in %.*s",
                           file->path, LT_ARG(doc->name), LT_ARG(before->path));
        LT_TRY(render_doc(dbt, doc, err));
        at = stop;
    }
    return LT_OK;
}

/* ---- hooks of the project ---- */

static lt_status add_operation(lt_dbt *dbt, lt_dbt_package *package, const char *when, size_t i,
                               lt_text sql, lt_err *err)
{
    config_calls call = {0};
    char *name = lt_arena_format(&dbt->arena, "%.*s-%s-%zu", LT_ARG(package->name), when, i);
    lt_dbt_node *node =
        lt_dbt_node_new(dbt, package, LT_DBT_OPERATION, lt_text_of(name), T("./dbt_project.yml"));
    node->file = lt_text_of(lt_arena_format(&dbt->arena, "hooks/%s.sql", name));
    node->raw_code = sql;
    node->line = (unsigned)i; /* `index` of the manifest */
    LT_AUTO(lt_buf) file = {0};
    LT_TRY(lt_dbt_read(package, "dbt_project.yml", &file, err));
    node->checksum = lt_dbt_checksum(dbt, lt_text_trim(lt_buf_text(&file)));
    lt_dbt_fqn(dbt, node, node->file, node->name);
    LT_TRY(lt_dbt_record(dbt, node, &call, err));
    LT_TRY(lt_dbt_settle(dbt, node, NULL, NULL, &call, err));
    lt_texts tags = {0};
    lt_push_in(&dbt->arena, &tags, lt_text_of(when));
    for (size_t k = 0; k < node->config.tags.len; k++)
        lt_push_in(&dbt->arena, &tags, node->config.tags.items[k]);
    node->config.tags = tags;
    return LT_OK;
}

static lt_status add_operations(lt_dbt *dbt, lt_dbt_package *package, lt_err *err)
{
    static const char *const hooks[] = {"on-run-start", "on-run-end"};
    dbt->home = dbt->unit_count;
    for (size_t k = 0; k < LT_COUNT(hooks); k++) {
        lt_texts list = {0};
        lt_dbt_texts_of(dbt, lt_dbt_at(package->project, hooks[k]), &list);
        for (size_t i = 0; i < list.len; i++)
            LT_TRY(add_operation(dbt, package, hooks[k], i, list.items[i], err));
    }
    return LT_OK;
}

/* ---- the order of things ---- */

static bool is_yaml(const project_file *file)
{
    return file->yaml != NULL;
}

lt_status lt_dbt_file_properties(lt_dbt *dbt, const project_file *file, lt_err *err)
{
    lt_dbt_old_doubles(dbt, file->path, &file->doubles);
    if (file->kind == LT_DBT_OWN_TEST_PATHS)
        return lt_dbt_own_tests(dbt, file, err);
    return lt_dbt_properties(dbt, file->package, file->path, file->yaml, err);
}

static lt_status add_file(lt_dbt *dbt, project_files *files, size_t i, int pass, lt_err *err)
{
    const project_file *file = &files->items[i];
    bool markdown = lt_text_ends_nocase(lt_text_of(file->path), T(".md"));
    dbt->home = (unsigned)i + 1;
    if (file->failed) {
        *err = *file->failed;
        return err->status;
    }
    if (markdown)
        return pass == 0 ? lt_dbt_file_docs(dbt, file, err) : LT_OK;
    if (is_yaml(file) && pass == 0)
        return lt_dbt_overrides_note(dbt, file->path, file->yaml, err);
    if (is_yaml(file))
        return pass == 1 ? lt_dbt_file_properties(dbt, file, err) : LT_OK;
    if (pass != 2)
        return LT_OK;
    if (file->kind == LT_DBT_SNAPSHOT_PATHS)
        return add_snapshots(dbt, file, err);
    return lt_dbt_node_add(dbt, file, (unsigned)i + 1, err);
}

/* Templates take memory: they are read, evaluated and forgotten in portions. */
static lt_status add_late_files(lt_dbt *dbt, project_files *files, size_t early, lt_err *err)
{
    enum { PORTION = 500 };
    for (size_t from = early; from < files->len; from += PORTION) {
        size_t to = LT_MIN(from + PORTION, files->len);
        lt_dbt_files_read(dbt, files, from, to);
        for (size_t i = from; i < to; i++)
            LT_TRY(add_file(dbt, files, i, 2, err));
        for (size_t i = from; i < to; i++) {
            lt_jinja_template_free(files->items[i].compiled);
            files->items[i].compiled = NULL;
        }
    }
    return LT_OK;
}

static lt_status add_files(lt_dbt *dbt, project_files *files, size_t early, lt_err *err)
{
    lt_dbt_files_read(dbt, files, 0, early);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < early; i++)
            LT_TRY(add_file(dbt, files, i, pass, err));
    return add_late_files(dbt, files, early, err);
}

static lt_status add_everything(lt_dbt *dbt, project_files *files, size_t early, lt_err *err)
{
    LT_TRY(add_files(dbt, files, early, err));
    for (size_t i = 0; i < dbt->packages.len; i++)
        LT_TRY(add_operations(dbt, dbt->packages.items[i], err));
    LT_TRY(lt_dbt_patches_apply(dbt, err));
    dbt->home = 0;
    lt_dbt_overrides_warn(dbt);
    lt_dbt_trees_free(dbt);
    return LT_OK;
}

static bool caches(const lt_dbt *dbt)
{
    return dbt->settings.parse_cache && !dbt->is_strict;
}

static lt_status read_listed(lt_dbt *dbt, project_files *files, size_t early, lt_parsed *cached,
                             lt_err *err)
{
    if (cached)
        LT_TRY(lt_parse_cache_refresh(dbt, files, cached, err));
    else
        LT_TRY(add_everything(dbt, files, early, err));
    dbt->last_warning = dbt->warnings.len;
    LT_TRY(lt_dbt_resolve(dbt, err));
    if (caches(dbt))
        lt_parse_cache_keep(dbt, files);
    return LT_OK;
}

/* What the cache has does not depend on which files there are: both go on at the same time. */
static lt_status read_files(lt_dbt *dbt, lt_err *err)
{
    project_files files = {0};
    lt_parsed cached;
    lt_err listing_err = {0};
    size_t early;
    bool used = false;
    struct files_listing *listing = dbt->listing;
    dbt->listing = NULL;
    dbt->first_warning = dbt->warnings.len;
    lt_status status = dbt->cache_reading ? lt_parse_cache_use(dbt, &cached, &used, err) : LT_OK;
    lt_status listed = lt_dbt_files_end(listing, &files, &early, &listing_err);
    if (listed != LT_OK) {
        *err = listing_err;
        status = listed;
    }
    if (caches(dbt) && !used)
        lt_dbt_units_init(dbt, files.len);
    if (status == LT_OK)
        status = read_listed(dbt, &files, early, used ? &cached : NULL, err);
    for (size_t i = 0; i < files.len; i++)
        lt_jinja_template_free(files.items[i].compiled);
    lt_vec_free(&files);
    return status;
}

/* Tables that are loaded by this program can be read with source() though no .yml file names them. */
static void add_loaded_sources(lt_dbt *dbt)
{
    for (size_t i = 0; i < dbt->settings.source_count; i++) {
        const lt_dbt_source *source = &dbt->settings.sources[i];
        char *name =
            lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(source->source), LT_ARG(source->name));
        lt_dbt_node *node = lt_dbt_node_new(dbt, dbt->root, LT_DBT_SOURCE, lt_text_of(name), T(""));
        node->name = source->name;
        node->identifier = source->relation.name;
        node->source_name = source->source;
        node->load_id = source->id;
        node->relation = source->relation;
        node->config.all = node->config.unrendered = lt_jinja_dict(&dbt->heap);
        lt_push_in(&dbt->arena, &node->fqn, dbt->root->name);
        lt_push_in(&dbt->arena, &node->fqn, source->source);
        lt_push_in(&dbt->arena, &node->fqn, source->name);
        lt_dbt_refable_add(dbt, &dbt->sources, lt_text_of(name), node);
    }
}

static void put_target(lt_dbt *dbt)
{
    const lt_dbt_settings *set = &dbt->settings;
    lt_jinja_value key, value;
    dbt->target = lt_jinja_dict(&dbt->heap);
    for (size_t at = 0;
         set->target.type == LT_JINJA_DICT && lt_jinja_next(set->target, &at, &key, &value);)
        lt_jinja_put_value(dbt->target, key, value);
    lt_jinja_put(dbt->target, "name", lt_jinja_text(set->target_name));
    lt_jinja_put(dbt->target, "target_name", lt_jinja_text(set->target_name));
    lt_jinja_put(dbt->target, "type", lt_jinja_text(set->target_kind));
    lt_jinja_put(dbt->target, "schema", lt_jinja_text(set->target_schema));
    if (set->target_database.len)
        lt_jinja_put(dbt->target, "database", lt_jinja_text(set->target_database));
    if (set->profile_name.len)
        lt_jinja_put(dbt->target, "profile_name", lt_jinja_text(set->profile_name));
}

/* What templates see as `flags`, where no command line of dbt's gave any. */
static lt_jinja_value own_flags(lt_dbt *dbt)
{
    lt_jinja_value flags = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(flags, "which", lt_jinja_text(T("build")));
    lt_jinja_put(flags, "full_refresh", lt_jinja_bool(dbt->settings.full_refresh));
    lt_jinja_put(flags, "store_failures", lt_jinja_bool(false));
    lt_jinja_put(flags, "empty", lt_jinja_bool(false));
    lt_jinja_put(flags, "require_explicit_package_overrides_for_builtin_materializations",
                 lt_jinja_bool(true));
    return flags;
}

static lt_status load(lt_dbt *dbt, bool from_cache, lt_err *err)
{
    if (dbt->settings.flags.type != LT_JINJA_DICT)
        dbt->settings.flags = own_flags(dbt);
    if (dbt->settings.args.type != LT_JINJA_DICT)
        dbt->settings.args = dbt->settings.flags;
    const rt_request parsing = {.flags = dbt->settings.flags,
                                .args = dbt->settings.args,
                                .envs = dbt->settings.metadata_envs};
    if (from_cache)
        lt_parse_cache_begin(dbt);
    dbt->env = (lt_jinja_env){.known = lt_dbt_known_names,
                              .filters = lt_dbt_text_filters,
                              .filter_count = LT_DBT_FILTERS,
                              .tags = own_tags,
                              .tag_count = LT_COUNT(own_tags),
                              .max_heap_bytes = MOST_VALUE_BYTES,
                              .max_steps = MOST_STEPS};
    dbt->yaml_env = lt_dbt_yaml_env;
    lt_dbt_defaults_init(dbt);
    put_target(dbt);
    LT_TRY(lt_dbt_rt_make(dbt, &parsing, &dbt->parse_rt, err)); /* for dbt_project.yml itself */
    LT_TRY(lt_dbt_packages_load(dbt, err));
    dbt->listing = lt_dbt_files_begin(dbt, caches(dbt));
    lt_dbt_rt_close(dbt->parse_rt);
    dbt->parse_rt = NULL;
    dbt->parse_env = dbt->env;
    dbt->parse_env.max_heap_bytes = 0;
    dbt->parse_env.max_steps = 0;
    if (!dbt->is_strict)
        dbt->parse_env.undefined = LT_JINJA_ABSORBING_HERE;
    dbt->test_env = dbt->parse_env;
    if (!dbt->is_strict)
        dbt->test_env.undefined = LT_JINJA_ABSORBING;
    LT_TRY(lt_dbt_rt_make(dbt, &parsing, &dbt->parse_rt, err));
    for (size_t i = 0; i < dbt->packages.len; i++)
        LT_TRY(lt_dbt_macros_load(dbt, dbt->packages.items[i], err));
    LT_TRY(lt_dbt_config_check_folders(dbt, err));
    add_loaded_sources(dbt);
    LT_TRY(read_files(dbt, err));
    dbt->heap.frozen = true;
    return LT_OK;
}

/* `doubt`: why the cache was no use; or NULL. */
static lt_status load_once(const lt_dbt_settings *settings, bool from_cache, const char *doubt,
                           lt_dbt **out, lt_err *err)
{
    lt_dbt *dbt = lt_xcalloc(1, sizeof(*dbt));
    dbt->parse_note = "parsed from scratch";
    if (doubt)
        dbt->parse_note = lt_arena_format(&dbt->arena, "parsed from scratch: %s", doubt);
    dbt->settings = *settings;
    dbt->loaded_at_us = lt_now_us();
    (void)pthread_mutex_init(&dbt->names_lock, NULL);
    dbt->heap.limit = (size_t)4 * LT_GIB;
    dbt->may_begin_anew = from_cache;
    lt_status status = load(dbt, from_cache, err);
    if (status == LT_OK)
        status = lt_dbt_say_held(dbt, err);
    if (status != LT_OK) {
        lt_dbt_close(dbt);
        return status;
    }
    *out = dbt;
    return LT_OK;
}

lt_status lt_dbt_load(const lt_dbt_settings *settings, lt_dbt **out, lt_err *err)
{
    lt_err doubt = {0};
    if (settings->parse_cache && settings->reads_cache) {
        if (load_once(settings, true, NULL, out, &doubt) == LT_OK)
            return LT_OK;
        return load_once(settings, false, doubt.message, out, err);
    }
    return load_once(settings, false, NULL, out, err);
}

const char *lt_dbt_parse_note(const lt_dbt *dbt)
{
    return dbt->parse_note;
}

void lt_dbt_close(lt_dbt *dbt)
{
    if (!dbt)
        return;
    lt_map *const maps[] = {&dbt->package_names, &dbt->by_id,    &dbt->refable,  &dbt->sources,
                            &dbt->udfs,          &dbt->measures, &dbt->metrics,  &dbt->groups,
                            &dbt->docs,          &dbt->patches,  &dbt->versions, &dbt->levels,
                            &dbt->env_reads};
    lt_parse_cache_end(dbt);
    lt_dbt_files_forget(dbt->listing);
    for (size_t i = 0; i < dbt->templates.len; i++)
        lt_jinja_template_free(dbt->templates.items[i]);
    lt_dbt_own_macros_free(dbt);
    for (size_t i = 0; i < dbt->packages.len; i++)
        lt_map_cleanup(&dbt->packages.items[i]->macros);
    for (size_t i = 0; i < LT_COUNT(maps); i++)
        lt_map_cleanup(maps[i]);
    lt_dbt_trees_free(dbt);
    for (size_t i = 0; i < dbt->arenas.len; i++)
        lt_arena_cleanup(&dbt->arenas.items[i].texts);
    lt_dbt_rt_close(dbt->parse_rt);
    lt_jinja_heap_cleanup(&dbt->heap);
    lt_arena_cleanup(&dbt->file_names);
    lt_arena_cleanup(&dbt->names);
    lt_arena_cleanup(&dbt->arena);
    (void)pthread_mutex_destroy(&dbt->names_lock);
    lt_free(dbt);
}

size_t lt_dbt_node_count(const lt_dbt *dbt)
{
    return dbt->runnable.len;
}

lt_dbt_node *lt_dbt_node_at(const lt_dbt *dbt, size_t i)
{
    return dbt->runnable.items[i];
}

const lt_dbt_nodes *lt_dbt_all(const lt_dbt *dbt)
{
    return &dbt->all;
}

lt_dbt_node *lt_dbt_find(const lt_dbt *dbt, lt_text id)
{
    lt_dbt_names_ready(dbt);
    return lt_map_find(&dbt->by_id, id);
}

const lt_dbt_package *lt_dbt_root(const lt_dbt *dbt)
{
    return dbt->root;
}

size_t lt_dbt_macro_count(const lt_dbt *dbt)
{
    return dbt->macros.len;
}

const lt_dbt_warning_list *lt_dbt_warnings(const lt_dbt *dbt)
{
    return &dbt->warnings;
}
