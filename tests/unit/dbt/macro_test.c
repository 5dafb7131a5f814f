/* Our own macros: what the outline says of them is what the compiler sees. */
#include "dbt/inner.h"
#include "support/test.h"

typedef struct empty_project {
    lt_jinja_heap heap;
    lt_scope scope;
    lt_dbt *dbt;
} empty_project;

static void open_empty(empty_project *p, const char *kind)
{
    lt_err err = {0};
    const lt_project project = {.name = T("shop")};
    lt_scope_init(&p->scope, &project, NULL, &p->heap);
    const lt_dbt_settings settings = {.root = lt_test_folder(),
                                      .name = T("shop"),
                                      .target_name = T("dev"),
                                      .target_kind = lt_text_of(kind),
                                      .target_schema = T("main"),
                                      .scope = &p->scope};
    CHECK_OK(lt_dbt_load(&settings, &p->dbt, &err), err);
}

static void close_empty(empty_project *p)
{
    lt_dbt_close(p->dbt);
    lt_jinja_heap_cleanup(&p->heap);
}

/* Compiling asserts that both see the same blocks. */
static void check_all(const char *kind)
{
    empty_project p = {0};
    open_empty(&p, kind);
    CHECK(p.dbt->macros.len > 300);
    for (size_t i = 0; i < p.dbt->macros.len; i++)
        CHECK(lt_dbt_macro_ready(p.dbt->macros.items[i])->value.type != LT_JINJA_UNDEFINED);
    for (size_t i = 0; i < p.dbt->macro_files.len; i++)
        CHECK(p.dbt->macro_files.items[i]->compiled);
    close_empty(&p);
}

Test(dbt_macro, ours_are_compiled_as_their_outline_says_on_duckdb)
{
    check_all("duckdb");
}

Test(dbt_macro, ours_are_compiled_as_their_outline_says_on_postgres)
{
    check_all("postgres");
}

Test(dbt_macro, a_materialization_knows_its_languages_when_it_is_asked_for)
{
    empty_project p = {0};
    open_empty(&p, "duckdb");
    const lt_dbt_macro *table = lt_dbt_materialization_find(p.dbt, T("table"));
    const lt_dbt_macro *view = lt_dbt_materialization_find(p.dbt, T("view"));
    CHECK(table && view && !table->home);
    CHECK_TEXT(table->name, "materialization_table_duckdb");
    CHECK(lt_jinja_len(lt_dbt_macro_ready(table)->supported_languages) == 2);
    CHECK(lt_dbt_macro_ready(view)->supported_languages.type == LT_JINJA_UNDEFINED);
    close_empty(&p);
}
