/* What a process of our own does for the API, because it opens warehouses and the store: looking the machine over, removing old runs. */
#include "base/proc.h"
#include "web/api/parts.h"

#include <assert.h>

enum { SAID_MOST = 4 << 20, WORDS_MOST = 24 };

/* ---- asking ---- */

typedef struct errand {
    char *words[WORDS_MOST + 1]; /* in the arena */
    size_t count;
} errand;

static void add(lt_api_call *call, errand *e, lt_text word)
{
    assert(e->count < WORDS_MOST);
    e->words[e->count++] = lt_arena_str(call->arena, word);
}

/* Of `leat --json VERB...`, its standard output and behind it, when it fails, what it said else. Kept to `seconds`. */
static errand begin(lt_api_call *call, const char *seconds)
{
    static const char script[] =
        "exec 3>&1; said=$(timeout -k 2 \"$@\" 2>&1 >&3 3>&-) || { code=$?; printf '\\n%s\\n' "
        "\"$said\"; exit $code; }";
    const lt_api_options *options = &call->api->options;
    LT_AUTO(lt_chars) program = lt_proc_path();
    const char *const first[] = {"/bin/sh",       "-c",          script,    "sh",
                                 seconds,         program,       "--quiet", "--json",
                                 "--project-dir", options->root, "--home",  options->home};
    errand e = {0};
    for (size_t i = 0; i < LT_COUNT(first); i++)
        add(call, &e, lt_text_of(first[i]));
    return e;
}

/* One at a time: each is a process that may need much memory, and holds one of the server's threads. */
static lt_status ask(lt_api_call *call, errand *e, lt_buf *said, int *code, lt_err *err)
{
    if (pthread_mutex_trylock(&call->api->errand_lock) != 0) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "somebody has just asked for such a thing"));
        return lt_hint(err, "ask again in a moment");
    }
    lt_status status = lt_proc_run(e->words, said, code, err);
    (void)pthread_mutex_unlock(&call->api->errand_lock);
    LT_TRY(status);
    if (*code == 124 || *code == 137)
        return lt_fail(err, LT_IO, "there was no answer in time");
    return LT_OK;
}

/* The rows that it printed, before anything else that it said: a list. */
static lt_status read_rows(lt_api_call *call, lt_text said, lt_json **out, lt_err *err)
{
    size_t end = lt_text_find(said, T("]\n"), 0);
    lt_text rows = lt_text_trim(lt_text_sub(said, 0, end == SIZE_MAX ? said.len : end + 1));
    LT_TRY(lt_json_read(rows, "the rows", NULL, call->arena, out, err));
    return (*out)->kind == LT_JSON_ARRAY ? LT_OK : lt_fail(err, LT_IO, "there are no rows");
}

/* {"error": {"status", "message", "hint"}}. */
bool lt_api_said_error(lt_api_call *call, lt_text said, lt_text *message, lt_text *hint)
{
    lt_err err;
    lt_json *root = NULL;
    lt_text line = {0}, rest = lt_text_trim(said);
    while (lt_text_cut(&rest, '\n', &line))
        ;
    const lt_json *error = lt_json_read(line, "the answer", NULL, call->arena, &root, &err) == LT_OK
                               ? lt_json_find(root, "error")
                               : NULL;
    *message = lt_json_text_or(error, "message", T("the process has failed"));
    *hint = lt_json_text_or(error, "hint", T(""));
    return lt_text_eq(lt_json_text_or(error, "status", T("")), T("invalid"));
}

static lt_status fail_as_said(lt_api_call *call, lt_text said, lt_err *err)
{
    lt_text message, hint;
    bool invalid = lt_api_said_error(call, said, &message, &hint);
    lt_ignore(lt_fail(err, invalid ? LT_INVALID : LT_IO, "%.*s", LT_ARG(message)));
    return hint.len ? lt_hint(err, "%.*s", LT_ARG(hint)) : err->status;
}

/* ---- doctor ---- */

static const char *const grades[] = {"OK", "WARN", "FAIL", NULL};
static const lt_api_field finding_fields[] = {
    {"grade", LT_API_CHOICE, .needed = true, .values = grades},
    {"what", LT_API_TEXT, .needed = true},
    {"next", LT_API_TEXT, .help = "what to do"},
};
static const lt_api_shape finding_shape = {"Finding", NULL, LT_API_FIELDS(finding_fields)};
static const lt_api_field doctor_fields[] = {
    {"good", LT_API_BOOL, .needed = true, .help = "nothing has failed"},
    {"findings", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &finding_shape},
};
const lt_api_shape lt_api_doctor_shape = {"Doctor", NULL, LT_API_FIELDS(doctor_fields)};

lt_status lt_api_get_doctor(lt_api_call *call, lt_err *err)
{
    int code = 0;
    lt_json *rows = NULL;
    lt_json_writer *w = &call->json;
    LT_AUTO(lt_buf) said = {.limit = SAID_MOST};
    errand e = begin(call, "60");
    add(call, &e, T("doctor"));
    LT_TRY(ask(call, &e, &said, &code, err));
    LT_TRY(read_rows(call, lt_buf_text(&said), &rows, err));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "good", code == 0);
    lt_json_key(w, T("findings"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < rows->count; i++) {
        lt_json_begin(w, '{');
        lt_json_set(w, "grade", lt_json_text_or(&rows->items[i], "grade", T("")));
        lt_json_set(w, "what", lt_json_text_or(&rows->items[i], "what", T("")));
        lt_api_set_text(w, "next", lt_json_text_or(&rows->items[i], "next", T("")));
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_end(w);
    return LT_OK;
}

/* ---- old runs ---- */

static const lt_api_field prune_fields[] = {
    {"keep", LT_API_INT, .min = 1, .max = 1000000, .help = "so many of the newest runs stay"},
    {"older_than", LT_API_TEXT, .min = 1, .max = 20, .pattern = LT_API_LENGTH_PATTERN,
     .help = "runs that began longer ago: 30d"},
    {"commits", LT_API_TEXT, .min = 1, .max = 20, .pattern = LT_API_LENGTH_PATTERN,
     .help = "forget commits that are older, and that no run which stays has read: 30d"},
    {"dry_run", LT_API_BOOL, .help = "only say which runs would go"},
};
const lt_api_shape lt_api_prune_shape = {"Prune", "without one of them as 'retention' says",
                                         LT_API_FIELDS(prune_fields)};
static const lt_api_field pruned_fields[] = {
    {"runs", LT_API_INT, .needed = true, .is_list = true, .help = "that are gone, or would go"},
};
const lt_api_shape lt_api_pruned_shape = {"Pruned", NULL, LT_API_FIELDS(pruned_fields)};

static void add_option(lt_api_call *call, errand *e, const char *option, const char *member)
{
    const lt_json *value = lt_json_find(call->body, member);
    if (value)
        add(call, e,
            lt_text_of(lt_arena_format(call->arena, "--%s=%.*s", option, LT_ARG(value->text))));
}

lt_status lt_api_prune(lt_api_call *call, lt_err *err)
{
    int code = 0;
    lt_json *rows = NULL;
    lt_json_writer *w = &call->json;
    LT_AUTO(lt_buf) said = {.limit = SAID_MOST};
    errand e = begin(call, "300");
    bool dry_run = lt_json_bool_or(call->body, "dry_run", false);
    add(call, &e, T("runs"));
    add(call, &e, T("prune"));
    add_option(call, &e, "keep", "keep");
    add_option(call, &e, "older-than", "older_than");
    add_option(call, &e, "commits", "commits");
    if (dry_run)
        add(call, &e, T("--dry-run"));
    LT_TRY(ask(call, &e, &said, &code, err));
    if (code != 0)
        return fail_as_said(call, lt_buf_text(&said), err);
    LT_TRY(read_rows(call, lt_buf_text(&said), &rows, err));
    lt_json_begin(w, '{');
    lt_json_key(w, T("runs"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < rows->count; i++) {
        const lt_json *run = lt_json_find(&rows->items[i], "run");
        if (run && run->kind == LT_JSON_NUMBER)
            lt_json_tree(w, run);
    }
    lt_json_end(w);
    lt_json_end(w);
    call->audit_detail = lt_text_of(lt_arena_format(call->arena, "{\"runs\": %zu%s}", rows->count,
                                                    dry_run ? ", \"dry_run\": true" : ""));
    return LT_OK;
}
