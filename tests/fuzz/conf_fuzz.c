/* Fuzz: any bytes as a file of the project, of each kind, and as .env. The first byte chooses. */
#include "conf/conf.h"
#include "conf/dotenv.h"

static lt_status render(void *context, lt_conf_when when, const lt_conf_text *template,
                        lt_arena *arena, lt_text *out, lt_err *err)
{
    (void)context;
    (void)when;
    (void)err;
    *out = lt_arena_text(arena, template->raw);
    return LT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project project = {0};
    lt_conf_source source = {0};
    lt_conf_pipeline pipeline = {0};
    lt_dotenv env = {0};
    lt_project_options options = {.render = render};
    if (size == 0)
        return 0;
    lt_text text = lt_text_at((const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'p':
        lt_ignore(lt_conf_read_project(text, "f", &options, &arena, &project, &err));
        break;
    case 's':
        lt_ignore(lt_conf_read_source(text, "f", &options, &arena, &source, &err));
        break;
    case 'l':
        lt_ignore(lt_conf_read_pipeline(text, "f", &options, &arena, &pipeline, &err));
        break;
    default:
        lt_ignore(lt_dotenv_read(text, "f", &arena, &env, &err));
        break;
    }
    return 0;
}
