/* Starts and stops the api-server for tests. */
#include "support/api_server.h"

#include "base/fs.h"
#include "net/http_client.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_SERVERS = 64 };
static pid_t running[MOST_SERVERS];

static void kill_all(void)
{
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (running[i] > 0)
            (void)kill(running[i], SIGKILL);
}

static void remember(pid_t pid, pid_t instead_of)
{
    static bool registered;
    if (!registered)
        (void)atexit(kill_all);
    registered = true;
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (running[i] == instead_of) {
            running[i] = pid;
            return;
        }
}

lt_test_api lt_test_api_start(const char *name, const char *file, const char *const *options)
{
    lt_test_api api = {0};
    const char *argv[48] = {LT_BUILD_DIR "/api-server", "--table"};
    size_t count = 2;
    LT_AUTO(lt_chars) table = lt_format("%s=%s", name, file);
    argv[count++] = table;
    for (size_t i = 0; options && options[i] && count < LT_COUNT(argv) - 1; i++)
        argv[count++] = options[i];
    int pipe_fds[2];
    CHECK_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int failed =
        posix_spawn(&api.pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(pipe_fds[1]);
    CHECK_INT(failed, 0);
    remember(api.pid, 0);
    FILE *out = fdopen(pipe_fds[0], "r");
    char line[128] = "";
    CHECK(fgets(line, sizeof(line), out) != NULL);
    (void)fclose(out);
    CHECK_INT(sscanf(line, "listening on %63s", api.url), 1);
    return api;
}

void lt_test_api_stop(lt_test_api *api)
{
    int status = 0;
    (void)kill(api->pid, SIGTERM);
    CHECK_INT(waitpid(api->pid, &status, 0), api->pid);
    remember(0, api->pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    *api = (lt_test_api){0};
}

char *lt_test_csv(const char *folder, int rows)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) csv = {0};
    lt_buf_add_str(&csv, "name,amount,day\n");
    for (int i = 1; i <= rows; i++)
        lt_buf_printf(&csv, "n%d,%d.5,2026-01-%02d\n", i, i, i % 28 + 1);
    char *path = lt_format("%s/table.csv", folder);
    CHECK_OK(lt_file_write(path, lt_buf_text(&csv), 0600, &err), err);
    return path;
}

void lt_test_api_post(const lt_test_api *api, const char *method, const char *path_and_query)
{
    lt_err err = {0};
    LT_AUTO(lt_http_client_ref) client = lt_http_client_new(NULL);
    LT_AUTO(lt_chars) url = lt_format("%s%s", api->url, path_and_query);
    lt_http_request request = {.method = lt_text_of(method), .url = lt_text_of(url)};
    LT_AUTO(lt_http_response) response = {0};
    CHECK_OK(lt_http_send(client, &request, &response, &err), err);
    CHECK_INT(response.status, 200);
}
