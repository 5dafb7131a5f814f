/* Files as a source: CSV, JSON, NDJSON, Parquet behind a pattern, landed as Parquet or as they are; again only when one changed. */
#include "base/fs.h"
#include "source/packed.h"
#include "source/source_ops.h"
#include "store/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 100000 };

typedef struct found_file {
    lt_text path; /* as DuckDB found it */
    lt_text name; /* relative to the project; an absolute one without its first '/' */
    int64_t size, changed_us;
    const char *sha256; /* hex */
} found_file;

typedef struct found_files {
    found_file *items;
    size_t len;
    bool changed; /* not what the last commit speaks of */
    lt_conf_format format;
} found_files;

/* ---- finding them ---- */

/* The pattern under the project's folder, whose own name is taken literally. */
static void add_pattern(const lt_extraction *self, lt_text pattern, lt_buf *out)
{
    if (!lt_text_starts(pattern, T("/"))) {
        for (const char *at = self->job->project_root; *at; at++)
            if (strchr("*?[", *at))
                lt_buf_printf(out, "[%c]", *at);
            else
                lt_buf_add_byte(out, *at);
        lt_buf_add_byte(out, '/');
    }
    lt_buf_add(out, pattern);
}

static lt_text name_of(const lt_extraction *self, lt_text path)
{
    lt_text root = lt_text_of(self->job->project_root);
    if (lt_text_starts(path, root))
        path = lt_text_sub(path, root.len, path.len);
    while (lt_text_starts(path, T("/")))
        path = lt_text_sub(path, 1, path.len);
    return path;
}

static lt_status find_files(lt_extraction *self, found_files *files, lt_err *err)
{
    lt_session *session;
    lt_table table;
    lt_text pattern;
    LT_AUTO(lt_buf) whole = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_buf) sql = {.limit = 256 * LT_KIB};
    LT_TRY(lt_extraction_render(self, &self->resource->path, &pattern, err));
    LT_TRY(lt_extraction_session(self, &session, err));
    add_pattern(self, pattern, &whole);
    lt_buf_add(&sql, T("SELECT file FROM glob("));
    lt_quote_literal(lt_buf_text(&whole), &sql);
    lt_buf_add(&sql, T(") ORDER BY file"));
    LT_TRY(lt_query_table(session, lt_buf_text(&sql), NULL, 0, FILES_MAX, NULL, self->arena, &table,
                          err));
    if (table.row_count == 0) {
        lt_ignore(lt_conf_fail(self->resource->path.place, err, "no file is there for '%.*s'",
                               LT_ARG(pattern)));
        (void)lt_hint(err, "patterns are relative to the project's folder, %s",
                      self->job->project_root);
        return err->status = LT_NOT_FOUND;
    }
    files->items = lt_alloc_array(self->arena, table.row_count, sizeof(*files->items));
    files->len = table.row_count;
    for (size_t i = 0; i < files->len; i++) {
        files->items[i].path = lt_table_cell(&table, i, 0);
        files->items[i].name = name_of(self, files->items[i].path);
    }
    return LT_OK;
}

/* ---- are they as before ---- */

static lt_status digest_file(lt_extraction *self, found_file *file, lt_err *err)
{
    enum { CHUNK = 256 * 1024 };
    lt_sums sums;
    LT_AUTO(lt_digest) digest = {0};
    LT_AUTO(lt_fd) fd = open(file->path.ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", file->path.ptr);
    LT_TRY(lt_digest_begin(&digest, false, err));
    LT_AUTO(lt_chars) chunk = lt_xmalloc(CHUNK);
    ssize_t got;
    while ((got = read(fd, chunk, CHUNK)) > 0)
        LT_TRY(lt_digest_add(&digest, lt_text_at(chunk, (size_t)got), err));
    if (got < 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", file->path.ptr);
    LT_TRY(lt_digest_end(&digest, &sums, err));
    char *hex = lt_alloc(self->arena, 2 * LT_SHA256_BYTES + 1);
    file->sha256 = lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), hex);
    return LT_OK;
}

/* Size, time and content. With the same size and time as last time the content is taken to be the same, as make and git do. */
static lt_status look_at(lt_extraction *self, found_file *file, const lt_json *before,
                         bool *changed, lt_err *err)
{
    struct stat info;
    if (stat(file->path.ptr, &info) != 0)
        return lt_fail_errno(err, errno, "cannot look at '%s'", file->path.ptr);
    file->size = info.st_size;
    file->changed_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    lt_text old_sum = lt_json_text_or(before, "sha256", T(""));
    bool same_name = lt_text_eq(lt_json_text_or(before, "path", T("")), file->name);
    if (same_name && old_sum.len == 2 * LT_SHA256_BYTES &&
        lt_json_i64_or(before, "size", -1) == file->size &&
        lt_json_i64_or(before, "changed_us", -1) == file->changed_us) {
        file->sha256 = lt_arena_str(self->arena, old_sum);
        return LT_OK;
    }
    LT_TRY(digest_file(self, file, err));
    *changed = *changed || !same_name || !lt_text_eq(old_sum, lt_text_of(file->sha256));
    return LT_OK;
}

static lt_status compare(lt_extraction *self, found_files *files, lt_err *err)
{
    const lt_json *list = lt_json_find(self->record, "extra");
    files->changed = !list || list->kind != LT_JSON_ARRAY || list->count != files->len;
    for (size_t i = 0; i < files->len; i++) {
        bool there = list && list->kind == LT_JSON_ARRAY && i < list->count;
        LT_TRY(
            look_at(self, &files->items[i], there ? &list->items[i] : NULL, &files->changed, err));
        self->result->bytes += files->items[i].size;
    }
    return LT_OK;
}

static void write_list(const found_files *files, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < files->len; i++) {
        lt_json_begin(&w, '{');
        lt_json_set(&w, "path", files->items[i].name);
        lt_json_set_int(&w, "size", files->items[i].size);
        lt_json_set_int(&w, "changed_us", files->items[i].changed_us);
        lt_json_set(&w, "sha256", lt_text_of(files->items[i].sha256));
        lt_json_end(&w);
    }
    lt_json_end(&w);
}

/* ---- reading them ---- */

static const struct {
    const char *ending;
    lt_conf_format format;
} endings[] = {
    {".csv", LT_CONF_FORMAT_CSV},         {".tsv", LT_CONF_FORMAT_CSV},
    {".txt", LT_CONF_FORMAT_CSV},         {".json", LT_CONF_FORMAT_JSON},
    {".ndjson", LT_CONF_FORMAT_NDJSON},   {".jsonl", LT_CONF_FORMAT_NDJSON},
    {".parquet", LT_CONF_FORMAT_PARQUET},
};

static lt_conf_format format_by_name(lt_text name)
{
    if (lt_text_ends(name, T(".gz")))
        name.len -= 3;
    else if (lt_text_ends(name, T(".zst")))
        name.len -= 4;
    for (size_t i = 0; i < LT_COUNT(endings); i++)
        if (name.len >= strlen(endings[i].ending) &&
            lt_text_eq_nocase(lt_text_sub(name, name.len - strlen(endings[i].ending), name.len),
                              lt_text_of(endings[i].ending)))
            return endings[i].format;
    return LT_CONF_FORMAT_AUTO;
}

/* All files are of one format: the one that is set, or the one that their names say. */
static lt_status find_format(const lt_extraction *self, found_files *files, lt_err *err)
{
    files->format = self->resource->format;
    for (size_t i = 0; self->resource->format == LT_CONF_FORMAT_AUTO && i < files->len; i++) {
        lt_conf_format format = format_by_name(files->items[i].name);
        if (format == LT_CONF_FORMAT_AUTO) {
            lt_ignore(lt_conf_fail(self->resource->path.place, err,
                                   "the name of '%.*s' does not say what it is",
                                   LT_ARG(files->items[i].name)));
            return lt_hint(err, "set format: csv, json, ndjson or parquet");
        }
        if (i > 0 && format != files->format)
            return lt_conf_fail(self->resource->path.place, err,
                                "'%.*s' and '%.*s' are of different formats",
                                LT_ARG(files->items[0].name), LT_ARG(files->items[i].name));
        files->format = format;
    }
    return LT_OK;
}

static void add_option(const char *name, lt_text value, lt_buf *sql)
{
    if (!value.ptr)
        return;
    lt_buf_printf(sql, ", %s = ", name);
    lt_quote_literal(value, sql);
}

static void add_csv_options(const lt_conf_csv *csv, lt_buf *sql)
{
    lt_buf_add(sql, T(", sample_size = -1"));
    if (csv->delimiter.len > 0)
        add_option("delim", csv->delimiter, sql);
    if (!lt_text_eq(csv->quote,
                    T("\""))) /* the reader's own rule; said aloud it would stop guessing */
        add_option("quote", csv->quote, sql);
    if (csv->nullstr.len > 0)
        add_option("nullstr", csv->nullstr, sql);
    if (csv->encoding.len > 0 && !lt_text_eq_nocase(csv->encoding, T("utf-8")))
        add_option("encoding", csv->encoding, sql);
    if (csv->header != LT_CONF_AUTO)
        lt_buf_add_str(sql, csv->header == LT_CONF_YES ? ", header = true" : ", header = false");
}

/* The FROM-item; types are found over all of each file, not over its first rows. */
static void write_relation(const lt_extraction *self, const found_files *files, lt_buf *sql)
{
    static const char *const readers[] = {[LT_CONF_FORMAT_CSV] = "read_csv",
                                          [LT_CONF_FORMAT_JSON] = "read_json",
                                          [LT_CONF_FORMAT_NDJSON] = "read_json",
                                          [LT_CONF_FORMAT_PARQUET] = "read_parquet"};
    static const char *const compressions[] = {[LT_CONF_COMPRESSION_NONE] = "none",
                                               [LT_CONF_COMPRESSION_GZIP] = "gzip",
                                               [LT_CONF_COMPRESSION_ZSTD] = "zstd"};
    lt_buf_printf(sql, "%s([", readers[files->format]);
    for (size_t i = 0; i < files->len; i++) {
        LT_AUTO(lt_buf) literal = {.limit = 64 * LT_KIB};
        for (size_t k = 0; k < files->items[i].path.len; k++) {
            char c = files->items[i].path.ptr[k];
            lt_buf_printf(&literal, strchr("*?[", c) ? "[%c]" : "%c", c);
        }
        lt_buf_add_str(sql, i ? ", " : "");
        lt_quote_literal(lt_buf_text(&literal), sql);
    }
    lt_buf_add(sql, T("], hive_partitioning = false, union_by_name = true"));
    if (files->format == LT_CONF_FORMAT_CSV)
        add_csv_options(&self->resource->csv, sql);
    if (files->format == LT_CONF_FORMAT_NDJSON)
        lt_buf_add(sql, T(", format = 'newline_delimited'"));
    if (files->format == LT_CONF_FORMAT_NDJSON || files->format == LT_CONF_FORMAT_JSON)
        lt_buf_add(sql, T(", sample_size = -1, maximum_depth = 16"));
    if (self->resource->compression != LT_CONF_COMPRESSION_AUTO &&
        files->format != LT_CONF_FORMAT_PARQUET)
        add_option("compression", lt_text_of(compressions[self->resource->compression]), sql);
    lt_buf_add_byte(sql, ')');
}

static lt_status find_columns(lt_extraction *self, lt_text relation, lt_type *record, lt_err *err)
{
    lt_columns columns = {0};
    LT_AUTO(lt_buf) probe = {.limit = 64 * LT_MIB};
    lt_buf_printf(&probe, "SELECT * FROM %.*s", LT_ARG(relation));
    LT_TRY(lt_buf_check(&probe, "the statement that reads the files", err));
    LT_TRY(lt_query_columns(self->session, lt_buf_text(&probe), self->arena, &columns, err));
    *record = (lt_type){.kind = LT_TYPE_STRUCT};
    for (size_t i = 0; i < columns.len; i++) {
        lt_field *field =
            lt_type_add_field(self->arena, record, columns.items[i].name, (lt_text){0});
        if (!lt_type_read(self->arena, columns.items[i].type, &field->type))
            field->type = (lt_type){.kind = LT_TYPE_OTHER, .name = columns.items[i].type};
    }
    return LT_OK;
}

/* ---- landing ---- */

static lt_status check_keys(const lt_extraction *self, const lt_schema *schema, lt_err *err)
{
    for (size_t k = 0; k < self->keys.len; k++) {
        bool found = false;
        for (size_t i = 0; i < schema->columns.len; i++)
            found = found || lt_text_eq(self->keys.items[k], schema->columns.items[i].key) ||
                    lt_text_eq(self->keys.items[k], schema->columns.items[i].name);
        if (!found)
            return lt_conf_fail(self->resource->key.items[k].place, err,
                                "the files have no column '%.*s' to be a key",
                                LT_ARG(self->keys.items[k]));
    }
    return LT_OK;
}

static lt_status check_packed(const lt_extraction *self, const found_files *files, lt_err *err)
{
    for (size_t i = 0; i < files->len && files->format != LT_CONF_FORMAT_PARQUET; i++)
        LT_TRY(lt_packed_check(files->items[i].path.ptr,
                               lt_packed_kind(files->items[i].name, self->resource->compression),
                               err));
    return LT_OK;
}

static lt_status land_parquet(lt_extraction *self, found_files *files, lt_text list, lt_err *err)
{
    lt_schema schema;
    lt_type record;
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_MIB};
    LT_TRY(find_format(self, files, err));
    LT_TRY(check_packed(self, files, err));
    write_relation(self, files, &relation);
    LT_TRY(find_columns(self, lt_buf_text(&relation), &record, err));
    LT_TRY(lt_schema_plan(&self->before, &record, &self->resource->contract, self->arena, &schema,
                          err));
    LT_TRY(check_keys(self, &schema, err));
    lt_landing landing = {
        .relation = lt_buf_text(&relation), .remove_twins = self->keys.len > 0, .extra = list};
    return lt_extraction_land(self, &schema, &landing, (lt_text){0}, err);
}

/* As they are, under their names. Their columns are recorded when the format is known. */
static lt_status land_raw(lt_extraction *self, found_files *files, lt_text list, lt_err *err)
{
    lt_schema schema = {0};
    lt_type record;
    lt_err ignored;
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_MIB};
    if (find_format(self, files, &ignored) == LT_OK) {
        write_relation(self, files, &relation);
        if (find_columns(self, lt_buf_text(&relation), &record, &ignored) == LT_OK)
            LT_TRY(lt_schema_plan(&self->before, &record, &self->resource->contract, self->arena,
                                  &schema, err));
    }
    lt_landing_file *landing = lt_alloc_array(self->arena, files->len, sizeof(*landing));
    for (size_t i = 0; i < files->len; i++)
        landing[i] =
            (lt_landing_file){.name = files->items[i].name, .path = files->items[i].path.ptr};
    return lt_extraction_commit(self, &schema, landing, files->len, LT_COMMIT_OVERWRITE,
                                (lt_text){0}, list, err);
}

static lt_status extract_files(lt_extraction *self, lt_err *err)
{
    found_files files = {0};
    LT_AUTO(lt_buf) list = {.limit = 16 * LT_MIB};
    LT_TRY(find_files(self, &files, err));
    LT_TRY(compare(self, &files, err));
    if (!files.changed && !self->job->full_refresh) {
        self->result->note = T("no file has changed");
        return LT_OK;
    }
    write_list(&files, &list);
    LT_TRY(lt_buf_check(&list, "the list of files", err));
    if (self->resource->land.format == LT_CONF_RAW)
        return land_raw(self, &files, lt_buf_text(&list), err);
    return land_parquet(self, &files, lt_buf_text(&list), err);
}

static lt_status extract(lt_extraction *self, lt_err *err)
{
    lt_status status = extract_files(self, err);
    if (status == LT_OK || status == LT_CANCELLED)
        return status;
    return lt_wrap(err, "%.*s.%.*s", LT_ARG(self->source->name), LT_ARG(self->resource->name));
}

const lt_source_ops lt_files_ops = {.kind = LT_CONF_FILES, .name = "files", .extract = extract};
