/* A view without templates: what the macros of a plain view do on a server with transactions and renames, statement by statement, when
 * nobody has put a macro of his own among them. */
#include "dbt/rt/inner.h"

/* The names that the materialization works with. */
typedef struct plain_view {
    lt_dbt_relation target, beside, backup;
    lt_dbt_relation existing; /* as the cache has it */
    bool replaces;            /* there is an existing one */
    lt_text statements[3];    /* what the transaction ends with */
    lt_relation left;         /* the backup */
    lt_ending ending;
} plain_view;

/* What a suffix stands behind as it is: a longer name is cut by the macros. */
static bool has_room(const lt_dbt_exec *exec, lt_text name, lt_text suffix)
{
    size_t most = exec->rt->adapter->max_name;
    return !most || name.len + suffix.len <= most;
}

static lt_dbt_relation with_suffix(lt_dbt_exec *exec, const lt_dbt_relation *base, lt_text suffix)
{
    lt_dbt_relation made = *base;
    lt_text name = base->parts[LT_DBT_IDENTIFIER];
    made.parts[LT_DBT_IDENTIFIER] =
        lt_text_of(lt_arena_format(&exec->heap->arena, "%.*s%.*s", LT_ARG(name), LT_ARG(suffix)));
    return made;
}

/* As load_cached_relation() asks. */
static bool find_cached(lt_dbt_exec *exec, const lt_dbt_relation *relation, lt_dbt_relation *found)
{
    lt_dbt_relation wanted = lt_dbt_relation_init(
        exec->rt, relation->parts[LT_DBT_DATABASE], relation->parts[LT_DBT_SCHEMA],
        relation->parts[LT_DBT_IDENTIFIER], LT_DBT_UNTYPED);
    return lt_dbt_cache_find(&exec->rt->cache, &wanted, &exec->heap->arena, found);
}

/* Nothing is left beside the relation, and what has its name is a view. */
static bool look(lt_dbt_exec *exec, plain_view *view)
{
    static const lt_text beside = T("__dbt_tmp"), backup = T("__dbt_backup");
    const lt_dbt_relation *own = lt_dbt_relation_in(exec->settings.this_relation);
    lt_dbt_relation left;
    if (!own || !own->parts[LT_DBT_SCHEMA].ptr || !own->parts[LT_DBT_IDENTIFIER].len ||
        !has_room(exec, own->parts[LT_DBT_IDENTIFIER], backup) ||
        !lt_dbt_cache_has_schema(&exec->rt->cache, own->parts[LT_DBT_DATABASE],
                                 own->parts[LT_DBT_SCHEMA]))
        return false;
    view->target = *own;
    view->target.type = LT_DBT_VIEW;
    view->beside = with_suffix(exec, &view->target, beside);
    view->backup = with_suffix(exec, &view->target, backup);
    view->replaces = find_cached(exec, own, &view->existing);
    return (!view->replaces || view->existing.type == LT_DBT_VIEW) &&
           !find_cached(exec, &view->beside, &left) && !find_cached(exec, &view->backup, &left);
}

/* ---- the statements, as the macros write them ---- */

static lt_text kept_text(lt_dbt_exec *exec, const lt_buf *text)
{
    return lt_arena_text(&exec->heap->arena, lt_buf_text(text));
}

static lt_text create_sql(lt_dbt_exec *exec, const plain_view *view)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "\n    create view ");
    lt_dbt_relation_render(&view->beside, &sql);
    lt_buf_add_str(&sql, "\n    as (\n        ");
    lt_buf_add(&sql, exec->settings.compiled);
    lt_buf_add_str(&sql, "\n    );\n    ");
    return kept_text(exec, &sql);
}

static lt_text rename_sql(lt_dbt_exec *exec, const lt_dbt_relation *from, const lt_dbt_relation *to)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_text name = to->parts[LT_DBT_IDENTIFIER];
    lt_buf_add_str(&sql, "\n        alter table ");
    lt_dbt_relation_render(from, &sql);
    lt_buf_add_str(&sql, " rename to ");
    if (exec->rt->settings.quote[LT_DBT_IDENTIFIER])
        lt_quote_name(name, &sql);
    else
        lt_buf_add(&sql, name);
    lt_buf_add_str(&sql, "\n    ");
    return kept_text(exec, &sql);
}

static lt_text drop_sql(lt_dbt_exec *exec, const lt_dbt_relation *relation)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "\n        drop view if exists ");
    lt_dbt_relation_render(relation, &sql);
    lt_buf_add_str(&sql, " cascade\n    ");
    return kept_text(exec, &sql);
}

/* ---- the steps ---- */

/* Does the SELECT end where its text does, so that other statements may stand behind it in one message? Only what is sure: no escapes, dollar
 * quotes or nested comments. */
static bool is_tame(lt_text sql)
{
    size_t depth = 0;
    for (size_t i = 0; i < sql.len; i++) {
        char c = sql.ptr[i], next = i + 1 < sql.len ? sql.ptr[i + 1] : '\0';
        bool is_comment = c == '-' && next == '-';
        if (c == '\'' || c == '"' || is_comment) {
            size_t end = lt_text_find_byte(sql, is_comment ? '\n' : c, i + 1);
            if (end == SIZE_MAX)
                return is_comment && depth == 0;
            if (lt_text_find_byte(lt_text_sub(sql, i, end - i), '\\', 0) != SIZE_MAX)
                return false;
            i = end;
            continue;
        }
        if (c == ';' || c == '$' || c == '\\' || (c == '/' && next == '*') ||
            (c == ')' && depth == 0))
            return false;
        if (c == '(')
            depth++;
        else if (c == ')')
            depth--;
    }
    return depth == 0;
}

/* `has_readers`: what goes along is not known to be nothing. */
static lt_status drop(lt_dbt_exec *exec, const lt_dbt_relation *relation, bool has_readers,
                      lt_err *err)
{
    lt_jinja_value response, table;
    if (has_readers)
        LT_TRY(lt_dbt_forget_readers(exec, relation, err));
    lt_dbt_cache_drop(&exec->rt->cache, relation);
    return lt_dbt_rt_execute(exec, exec->heap, drop_sql(exec, relation), false, false, -1,
                             &response, &table, err);
}

/* Another node may be dropping the old one along with what it read: then wait for that, and nothing is left to rename. */
static lt_status settle(lt_dbt_exec *exec, plain_view *view, lt_err *err)
{
    lt_dbt_relation still;
    if (!view->replaces || find_cached(exec, &view->existing, &still))
        return LT_OK;
    view->replaces = false;
    return drop(exec, &view->existing, true, err);
}

static void add_statement(plain_view *view, lt_text sql)
{
    view->statements[view->ending.count++] = sql;
}

/* The old one goes to the backup's name, the new one takes its own, and that is committed; with what makes it in front, when that was not
 * sent before. */
static lt_status swap(lt_dbt_exec *exec, plain_view *view, lt_text sql, lt_err *err)
{
    LT_TRY(settle(exec, view, err));
    view->ending = (lt_ending){.statements = view->statements};
    if (sql.len)
        add_statement(view, sql);
    if (view->replaces) {
        view->left = (lt_relation){.schema = view->backup.parts[LT_DBT_SCHEMA],
                                   .name = view->backup.parts[LT_DBT_IDENTIFIER]};
        view->ending.left = &view->left;
        add_statement(view, rename_sql(exec, &view->existing, &view->backup));
    }
    add_statement(view, rename_sql(exec, &view->beside, &view->target));
    LT_TRY(lt_dbt_commit_with(exec, &view->ending, err));
    if (view->replaces)
        lt_dbt_cache_rename(&exec->rt->cache, &view->existing, &view->backup);
    lt_dbt_cache_put(&exec->rt->cache, &view->target);
    return LT_OK;
}

/* Made, and given its name: in one message where that is safe. */
static lt_status make(lt_dbt_exec *exec, plain_view *view, lt_text node, lt_jinja_value *response,
                      lt_err *err)
{
    lt_jinja_value table;
    lt_text sql = create_sql(exec, view);
    LT_AUTO(lt_chars) says = lt_format("Writing runtime sql for node \"%.*s\"", LT_ARG(node));
    lt_dbt_log_sql(exec, lt_text_of(says));
    LT_TRY(lt_dbt_write_statement(exec, sql, err));
    if (is_tame(exec->settings.compiled)) {
        *response = lt_dbt_response_of_tag(exec->heap, T("CREATE VIEW"));
        return swap(exec, view, sql, err);
    }
    LT_TRY(lt_dbt_rt_execute(exec, exec->heap, sql, true, false, -1, response, &table, err));
    return swap(exec, view, (lt_text){0}, err);
}

/* The old one could not be renamed: another node has dropped it along with what it read, a moment ago. Or there is more to it, which the macros
 * will say. Nothing of it is there. */
static bool has_lost_the_old(const plain_view *view, lt_status status)
{
    return status == LT_FAILED && view->replaces && view->ending.count &&
           view->ending.done == view->ending.count - 2;
}

bool lt_dbt_adapter_has_plain_views(const lt_dbt_rt *rt)
{
    return rt->adapter->has_plain_views;
}

lt_status lt_dbt_view_make(lt_dbt_exec *exec, lt_text node, bool *made, lt_jinja_value *response,
                           lt_err *err)
{
    plain_view view = {0};
    *made = !exec->comment.len && exec->transaction->is_open && look(exec, &view);
    if (!*made)
        return LT_OK;
    lt_status status = make(exec, &view, node, response, err);
    if (has_lost_the_old(&view, status)) {
        exec->last_sql = (lt_text){0};
        exec->said = (lt_err){0};
        *made = false;
        return LT_OK;
    }
    LT_TRY(status);
    return view.replaces ? drop(exec, &view.backup, view.ending.has_readers, err) : LT_OK;
}
