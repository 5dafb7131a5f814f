/* What looks share: known items, ids. */
#include "sched/look.h"

#include "net/aws_sign.h"

bool lt_look_item(const lt_watched *watched, lt_look *look, lt_text item, lt_text stamp)
{
    const char *known = lt_map_find(&watched->known, item);
    if (known && lt_text_eq(lt_text_of(known), stamp))
        return false;
    lt_trigger_item made = {lt_arena_text(look->arena, item), lt_arena_text(look->arena, stamp)};
    lt_push_in(look->arena, &look->items, made);
    return true;
}

void lt_look_gone(const lt_watched *watched, lt_look *look, const lt_map *there)
{
    for (size_t i = 0; i < watched->known.entries.len; i++) {
        const lt_map_entry *entry = &watched->known.entries.items[i];
        if (!lt_text_eq(lt_text_of(entry->value), T("")) && !lt_map_has(there, entry->key))
            lt_push_in(look->arena, &look->items,
                       ((lt_trigger_item){.item = lt_arena_text(look->arena, entry->key)}));
    }
}

lt_text lt_look_id(lt_text item, lt_text stamp, lt_arena *arena)
{
    char hex[LT_AWS_HEX_CHARS];
    LT_AUTO(lt_buf) both = {0};
    lt_buf_add(&both, item);
    lt_buf_add_byte(&both, '\0');
    lt_buf_add(&both, stamp);
    return lt_arena_text(arena, lt_text_of(lt_aws_sha256(lt_buf_text(&both), hex)));
}
