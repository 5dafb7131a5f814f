/* workspace.h - an open project: its files, its home, its store, its memory of runs, its secrets.
 *
 * Made once by a command and passed down. Reading it is safe from any number of threads. */
#pragma once
#include "conf/conf.h"
#include "conf/scope.h"
#include "engine/engine.h"
#include "secret/secret.h"
#include "state/state.h"
#include "store/store.h"

#include <pthread.h>

typedef struct lt_workspace {
    lt_arena arena;
    lt_jinja_heap heap;  /* variables */
    const char *root;    /* the project's folder, absolute */
    const char *home;    /* .leat, or --home */
    lt_project *project; /* in the arena */
    const lt_yaml *vars; /* --vars, or NULL */
    lt_text vars_text;   /* as given */
    lt_scope scope;      /* without a run's clock */
    lt_secrets *secrets; /* owned */
    pthread_mutex_t secrets_lock;
    lt_store *store; /* owned; NULL without a right leat.yml */
    lt_state *state; /* owned */
} lt_workspace;

/* Which of the project's files have to be right. */
typedef enum lt_files {
    LT_FILES_ALL,
    LT_FILES_LEAT, /* leat.yml; the others are not read */
    LT_FILES_RUN, /* leat.yml; wrong ones of the others are left out, and told in the project's `wrong` */
    LT_FILES_GOOD, /* none: the same, and without a right leat.yml the project is empty */
    LT_FILES_NONE, /* none is read: only home and state.db; the project is empty */
} lt_files;

typedef struct lt_workspace_options {
    const char *root, *home; /* borrowed */
    lt_text vars;            /* a YAML mapping such as "{late_minutes: 30}"; may be empty */
    lt_files files;
} lt_workspace_options;

/* lt_dotenv_load() of the project; warns when others can read the file, or git tracks it. */
LT_MUST_CHECK lt_status lt_workspace_read_env(const char *root, lt_err *err);

/* Read .env and the project, open (or make) the home, its store and state.db; runs whose process died are marked. The caller owns
 * *out. */
LT_MUST_CHECK lt_status lt_workspace_open(const lt_workspace_options *options, lt_workspace **out,
                                          lt_err *err);
void lt_workspace_close(lt_workspace *workspace); /* NULL is fine */
LT_OWNED(lt_workspace_ref, lt_workspace *, lt_workspace_close)

/* What engine.h needs of a target (empty name: the default one), its templates rendered; in the workspace's arena. */
LT_MUST_CHECK lt_status lt_workspace_target(lt_workspace *workspace, lt_text name, lt_target *out,
                                            lt_err *err);

/* One process at a time works on a target: hold it until the descriptor *lease is closed. `what` ("run 12") is what others are told.
 * Waits, and says for whom: once by lt_log, and in the record of the run `run_id` (0: none). LT_CANCELLED when asked to stop meanwhile. */
LT_MUST_CHECK lt_status lt_workspace_lease(lt_workspace *workspace, const lt_target *target,
                                           const char *what, int64_t run_id, int *lease,
                                           lt_err *err);

/* An lt_scope of a run: the workspace's, with the clock and the id. */
lt_scope lt_workspace_scope(const lt_workspace *workspace, int64_t clock_us, lt_text run_id);
