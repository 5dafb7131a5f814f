/* The parse cache is read: every number, place and length is checked before it is believed. */
#include "dbt/parse_cache/cache.h"

#include <unistd.h>

enum {
    MOST_VALUE = 1 << 22,  /* leaves of one value, when it is written out */
    MOST_LEAVES = 1 << 28, /* of all values of all nodes */
    LEAST_NODE = 9         /* words of a node without any field */
};

typedef struct unpacking {
    lt_dbt *dbt;
    lt_arena *arena;          /* of the thread */
    const uint32_t *at, *end; /* words of the body, or of a segment of nodes */
    lt_text *texts;
    lt_jinja_value *values;
    uint32_t *leaves; /* of each value */
    uint32_t text_count, value_count;
    uint64_t leaves_left;
    lt_dbt_node *nodes;
    uint32_t node_count, homes;
    bool bad;
} unpacking;

static uint32_t next(unpacking *u)
{
    if (u->at == u->end) {
        u->bad = true;
        return 0;
    }
    return *u->at++;
}

static int64_t next_number(unpacking *u)
{
    uint32_t words[2] = {next(u), next(u)};
    int64_t value;
    memcpy(&value, words, sizeof(value));
    return value;
}

/* How many follow, of at least so many words each: nothing is made that the content could not fill. */
static uint32_t next_count(unpacking *u, size_t words)
{
    uint32_t count = next(u);
    if (count > (size_t)(u->end - u->at) / words) {
        u->bad = true;
        return 0;
    }
    return count;
}

static lt_text next_text(unpacking *u)
{
    uint32_t id = next(u);
    if (id < u->text_count)
        return u->texts[id];
    u->bad = true;
    return (lt_text){0};
}

static void next_texts(unpacking *u, lt_texts *out)
{
    uint32_t count = next_count(u, 1);
    *out = (lt_texts){0};
    if (!count)
        return;
    out->items = lt_alloc_array(u->arena, count, sizeof(*out->items));
    out->len = out->cap = count;
    for (uint32_t i = 0; i < count; i++)
        out->items[i] = next_text(u);
}

static lt_jinja_value next_value(unpacking *u)
{
    uint32_t id = next(u);
    if (id >= u->value_count || u->leaves[id] > u->leaves_left) {
        u->bad = true;
        return (lt_jinja_value){0};
    }
    u->leaves_left -= u->leaves[id];
    return u->values[id];
}

static lt_jinja_value next_dict(unpacking *u)
{
    lt_jinja_value value = next_value(u);
    if (value.type != LT_JINJA_DICT && value.type != LT_JINJA_UNDEFINED)
        u->bad = true;
    return value;
}

/* ---- texts ---- */

static bool read_texts(unpacking *u, const uint32_t *pairs, lt_text bytes)
{
    u->texts = lt_alloc_array(&u->dbt->arena, u->text_count + 1, sizeof(*u->texts));
    if (bytes.len && bytes.ptr[bytes.len - 1] != '\0')
        return false;
    for (uint32_t i = 0; i < u->text_count; i++) {
        size_t start = pairs[2 * i], len = pairs[2 * i + 1];
        if (start >= bytes.len || len >= bytes.len - start || bytes.ptr[start + len] != '\0')
            return false;
        u->texts[i] = lt_text_at(bytes.ptr + start, len);
        if (lt_utf8_valid_len(u->texts[i]) != len)
            return false;
    }
    return true;
}

/* ---- values ---- */

typedef struct value_words {
    const uint32_t *at, *end;
    unsigned char *depths;
    uint32_t made;
} value_words;

static bool is_inside(const unpacking *u, value_words *w, uint32_t id, unsigned *depth,
                      uint64_t *leaves)
{
    if (id >= w->made) /* only what is there already: no circles */
        return false;
    *depth = LT_MAX(*depth, w->depths[id] + 1u);
    *leaves += u->leaves[id];
    return *depth <= LT_PARSE_MOST_DEPTH && *leaves <= MOST_VALUE;
}

static bool is_key(lt_jinja_value value)
{
    return value.type == LT_JINJA_STR || value.type == LT_JINJA_NONE ||
           value.type == LT_JINJA_BOOL || value.type == LT_JINJA_INT ||
           value.type == LT_JINJA_FLOAT;
}

static bool read_dict(unpacking *u, value_words *w, uint32_t count, lt_jinja_value *out)
{
    unsigned depth = 0;
    uint64_t leaves = 1;
    *out = lt_jinja_dict(&u->dbt->heap);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = w->at[2 * i], item = w->at[2 * i + 1];
        if (!is_inside(u, w, key, &depth, &leaves) || !is_inside(u, w, item, &depth, &leaves) ||
            !is_key(u->values[key]))
            return false;
        lt_jinja_put_value(*out, u->values[key], u->values[item]);
    }
    w->at += 2 * (size_t)count;
    w->depths[w->made] = (unsigned char)depth;
    u->leaves[w->made] = (uint32_t)leaves;
    return lt_jinja_len(*out) == count;
}

static bool read_items(unpacking *u, value_words *w, uint32_t count, bool tuple,
                       lt_jinja_value *out)
{
    unsigned depth = 0;
    uint64_t leaves = 1;
    LT_VEC(lt_jinja_value) items = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!is_inside(u, w, w->at[i], &depth, &leaves)) {
            lt_vec_free(&items);
            return false;
        }
        lt_push(&items, u->values[w->at[i]]);
    }
    *out = tuple ? lt_jinja_tuple(&u->dbt->heap, items.items, items.len)
                 : lt_jinja_list(&u->dbt->heap);
    for (size_t i = 0; !tuple && i < items.len; i++)
        lt_jinja_add(*out, items.items[i]);
    lt_vec_free(&items);
    w->at += count;
    w->depths[w->made] = (unsigned char)depth;
    u->leaves[w->made] = (uint32_t)leaves;
    return true;
}

static bool read_container(unpacking *u, value_words *w, uint32_t type, lt_jinja_value *out)
{
    if (w->at == w->end)
        return false;
    uint32_t count = *w->at++;
    size_t each = type == LT_JINJA_DICT ? 2 : 1;
    if (count > (size_t)(w->end - w->at) / each)
        return false;
    return type == LT_JINJA_DICT ? read_dict(u, w, count, out)
                                 : read_items(u, w, count, type == LT_JINJA_TUPLE, out);
}

static bool read_scalar(const unpacking *u, value_words *w, uint32_t type, lt_jinja_value *out)
{
    size_t need = type == LT_JINJA_BOOL || type == LT_JINJA_STR    ? 1
                  : type == LT_JINJA_INT || type == LT_JINJA_FLOAT ? 2
                                                                   : 0;
    if ((size_t)(w->end - w->at) < need)
        return false;
    *out = (lt_jinja_value){.type = (uint8_t)type};
    if (type == LT_JINJA_BOOL) {
        out->as.b = *w->at == 1;
    } else if (type == LT_JINJA_STR) {
        if (*w->at >= u->text_count)
            return false;
        *out = lt_jinja_text(u->texts[*w->at]);
    } else if (need) {
        memcpy(&out->as.i, w->at, sizeof(out->as.i));
    }
    w->at += need;
    return true;
}

static bool read_value(unpacking *u, value_words *w)
{
    lt_jinja_value *out = &u->values[w->made];
    u->leaves[w->made] = 1;
    if (w->at == w->end)
        return false;
    uint32_t type = *w->at++;
    switch (type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
    case LT_JINJA_BOOL:
    case LT_JINJA_INT:
    case LT_JINJA_FLOAT:
    case LT_JINJA_STR:
        return read_scalar(u, w, type, out);
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
    case LT_JINJA_DICT:
        return read_container(u, w, type, out);
    default:
        return false;
    }
}

static bool read_values(unpacking *u, const uint32_t *words, size_t count)
{
    LT_AUTO(lt_arena) scratch = {0};
    value_words w = {.at = words, .end = words + count};
    if (u->value_count > count)
        return false;
    w.depths = lt_alloc(&scratch, (size_t)u->value_count + 1);
    u->values = lt_alloc_array(&u->dbt->arena, u->value_count + 1, sizeof(*u->values));
    u->leaves = lt_alloc_array(&u->dbt->arena, u->value_count + 1, sizeof(*u->leaves));
    for (; w.made < u->value_count; w.made++)
        if (!read_value(u, &w))
            return false;
    return w.at == w.end && !u->dbt->heap.overflow;
}

/* ---- nodes ---- */

static lt_dbt_package *next_package(unpacking *u)
{
    uint32_t place = next(u);
    if (place && place <= u->dbt->packages.len)
        return u->dbt->packages.items[place - 1];
    u->bad = true;
    return u->dbt->root;
}

static lt_dbt_node *next_node(unpacking *u, bool may_be_none)
{
    uint32_t place = next(u);
    if (place && place <= u->node_count)
        return &u->nodes[place - 1];
    if (place || !may_be_none)
        u->bad = true;
    return NULL;
}

static lt_dbt_macro *next_macro(unpacking *u)
{
    uint32_t place = next(u);
    if (place && place <= u->dbt->macros.len)
        return (lt_dbt_macro *)(uintptr_t)u->dbt->macros.items[place - 1];
    u->bad = true;
    return NULL;
}

static uint32_t next_home(unpacking *u)
{
    uint32_t home = next(u);
    if (home <= u->homes)
        return home;
    u->bad = true;
    return 0;
}

static void next_refs(unpacking *u, lt_dbt_refs *out)
{
    uint32_t count = next_count(u, 3);
    *out = (lt_dbt_refs){0};
    if (!count)
        return;
    out->items = lt_alloc_array(u->arena, count, sizeof(*out->items));
    out->len = out->cap = count;
    for (uint32_t i = 0; i < count; i++) {
        out->items[i].package = next_text(u);
        out->items[i].name = next_text(u);
        out->items[i].version = next_value(u);
    }
}

static void next_field(unpacking *u, const lt_parse_field *field, void *at)
{
    switch (field->type) {
    case LT_PARSE_TEXT:
        *(lt_text *)at = next_text(u);
        return;
    case LT_PARSE_TEXTS:
        next_texts(u, at);
        return;
    case LT_PARSE_VALUE:
        *(lt_jinja_value *)at = next_value(u);
        return;
    case LT_PARSE_DICT:
        *(lt_jinja_value *)at = next_dict(u);
        return;
    case LT_PARSE_FLAG:
        *(bool *)at = next(u) == 1;
        return;
    case LT_PARSE_INT:
    case LT_PARSE_UINT:
        *(uint32_t *)at = next(u);
        return;
    case LT_PARSE_REFS:
        next_refs(u, at);
        return;
    }
}

static void next_columns(unpacking *u, lt_dbt_node *node)
{
    uint32_t count = next_count(u, 5);
    if (!count)
        return;
    node->columns.items = lt_alloc_array(u->arena, count, sizeof(*node->columns.items));
    node->columns.len = node->columns.cap = count;
    for (uint32_t i = 0; i < count; i++) {
        lt_dbt_column *column = &node->columns.items[i];
        column->name = next_text(u);
        column->description = next_text(u);
        column->data_type = next_text(u);
        next_texts(u, &column->doc_blocks);
        column->raw = next_dict(u);
    }
}

static void next_edges(unpacking *u, lt_dbt_node *node)
{
    uint32_t count = next_count(u, 1);
    if (!count)
        return;
    node->depends_on.items = lt_alloc_array(u->arena, count, sizeof(lt_dbt_node *));
    node->depends_on.cap = count;
    for (uint32_t i = 0; i < count && !u->bad; i++)
        node->depends_on.items[node->depends_on.len++] = next_node(u, false);
}

static void next_macros(unpacking *u, lt_dbt_node *node)
{
    uint32_t count = next_count(u, 1);
    for (uint32_t i = 0; i < count && !u->bad; i++)
        lt_push_in(u->arena, &node->macros, next_macro(u));
}

/* What the rest of the program relies on. */
static bool is_whole(const lt_dbt_node *node)
{
    bool test = node->kind == LT_DBT_GENERIC_TEST;
    return node->id.len && node->fqn.len && node->config.all.type == LT_JINJA_DICT &&
           node->config.unrendered.type == LT_JINJA_DICT && !node->package->is_built_in &&
           (!test || (node->subject && node->kwargs.type == LT_JINJA_DICT));
}

static void read_node(unpacking *u, lt_dbt_node *node)
{
    uint32_t kind = next(u);
    node->kind = kind < LT_DBT_KINDS ? (lt_dbt_kind)kind : LT_DBT_MODEL;
    u->bad |= kind >= LT_DBT_KINDS;
    uint64_t filled = next(u);
    filled |= (uint64_t)next(u) << 32;
    u->bad |= filled >> lt_parse_field_count != 0;
    for (; filled && !u->bad; filled &= filled - 1) {
        const lt_parse_field *field = &lt_parse_fields[__builtin_ctzll(filled)];
        next_field(u, field, (char *)node + field->at);
    }
    node->package = next_package(u);
    node->attached = next_node(u, true);
    const lt_dbt_node *subject = next_node(u, true);
    node->subject = subject ? &subject->relation : NULL;
    next_columns(u, node);
    next_edges(u, node);
    next_macros(u, node);
    node->is_disabled = node->config.disabled;
    u->bad |= !is_whole(node) || !node->home || node->home > u->homes ||
              node->patch_home > u->homes || (node->file_place && node->file_place != node->home);
}

typedef struct segments {
    const unpacking *all;
    const uint32_t *body, *starts; /* of each, and the end of the last */
    size_t count;
    atomic_size_t next;
    atomic_bool bad;
} segments;

typedef struct segment_thread {
    segments *shared;
    lt_arena *arena;
} segment_thread;

static bool read_segment(const segment_thread *t, size_t i)
{
    const segments *s = t->shared;
    unpacking u = *s->all;
    uint32_t from = (uint32_t)i * LT_PARSE_SEGMENT;
    uint32_t to = LT_MIN(from + LT_PARSE_SEGMENT, u.node_count);
    u.at = s->body + s->starts[i];
    u.end = s->body + s->starts[i + 1];
    u.arena = t->arena;
    for (uint32_t k = from; k < to && !u.bad; k++)
        read_node(&u, &u.nodes[k]);
    return !u.bad && u.at == u.end;
}

static void *read_segments(void *context)
{
    segment_thread *t = context;
    for (size_t i; (i = atomic_fetch_add(&t->shared->next, 1)) < t->shared->count;)
        if (!read_segment(t, i))
            atomic_store(&t->shared->bad, true);
    return NULL;
}

/* What new pages cost is most of it, so that even two threads are worth while. */
static void read_on_threads(segments *s, lt_dbt *dbt)
{
    enum { MOST_THREADS = 4 };
    segment_thread work[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    bool started[MOST_THREADS] = {false};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = LT_MIN(LT_MIN(s->count, (size_t)MOST_THREADS), (size_t)LT_MAX(cores, 1L));
    while (dbt->arenas.len < count)
        lt_push_in(&dbt->arena, &dbt->arenas, ((file_arenas){0}));
    for (size_t i = 0; i < count; i++) {
        work[i] = (segment_thread){.shared = s, .arena = &dbt->arenas.items[i].texts};
        if (i)
            started[i] = pthread_create(&threads[i], NULL, read_segments, &work[i]) == 0;
    }
    if (count)
        (void)read_segments(&work[0]);
    for (size_t i = 0; i < count; i++)
        if (started[i])
            (void)pthread_join(threads[i], NULL);
}

/* Segments follow each other from where we are. */
static bool find_segments(unpacking *u, const uint32_t *body, segments *out)
{
    size_t here = (size_t)(u->at - body), left = (size_t)(u->end - u->at);
    *out = (segments){.all = u, .body = body};
    out->count = (u->node_count + LT_PARSE_SEGMENT - 1) / LT_PARSE_SEGMENT;
    if (left < out->count + 1)
        return false;
    u->end -= out->count + 1;
    out->starts = u->end;
    if (out->starts[0] != here || out->starts[out->count] > (size_t)(u->end - body))
        return false;
    for (size_t i = 0; i < out->count; i++)
        if (out->starts[i] > out->starts[i + 1])
            return false;
    return true;
}

static void read_nodes(unpacking *u, const uint32_t *body)
{
    lt_dbt *dbt = u->dbt;
    segments s;
    u->node_count = next_count(u, LEAST_NODE);
    if (u->bad || !find_segments(u, body, &s)) {
        u->bad = true;
        return;
    }
    u->nodes = lt_alloc_array(&dbt->arena, u->node_count + 1, sizeof(*u->nodes));
    read_on_threads(&s, dbt);
    u->bad = atomic_load(&s.bad);
    u->at = body + s.starts[s.count];
    lt_dbt_nodes all = {0};
    all.items =
        lt_alloc_array(&dbt->arena, dbt->parsed.len + u->node_count + 1, sizeof(*all.items));
    all.cap = dbt->parsed.len + u->node_count + 1;
    for (; all.len < dbt->parsed.len; all.len++)
        all.items[all.len] = dbt->parsed.items[all.len];
    for (uint32_t i = 0; i < u->node_count && !u->bad; i++) {
        u->nodes[i].place = dbt->place_count++;
        all.items[all.len++] = &u->nodes[i];
    }
    dbt->parsed = all;
}

static void read_sources(unpacking *u)
{
    uint32_t count = next_count(u, 3);
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_text key = next_text(u);
        uint32_t nodes = next_count(u, 1);
        for (uint32_t k = 0; k < nodes && !u->bad; k++) {
            lt_dbt_node *node = next_node(u, false);
            if (node)
                lt_dbt_refable_add(u->dbt, &u->dbt->sources, key, node);
        }
    }
}

static void read_named_nodes(unpacking *u, lt_map *map)
{
    uint32_t count = next_count(u, 2);
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_text key = next_text(u);
        (void)lt_map_put(map, key, next_node(u, false));
    }
}

/* ---- the rest ---- */

static void read_files(unpacking *u, lt_parsed *out)
{
    uint32_t count = next_count(u, 12);
    out->files = lt_alloc_array(&u->dbt->arena, (size_t)count + 1, sizeof(*out->files));
    out->file_count = count;
    u->homes = count + 1;
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_parse_file *file = &out->files[i];
        file->path = next_text(u);
        file->checksum = next_text(u);
        file->package = next(u);
        file->kind = next(u);
        file->look.size_bytes = next_number(u);
        file->look.changed_ns = next_number(u);
        file->look.status_changed_ns = next_number(u);
        file->look.inode = (uint64_t)next_number(u);
    }
}

static void read_env(unpacking *u, lt_parsed *out)
{
    out->env_count = next_count(u, 2);
    out->env = lt_alloc_array(&u->dbt->arena, 2 * out->env_count + 1, sizeof(*out->env));
    for (size_t i = 0; i < 2 * out->env_count && !u->bad; i++)
        out->env[i] = next_text(u);
}

static void read_docs(unpacking *u)
{
    uint32_t count = next_count(u, 5);
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_dbt_doc *doc = LT_NEW(&u->dbt->arena, lt_dbt_doc);
        doc->id = next_text(u);
        doc->name = next_text(u);
        doc->path = next_text(u);
        doc->text = next_text(u);
        doc->package = next_package(u);
        u->bad |= !lt_text_starts(doc->id, T("doc."));
        if (!u->bad)
            (void)lt_map_put(&u->dbt->docs, lt_text_sub(doc->id, strlen("doc."), SIZE_MAX), doc);
    }
}

/* Those that are another now are listed. */
static void read_macros(unpacking *u, lt_parsed *out)
{
    uint32_t count = next_count(u, 5 + sizeof(lt_parse_digest) / sizeof(uint32_t));
    out->changed_macros = lt_alloc_array(&u->dbt->arena, (size_t)count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_parse_digest then, now;
        for (size_t k = 0; k < LT_COUNT(then.words); k++)
            then.words[k] = next(u);
        lt_dbt_macro *macro = next_macro(u);
        if (!macro)
            return;
        u->bad |= macro->package->is_built_in;
        macro->description = next_text(u);
        macro->patch_path = next_text(u);
        macro->patch = next_dict(u);
        macro->patch_home = next_home(u);
        lt_parse_macro_digest(macro, &now);
        if (memcmp(&then, &now, sizeof(then)) != 0)
            out->changed_macros[out->changed_macro_count++] = macro->place;
    }
}

static void read_warnings(unpacking *u)
{
    uint32_t count = next_count(u, 4);
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        lt_dbt_warning warning = {.text = next_text(u)};
        uint32_t event = next(u);
        u->bad |= event >= LT_DBT_EVENTS;
        warning.event = u->bad ? LT_DBT_NOTE : (lt_dbt_event)event;
        lt_push_in(&u->dbt->arena, &u->dbt->warnings, warning);
        const warning_place place = {.phase = next(u), .home = next_home(u)};
        lt_push_in(&u->dbt->arena, &u->dbt->warned, place);
    }
}

static void read_unit(unpacking *u, parse_unit *unit)
{
    unit->is_apart = next(u) == 1;
    uint32_t count = next_count(u, 1);
    for (uint32_t i = 0; i < count && !u->bad; i++) {
        uint32_t place = next(u);
        u->bad |= place >= u->dbt->macros.len;
        lt_push_in(&u->dbt->arena, &unit->macros, place);
    }
    next_texts(u, &unit->docs);
    next_texts(u, &unit->loose);
}

/* They take the place of those that the project has, for as many files as the cache knows. */
static void read_units(unpacking *u, const lt_parsed *out)
{
    lt_dbt_units_init(u->dbt, out->file_count);
    for (uint32_t i = 0; i < u->dbt->unit_count && !u->bad; i++)
        read_unit(u, &u->dbt->units[i]);
}

static bool is_ours(lt_text content, const lt_parse_head *head, uint64_t sum,
                    const unsigned char *key)
{
    uint64_t words = (uint64_t)head->words + 2 * (uint64_t)head->texts + head->value_words;
    return memcmp(head->magic, "leatprse", sizeof(head->magic)) == 0 &&
           head->format == LT_PARSE_FORMAT && memcmp(head->key, key, sizeof(head->key)) == 0 &&
           content.len == sizeof(*head) + words * sizeof(uint32_t) + head->bytes &&
           head->sum == sum;
}

lt_status lt_parse_unpack(lt_dbt *dbt, lt_text content, uint64_t sum, const unsigned char *key,
                          lt_parsed *out, lt_err *err)
{
    const lt_parse_head *head = (const void *)content.ptr;
    if (content.len < sizeof(*head) || !is_ours(content, head, sum, key))
        return lt_fail(err, LT_NOT_FOUND, "it is of another state of the project");
    const uint32_t *body = (const void *)(content.ptr + sizeof(*head));
    const uint32_t *pairs = body + head->words, *values = pairs + 2 * (size_t)head->texts;
    unpacking u = {.dbt = dbt,
                   .arena = &dbt->arena,
                   .at = body,
                   .end = pairs,
                   .text_count = head->texts,
                   .value_count = head->values,
                   .leaves_left = MOST_LEAVES};
    *out = (lt_parsed){.head = head};
    lt_text bytes = lt_text_at((const char *)(values + head->value_words), head->bytes);
    if (!read_texts(&u, pairs, bytes) || !read_values(&u, values, head->value_words))
        return lt_fail(err, LT_INVALID, "its texts or values are damaged");
    read_files(&u, out);
    read_env(&u, out);
    read_docs(&u);
    read_macros(&u, out);
    read_warnings(&u);
    read_units(&u, out);
    out->is_settled = next(&u) == 1;
    read_nodes(&u, body);
    read_sources(&u);
    read_named_nodes(&u, &dbt->groups);
    read_named_nodes(&u, &dbt->metrics);
    if (u.bad || u.at != u.end)
        return lt_fail(err, LT_INVALID, "its nodes are damaged");
    return LT_OK;
}
