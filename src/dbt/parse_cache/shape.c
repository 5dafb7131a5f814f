/* What the parse cache keeps of a node: one line for each field. */
#include "dbt/parse_cache/cache.h"

#define NODE(type, member)                                                                         \
    {                                                                                              \
        LT_PARSE_##type, offsetof(lt_dbt_node, member)                                             \
    }
#define CONFIG(type, member)                                                                       \
    {                                                                                              \
        LT_PARSE_##type, offsetof(lt_dbt_node, config.member)                                      \
    }

const lt_parse_field lt_parse_fields[] = {
    NODE(TEXT, id),
    NODE(TEXT, name),
    NODE(TEXT, path),
    NODE(TEXT, file),
    NODE(TEXT, patch_path),
    NODE(TEXT, description),
    NODE(TEXTS, doc_blocks),
    NODE(TEXTS, fqn),
    NODE(TEXT, raw_code),
    NODE(TEXT, checksum),
    CONFIG(DICT, all),
    CONFIG(DICT, unrendered),
    CONFIG(DICT, entry),
    CONFIG(DICT, entry_raw),
    CONFIG(TEXT, materialized),
    CONFIG(TEXT, schema),
    CONFIG(TEXT, alias),
    CONFIG(TEXTS, unique_key),
    CONFIG(TEXTS, tags),
    CONFIG(TEXT, incremental_strategy),
    CONFIG(TEXT, on_schema_change),
    CONFIG(FLAG, disabled),
    CONFIG(INT, full_refresh),
    CONFIG(TEXT, severity),
    CONFIG(TEXT, warn_if),
    CONFIG(TEXT, error_if),
    CONFIG(TEXT, where),
    CONFIG(TEXT, limit),
    CONFIG(TEXT, fail_calc),
    CONFIG(FLAG, forget_failures),
    CONFIG(FLAG, store_failures),
    NODE(DICT, raw),
    NODE(TEXT, relation.database),
    NODE(TEXT, relation.schema),
    NODE(TEXT, relation.name),
    NODE(FLAG, no_relation),
    NODE(REFS, refs),
    NODE(REFS, source_refs),
    NODE(REFS, metric_refs),
    NODE(REFS, udf_refs),
    NODE(VALUE, version),
    NODE(VALUE, latest_version),
    NODE(TEXT, access),
    NODE(TEXT, group),
    NODE(TEXT, deprecation_date),
    NODE(TEXT, test_name),
    NODE(TEXT, test_namespace),
    NODE(TEXT, column),
    NODE(TEXT, file_key),
    NODE(DICT, kwargs),
    NODE(UINT, line),
    NODE(UINT, col),
    NODE(TEXT, source_name),
    NODE(TEXT, source_description),
    NODE(TEXT, loader),
    NODE(TEXT, identifier),
    NODE(DICT, source_raw),
    NODE(TEXT, model),
    NODE(UINT, file_place),
    NODE(FLAG, reads_clock),
    NODE(UINT, home),
    NODE(UINT, patch_home),
};
const size_t lt_parse_field_count = LT_COUNT(lt_parse_fields);
_Static_assert(LT_COUNT(lt_parse_fields) < 64, "the parse cache has a bit for each of them");
