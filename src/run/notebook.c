/* Notebooks: the order for the embedded runner (templates/notebook/run.py), what its end means, and the file that it leaves. */
#include "base/embed.h"
#include "base/fs.h"
#include "base/mask.h"
#include "conf/setting.h"
#include "run/inner.h"

#include <unistd.h>

/* As in the runner. */
enum { NO_CLIENT = 64, NO_KERNEL = 65, BAD_FILE = 66, TOO_SLOW = 67 };

/* ---- the order ---- */

/* YAML's type stays (`5` is a number, `"5"` is a text), and a template that is one expression gives what that is. */
static lt_status variable(lt_work *work, const lt_conf_pair *pair, lt_jinja_value *out, lt_err *err)
{
    const lt_conf_text *text = &pair->value;
    if (lt_conf_is_template(text->raw))
        return lt_work_value(work, text, out, err);
    *out = lt_scope_value(&work->heap, lt_yaml_find(work->step->task->params_node, pair->name));
    return LT_OK;
}

static lt_status write_params(lt_work *work, lt_json_writer *w, lt_err *err)
{
    const lt_conf_pairs *params = &work->step->task->params;
    lt_json_begin(w, '{');
    for (size_t i = 0; i < params->len; i++) {
        lt_jinja_value value;
        LT_AUTO(lt_buf) json = {.limit = LT_OUTPUT_MAX};
        LT_TRY(variable(work, &params->items[i], &value, err));
        if (lt_jinja_to_json(value, &(lt_jinja_json){0}, &json, err) != LT_OK)
            return lt_wrap(err, "the parameter '%.*s'", LT_ARG(params->items[i].name));
        LT_TRY(lt_buf_check(&json, "a parameter", err));
        lt_json_key(w, params->items[i].name);
        lt_json_raw(w, lt_buf_text(&json));
    }
    lt_json_end(w);
    return LT_OK;
}

static const char *runner(void)
{
    return (const char *)lt_embedded_find("templates/notebook/run.py")->data;
}

lt_status lt_notebook_order(lt_work *work, const char *base, lt_text path, lt_texts *args,
                            lt_texts *env, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    LT_AUTO(lt_buf) json = {.limit = 2 * LT_OUTPUT_MAX}; /* the kernel allows a variable 128 KiB */
    LT_AUTO(lt_chars) given = lt_text_dup(path);
    LT_AUTO(lt_chars) whole = lt_path_join(work->run->workspace->root, given);
    LT_AUTO(lt_chars) executed = lt_format("%s.ipynb", base);
    lt_json_writer w = {.out = &json};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "path", lt_text_of(whole));
    lt_json_set(&w, "executed", lt_text_of(executed));
    lt_json_set(&w, "kernel", task->kernel);
    lt_json_set_int(&w, "cell_timeout", (task->cell_timeout_us + 999999) / 1000000);
    lt_json_key(&w, T("params"));
    LT_TRY(write_params(work, &w, err));
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&json, "the parameters of the notebook", err));
    lt_push_in(
        work->arena, env,
        lt_text_of(lt_arena_format(work->arena, "LEAT_NOTEBOOK=%.*s", LT_ARG(lt_buf_text(&json)))));
    lt_push_in(work->arena, args, T("-c"));
    lt_push_in(work->arena, args, lt_text_of(runner()));
    return LT_OK;
}

/* ---- the end ---- */

lt_status lt_notebook_fail(int64_t code, lt_text line, lt_err *err)
{
    lt_text why = line.len ? line : T("it said nothing");
    switch (code) {
    case NO_CLIENT:
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s", LT_ARG(why)));
        return lt_hint(err, "apt-get install python3-nbclient python3-ipykernel; or in a virtual "
                            "environment pip install nbclient ipykernel, and name its Python with "
                            "'interpreter: .venv/bin/python'");
    case NO_KERNEL:
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s", LT_ARG(why)));
        return lt_hint(err, "'kernel: python3' in the task stands before what the file says");
    case BAD_FILE:
        return lt_fail(err, LT_INVALID, "%.*s", LT_ARG(why));
    case TOO_SLOW:
        return lt_fail(err, LT_FAILED, "%.*s", LT_ARG(why));
    default:
        return lt_fail(err, LT_FAILED, "the notebook failed: %.*s", LT_ARG(why));
    }
}

/* ---- the file ---- */

char *lt_run_notebook_path(const char *home, int64_t run_id, lt_text task)
{
    LT_AUTO(lt_chars) log = lt_run_log_path(home, run_id, task);
    return lt_format("%.*s.ipynb", (int)(strlen(log) - strlen(".log")), log);
}

static lt_status keep(lt_work *work, const char *made, const char *path, lt_err *err)
{
    enum { MOST_BYTES = 128 << 20 };
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    LT_AUTO(lt_buf) masked = {.limit = 2LL * MOST_BYTES};
    LT_TRY(lt_file_read(made, &text, err));
    lt_mask(lt_buf_text(&text), &masked);
    LT_TRY(lt_buf_check(&masked, "the executed notebook", err));
    LT_TRY(lt_file_write(path, lt_buf_text(&masked), 0640, err));
    lt_work_log(work, "the executed notebook: %s", path);
    return LT_OK;
}

void lt_notebook_keep(lt_work *work, const char *base)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) made = lt_format("%s.ipynb", base);
    LT_AUTO(lt_chars)
    path = lt_run_notebook_path(work->run->workspace->home, work->run->record->id,
                                work->task->node->id);
    if (!lt_path_exists(made)) /* it did not get so far */
        return;
    if (keep(work, made, path, &err) != LT_OK)
        lt_work_log(work, "the executed notebook is not kept: %s", err.message);
    (void)unlink(made);
}
