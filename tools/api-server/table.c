/* Renders files as JSON records with DuckDB and maps the result. */
#include "table.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    const char *ending, *reader;
} readers[] = {
    {".parquet", "read_parquet"}, {".csv", "read_csv"},      {".csv.gz", "read_csv"},
    {".csv.zst", "read_csv"},     {".json", "read_json"},    {".ndjson", "read_json"},
    {".jsonl", "read_json"},      {".json.gz", "read_json"}, {".ndjson.gz", "read_json"},
};

static lt_status add_source(const char *file, lt_buf *out, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(readers); i++)
        if (lt_text_ends(lt_text_of(file), lt_text_of(readers[i].ending))) {
            lt_buf_printf(out, "%s(", readers[i].reader);
            lt_quote_literal(lt_text_of(file), out);
            lt_buf_add(out, T(")"));
            return LT_OK;
        }
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' is no file that can be served", file));
    return lt_hint(err, "give a .parquet, .csv, .json or .ndjson file");
}

static lt_status count_rows(lt_session *session, const char *source, int64_t limit, int64_t *total,
                            lt_err *err)
{
    lt_arena arena = {0};
    lt_table table;
    LT_AUTO(lt_chars) sql = lt_format("SELECT count(*) FROM %s", source);
    lt_status status =
        lt_query_table(session, lt_text_of(sql), NULL, 0, 1, NULL, &arena, &table, err);
    if (status == LT_OK && !lt_text_to_i64(lt_table_cell(&table, 0, 0), total))
        status = lt_fail(err, LT_IO, "the rows of %s could not be counted", source);
    if (status == LT_OK && limit > 0)
        *total = LT_MIN(*total, limit);
    lt_arena_cleanup(&arena);
    return status;
}

static bool has_column(const lt_columns *columns, lt_text name)
{
    for (size_t i = 0; i < columns->len; i++)
        if (lt_text_eq_nocase(columns->items[i].name, name))
            return true;
    return false;
}

/* COPY (SELECT id, ..., updated_at FROM source) TO path as NDJSON. */
static lt_status render(lt_session *session, const char *source, const lt_api_table *self,
                        const char *path, lt_err *err)
{
    lt_arena arena = {0};
    lt_columns columns = {0};
    LT_AUTO(lt_chars) probe = lt_format("SELECT * FROM %s", source);
    lt_status status = lt_query_columns(session, lt_text_of(probe), &arena, &columns, err);
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    lt_buf_printf(
        &sql,
        "COPY (SELECT %s*%s, strftime(make_timestamp(%lld + (n::HUGEINT * %lld // %lld)::BIGINT), "
        "'%%Y-%%m-%%dT%%H:%%M:%%S.%%fZ') AS updated_at FROM (SELECT row_number() OVER () AS n, "
        "* FROM %s LIMIT %lld) AS numbered) TO ",
        has_column(&columns, T("id")) ? "" : "n AS id, ",
        has_column(&columns, T("updated_at")) ? " EXCLUDE (n, updated_at)" : " EXCLUDE (n)",
        (long long)self->start_us, (long long)self->period_us, (long long)LT_MAX(self->total, 1),
        source, (long long)self->total);
    lt_quote_literal(lt_text_of(path), &sql);
    lt_buf_add(&sql, T(" (FORMAT json, ARRAY false)"));
    if (status == LT_OK)
        status = lt_buf_check(&sql, "the statement", err);
    if (status == LT_OK)
        status = lt_exec(session, lt_buf_text(&sql), NULL, err);
    lt_arena_cleanup(&arena);
    return status;
}

static lt_status map_file(const char *path, int open_flags, int protection, void **data,
                          size_t *size, lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(path, open_flags | O_CLOEXEC, 0600);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (end < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    *size = (size_t)end;
    *data = NULL;
    if (end == 0)
        return LT_OK;
    void *map = mmap(NULL, *size, protection, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return lt_fail_errno(err, errno, "cannot map '%s'", path);
    *data = map;
    return LT_OK;
}

/* Line ends become commas, and where each record starts goes into a file of its own. (A string in JSON holds no raw line
 * end.) */
static lt_status index_records(char *spool, size_t size, const char *index_path, int64_t *total,
                               lt_err *err)
{
    FILE *index = fopen(index_path, "wbe");
    if (!index)
        return lt_fail_errno(err, errno, "cannot write '%s'", index_path);
    size_t at = 0;
    uint64_t start = 0;
    *total = 0;
    bool ok = true;
    while (ok && spool && at < size) {
        char *end = memchr(spool + at, '\n', size - at);
        start = at;
        ok = fwrite(&start, sizeof(start), 1, index) == 1;
        ++*total;
        at = end ? (size_t)(end - spool) + 1 : size;
        if (end)
            *end = ',';
    }
    start = size;
    ok = ok && fwrite(&start, sizeof(start), 1, index) == 1;
    if (fclose(index) != 0 || !ok)
        return lt_fail_errno(err, errno, "cannot write '%s'", index_path);
    return LT_OK;
}

static lt_status map_spool(lt_api_table *self, const char *path, const char *index_path,
                           lt_err *err)
{
    void *spool = NULL, *starts = NULL;
    size_t index_size = 0;
    LT_TRY(map_file(path, O_RDWR, PROT_READ | PROT_WRITE, &spool, &self->spool_size, err));
    self->spool = spool;
    LT_TRY(index_records(spool, self->spool_size, index_path, &self->total, err));
    LT_TRY(map_file(index_path, O_RDONLY, PROT_READ, &starts, &index_size, err));
    self->starts = starts;
    atomic_store(&self->visible, self->total);
    return LT_OK;
}

lt_status lt_api_table_open(lt_session *session, lt_text name, const lt_api_render *how,
                            lt_api_table *out, lt_err *err)
{
    *out = (lt_api_table){.name = name, .start_us = how->start_us, .period_us = how->period_us};
    LT_AUTO(lt_buf) source = {.limit = 64 * LT_KIB};
    LT_TRY(add_source(how->file, &source, err));
    LT_AUTO(lt_chars) path = lt_format("%s/%.*s.spool", how->folder, LT_ARG(name));
    LT_AUTO(lt_chars) index_path = lt_format("%s/%.*s.index", how->folder, LT_ARG(name));
    lt_status status = count_rows(session, lt_buf_chars(&source), how->row_limit, &out->total, err);
    if (status == LT_OK)
        status = render(session, lt_buf_chars(&source), out, path, err);
    if (status == LT_OK)
        status = map_spool(out, path, index_path, err);
    (void)unlink(path); /* the maps keep them; nothing is left behind however we end */
    (void)unlink(index_path);
    return status == LT_OK ? LT_OK : lt_wrap(err, "table '%.*s'", LT_ARG(name));
}

void lt_api_table_close(lt_api_table *table)
{
    if (table->spool)
        (void)munmap((void *)(uintptr_t)table->spool, table->spool_size);
    if (table->starts)
        (void)munmap((void *)(uintptr_t)table->starts,
                     ((size_t)table->total + 1) * sizeof(*table->starts));
    *table = (lt_api_table){0};
}

lt_text lt_api_table_slice(const lt_api_table *table, int64_t first, int64_t count)
{
    first = LT_MIN(LT_MAX(first, 0), table->total);
    count = LT_MIN(LT_MAX(count, 0), table->total - first);
    if (count == 0)
        return T("");
    size_t start = table->starts[first], end = table->starts[first + count];
    return lt_text_at(table->spool + start, end - start - 1); /* without the last comma */
}

int64_t lt_api_updated_us(const lt_api_table *table, int64_t index)
{
    __int128 share = (__int128)(index + 1) * table->period_us / LT_MAX(table->total, 1);
    return table->start_us + (int64_t)share;
}

int64_t lt_api_first_after(const lt_api_table *table, int64_t since_us)
{
    int64_t low = 0, high = table->total;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (lt_api_updated_us(table, middle) > since_us)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
