/* The parse cache is written: texts and values once each, then files, environment, docs, macros and nodes as numbers. */
#include "dbt/parse_cache/cache.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <unistd.h>

typedef struct packing {
    const lt_dbt *dbt;
    lt_arena arena; /* keys of the maps */
    lt_map text_ids, value_ids, node_places, macro_places, package_places;
    lt_buf words, texts, values, bytes, segments;
    lt_buf scratch[LT_PARSE_MOST_DEPTH + 2]; /* of a value, by depth */
    uint32_t text_count, value_count;
    uint64_t word_count;
    bool failed; /* a value is of a kind that cannot be kept */
    int fd;
    lt_parse_summing sum;
    lt_status status; /* of writing so far */
    lt_err *err;
} packing;

/* Numbers live in maps as pointers. */
static void *boxed(size_t number)
{
    return (void *)(uintptr_t)(number + 1);
}

static bool find_number(const lt_map *map, lt_text key, uint32_t *out)
{
    uintptr_t found = (uintptr_t)lt_map_find(map, key);
    *out = (uint32_t)(found - 1);
    return found != 0;
}

static void add_word(lt_buf *to, uint32_t word)
{
    lt_buf_add(to, lt_text_at((const char *)&word, sizeof(word)));
}

static uint32_t text_id(packing *p, lt_text text)
{
    uint32_t id;
    if (find_number(&p->text_ids, text, &id))
        return id;
    add_word(&p->texts, (uint32_t)p->bytes.len);
    add_word(&p->texts, (uint32_t)text.len);
    lt_buf_add(&p->bytes, text);
    lt_buf_add_byte(&p->bytes, '\0');
    (void)lt_map_put(&p->text_ids, text, boxed(p->text_count));
    return p->text_count++;
}

static void put_text(packing *p, lt_text text)
{
    add_word(&p->words, text_id(p, text));
}

static void put_texts(packing *p, const lt_texts *texts)
{
    add_word(&p->words, (uint32_t)texts->len);
    for (size_t i = 0; i < texts->len; i++)
        put_text(p, texts->items[i]);
}

/* What is written so far goes to the file. */
static void flush(packing *p, lt_buf *part)
{
    if (p->status == LT_OK && part->overflow)
        p->status = lt_fail(p->err, LT_TOO_BIG, "it would be larger than 256 MiB");
    if (p->status == LT_OK)
        p->status = lt_fd_write(p->fd, lt_buf_text(part), "the parse cache", p->err);
    lt_parse_sum_add(&p->sum, lt_buf_text(part));
    lt_buf_clear(part);
}

static void flush_words(packing *p, size_t least)
{
    if (p->words.len < least)
        return;
    p->word_count += p->words.len / sizeof(uint32_t);
    flush(p, &p->words);
}

/* ---- values ---- */

static uint32_t value_id(packing *p, lt_jinja_value value, unsigned depth);

static void add_items(packing *p, lt_jinja_value value, unsigned depth, lt_buf *made)
{
    lt_jinja_value key, item;
    add_word(made, (uint32_t)lt_jinja_len(value));
    if (value.type != LT_JINJA_DICT) {
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            add_word(made, value_id(p, lt_jinja_at(value, i), depth + 1));
        return;
    }
    for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
        add_word(made, value_id(p, key, depth + 1));
        add_word(made, value_id(p, item, depth + 1));
    }
}

/* Equal values get one number: what is inside has its number already. */
static uint32_t value_id(packing *p, lt_jinja_value value, unsigned depth)
{
    lt_buf *made = &p->scratch[depth];
    uint32_t id;
    lt_buf_clear(made);
    add_word(made, value.type);
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        break;
    case LT_JINJA_BOOL:
        add_word(made, value.as.b);
        break;
    case LT_JINJA_INT:
    case LT_JINJA_FLOAT:
        lt_buf_add(made, lt_text_at((const char *)&value.as.i, sizeof(value.as.i)));
        break;
    case LT_JINJA_STR:
        add_word(made, text_id(p, lt_jinja_as_text(value)));
        break;
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
    case LT_JINJA_DICT:
        if (depth == LT_PARSE_MOST_DEPTH)
            p->failed = true;
        else
            add_items(p, value, depth, made);
        break;
    default:
        p->failed = true;
    }
    if (find_number(&p->value_ids, lt_buf_text(made), &id))
        return id;
    lt_buf_add(&p->values, lt_buf_text(made));
    (void)lt_map_put(&p->value_ids, lt_arena_text(&p->arena, lt_buf_text(made)),
                     boxed(p->value_count));
    return p->value_count++;
}

static void put_value(packing *p, lt_jinja_value value)
{
    add_word(&p->words, value_id(p, value, 0));
}

/* ---- places ---- */

static lt_text key_of(packing *p, const void *pointer)
{
    return lt_arena_text(&p->arena, lt_text_at((const char *)&pointer, sizeof(pointer)));
}

/* `items`: an array of pointers. */
static void number(packing *p, lt_map *map, const void *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const void *item;
        memcpy(&item, (const char *)items + i * sizeof(item), sizeof(item));
        (void)lt_map_put(map, key_of(p, item), boxed(i));
    }
}

static void put_place(packing *p, const lt_map *places, const void *pointer)
{
    uint32_t place;
    if (!pointer)
        add_word(&p->words, 0);
    else if (find_number(places, lt_text_at((const char *)&pointer, sizeof(pointer)), &place))
        add_word(&p->words, lt_parse_place(place));
    else
        p->failed = true;
}

/* ---- nodes ---- */

static void put_refs(packing *p, const lt_dbt_refs *refs)
{
    add_word(&p->words, (uint32_t)refs->len);
    for (size_t i = 0; i < refs->len; i++) {
        put_text(p, refs->items[i].package);
        put_text(p, refs->items[i].name);
        put_value(p, refs->items[i].version);
    }
}

static void put_field(packing *p, const lt_parse_field *field, const void *at)
{
    switch (field->type) {
    case LT_PARSE_TEXT:
        put_text(p, *(const lt_text *)at);
        return;
    case LT_PARSE_TEXTS:
        put_texts(p, at);
        return;
    case LT_PARSE_VALUE:
    case LT_PARSE_DICT:
        put_value(p, *(const lt_jinja_value *)at);
        return;
    case LT_PARSE_FLAG:
        add_word(&p->words, *(const bool *)at);
        return;
    case LT_PARSE_INT:
    case LT_PARSE_UINT:
        add_word(&p->words, *(const uint32_t *)at);
        return;
    case LT_PARSE_REFS:
        put_refs(p, at);
        return;
    }
}

static bool is_empty(const lt_parse_field *field, const void *at)
{
    switch (field->type) {
    case LT_PARSE_TEXT:
        return !((const lt_text *)at)->len;
    case LT_PARSE_TEXTS:
        return !((const lt_texts *)at)->len;
    case LT_PARSE_VALUE:
    case LT_PARSE_DICT:
        return ((const lt_jinja_value *)at)->type == LT_JINJA_UNDEFINED;
    case LT_PARSE_FLAG:
        return !*(const bool *)at;
    case LT_PARSE_INT:
    case LT_PARSE_UINT:
        return !*(const uint32_t *)at;
    case LT_PARSE_REFS:
        return !((const lt_dbt_refs *)at)->len;
    }
    return false;
}

/* Most nodes have few of the fields: one bit for each that has something in it. */
static uint64_t filled_of(const lt_dbt_node *node)
{
    uint64_t filled = 0;
    for (size_t i = 0; i < lt_parse_field_count; i++)
        if (!is_empty(&lt_parse_fields[i], (const char *)node + lt_parse_fields[i].at))
            filled |= UINT64_C(1) << i;
    return filled;
}

static void put_columns(packing *p, const lt_dbt_node *node)
{
    add_word(&p->words, (uint32_t)node->columns.len);
    for (size_t i = 0; i < node->columns.len; i++) {
        const lt_dbt_column *column = &node->columns.items[i];
        put_text(p, column->name);
        put_text(p, column->description);
        put_text(p, column->data_type);
        put_texts(p, &column->doc_blocks);
        put_value(p, column->raw);
    }
}

static void put_node(packing *p, const lt_dbt_node *node)
{
    const lt_dbt_node *subject = NULL;
    if (node->subject)
        subject = (const void *)((const char *)node->subject - offsetof(lt_dbt_node, relation));
    uint64_t filled = filled_of(node);
    add_word(&p->words, node->kind);
    add_word(&p->words, (uint32_t)filled);
    add_word(&p->words, (uint32_t)(filled >> 32));
    for (size_t i = 0; i < lt_parse_field_count; i++)
        if (filled >> i & 1)
            put_field(p, &lt_parse_fields[i], (const char *)node + lt_parse_fields[i].at);
    put_place(p, &p->package_places, node->package);
    put_place(p, &p->node_places, node->attached);
    put_place(p, &p->node_places, subject);
    put_columns(p, node);
    size_t edges = p->dbt->is_settled ? node->depends_on.len : 0;
    add_word(&p->words, (uint32_t)edges);
    for (size_t i = 0; i < edges; i++)
        put_place(p, &p->node_places, node->depends_on.items[i]);
    add_word(&p->words, (uint32_t)node->macros.len);
    for (size_t i = 0; i < node->macros.len; i++)
        put_place(p, &p->macro_places, node->macros.items[i]);
}

static void put_named_nodes(packing *p, const lt_map *map)
{
    add_word(&p->words, (uint32_t)map->entries.len);
    for (size_t i = 0; i < map->entries.len; i++) {
        put_text(p, map->entries.items[i].key);
        put_place(p, &p->node_places, map->entries.items[i].value);
    }
}

static void put_sources(packing *p, const lt_map *map)
{
    add_word(&p->words, (uint32_t)map->entries.len);
    for (size_t i = 0; i < map->entries.len; i++) {
        const refable_list *list = map->entries.items[i].value;
        put_text(p, map->entries.items[i].key);
        add_word(&p->words, (uint32_t)list->nodes.len);
        for (size_t k = 0; k < list->nodes.len; k++)
            put_place(p, &p->node_places, list->nodes.items[k]);
    }
}

/* ---- the rest ---- */

static void put_number(packing *p, int64_t value)
{
    lt_buf_add(&p->words, lt_text_at((const char *)&value, sizeof(value)));
}

static void put_files(packing *p, const project_files *files)
{
    add_word(&p->words, (uint32_t)files->len);
    for (size_t i = 0; i < files->len; i++) {
        const project_file *file = &files->items[i];
        put_text(p, lt_text_of(file->path));
        put_text(p, lt_text_of(file->checksum));
        put_place(p, &p->package_places, file->package);
        add_word(&p->words, file->kind);
        put_number(p, file->look.size_bytes);
        put_number(p, file->look.changed_ns);
        put_number(p, file->look.status_changed_ns);
        put_number(p, (int64_t)file->look.inode);
    }
}

static void put_env(packing *p)
{
    const lt_map *reads = &p->dbt->env_reads;
    add_word(&p->words, (uint32_t)reads->entries.len);
    for (size_t i = 0; i < reads->entries.len; i++) {
        put_text(p, reads->entries.items[i].key);
        put_text(p, *(const lt_text *)reads->entries.items[i].value);
    }
}

static void put_docs(packing *p)
{
    const lt_map *docs = &p->dbt->docs;
    add_word(&p->words, (uint32_t)docs->entries.len);
    for (size_t i = 0; i < docs->entries.len; i++) {
        const lt_dbt_doc *doc = docs->entries.items[i].value;
        put_text(p, doc->id);
        put_text(p, doc->name);
        put_text(p, doc->path);
        put_text(p, doc->text);
        put_place(p, &p->package_places, doc->package);
    }
}

/* Macros of packages: what they are, and what .yml files say of them. */
static void put_macros(packing *p)
{
    uint32_t count = 0;
    lt_parse_digest digest;
    for (size_t i = 0; i < p->dbt->macros.len; i++)
        count += !p->dbt->macros.items[i]->package->is_built_in;
    add_word(&p->words, count);
    for (size_t i = 0; i < p->dbt->macros.len; i++) {
        const lt_dbt_macro *macro = p->dbt->macros.items[i];
        if (macro->package->is_built_in)
            continue;
        lt_parse_macro_digest(macro, &digest);
        lt_buf_add(&p->words, lt_text_at((const char *)&digest, sizeof(digest)));
        put_place(p, &p->macro_places, macro);
        put_text(p, macro->description);
        put_text(p, macro->patch_path);
        put_value(p, macro->patch);
        add_word(&p->words, macro->patch_home);
    }
}

/* As with dbt, a deprecation is said when its file is evaluated, and not again. */
static bool is_kept(const lt_dbt *dbt, size_t i)
{
    return !lt_dbt_event_facts_of(dbt->warnings.items[i].event)->counts;
}

static void put_warnings(packing *p)
{
    const lt_dbt *dbt = p->dbt;
    uint32_t count = 0;
    for (size_t i = dbt->first_warning; i < dbt->last_warning; i++)
        count += is_kept(dbt, i);
    add_word(&p->words, count);
    for (size_t i = dbt->first_warning; i < dbt->last_warning; i++) {
        if (!is_kept(dbt, i))
            continue;
        put_text(p, dbt->warnings.items[i].text);
        add_word(&p->words, dbt->warnings.items[i].event);
        add_word(&p->words, dbt->warned.items[i - dbt->first_warning].phase);
        add_word(&p->words, dbt->warned.items[i - dbt->first_warning].home);
    }
}

static void put_units(packing *p)
{
    for (uint32_t i = 0; i < p->dbt->unit_count; i++) {
        const parse_unit *unit = &p->dbt->units[i];
        add_word(&p->words, unit->is_apart);
        add_word(&p->words, (uint32_t)unit->macros.len);
        for (size_t k = 0; k < unit->macros.len; k++)
            add_word(&p->words, unit->macros.items[k]);
        put_texts(p, &unit->docs);
        put_texts(p, &unit->loose);
    }
}

static uint32_t words_so_far(const packing *p)
{
    return (uint32_t)(p->word_count + p->words.len / sizeof(uint32_t));
}

static void put_all(packing *p, const project_files *files)
{
    const lt_dbt *dbt = p->dbt;
    number(p, &p->package_places, dbt->packages.items, dbt->packages.len);
    number(p, &p->macro_places, dbt->macros.items, dbt->macros.len);
    number(p, &p->node_places, dbt->parsed.items, dbt->parsed.len);
    put_files(p, files);
    put_env(p);
    put_docs(p);
    put_macros(p);
    put_warnings(p);
    put_units(p);
    add_word(&p->words, dbt->is_settled);
    add_word(&p->words, (uint32_t)dbt->parsed.len);
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        if (i % LT_PARSE_SEGMENT == 0)
            add_word(&p->segments, words_so_far(p));
        put_node(p, dbt->parsed.items[i]);
        flush_words(p, LT_MIB);
    }
    add_word(&p->segments, words_so_far(p));
    put_sources(p, &dbt->sources);
    put_named_nodes(p, &dbt->groups);
    put_named_nodes(p, &dbt->metrics);
    lt_buf_add(&p->words, lt_buf_text(&p->segments));
}

uint64_t lt_parse_stamp(const lt_parse_head *head)
{
    lt_parse_summing sum = {0};
    lt_parse_sum_add(&sum, lt_text_at((const char *)head, sizeof(*head)));
    return lt_parse_sum_end(&sum) | 1;
}

/* The head comes last: without it, the file is none. */
static lt_status put_head(packing *p, const unsigned char *key, uint64_t *stamp)
{
    lt_parse_head head = {.format = LT_PARSE_FORMAT,
                          .words = (uint32_t)p->word_count,
                          .texts = p->text_count,
                          .values = p->value_count,
                          .value_words = (uint32_t)(p->values.len / sizeof(uint32_t)),
                          .bytes = (uint32_t)p->bytes.len,
                          .written_us = lt_now_us()};
    memcpy(head.magic, "leatprse", sizeof(head.magic));
    memcpy(head.key, key, sizeof(head.key));
    flush(p, &p->texts);
    flush(p, &p->values);
    flush(p, &p->bytes);
    head.sum = lt_parse_sum_end(&p->sum);
    LT_TRY(p->status);
    if (p->failed)
        return lt_fail(p->err, LT_INVALID, "a value of the project is of a kind that is not kept");
    if (pwrite(p->fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return lt_fail_errno(p->err, errno, "cannot write the parse cache");
    *stamp = lt_parse_stamp(&head);
    return LT_OK;
}

lt_status lt_parse_pack(const lt_dbt *dbt, const project_files *files, const unsigned char *key,
                        int fd, uint64_t *stamp, lt_err *err)
{
    packing *p = lt_xcalloc(1, sizeof(*p));
    lt_buf *const bufs[] = {&p->words, &p->texts, &p->values, &p->bytes, &p->segments};
    lt_map *const maps[] = {&p->text_ids, &p->value_ids, &p->node_places, &p->macro_places,
                            &p->package_places};
    p->dbt = dbt;
    p->fd = fd;
    p->err = err;
    if (lseek(fd, sizeof(lt_parse_head), SEEK_SET) < 0)
        p->status = lt_fail_errno(err, errno, "cannot write the parse cache");
    for (size_t i = 0; i < LT_COUNT(bufs); i++)
        bufs[i]->limit = LT_PARSE_MOST_BYTES;
    put_all(p, files);
    flush_words(p, 0);
    lt_status status = put_head(p, key, stamp);
    for (size_t i = 0; i < LT_COUNT(bufs); i++)
        lt_buf_cleanup(bufs[i]);
    for (size_t i = 0; i < LT_COUNT(p->scratch); i++)
        lt_buf_cleanup(&p->scratch[i]);
    for (size_t i = 0; i < LT_COUNT(maps); i++)
        lt_map_cleanup(maps[i]);
    lt_arena_cleanup(&p->arena);
    lt_free(p);
    return status;
}
