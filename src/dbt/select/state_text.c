/* Another run's manifest: its nodes as pieces of text, the second half of them found by a thread of its own, and whether one is as it was. */
#include "dbt/select/state_text.h"

#include <string.h>

enum { LARGE = 4 << 20, MOST_APART = 16 };

/* ---- one node ---- */

typedef struct apart_key {
    lt_text key;
    bool of_source; /* also of a source: there database and schema are what it is */
} apart_key;

static const apart_key apart_keys[] = {
    {T("\"created_at\""), true},    {T("\"compiled\""), true},
    {T("\"compiled_code\""), true}, {T("\"compiled_path\""), true},
    {T("\"primary_key\""), true},   {T("\"relation_name\""), true},
    {T("\"build_path\""), true},    {T("\"extra_ctes_injected\""), true},
    {T("\"extra_ctes\""), true},    {T("\"database\""), false},
    {T("\"schema\""), false},       {T("\"alias\""), false},
};

static bool is_apart(lt_text key, bool of_source)
{
    for (size_t i = 0; i < LT_COUNT(apart_keys); i++)
        if (apart_keys[i].key.len == key.len && lt_text_eq(apart_keys[i].key, key))
            return !of_source || apart_keys[i].of_source;
    return false;
}

static lt_status read_object(lt_json_reader *reader, bool of_source, lt_arena *arena,
                             lt_json_token *token, lt_dbt_old_node *out, lt_err *err)
{
    lt_dbt_old_span spans[MOST_APART];
    for (;;) {
        lt_json_token key, value;
        LT_TRY(lt_json_next(reader, &key, err));
        if (key.kind == LT_JSON_CLOSE)
            break;
        LT_TRY(lt_json_next(reader, &value, err));
        LT_TRY(lt_json_whole(reader, &value, err));
        if (out->apart_count < MOST_APART && is_apart(key.raw, of_source))
            spans[out->apart_count++] =
                (lt_dbt_old_span){(uint32_t)(key.offset - token->offset),
                                  (uint32_t)(value.offset + value.raw.len - token->offset)};
    }
    token->raw.len = reader->at - token->offset;
    lt_dbt_old_span *kept = lt_alloc_array(arena, out->apart_count + 1, sizeof(*kept));
    memcpy(kept, spans, out->apart_count * sizeof(*kept));
    out->apart = kept;
    return LT_OK;
}

lt_status lt_dbt_old_node_read(lt_json_reader *reader, lt_text id, lt_arena *arena,
                               lt_json_token *token, lt_dbt_old_node **out, lt_err *err)
{
    lt_dbt_old_node *node = LT_NEW(arena, lt_dbt_old_node);
    if (token->kind == LT_JSON_OBJECT)
        LT_TRY(read_object(reader, lt_text_starts(id, T("source.")), arena, token, node, err));
    else
        LT_TRY(lt_json_whole(reader, token, err));
    node->raw = token->raw;
    *out = node;
    return LT_OK;
}

/* ---- whether it is as it was ---- */

static bool is_at(lt_text text, size_t at, lt_text what)
{
    return lt_text_starts(lt_text_sub(text, at, SIZE_MAX), what);
}

static bool is_end(lt_text text, size_t at)
{
    return at < text.len && (text.ptr[at] == ',' || text.ptr[at] == '}');
}

/* Behind the value of the member that begins with `key` at `at`; `at`: there is none. */
static size_t member_end(lt_text now, size_t at, lt_text key)
{
    lt_json_reader reader;
    lt_json_token token;
    lt_err none = {0};
    size_t value = at + key.len + 1;
    if (!is_at(now, at, key) || !is_at(now, at + key.len, T(":")))
        return at;
    lt_json_open(&reader, lt_text_sub(now, value, SIZE_MAX), NULL);
    if (lt_json_next(&reader, &token, &none) != LT_OK ||
        lt_json_whole(&reader, &token, &none) != LT_OK)
        return at;
    return value + token.offset + token.raw.len;
}

/* What is alike up to here is the same place of both, so that a key is a key in both. */
bool lt_dbt_old_node_is(const lt_dbt_old_node *node, lt_text now)
{
    lt_text then = node->raw;
    size_t at = 0, now_at = 0;
    for (size_t i = 0; i < node->apart_count; i++) {
        const lt_dbt_old_span *span = &node->apart[i];
        lt_text same = lt_text_sub(then, at, span->key - at);
        lt_text member = lt_text_sub(then, span->key, span->end - span->key);
        if (!is_at(now, now_at, same))
            return false;
        now_at += same.len;
        at = span->end;
        if (is_at(now, now_at, member) && is_end(now, now_at + member.len)) {
            now_at += member.len;
            continue;
        }
        lt_text key = lt_text_sub(member, 0, lt_text_find_byte(member, '"', 1) + 1);
        size_t end = member_end(now, now_at, key);
        at += end == now_at && is_end(then, at); /* with the comma: it is not there now */
        now_at = end;
    }
    return lt_text_eq(lt_text_sub(then, at, SIZE_MAX), lt_text_sub(now, now_at, SIZE_MAX));
}

/* ---- the other thread ---- */

/* "kind.package.name": {, behind the end of another. In a string, its quote would end the string, and a letter could not follow. */
static bool looks_like_node(lt_text text, size_t at)
{
    lt_text rest = lt_text_sub(text, at, SIZE_MAX);
    size_t end = rest.len > 1 && rest.ptr[0] == '"' ? lt_text_find_byte(rest, '"', 1) : SIZE_MAX;
    if (end == SIZE_MAX)
        return false;
    lt_text id = lt_text_sub(rest, 1, end - 1);
    size_t dot = lt_text_find_byte(id, '.', 0);
    return dot != SIZE_MAX && lt_text_find_byte(id, '.', dot + 1) != SIZE_MAX &&
           lt_text_find_byte(id, ' ', 0) == SIZE_MAX;
}

static size_t find_key(lt_text text, size_t from)
{
    size_t at = from;
    while ((at = lt_text_find(text, T("},"), at)) != SIZE_MAX) {
        at += strlen("},");
        size_t key = at;
        while (key < text.len && lt_is_space(text.ptr[key]))
            key++;
        if (looks_like_node(text, key))
            return key;
    }
    return SIZE_MAX;
}

static lt_status read_part(lt_dbt_old_part *part, lt_err *err)
{
    for (;;) {
        lt_json_token token;
        lt_dbt_old_node *node = NULL;
        LT_TRY(lt_json_next(&part->reader, &token, err));
        if (token.kind == LT_JSON_CLOSE) {
            part->end = token.offset;
            return LT_OK;
        }
        lt_text id = lt_json_string_in(&part->arena, token.raw);
        LT_TRY(lt_json_next(&part->reader, &token, err));
        LT_TRY(lt_dbt_old_node_read(&part->reader, id, &part->arena, &token, &node, err));
        lt_push(&part->members, ((lt_dbt_old_member){id, node}));
    }
}

static void *run_part(void *context)
{
    lt_dbt_old_part *part = context;
    lt_err none = {0}; /* who reads from the beginning says what is wrong */
    part->status = read_part(part, &none);
    return NULL;
}

void lt_dbt_old_part_begin(lt_dbt_old_part *part, lt_text text)
{
    *part = (lt_dbt_old_part){.begin = SIZE_MAX, .status = LT_NOT_FOUND};
    size_t begin = text.len >= LARGE ? find_key(text, text.len / 2) : SIZE_MAX;
    if (begin == SIZE_MAX)
        return;
    lt_json_open_at_key(&part->reader, text, begin, NULL);
    part->reader.depth_limit = LT_JSON_DEPTH - 1; /* `nodes` is in another object */
    part->is_running = pthread_create(&part->thread, NULL, run_part, part) == 0;
    part->begin = part->is_running ? begin : SIZE_MAX;
}

bool lt_dbt_old_part_end(lt_dbt_old_part *part)
{
    if (part->is_running)
        (void)pthread_join(part->thread, NULL);
    part->is_running = false;
    return part->status == LT_OK;
}

void lt_dbt_old_part_cleanup(lt_dbt_old_part *part)
{
    (void)lt_dbt_old_part_end(part);
    lt_vec_free(&part->members);
    lt_arena_cleanup(&part->arena);
}
