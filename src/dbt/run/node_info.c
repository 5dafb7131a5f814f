/* What a line of JSON says of the node that it is about: `node_info`, `group` and `run_result`, as dbt's events have them. */
#include "base/time.h"
#include "dbt/artifacts/artifacts.h"
#include "dbt/run/execute_inner.h"

/* Python's isoformat() of a moment without a zone. */
static void set_moment(lt_json_writer *w, const char *key, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    lt_text said = at_us ? lt_text_of(lt_time_write(at_us, text)) : (lt_text){0};
    said.len -= lt_text_ends(said, T("Z"));
    lt_json_set(w, key, said);
}

static void write_relation(const lt_dbt *dbt, const lt_dbt_node *node, lt_json_writer *w)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    if (!node->no_relation && node->relation.schema.len)
        lt_dbt_relation_name(dbt, node, &name);
    lt_json_key(w, T("node_relation"));
    lt_json_begin(w, '{');
    lt_json_set(w, "alias", node->relation.name);
    lt_json_set(w, "database", node->relation.database);
    lt_json_set(w, "relation_name", lt_buf_text(&name));
    lt_json_set(w, "schema", node->relation.schema);
    lt_json_end(w);
}

/* What is skipped has no times of its own. */
static int64_t moment_or_now(int64_t at_us)
{
    return at_us ? at_us : lt_now_us();
}

static void write_info(const lt_dbt *dbt, const lt_dbt_node_result *result, bool is_over,
                       lt_json_writer *w)
{
    lt_text status = is_over ? lt_text_of(lt_dbt_outcome_name(result->outcome)) : T("started");
    const lt_dbt_node *node = result->node;
    lt_jinja_value meta = lt_dbt_config_get(dbt, node, T("meta"));
    lt_json_key(w, T("node_info"));
    lt_json_begin(w, '{');
    lt_json_set(w, "materialized", node->config.materialized);
    lt_json_key(w, T("meta"));
    if (meta.type == LT_JINJA_DICT)
        lt_dbt_write_value(w, meta);
    else
        lt_json_raw(w, T("{}"));
    lt_json_set(w, "node_checksum", node->checksum);
    set_moment(w, "node_finished_at", is_over ? moment_or_now(result->execute_ended_us) : 0);
    lt_json_set(w, "node_name", node->name);
    lt_json_set(w, "node_path", node->file);
    write_relation(dbt, node, w);
    set_moment(w, "node_started_at", moment_or_now(result->compile_started_us));
    lt_json_set(w, "node_status", status);
    lt_json_set(w, "resource_type", lt_text_of(lt_dbt_kind_name(node->kind)));
    lt_json_set(w, "unique_id", node->id);
    lt_json_end(w);
}

static const lt_dbt_node *group_of(const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_text name = node->group.len || !node->attached ? node->group : node->attached->group;
    for (size_t i = 0; name.len && i < dbt->all.len; i++)
        if (dbt->all.items[i]->kind == LT_DBT_GROUP && lt_text_eq(dbt->all.items[i]->name, name))
            return dbt->all.items[i];
    return NULL;
}

/* What an owner is said to have, as texts: a list is written as Python writes it. */
static void write_group(const lt_dbt_node *group, lt_json_writer *w)
{
    lt_jinja_value owner = lt_dbt_at(group->raw, "owner"), key, value;
    lt_json_key(w, T("group"));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", group->name);
    lt_json_key(w, T("owner"));
    lt_json_begin(w, '{');
    for (size_t at = 0; owner.type == LT_JINJA_DICT && lt_jinja_next(owner, &at, &key, &value);) {
        LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
        lt_jinja_str(value, &text);
        lt_json_key(w, lt_jinja_as_text(key));
        lt_json_string(w, lt_buf_text(&text));
    }
    lt_json_end(w);
    lt_json_set(w, "package_name", group->package->name);
    lt_json_end(w);
}

static void write_run_result(const lt_dbt_node_result *result, lt_json_writer *w)
{
    LT_AUTO(lt_chars) thread = lt_format("Thread-%u (worker)", result->thread);
    lt_json_key(w, T("run_result"));
    lt_json_begin(w, '{');
    lt_json_key(w, T("adapter_response"));
    lt_json_raw(w, result->adapter_response.len ? result->adapter_response : T("{}"));
    lt_json_key(w, T("execution_time"));
    lt_json_double(w, (double)(result->execute_ended_us - result->compile_started_us) / 1e6);
    lt_json_set(w, "message", result->message);
    lt_json_set_int(w, "num_failures", LT_MAX(result->failures, (int64_t)0));
    lt_json_set(w, "status", lt_text_of(lt_dbt_outcome_name(result->outcome)));
    lt_json_set(w, "thread", lt_text_of(thread));
    lt_json_key(w, T("timing_info"));
    lt_json_begin(w, '[');
    lt_dbt_write_timing(w, "compile", result->compile_started_us, result->compile_ended_us);
    lt_dbt_write_timing(w, "execute", result->execute_started_us, result->execute_ended_us);
    lt_json_end(w);
    lt_json_end(w);
}

void lt_dbt_write_node_info(const lt_dbt *dbt, const lt_dbt_node_result *result,
                            lt_dbt_moment_of_node moment, lt_json_writer *w)
{
    const lt_dbt_node *group = group_of(dbt, result->node);
    if (group)
        write_group(group, w);
    write_info(dbt, result, moment != LT_DBT_NODE_STARTS, w);
    if (moment == LT_DBT_NODE_FINISHED)
        write_run_result(result, w);
}
