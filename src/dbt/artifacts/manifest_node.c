/* Each kind of node as manifest.json has it: one table of keys for each kind. */
#include "dbt/artifacts/manifest_inner.h"
#include "dbt/semantic/semantic.h"

typedef lt_json_writer writer;

typedef struct subject {
    const lt_dbt *dbt;
    const lt_dbt_node *node;
    const lt_texts *primary_key;
} subject;

/* Where the value of a key comes from. */
typedef enum origin {
    NOTHING,      /* null */
    EMPTY_LIST,   /* [] */
    TEXT,         /* a text of the node */
    TEXT_OR_NULL, /* null when it is empty */
    TEXTS,
    VALUE,
    ENTRY, /* what the .yml entry says */
    ENTRY_DICT,
    SOURCE_ENTRY, /* what the .yml file says of the source above a table */
    SOURCE_DICT,
    CONFIG, /* configuration, or its default */
    CONFIG_DICT,
    OWN /* written by `write`, which may write several keys */
} origin;

typedef struct field {
    const char *key;
    origin origin;
    size_t at; /* in lt_dbt_node */
    void (*write)(writer *w, const subject *s);
} field;

#define AT(from, name, member)                                                                     \
    {                                                                                              \
#name, from, offsetof(lt_dbt_node, member), NULL                                           \
    }
#define SAID(from, name)                                                                           \
    {                                                                                              \
#name, from, 0, NULL                                                                       \
    }
#define BY(function)                                                                               \
    {                                                                                              \
        NULL, OWN, 0, function                                                                     \
    }

static void source_dict(writer *w, const lt_dbt_node *node, const char *key)
{
    const char *name = key + strlen("source_");
    lt_jinja_value said = lt_dbt_at(node->source_raw, name);
    if (!lt_dbt_is_set(said))
        said = lt_dbt_at(lt_dbt_at(node->source_raw, "config"), name);
    lt_manifest_container(w, key, said, '{');
}

static void write_field(writer *w, const subject *s, const field *one)
{
    const lt_dbt_node *node = s->node;
    const void *member = (const char *)node + one->at;
    switch (one->origin) {
    case NOTHING:
        lt_manifest_null(w, one->key);
        return;
    case EMPTY_LIST:
        lt_manifest_container(w, one->key, lt_jinja_none(), '[');
        return;
    case TEXT:
        lt_json_set(w, one->key, *(const lt_text *)member);
        return;
    case TEXT_OR_NULL:
        lt_manifest_text(w, one->key, *(const lt_text *)member);
        return;
    case TEXTS:
        lt_manifest_texts(w, one->key, member);
        return;
    case VALUE:
        lt_manifest_value(w, one->key, *(const lt_jinja_value *)member);
        return;
    case ENTRY:
        lt_manifest_value(w, one->key, lt_dbt_at(node->raw, one->key));
        return;
    case ENTRY_DICT:
        lt_manifest_container(w, one->key, lt_dbt_at(node->raw, one->key), '{');
        return;
    case SOURCE_ENTRY:
        lt_manifest_value(w, one->key, lt_dbt_at(node->source_raw, one->key));
        return;
    case SOURCE_DICT: /* "source_meta" is `meta` of the source, beside `config` or below it */
        source_dict(w, node, one->key);
        return;
    case CONFIG:
        lt_manifest_value(w, one->key, lt_dbt_config_get(s->dbt, node, lt_text_of(one->key)));
        return;
    case CONFIG_DICT:
        lt_manifest_container(w, one->key, lt_dbt_config_get(s->dbt, node, lt_text_of(one->key)),
                              '{');
        return;
    case OWN:
        one->write(w, s);
    }
}

static void write_fields(writer *w, const subject *s, const field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_field(w, s, &fields[i]);
}
#define WRITE_FIELDS(w, s, fields) write_fields(w, s, fields, LT_COUNT(fields))

/* ---- what is more than one value ---- */

static void names(writer *w, const subject *s)
{
    static const field files[] = {AT(TEXT, path, file), AT(TEXT, original_file_path, path),
                                  AT(TEXT, unique_id, id)};
    lt_json_set(w, "name", s->node->name);
    lt_json_set(w, "resource_type", lt_text_of(lt_dbt_kind_name(s->node->kind)));
    lt_json_set(w, "package_name", s->node->package->name);
    WRITE_FIELDS(w, s, files);
}

static void identity(writer *w, const subject *s)
{
    names(w, s);
    lt_manifest_texts(w, "fqn", &s->node->fqn);
}

static void checksum(writer *w, const subject *s)
{
    lt_json_key(w, T("checksum"));
    lt_json_begin(w, '{');
    bool of_path = s->node->kind == LT_DBT_SEED && lt_text_eq(s->node->checksum, s->node->path);
    lt_json_set(w, "name", of_path ? T("path") : s->node->checksum.len ? T("sha256") : T("none"));
    lt_json_set(w, "checksum", s->node->checksum);
    lt_json_end(w);
}

static void config(writer *w, const subject *s)
{
    lt_json_key(w, T("config"));
    lt_manifest_config(w, s->dbt, s->node);
}

static void columns(writer *w, const subject *s)
{
    lt_manifest_columns(w, s->dbt, s->node);
}

static void docs(writer *w, const subject *s)
{
    lt_json_key(w, T("docs"));
    lt_manifest_over(w, lt_dbt_at(s->dbt->defaults[LT_DBT_MODEL], "docs"),
                     lt_dbt_config_get(s->dbt, s->node, T("docs")));
}

static void created(writer *w, const subject *s)
{
    lt_manifest_created(w, s->dbt);
}

static void relation_name(writer *w, const subject *s)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (s->node->kind == LT_DBT_SOURCE)
        lt_dbt_external_name(s->dbt, s->node, &text);
    if (!s->node->no_relation && !text.len)
        lt_dbt_written_name(s->dbt, s->node, &text);
    lt_manifest_text(w, "relation_name", lt_buf_text(&text));
}

static void refs(writer *w, const subject *s)
{
    lt_json_key(w, T("refs"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < s->node->refs.len; i++) {
        const lt_dbt_ref *ref = &s->node->refs.items[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "name", ref->name);
        lt_manifest_text(w, "package", ref->package);
        lt_manifest_value(w, "version", ref->version);
        lt_json_end(w);
    }
    lt_json_end(w);
}

/* References as lists: what is above first. */
static void source_refs(writer *w, const subject *s)
{
    lt_json_key(w, T("sources"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < s->node->source_refs.len; i++) {
        lt_json_begin(w, '[');
        lt_json_string(w, s->node->source_refs.items[i].package);
        lt_json_string(w, s->node->source_refs.items[i].name);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void named_refs(writer *w, const char *key, const lt_dbt_refs *refs)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < refs->len; i++) {
        const lt_dbt_ref *ref = &refs->items[i];
        lt_json_begin(w, '[');
        if (ref->package.len)
            lt_json_string(w, ref->package);
        lt_json_string(w, ref->name);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void metric_refs(writer *w, const subject *s)
{
    named_refs(w, "metrics", &s->node->metric_refs);
}

static void udf_refs(writer *w, const subject *s)
{
    named_refs(w, "functions", &s->node->udf_refs);
}

static void needed_macros(writer *w, const lt_dbt_node *node)
{
    lt_json_key(w, T("macros"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < node->macros.len; i++)
        lt_json_string(w, node->macros.items[i]->id);
    lt_json_end(w);
}

static void depends_on_macros(writer *w, const subject *s)
{
    lt_json_key(w, T("depends_on"));
    lt_json_begin(w, '{');
    needed_macros(w, s->node);
    lt_json_end(w);
}

static void depends_on(writer *w, const subject *s)
{
    lt_json_key(w, T("depends_on"));
    lt_json_begin(w, '{');
    needed_macros(w, s->node);
    lt_json_key(w, T("nodes"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < s->node->depends_on.len; i++)
        lt_json_string(w, s->node->depends_on.items[i]->id);
    lt_json_end(w);
    lt_json_end(w);
}

static void contract(writer *w, const subject *s)
{
    lt_jinja_value said = lt_dbt_config_get(s->dbt, s->node, T("contract"));
    lt_jinja_value types = lt_dbt_at(said, "alias_types");
    lt_json_key(w, T("contract"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "enforced", lt_jinja_truth(lt_dbt_at(said, "enforced")));
    lt_json_set_bool(w, "alias_types", !lt_dbt_is_set(types) || lt_jinja_truth(types));
    lt_json_key(w, T("checksum"));
    if (lt_jinja_truth(lt_dbt_at(said, "enforced")) && s->node->kind == LT_DBT_MODEL) {
        char sum[65];
        lt_manifest_contract_sum(s->node, sum);
        lt_json_string(w, lt_text_of(sum));
    } else {
        lt_json_null(w);
    }
    lt_json_end(w);
}

/* The ephemeral models whose SQL stands in front of the node's. */
static void extra_ctes(writer *w, const lt_dbt_node *node)
{
    LT_AUTO(lt_arena) scratch = {0};
    lt_dbt_nodes list = {0};
    lt_dbt_ephemerals_of(node, &scratch, &list);
    lt_json_key(w, T("extra_ctes"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < list.len; i++) {
        const lt_dbt_node *one = list.items[i];
        if (!one->is_compiled)
            continue;
        lt_json_begin(w, '{');
        lt_json_set(w, "id", one->id);
        lt_json_set(w, "sql",
                    lt_text_of(lt_arena_format(&scratch, " __dbt__cte__%.*s as (\n%.*s\n)",
                                               LT_ARG(one->relation.name), LT_ARG(one->cte_code))));
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void compiled(writer *w, const subject *s)
{
    lt_manifest_text(w, "compiled_path", s->node->compiled_path);
    if (!s->node->is_compiled)
        return;
    lt_json_set_bool(w, "compiled", true);
    lt_json_set(w, "compiled_code", s->node->compiled_code);
    lt_json_set_bool(w, "extra_ctes_injected", true);
    extra_ctes(w, s->node);
}

/* ---- nodes: what has SQL, and seeds ---- */

static void constraints(writer *w, const subject *s)
{
    lt_manifest_constraints(w, s->dbt, s->node, lt_dbt_at(s->node->raw, "constraints"), true);
}

static void primary_key(writer *w, const subject *s)
{
    lt_manifest_texts(w, "primary_key", s->primary_key);
}

static void test_metadata(writer *w, const subject *s)
{
    const lt_dbt_node *node = s->node;
    lt_manifest_text(w, "attached_node", node->attached ? node->attached->id : (lt_text){0});
    lt_json_key(w, T("test_metadata"));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", node->test_name);
    lt_manifest_value(w, "kwargs", node->kwargs);
    lt_manifest_text(w, "namespace", node->test_namespace);
    lt_json_end(w);
}

static const field database_fields[] = {
    AT(TEXT_OR_NULL, database, relation.database),
    AT(TEXT_OR_NULL, schema, relation.schema),
};

static const field executable_fields[] = {
    AT(TEXT, alias, relation.name),
    BY(checksum),
    BY(config),
    AT(TEXTS, tags, config.tags),
    AT(TEXT, description, description),
    BY(columns),
    SAID(CONFIG_DICT, meta),
    AT(TEXT_OR_NULL, group, group),
    BY(docs),
    AT(TEXT_OR_NULL, patch_path, patch_path),
    SAID(NOTHING, build_path),
    AT(VALUE, unrendered_config, config.unrendered),
    BY(created),
    BY(relation_name),
    AT(TEXT, raw_code, raw_code),
    AT(TEXTS, doc_blocks, doc_blocks),
};

static const field sql_fields[] = {
    BY(refs),       BY(source_refs), BY(metric_refs), BY(udf_refs),
    BY(depends_on), BY(compiled),    BY(contract),
};

static const field model_fields[] = {
    AT(TEXT, access, access),
    BY(constraints),
    AT(VALUE, version, version),
    AT(VALUE, latest_version, latest_version),
    AT(TEXT_OR_NULL, deprecation_date, deprecation_date),
    BY(primary_key),
    SAID(ENTRY, time_spine),
};

static const field test_fields[] = {
    AT(TEXT_OR_NULL, column_name, column),
    AT(TEXT, file_key_name, file_key),
    BY(test_metadata),
};

/* A function: what it takes and gives, each with all of dbt's keys. */
static void signature(writer *w, const subject *s)
{
    lt_jinja_value list = lt_dbt_at(s->node->raw, "arguments");
    lt_jinja_value gives = lt_dbt_at(s->node->raw, "returns");
    lt_jinja_value type = lt_dbt_at(gives, "data_type");
    lt_json_key(w, T("returns"));
    lt_json_begin(w, '{'); /* without an entry in a .yml file nobody knows */
    lt_manifest_value(w, "data_type",
                      lt_dbt_is_set(type) ? type : lt_jinja_text(T("INVALID_TYPE")));
    lt_manifest_value(w, "description", lt_dbt_at(gives, "description"));
    lt_json_end(w);
    lt_json_key(w, T("arguments"));
    lt_json_begin(w, '[');
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        static const char *const keys[] = {"name", "data_type", "description", "default_value"};
        lt_json_begin(w, '{');
        for (size_t k = 0; k < LT_COUNT(keys); k++)
            lt_manifest_value(w, keys[k], lt_dbt_at(lt_jinja_at(list, i), keys[k]));
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void executable(writer *w, const subject *s)
{
    WRITE_FIELDS(w, s, database_fields);
    identity(w, s);
    WRITE_FIELDS(w, s, executable_fields);
    if (s->node->kind == LT_DBT_SEED) {
        lt_manifest_text(w, "root_path", lt_text_of(s->node->package->root));
        depends_on_macros(w, s);
        return;
    }
    lt_json_set(w, "language",
                lt_text_ends_nocase(s->node->path, T(".py")) ? T("python") : T("sql"));
    WRITE_FIELDS(w, s, sql_fields);
    if (s->node->kind == LT_DBT_MODEL)
        WRITE_FIELDS(w, s, model_fields);
    else if (s->node->kind == LT_DBT_GENERIC_TEST)
        WRITE_FIELDS(w, s, test_fields);
    else if (s->node->kind == LT_DBT_UDF)
        signature(w, s);
    else if (s->node->kind == LT_DBT_OPERATION)
        lt_json_set_int(w, "index", s->node->line);
}

/* ---- sources ---- */

static void source_quoting(writer *w, const subject *s)
{
    static const char *const quotes[] = {"database", "schema", "identifier", "column"};
    lt_jinja_value above = lt_dbt_at(s->node->source_raw, "quoting");
    lt_jinja_value own = lt_dbt_at(s->node->raw, "quoting");
    lt_json_key(w, T("quoting"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(quotes); i++) {
        lt_jinja_value said = lt_dbt_at(own, quotes[i]);
        lt_manifest_value(w, quotes[i], lt_dbt_is_set(said) ? said : lt_dbt_at(above, quotes[i]));
    }
    lt_json_end(w);
}

static void external(writer *w, const subject *s)
{
    static const char *const keys[] = {"location", "file_format", "row_format", "tbl_properties",
                                       "partitions"};
    lt_jinja_value said = lt_dbt_at(s->node->raw, "external"), key, value;
    lt_json_key(w, T("external"));
    if (said.type != LT_JINJA_DICT) {
        lt_json_null(w);
        return;
    }
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        lt_manifest_value(w, keys[i], lt_dbt_at(said, keys[i]));
    for (size_t at = 0; lt_jinja_next(said, &at, &key, &value);) {
        bool is_written = false;
        for (size_t i = 0; i < LT_COUNT(keys); i++)
            is_written |= lt_text_eq(lt_jinja_as_text(key), lt_text_of(keys[i]));
        if (is_written)
            continue;
        lt_manifest_key(w, key);
        lt_dbt_write_value(w, value);
    }
    lt_json_end(w);
}

static const field source_fields[] = {
    AT(TEXT_OR_NULL, database, relation.database),
    AT(TEXT_OR_NULL, schema, relation.schema),
    BY(identity),
    AT(TEXT, source_name, source_name),
    AT(TEXT, source_description, source_description),
    AT(TEXT, loader, loader),
    AT(TEXT, identifier, identifier),
    BY(source_quoting),
    SAID(CONFIG, loaded_at_field),
    SAID(CONFIG, loaded_at_query),
    SAID(CONFIG, freshness),
    BY(external),
    AT(TEXT, description, description),
    BY(columns),
    SAID(CONFIG_DICT, meta),
    SAID(SOURCE_DICT, source_meta),
    AT(TEXTS, tags, config.tags),
    BY(config),
    SAID(NOTHING, patch_path),
    AT(VALUE, unrendered_config, config.unrendered),
    BY(relation_name),
    BY(created),
    SAID(SOURCE_ENTRY, unrendered_database),
    SAID(SOURCE_ENTRY, unrendered_schema),
    AT(TEXTS, doc_blocks, doc_blocks),
};

/* ---- exposures, groups ---- */

static void owner(writer *w, const subject *s)
{
    lt_jinja_value said = lt_dbt_at(s->node->raw, "owner"), key, value;
    lt_json_key(w, T("owner"));
    lt_json_begin(w, '{');
    lt_manifest_value(w, "email", lt_dbt_at(said, "email"));
    lt_manifest_value(w, "name", lt_dbt_at(said, "name"));
    for (size_t at = 0; said.type == LT_JINJA_DICT && lt_jinja_next(said, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_eq(name, T("email")) || lt_text_eq(name, T("name")))
            continue;
        lt_manifest_key(w, key);
        lt_dbt_write_value(w, value);
    }
    lt_json_end(w);
}

static const field exposure_fields[] = {
    BY(identity),
    SAID(ENTRY, type),
    BY(owner),
    AT(TEXT, description, description),
    SAID(ENTRY, label),
    SAID(ENTRY, maturity),
    SAID(CONFIG_DICT, meta),
    AT(TEXTS, tags, config.tags),
    BY(config),
    AT(VALUE, unrendered_config, config.unrendered),
    SAID(ENTRY, url),
    BY(depends_on),
    BY(refs),
    BY(source_refs),
    BY(metric_refs),
    BY(created),
};

static const field group_fields[] = {
    BY(names),
    BY(owner),
    AT(TEXT_OR_NULL, description, description),
    BY(config),
};

/* ---- unit tests ---- */

static void write_rows(writer *w, lt_jinja_value side, bool given)
{
    lt_jinja_value format = lt_dbt_at(side, "format");
    lt_json_begin(w, '{');
    if (given)
        lt_manifest_value(w, "input", lt_dbt_at(side, "input"));
    lt_manifest_value(w, "rows", lt_dbt_at(side, "rows"));
    lt_manifest_value(w, "format", lt_dbt_is_set(format) ? format : lt_jinja_text(T("dict")));
    lt_manifest_value(w, "fixture", lt_dbt_at(side, "fixture"));
    lt_json_end(w);
}

static void rows(writer *w, const subject *s)
{
    lt_jinja_value given = lt_dbt_at(s->node->raw, "given");
    lt_json_key(w, T("given"));
    lt_json_begin(w, '[');
    for (size_t i = 0; given.type == LT_JINJA_LIST && i < lt_jinja_len(given); i++)
        write_rows(w, lt_jinja_at(given, i), true);
    lt_json_end(w);
    lt_json_key(w, T("expect"));
    write_rows(w, lt_dbt_at(s->node->raw, "expect"), false);
}

static const field unit_test_fields[] = {
    AT(TEXT, model, model),
    BY(rows),
    BY(identity),
    AT(TEXT, description, description),
    SAID(ENTRY, overrides),
    BY(depends_on),
    BY(config),
    AT(TEXT_OR_NULL, checksum, checksum),
    AT(TEXT_OR_NULL, schema, relation.schema),
    BY(created),
    SAID(ENTRY, versions),
    AT(VALUE, version, version),
};

/* ---- metrics, semantic models and saved queries: their entries have all keys already ---- */

static void metric_meta(writer *w, const subject *s)
{
    lt_jinja_value meta = lt_dbt_config_get(s->dbt, s->node, T("meta"));
    lt_manifest_container(w, "meta", lt_jinja_len(meta) ? meta : lt_dbt_at(s->node->raw, "meta"),
                          '{');
}

static void node_relation(writer *w, const subject *s)
{
    lt_json_key(w, T("node_relation"));
    if (s->node->depends_on.len)
        lt_dbt_semantic_relation(s->node->depends_on.items[0], w);
    else
        lt_json_null(w);
}

static const field metric_fields[] = {
    BY(identity),
    AT(TEXT, description, description),
    SAID(ENTRY, label),
    SAID(ENTRY, type),
    SAID(ENTRY, type_params),
    SAID(ENTRY, filter),
    SAID(NOTHING, metadata),
    SAID(ENTRY, time_granularity),
    BY(metric_meta),
    AT(TEXTS, tags, config.tags),
    BY(config),
    AT(VALUE, unrendered_config, config.unrendered),
    SAID(EMPTY_LIST, sources),
    BY(depends_on),
    BY(refs),
    SAID(EMPTY_LIST, metrics),
    BY(created),
    AT(TEXT_OR_NULL, group, group),
};

static const field semantic_model_fields[] = {
    BY(identity),
    SAID(ENTRY, model),
    BY(node_relation),
    AT(TEXT_OR_NULL, description, description),
    SAID(ENTRY, label),
    SAID(ENTRY, defaults),
    SAID(ENTRY, entities),
    SAID(ENTRY, measures),
    SAID(ENTRY, dimensions),
    SAID(NOTHING, metadata),
    BY(depends_on),
    BY(refs),
    BY(created),
    BY(config),
    AT(VALUE, unrendered_config, config.unrendered),
    SAID(ENTRY, primary_entity),
    AT(TEXT_OR_NULL, group, group),
};

static const field saved_query_fields[] = {
    BY(identity),
    SAID(ENTRY, query_params),
    SAID(ENTRY, exports),
    AT(TEXT_OR_NULL, description, description),
    SAID(ENTRY, label),
    SAID(NOTHING, metadata),
    BY(config),
    AT(VALUE, unrendered_config, config.unrendered),
    AT(TEXT_OR_NULL, group, group),
    BY(depends_on),
    BY(created),
    BY(refs),
    AT(TEXTS, tags, config.tags),
};

/* ---- any node ---- */

#define SHAPE(fields)                                                                              \
    {                                                                                              \
        fields, LT_COUNT(fields)                                                                   \
    }
static const struct {
    const field *fields;
    size_t count;
} shapes[LT_DBT_KINDS] = {
    [LT_DBT_SOURCE] = SHAPE(source_fields),
    [LT_DBT_UNIT_TEST] = SHAPE(unit_test_fields),
    [LT_DBT_EXPOSURE] = SHAPE(exposure_fields),
    [LT_DBT_METRIC] = SHAPE(metric_fields),
    [LT_DBT_SEMANTIC_MODEL] = SHAPE(semantic_model_fields),
    [LT_DBT_SAVED_QUERY] = SHAPE(saved_query_fields),
    [LT_DBT_GROUP] = SHAPE(group_fields),
};

void lt_manifest_node(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                      const lt_texts *primary)
{
    const subject s = {.dbt = dbt, .node = node, .primary_key = primary};
    lt_json_begin(w, '{');
    if (shapes[node->kind].fields)
        write_fields(w, &s, shapes[node->kind].fields, shapes[node->kind].count);
    else
        executable(w, &s);
    lt_json_end(w);
}

void lt_dbt_write_node(const lt_dbt *dbt, const lt_dbt_node *node, lt_json_writer *w)
{
    static const lt_texts none = {0};
    lt_manifest_node(w, dbt, node, &none);
}
