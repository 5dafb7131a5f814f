/* Jobs: what takes too long for an answer, done by `leat` in a process of its own that outlives the server: backups, reproductions.
 *
 * Everything about a job is in its folder, HOME/jobs/ID, so that any server of the home can tell of it: job.json (what was asked for),
 * out and said (what it printed), code (its exit code, when it has ended). While it goes on, its processes hold the lock. */
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "web/api/parts.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEPT = 50, OUT_MOST = 4 << 20, WORDS_MOST = 16 };

static const char *const kinds[] = {"backup", "reproduce", NULL};
static const char *const statuses[] = {"running", "succeeded", "failed", "lost", NULL};

static const lt_api_field job_fields[] = {
    {"id", LT_API_INT, .needed = true},
    {"kind", LT_API_CHOICE, .needed = true, .values = kinds},
    {"status", LT_API_CHOICE, .needed = true, .values = statuses,
     .help = "lost: its process was killed"},
    {"by", LT_API_TEXT, .needed = true, .help = "who asked for it"},
    {"run", LT_API_INT, .help = "that is reproduced"},
    {"started_at", LT_API_MOMENT, .needed = true},
    {.name = "finished_at", .type = LT_API_MOMENT},
    {"message", LT_API_TEXT, .help = "why it failed"},
    {"hint", LT_API_TEXT, .help = "what to do next"},
    {"result", LT_API_ANY,
     .help =
         "what the command says with --json: of a reproduction its tables and their verdicts, of a "
         "backup its name and its figures"},
};
const lt_api_shape lt_api_job_shape = {"Job", NULL, LT_API_FIELDS(job_fields)};

static const lt_api_field jobs_fields[] = {
    {"jobs", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_job_shape,
     .help = "the newest first"},
};
const lt_api_shape lt_api_jobs_shape = {"Jobs", "the newest 50", LT_API_FIELDS(jobs_fields)};

static const lt_api_field reproduce_fields[] = {
    {"keep", LT_API_BOOL, .help = "leave the scratch schemas to look at"},
};
const lt_api_shape lt_api_reproduce_shape = {"Reproduce", NULL, LT_API_FIELDS(reproduce_fields)};

static const lt_api_field backup_fields[] = {
    {"keep", LT_API_INT, .min = 1, .max = 1000000,
     .help = "remove all but the newest so many backups afterwards"},
    {"targets", LT_API_BOOL, .help = "false: leave DuckDB's files out"},
};
const lt_api_shape lt_api_backup_shape = {"Backup", NULL, LT_API_FIELDS(backup_fields)};

/* ---- what is there ---- */

typedef struct job {
    int64_t id, run, started_at_us, finished_at_us;
    lt_text kind, by, pipeline;
    const char *status;
    int code;
    char *folder; /* in the arena */
} job;
typedef LT_VEC(int64_t) job_ids;

static char *folder_of(lt_api_call *call, int64_t id)
{
    return lt_arena_format(call->arena, "%s/jobs/%lld", call->api->options.home, (long long)id);
}

static char *file_of(lt_api_call *call, const job *one, const char *name)
{
    return lt_arena_format(call->arena, "%s/%s", one->folder, name);
}

static lt_text content_of(lt_api_call *call, const job *one, const char *name)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = OUT_MOST};
    if (lt_file_read(file_of(call, one, name), &text, &err) != LT_OK)
        return (lt_text){0};
    return lt_arena_text(call->arena, lt_buf_text(&text));
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static void list_ids(lt_api_call *call, job_ids *out)
{
    DIR *dir = opendir(lt_arena_format(call->arena, "%s/jobs", call->api->options.home));
    int64_t id;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (lt_text_to_i64(lt_text_of(entry->d_name), &id) && id > 0)
            lt_push_in(call->arena, out, id);
    if (dir)
        (void)closedir(dir);
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), newest_first);
}

static bool is_held(lt_api_call *call, const job *one)
{
    lt_err err;
    LT_AUTO(lt_fd) lock = -1;
    return lt_file_lock(file_of(call, one, "lock"), 0, &lock, &err) == LT_CONFLICT;
}

/* The lock is looked at first: whoever ends between the two looks has left its code. */
static void read_end(lt_api_call *call, job *one)
{
    struct stat info;
    int64_t code = 0;
    bool held = is_held(call, one);
    lt_text text = lt_text_trim(content_of(call, one, "code"));
    one->status = held ? "running" : "lost";
    if (!lt_text_to_i64(text, &code))
        return;
    one->code = (int)code;
    one->status = code == 0 ? "succeeded" : "failed";
    if (stat(file_of(call, one, "code"), &info) == 0)
        one->finished_at_us =
            (int64_t)info.st_mtim.tv_sec * 1000000 + (int64_t)info.st_mtim.tv_nsec / 1000;
}

/* False: it is not there (any more), or not for this token. */
static bool read_job(lt_api_call *call, int64_t id, job *out)
{
    lt_err err;
    lt_json *root = NULL;
    *out = (job){.id = id, .folder = folder_of(call, id)};
    lt_text text = content_of(call, out, "job.json");
    if (!text.len || lt_json_read(text, "job.json", NULL, call->arena, &root, &err) != LT_OK)
        return false;
    out->kind = lt_json_text_or(root, "kind", T(""));
    out->by = lt_json_text_or(root, "by", T(""));
    out->pipeline = lt_json_text_or(root, "pipeline", T(""));
    out->run = lt_json_i64_or(root, "run", 0);
    out->started_at_us = lt_json_i64_or(root, "started_at_us", 1);
    read_end(call, out);
    return lt_api_reaches(call, out->pipeline);
}

/* ---- showing ---- */

/* A backup's path is the server's business; its name is not. */
static void write_result(lt_api_call *call, const job *one)
{
    lt_err err;
    lt_json *root = NULL;
    lt_json_writer *w = &call->json;
    lt_text out = lt_text_trim(content_of(call, one, "out"));
    if (!out.len || lt_json_read(out, "out", NULL, call->arena, &root, &err) != LT_OK)
        return;
    lt_json_key(w, T("result"));
    if (root->kind != LT_JSON_OBJECT) {
        lt_json_tree(w, root);
        return;
    }
    lt_json_begin(w, '{');
    for (size_t i = 0; i < root->count; i++) {
        const lt_json *item = &root->items[i];
        lt_json_key(w, item->key);
        if (lt_text_eq(item->key, T("backup")))
            lt_json_string(w, lt_text_of(lt_path_name(lt_arena_str(call->arena, item->text))));
        else
            lt_json_tree(w, item);
    }
    lt_json_end(w);
}

static void write_error(lt_api_call *call, const job *one)
{
    lt_text said = content_of(call, one, "said"), message, hint;
    lt_api_said_error(call, said, &message, &hint);
    lt_api_set_text(&call->json, "message", message);
    lt_api_set_text(&call->json, "hint", hint);
}

static void write_job(lt_api_call *call, const job *one)
{
    lt_json_writer *w = &call->json;
    lt_json_begin(w, '{');
    lt_json_set_int(w, "id", one->id);
    lt_json_set(w, "kind", one->kind);
    lt_json_set(w, "status", lt_text_of(one->status));
    lt_json_set(w, "by", one->by);
    if (one->run)
        lt_json_set_int(w, "run", one->run);
    lt_api_set_moment(w, "started_at", one->started_at_us);
    lt_api_set_moment(w, "finished_at", one->finished_at_us);
    if (one->code)
        write_error(call, one);
    if (one->finished_at_us)
        write_result(call, one);
    lt_json_end(w);
}

lt_status lt_api_list_jobs(lt_api_call *call, lt_err *err)
{
    job one;
    job_ids ids = {0};
    (void)err;
    list_ids(call, &ids);
    lt_json_begin(&call->json, '{');
    lt_json_key(&call->json, T("jobs"));
    lt_json_begin(&call->json, '[');
    for (size_t i = 0; i < ids.len; i++)
        if (read_job(call, ids.items[i], &one))
            write_job(call, &one);
    lt_json_end(&call->json);
    lt_json_end(&call->json);
    return LT_OK;
}

lt_status lt_api_get_job(lt_api_call *call, lt_err *err)
{
    job one;
    int64_t id = 0;
    if (!lt_text_to_i64(call->path[0], &id) || id <= 0 || !read_job(call, id, &one))
        return lt_fail(err, LT_NOT_FOUND, "there is no job '%.*s'",
                       LT_ARG(lt_text_sub(call->path[0], 0, 100)));
    write_job(call, &one);
    return LT_OK;
}

/* ---- beginning ---- */

typedef struct order {
    job made;
    char *words[WORDS_MOST + 1]; /* in the arena */
    size_t count;
} order;

static void add(lt_api_call *call, order *o, const char *word)
{
    assert(o->count < WORDS_MOST);
    o->words[o->count++] = lt_arena_str(call->arena, lt_text_of(word));
}

/* The processes of the job hold the lock as long as any of them lives; whoever started them has it first. */
static void add_command(lt_api_call *call, order *o)
{
    static const char script[] =
        "exec 9>\"$1/lock\"; flock -n 9 || exit 75\n"
        "setsid sh -c 'd=$1; shift; \"$@\" >\"$d/out\" 2>\"$d/said\"; echo $? >\"$d/code.new\"; "
        "mv \"$d/code.new\" \"$d/code\"' sh \"$@\" </dev/null >/dev/null 2>&1 &\n";
    LT_AUTO(lt_chars) program = lt_proc_path();
    const char *const words[] = {"/bin/sh",       "-c",
                                 script,          "sh",
                                 o->made.folder,  program,
                                 "--json",        "--quiet",
                                 "--project-dir", call->api->options.root,
                                 "--home",        call->api->options.home};
    for (size_t i = 0; i < LT_COUNT(words); i++)
        add(call, o, words[i]);
}

/* One of a kind at a time; the oldest make room. */
static lt_status make_room(lt_api_call *call, lt_text kind, int64_t *id, lt_err *err)
{
    job one;
    job_ids ids = {0};
    lt_err why;
    list_ids(call, &ids);
    *id = ids.len ? ids.items[0] + 1 : 1;
    for (size_t i = 0; i < ids.len; i++) {
        bool readable = read_job(call, ids.items[i], &one) || one.kind.len;
        if (readable && strcmp(one.status, "running") == 0 && lt_text_eq(one.kind, kind)) {
            lt_ignore(lt_fail(err, LT_CONFLICT, "job %lld is under way: %.*s", (long long)one.id,
                              LT_ARG(kind)));
            return lt_hint(err, "ask again when it has ended");
        }
        if (i + 1 >= KEPT && (!readable || strcmp(one.status, "running") != 0))
            lt_ignore(lt_path_remove(one.folder, &why));
    }
    return LT_OK;
}

static lt_status record(lt_api_call *call, const job *made, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", made->kind);
    lt_json_set(&w, "by", made->by);
    lt_json_set(&w, "pipeline", made->pipeline);
    lt_json_set_int(&w, "run", made->run);
    lt_json_set_int(&w, "started_at_us", made->started_at_us);
    lt_json_end(&w);
    LT_TRY(lt_folder_make(made->folder, 0750, err));
    return lt_file_write_durably(file_of(call, made, "job.json"), lt_buf_text(&text), 0640, err);
}

static lt_status prepare(lt_api_call *call, const char *kind, order *o, lt_err *err)
{
    *o = (order){.made = {.kind = lt_text_of(kind),
                          .by = call->actor.by,
                          .pipeline = call->run.pipeline,
                          .run = call->run.id,
                          .started_at_us = lt_now_us(),
                          .status = "running"}};
    LT_TRY(make_room(call, o->made.kind, &o->made.id, err));
    o->made.folder = folder_of(call, o->made.id);
    add_command(call, o);
    return LT_OK;
}

static lt_status begin(lt_api_call *call, order *o, lt_err *err)
{
    int code = 0;
    LT_AUTO(lt_buf) said = {.limit = LT_KIB};
    LT_TRY(record(call, &o->made, err));
    LT_TRY(lt_proc_run(o->words, &said, &code, err));
    if (code != 0)
        return lt_fail(err, LT_IO, "the process of the job cannot be started");
    call->audit_detail =
        lt_text_of(lt_arena_format(call->arena, "{\"job\": %lld}", (long long)o->made.id));
    lt_server_reply_header(
        call->request, call->reply, T("Location"),
        lt_text_of(lt_arena_format(call->arena, "/api/v1/jobs/%lld", (long long)o->made.id)));
    write_job(call, &o->made);
    return LT_OK;
}

static lt_status reproduce(lt_api_call *call, lt_err *err)
{
    order o;
    LT_TRY(prepare(call, "reproduce", &o, err));
    add(call, &o, "reproduce");
    if (lt_json_bool_or(call->body, "keep", false))
        add(call, &o, "--keep");
    add(call, &o, lt_arena_format(call->arena, "%lld", (long long)call->run.id));
    return begin(call, &o, err);
}

static lt_status backup(lt_api_call *call, lt_err *err)
{
    order o;
    int64_t keep = lt_api_body_int(call, "keep", 0);
    LT_TRY(prepare(call, "backup", &o, err));
    add(call, &o, "backup");
    if (keep)
        add(call, &o, lt_arena_format(call->arena, "--keep=%lld", (long long)keep));
    if (!lt_json_bool_or(call->body, "targets", true))
        add(call, &o, "--no-targets");
    add(call, &o, call->api->options.backups);
    return begin(call, &o, err);
}

/* Numbers are given under a lock. */
static lt_status one_by_one(lt_api_call *call, lt_status (*begin_it)(lt_api_call *, lt_err *),
                            lt_err *err)
{
    (void)pthread_mutex_lock(&call->api->jobs_lock);
    lt_status status = begin_it(call, err);
    (void)pthread_mutex_unlock(&call->api->jobs_lock);
    return status;
}

lt_status lt_api_reproduce_run(lt_api_call *call, lt_err *err)
{
    return one_by_one(call, reproduce, err);
}

/* Where to is not the caller's to say: a server that writes wherever it is told would be anybody's pen. */
lt_status lt_api_start_backup(lt_api_call *call, lt_err *err)
{
    if (call->api->options.backups)
        return one_by_one(call, backup, err);
    lt_ignore(lt_fail(err, LT_CONFLICT, "this server was not told where backups go"));
    return lt_hint(err, "start it with --backups DIR");
}
