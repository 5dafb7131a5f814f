/* Says when a full read lacks what a dataset had: all rows, all columns, or some while others are new. */
#include "base/log.h"
#include "source/source_ops.h"

static int64_t rows_before(const lt_extraction *self)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    lt_err none;
    int64_t rows = 0;
    if (lt_dataset_pin(self->job->store, self->place.bucket, self->place.prefix,
                       self->last.sequence, &arena, &view, &none) != LT_OK)
        return 0;
    for (size_t i = 0; i < view.files.len; i++)
        rows += view.files.items[i].rows;
    return rows;
}

/* Values of the columns that were there before; those that only ever held nulls do not count. */
static void count_columns(const lt_schema *schema, size_t *had, size_t *came, lt_buf *names)
{
    *had = *came = 0;
    for (size_t i = 0; i < schema->columns.len; i++) {
        const lt_schema_column *column = &schema->columns.items[i];
        if (column->is_new || column->null_only)
            continue;
        *came += column->present;
        if (++*had <= 3)
            lt_buf_printf(names, "%s%.*s", *had > 1 ? ", " : "", LT_ARG(column->name));
    }
}

/* Only while other columns are new: what is just gone would be told again by each later read. */
static void say_renamed(const lt_extraction *self, const lt_schema *schema)
{
    LT_AUTO(lt_buf) gone = {.limit = LT_KIB};
    LT_AUTO(lt_buf) new = {.limit = LT_KIB};
    for (size_t i = 0; i < schema->columns.len; i++) {
        const lt_schema_column *column = &schema->columns.items[i];
        if (column->is_new ? !column->present : column->null_only || column->present)
            continue;
        lt_buf *names = column->is_new ? &new : &gone;
        lt_buf_printf(names, "%s'%.*s'", names->len ? ", " : "", LT_ARG(column->name));
    }
    if (gone.len && new.len)
        lt_log(LT_LOG_WARNING,
               "%.*s.%.*s: no record has %s any more, and %s is new: if the source has renamed it, "
               "its models must read the new name",
               LT_ARG(self->source->name), LT_ARG(self->resource->name), lt_buf_chars(&gone),
               lt_buf_chars(&new));
}

void lt_extraction_say_emptied(const lt_extraction *self, const lt_schema *schema,
                               lt_commit_mode mode, int64_t rows)
{
    size_t had, came;
    LT_AUTO(lt_buf) names = {.limit = LT_KIB};
    bool raw = self->resource->land.format == LT_CONF_RAW;
    if (mode != LT_COMMIT_OVERWRITE || !self->has_last || raw)
        return;
    int64_t before = rows_before(self);
    count_columns(schema, &had, &came, &names);
    if (before > 0 && rows == 0)
        lt_log(
            LT_LOG_WARNING,
            "%.*s.%.*s is empty now: it had %lld rows, and this full read brought none; its table "
            "will be emptied by the load",
            LT_ARG(self->source->name), LT_ARG(self->resource->name), (long long)before);
    else if (before > 0 && had > 0 && came == 0)
        lt_log(
            LT_LOG_WARNING,
            "%.*s.%.*s: none of the %zu columns that it had came (%s%s): it had %lld rows, and the "
            "%lld that came have other columns; has the header changed?",
            LT_ARG(self->source->name), LT_ARG(self->resource->name), had, lt_buf_chars(&names),
            had > 3 ? ", ..." : "", (long long)before, (long long)rows);
    else if (before > 0)
        say_renamed(self, schema);
}
