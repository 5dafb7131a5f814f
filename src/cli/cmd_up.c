/* leat up: the server that begins runs when they are due, and answers people and programs. */
#include "cli/cmd.h"

#include "base/proc.h"
#include "base/time.h"
#include "cli/store_face.h"
#include "sched/ask.h"
#include "sched/cgroup.h"
#include "secret/password.h"
#include "state/users.h"
#include "web/api/api.h"

#include <limits.h>
#include <unistd.h>

typedef struct up_opts {
    int64_t most_runs, drain_us, per_minute;
    const char *listen, *s3, *tls_cert, *tls_key, *backups;
    bool insecure_listen;
} up_opts;

static const lt_opt up_table[] = {
    {.name = "runs",
     .type = LT_OPT_INT,
     LT_AT(up_opts, most_runs),
     .value = "N",
     .preset = "16",
     .min = 1,
     .max = 1000,
     .help = "at most so many runs at once; others wait for their turn"},
    {.name = "drain",
     .type = LT_OPT_LENGTH,
     LT_AT(up_opts, drain_us),
     .value = "LENGTH",
     .preset = "10s",
     .help = "when told to stop: how long to wait for runs to end"},
    {.name = "listen",
     .letter = 'l',
     .type = LT_OPT_TEXT,
     LT_AT(up_opts, listen),
     .value = "ADDRESS:PORT",
     .preset = "127.0.0.1:8080",
     .env = "LEAT_LISTEN",
     .help = "where the page and the API are; port 0 takes a free one"},
    {.name = "s3",
     .type = LT_OPT_TEXT,
     LT_AT(up_opts, s3),
     .value = "ADDRESS:PORT",
     .env = "LEAT_S3_LISTEN",
     .help = "also answer S3 clients there, as 'leat store serve' does: 127.0.0.1:9000"},
    {.name = "tls-cert",
     .type = LT_OPT_TEXT,
     LT_AT(up_opts, tls_cert),
     .value = "FILE",
     .help = "serve https with this certificate (PEM, with its chain)"},
    {.name = "tls-key",
     .type = LT_OPT_TEXT,
     LT_AT(up_opts, tls_key),
     .value = "FILE",
     .help = "the certificate's private key (PEM)"},
    {.name = "backups",
     .type = LT_OPT_TEXT,
     LT_AT(up_opts, backups),
     .value = "DIR",
     .env = "LEAT_BACKUPS",
     .help = "where backups go that an admin asks for over the API; else none are made"},
    {.name = "insecure-listen",
     .type = LT_OPT_FLAG,
     LT_AT(up_opts, insecure_listen),
     .help = "listen for other machines without TLS, or while a one-time password is good"},
    {.name = "rate",
     .type = LT_OPT_INT,
     LT_AT(up_opts, per_minute),
     .value = "N",
     .preset = "1200",
     .min = 0,
     .max = 1000000,
     .help = "requests a minute that one user, token or address may send; 0: any number"},
};

/* ---- who may sign in ---- */

/* Is there somebody at all, and does an admin still have a password that was shown on a terminal? */
static lt_status look_at_users(lt_state *state, bool *none, bool *one_time, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_users users;
    LT_TRY(lt_user_list(state, &arena, &users, err));
    *none = users.len == 0;
    *one_time = false;
    for (size_t i = 0; i < users.len; i++)
        *one_time = *one_time || (users.items[i].must_change_password && !users.items[i].disabled &&
                                  users.items[i].role == LT_ROLE_ADMIN);
    return LT_OK;
}

static lt_status check_address(const up_opts *opts, const lt_listen *at, bool none, bool one_time,
                               lt_err *err)
{
    if (at->is_loopback || opts->insecure_listen)
        return LT_OK;
    if (!at->tls_cert) {
        lt_ignore(lt_fail(err, LT_DENIED,
                          "on %s others could read passwords and tokens on their way", at->host));
        return lt_hint(err, "give --tls-cert and --tls-key, or stand behind a proxy on this "
                            "machine; --insecure-listen does it anyway");
    }
    if (!none && !one_time)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "on %s anybody could try while %s", at->host,
                      none ? "there is no user yet" : "an admin has a one-time password"));
    return lt_hint(err, "'leat user add NAME --role admin', or start it on 127.0.0.1 first and "
                        "change the password there; --insecure-listen does it anyway");
}

static lt_status make_admin(lt_state *state, char password[LT_BEARER_CHARS], lt_err *err)
{
    lt_actor actor = {.by = T("leat up"), .from = T("terminal"), .at_us = lt_now_us()};
    if (!lt_password_make(password))
        return lt_fail(err, LT_IO, "no source of random numbers");
    return lt_user_add(state, &actor, T("admin"), lt_text_of(password), LT_ROLE_ADMIN, true, err);
}

/* ---- what is said ---- */

static void list_paused(const lt_schedule_records *paused, lt_buf *out)
{
    enum { MOST = 5 };
    if (paused->len)
        lt_buf_printf(out, ", %zu paused (", paused->len);
    for (size_t i = 0; i < paused->len && i < MOST; i++)
        lt_buf_printf(out, "%s%.*s", i ? ", " : "", LT_ARG(paused->items[i].pipeline));
    if (paused->len)
        lt_buf_add_str(out, paused->len > MOST ? ", ...)" : ")");
}

static lt_status say_started(lt_app *app, lt_sched *sched, const char *url, lt_err *err)
{
    lt_text wrong;
    lt_schedule_records paused = {0};
    LT_AUTO(lt_buf) rests = {0};
    size_t scheduled = 0;
    const lt_project *project = lt_sched_project(sched, &wrong);
    for (size_t i = 0; i < project->pipelines.len; i++)
        scheduled += project->pipelines.items[i].schedule.place.line != 0;
    size_t count = project->pipelines.len, bad = project->wrong.len;
    lt_status status = lt_sched_paused(project, lt_sched_state(sched), &app->arena, &paused, err);
    lt_sched_project_done(sched);
    LT_TRY(status);
    list_paused(&paused, &rests);
    lt_out_printf(&app->out,
                  "the server works on %s: %zu pipeline%s, %zu of them with a schedule%s; 'leat "
                  "status --schedules' shows them\n",
                  url, count, count == 1 ? "" : "s", scheduled, lt_buf_chars(&rests));
    if (bad)
        lt_out_printf(
            &app->out,
            "%zu file%s wrong, and what needs %s does not run until %s mended: see above\n", bad,
            bad == 1 ? " is" : "s are", bad == 1 ? "it" : "them", bad == 1 ? "it is" : "they are");
    return LT_OK;
}

/* Once, when there is nobody yet who could sign in. */
static void say_password(lt_app *app, const char *url, const char *password)
{
    const struct {
        const char *name, *value;
    } lines[] = {
        {"open", url},
        {"user", "admin"},
        {"password", password},
        {"", "good once: you are asked for another one"},
        {"lost it?", "leat user reset admin"},
    };
    enum { WIDTH = 60 };
    static const char rule[] = "------------------------------------------------------------";
    lt_out_printf(&app->out, "\n  +-%.*s-+\n", WIDTH, rule);
    for (size_t i = 0; i < LT_COUNT(lines); i++)
        lt_out_printf(&app->out, "  | %-10s %-*s |\n", lines[i].name, WIDTH - 11, lines[i].value);
    lt_out_printf(&app->out, "  +-%.*s-+\n", WIDTH, rule);
}

/* ---- the command ---- */

/* The process of a backup begins in another folder. */
static const char *absolute(lt_app *app, const char *path)
{
    char here[PATH_MAX];
    if (*path == '/' || !getcwd(here, sizeof(here)))
        return path;
    return lt_arena_format(&app->arena, "%s/%s", here, path);
}

static lt_status serve(lt_app *app, const up_opts *given, lt_sched *sched,
                       const lt_sched_options *of, lt_err *err)
{
    lt_listen at;
    bool none = false, one_time = false;
    char password[LT_BEARER_CHARS] = "";
    lt_listen s3_at;
    lt_s3_options s3_options = {.log_requests = app->globals.verbose};
    LT_AUTO(lt_app_face) face = {0};
    LT_AUTO(lt_api_ref) api = NULL;
    LT_TRY(lt_listen_read(app, given->listen, given->tls_cert, given->tls_key, &at, err));
    LT_TRY(look_at_users(lt_sched_state(sched), &none, &one_time, err));
    LT_TRY(check_address(given, &at, none, one_time, err));
    lt_api_options options = {.sched = sched,
                              .root = of->root,
                              .home = of->home,
                              .host = at.host,
                              .port = at.port,
                              .tls_cert = at.tls_cert,
                              .tls_key = at.tls_key,
                              .backups = given->backups ? absolute(app, given->backups) : NULL,
                              .per_minute = (unsigned)given->per_minute,
                              .log_requests = app->globals.verbose};
    LT_TRY(lt_listen_hint(lt_api_start(&options, &api, err), &at, "--listen", err));
    if (given->s3) {
        LT_TRY(lt_listen_read(app, given->s3, given->tls_cert, given->tls_key, &s3_at, err));
        LT_TRY(lt_listen_hint(lt_app_face_start(app, &s3_at, &s3_options, &face, err), &s3_at,
                              "--s3", err));
        lt_out_printf(&app->out, "S3 clients: %s\n", lt_s3_url(face.s3));
    }
    if (none)
        LT_TRY(make_admin(lt_sched_state(sched), password, err));
    LT_TRY(say_started(app, sched, lt_api_url(api), err));
    if (none)
        say_password(app, lt_api_url(api), password);
    LT_TRY(lt_out_flush(&app->out, err));
    lt_service_tell("READY=1");
    return lt_sched_run(sched, err);
}

static lt_status up(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const up_opts *given = opts;
    LT_AUTO(lt_sched_ref) sched = NULL;
    lt_sched_options options = {.most_runs = given->most_runs, .drain_us = given->drain_us};
    (void)args;
    LT_TRY(lt_app_project(app, &options.root, err));
    LT_TRY(lt_app_home(app, &options.home, err));
    lt_stop_on_signals();
    lt_cgroup_settle();
    LT_TRY(lt_sched_open(&options, &sched, err));
    return serve(app, given, sched, &options, err);
}

const lt_cmd lt_cmd_up = {
    .name = "up",
    .help = "begin runs when they are due, and serve the page and the API",
    .about =
        "Works until it is stopped (Ctrl-C, SIGTERM). Each tick of a schedule becomes one run, "
        "whatever happens to the server meanwhile: it may be killed and started again at any "
        "moment, and runs that lost their process are taken up where they were.\n"
        "Runs are processes of their own and outlive the server. Changed files are read at once; "
        "while one is wrong, runs of what needs it wait, and others go on. One server works in a "
        "home.\n"
        "The first start makes the user admin and shows a one-time password, once. It listens on "
        "this machine alone unless --listen says otherwise, and then wants TLS.",
    .examples = "leat up\nleat up --s3 127.0.0.1:9000\twith the store for S3 clients\nleat up "
                "--runs 4 --drain 5m\tfour runs at once; patience at the end\n"
                "leat up --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\tfor others\n",
    .group = LT_GROUP_RUN,
    .opts = up_table,
    .opt_count = LT_COUNT(up_table),
    .opts_size = sizeof(up_opts),
    .run = up,
};
