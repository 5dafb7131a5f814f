/* From a parse cache to the project as it is now: what has changed is evaluated again, with all that looked at it. */
#include "dbt/parse_cache/cache.h"

#include <stdlib.h>

typedef enum change {
    AS_IT_WAS,
    ANOTHER_TEXT, /* the file is another, or it is new */
    LOOKED_AT     /* the file is as it was; a macro or a docs block that it uses is not */
} change;

typedef struct refreshing {
    lt_dbt *dbt;
    project_files *files;
    const lt_parsed *parsed;
    uint32_t *before;      /* by file: where the cache has it, from 1; 0: it is new */
    lt_dbt_node **owners;  /* by file: the node that the file is; NULL: none, or several */
    unsigned char *change; /* by home - 1 */
    bool *is_anew;         /* by place of a node: its .yml entry is another, or gone */
    size_t kept_count;     /* nodes of the cache that stay, at the beginning of `parsed` */
    size_t changed;        /* homes */
    bool others;           /* files came or went */
    bool yaml;             /* a .yml file has to be read again */
    bool is_unlinked;      /* a node is another to who resolves references */
    bool is_shared; /* several packages have nodes: an entry of one may be for a node of another */
    lt_parse_work work;
} refreshing;

static bool is_yaml(const project_file *file)
{
    lt_text path = lt_text_of(file->path);
    return lt_text_ends_nocase(path, T(".yml")) || lt_text_ends_nocase(path, T(".yaml"));
}

static bool is_markdown(const project_file *file)
{
    return lt_text_ends_nocase(lt_text_of(file->path), T(".md"));
}

/* A file that is one node. */
static bool is_node(const project_file *file)
{
    return !is_yaml(file) && !is_markdown(file) && file->kind != LT_DBT_SNAPSHOT_PATHS;
}

static void mark(refreshing *r, uint32_t home, change how)
{
    unsigned char *now = &r->change[home - 1];
    if (*now == AS_IT_WAS) {
        *now = (unsigned char)how;
        r->changed++;
    }
    if (home <= r->files->len && is_yaml(&r->files->items[home - 1]))
        r->yaml = true;
}

static bool is_changed(const refreshing *r, uint32_t home)
{
    return home && r->change[home - 1] != AS_IT_WAS;
}

/* ---- which file is which ---- */

static bool is_same_file(const lt_dbt *dbt, const project_file *now, const lt_parse_file *then)
{
    return lt_text_eq(lt_text_of(now->path), then->path) && (uint32_t)now->kind == then->kind &&
           then->package && then->package <= dbt->packages.len &&
           dbt->packages.items[then->package - 1] == now->package;
}

static bool are_same_files(const refreshing *r)
{
    if (r->files->len != r->parsed->file_count)
        return false;
    for (size_t i = 0; i < r->files->len; i++)
        if (!is_same_file(r->dbt, &r->files->items[i], &r->parsed->files[i]))
            return false;
    return true;
}

static lt_text file_key(lt_arena *arena, size_t package, size_t kind, lt_text path)
{
    return lt_text_of(lt_arena_format(arena, "%zu.%zu.%.*s", package, kind, LT_ARG(path)));
}

static size_t package_place(const lt_dbt *dbt, const lt_dbt_package *package)
{
    size_t i = 0;
    while (i < dbt->packages.len && dbt->packages.items[i] != package)
        i++;
    return i + 1;
}

/* Only files that are one node may come and go, and .yml files: what a docs block's absence means is not known here. */
static bool may_come_and_go(const project_file *file)
{
    return is_node(file) || (is_yaml(file) && file->kind != LT_DBT_OWN_TEST_PATHS);
}

/* `to`: by old home - 1, the new home; 0: it is gone. */
static lt_status match_files(refreshing *r, uint32_t *to, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_map known = {0};
    uint32_t last = 0;
    bool fits = true;
    for (size_t i = 0; i < r->parsed->file_count; i++) {
        const lt_parse_file *then = &r->parsed->files[i];
        (void)lt_map_put(&known, file_key(&arena, then->package, then->kind, then->path),
                         (void *)(uintptr_t)(i + 1));
    }
    for (size_t i = 0; i < r->files->len; i++) {
        const project_file *now = &r->files->items[i];
        lt_text key = file_key(&arena, package_place(r->dbt, now->package), (size_t)now->kind,
                               lt_text_of(now->path));
        r->before[i] = (uint32_t)(uintptr_t)lt_map_find(&known, key);
        if (r->before[i])
            to[r->before[i] - 1] = (uint32_t)i + 1;
        fits &= r->before[i] ? r->before[i] > last : may_come_and_go(now);
        last = LT_MAX(last, r->before[i]);
    }
    lt_map_cleanup(&known);
    for (size_t i = 0; i < r->parsed->file_count && fits; i++) {
        const lt_parse_file *then = &r->parsed->files[i];
        const project_file gone = {.path = then->path.ptr, .kind = (lt_dbt_paths)then->kind};
        fits = to[i] || may_come_and_go(&gone);
    }
    to[r->parsed->file_count] = (uint32_t)r->files->len + 1;
    return fits ? LT_OK : lt_fail(err, LT_INVALID, "there are other files");
}

/* Entries for nodes that are not there may be meant for new ones, and versions name files. */
static lt_status check_units_alone(const refreshing *r, lt_err *err)
{
    for (uint32_t i = 0; i < r->dbt->unit_count; i++)
        if (r->dbt->units[i].is_apart || r->dbt->units[i].loose.len)
            return lt_fail(err, LT_INVALID, "there are other files");
    return LT_OK;
}

static void move_homes(refreshing *r, const uint32_t *to)
{
    lt_dbt *dbt = r->dbt;
    parse_unit *units = dbt->units;
    uint32_t count = dbt->unit_count;
    size_t kept = 0;
    lt_dbt_units_init(dbt, r->files->len);
    for (uint32_t i = 0; i < count; i++)
        if (to[i])
            dbt->units[to[i] - 1] = units[i];
    for (size_t i = 0; i < dbt->macros.len; i++) {
        lt_dbt_macro *macro = (lt_dbt_macro *)(uintptr_t)dbt->macros.items[i];
        bool gone = macro->patch_home && !to[macro->patch_home - 1];
        macro->patch_home = macro->patch_home ? to[macro->patch_home - 1] : 0;
        if (gone) {
            macro->patch_path = macro->description = (lt_text){0};
            macro->patch = (lt_jinja_value){0};
            dbt->macros_again = true;
        }
    }
    for (size_t i = dbt->first_warning; i < dbt->warnings.len; i++) {
        warning_place place = dbt->warned.items[i - dbt->first_warning];
        place.home = place.home ? to[place.home - 1] : 0;
        if (!place.home)
            continue;
        dbt->warnings.items[dbt->first_warning + kept] = dbt->warnings.items[i];
        dbt->warned.items[kept++] = place;
    }
    dbt->warnings.len = dbt->first_warning + kept;
    dbt->warned.len = kept;
}

/* Nodes of files that are gone go; the tests that they had are made by other files, which are read again. */
static void move_nodes(refreshing *r, const uint32_t *to)
{
    lt_dbt *dbt = r->dbt;
    size_t kept = 0;
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        uint32_t entry = node->patch_home ? to[node->patch_home - 1] : 0;
        uint32_t home = node->home ? to[node->home - 1] : 0;
        if (!home && entry)
            mark(r, entry, LOOKED_AT);
        if (home && node->patch_home && !entry)
            r->is_anew[node->place] = true;
        node->home = home;
        node->patch_home = entry;
        node->file_place = node->file_place ? home : 0;
        if (home)
            dbt->parsed.items[kept++] = node;
    }
    dbt->parsed.len = kept;
}

static bool are_shared(const project_files *files)
{
    const lt_dbt_package *first = NULL;
    for (size_t i = 0; i < files->len; i++) {
        const project_file *file = &files->items[i];
        if (file->kind != LT_DBT_MODEL_PATHS && file->kind != LT_DBT_SEED_PATHS &&
            file->kind != LT_DBT_SNAPSHOT_PATHS)
            continue;
        if (first && file->package != first)
            return true;
        first = file->package;
    }
    return false;
}

static lt_status fail_shared(const lt_dbt_node *node, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "another package may have an entry for %.*s", LT_ARG(node->id));
}

static lt_status find_files(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    size_t homes = LT_MAX(r->files->len, r->parsed->file_count) + 1;
    r->before = lt_alloc_array(&dbt->arena, homes, sizeof(*r->before));
    r->change = lt_alloc_array(&dbt->arena, homes, sizeof(*r->change));
    r->owners = lt_alloc_array(&dbt->arena, homes, sizeof(*r->owners));
    r->is_anew = lt_alloc_array(&dbt->arena, dbt->place_count + 1, sizeof(*r->is_anew));
    r->others = !are_same_files(r);
    for (size_t i = 0; i < r->files->len && !r->others; i++)
        r->before[i] = (uint32_t)i + 1;
    r->is_shared = are_shared(r->files);
    if (r->others && r->is_shared)
        return lt_fail(err, LT_INVALID, "there are other files");
    if (r->others) {
        uint32_t *to = lt_alloc_array(&dbt->arena, homes, sizeof(*to));
        LT_TRY(match_files(r, to, err));
        LT_TRY(check_units_alone(r, err));
        move_homes(r, to);
        move_nodes(r, to);
    }
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (node->file_place > r->files->len)
            return lt_fail(err, LT_INVALID, "it names a file that is not there");
        if (node->file_place)
            r->owners[node->file_place - 1] = node;
    }
    return LT_OK;
}

/* ---- what has changed ---- */

/* Two changes within a tick of the file system's clock look the same: what was changed just before it was looked at is read. */
static bool is_same_look(const lt_parse_file *before, const lt_file_look *now, int64_t written_us)
{
    enum { FINE_TICK_MS = 50, COARSE_TICK_MS = 2500 };
    const lt_file_look *then = &before->look;
    bool coarse = then->changed_ns % 1000000000 == 0 || then->status_changed_ns % 1000000000 == 0;
    int64_t newest_us = LT_MAX(then->changed_ns, then->status_changed_ns) / 1000;
    int64_t tick_us = (coarse ? COARSE_TICK_MS : FINE_TICK_MS) * INT64_C(1000);
    return now->inode && then->inode == now->inode && then->size_bytes == now->size_bytes &&
           then->changed_ns == now->changed_ns &&
           then->status_changed_ns == now->status_changed_ns && newest_us < written_us - tick_us;
}

/* Files are read that look changed, and those of nodes that have to be evaluated whatever they are. */
static void read_changed(refreshing *r)
{
    for (size_t i = 0; i < r->files->len; i++) {
        project_file *file = &r->files->items[i];
        const lt_parse_file *before = r->before[i] ? &r->parsed->files[r->before[i] - 1] : NULL;
        const lt_dbt_node *owner = r->owners[i];
        file->is_wanted = !before || (owner && owner->reads_clock) ||
                          !is_same_look(before, &file->look, r->parsed->head->written_us);
        r->work.read += file->is_wanted;
        if (!file->is_wanted)
            memcpy(file->checksum, before->checksum.ptr,
                   LT_MIN(before->checksum.len, sizeof(file->checksum) - 1));
    }
    if (r->work.read)
        lt_dbt_files_read(r->dbt, r->files, 0, r->files->len);
}

static lt_status mark_file(refreshing *r, size_t i, lt_err *err)
{
    const project_file *file = &r->files->items[i];
    if (file->failed)
        return lt_fail(err, LT_INVALID, "%s cannot be read", file->path);
    bool same = r->before[i] &&
                lt_text_eq(lt_text_of(file->checksum), r->parsed->files[r->before[i] - 1].checksum);
    if (same && !(r->owners[i] && r->owners[i]->reads_clock))
        return LT_OK;
    if (file->kind == LT_DBT_SNAPSHOT_PATHS && !is_yaml(file) && !is_markdown(file))
        return lt_fail(err, LT_INVALID, "%s has changed", file->path);
    mark(r, (uint32_t)i + 1, ANOTHER_TEXT);
    return LT_OK;
}

/* ---- docs blocks ---- */

static bool is_of_file(const lt_dbt_doc *doc, const project_file *file)
{
    return doc && doc->package == file->package && lt_text_eq(doc->path, lt_text_of(file->path));
}

/* The same blocks in the same order, or nothing here is sure of what a name means. */
static lt_status read_docs(refreshing *r, const project_file *file, lt_texts *changed, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    const lt_map *docs = &dbt->docs;
    const char *last = NULL;
    size_t count = docs->entries.len;
    lt_dbt_doc **before = lt_alloc_array(&dbt->arena, count + 1, sizeof(lt_dbt_doc *));
    for (size_t i = 0; i < count; i++)
        if (is_of_file(docs->entries.items[i].value, file)) {
            before[i] = docs->entries.items[i].value;
            docs->entries.items[i].value = NULL;
        }
    LT_TRY(lt_dbt_file_docs(dbt, file, err));
    for (size_t i = 0; i < count; i++) {
        const lt_dbt_doc *doc = docs->entries.items[i].value;
        if (!before[i])
            continue;
        if (!doc || (last && doc->text.ptr < last))
            return lt_fail(err, LT_INVALID, "%s has other docs blocks", file->path);
        last = doc->text.ptr;
        if (!lt_text_eq(before[i]->text, doc->text))
            lt_push_in(&dbt->arena, changed, doc->id);
    }
    if (docs->entries.len != count)
        return lt_fail(err, LT_INVALID, "%s has other docs blocks", file->path);
    dbt->docs_again |= changed->len > 0;
    return LT_OK;
}

static bool looked_at(const parse_unit *unit, const lt_parsed *parsed, const lt_texts *docs)
{
    for (size_t i = 0; i < unit->macros.len; i++)
        for (uint32_t k = 0; k < parsed->changed_macro_count; k++)
            if (unit->macros.items[i] == parsed->changed_macros[k])
                return true;
    for (size_t i = 0; i < unit->docs.len; i++)
        if (lt_dbt_texts_have(docs, unit->docs.items[i]))
            return true;
    return false;
}

static lt_status mark_all(refreshing *r, lt_err *err)
{
    lt_texts docs = {0};
    for (size_t i = 0; i < r->files->len; i++)
        if (r->files->items[i].is_wanted)
            LT_TRY(mark_file(r, i, err));
    for (size_t i = 0; i < r->files->len && r->changed; i++)
        if (is_markdown(&r->files->items[i]) && r->change[i] != AS_IT_WAS)
            LT_TRY(read_docs(r, &r->files->items[i], &docs, err));
    for (size_t i = 0; i < r->dbt->parsed.len;
         i++) { /* hooks and snapshots: files have been seen to */
        const lt_dbt_node *node = r->dbt->parsed.items[i];
        if (node->reads_clock && !node->file_place)
            mark(r, node->home, LOOKED_AT);
    }
    r->dbt->macros_again |= r->parsed->changed_macro_count > 0;
    if (!docs.len && !r->parsed->changed_macro_count)
        return LT_OK;
    for (uint32_t i = 0; i < r->dbt->unit_count; i++)
        if (looked_at(&r->dbt->units[i], r->parsed, &docs))
            mark(r, i + 1, LOOKED_AT);
    if (r->changed > r->files->len / 2)
        return lt_fail(err, LT_INVALID, "what has changed is used everywhere");
    return LT_OK;
}

/* ---- nodes that are there already ---- */

/* What evaluating it looked at, and what it warned of, begins anew. */
static void forget(lt_dbt *dbt, uint32_t home)
{
    size_t kept = 0;
    dbt->units[home - 1] = (parse_unit){0};
    for (size_t i = 0; i < dbt->warned.len; i++) {
        if (dbt->warned.items[i].home == home)
            continue;
        dbt->warnings.items[dbt->first_warning + kept] =
            dbt->warnings.items[dbt->first_warning + i];
        dbt->warned.items[kept++] = dbt->warned.items[i];
    }
    dbt->warnings.len = dbt->first_warning + kept;
    dbt->warned.len = kept;
}

/* With the text that the cache has of it. */
static lt_status again_as_it_was(lt_dbt *dbt, lt_dbt_node *node, bool anew, lt_err *err)
{
    project_file file = {.text = node->raw_code};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    memcpy(file.checksum, node->checksum.ptr,
           LT_MIN(node->checksum.len, sizeof(file.checksum) - 1));
    if (lt_text_find_byte(node->raw_code, '{', 0) != SIZE_MAX || lt_dbt_is_python(node))
        LT_TRY(lt_dbt_compile_template(dbt, node, true, &compiled, err));
    file.compiled = compiled;
    return lt_dbt_node_again(dbt, node, &file, anew, err);
}

static bool is_of_yaml(const refreshing *r, const lt_dbt_node *node)
{
    return node->home && node->home <= r->files->len && is_yaml(&r->files->items[node->home - 1]);
}

static lt_status again(refreshing *r, lt_dbt_node *node, bool anew, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    const project_file *file = node->file_place ? &r->files->items[node->file_place - 1] : NULL;
    lt_text group = node->group;
    const lt_dbt_node before = *node;
    dbt->home = node->home;
    dbt->phase = 0;
    if (file)
        forget(dbt, node->home);
    r->work.evaluated += !node->reads_clock;
    lt_status status = file && r->change[node->home - 1] == ANOTHER_TEXT
                           ? lt_dbt_node_again(dbt, node, file, anew, err)
                           : again_as_it_was(dbt, node, anew, err);
    LT_TRY(status);
    if (r->is_shared && before.config.disabled != node->config.disabled)
        return fail_shared(node, err);
    if (lt_dbt_resolves_alike(&before, node)) {
        node->depends_on = before.depends_on;
        node->is_disabled = before.is_disabled;
    } else {
        r->is_unlinked = true;
    }
    if (!anew && node->patch_home && !lt_text_eq(group, node->group)) /* tests have it too */
        mark(r, node->patch_home, LOOKED_AT);
    return LT_OK;
}

/* Hooks and snapshots have no file for themselves alone: they begin anew together. */
static void forget_shared(refreshing *r)
{
    for (uint32_t home = 1; home <= r->dbt->unit_count; home++)
        if (r->change[home - 1] != AS_IT_WAS &&
            (home > r->files->len ||
             (!is_yaml(&r->files->items[home - 1]) && !is_node(&r->files->items[home - 1]))))
            forget(r->dbt, home);
}

/* Those whose entry in a .yml file is as it was. */
static lt_status nodes_again(refreshing *r, lt_err *err)
{
    const lt_dbt *dbt = r->dbt;
    for (size_t i = 0; i < r->kept_count; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (!is_changed(r, node->home) || is_of_yaml(r, node) || r->is_anew[node->place] ||
            is_changed(r, node->patch_home))
            continue;
        LT_TRY(again(r, node, false, err));
    }
    return LT_OK;
}

/* ---- .yml files ---- */

/* Those that are read again though they are as they were. */
static lt_status read_yaml(refreshing *r, lt_err *err)
{
    bool any = false;
    for (size_t i = 0; i < r->files->len; i++) {
        project_file *file = &r->files->items[i];
        bool read = file->is_wanted;
        file->is_wanted = is_yaml(file) && r->change[i] != AS_IT_WAS && !read;
        any |= file->is_wanted;
        if (is_yaml(file) && r->change[i] != AS_IT_WAS && r->dbt->units[i].is_apart)
            return lt_fail(err, LT_INVALID, "%s says what others are", file->path);
    }
    if (any)
        lt_dbt_files_read(r->dbt, r->files, 0, r->files->len);
    for (size_t i = 0; i < r->files->len; i++)
        if (r->files->items[i].failed)
            return lt_fail(err, LT_INVALID, "%s cannot be read", r->files->items[i].path);
    return LT_OK;
}

/* What they made goes, and who has an entry in them loses it. */
static void drop_nodes(refreshing *r)
{
    lt_dbt *dbt = r->dbt;
    size_t kept = 0;
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (is_of_yaml(r, node) && is_changed(r, node->home))
            continue;
        if (is_changed(r, node->patch_home))
            r->is_anew[node->place] = true;
        dbt->parsed.items[kept++] = node;
    }
    dbt->parsed.len = r->kept_count = kept;
    for (size_t i = 0; i < dbt->macros.len; i++) {
        lt_dbt_macro *macro = (lt_dbt_macro *)(uintptr_t)dbt->macros.items[i];
        if (!is_changed(r, macro->patch_home))
            continue;
        macro->patch_path = macro->description = (lt_text){0};
        macro->patch = (lt_jinja_value){0};
        macro->patch_home = 0;
        dbt->macros_again = true;
    }
}

/* Names that nodes go by while files are read: of those that there are, in their order. */
static void name_nodes(lt_dbt *dbt)
{
    lt_map_cleanup(&dbt->sources);
    lt_map_cleanup(&dbt->groups);
    dbt->sources = dbt->groups = (lt_map){0};
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (node->kind == LT_DBT_GROUP)
            (void)lt_map_put(&dbt->groups, node->name, node);
        if (node->kind != LT_DBT_SOURCE)
            continue;
        LT_AUTO(lt_chars)
        key = lt_format("%.*s.%.*s", LT_ARG(node->source_name), LT_ARG(node->name));
        lt_dbt_refable_add(dbt, &dbt->sources, lt_text_of(key), node);
    }
}

static lt_status read_entries(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    dbt->phase = 0;
    for (size_t i = 0; i < r->files->len; i++) {
        const project_file *file = &r->files->items[i];
        if (!is_yaml(file) || r->change[i] == AS_IT_WAS)
            continue;
        dbt->home = (unsigned)i + 1;
        forget(dbt, dbt->home);
        LT_TRY(lt_dbt_overrides_note(dbt, file->path, file->yaml, err));
        if (!dbt->units[i].is_apart)
            LT_TRY(lt_dbt_file_properties(dbt, file, err));
        if (dbt->units[i].is_apart)
            return lt_fail(err, LT_INVALID, "%s says what others are", file->path);
    }
    return LT_OK;
}

/* Two entries of one name are an error, wherever they stand. */
static lt_status fail_twice(const patch *given, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "%s may have an entry that is there already", given->path);
}

/* No other file has an entry for what these are for. */
static lt_status check_entries(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    for (uint32_t i = 0; i < dbt->unit_count; i++)
        for (size_t k = 0; k < dbt->units[i].loose.len; k++) {
            const patch *twin = lt_map_find(&dbt->patches, dbt->units[i].loose.items[k]);
            if (twin)
                return fail_twice(twin, err);
        }
    for (size_t i = 0; i < dbt->patch_list.len; i++) {
        const patch *given = dbt->patch_list.items[i];
        if (strcmp(given->yaml_key, "macros") != 0)
            continue;
        const lt_dbt_macro *macro =
            lt_map_find(&given->package->macros, lt_yaml_find(given->entry, T("name"))->text);
        dbt->macros_again = true;
        if (macro && macro->patch_home)
            return fail_twice(given, err);
    }
    return LT_OK;
}

/* Snapshots may be what another file's entries are about. */
static lt_status check_snapshots(const refreshing *r, lt_err *err)
{
    const lt_dbt *dbt = r->dbt;
    bool loose = false;
    for (uint32_t i = 0; i < dbt->unit_count; i++)
        loose |= dbt->units[i].loose.len > 0;
    for (size_t i = r->kept_count; i < dbt->parsed.len && loose; i++)
        if (dbt->parsed.items[i]->kind == LT_DBT_SNAPSHOT)
            return lt_fail(err, LT_INVALID, "%.*s is new", LT_ARG(dbt->parsed.items[i]->id));
    return LT_OK;
}

/* Nodes that have lost their entry, or have one now. */
static lt_status nodes_anew(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    for (size_t i = 0; i < r->kept_count; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        patch *given = lt_dbt_patch_of(dbt, node);
        bool anew = r->is_anew[node->place];
        if (given && !anew && node->patch_home)
            return fail_twice(given, err);
        if (!anew && !given)
            continue;
        if (r->is_shared && (node->patch_home != 0) != (given != NULL))
            return fail_shared(node, err);
        if (lt_dbt_is_set(node->version))
            return lt_fail(err, LT_INVALID, "%.*s has versions", LT_ARG(node->id));
        LT_TRY(again(r, node, true, err));
    }
    return LT_OK;
}

static lt_status new_files(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    dbt->phase = 0;
    for (size_t i = 0; i < r->files->len; i++) {
        const project_file *file = &r->files->items[i];
        if (r->before[i] || !is_node(file))
            continue;
        dbt->home = (unsigned)i + 1;
        r->work.evaluated++;
        LT_TRY(lt_dbt_node_add(dbt, file, dbt->home, err));
    }
    return LT_OK;
}

/* A test whose subject went belongs to a file that should have been read again. */
static lt_status check_subjects(const refreshing *r, lt_err *err)
{
    const lt_dbt *dbt = r->dbt;
    bool *stays = lt_alloc_array(&r->dbt->arena, dbt->place_count + 1, sizeof(*stays));
    for (size_t i = 0; i < dbt->parsed.len; i++)
        stays[dbt->parsed.items[i]->place] = true;
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        const lt_dbt_node *node = dbt->parsed.items[i];
        if (!node->subject)
            continue;
        const lt_dbt_node *subject =
            (const void *)((const char *)node->subject - offsetof(lt_dbt_node, relation));
        if (!stays[subject->place])
            return lt_fail(err, LT_INVALID, "%.*s has lost its subject", LT_ARG(node->id));
    }
    return LT_OK;
}

/* ---- the order of a parse from scratch ---- */

/* Files and hooks; tests of .yml entries; tests of sources. Each by the file that made them. */
static uint64_t order_of(const lt_dbt_node *node)
{
    uint64_t part = node->kind != LT_DBT_GENERIC_TEST ? 0 : node->attached ? 1 : 2;
    return part << 32 | node->home;
}

static int by_order(const void *a, const void *b)
{
    const lt_dbt_node *left = *(lt_dbt_node *const *)a, *right = *(lt_dbt_node *const *)b;
    uint64_t one = order_of(left), other = order_of(right);
    return one != other ? (one > other) - (one < other)
                        : (left->place > right->place) - (left->place < right->place);
}

/* Both parts are merged; a file's nodes are all in one of them, and places tell their order. */
static void put_in_order(refreshing *r)
{
    lt_dbt *dbt = r->dbt;
    lt_dbt_nodes *all = &dbt->parsed;
    size_t kept = r->kept_count, count = all->len, a = 0, b = kept;
    lt_dbt_node **merged = lt_alloc_array(&dbt->arena, count + 1, sizeof(lt_dbt_node *));
    for (size_t i = kept; i < count; i++)
        all->items[i]->is_again = true;
    if (count > kept)
        qsort(all->items + kept, count - kept, sizeof(lt_dbt_node *), by_order);
    for (size_t i = 0; i < count; i++) {
        bool first = b == count || (a < kept && order_of(all->items[a]) <= order_of(all->items[b]));
        merged[i] = first ? all->items[a++] : all->items[b++];
    }
    if (count)
        memcpy(all->items, merged, count * sizeof(lt_dbt_node *));
}

typedef struct told {
    lt_dbt_warning warning;
    warning_place place;
    size_t nth;
} told;

static int by_place(const void *a, const void *b)
{
    const told *left = a, *right = b;
    const warning_place *one = &left->place, *other = &right->place;
    if (one->phase != other->phase)
        return (one->phase > other->phase) - (one->phase < other->phase);
    if (one->home != other->home)
        return (one->home > other->home) - (one->home < other->home);
    return (left->nth > right->nth) - (left->nth < right->nth);
}

static void put_warnings_in_order(lt_dbt *dbt)
{
    size_t count = dbt->warned.len;
    told *all = lt_alloc_array(&dbt->arena, count + 1, sizeof(*all));
    for (size_t i = 0; i < count; i++)
        all[i] = (told){dbt->warnings.items[dbt->first_warning + i], dbt->warned.items[i], i};
    if (count)
        qsort(all, count, sizeof(*all), by_place);
    for (size_t i = 0; i < count; i++) {
        dbt->warnings.items[dbt->first_warning + i] = all[i].warning;
        dbt->warned.items[i] = all[i].place;
    }
}

/* ---- all of it ---- */

static lt_status refresh_yaml(refreshing *r, lt_err *err)
{
    lt_dbt *dbt = r->dbt;
    LT_TRY(read_yaml(r, err));
    drop_nodes(r);
    name_nodes(dbt);
    LT_TRY(read_entries(r, err));
    LT_TRY(check_entries(r, err));
    LT_TRY(check_snapshots(r, err));
    LT_TRY(new_files(r, err));
    LT_TRY(nodes_anew(r, err));
    LT_TRY(lt_dbt_patches_apply(dbt, err));
    for (size_t i = 0; i < dbt->patch_list.len; i++) {
        const patch *given = dbt->patch_list.items[i];
        if (given->node && given->node->package != given->package)
            return fail_shared(given->node, err);
    }
    LT_TRY(check_subjects(r, err));
    r->work.evaluated += dbt->parsed.len - r->kept_count;
    put_in_order(r);
    name_nodes(dbt);
    dbt->overrides.len = 0;
    lt_dbt_trees_free(dbt);
    return LT_OK;
}

/* Edges stay, or none of them do. */
static void settle(refreshing *r)
{
    lt_dbt *dbt = r->dbt;
    dbt->is_settled = r->parsed->is_settled && !r->yaml && !r->others && !r->is_unlinked;
    for (size_t i = 0; i < dbt->parsed.len && !dbt->is_settled; i++)
        dbt->parsed.items[i]->depends_on = (lt_dbt_nodes){0};
}

lt_status lt_parse_refresh(lt_dbt *dbt, project_files *files, const lt_parsed *parsed,
                           lt_parse_work *work, lt_err *err)
{
    refreshing r = {.dbt = dbt, .files = files, .parsed = parsed};
    LT_TRY(find_files(&r, err));
    read_changed(&r);
    LT_TRY(mark_all(&r, err));
    r.kept_count = dbt->parsed.len;
    if (r.changed)
        forget_shared(&r);
    LT_TRY(nodes_again(&r, err));
    if (r.yaml || r.others)
        LT_TRY(refresh_yaml(&r, err));
    put_warnings_in_order(dbt);
    settle(&r);
    dbt->home = dbt->phase = 0;
    *work = r.work;
    return LT_OK;
}
