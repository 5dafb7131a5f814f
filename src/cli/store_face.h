/* store_face.h - the S3 endpoint as commands start it, and its root key. */
#pragma once
#include "cli/listen.h"
#include "web/s3/s3.h"

/* Who may do everything: LEAT_ACCESS_KEY_ID and LEAT_SECRET_ACCESS_KEY from the environment, else from the sealed secrets of the home. */
typedef struct lt_root_key {
    lt_text id, secret; /* in the arena of the program */
    bool is_new;        /* it was made and sealed by this call */
} lt_root_key;
/* `make`: if there is none yet. LT_NOT_FOUND: there is none, and the hint says how to get one. LT_INVALID: half of it is set. */
LT_MUST_CHECK lt_status lt_app_root_key(lt_app *app, bool make, lt_root_key *out, lt_err *err);
/* As lines for a shell, or as JSON. */
void lt_app_key_show(lt_app *app, lt_text id, lt_text secret);

/* An open store and the endpoint over it. */
typedef struct lt_app_face {
    lt_store *store; /* owned */
    lt_s3 *s3;       /* owned */
} lt_app_face;
/* Serve the project's store at `at` with what else stands in `options`, and say where, with the root key if it is new. LT_CONFLICT:
 * the port is in use; then nothing is shown. End *out with lt_app_face_stop(), in any case. */
LT_MUST_CHECK lt_status lt_app_face_start(lt_app *app, const lt_listen *at, lt_s3_options *options,
                                          lt_app_face *out, lt_err *err);
void lt_app_face_stop(lt_app_face *face); /* a zeroed one is fine */
static inline void lt_app_face_cleanup(lt_app_face *face)
{
    lt_app_face_stop(face);
}
