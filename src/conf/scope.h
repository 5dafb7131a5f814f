/* scope.h - what every template of a project may ask for: variables, the environment, secrets, the run's clock.
 *
 *     var('name', default)   env_var('NAME', default)   secret('NAME')
 *     run_started_at (a moment: .strftime(), .isoformat())   run_date ("2026-11-22")   run_id, invocation_id   project_name
 *
 * A room that renders templates gives jinja a `user` that starts with an lt_scope, and calls lt_scope_find() from its lookup. */
#pragma once
#include "base/arena.h"
#include "conf/conf.h"
#include "jinja/jinja.h"

typedef struct lt_scope {
    lt_jinja_value vars; /* a dict */
    lt_text project, run_id;
    int64_t clock_us; /* 0: no run yet; run_date and run_started_at are not there */
    /* Answers secret('NAME') with a value in `arena`; NULL: secrets are not readable here. */
    lt_status (*secret)(void *user, lt_text name, lt_arena *arena, lt_text *value, lt_err *err);
    void *secret_user;
    lt_jinja_value names;       /* a dict of more names, such as params and outputs; or undefined */
    lt_jinja_object started_at; /* ours */
} lt_scope;

/* A scope with the project's variables, and those of `more` (a mapping, or NULL), which win. Values live in `heap`. */
void lt_scope_init(lt_scope *scope, const lt_project *project, const lt_yaml *more,
                   lt_jinja_heap *heap);
/* Variables with these names and values, in place of those that the scope has; those of `more` (--vars) still win. */
void lt_scope_set(lt_scope *scope, const lt_conf_values *values, const lt_yaml *more,
                  lt_jinja_heap *heap);
/* A variable of this value, unless --vars (`more`) has it, in place of what was there. */
void lt_scope_put(lt_scope *scope, lt_text name, lt_jinja_value value, const lt_yaml *more,
                  lt_jinja_heap *heap);
/* The value of an expression (or of a template that is one) in `heap`, for conditions and lists. */
LT_MUST_CHECK lt_status lt_scope_evaluate(lt_scope *scope, const lt_conf_text *text,
                                          lt_jinja_heap *heap, lt_jinja_value *out, lt_err *err);
/* The value of a name of the list above; false when it is none of them. */
bool lt_scope_find(lt_scope *scope, lt_text name, lt_jinja_value *out);
/* LT_INVALID: what env_var() says of a variable that is not set, without a default. */
LT_MUST_CHECK lt_status lt_scope_no_env(const char *name, lt_err *err);

/* An lt_conf_render_fn whose context is an lt_scope: renders texts of the project's files. */
LT_MUST_CHECK lt_status lt_scope_render(void *scope, lt_conf_when when, const lt_conf_text *text,
                                        lt_arena *arena, lt_text *out, lt_err *err);

/* YAML as a value of templates. */
lt_jinja_value lt_scope_value(lt_jinja_heap *heap, const lt_yaml *node);
