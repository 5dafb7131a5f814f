/* exceptions.*: what templates raise, and their warnings. */
#include "dbt/rt/inner.h"

static lt_status raise_text(lt_jinja_call *call, lt_status status, const char *prefix, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "msg node?", args, err));
    return lt_fail(err, status, "%s%.*s", prefix, LT_ARG(lt_dbt_str(call->heap, args[0])));
}

static lt_text arg_text(lt_jinja_call *call, size_t i)
{
    return i < call->arg_count ? lt_dbt_str(call->heap, call->args[i]) : (lt_text){0};
}

static lt_text name_of(lt_jinja_call *call, lt_jinja_value node)
{
    lt_jinja_value name = lt_dbt_get(node, "name");
    return lt_dbt_is_none(name) ? lt_dbt_str(call->heap, node) : lt_dbt_str(call->heap, name);
}

typedef lt_status raiser(lt_jinja_call *call, lt_jinja_value *out, lt_err *err);

static lt_status warn(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "msg node?", args, err));
    LT_TRY(lt_dbt_say(lt_dbt_exec_in(call), LT_DBT_WARNED, lt_dbt_str(call->heap, args[0]), err));
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

#define RAISE(name_, status_, prefix_)                                                             \
    static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)                  \
    {                                                                                              \
        (void)out;                                                                                 \
        return raise_text(call, status_, prefix_, err);                                            \
    }
RAISE(compiler_error, LT_INVALID, "")
RAISE(database_error, LT_FAILED, "")
RAISE(dependency_error, LT_INVALID, "")
RAISE(fail_fast_error, LT_FAILED, "")
RAISE(not_implemented, LT_INVALID, "ERROR: ")

static lt_status missing_config(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "model name", args, err));
    return lt_fail(err, LT_INVALID,
                   "Model '%.*s' does not define a required config parameter '%.*s'.",
                   LT_ARG(lt_dbt_str(call->heap, lt_dbt_get(args[0], "unique_id"))),
                   LT_ARG(lt_dbt_str(call->heap, args[1])));
}

static lt_status missing_materialization(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "model adapter_type", args, err));
    lt_jinja_value config = lt_dbt_get(args[0], "config");
    return lt_fail(err, LT_INVALID,
                   "No materialization '%.*s' was found for adapter %.*s! (searched types "
                   "'default' and '%.*s')",
                   LT_ARG(lt_dbt_str(call->heap, lt_dbt_get(config, "materialized"))),
                   LT_ARG(lt_dbt_str(call->heap, args[1])),
                   LT_ARG(lt_dbt_str(call->heap, args[1])));
}

static lt_status missing_relation(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID, "Relation %.*s not found!", LT_ARG(arg_text(call, 0)));
}

static lt_status relation_wrong_type(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "relation expected_type model?", args, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(args[0]);
    lt_text expected = lt_dbt_str(call->heap, args[1]);
    return lt_fail(err, LT_INVALID,
                   "Trying to create %.*s %.*s, but it currently exists as a %s. Either drop %.*s "
                   "manually, or run dbt with `--full-refresh` and dbt will drop it for you.",
                   LT_ARG(expected), LT_ARG(lt_dbt_str(call->heap, args[0])),
                   relation && relation->type ? lt_dbt_relation_type_name(relation->type)
                                              : "relation",
                   LT_ARG(lt_dbt_str(call->heap, args[0])));
}

/* Two lists of {name, data_type, formatted}, side by side. */
static lt_jinja_value column_named(lt_jinja_value columns, lt_jinja_value name)
{
    for (size_t i = 0; columns.type == LT_JINJA_LIST && i < lt_jinja_len(columns); i++)
        if (lt_jinja_eq(lt_dbt_get(lt_jinja_at(columns, i), "name"), name))
            return lt_jinja_at(columns, i);
    return lt_jinja_none();
}

static void add_difference(lt_jinja_call *call, lt_jinja_value column, lt_jinja_value other,
                           const char *missing, lt_buf *out)
{
    lt_text name = lt_dbt_str(call->heap, lt_dbt_get(column, "name"));
    if (lt_dbt_is_none(other))
        lt_buf_printf(out, "%s%.*s: %s", out->len ? "; " : "", LT_ARG(name), missing);
    else if (!lt_jinja_eq(lt_dbt_get(column, "formatted"), lt_dbt_get(other, "formatted")))
        lt_buf_printf(out, "%s%.*s: the model gives %.*s, the contract says %.*s",
                      out->len ? "; " : "", LT_ARG(name),
                      LT_ARG(lt_dbt_str(call->heap, lt_dbt_get(other, "data_type"))),
                      LT_ARG(lt_dbt_str(call->heap, lt_dbt_get(column, "data_type"))));
}

static lt_status contract_error(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_AUTO(lt_buf) text = {0};
    (void)out;
    LT_TRY(lt_jinja_bind(call, "yaml_columns sql_columns", args, err));
    size_t yaml = args[0].type == LT_JINJA_LIST ? lt_jinja_len(args[0]) : 0;
    size_t sql = args[1].type == LT_JINJA_LIST ? lt_jinja_len(args[1]) : 0;
    for (size_t i = 0; i < yaml; i++) {
        lt_jinja_value column = lt_jinja_at(args[0], i);
        add_difference(call, column, column_named(args[1], lt_dbt_get(column, "name")),
                       "missing in definition", &text);
    }
    for (size_t i = 0; i < sql; i++) {
        lt_jinja_value column = lt_jinja_at(args[1], i);
        if (lt_dbt_is_none(column_named(args[0], lt_dbt_get(column, "name"))))
            add_difference(call, column, lt_jinja_none(), "missing in contract", &text);
    }
    if (!yaml)
        return lt_fail(err, LT_INVALID,
                       "This model has an enforced contract, and its 'columns' "
                       "specification is missing");
    return lt_fail(err, LT_INVALID,
                   "This model has an enforced contract that failed. Please ensure the name, "
                   "data_type, and number of columns in your contract match the columns in your "
                   "model's definition: %s",
                   lt_buf_chars(&text));
}

static lt_status column_type_missing(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "column_names", args, err));
    return lt_fail(err, LT_INVALID,
                   "Contracted models require data_type to be defined for each column. Please "
                   "ensure that the column name and data_type are defined within the YAML "
                   "configuration for the %.*s column(s).",
                   LT_ARG(lt_dbt_str(call->heap, args[0])));
}

static lt_status ambiguous_alias(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "node_1 node_2 duped_name?", args, err));
    return lt_fail(err, LT_INVALID,
                   "dbt found two resources with the database representation \"%.*s\": %.*s and "
                   "%.*s",
                   LT_ARG(arg_text(call, 2)), LT_ARG(name_of(call, args[0])),
                   LT_ARG(name_of(call, args[1])));
}

static lt_status ambiguous_match(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID,
                   "dbt found two relations in your warehouse with similar database identifiers "
                   "(%.*s)",
                   LT_ARG(arg_text(call, 0)));
}

static lt_status cache_inconsistent(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID, "Cache inconsistency detected: %.*s",
                   LT_ARG(arg_text(call, 0)));
}

static lt_status dataclass_not_dict(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID,
                   "The object (\"%.*s\") was used as a dictionary. This "
                   "capability has been removed from objects of this type.",
                   LT_ARG(arg_text(call, 0)));
}

static lt_status dep_not_found(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[4];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "node node_description required_pkg?", args, err));
    return lt_fail(err, LT_INVALID,
                   "Error while parsing %.*s. The required package \"%.*s\" was not "
                   "found. Is the package installed? Hint: You may need to run "
                   "`dbt deps`.",
                   LT_ARG(arg_text(call, 1)), LT_ARG(arg_text(call, 2)));
}

static lt_status duplicate(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID, "dbt found two resources with the name \"%.*s\": %.*s",
                   LT_ARG(call->arg_count ? name_of(call, call->args[0]) : (lt_text){0}),
                   LT_ARG(arg_text(call, 1)));
}

static lt_status property_version(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    return lt_fail(err, LT_INVALID, "The yml property file at %.*s is invalid because %.*s",
                   LT_ARG(arg_text(call, 0)), LT_ARG(arg_text(call, 1)));
}

static lt_status snapshot_types(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "snapshot_time_data_type updated_at_data_type", args, err));
    lt_buf_printf(&text,
                  "Data type of snapshot table timestamp columns (%.*s) doesn't match derived "
                  "column 'updated_at' (%.*s). Please update snapshot config 'updated_at'.",
                  LT_ARG(arg_text(call, 0)), LT_ARG(arg_text(call, 1)));
    LT_TRY(lt_dbt_say(lt_dbt_exec_in(call), LT_DBT_WARNED, lt_buf_text(&text), err));
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

static const struct {
    const char *name;
    raiser *raise;
} raisers[] = {
    {"warn", warn},
    {"missing_config", missing_config},
    {"missing_materialization", missing_materialization},
    {"missing_relation", missing_relation},
    {"raise_ambiguous_alias", ambiguous_alias},
    {"raise_ambiguous_catalog_match", ambiguous_match},
    {"raise_cache_inconsistent", cache_inconsistent},
    {"raise_dataclass_not_dict", dataclass_not_dict},
    {"raise_compiler_error", compiler_error},
    {"raise_database_error", database_error},
    {"raise_dep_not_found", dep_not_found},
    {"raise_dependency_error", dependency_error},
    {"raise_duplicate_patch_name", duplicate},
    {"raise_duplicate_resource_name", duplicate},
    {"raise_invalid_property_yml_version", property_version},
    {"raise_not_implemented", not_implemented},
    {"relation_wrong_type", relation_wrong_type},
    {"raise_contract_error", contract_error},
    {"column_type_missing", column_type_missing},
    {"raise_fail_fast_error", fail_fast_error},
    {"warn_snapshot_timestamp_data_types", snapshot_types},
};

static raiser *find(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(raisers); i++)
        if (lt_text_eq(lt_text_of(raisers[i].name), name))
            return raisers[i].raise;
    return NULL;
}

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    raiser *raise = find(name);
    *found = raise != NULL;
    return raise ? raise(call, out, err) : LT_OK;
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return find(name) != NULL;
}

const lt_jinja_class lt_dbt_exceptions_class = {
    .name = "exceptions", .method = method, .has_method = has_method};
