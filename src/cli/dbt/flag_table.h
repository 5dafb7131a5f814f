/* cli/dbt/flag_table.h - what `leat dbt` takes, as tables: who reads the command line, writes `flags` of templates, and helps, looks here. */
#pragma once
#include "cli/dbt/flags.h"

typedef enum dbt_flag_type {
    DBT_FLAG_SWITCH,
    DBT_FLAG_TEXT,
    DBT_FLAG_WORDS,
    DBT_FLAG_NUMBER,
    DBT_FLAG_INERT, /* taken because scripts give it; what it would change is not there in this program */
    DBT_FLAG_INERT_TEXT
} dbt_flag_type;

/* Where help has an option: below its command, or with its like. */
typedef enum dbt_flag_section {
    DBT_FLAGS_OWN,
    DBT_FLAGS_NODES,
    DBT_FLAGS_STATE,
    DBT_FLAGS_WORK,
    DBT_FLAGS_WHERE,
    DBT_FLAGS_LINES,
    DBT_FLAGS_SECTIONS
} dbt_flag_section;

typedef struct dbt_flag {
    const char *name;  /* of the switch; --no-NAME turns it off */
    const char *other; /* a second name, or NULL */
    char letter;
    dbt_flag_type type;
    size_t offset;     /* in dbt_flags */
    const char *env;   /* without DBT_; NULL: none */
    unsigned verbs;    /* bits; 0: all */
    const char *help;  /* NULL: not told */
    const char *value; /* what help calls it; of those that take one */
    dbt_flag_section section;
} dbt_flag;

typedef struct dbt_verb_row {
    const char *name, *second; /* "source freshness" is two words */
    dbt_verb verb;
    const char *help;
    const char *args, *examples; /* as of lt_cmd, or NULL */
} dbt_verb_row;

#define DBT_NO_NUMBER INT64_MIN

extern const dbt_flag dbt_flag_table[];
extern const char *const
    dbt_other_variables[]; /* names behind DBT_ that are dbt's and no option here; NULL ends them */
extern const size_t dbt_flag_count;
extern const dbt_verb_row dbt_verbs[]; /* the name that messages use comes first */
extern const size_t dbt_verb_count;

/* "full_refresh" of --full-refresh. */
const char *dbt_flag_key(const dbt_flag *f, lt_arena *arena);
