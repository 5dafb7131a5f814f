/* users.h - who may do what on the server: users with roles, their sessions in a browser, their tokens for programs, and the log
 * of what everybody changed. All of it in state.db.
 *
 * Passwords, sessions and tokens are kept as hashes only (secret/password.h). Every change here writes its line of the log in the
 * same transaction. Moments are given by the caller, so that tests need no clock. */
#pragma once
#include "base/arena.h"
#include "base/vec.h"
#include "state/state.h"

/* Each may do what those before it may. */
typedef enum lt_role {
    LT_ROLE_NONE,
    LT_ROLE_VIEWER,   /* look */
    LT_ROLE_OPERATOR, /* run, cancel, retry, pause, approve */
    LT_ROLE_EDITOR,   /* change what runs: selections, backfills, marks, SQL that writes */
    LT_ROLE_ADMIN,    /* users, tokens of others, backups */
} lt_role;
const char *lt_role_name(lt_role role); /* "viewer", ... */
lt_role lt_role_from(lt_text name);     /* LT_ROLE_NONE: there is no such role */

enum { LT_USER_NAME_MOST = 64, LT_USERS_MOST = 10000, LT_TOKENS_MOST = 10000 };

typedef struct lt_user {
    lt_text name;
    lt_role role;
    bool
        must_change_password; /* a one-time password: nothing else is allowed to a session before */
    bool disabled;
    int64_t created_at_us, signed_in_at_us; /* 0: never */
} lt_user;
typedef LT_VEC(lt_user) lt_users;

/* Who does something, for the log: `by` is a user's name (or "command line"), `from` an address or a terminal. */
typedef struct lt_actor {
    lt_text by, from;
    int64_t at_us;
} lt_actor;

/* Names: 1 to LT_USER_NAME_MOST of a-z 0-9 . _ - @, beginning with a letter or digit. LT_CONFLICT: there is one. LT_INVALID: name
 * or password against the rules. */
LT_MUST_CHECK lt_status lt_user_add(lt_state *state, const lt_actor *actor, lt_text name,
                                    lt_text password, lt_role role, bool must_change, lt_err *err);
LT_MUST_CHECK lt_status lt_user_list(lt_state *state, lt_arena *arena, lt_users *out, lt_err *err);
LT_MUST_CHECK lt_status lt_user_find(lt_state *state, lt_text name, lt_arena *arena, lt_user *out,
                                     lt_err *err);
/* Ends the user's sessions. LT_CONFLICT for the last admin that is not disabled, as with the two below. */
LT_MUST_CHECK lt_status lt_user_set_role(lt_state *state, const lt_actor *actor, lt_text name,
                                         lt_role role, lt_err *err);
LT_MUST_CHECK lt_status lt_user_set_disabled(lt_state *state, const lt_actor *actor, lt_text name,
                                             bool disabled, lt_err *err);
/* With the user's sessions and tokens. */
LT_MUST_CHECK lt_status lt_user_remove(lt_state *state, const lt_actor *actor, lt_text name,
                                       lt_err *err);
/* Ends the user's sessions, and a wait for wrong passwords; `must_change` for a one-time password that somebody else has set. Tokens are not
 * of the password, and go on: lt_token_revoke_all() ends them. */
LT_MUST_CHECK lt_status lt_user_set_password(lt_state *state, const lt_actor *actor, lt_text name,
                                             lt_text password, bool must_change, lt_err *err);

/* ---- signing in */

/* Whether the password is the user's. LT_DENIED, with one text whether the name or the password is wrong; after five failures of
 * a name or thirty of an address there is a wait before the next try, doubling from 1 s to 15 min (`hint` says how long, and
 * err->reason how many seconds). Takes as long for names that are not there. */
LT_MUST_CHECK lt_status lt_sign_in(lt_state *state, const lt_actor *actor, lt_text name,
                                   lt_text password, lt_arena *arena, lt_user *out, lt_err *err);

typedef struct lt_login {
    lt_user user;
    lt_text csrf; /* what forms and scripts of this session must send with every change */
    int64_t began_at_us, expires_at_us;
} lt_login;

/* Begin a session of `length_us`, which ends earlier after an eighth of that without a request. `token` is for the cookie. */
LT_MUST_CHECK lt_status lt_login_begin(lt_state *state, const lt_actor *actor, lt_text user,
                                       int64_t length_us, char token[64], lt_err *err);
/* LT_DENIED: no such session, over, or its user is gone or disabled. Notes the use, at most once a minute. */
LT_MUST_CHECK lt_status lt_login_find(lt_state *state, lt_text token, int64_t now_us,
                                      lt_arena *arena, lt_login *out, lt_err *err);
LT_MUST_CHECK lt_status lt_login_end(lt_state *state, const lt_actor *actor, lt_text token,
                                     lt_err *err);

/* ---- tokens for programs */

typedef struct lt_token {
    lt_text id; /* "tk_..." : not secret */
    lt_text user, label;
    lt_role role;      /* the most that it may; never more than its user at the time of use */
    lt_text pipelines; /* only these, separated by spaces; empty: all */
    int64_t created_at_us, expires_at_us, used_at_us, revoked_at_us; /* 0: never */
} lt_token;
typedef LT_VEC(lt_token) lt_tokens;

/* Make a token for `user`; its text is given only now. LT_DENIED: `role` is above the user's. */
LT_MUST_CHECK lt_status lt_token_add(lt_state *state, const lt_actor *actor, const lt_token *wanted,
                                     lt_arena *arena, lt_token *out, char text[64], lt_err *err);
/* `user` empty: of all. */
LT_MUST_CHECK lt_status lt_token_list(lt_state *state, lt_text user, lt_arena *arena,
                                      lt_tokens *out, lt_err *err);
LT_MUST_CHECK lt_status lt_token_revoke(lt_state *state, const lt_actor *actor, lt_text id,
                                        lt_err *err);
/* All of a user that are good; *count of them. */
LT_MUST_CHECK lt_status lt_token_revoke_all(lt_state *state, const lt_actor *actor, lt_text user,
                                            int64_t *count, lt_err *err);
/* Who holds this text: LT_DENIED if nobody, revoked, expired, or its user is gone or disabled. `user->role` is what is allowed. A token is a credential
 * of its own: that its user has to choose a password is not asked. */
LT_MUST_CHECK lt_status lt_token_find(lt_state *state, lt_text text, int64_t now_us,
                                      lt_arena *arena, lt_token *out, lt_user *user, lt_err *err);

/* ---- the log of changes */

typedef struct lt_audit_line {
    int64_t sequence, at_us;
    lt_text by, from;
    lt_text action, subject; /* "user.add", "ada" */
    lt_text detail;          /* JSON, may be empty */
} lt_audit_line;
typedef LT_VEC(lt_audit_line) lt_audit_lines;

LT_MUST_CHECK lt_status lt_audit(lt_state *state, const lt_actor *actor, lt_text action,
                                 lt_text subject, lt_text detail, lt_err *err);
/* The newest first, before the sequence `before` (0: from the end). */
LT_MUST_CHECK lt_status lt_audit_list(lt_state *state, int64_t before, size_t limit,
                                      lt_arena *arena, lt_audit_lines *out, lt_err *err);
/* Remove what is over: sessions, failures, and lines of the log that are older than `keep_us`. */
LT_MUST_CHECK lt_status lt_users_prune(lt_state *state, int64_t now_us, int64_t keep_us,
                                       lt_err *err);
