/* What a profile says of DuckDB: its extensions, settings, secrets and attached files, for an engine that was just opened. */
#include "dbt/run/execute_inner.h"

static lt_status exec_text(lt_session *session, const lt_buf *sql, lt_err *err)
{
    LT_TRY(lt_buf_check(sql, "a statement of the profile", err));
    return lt_exec(session, lt_buf_text(sql), NULL, err);
}

/* As text, whatever it is in YAML. */
static void add_literal(lt_jinja_value value, lt_buf *out)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    lt_jinja_str(value, &text);
    lt_quote_literal(lt_buf_text(&text), out);
}

/* Those that are compiled in need no network. */
static lt_status is_loaded(lt_session *session, lt_text name, bool *out, lt_err *err)
{
    lt_table found;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(lt_query_table(session,
                          T("select 1 from duckdb_extensions() where loaded and extension_name = "
                            "lower($1)"),
                          &name, 1, 1, NULL, &arena, &found, err));
    *out = found.row_count > 0;
    return LT_OK;
}

static lt_status load_extensions(lt_session *session, lt_jinja_value list, lt_err *err)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_jinja_value item = lt_jinja_at(list, i);
        lt_text name =
            lt_jinja_as_text(item.type == LT_JINJA_DICT ? lt_dbt_at(item, "name") : item);
        lt_text repo = lt_jinja_as_text(lt_dbt_at(item, "repo"));
        bool there = false;
        LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
        LT_TRY(is_loaded(session, name, &there, err));
        if (there)
            continue;
        lt_buf_add_str(&sql, "install ");
        lt_quote_name(name, &sql);
        if (repo.len) {
            lt_buf_add_str(&sql, " from ");
            lt_quote_name(repo, &sql);
        }
        lt_buf_add_str(&sql, "; load ");
        lt_quote_name(name, &sql);
        LT_TRY(exec_text(session, &sql, err));
    }
    return LT_OK;
}

static lt_status apply_settings(lt_session *session, lt_jinja_value dict, lt_err *err)
{
    lt_jinja_value key, value;
    for (size_t at = 0; dict.type == LT_JINJA_DICT && lt_jinja_next(dict, &at, &key, &value);) {
        LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
        lt_buf_add_str(&sql, "set global ");
        lt_quote_name(lt_jinja_as_text(key), &sql);
        lt_buf_add_str(&sql, " = ");
        add_literal(value, &sql);
        LT_TRY(exec_text(session, &sql, err));
    }
    return LT_OK;
}

/* ---- secrets ---- */

static void add_list(lt_jinja_value list, lt_buf *out)
{
    lt_buf_add_str(out, "array [");
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_buf_add_str(out, i ? ", " : "");
        add_literal(lt_jinja_at(list, i), out);
    }
    lt_buf_add_byte(out, ']');
}

static void add_map(lt_jinja_value dict, lt_buf *out)
{
    lt_jinja_value key, value;
    bool first = true;
    lt_buf_add_str(out, "map {");
    for (size_t at = 0; lt_jinja_next(dict, &at, &key, &value); first = false) {
        lt_buf_add_str(out, first ? "" : ", ");
        add_literal(key, out);
        lt_buf_add_str(out, ": ");
        add_literal(value, out);
    }
    lt_buf_add_byte(out, '}');
}

static void add_parameter(lt_text key, lt_jinja_value value, lt_buf *out)
{
    lt_buf_add_str(out, out->data[out->len - 1] == '(' ? "" : ", ");
    lt_quote_name(key, out);
    lt_buf_add_byte(out, ' ');
    if (value.type == LT_JINJA_DICT)
        add_map(value, out);
    else if (value.type == LT_JINJA_LIST)
        add_list(value, out);
    else
        add_literal(value, out);
}

/* CREATE SECRET, each key a parameter; a scope may be a list. */
static lt_status make_secret(lt_session *session, lt_jinja_value secret, lt_err *err)
{
    lt_text name = lt_jinja_as_text(lt_dbt_at(secret, "name"));
    lt_jinja_value key, value;
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    lt_buf_printf(&sql, "create %s%ssecret ", name.len ? "or replace " : "",
                  lt_jinja_truth(lt_dbt_at(secret, "persistent")) ? "persistent " : "");
    if (name.len)
        lt_quote_name(name, &sql);
    lt_buf_add_str(&sql, " (");
    for (size_t at = 0; lt_jinja_next(secret, &at, &key, &value);) {
        lt_text word = lt_jinja_as_text(key);
        if (lt_text_eq(word, T("name")) || lt_text_eq(word, T("persistent")) ||
            !lt_dbt_is_set(value))
            continue;
        if (!lt_text_eq(word, T("scope")) || value.type != LT_JINJA_LIST) {
            add_parameter(word, value, &sql);
            continue;
        }
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            add_parameter(word, lt_jinja_at(value, i), &sql);
    }
    lt_buf_add_byte(&sql, ')');
    return exec_text(session, &sql, err);
}

static lt_status make_secrets(lt_session *session, lt_jinja_value list, lt_err *err)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_jinja_value secret = lt_jinja_at(list, i);
        if (secret.type != LT_JINJA_DICT || !lt_dbt_is_set(lt_dbt_at(secret, "type")))
            return lt_fail(err, LT_INVALID,
                           "profiles.yml: a secret must be a mapping with a 'type'");
        LT_TRY(make_secret(session, secret, err));
    }
    return LT_OK;
}

/* ---- attached files ---- */

static void add_option(const char *name, lt_jinja_value value, lt_buf *out)
{
    lt_buf_printf(out, "%s%s", out->len ? ", " : "", name);
    if (value.type == LT_JINJA_BOOL && value.as.b)
        return;
    lt_buf_add_byte(out, ' ');
    add_literal(value, out);
}

static void add_options(lt_jinja_value item, lt_buf *out)
{
    static const char *const own[] = {"type", "secret", "read_only"};
    lt_jinja_value key, value, more = lt_dbt_at(item, "options");
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (lt_jinja_truth(lt_dbt_at(item, own[i])))
            add_option(own[i], lt_dbt_at(item, own[i]), out);
    for (size_t at = 0; more.type == LT_JINJA_DICT && lt_jinja_next(more, &at, &key, &value);) {
        LT_AUTO(lt_buf) name = {.limit = LT_KIB};
        lt_quote_name(lt_jinja_as_text(key), &name);
        add_option(lt_buf_chars(&name), value, out);
    }
}

static lt_status attach_files(lt_session *session, lt_jinja_value list, lt_err *err)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_jinja_value item = lt_jinja_at(list, i);
        lt_text alias = lt_jinja_as_text(lt_dbt_at(item, "alias"));
        LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
        LT_AUTO(lt_buf) options = {.limit = 64 * LT_KIB};
        lt_buf_add_str(&sql, "attach if not exists ");
        lt_quote_literal(lt_jinja_as_text(lt_dbt_at(item, "path")), &sql);
        if (alias.len) {
            lt_buf_add_str(&sql, " as ");
            lt_quote_name(alias, &sql);
        }
        add_options(item, &options);
        if (options.len)
            lt_buf_printf(&sql, " (%s)", lt_buf_chars(&options));
        LT_TRY(exec_text(session, &sql, err));
    }
    return LT_OK;
}

lt_status lt_dbt_prepare_engine(lt_engine *engine, lt_jinja_value credentials, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    if (strcmp(lt_engine_target(engine)->kind, "duckdb") != 0 || credentials.type != LT_JINJA_DICT)
        return LT_OK;
    LT_TRY(lt_session_open(engine, &session, err));
    LT_TRY(load_extensions(session, lt_dbt_at(credentials, "extensions"), err));
    LT_TRY(apply_settings(session, lt_dbt_at(credentials, "config_options"), err));
    LT_TRY(apply_settings(session, lt_dbt_at(credentials, "settings"), err));
    LT_TRY(make_secrets(session, lt_dbt_at(credentials, "secrets"), err));
    return attach_files(session, lt_dbt_at(credentials, "attach"), err);
}
