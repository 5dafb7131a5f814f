/* cli/dbt/log.h - the lines that `leat dbt` writes, in dbt's shapes: text "12:34:56  Running with dbt=...", or one JSON object each.
 *
 * Any thread may call. Lines go to standard output and to logs/dbt.log. */
#pragma once
#include "base/log.h"
#include "cli/cmd.h"
#include "dbt/artifacts/artifacts.h"

#include <pthread.h>

/* Around words that are shown in color; taken out again where there is none. */
#define DBT_RED "\033[31m"
#define DBT_GREEN "\033[32m"
#define DBT_YELLOW "\033[33m"
#define DBT_PLAIN "\033[0m"

typedef struct dbt_log {
    lt_out *out; /* borrowed */
    bool json, json_file, quiet, colors, colors_file;
    bool details, details_file; /* the "debug" format: date, level and thread before each line */
    bool is_silent;             /* --log-level none */
    lt_log_level level, file_level; /* what is shown, and kept */
    size_t file_most_bytes;         /* a longer dbt.log becomes dbt.log.1; 0: never */
    const char *invocation_id;
    const lt_dbt_invocation
        *invocation; /* what it names of the environment is in each line of JSON */
    int fd;          /* of dbt.log; -1: none */
    pthread_mutex_t lock;
} dbt_log;

/* One line. `code` and `name` are those of dbt's event ("Z023", "StatsLine"). */
void dbt_say(dbt_log *log, lt_log_level level, const char *code, const char *name,
             const char *format, ...) LT_PRINTF(5, 6);
/* The same about something: `data` is what `data` of a line of JSON has beside the message, members without the braces. */
void dbt_say_of(dbt_log *log, lt_log_level level, const char *code, const char *name, lt_text data,
                const char *format, ...) LT_PRINTF(6, 7);
/* Whether `data` is written anywhere. */
bool dbt_log_has_data(const dbt_log *log);
/* A result for programs: shown even when quiet, without a time. */
void dbt_say_plain(dbt_log *log, lt_text line);
/* The same under dbt's event: `head` (may be empty) goes before it, a line, unless quiet. */
void dbt_say_shown(dbt_log *log, const char *code, const char *name, lt_text head, lt_text body);
/* Open FOLDER/dbt.log for appending, a long one put aside as dbt.log.1; without a folder the file is left out. */
void dbt_log_open(dbt_log *log, const char *folder);
void dbt_log_close(dbt_log *log);
