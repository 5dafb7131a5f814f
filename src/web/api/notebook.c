/* Executed notebooks, for download. */
#include "run/ask.h"
#include "run/run.h"
#include "web/api/parts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool lt_api_has_notebook(lt_api_call *call, const lt_task_record *task)
{
    if (!lt_text_eq(task->kind, T("notebook")))
        return false;
    LT_AUTO(lt_chars)
    path = lt_run_notebook_path(call->api->options.home, call->run.id, task->id);
    return access(path, R_OK) == 0;
}

/* It may hold whatever its cells have said, scripts too: it is saved, never shown as a page of ours. */
static void set_headers(lt_api_call *call, const lt_task_record *task)
{
    LT_AUTO(lt_buf) name = {0};
    lt_buf_printf(&name, "attachment; filename=\"run-%lld-", (long long)call->run.id);
    for (size_t i = 0; i < LT_MIN(task->name.len, (size_t)100); i++) {
        char c = task->name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        lt_buf_add_byte(&name, plain || c == '-' || c == '_' ? c : '_');
    }
    lt_buf_add_str(&name, ".ipynb\"");
    lt_server_reply_header(call->request, call->reply, T("Content-Disposition"),
                           lt_buf_text(&name));
    lt_server_reply_header(call->request, call->reply, T("Content-Type"),
                           T("application/x-ipynb+json"));
    lt_server_reply_header(call->request, call->reply, T("Cache-Control"), T("no-store"));
}

lt_status lt_api_get_notebook(lt_api_call *call, lt_err *err)
{
    lt_task_record task;
    struct stat info;
    LT_TRY(lt_run_find_task(call->state, &call->run, call->path[1], call->arena, &task, err));
    LT_AUTO(lt_chars)
    path = lt_run_notebook_path(call->api->options.home, call->run.id, task.id);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "'%.*s' has no executed notebook",
                          LT_ARG(lt_text_sub(task.name, 0, 200))));
        return lt_hint(err, "tasks of kind notebook leave one, once their first cell has run");
    }
    set_headers(call, &task);
    call->reply->fd_size = (int64_t)info.st_size;
    call->reply->fd = fd; /* the server closes it */
    fd = -1;
    return LT_OK;
}
