/* What the file that is evaluated looks at: macros, docs blocks, and what reaches beyond it. */
#include "dbt/inner.h"

void lt_dbt_units_init(lt_dbt *dbt, size_t files)
{
    dbt->unit_count = (uint32_t)files + 1;
    dbt->units = lt_alloc_array(&dbt->arena, dbt->unit_count, sizeof(*dbt->units));
}

parse_unit *lt_dbt_parse_unit(lt_dbt *dbt)
{
    return dbt->units && dbt->home ? &dbt->units[dbt->home - 1] : NULL;
}

void lt_dbt_seen_macro(const rendering *r, const lt_dbt_macro *macro)
{
    parse_unit *unit = r->loading ? lt_dbt_parse_unit(r->loading) : NULL;
    if (!unit || macro->package->is_built_in)
        return;
    for (size_t i = 0; i < unit->macros.len; i++)
        if (unit->macros.items[i] == macro->place)
            return;
    lt_push_in(&r->loading->arena, &unit->macros, macro->place);
}

void lt_dbt_seen_doc(lt_dbt *dbt, lt_text id)
{
    parse_unit *unit = lt_dbt_parse_unit(dbt);
    if (unit && !lt_dbt_texts_have(&unit->docs, id))
        lt_push_in(&dbt->arena, &unit->docs, id);
}

void lt_dbt_seen_loose(lt_dbt *dbt, lt_text key)
{
    parse_unit *unit = lt_dbt_parse_unit(dbt);
    if (unit)
        lt_push_in(&dbt->arena, &unit->loose, key);
}

void lt_dbt_seen_apart(lt_dbt *dbt)
{
    parse_unit *unit = lt_dbt_parse_unit(dbt);
    if (unit)
        unit->is_apart = true;
}
