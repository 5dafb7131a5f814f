/* Extracts resources: finds the kind, and where the last extract stopped. */
#include "source/source_ops.h"

#include "base/proc.h"

/* Every kind of source. */
static const lt_source_ops *const kinds[] = {&lt_rest_ops, &lt_files_ops, &lt_database_ops};

/* ---- where it lands ---- */

/* Of a path, by '/': such parts would lead elsewhere as soon as the key becomes a file's name. */
static bool has_odd_part(lt_text path, lt_text *odd)
{
    lt_text rest = path;
    while (rest.len > 0 && lt_text_cut(&rest, '/', odd))
        if (odd->len == 0 || lt_text_eq(*odd, T(".")) || lt_text_eq(*odd, T("..")))
            return true;
    return false;
}

lt_status lt_resource_place(const lt_conf_resource *resource, lt_arena *arena,
                            lt_landing_place *out, lt_err *err)
{
    const lt_conf_text *path = &resource->land.path;
    size_t end = path->raw.len;
    if (path->is_template) {
        size_t braces = lt_text_find(path->raw, T("{{"), 0);
        size_t percent = lt_text_find(path->raw, T("{%"), 0);
        end = LT_MIN(LT_MIN(braces, percent), end);
        while (end > 0 && path->raw.ptr[end - 1] != '/')
            end--;
    }
    if (end == 0)
        return lt_conf_fail(path->place, err,
                            "land.path must begin with a folder without a template, "
                            "such as domain=%.*s/",
                            LT_ARG(resource->name));
    lt_text odd;
    if (has_odd_part(lt_text_sub(path->raw, 0, end), &odd))
        return lt_conf_fail(path->place, err, "land.path has the part '%.*s'", LT_ARG(odd));
    *out = (lt_landing_place){.bucket = lt_arena_text(arena, resource->land.bucket),
                              .prefix = lt_arena_text(arena, lt_text_sub(path->raw, 0, end))};
    if (end < path->raw.len) {
        out->folder = *path;
        out->folder.raw = lt_arena_text(arena, lt_text_sub(path->raw, end, path->raw.len));
    }
    return LT_OK;
}

lt_status lt_extraction_render(lt_extraction *self, const lt_conf_text *text, lt_text *out,
                               lt_err *err)
{
    *out = (lt_text){0};
    if (!text->raw.ptr)
        return LT_OK;
    return lt_conf_render(text, self->job->render, self->job->render_context, self->arena, out,
                          err);
}

bool lt_extraction_stopped(const lt_extraction *self)
{
    return lt_stop_asked() || (self->job->stop && atomic_load(self->job->stop));
}

/* ---- where the last one stopped ---- */

static lt_status read_last(lt_extraction *self, lt_err *err)
{
    lt_json *record = NULL;
    lt_err missing;
    lt_status status = lt_dataset_commit(self->job->store, self->place.bucket, self->place.prefix,
                                         0, self->arena, &self->last, &missing);
    self->has_last = status == LT_OK;
    if (status != LT_OK && status != LT_NOT_FOUND) {
        *err = missing;
        return status;
    }
    if (!self->has_last)
        return LT_OK;
    if (self->last.record_json.len > 0)
        LT_TRY(lt_json_read(self->last.record_json, "record of the last commit", NULL, self->arena,
                            &record, err));
    self->record = record;
    return lt_schema_read(self->last.schema_json, self->arena, &self->before, err);
}

/* A cursor value out of the record, raw as it was. */
static lt_text raw_value(const lt_json *value, lt_arena *arena)
{
    LT_AUTO(lt_buf) raw = {.limit = 64 * LT_KIB};
    if (!value || (value->kind != LT_JSON_STRING && value->kind != LT_JSON_NUMBER))
        return (lt_text){0};
    if (value->kind == LT_JSON_STRING)
        lt_json_quote(value->text, &raw);
    else
        lt_buf_add(&raw, value->text);
    return lt_arena_text(arena, lt_buf_text(&raw));
}

static lt_status find_start(lt_extraction *self, lt_err *err)
{
    const lt_conf_cursor *cursor = &self->resource->cursor;
    if (cursor->field.len == 0)
        return LT_OK;
    const lt_json *stored = lt_json_find(self->record, "cursor");
    if (stored && !self->job->full_refresh &&
        lt_text_eq(lt_json_text_or(stored, "field", T("")), cursor->field))
        self->from_raw = raw_value(lt_json_find(stored, "value"), self->arena);
    if (self->from_raw.len > 0)
        return lt_mark_ask(self->from_raw, cursor, self->arena, &self->from, err);
    return lt_extraction_render(self, &cursor->initial, &self->from, err);
}

static lt_status render_keys(lt_extraction *self, lt_err *err)
{
    const lt_conf_texts *keys = &self->resource->key;
    if (keys->len > LT_KEYS_MAX)
        return lt_conf_fail(keys->items[0].place, err, "a key has at most %d columns", LT_KEYS_MAX);
    for (size_t i = 0; i < keys->len; i++) {
        lt_text key;
        LT_TRY(lt_extraction_render(self, &keys->items[i], &key, err));
        lt_push_in(self->arena, &self->keys, key);
    }
    return LT_OK;
}

/* The folder of this run behind the prefix; it comes from a template, so it is checked. */
static lt_status render_folder(lt_extraction *self, lt_err *err)
{
    LT_TRY(lt_extraction_render(self, &self->place.folder, &self->folder, err));
    if (self->folder.len > 0 && !lt_text_ends(self->folder, T("/")))
        self->folder = lt_text_of(lt_arena_format(self->arena, "%.*s/", LT_ARG(self->folder)));
    if (self->folder.len > 512 || lt_text_find_byte(self->folder, 0, 0) != SIZE_MAX)
        return lt_conf_fail(self->place.folder.place, err, "land.path is too long, or holds a NUL");
    lt_text odd;
    if (!has_odd_part(self->folder, &odd))
        return LT_OK;
    lt_ignore(lt_conf_fail(self->place.folder.place, err,
                           "land.path becomes '%.*s%.*s', which has the part '%.*s'",
                           LT_ARG(self->place.prefix), LT_ARG(self->folder), LT_ARG(odd)));
    return lt_hint(err, "look at what its templates give: parts are not empty, '.' or '..'");
    return LT_OK;
}

/* ---- the whole ---- */

/* A run that was killed between the commit and its own record of it must not append twice. */
static bool was_done(const lt_extraction *self)
{
    return self->record && self->job->run_id.len > 0 &&
           lt_text_eq(lt_json_text_or(self->record, "run_id", T("")), self->job->run_id) &&
           lt_text_eq(lt_json_text_or(self->record, "task", T("")), self->job->task);
}

static void report_done(lt_extraction *self)
{
    lt_extract_result *r = self->result;
    r->was_done = true;
    r->rows = lt_json_i64_or(self->record, "rows", 0);
    r->fetched = lt_json_i64_or(self->record, "fetched", 0);
    r->requests = lt_json_i64_or(self->record, "requests", 0);
    r->bytes = lt_json_i64_or(self->record, "bytes", 0);
    r->duplicates = lt_json_i64_or(self->record, "duplicates", 0);
    r->discarded = lt_json_i64_or(self->record, "discarded", 0);
    r->cursor = raw_value(lt_json_find(lt_json_find(self->record, "cursor"), "value"), self->arena);
    r->committed = true;
}

static lt_status prepare(lt_extraction *self, lt_err *err)
{
    if (self->resource->land.format == LT_CONF_RAW && self->source->kind != LT_CONF_FILES) {
        lt_ignore(
            lt_conf_fail(self->resource->place, err, "only files can land as they are (raw)"));
        return lt_hint(err, "leave land.format out: the records land as Parquet");
    }
    LT_TRY(lt_resource_place(self->resource, self->arena, &self->place, err));
    LT_TRY(render_folder(self, err));
    LT_TRY(render_keys(self, err));
    LT_TRY(read_last(self, err));
    self->result->bucket = self->place.bucket;
    self->result->prefix = self->place.prefix;
    self->result->commit = self->last;
    self->result->schema = self->before;
    return find_start(self, err);
}

lt_status lt_extract(const lt_extract_job *job, lt_arena *arena, lt_extract_result *result,
                     lt_err *err)
{
    lt_extract_result made = {0};
    lt_extraction self = {.job = job,
                          .resource = job->resource,
                          .source = job->resource->source,
                          .arena = arena,
                          .result = &made};
    LT_TRY(prepare(&self, err));
    lt_status status = LT_INVALID;
    if (was_done(&self)) {
        report_done(&self);
        status = LT_OK;
    } else {
        made.cursor = self.from_raw;
        for (size_t i = 0; i < LT_COUNT(kinds); i++)
            if (kinds[i]->kind == self.source->kind)
                status = kinds[i]->extract(&self, err);
    }
    lt_session_close(self.session);
    lt_engine_close(self.engine);
    if (status == LT_OK)
        *result = made;
    return status;
}
