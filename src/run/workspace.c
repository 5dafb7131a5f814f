/* Opening a project, and holding its targets. */
#include "run/workspace.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "conf/dotenv.h"
#include "git/git.h"
#include "run/scratch.h"

#include <stdio.h>
#include <unistd.h>

static bool is_tracked(void *root, const char *path)
{
    return lt_git_tracks(root, lt_path_name(path));
}

lt_status lt_workspace_read_env(const char *root, lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_xstrdup(root);
    return lt_dotenv_load(root, is_tracked, folder, err);
}

static lt_status read_secret(void *user, lt_text name, lt_arena *arena, lt_text *value, lt_err *err)
{
    lt_workspace *workspace = user;
    LT_AUTO(lt_buf) found = {.limit = LT_SECRET_VALUE_MAX};
    (void)pthread_mutex_lock(&workspace->secrets_lock);
    lt_status status = lt_secret_get(workspace->secrets, name, &found, err);
    (void)pthread_mutex_unlock(&workspace->secrets_lock);
    if (status == LT_OK)
        *value = lt_arena_text(arena, lt_buf_text(&found));
    lt_secret_wipe(&found);
    return status;
}

static lt_status read_vars(lt_workspace *workspace, lt_text text, lt_err *err)
{
    lt_yaml *root = NULL;
    if (!text.len)
        return LT_OK;
    workspace->vars_text = lt_arena_text(&workspace->arena, text);
    LT_TRY(lt_yaml_read(text, "--vars", NULL, &workspace->arena, &root, err));
    if (root->kind != LT_YAML_MAPPING) {
        lt_ignore(lt_fail(err, LT_INVALID, "--vars must be a mapping, not %s", lt_yaml_name(root)));
        return lt_hint(err, "write --vars '{name: value}'");
    }
    workspace->vars = root;
    return LT_OK;
}

/* Whoever only looks at what was recorded goes on without the files. */
static lt_status load_project(lt_workspace *workspace, lt_files files, lt_err *err)
{
    lt_arena *arena = &workspace->arena;
    lt_project_options options = {.render = lt_scope_render,
                                  .render_context = &workspace->scope,
                                  .alone = files == LT_FILES_LEAT,
                                  .leaves_out = files == LT_FILES_GOOD || files == LT_FILES_RUN};
    lt_status status = lt_project_load(workspace->root, &options, arena, &workspace->project, err);
    if (status == LT_OK || files != LT_FILES_GOOD)
        return status;
    lt_conf_wrong wrong = {.kind = LT_CONF_PROJECT_FILE,
                           .file = "leat.yml",
                           .message = lt_arena_text(arena, lt_text_of(err->message)),
                           .hint = lt_arena_text(arena, lt_text_of(err->hint)),
                           .said = lt_conf_say(err, arena)};
    workspace->project = LT_NEW(arena, lt_project);
    lt_push_in(arena, &workspace->project->wrong, wrong);
    return LT_OK;
}

/* The project is read twice over: once for its variables, which then render the numbers in it. */
static lt_status read_project(lt_workspace *workspace, lt_files files, lt_err *err)
{
    static const lt_project nothing = {.name = T("")};
    lt_scope_init(&workspace->scope, &nothing, workspace->vars, &workspace->heap);
    LT_TRY(load_project(workspace, files, err));
    lt_scope_init(&workspace->scope, workspace->project, workspace->vars, &workspace->heap);
    workspace->scope.secret = read_secret;
    workspace->scope.secret_user = workspace;
    return LT_OK;
}

static lt_status open_store(lt_workspace *workspace, lt_err *err)
{
    const char *url =
        lt_conf_store_url(&workspace->project->store, workspace->home, &workspace->arena);
    lt_store_options options = {.cache_bytes = workspace->project->store.cache_bytes};
    return lt_store_open_with(url, &options, &workspace->store, err);
}

static lt_status open_files(lt_workspace *workspace, const lt_workspace_options *options,
                            lt_err *err)
{
    LT_TRY(lt_workspace_read_env(workspace->root, err));
    LT_TRY(lt_secrets_open(workspace->root, &workspace->secrets, err));
    LT_TRY(read_vars(workspace, options->vars, err));
    LT_TRY(read_project(workspace, options->files, err));
    return workspace->project->root ? open_store(workspace, err) : LT_OK;
}

static lt_status open_all(lt_workspace *workspace, const lt_workspace_options *options, lt_err *err)
{
    int64_t lost = 0;
    workspace->root = lt_arena_str(&workspace->arena, lt_text_of(options->root));
    workspace->home = lt_arena_str(&workspace->arena, lt_text_of(options->home));
    if (options->files == LT_FILES_NONE)
        workspace->project = LT_NEW(&workspace->arena, lt_project);
    else
        LT_TRY(open_files(workspace, options, err));
    LT_TRY(lt_state_open(workspace->home, &workspace->state, err));
    if (lt_state_reap(workspace->state, &lost, err) != LT_OK) /* a full disk: reading goes on */
        lt_log(LT_LOG_WARNING, "cannot mark what ended without a word: %s", err->message);
    if (lost)
        lt_log(LT_LOG_WARNING,
               "%lld run%s ended without a word (killed, or the machine stopped); 'leat runs' "
               "shows which",
               (long long)lost, lost == 1 ? "" : "s");
    lt_scratch_sweep(workspace->home);
    return LT_OK;
}

lt_status lt_workspace_open(const lt_workspace_options *options, lt_workspace **out, lt_err *err)
{
    lt_workspace *workspace = lt_xcalloc(1, sizeof(*workspace));
    (void)pthread_mutex_init(&workspace->secrets_lock, NULL);
    lt_status status = open_all(workspace, options, err);
    if (status != LT_OK) {
        lt_workspace_close(workspace);
        return status;
    }
    *out = workspace;
    return LT_OK;
}

void lt_workspace_close(lt_workspace *workspace)
{
    if (!workspace)
        return;
    lt_store_close(workspace->store);
    lt_state_close(workspace->state);
    lt_secrets_close(workspace->secrets);
    (void)pthread_mutex_destroy(&workspace->secrets_lock);
    lt_jinja_heap_cleanup(&workspace->heap);
    lt_arena_cleanup(&workspace->arena);
    lt_free(workspace);
}

lt_scope lt_workspace_scope(const lt_workspace *workspace, int64_t clock_us, lt_text run_id)
{
    lt_scope scope = workspace->scope;
    scope.clock_us = clock_us;
    scope.run_id = run_id;
    return scope;
}

/* A setting of a target as a C string; NULL when it is not set. */
static lt_status render_setting(lt_workspace *workspace, const lt_conf_text *setting,
                                const char **out, lt_err *err)
{
    lt_text rendered = {0};
    *out = NULL;
    if (!setting->raw.ptr)
        return LT_OK;
    LT_TRY(lt_conf_render(setting, lt_scope_render, &workspace->scope, &workspace->arena, &rendered,
                          err));
    *out = rendered.len ? lt_arena_str(&workspace->arena, rendered) : NULL;
    return LT_OK;
}

static const char *in_project(lt_workspace *workspace, const char *path)
{
    LT_AUTO(lt_chars) joined = lt_path_join(workspace->root, path);
    return lt_arena_str(&workspace->arena, lt_text_of(joined));
}

lt_status lt_workspace_target(lt_workspace *workspace, lt_text name, lt_target *out, lt_err *err)
{
    const lt_conf_target *conf = NULL;
    const char *path = NULL;
    LT_TRY(lt_project_target_get(workspace->project, name, &conf, err));
    *out = (lt_target){.name = lt_arena_str(&workspace->arena, conf->name),
                       .kind = conf->engine == LT_CONF_DUCKDB ? "duckdb" : "postgres",
                       .memory_bytes = (size_t)conf->memory_bytes};
    LT_TRY(render_setting(workspace, &conf->url, &out->url, err));
    LT_TRY(render_setting(workspace, &conf->schema, &out->schema, err));
    if (conf->path.place.line) /* written, not the default: that one lies in the home */
        LT_TRY(render_setting(workspace, &conf->path, &path, err));
    if (conf->engine != LT_CONF_DUCKDB)
        return LT_OK;
    if (path && strcmp(path, ":memory:") == 0) {
        lt_ignore(
            lt_conf_fail(conf->path.place, err, "a target in memory would be gone with each run"));
        return lt_hint(err, "name a file, or leave 'path' out: then it is .leat/warehouse.duckdb");
    }
    out->path = path ? in_project(workspace, path)
                     : lt_arena_format(&workspace->arena, "%s/warehouse.duckdb", workspace->home);
    out->temp_folder =
        lt_arena_format(&workspace->arena, "%s/cache/spill-%s", workspace->home, out->name);
    return LT_OK;
}

/* ---- leases ---- */

static void say_who_holds(lt_workspace *workspace, const char *path, const lt_target *target,
                          int64_t run_id)
{
    lt_err err;
    LT_AUTO(lt_buf) holder = {.limit = 4 * LT_KIB};
    bool known = lt_file_read(path, &holder, &err) == LT_OK && holder.len;
    lt_waiting waiting = {.kind = T("target"),
                          .what = lt_text_of(target->name),
                          .detail = known ? lt_buf_text(&holder) : T("another process")};
    if (run_id)
        lt_ignore(lt_state_run_wait(workspace->state, run_id, &waiting, &err));
    if (known)
        lt_log(LT_LOG_INFO, "waiting for the target '%s': %s holds it", target->name,
               lt_buf_chars(&holder));
    else
        lt_log(LT_LOG_INFO, "waiting for the target '%s', which another process holds",
               target->name);
}

static lt_status write_holder(int fd, const char *path, const char *what, lt_err *err)
{
    char since[LT_TIME_CHARS];
    LT_AUTO(lt_chars)
    holder =
        lt_format("%s (pid %d, since %s)", what, (int)getpid(), lt_time_write(lt_now_us(), since));
    if (ftruncate(fd, 0) != 0)
        return lt_fail(err, LT_IO, "cannot write '%s'", path);
    return lt_fd_write(fd, lt_text_of(holder), path, err);
}

lt_status lt_workspace_lease(lt_workspace *workspace, const lt_target *target, const char *what,
                             int64_t run_id, int *lease, lt_err *err)
{
    static const int64_t LOOK_AGAIN_US = 200000, SAY_AGAIN_US = 60 * (int64_t)1000000;
    LT_AUTO(lt_chars) folder = lt_path_join(workspace->home, "leases");
    LT_AUTO(lt_chars) path = lt_format("%s/%s.lock", folder, target->name);
    LT_AUTO(lt_fd) fd = -1;
    LT_TRY(lt_folder_make(folder, 0750, err));
    lt_status status = lt_file_lock(path, 0, &fd, err);
    int64_t say_us = lt_mono_us();
    bool waited = status == LT_CONFLICT;
    while (status == LT_CONFLICT) {
        if (lt_mono_us() >= say_us) {
            say_who_holds(workspace, path, target, run_id);
            say_us = lt_mono_us() + SAY_AGAIN_US;
        }
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "stopped while waiting for the target '%s'",
                           target->name);
        status = lt_file_lock(path, LOOK_AGAIN_US, &fd, err);
    }
    LT_TRY(status);
    if (waited && run_id)
        LT_TRY(lt_state_run_wait(workspace->state, run_id, &(lt_waiting){0}, err));
    LT_TRY(write_holder(fd, path, what, err));
    if (target->temp_folder) { /* what a killed process has spilled; nobody else works here now */
        LT_TRY(lt_path_remove(target->temp_folder, err));
        LT_TRY(lt_folder_make(target->temp_folder, 0750, err)); /* DuckDB makes no parents */
    }
    *lease = fd;
    fd = -1;
    return LT_OK;
}
