/* server_users.h - what `leat user` and `leat token` share. */
#pragma once
#include "cli/work.h"
#include "state/users.h"

/* Open the home's records, and say who types. The caller owns *state. */
LT_MUST_CHECK lt_status lt_app_users(lt_app *app, lt_state **state, lt_actor *actor, lt_err *err);
LT_MUST_CHECK lt_status lt_role_read(const char *word, lt_role *out, lt_err *err);
