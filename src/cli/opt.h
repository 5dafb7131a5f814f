/* opt.h - the options of a command, as a table, and the reading of a command line against tables.
 *
 * The habits are GNU's: --name=value, --name value, -nvalue, -n value, -abc for three flags, "--" ends the options, options
 * may stand behind arguments. Names are not abbreviated. Values land in a struct of the command at the table's offsets. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef LT_VEC(const char *) lt_strings;

typedef enum lt_opt_type {
    LT_OPT_FLAG,   /* bool; takes no value */
    LT_OPT_TEXT,   /* const char *, borrowed from the command line */
    LT_OPT_CHOICE, /* const char *: one word of `choices` */
    LT_OPT_INT,    /* int64_t from `min` to `max` */
    LT_OPT_SIZE,   /* int64_t bytes: "2GiB" */
    LT_OPT_LENGTH, /* int64_t microseconds: "1h30m", "10" is seconds */
    LT_OPT_LIST,   /* lt_strings: may be given several times */
} lt_opt_type;

typedef struct lt_opt {
    const char *name; /* "full-refresh" for --full-refresh */
    char letter;      /* 'f' for -f; 0: none */
    lt_opt_type type;
    size_t offset, size; /* by LT_AT() */
    const char *
        value; /* what help calls the value: "N", "DIR" (completes folders), "FILE" (completes files) */
    const char *choices; /* "table json csv" */
    const char *
        preset; /* the value when nothing is given, as text; NULL: zero; of a length also "never": -1 */
    const char *env;  /* this environment variable, when set and not empty, comes before `preset` */
    int64_t min, max; /* LT_OPT_INT; both 0: any */
    const char *help; /* one line, lower case, no dot */
    bool hidden;
} lt_opt;

/* Where the value goes: `{.name = "threads", LT_AT(run_opts, threads), ...}` */
#define LT_AT(type_, field_)                                                                       \
    .offset = offsetof(type_, field_), .size = sizeof(((type_ *)NULL)->field_)

/* A table and the struct that it fills. */
typedef struct lt_opt_set {
    const lt_opt *opts;
    size_t count;
    void *values; /* zeroed by the caller */
} lt_opt_set;

typedef struct lt_opt_reader {
    lt_opt_set sets[2]; /* the global options, the command's */
    size_t set_count;
    lt_arena *arena;     /* holds the lists */
    const char *command; /* for messages: "leat store ls" */
} lt_opt_reader;

/* Set presets and environment values of one table. LT_INVALID: an environment variable holds no such value. */
LT_MUST_CHECK lt_status lt_opts_preset(const lt_opt_reader *reader, size_t set, lt_err *err);

/* Read words; what is no option goes to `args`. With `to_first_arg` it stops in front of the first of these. *used is the
 * number of words read. LT_INVALID names the option and the nearest one. */
LT_MUST_CHECK lt_status lt_opts_read(const lt_opt_reader *reader, size_t count,
                                     const char *const *words, bool to_first_arg, size_t *used,
                                     lt_strings *args, lt_err *err);
