/* leat dbt orphans: relations that no node of the project makes any more, and dropping them. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"
#include "base/time.h"
#include "cli/grid.h"
#include "dbt/plan/orphans.h"

#include <stdio.h>
#include <unistd.h>

typedef struct orphans_work {
    dbt_work *work;
    lt_dbt_builds builds;
    lt_dbt_state state;
    lt_dbt_run *run; /* NULL: there is no database */
    lt_arena arena;
    lt_dbt_orphans found;
    lt_dbt_drop drop;
    bool json;
} orphans_work;

/* ---- finding ---- */

static const lt_dbt_state *find_state(orphans_work *w, lt_err *err)
{
    lt_err ignored = {0};
    const char *said = w->work->flags->state, *target = w->work->target_folder;
    lt_status status =
        lt_dbt_state_read(said ? said : target, target, &w->state, said ? err : &ignored);
    if (status == LT_OK && said)
        status = lt_dbt_state_need(&w->state, err);
    return status == LT_OK ? &w->state : NULL;
}

static lt_status find(orphans_work *w, lt_err *err)
{
    dbt_work *work = w->work;
    LT_TRY(lt_dbt_builds_read(work->target_folder, &w->builds, err));
    const lt_dbt_state *state = find_state(w, err);
    if (!state && work->flags->state)
        return err->status;
    if (!dbt_has_database(work))
        return LT_OK;
    work->profile.target.read_only = work->flags->drop != 1;
    LT_TRY(dbt_run_open(work, LT_DBT_DO_COMPILE, NULL, &w->run, err));
    const lt_dbt_orphans_request request = {.run = w->run, .builds = &w->builds, .state = state};
    return lt_dbt_orphans_find(&request, &w->arena, &w->found, err);
}

/* ---- showing ---- */

static const char *size_text(int64_t bytes, char out[LT_COUNT_CHARS])
{
    return bytes < 0 ? "-" : lt_count_short((double)bytes, out);
}

static lt_text maker_text(orphans_work *w, const lt_dbt_orphan *orphan)
{
    char when[LT_TIME_CHARS];
    const char *name = lt_dbt_maker_name(orphan->maker);
    LT_AUTO(lt_buf) text = {.limit = 4 * LT_KIB};
    lt_buf_add_str(&text, name);
    if (orphan->node.len)
        lt_buf_printf(&text, "%s%.*s", orphan->maker == LT_DBT_MADE_LEFTOVER ? " of " : ": ",
                      LT_ARG(orphan->node));
    if (orphan->built_at_us)
        lt_buf_printf(&text, " %.16s", lt_time_write(orphan->built_at_us, when));
    return lt_arena_text(&w->arena, lt_buf_text(&text));
}

static const char *fate_of(const orphans_work *w, const lt_dbt_orphan *orphan)
{
    if (orphan->is_dropped)
        return "dropped";
    if (orphan->kept.len)
        return "kept: it could not be dropped";
    if (orphan->is_snapshot && !w->drop.include_snapshots)
        return "kept: a snapshot (--include-snapshots)";
    if (!orphan->is_ours && !w->drop.name_count)
        return orphan->maker == LT_DBT_MADE_UNKNOWN
                   ? "kept: its maker is not known (name it to drop it)"
                   : "kept: perhaps another project's (name it to drop it)";
    if (!lt_dbt_is_doomed(&w->drop, orphan))
        return "kept: not named";
    return "to drop";
}

static void show_table(orphans_work *w)
{
    static const lt_grid_column columns[] = {
        {T("relation"), LT_CELL_TEXT}, {T("type"), LT_CELL_TEXT},  {T("rows"), LT_CELL_NUMBER},
        {T("bytes"), LT_CELL_NUMBER},  {T("maker"), LT_CELL_TEXT}, {T("fate"), LT_CELL_TEXT}};
    lt_grid grid = {0};
    lt_grid_begin(&grid, &w->work->app->out, LT_SHOW_TABLE, columns, LT_COUNT(columns));
    for (size_t i = 0; i < w->found.len; i++) {
        const lt_dbt_orphan *orphan = &w->found.items[i];
        char rows[LT_COUNT_CHARS], bytes[LT_COUNT_CHARS];
        const lt_text cells[] = {
            lt_text_of(lt_arena_format(&w->arena, "%.*s.%.*s", LT_ARG(orphan->relation.schema),
                                       LT_ARG(orphan->relation.name))),
            orphan->is_snapshot ? T("snapshot") : orphan->entry.type,
            lt_text_of(orphan->entry.rows < 0 ? "-" : lt_count_write(orphan->entry.rows, rows)),
            lt_text_of(size_text(orphan->entry.bytes, bytes)),
            maker_text(w, orphan),
            lt_text_of(fate_of(w, orphan))};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    lt_grid_cleanup(&grid);
}

static void show_text(orphans_work *w)
{
    lt_out *out = &w->work->app->out;
    if (!w->found.len) {
        lt_out_str(out, "There are no orphaned relations.\n");
        return;
    }
    show_table(w);
    for (size_t i = 0; i < w->found.len; i++)
        if (w->found.items[i].kept.len)
            lt_out_printf(out, "%.*s.%.*s was kept: %.*s\n",
                          LT_ARG(w->found.items[i].relation.schema),
                          LT_ARG(w->found.items[i].relation.name), LT_ARG(w->found.items[i].kept));
}

static void set_known(lt_json_writer *w, const char *key, int64_t number)
{
    lt_json_key(w, lt_text_of(key));
    if (number < 0)
        lt_json_null(w);
    else
        lt_json_int(w, number);
}

static void write_one(const orphans_work *o, lt_json_writer *w, const lt_dbt_orphan *orphan)
{
    char text[LT_TIME_CHARS];
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    lt_quote_relation(&orphan->relation, &name);
    lt_json_begin(w, '{');
    lt_json_set(w, "relation_name", lt_buf_text(&name));
    lt_json_set(w, "schema", orphan->relation.schema);
    lt_json_set(w, "name", orphan->relation.name);
    lt_json_set(w, "type", orphan->entry.type);
    lt_json_set_bool(w, "is_snapshot", orphan->is_snapshot);
    set_known(w, "rows", orphan->entry.rows);
    set_known(w, "bytes", orphan->entry.bytes);
    lt_json_set(w, "maker", lt_text_of(lt_dbt_maker_name(orphan->maker)));
    if (orphan->node.len)
        lt_json_set(w, "node", orphan->node);
    if (orphan->built_at_us)
        lt_json_set(w, "built_at", lt_text_of(lt_time_write(orphan->built_at_us, text)));
    lt_json_set_bool(w, "is_ours", orphan->is_ours);
    lt_json_set_bool(w, "would_drop", lt_dbt_is_doomed(&o->drop, orphan));
    lt_json_set_bool(w, "dropped", orphan->is_dropped);
    if (orphan->kept.len)
        lt_json_set(w, "error", orphan->kept);
    lt_json_end(w);
}

static lt_status show(orphans_work *o, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text, .indent = 2};
    if (!o->json) {
        show_text(o);
        return LT_OK;
    }
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < o->found.len; i++)
        write_one(o, &w, &o->found.items[i]);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "the list", err));
    lt_out_text(&o->work->app->out, lt_buf_text(&text));
    lt_out_str(&o->work->app->out, "\n");
    return LT_OK;
}

/* ---- dropping ---- */

static size_t count_doomed(const orphans_work *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->found.len; i++)
        count += lt_dbt_is_doomed(&w->drop, &w->found.items[i]);
    return count;
}

/* *yes: it is meant. */
static lt_status confirm(orphans_work *w, size_t count, bool *yes, lt_err *err)
{
    char answer[16] = "";
    *yes = w->work->flags->yes == 1;
    if (*yes)
        return LT_OK;
    if (!isatty(STDIN_FILENO) || w->json) {
        lt_ignore(lt_fail(err, LT_INVALID, "--drop would drop %zu relation%s", count,
                          count == 1 ? "" : "s"));
        return lt_hint(err, "say --yes when that is meant");
    }
    lt_out_printf(&w->work->app->out, "Drop %zu relation%s? [y/N] ", count, count == 1 ? "" : "s");
    LT_TRY(lt_out_flush(&w->work->app->out, err));
    *yes = fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
    if (!*yes)
        lt_out_str(&w->work->app->out, "Nothing was dropped.\n");
    return LT_OK;
}

static lt_status drop(orphans_work *w, lt_err *err)
{
    size_t count = count_doomed(w), kept = 0;
    bool asked = w->work->flags->yes != 1 && !w->json, yes = false;
    if (!count)
        return show(w, err);
    if (asked)
        LT_TRY(show(w, err));
    LT_TRY(confirm(w, count, &yes, err));
    if (!yes)
        return LT_OK;
    LT_TRY(lt_dbt_orphans_drop(w->run, &w->drop, &w->found, &w->arena, err));
    LT_TRY(show(w, err));
    for (size_t i = 0; i < w->found.len; i++)
        kept += w->found.items[i].kept.len > 0;
    w->work->has_said = w->json; /* each error stands beside its relation */
    return kept ? lt_fail(err, LT_FAILED, "%zu of %zu could not be dropped", kept, count) : LT_OK;
}

static lt_status run(orphans_work *w, lt_err *err)
{
    LT_TRY(dbt_output_is_json(w->work, &w->json, err));
    LT_TRY(dbt_work_load(w->work, err));
    LT_TRY(find(w, err));
    if (w->run)
        LT_TRY(lt_dbt_orphans_check(&w->drop, &w->found, err));
    return w->work->flags->drop == 1 ? drop(w, err) : show(w, err);
}

lt_status dbt_run_orphans(dbt_work *work, lt_err *err)
{
    orphans_work w = {.work = work,
                      .drop = {.names = work->flags->rest.items,
                               .name_count = work->flags->rest.len,
                               .include_snapshots = work->flags->include_snapshots == 1,
                               .folder = work->target_folder}};
    lt_status status = run(&w, err);
    lt_dbt_run_close(w.run);
    lt_dbt_builds_cleanup(&w.builds);
    lt_dbt_state_cleanup(&w.state);
    lt_arena_cleanup(&w.arena);
    return status;
}
