/* The settings of a task in pipelines/NAME.yml. A new one is a line here and a field in conf.h. */
#include "conf/tables.h"

#include <stdlib.h>

#define TASK(field) .offset = AT(lt_conf_task, field)

const char *const lt_conf_task_kinds[LT_DO_KINDS] = {
    [LT_DO_EXTRACT] = "extract",   [LT_DO_LOAD] = "load",         [LT_DO_BUILD] = "build",
    [LT_DO_TEST] = "test",         [LT_DO_SQL] = "sql",           [LT_DO_SHELL] = "shell",
    [LT_DO_PYTHON] = "python",     [LT_DO_NOTEBOOK] = "notebook", [LT_DO_HTTP] = "http",
    [LT_DO_NOTIFY] = "notify",     [LT_DO_WAIT] = "wait",         [LT_DO_APPROVE] = "approve",
    [LT_DO_PIPELINE] = "pipeline", [LT_DO_FOR_EACH] = "for_each", [LT_DO_CHOOSE] = "choose",
};

/* ---- http ---- */

static const lt_setting http_settings[] = {
    {.name = "url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_http, url),
     .required = true,
     .fits = lt_fits_http_url,
     .wanted = "an http:// or https:// URL",
     .help = "where to"},
    {.name = "method",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_http, method),
     .fallback = "GET",
     .fits = lt_fits_header_name,
     .wanted = "a method such as POST",
     .help = "GET, POST, ..."},
    {.name = "headers",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_http, headers),
     .fits = lt_fits_header_name,
     .wanted = "a header's name",
     .help = "sent with the request"},
    {.name = "body", .type = LT_SET_TEXT, .offset = AT(lt_conf_http, body), .help = "sent with it"},
    {.name = "expect",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_http, expect),
     .shown = "2xx",
     .help = "the statuses that are fine: `200`, `2xx`"},
};

static bool is_status(lt_text text)
{
    bool class = text.len == 3 && text.ptr[1] == 'x' && text.ptr[2] == 'x';
    int64_t number = 0;
    if (class)
        return text.ptr[0] >= '1' && text.ptr[0] <= '5';
    return lt_text_to_i64(text, &number) && number >= 100 && number <= 599;
}

static lt_status check_http(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                            lt_err *err)
{
    const lt_conf_http *http = made;
    for (size_t i = 0; i < http->expect.len; i++)
        if (!is_status(http->expect.items[i].raw))
            return lt_setting_fail(reader, lt_yaml_find(node, T("expect")), err,
                                   "'expect': expected statuses such as 200 or 2xx, got '%.*s'",
                                   LT_ARG(http->expect.items[i].raw));
    return LT_OK;
}

const lt_setting_group lt_conf_http_group = {.name = "'http'",
                                             .help = "A request. The answer is the task's output: "
                                                     "`status`, and `body` as JSON or text.",
                                             SETTINGS(http_settings),
                                             .size = sizeof(lt_conf_http),
                                             .place_offset = AT(lt_conf_http, place),
                                             .check = check_http};

/* ---- notify ---- */

static const lt_setting email_settings[] = {
    {.name = "smtp",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_email, smtp),
     .required = true,
     .help = "the server: `smtp://host:25`, `smtps://host:465`"},
    {.name = "username",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_email, username),
     .help = "there"},
    {.name = "password",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_email, password),
     .help = "`{{ secret('NAME') }}`"},
    {.name = "from",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_email, from),
     .required = true,
     .help = "the sender's address"},
    {.name = "to",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_email, to),
     .required = true,
     .templates = true,
     .help = "addresses"},
};
static const lt_setting_group email_group = {.name = "'email'",
                                             .help = "A mail, by SMTP.",
                                             SETTINGS(email_settings),
                                             .size = sizeof(lt_conf_email),
                                             .place_offset = AT(lt_conf_email, place)};

static const lt_setting notify_settings[] = {
    {.name = "webhook",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_notify, webhook),
     .fits = lt_fits_http_url,
     .wanted = "an http:// or https:// URL",
     .help = "gets a POST with JSON: project, pipeline, run, task, status, subject, message"},
    {.name = "slack",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_notify, slack),
     .fits = lt_fits_http_url,
     .wanted = "an http:// or https:// URL",
     .help = "an incoming webhook as Slack, Mattermost and others have: `{\"text\": ...}`"},
    {.name = "email",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_notify, email),
     .group = &email_group,
     .help = "a mail"},
    {.name = "sns",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_notify, sns),
     .fits = lt_fits_sns_topic,
     .wanted = "the ARN of a topic, such as arn:aws:sns:eu-west-2:123456789012:alerts",
     .help = "a topic of Amazon SNS, by the ARN; keys are found as the AWS tools do"},
    {.name = "subject",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_notify, subject),
     .fallback = "{{ pipeline }}: run {{ run_id }} {{ run_status }}",
     .help = "one line"},
    {.name = "message",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_notify, message),
     .fallback = "{{ run_summary }}",
     .help = "what is said; `{{ run_summary }}` names what failed, and why"},
};
static lt_status check_notify(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                              lt_err *err)
{
    const lt_conf_notify *notify = made;
    if (notify->webhook.raw.ptr || notify->slack.raw.ptr || notify->email.smtp.raw.ptr ||
        notify->sns.raw.ptr)
        return LT_OK;
    return lt_setting_fail(reader, node, err,
                           "'webhook', 'slack', 'email' or 'sns' is missing in 'notify'");
}

static const lt_setting_group notify_group = {.name = "'notify'",
                                              .help = "Tell people.",
                                              SETTINGS(notify_settings),
                                              .size = sizeof(lt_conf_notify),
                                              .place_offset = AT(lt_conf_notify, place),
                                              .check = check_notify};

/* ---- wait ---- */

static const lt_setting object_settings[] = {
    {.name = "bucket",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_object, bucket),
     .required = true,
     .help = "of the project's store; or `s3://NAME`, any bucket on S3"},
    {.name = "key",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_object, key),
     .required = true,
     .help = "of the object; `*` stands for any part but `/`, `**` for any part: `in/*.csv`"},
};
static const lt_setting_group object_group = {.name = "'object'",
                                              .help = "An object of the store.",
                                              SETTINGS(object_settings),
                                              .size = sizeof(lt_conf_object),
                                              .place_offset = AT(lt_conf_object, place)};

static const lt_setting wait_settings[] = {
    {.name = "for",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_wait, for_us),
     .max = MOST_WAIT,
     .help = "so long"},
    {.name = "until",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_wait, until),
     .help = "a moment (`2026-12-01T06:00:00Z`), or a time of the run's day in UTC (`06:00`)"},
    {.name = "object",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_wait, object),
     .group = &object_group,
     .help = "until it is there. Output: `key`, `size`, `count`"},
    {.name = "sql",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_wait, sql),
     .fits = lt_fits_set,
     .wanted = "a query",
     .help = "until the first value of its first row is true, or not 0. Output: `value`"},
    {.name = "http",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_wait, http),
     .group = &lt_conf_http_group,
     .help = "until the answer is one that is expected"},
    {.name = "every",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_wait, every_us),
     .fallback = "5s",
     .min = SECOND / 20,
     .max = DAY,
     .help = "how often it looks at first; the pause grows by half each time"},
    {.name = "at_most_every",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_wait, at_most_every_us),
     .fallback = "1m",
     .min = SECOND / 20,
     .max = DAY,
     .help = "up to this"},
    {.name = "deadline",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_wait, deadline_us),
     .min = SECOND / 20,
     .max = MOST_WAIT,
     .shown = "none",
     .help = "how long at most"},
    {.name = "fail",
     .type = LT_SET_SWITCH,
     .offset = AT(lt_conf_wait, fail),
     .fallback = "true",
     .help =
         "whether the task fails at the deadline; else it succeeds, and its output `late` is true"},
};
static const lt_setting_group wait_group = {
    .name = "'wait'",
    .help = "Wait, without holding a thread. `late` is in the output where there is a deadline.",
    SETTINGS(wait_settings),
    .size = sizeof(lt_conf_wait),
    .place_offset = AT(lt_conf_wait, place),
    .alone = {"for", "until", "object", "sql", "http"},
    .one_of_them = true};

/* ---- approve ---- */

static const lt_setting approve_settings[] = {
    {.name = "people",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_approve, people),
     .shown = "anybody",
     .help = "who may"},
    {.name = "roles",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_approve, roles),
     .help = "which roles may: `operator`, `editor`, `admin`"},
    {.name = "message",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_approve, message),
     .help = "what they are asked"},
    {.name = "timeout",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_approve, timeout_us),
     .min = SECOND / 20,
     .max = MOST_WAIT,
     .shown = "none",
     .help = "how long at most; then the task fails"},
};
static const lt_setting_group approve_group = {
    .name = "'approve'",
    .help = "Wait until somebody says `leat approve RUN TASK`. Output: `by`, `comment`.",
    SETTINGS(approve_settings),
    .size = sizeof(lt_conf_approve),
    .place_offset = AT(lt_conf_approve, place)};

/* ---- choose ---- */

static const lt_setting branch_settings[] = {
    {.name = "if",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_branch, condition),
     .expression = true,
     .shown = "otherwise",
     .help = "an expression: `outputs.count.rows > 0 and params.full`"},
    {.name = "then",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_branch, then),
     .help = "tasks that go on then; none: nothing does"},
};
static const lt_setting_group branch_group = {.name = "a branch",
                                              .help = "Tasks that go on when something is so.",
                                              SETTINGS(branch_settings),
                                              .size = sizeof(lt_conf_branch),
                                              .place_offset = AT(lt_conf_branch, place)};

/* ---- what tasks share ---- */

static const char *const return_words[] = {"nothing", "row", "rows"};
static const char *const when_words[] = {"success",     "failed",     "always",      "any",
                                         "none_failed", "all_failed", "some_success"};

#define SQL_SETTINGS                                                                               \
    {.name = "sql",                                                                                \
     .type = LT_SET_TEXT,                                                                          \
     TASK(command),                                                                                \
     .fits = lt_fits_set,                                                                          \
     .wanted = "a statement",                                                                      \
     .help = "a statement for the target. Rendered by each run. Output: `rows`, the number that "  \
             "changed"},                                                                           \
    {                                                                                              \
        .name = "returns", .type = LT_SET_CHOICE, TASK(returns), .fallback = "nothing",            \
        WORDS(return_words),                                                                       \
        .help = "of `sql`: `row` makes the first row the output; `rows` a list, `rows`"            \
    }

#define COMMAND_SETTINGS                                                                           \
    {.name = "shell",                                                                              \
     .type = LT_SET_TEXT,                                                                          \
     TASK(command),                                                                                \
     .fits = lt_fits_set,                                                                          \
     .wanted = "a command",                                                                        \
     .help = "a command for /bin/sh. Output: the JSON object that it writes to `$LEAT_OUTPUT`"},   \
        {.name = "python",                                                                         \
         .type = LT_SET_TEXT,                                                                      \
         TASK(command),                                                                            \
         .fits = lt_fits_set,                                                                      \
         .wanted = "a script",                                                                     \
         .help = "a script below the project (`scripts/clean.py`), or, over several lines, the "   \
                 "code itself"},                                                                   \
        {.name = "notebook",                                                                       \
         .type = LT_SET_TEXT,                                                                      \
         TASK(command),                                                                            \
         .fits = lt_fits_set,                                                                      \
         .wanted = "a notebook",                                                                   \
         .help = "a Jupyter notebook below the project, run with a kernel of its own "             \
                 "(`notebooks/report.ipynb`). Output: as of `python`"},                            \
        {.name = "interpreter",                                                                    \
         .type = LT_SET_TEXT,                                                                      \
         TASK(interpreter),                                                                        \
         .shown = "python3",                                                                       \
         .help = "of `python` and `notebook`: which Python, of the PATH or below the project "     \
                 "(`.venv/bin/python`)"},                                                          \
        {.name = "kernel",                                                                         \
         .type = LT_SET_WORD,                                                                      \
         TASK(kernel),                                                                             \
         .shown = "the one that the file names",                                                   \
         .help = "of `notebook`: which kernel, as `jupyter kernelspec list` names it"},            \
        {.name = "cell_timeout",                                                                   \
         .type = LT_SET_LENGTH,                                                                    \
         TASK(cell_timeout_us),                                                                    \
         .min = SECOND,                                                                            \
         .max = 30 * DAY,                                                                          \
         .shown = "none",                                                                          \
         .help = "of `notebook`: how long one cell may take"},                                     \
        {.name = "args",                                                                           \
         .type = LT_SET_TEXTS,                                                                     \
         TASK(args),                                                                               \
         .templates = true,                                                                        \
         .help = "of `python`: its arguments"},                                                    \
        {.name = "env",                                                                            \
         .type = LT_SET_PAIRS,                                                                     \
         TASK(env),                                                                                \
         .fits = lt_fits_identifier,                                                               \
         .wanted = "a variable's name",                                                            \
         .help = "of commands: more environment variables"},                                       \
        {.name = "cwd",                                                                            \
         .type = LT_SET_TEXT,                                                                      \
         TASK(cwd),                                                                                \
         .shown = "the project",                                                                   \
         .help = "of commands: the folder they run in"},                                           \
        {.name = "memory",                                                                         \
         .type = LT_SET_SIZE,                                                                      \
         TASK(memory_bytes),                                                                       \
         .min = (int64_t)(4 * LT_MIB),                                                             \
         .max = MOST_MEMORY,                                                                       \
         .shown = "no limit",                                                                      \
         .help = "of commands: the most memory; who takes more is ended"},                         \
        {.name = "cpu",                                                                            \
         .type = LT_SET_WORD,                                                                      \
         TASK(cpu.raw),                                                                            \
         .shown = "no limit",                                                                      \
         .help = "of commands: cores, such as `0.5` or `2`; without a delegated cgroup, whole "    \
                 "ones"},                                                                          \
        {.name = "processes",                                                                      \
         .type = LT_SET_INT,                                                                       \
         TASK(processes),                                                                          \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .shown = "the pipeline's",                                                                \
         .help = "of commands: the most processes at once; who makes more is ended"},              \
        {.name = "grace",                                                                          \
         .type = LT_SET_LENGTH,                                                                    \
         TASK(grace_us),                                                                           \
         .max = DAY,                                                                               \
         .shown = "the pipeline's",                                                                \
         .help = "of commands: the time between SIGTERM and SIGKILL"},                             \
    {                                                                                              \
        .name = "log", .type = LT_SET_SIZE, TASK(log_bytes), .min = (int64_t)(64 * LT_KIB),        \
        .max = (int64_t)1 << 40, .shown = "the pipeline's",                                        \
        .help = "of commands: how much output is kept: the first third, and the newest"            \
    }

#define OTHER_LEAF_SETTINGS                                                                        \
    {.name = "http",                                                                               \
     .type = LT_SET_GROUP,                                                                         \
     TASK(http),                                                                                   \
     .group = &lt_conf_http_group,                                                                 \
     .help = "a request to a web server"},                                                         \
        {.name = "notify",                                                                         \
         .type = LT_SET_GROUP,                                                                     \
         TASK(notify),                                                                             \
         .group = &notify_group,                                                                   \
         .help = "tell people"},                                                                   \
        {.name = "pipeline",                                                                       \
         .type = LT_SET_TEXT,                                                                      \
         TASK(command),                                                                            \
         .fits = lt_fits_set,                                                                      \
         .wanted = "a pipeline's name",                                                            \
         .help = "run another pipeline, and wait for its end. Output: `run`, `status`"},           \
        {.name = "params",                                                                         \
         .type = LT_SET_PAIRS,                                                                     \
         TASK(params),                                                                             \
         .help = "of `pipeline`: its parameters; of `notebook`: variables, set behind its cell "   \
                 "that is tagged `parameters`"},                                                   \
        {.name = "fire",                                                                           \
         .type = LT_SET_SWITCH,                                                                    \
         TASK(wait_for_it),                                                                        \
         .fallback = "false",                                                                      \
         .help = "of `pipeline`: only start it"},                                                  \
    {                                                                                              \
        .name = "after", .type = LT_SET_TEXTS, TASK(after),                                        \
        .help = "tasks or selectors that must have ended before"                                   \
    }

#define RETRY_SETTINGS                                                                             \
    {.name = "retries",                                                                            \
     .type = LT_SET_INT,                                                                           \
     TASK(retries),                                                                                \
     .max = 100,                                                                                   \
     .shown = "the pipeline's",                                                                    \
     .help = "how often it is tried again; written here, an exit code that is not 0 counts too"},  \
        {.name = "backoff",                                                                        \
         .type = LT_SET_LENGTH,                                                                    \
         TASK(backoff_us),                                                                         \
         .max = DAY,                                                                               \
         .shown = "the pipeline's",                                                                \
         .help = "the pause before the first retry; it doubles, with full jitter"},                \
        {.name = "backoff_max",                                                                    \
         .type = LT_SET_LENGTH,                                                                    \
         TASK(backoff_max_us),                                                                     \
         .max = DAY,                                                                               \
         .shown = "the pipeline's",                                                                \
         .help = "the longest pause"},                                                             \
        {.name = "retry_on",                                                                       \
         .type = LT_SET_TEXTS,                                                                     \
         TASK(retry_on),                                                                           \
         .shown = "io, conflict, timeout, lost",                                                   \
         .help = "which errors are tried again: `io`, `conflict`, `timeout`, `lost`, `memory`, "   \
                 "`failed`, `exit:75`, `exit:100-110`, `any`"},                                    \
        {.name = "retry_never",                                                                    \
         .type = LT_SET_TEXTS,                                                                     \
         TASK(retry_never),                                                                        \
         .help = "which are not, whatever `retry_on` says"},                                       \
        {.name = "timeout",                                                                        \
         .type = LT_SET_LENGTH,                                                                    \
         TASK(timeout_us),                                                                         \
         .min = SECOND / 20,                                                                       \
         .max = 30 * DAY,                                                                          \
         .shown = "the pipeline's",                                                                \
         .help = "how long an attempt may take"},                                                  \
        {.name = "pool",                                                                           \
         .type = LT_SET_WORD,                                                                      \
         TASK(pool),                                                                               \
         .help = "begin only with places of this pool (`pools:` in leat.yml)"},                    \
        {.name = "places",                                                                         \
         .type = LT_SET_INT,                                                                       \
         TASK(places),                                                                             \
         .fallback = "1",                                                                          \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .help = "how many of them"},                                                              \
    {                                                                                              \
        .name = "priority", .type = LT_SET_INT, TASK(priority), .fallback = "0", .min = -1000,     \
        .max = 1000, .help = "who has more comes first in the pool"                                \
    }

/* ---- what a key belongs to ---- */

#define DO(kind) (1U << LT_DO_##kind)
#define SELECTIONS (DO(EXTRACT) | DO(LOAD) | DO(BUILD) | DO(TEST))
#define PYTHONS (DO(PYTHON) | DO(NOTEBOOK))
#define COMMANDS (DO(SHELL) | PYTHONS)
#define TRIED (SELECTIONS | DO(SQL) | COMMANDS | DO(HTTP) | DO(NOTIFY) | DO(PIPELINE))

static const struct {
    const char *key;
    unsigned kinds;
} belongs[] = {
    {"returns", DO(SQL)},
    {"args", DO(PYTHON)},
    {"interpreter", PYTHONS},
    {"kernel", DO(NOTEBOOK)},
    {"cell_timeout", DO(NOTEBOOK)},
    {"env", COMMANDS},
    {"cwd", COMMANDS},
    {"memory", COMMANDS},
    {"cpu", COMMANDS},
    {"processes", COMMANDS},
    {"grace", COMMANDS},
    {"log", COMMANDS},
    {"params", DO(PIPELINE) | DO(NOTEBOOK)},
    {"fire", DO(PIPELINE)},
    {"retries", TRIED},
    {"backoff", TRIED},
    {"backoff_max", TRIED},
    {"retry_on", TRIED},
    {"retry_never", TRIED},
    {"timeout", TRIED & ~DO(PIPELINE)},
    {"pool", TRIED},
    {"places", TRIED},
    {"priority", TRIED},
};

static lt_status check_belongings(const lt_conf_reader *reader, const lt_conf_task *task,
                                  const lt_yaml *node, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(belongs); i++) {
        const lt_yaml *written = lt_yaml_find(node, lt_text_of(belongs[i].key));
        if (written && !(belongs[i].kinds >> task->kind & 1U))
            return lt_setting_fail(reader, written, err, "'%s' does nothing in a task that is '%s'",
                                   belongs[i].key, lt_conf_task_kinds[task->kind]);
    }
    return LT_OK;
}

/* -1 stands for what was not written. */
static void mark_missing(lt_conf_task *task, const lt_yaml *node)
{
    const struct {
        const char *key;
        int64_t *field;
    } numbers[] = {
        {"retries", &task->retries},
        {"backoff", &task->backoff_us},
        {"backoff_max", &task->backoff_max_us},
        {"timeout", &task->timeout_us},
        {"grace", &task->grace_us},
        {"memory", &task->memory_bytes},
        {"processes", &task->processes},
        {"log", &task->log_bytes},
    };
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        if (!lt_yaml_find(node, lt_text_of(numbers[i].key)))
            *numbers[i].field = -1;
    task->has_retries = lt_yaml_find(node, T("retries")) != NULL;
}

static bool is_exit_range(lt_text text)
{
    int64_t from = 0, to = 0;
    size_t dash = lt_text_find_byte(text, '-', 0);
    if (!lt_text_to_i64(lt_text_sub(text, 0, dash), &from))
        return false;
    if (dash != SIZE_MAX && !lt_text_to_i64(lt_text_sub(text, dash + 1, SIZE_MAX), &to))
        return false;
    return from >= 1 && from <= 255 && (dash == SIZE_MAX || (to >= from && to <= 255));
}

static bool is_error_word(lt_text word)
{
    static const char *const words[] = {"io",     "conflict", "timeout", "lost",
                                        "memory", "failed",   "any",     NULL};
    for (size_t i = 0; words[i]; i++)
        if (lt_text_eq(word, lt_text_of(words[i])))
            return true;
    return lt_text_starts(word, T("exit:")) && is_exit_range(lt_text_sub(word, 5, SIZE_MAX));
}

static lt_status check_errors(const lt_conf_reader *reader, const lt_yaml *node, const char *key,
                              const lt_conf_texts *words, lt_err *err)
{
    for (size_t i = 0; i < words->len; i++) {
        if (is_error_word(words->items[i].raw))
            continue;
        lt_ignore(lt_setting_fail(reader, lt_yaml_find(node, lt_text_of(key)), err,
                                  "'%s': '%.*s' is no kind of error", key,
                                  LT_ARG(words->items[i].raw)));
        return lt_hint(err, "there are io, conflict, timeout, lost, memory, failed, exit:N, "
                            "exit:N-M and any");
    }
    return LT_OK;
}

static lt_status read_cpu(const lt_conf_reader *reader, lt_conf_task *task, const lt_yaml *node,
                          lt_err *err)
{
    double cores = 0;
    if (!task->cpu.raw.len)
        return LT_OK;
    if (!lt_text_to_double(task->cpu.raw, &cores) || cores < 0.01 || cores > 1024)
        return lt_setting_fail(reader, lt_yaml_find(node, T("cpu")), err,
                               "'cpu': expected a number of cores such as 0.5, got '%.*s'",
                               LT_ARG(task->cpu.raw));
    task->cpu_thousandths = (int64_t)(cores * 1000 + 0.5);
    return LT_OK;
}

static lt_status check_branches(const lt_conf_reader *reader, const lt_conf_task *task,
                                const lt_yaml *node, lt_err *err)
{
    for (size_t i = 0; i + 1 < task->choose.len; i++)
        if (!task->choose.items[i].condition.raw.ptr)
            return lt_setting_fail(reader, lt_yaml_find(node, T("choose"))->items[i], err,
                                   "a branch without 'if' is always taken: it must be the last");
    return LT_OK;
}

static lt_status check_items(const lt_conf_reader *reader, const lt_conf_task *task,
                             const lt_yaml *node, lt_err *err)
{
    const lt_yaml *each = lt_yaml_find(node, T("for_each"));
    const lt_yaml *items = task->for_each.items;
    if (!task->for_each.tasks.len)
        return lt_setting_fail(reader, each, err, "'tasks' of 'for_each' is empty");
    if (!items || items->kind == LT_YAML_SEQUENCE ||
        (items->kind == LT_YAML_SCALAR && lt_conf_is_template(items->text)))
        return LT_OK;
    return lt_setting_fail(reader, items, err,
                           "'items': expected a list, or a template that gives one, got %s",
                           lt_yaml_name(items));
}

static lt_status check_variables(lt_conf_task *task, const lt_yaml *node, lt_err *err)
{
    task->params_node = lt_yaml_find(node, T("params"));
    for (size_t i = 0; i < task->params.len; i++)
        if (!lt_fits_identifier(task->params.items[i].name))
            return lt_conf_fail(task->params.items[i].value.place, err,
                                "'%.*s' cannot be a variable of a notebook",
                                LT_ARG(task->params.items[i].name));
    return LT_OK;
}

static lt_status check_task(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                            lt_err *err)
{
    lt_conf_task *task = made;
    for (size_t i = 0; i < LT_DO_KINDS; i++)
        if (lt_yaml_find(node, lt_text_of(lt_conf_task_kinds[i])))
            task->kind = (lt_conf_task_kind)i;
    const char *key = lt_conf_task_kinds[task->kind];
    const lt_yaml *written = lt_yaml_find(node, lt_text_of(key));
    bool is_text =
        task->kind == LT_DO_SQL || (COMMANDS >> task->kind & 1U) || task->kind == LT_DO_PIPELINE;
    if ((is_text && !lt_text_trim(task->command.raw).len) ||
        ((SELECTIONS >> task->kind & 1U) && !task->selection.len))
        return lt_setting_fail(reader, written, err, "'%s' is empty", key);
    LT_TRY(check_belongings(reader, task, node, err));
    mark_missing(task, node);
    if (task->kind == LT_DO_NOTEBOOK)
        LT_TRY(check_variables(task, node, err));
    LT_TRY(read_cpu(reader, task, node, err));
    LT_TRY(check_errors(reader, node, "retry_on", &task->retry_on, err));
    LT_TRY(check_errors(reader, node, "retry_never", &task->retry_never, err));
    if (task->kind == LT_DO_CHOOSE)
        LT_TRY(check_branches(reader, task, node, err));
    return task->kind == LT_DO_FOR_EACH ? check_items(reader, task, node, err) : LT_OK;
}

/* ---- for_each ---- */

static const lt_setting item_task_settings[] = {SQL_SETTINGS, COMMAND_SETTINGS, OTHER_LEAF_SETTINGS,
                                                RETRY_SETTINGS};
static const char *const item_later[] = {"glue", "emr", NULL};
const lt_setting_group lt_conf_item_task_group = {
    .name = "a task of an item",
    .help = "One step for each item; `after` names tasks of the same item.",
    SETTINGS(item_task_settings),
    .size = sizeof(lt_conf_task),
    .place_offset = AT(lt_conf_task, place),
    .alone = {"sql", "shell", "python", "notebook", "http", "notify", "pipeline"},
    .one_of_them = true,
    .later = item_later,
    .check = check_task};

static const lt_setting each_settings[] = {
    {.name = "items",
     .type = LT_SET_NODE,
     .any = true,
     .offset = AT(lt_conf_for_each, items),
     .wanted = "a list, or a template that gives one",
     .help = "a list, or a template that gives one: `{{ outputs.list.files }}`"},
    {.name = "query",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_for_each, query),
     .fits = lt_fits_set,
     .wanted = "a query",
     .help = "a query of the target: its rows are the items, mappings of column to value"},
    {.name = "as",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_for_each, as),
     .fallback = "item",
     .fits = lt_conf_is_snake_case,
     .wanted = "a name in snake_case",
     .help = "what an item is called in templates; its number is `index`, from 0"},
    {.name = "parallel",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_for_each, parallel),
     .fallback = "4",
     .min = 1,
     .max = 1000,
     .help = "how many items at once"},
    {.name = "tasks",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_for_each, tasks),
     .group = &lt_conf_item_task_group,
     .required = true,
     .help = "what is done for each"},
};
static const lt_setting_group each_group = {.name = "'for_each'",
                                            .help = "The same for each of a list of items.",
                                            SETTINGS(each_settings),
                                            .size = sizeof(lt_conf_for_each),
                                            .place_offset = AT(lt_conf_for_each, place),
                                            .alone = {"items", "query"},
                                            .one_of_them = true};

/* ---- tasks ---- */

static const lt_setting task_settings[] = {
    {.name = "extract",
     .type = LT_SET_TEXTS,
     TASK(selection),
     .help = "selectors of what is extracted"},
    {.name = "load", .type = LT_SET_TEXTS, TASK(selection), .help = "selectors of what is loaded"},
    {.name = "build",
     .type = LT_SET_TEXTS,
     TASK(selection),
     .help = "selectors of models, with their tests: `+marts`"},
    {.name = "test", .type = LT_SET_TEXTS, TASK(selection), .help = "selectors of tests"},
    SQL_SETTINGS,
    COMMAND_SETTINGS,
    {.name = "wait",
     .type = LT_SET_GROUP,
     TASK(wait),
     .group = &wait_group,
     .help = "wait for a moment, an object, a condition"},
    {.name = "approve",
     .type = LT_SET_GROUP,
     TASK(approve),
     .group = &approve_group,
     .help = "wait until somebody agrees"},
    {.name = "for_each",
     .type = LT_SET_GROUP,
     TASK(for_each),
     .group = &each_group,
     .help = "the same for each of a list of items. Output: `count`, `succeeded`, `failed`"},
    {.name = "choose",
     .type = LT_SET_LIST,
     .offset = AT(lt_conf_task, choose),
     .group = &branch_group,
     .help = "the first branch whose `if` is true goes on; tasks that only other branches name "
             "are skipped. Output: `branch`, from 0"},
    OTHER_LEAF_SETTINGS,
    {.name = "when",
     .type = LT_SET_CHOICE,
     TASK(when),
     .fallback = "success",
     WORDS(when_words),
     .help = "what must have become of the tasks before: `success` all succeeded; `failed` one "
             "failed; `always` all ended; `any` one succeeded; `none_failed` none failed, skipped "
             "on purpose is fine; `some_success` also one succeeded; `all_failed`"},
    RETRY_SETTINGS,
};
static const char *const task_later[] = {"glue", "emr", NULL};

const lt_setting_group lt_conf_task_group = {
    .name = "a task",
    .help = "One step that references cannot say.",
    SETTINGS(task_settings),
    .size = sizeof(lt_conf_task),
    .place_offset = AT(lt_conf_task, place),
    .alone = {"extract", "load", "build", "test", "sql", "shell", "python", "notebook", "http",
              "notify", "wait", "approve", "pipeline", "for_each", "choose"},
    .one_of_them = true,
    .later = task_later,
    .check = check_task};
