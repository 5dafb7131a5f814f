/* leat schema: what may stand in the project's files, for editors and for people. */
#include "cli/cmd.h"

#include "conf/conf.h"
#include "web/api/api.h"

typedef struct schema_opts {
    bool markdown;
} schema_opts;

static const lt_opt table[] = {
    {.name = "markdown",
     .letter = 'm',
     .type = LT_OPT_FLAG,
     LT_AT(schema_opts, markdown),
     .help = "all settings as a page to read"},
};

static lt_status schema(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const schema_opts *given = opts;
    LT_AUTO(lt_buf) text = {0};
    if (given->markdown) {
        lt_conf_reference(&text);
        lt_out_text(&app->out, lt_buf_text(&text));
        return LT_OK;
    }
    const char *wanted = args->count ? args->items[0] : lt_conf_kind_name(LT_CONF_PROJECT_FILE);
    if (strcmp(wanted, "api") == 0) {
        lt_api_openapi(&text);
        lt_buf_add_byte(&text, '\n');
        lt_out_text(&app->out, lt_buf_text(&text));
        return LT_OK;
    }
    for (unsigned kind = 0; kind < LT_CONF_KINDS; kind++) {
        if (strcmp(lt_conf_kind_name((lt_conf_kind)kind), wanted) != 0)
            continue;
        lt_conf_schema((lt_conf_kind)kind, &text);
        lt_out_text(&app->out, lt_buf_text(&text));
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no kind of file '%s'", wanted));
    return lt_hint(err, "kinds are leat, source, pipeline, calendar and api");
}

const lt_cmd lt_cmd_schema = {
    .name = "schema",
    .help = "print the JSON Schema of leat.yml, sources/, pipelines/ or calendars/",
    .args = "[KIND]",
    .about = "KIND is leat, source, pipeline or calendar. Editors that know JSON Schema complete "
             "and check the files with it. KIND api is the OpenAPI document of what 'leat up' "
             "answers.",
    .examples = "leat schema source > source.schema.json\tfor the files in sources/\nleat schema "
                "--markdown\tevery setting, to read\nleat schema api\tthe REST API, for programs\n",
    .group = LT_GROUP_PROJECT,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(schema_opts),
    .run = schema,
};
