/* What the server says of itself: version, description of the API, health. */
#include "web/api/parts.h"

#include "base/time.h"
#include "base/version.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

/* ---- version ---- */

static const lt_api_field version_fields[] = {
    {"version", LT_API_TEXT, .needed = true},
    {"commit", LT_API_TEXT, .needed = true},
    {"sqlite", LT_API_TEXT, .needed = true},
    {"started_at", LT_API_MOMENT, .needed = true, .help = "when this server has begun"},
};
const lt_api_shape lt_api_version_shape = {"Version", "which leat answers",
                                           LT_API_FIELDS(version_fields)};

lt_status lt_api_get_version(lt_api_call *call, lt_err *err)
{
    lt_json_writer *w = &call->json;
    (void)err;
    lt_json_begin(w, '{');
    lt_json_set(w, "version", T(LT_VERSION));
    lt_json_set(w, "commit", T(LT_COMMIT));
    lt_json_set(w, "sqlite", lt_text_of(sqlite3_libversion()));
    lt_api_set_moment(w, "started_at", call->api->started_at_us);
    lt_json_end(w);
    return LT_OK;
}

const lt_api_shape lt_api_document_shape = {"Document", "any object", .open = true};

lt_status lt_api_get_openapi(lt_api_call *call, lt_err *err)
{
    (void)err;
    lt_api_openapi(call->json.out);
    return LT_OK;
}

lt_status lt_api_get_schema(lt_api_call *call, lt_err *err)
{
    for (unsigned kind = 0; kind < LT_CONF_KINDS; kind++) {
        if (!lt_text_eq(call->path[0], lt_text_of(lt_conf_kind_name((lt_conf_kind)kind))))
            continue;
        lt_conf_schema((lt_conf_kind)kind, call->json.out);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no kind of file '%.*s'",
                      LT_ARG(lt_text_sub(call->path[0], 0, 100))));
    return lt_hint(err, "kinds are leat, source, pipeline and calendar");
}

/* ---- health ---- */

enum { DISK_LEAST = 64 << 20, BEAT_MOST_US = 30 * 1000000 };

static const lt_api_field check_fields[] = {
    {"name", LT_API_TEXT, .needed = true, .help = "state, scheduler, disk, files"},
    {"good", LT_API_BOOL, .needed = true},
    {"detail", LT_API_TEXT, .help = "what is wrong"},
};
static const lt_api_shape check_shape = {"HealthCheck", NULL, LT_API_FIELDS(check_fields)};
static const lt_api_field health_fields[] = {
    {"good", LT_API_BOOL, .needed = true, .help = "false: the answer is 503"},
    {"status", LT_API_TEXT, .needed = true,
     .help = "good; degraded: it works, but runs wait for files that are wrong, which starting it "
             "again does not mend; bad"},
    {"checks", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &check_shape},
};
const lt_api_shape lt_api_health_shape = {"Health", "whether it can do its work",
                                          LT_API_FIELDS(health_fields)};

typedef struct checkup {
    lt_json_writer *w;
    bool good;
    bool degraded;
} checkup;

static void write_check(checkup *c, const char *name, bool good, const char *detail)
{
    lt_json_begin(c->w, '{');
    lt_json_set(c->w, "name", lt_text_of(name));
    lt_json_set_bool(c->w, "good", good);
    if (!good)
        lt_json_set(c->w, "detail", lt_text_of(detail));
    lt_json_end(c->w);
}

static void add_check(checkup *c, const char *name, bool good, const char *detail)
{
    write_check(c, name, good, detail);
    c->good = c->good && good;
}

/* Other pipelines go on, and whoever starts it again for this would only stop them. */
static void check_files(checkup *c, const lt_sched_figures *figures)
{
    LT_AUTO(lt_chars)
    detail = lt_format("%zu file%s of the project %s wrong: %zu pipeline%s cannot run",
                       figures->wrong_files, figures->wrong_files == 1 ? "" : "s",
                       figures->wrong_files == 1 ? "is" : "are", figures->held_pipelines,
                       figures->held_pipelines == 1 ? "" : "s");
    write_check(c, "files", !figures->wrong_files, detail);
    c->degraded = figures->wrong_files != 0;
}

static void check_disk(checkup *c, const char *home)
{
    struct statvfs disk;
    bool known = statvfs(home, &disk) == 0;
    add_check(c, "disk", known && (uint64_t)disk.f_bavail * disk.f_frsize >= DISK_LEAST,
              known ? "less than 64 MiB are free" : "cannot be asked");
}

/* Everybody may ask, so it names no paths and no pipelines. */
lt_status lt_api_get_health(lt_api_call *call, lt_err *err)
{
    checkup c = {.w = &call->json, .good = true};
    lt_err why;
    lt_sched_figures figures;
    LT_AUTO(lt_buf) list = {.limit = 64 * LT_KIB};
    lt_json_writer inner = {.out = &list};
    (void)err;
    c.w = &inner;
    lt_sched_look(call->api->options.sched, &figures);
    lt_json_begin(&inner, '[');
    add_check(&c, "state", lt_state_check_writable(call->state, &why) == LT_OK,
              "state.db cannot be written");
    add_check(&c, "scheduler", lt_mono_us() - figures.beat_mono_us < BEAT_MOST_US,
              "it has not looked around for half a minute");
    check_disk(&c, call->api->options.home);
    check_files(&c, &figures);
    lt_json_end(&inner);
    call->status = c.good ? 200 : 503;
    lt_json_begin(&call->json, '{');
    lt_json_set_bool(&call->json, "good", c.good);
    lt_json_set(&call->json, "status", !c.good ? T("bad") : c.degraded ? T("degraded") : T("good"));
    lt_api_set_raw(&call->json, "checks", lt_buf_text(&list));
    lt_json_end(&call->json);
    return LT_OK;
}

static const lt_api_field alive_fields[] = {{"alive", LT_API_BOOL, .needed = true}};
const lt_api_shape lt_api_alive_shape = {"Alive", "it answers", LT_API_FIELDS(alive_fields)};

lt_status lt_api_get_alive(lt_api_call *call, lt_err *err)
{
    (void)err;
    lt_json_begin(&call->json, '{');
    lt_json_set_bool(&call->json, "alive", true);
    lt_json_end(&call->json);
    return LT_OK;
}
