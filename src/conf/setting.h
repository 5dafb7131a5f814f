/* setting.h - tables of settings: what a mapping in a file may hold. For conf/ alone.
 *
 * One table serves the reader (setting.c), the JSON Schemas (schema.c) and the reference (reference.c). Tables nest: a group
 * holds settings, a setting may hold a group. They are written down in tables.c and never cyclic. */
#pragma once
#include "base/map.h"
#include "conf/conf.h"

typedef struct lt_setting_group lt_setting_group;

typedef enum lt_setting_type {
    LT_SET_NAME,  /* lt_text, snake_case; its place becomes that of the group */
    LT_SET_WORD,  /* lt_text, never a template */
    LT_SET_TEXT,  /* lt_conf_text: may be a template, rendered when used */
    LT_SET_TEXTS, /* lt_conf_texts: a list of words, or one; never templates (unless `templates`) */
    LT_SET_INT,   /* int64_t, min to max. This and the next four: templates are rendered at load */
    LT_SET_LENGTH, /* int64_t, microseconds; min to max */
    LT_SET_SIZE,   /* int64_t, bytes; min to max */
    LT_SET_CHOICE, /* an enum: the index of the word */
    LT_SET_SWITCH, /* lt_conf_yes_no_auto: true, false, or auto */
    LT_SET_PATH,   /* lt_json_path */
    LT_SET_PAIRS,  /* lt_conf_pairs */
    LT_SET_VALUES, /* lt_conf_values */
    LT_SET_NODE,   /* const lt_yaml *: a mapping as it is (`any`: anything) */
    LT_SET_GROUP,  /* a struct inside the struct */
    LT_SET_LIST,   /* {items, len, cap} of structs */
    LT_SET_MAP,    /* the same, from a mapping: each key is the name */
} lt_setting_type;

typedef struct lt_setting {
    const char *name;
    lt_setting_type type;
    size_t offset;
    const char *help; /* a phrase; Markdown */
    bool required;
    const char *fallback;     /* the default, as people would write it */
    const char *shown;        /* what the reference says about the default instead */
    int64_t min, max;         /* both 0: no bounds */
    const char *const *words; /* of a choice */
    size_t word_count;
    const lt_setting_group *group;
    unsigned
        kinds; /* bit set of the group's discriminator; 0: all. Then the same name may stand several times */
    bool templates, any; /* see above */
    bool expression;     /* of a text: without braces it is one, too */
    const char *
        short_for; /* of a group: a scalar stands for a mapping with only this key; NULL: it must be a mapping */
    bool (*fits)(lt_text value); /* of words and texts that are no templates; with: */
    const char *wanted;          /* "expected <wanted>" */
} lt_setting;

/* What a check after reading knows. */
typedef struct lt_conf_reader {
    const char *file;
    lt_arena *arena;
    const lt_project_options *options; /* may be NULL */
} lt_conf_reader;

struct lt_setting_group {
    const char *name; /* "a source", for messages */
    const char *help;
    const lt_setting *settings;
    size_t count;
    size_t size;               /* of the struct */
    size_t place_offset;       /* of its lt_conf_place; SIZE_MAX: none */
    const char *discriminator; /* the choice that says which settings are there; NULL: none */
    const char *alone[20];     /* of these settings at most one, exactly one if `one_of_them` */
    bool one_of_them;
    const char *const *later; /* names that will come, ends with NULL */
    /* Whatever the table cannot say. */
    lt_status (*check)(const lt_conf_reader *reader, void *made, const lt_yaml *node, lt_err *err);
};

/* Read a mapping into the zeroed struct `made`. */
LT_MUST_CHECK lt_status lt_setting_read(const lt_conf_reader *reader, const lt_setting_group *group,
                                        const lt_yaml *node, void *made, lt_err *err);
/* Is the setting there for the kind with this index? `kind` < 0: for any. */
bool lt_setting_is_for(const lt_setting *setting, int kind);
/* Does nothing at all behind its key count as not written? */
bool lt_setting_may_be_empty(const lt_setting *setting);
/* The discriminator's setting, or NULL. */
const lt_setting *lt_setting_discriminator(const lt_setting_group *group);
/* LT_INVALID at a node. */
LT_MUST_CHECK lt_status lt_setting_fail(const lt_conf_reader *reader, const lt_yaml *node,
                                        lt_err *err, const char *format, ...) LT_PRINTF(4, 5);
/* "a whole number from 1 to 64", "a length of time such as 10m", ... */
void lt_setting_describe(const lt_setting *setting, lt_buf *out);
bool lt_conf_is_template(lt_text text);
bool lt_conf_is_snake_case(lt_text text);
lt_conf_place lt_conf_place_of(const lt_conf_reader *reader, const lt_yaml *node);

extern const lt_setting_group lt_conf_project_group, lt_conf_source_group, lt_conf_pipeline_group,
    lt_conf_calendar_group, lt_conf_schedule_group, lt_conf_http_group, lt_conf_trigger_group,
    lt_conf_task_group, lt_conf_item_task_group;

/* ---- table_calendar.c ---- */
/* The zone of this name; an error is placed at `timezone` in the mapping. An empty name changes nothing. */
LT_MUST_CHECK lt_status lt_conf_read_zone(const lt_conf_reader *reader, const lt_yaml *node,
                                          lt_text name, const lt_zone **out, lt_err *err);

/* ---- table_trigger.c ---- */
/* Do the triggers give the parameters that there are, and all that have no default? */
LT_MUST_CHECK lt_status lt_conf_check_triggers(const lt_conf_triggers *triggers,
                                               const lt_conf_params *params, lt_err *err);

/* What tasks say of each other: `after` in no circle, branches and tasks of items that are there. A word of `after` that is no task selects
 * nodes, and is looked at when a run is planned. */
LT_MUST_CHECK lt_status lt_conf_check_order(const lt_conf_pipeline *pipeline, lt_err *err);
/* What tasks and triggers name of the project: pools; targets; pipelines that they call (those of `wrong` count);
 * pipelines that only call each other. */
LT_MUST_CHECK lt_status lt_conf_check_pools(const lt_project *project,
                                            const lt_conf_pipeline *pipeline, lt_err *err);
LT_MUST_CHECK lt_status lt_conf_check_targets(const lt_project *project,
                                              const lt_conf_pipeline *pipeline, lt_err *err);
LT_MUST_CHECK lt_status lt_conf_check_calls(const lt_project *project,
                                            const lt_conf_pipeline *pipeline, lt_err *err);
LT_MUST_CHECK lt_status lt_conf_check_circle(const lt_project *project,
                                             const lt_conf_pipeline *pipeline, lt_err *err);

/* ---- check.c: what templates ask for ---- */
/* Errors: templates that cannot be compiled, names that will never be there. `pipeline` NULL: `made` is not one. */
LT_MUST_CHECK lt_status lt_conf_check_names(const lt_conf_reader *reader,
                                            const lt_setting_group *group, void *made,
                                            const lt_conf_pipeline *pipeline, lt_err *err);
/* What may be missing when it is needed, and is not there now, as sentences in pipeline->warnings: variables, secrets, files of tasks.
 * `secrets` remembers what was found of each, from one pipeline to the next; its keys and values are in the arena. */
void lt_conf_warn(const lt_project *project, lt_arena *arena, lt_map *secrets,
                  lt_conf_pipeline *pipeline);

/* ---- params.c ---- */
LT_MUST_CHECK lt_status lt_conf_read_params(const lt_conf_reader *reader,
                                            const lt_conf_values *values, lt_conf_params *out,
                                            lt_err *err);
