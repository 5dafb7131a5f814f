/* leat dbt docs: the page that shows a project's artifacts, written beside them and served. */
#include "cli/dbt/cmd.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/url.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static lt_text page(void)
{
    const lt_embedded *file = lt_embedded_find("ui/dbt-docs.html");
    return lt_text_at((const char *)file->data, file->len);
}

/* ---- writing ---- */

/* An artifact as a script element of JSON: with every '<' as an escape, no text in it can end the element. One that is not there is left out. */
static lt_status add_artifact(const char *folder, const char *name, lt_buf *out, lt_err *err)
{
    LT_AUTO(lt_buf) content = {.limit = LT_GIB};
    LT_AUTO(lt_chars) path = lt_format("%s/%s.json", folder, name);
    if (!lt_path_exists(path))
        return LT_OK;
    LT_TRY(lt_file_read(path, &content, err));
    lt_buf_printf(out, "<script type=\"application/json\" id=\"leat-%s\">", name);
    lt_text rest = lt_buf_text(&content), part;
    for (bool first = true; lt_text_cut(&rest, '<', &part); first = false) {
        lt_buf_add_str(out, first ? "" : "\\u003c");
        lt_buf_add(out, part);
    }
    lt_buf_add_str(out, "</script>\n");
    return LT_OK;
}

lt_status dbt_site_write(const char *folder, bool is_static, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, is_static ? "static_index.html" : "index.html");
    LT_AUTO(lt_buf) text = {.limit = 4 * LT_GIB};
    const lt_text mark = T("<!--leat-data-->"), whole = page();
    size_t at = lt_text_find(whole, mark, 0);
    LT_TRY(lt_folder_make(folder, 0755, err));
    if (!is_static)
        return lt_file_write(path, whole, 0644, err);
    lt_buf_add(&text, lt_text_sub(whole, 0, at));
    LT_TRY(add_artifact(folder, "manifest", &text, err));
    LT_TRY(add_artifact(folder, "catalog", &text, err));
    lt_buf_add(&text, lt_text_sub(whole, at + mark.len, whole.len));
    if (text.overflow)
        return lt_fail(err, LT_TOO_BIG, "the artifacts are too big for one page");
    return lt_file_write(path, lt_buf_text(&text), 0644, err);
}

/* ---- serving ---- */

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".json", "application/json"},
    {".sql", "text/plain; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".csv", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".svg", "image/svg+xml"},
};

static const char *type_of(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_text_ends(name, lt_text_of(types[i].ending)))
            return types[i].type;
    return "application/octet-stream";
}

typedef struct site {
    const char *folder;
    bool is_loopback;
} site;

/* Opens the file that the segments name, folder by folder and through no link, so that nothing outside can be meant. -1: there is none. */
static int open_below(const char *folder, const lt_texts *segments)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < segments->len; i++) {
        lt_text name = segments->items[i];
        LT_AUTO(lt_chars) part = lt_text_dup(name);
        bool fits =
            name.len && name.ptr[0] != '.' && strlen(part) == name.len && !strchr(part, '/');
        int next = fits ? openat(fd, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
        (void)close(fd);
        fd = next;
    }
    return fd;
}

static void answer_file(const site *s, const lt_server_request *request, lt_server_reply *reply)
{
    struct stat about;
    lt_text name = request->segments.len ? request->segments.items[request->segments.len - 1]
                                         : T("index.html");
    lt_server_reply_header(request, reply, T("Content-Type"), lt_text_of(type_of(name)));
    if (!request->segments.len) { /* the page of this program, whoever wrote the artifacts */
        lt_buf_add(&reply->body, page());
        return;
    }
    int fd = open_below(s->folder, &request->segments);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        lt_fd_close(fd);
        lt_server_reply_error(request, reply, 404, "there is no such file");
        return;
    }
    reply->fd = fd;
    reply->fd_size = about.st_size;
}

static void handle(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    const site *s = context;
    lt_server_reply_header(request, reply, T("X-Content-Type-Options"), T("nosniff"));
    lt_server_reply_header(request, reply, T("Cache-Control"), T("no-cache"));
    lt_server_reply_header(request, reply, T("Referrer-Policy"), T("no-referrer"));
    /* a page elsewhere could have its own name point at this machine */
    if (s->is_loopback && !lt_url_host_is_loopback(lt_server_header(request, T("Host"))))
        lt_server_reply_error(request, reply, 403, "this is not the server of that name");
    else if (!lt_text_eq(request->method, T("GET")) && !lt_text_eq(request->method, T("HEAD")))
        lt_server_reply_error(request, reply, 405, "only GET and HEAD");
    else
        answer_file(s, request, reply);
}

/* Someone at a terminal gets the page opened, as by dbt; a machine without a browser is no error. */
static void open_browser(const dbt_work *work, const char *url)
{
    LT_AUTO(lt_chars) address = lt_xstrdup(url);
    char program[] = "xdg-open", *const argv[] = {program, address, NULL};
    LT_AUTO(lt_buf) said = {.limit = LT_KIB};
    int code = 0;
    lt_err err;
    if (work->flags->browser == 1 || (work->flags->browser < 0 && isatty(STDOUT_FILENO)))
        lt_ignore(lt_proc_run(argv, &said, &code, &err));
}

lt_status dbt_run_docs_serve(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_http_server_ref) server = NULL;
    LT_AUTO(lt_buf) line = {.limit = 4 * LT_KIB};
    const char *host = work->flags->host ? work->flags->host : "127.0.0.1";
    site s = {.folder = work->target_folder,
              .is_loopback = lt_url_host_is_loopback(lt_text_of(host))};
    if (work->flags->port < 0 || work->flags->port > 65535)
        return lt_fail(err, LT_INVALID, "--port must be between 0 and 65535");
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    const lt_server_options options = {.host = host,
                                       .port = (unsigned)work->flags->port,
                                       .threads = 2,
                                       .handle = handle,
                                       .context = &s};
    lt_stop_on_signals();
    LT_TRY(lt_http_server_start(&options, &server, err));
    lt_buf_printf(&line,
                  "Serving docs at %u\nTo access from your browser, navigate to: %s\n\n\n\nPress "
                  "Ctrl+C to exit.",
                  lt_http_server_port(server), lt_http_server_url(server));
    dbt_say_plain(&work->log, lt_buf_text(&line));
    LT_TRY(lt_out_flush(&work->app->out, err));
    open_browser(work, lt_http_server_url(server));
    while (!lt_stop_asked())
        lt_sleep_us(50 * 1000);
    return LT_OK;
}
