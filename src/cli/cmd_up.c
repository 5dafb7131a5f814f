/* leat up: the server that begins runs when they are due. */
#include "cli/cmd.h"

#include "base/proc.h"
#include "sched/server.h"

typedef struct up_opts {
    int64_t most_runs, drain_us;
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
};

static lt_status say_started(lt_app *app, lt_sched *sched, lt_err *err)
{
    lt_text wrong;
    size_t scheduled = 0;
    const lt_project *project = lt_sched_project(sched, &wrong);
    for (size_t i = 0; i < project->pipelines.len; i++)
        scheduled += project->pipelines.items[i].schedule.place.line != 0;
    size_t count = project->pipelines.len;
    lt_sched_project_done(sched);
    lt_out_printf(&app->out,
                  "the server works: %zu pipeline%s, %zu of them with a schedule; 'leat status "
                  "--schedules' shows them\n",
                  count, count == 1 ? "" : "s", scheduled);
    return lt_out_flush(&app->out, err);
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
    LT_TRY(lt_sched_open(&options, &sched, err));
    LT_TRY(say_started(app, sched, err));
    return lt_sched_run(sched, err);
}

const lt_cmd lt_cmd_up = {
    .name = "up",
    .help = "begin runs when their schedules say so",
    .about =
        "Works until it is stopped (Ctrl-C, SIGTERM). Each tick of a schedule becomes one run, "
        "whatever happens to the server meanwhile: it may be killed and started again at any "
        "moment, and runs that lost their process are taken up where they were.\n"
        "Runs are processes of their own and outlive the server. Changed files are read at once; "
        "while they are wrong, schedules go on as they were and their runs wait. One server works "
        "in a home.",
    .examples = "leat up\nleat up --runs 4 --drain 5m\tfour runs at once; patience at the end\n",
    .group = LT_GROUP_RUN,
    .opts = up_table,
    .opt_count = LT_COUNT(up_table),
    .opts_size = sizeof(up_opts),
    .run = up,
};
