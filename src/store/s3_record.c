/* Records of commits on S3, as JSON objects. */
#include "store/s3_record.h"

#include "fmt/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORMAT = 1 };
static const int64_t SEQUENCES = (int64_t)10000000000;

/* ---------------------------------------------------------------- names */

static const char *folder_of(lt_remote_dataset set, lt_arena *arena)
{
    return lt_arena_format(arena, "commits/%.*s/%.*s", LT_ARG(set.bucket), LT_ARG(set.prefix));
}

const char *lt_remote_commit_name(lt_remote_dataset set, int64_t sequence, lt_arena *arena)
{
    return lt_arena_format(arena, "%s%010lld.%lld", folder_of(set, arena),
                           (long long)(SEQUENCES - sequence), (long long)sequence);
}

/* "9999999999.1.json" */
static bool read_name(lt_text name, const char *ending, int64_t *sequence)
{
    lt_text rest = name, reversed, number;
    int64_t back;
    return lt_text_cut(&rest, '.', &reversed) && lt_text_cut(&rest, '.', &number) &&
           lt_text_eq(rest, lt_text_of(ending)) && lt_text_to_i64(number, sequence) &&
           lt_text_to_i64(reversed, &back) && *sequence > 0 && back + *sequence == SEQUENCES;
}

static lt_status list_names(lt_remote *self, lt_remote_dataset set, size_t limit, lt_text after,
                            lt_arena *arena, lt_listing *out, size_t *front, lt_err *err)
{
    const char *folder = lt_arena_format(arena, "%s.leat/%s", self->prefix, folder_of(set, arena));
    lt_remote_page page = {.request = {.prefix = lt_text_of(folder),
                                       .delimiter = T("/"),
                                       .after_key = after,
                                       .limit = limit},
                           .called.bucket = set.bucket};
    *front = strlen(folder);
    return lt_remote_list_real(self, lt_text_of(self->bucket), &page, arena, out, err);
}

/* Newest first: ".done" and ".gone" stand around the ".json" of the same commit. */
lt_status lt_remote_find_last(lt_remote *self, lt_remote_dataset set, int64_t *sequence, bool *done,
                              lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_listing found = {0};
    size_t front;
    int64_t number, done_at = 0;
    *sequence = 0;
    *done = false;
    LT_TRY(list_names(self, set, 20, (lt_text){0}, &arena, &found, &front, err));
    for (size_t i = 0; i < found.objects.len && !*sequence; i++) {
        lt_text name = lt_text_sub(found.objects.items[i].key, front, SIZE_MAX);
        if (read_name(name, "done", &number))
            done_at = number;
        else if (read_name(name, "json", &number))
            *sequence = number;
    }
    *done = *sequence && done_at == *sequence;
    return LT_OK;
}

static int ascending(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

lt_status lt_remote_list_commits(lt_remote *self, lt_remote_dataset set, lt_arena *arena,
                                 lt_remote_sequences *out, lt_err *err)
{
    lt_text after = {0};
    for (bool more = true; more;) {
        lt_listing page = {0};
        size_t front;
        int64_t number;
        LT_TRY(list_names(self, set, 0, after, arena, &page, &front, err));
        for (size_t i = 0; i < page.objects.len; i++)
            if (read_name(lt_text_sub(page.objects.items[i].key, front, SIZE_MAX), "json", &number))
                lt_push_in(arena, out, number);
        after = page.next_key;
        more = page.more;
    }
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), ascending);
    return LT_OK;
}

/* ---------------------------------------------------------------- writing */

static void write_files(lt_json_writer *w, const char *name, const lt_remote_file *files,
                        size_t count)
{
    lt_json_key(w, lt_text_of(name));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < count; i++) {
        const lt_remote_file *file = &files[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "key", file->data.key);
        lt_json_set(w, "sha256", file->data.sha256);
        lt_json_set_int(w, "size", file->data.size_bytes);
        lt_json_set_int(w, "rows", file->data.rows);
        lt_json_set_int(w, "added", file->added);
        lt_json_set(w, "blob", file->blob);
        if (file->data.version_id.len) {
            lt_json_set(w, "version", file->data.version_id);
            lt_json_set(w, "etag", file->etag);
        }
        lt_json_end(w);
    }
    lt_json_end(w);
}

void lt_remote_write_record(const lt_remote_record *record, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "format", FORMAT);
    lt_json_set_int(&w, "sequence", record->info.sequence);
    lt_json_set(&w, "commit_id", record->info.commit_id);
    lt_json_set_int(&w, "mode", record->info.mode);
    lt_json_set_int(&w, "rows", record->info.rows);
    lt_json_set_int(&w, "committed_at_us", record->info.committed_at_us);
    lt_json_set_int(&w, "replaced_at", record->replaced_at);
    lt_json_set(&w, "schema", record->info.schema_json);
    lt_json_set(&w, "record", record->info.record_json);
    write_files(&w, "files", record->files.items, record->files.len);
    write_files(&w, "removed", record->removed.items, record->removed.len);
    lt_json_end(&w);
}

/* The objects of the files that this commit added. */
void lt_remote_write_done(const lt_remote_record *record, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "format", FORMAT);
    lt_json_key(&w, T("objects"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < record->files.len; i++) {
        const lt_remote_file *file = &record->files.items[i];
        if (file->added != record->info.sequence)
            continue;
        lt_json_begin(&w, '{');
        lt_json_set(&w, "key", file->data.key);
        lt_json_set(&w, "version", file->data.version_id);
        lt_json_set(&w, "etag", file->etag);
        lt_json_end(&w);
    }
    lt_json_end(&w);
    lt_json_end(&w);
}

/* ---------------------------------------------------------------- reading */

static lt_status damaged(const char *name, lt_err *err)
{
    return lt_fail(err, LT_IO, "the commit record '%s' is damaged", name);
}

static bool read_file(const lt_json *json, lt_remote_file *out)
{
    *out = (lt_remote_file){.data = {.key = lt_json_text_or(json, "key", (lt_text){0}),
                                     .sha256 = lt_json_text_or(json, "sha256", (lt_text){0}),
                                     .version_id = lt_json_text_or(json, "version", (lt_text){0}),
                                     .size_bytes = lt_json_i64_or(json, "size", -1),
                                     .rows = lt_json_i64_or(json, "rows", -1)},
                            .blob = lt_json_text_or(json, "blob", (lt_text){0}),
                            .etag = lt_json_text_or(json, "etag", (lt_text){0}),
                            .added = lt_json_i64_or(json, "added", 0)};
    char sha256[LT_SHA256_BYTES];
    return out->data.key.len && lt_hex_read(out->data.sha256, sha256, sizeof(sha256)) &&
           lt_text_starts(out->blob, T("blobs/")) && out->data.size_bytes >= 0 && out->added > 0;
}

static lt_status read_record(const lt_json *root, const char *name, lt_arena *arena,
                             lt_remote_record *out, lt_err *err)
{
    const lt_json *files = lt_json_find(root, "files"), *removed = lt_json_find(root, "removed");
    int64_t mode = lt_json_i64_or(root, "mode", -1);
    lt_remote_file file;
    if (lt_json_i64_or(root, "format", 0) != FORMAT)
        return lt_fail(err, LT_INVALID, "the commit record '%s' was written by a newer leat", name);
    if (!files || mode < LT_COMMIT_APPEND || mode > LT_COMMIT_OVERWRITE)
        return damaged(name, err);
    *out =
        (lt_remote_record){.info = {.sequence = lt_json_i64_or(root, "sequence", 0),
                                    .commit_id = lt_json_text_or(root, "commit_id", (lt_text){0}),
                                    .schema_json = lt_json_text_or(root, "schema", (lt_text){0}),
                                    .record_json = lt_json_text_or(root, "record", (lt_text){0}),
                                    .rows = lt_json_i64_or(root, "rows", 0),
                                    .committed_at_us = lt_json_i64_or(root, "committed_at_us", 0),
                                    .mode = (lt_commit_mode)mode},
                           .replaced_at = lt_json_i64_or(root, "replaced_at", 0)};
    for (size_t i = 0; i < files->count; i++) {
        if (!read_file(&files->items[i], &file))
            return damaged(name, err);
        lt_push_in(arena, &out->files, file);
    }
    for (size_t i = 0; removed && i < removed->count; i++) {
        if (!read_file(&removed->items[i], &file))
            return damaged(name, err);
        lt_push_in(arena, &out->removed, file);
    }
    return LT_OK;
}

/* Both lists are in the order of the record. */
static void take_objects(const lt_json *objects, lt_remote_record *record)
{
    size_t at = 0;
    for (size_t i = 0; objects && i < objects->count; i++) {
        lt_text key = lt_json_text_or(&objects->items[i], "key", (lt_text){0});
        while (at < record->files.len && !lt_text_eq(record->files.items[at].data.key, key))
            at++;
        if (at == record->files.len)
            return;
        record->files.items[at].data.version_id =
            lt_json_text_or(&objects->items[i], "version", (lt_text){0});
        record->files.items[at].etag = lt_json_text_or(&objects->items[i], "etag", (lt_text){0});
    }
}

static lt_status get_json(lt_remote *self, const char *name, lt_arena *arena, lt_json **root,
                          lt_err *err)
{
    lt_text text;
    LT_TRY(lt_remote_get_own(self, name, arena, &text, err));
    lt_status status = lt_json_read(text, name, NULL, arena, root, err);
    return status == LT_INVALID ? damaged(name, err) : status;
}

static lt_status no_such_commit(lt_remote *self, lt_remote_dataset set, int64_t wanted, lt_err *err)
{
    int64_t last;
    bool done;
    LT_TRY(lt_remote_find_last(self, set, &last, &done, err));
    if (!last)
        return lt_fail(err, LT_NOT_FOUND, "there is no dataset '%.*s/%.*s'", LT_ARG(set.bucket),
                       LT_ARG(set.prefix));
    return lt_fail(err, LT_NOT_FOUND,
                   "the dataset '%.*s/%.*s' has no commit %lld%s; its last is %lld",
                   LT_ARG(set.bucket), LT_ARG(set.prefix), (long long)wanted,
                   wanted <= last ? " any more" : "", (long long)last);
}

lt_status lt_remote_load_record(lt_remote *self, lt_remote_dataset set, int64_t sequence,
                                lt_arena *arena, lt_remote_record *out, lt_err *err)
{
    const char *name = lt_remote_commit_name(set, sequence, arena);
    lt_json *root, *done;
    lt_status status =
        sequence > 0 && sequence < SEQUENCES
            ? get_json(self, lt_arena_format(arena, "%s.json", name), arena, &root, err)
            : LT_NOT_FOUND;
    if (status == LT_NOT_FOUND)
        return no_such_commit(self, set, sequence, err);
    LT_TRY(status);
    LT_TRY(read_record(root, name, arena, out, err));
    status = get_json(self, lt_arena_format(arena, "%s.done", name), arena, &done, err);
    if (status == LT_OK)
        take_objects(lt_json_find(done, "objects"), out);
    return status == LT_NOT_FOUND ? LT_OK : status;
}
