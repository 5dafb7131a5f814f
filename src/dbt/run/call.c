/* A macro of the project that is called from outside of templates: for the catalog, for freshness. */
#include "dbt/run/execute_inner.h"

lt_status lt_dbt_macro_run(lt_dbt_run *run, const lt_dbt_macro_call *call, lt_jinja_heap *heap,
                           lt_jinja_value *out, lt_err *err)
{
    rendering r;
    lt_dbt_rendering_init(&r, run->request.dbt, call->node);
    r.session = call->session;
    r.rt = run->rt;
    r.run = &run->settings;
    r.heap = heap;
    LT_TRY(lt_dbt_exec_attach(&r, heap, (lt_text){0}, err));
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &r};
    lt_status status = lt_dbt_exec_call(r.exec, &run->request.dbt->env, &context, call->macro,
                                        call->args, call->arg_count, out, err);
    lt_dbt_exec_close(r.exec);
    return status;
}
