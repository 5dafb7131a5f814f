/* Users, their sessions and tokens, and the log of changes, in state.db. */
#include "state/users.h"

#include "base/time.h"
#include "secret/password.h"
#include "state/inner.h"

static const int64_t SECOND = 1000000;

static const char *const roles[] = {
    [LT_ROLE_NONE] = "",         [LT_ROLE_VIEWER] = "viewer", [LT_ROLE_OPERATOR] = "operator",
    [LT_ROLE_EDITOR] = "editor", [LT_ROLE_ADMIN] = "admin",
};

const char *lt_role_name(lt_role role)
{
    return roles[role];
}

lt_role lt_role_from(lt_text name)
{
    for (lt_role role = LT_ROLE_VIEWER; role <= LT_ROLE_ADMIN; role++)
        if (lt_text_eq(name, lt_text_of(roles[role])))
            return role;
    return LT_ROLE_NONE;
}

/* What a transaction of this file is given; each uses what it needs. */
typedef struct change {
    const lt_actor *actor;
    lt_text name, password_hash;
    lt_role role;
    bool flag;
    int64_t now_us;
    lt_text token_hash, csrf, id;
    int64_t length_us, limit, before;
    const lt_token *wanted;
    lt_arena *arena;
    void *out;
    lt_user *user;
} change;

/* ---- the log */

static lt_status write_log(lt_tx *tx, const lt_actor *actor, const char *action, lt_text subject,
                           lt_text detail, lt_err *err)
{
    return lt_tx_exec(tx, err,
                      "insert into audit (at_us, by, source, action, subject, detail) "
                      "values (?, ?, ?, ?, ?, ?)",
                      V(actor->at_us), V(actor->by), V(actor->from), V(action), V(subject),
                      V(detail));
}

typedef struct log_line {
    const lt_actor *actor;
    const char *action;
    lt_text subject, detail;
} log_line;

static lt_status do_log(lt_tx *tx, void *context, lt_err *err)
{
    const log_line *line = context;
    return write_log(tx, line->actor, line->action, line->subject, line->detail, err);
}

lt_status lt_audit(lt_state *state, const lt_actor *actor, lt_text action, lt_text subject,
                   lt_text detail, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    log_line line = {actor, lt_arena_str(&arena, action), lt_state_masked(subject, &arena),
                     lt_state_masked(detail, &arena)};
    return lt_db_write(state->db, do_log, &line, err);
}

static lt_status do_list_log(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    lt_audit_lines *out = c->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select sequence, at_us, by, source, action, subject, detail from audit "
                    "where sequence < ? order by sequence desc limit ?",
                    V(c->before > 0 ? c->before : INT64_MAX), V(c->limit));
    while (lt_query_next(&q)) {
        lt_audit_line line = {.sequence = lt_query_i64(&q, 0),
                              .at_us = lt_query_i64(&q, 1),
                              .by = lt_query_text_in(&q, c->arena, 2),
                              .from = lt_query_text_in(&q, c->arena, 3),
                              .action = lt_query_text_in(&q, c->arena, 4),
                              .subject = lt_query_text_in(&q, c->arena, 5),
                              .detail = lt_query_text_in(&q, c->arena, 6)};
        lt_push_in(c->arena, out, line);
    }
    return lt_query_check(&q, err);
}

lt_status lt_audit_list(lt_state *state, int64_t before, size_t limit, lt_arena *arena,
                        lt_audit_lines *out, lt_err *err)
{
    *out = (lt_audit_lines){0};
    change c = {.before = before,
                .limit = (int64_t)LT_MIN(limit, (size_t)1000),
                .arena = arena,
                .out = out};
    return lt_db_read(state->db, do_list_log, &c, err);
}

/* ---- users */

static lt_status check_name(lt_text name, lt_err *err)
{
    bool good = name.len > 0 && name.len <= LT_USER_NAME_MOST &&
                ((name.ptr[0] >= 'a' && name.ptr[0] <= 'z') || lt_is_digit(name.ptr[0]));
    for (size_t i = 0; good && i < name.len; i++)
        good = (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || lt_is_digit(name.ptr[i]) ||
               memchr("._-@", name.ptr[i], 4);
    if (good)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' cannot be a user's name", LT_ARG(name)));
    return lt_hint(err, "1 to %d of a-z 0-9 . _ - @, beginning with a letter or digit",
                   LT_USER_NAME_MOST);
}

static lt_status hash_new_password(lt_text password, lt_text user,
                                   char hash[LT_PASSWORD_HASH_CHARS], lt_err *err)
{
    LT_TRY(lt_password_check_rules(password, user, err));
    return lt_password_hash(password, hash, err);
}

#define USER_COLUMNS "name, role, must_change, disabled, created_at_us, signed_in_at_us"

static lt_user read_user(const lt_query *q, lt_arena *arena)
{
    return (lt_user){.name = lt_query_text_in(q, arena, 0),
                     .role = lt_role_from(lt_query_text(q, 1)),
                     .must_change_password = lt_query_i64(q, 2) != 0,
                     .disabled = lt_query_i64(q, 3) != 0,
                     .created_at_us = lt_query_i64(q, 4),
                     .signed_in_at_us = lt_query_i64(q, 5)};
}

static lt_status do_add(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select count(*), sum(name = ?) from users", V(c->name));
    bool room = lt_query_next(&q) && lt_query_i64(&q, 0) < LT_USERS_MOST;
    bool taken = lt_query_i64(&q, 1) > 0;
    LT_TRY(lt_query_check(&q, err));
    if (taken)
        return lt_fail(err, LT_CONFLICT, "there is a user '%.*s' already", LT_ARG(c->name));
    if (!room)
        return lt_fail(err, LT_TOO_BIG, "there are %d users already", LT_USERS_MOST);
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into users (name, password_hash, role, must_change, created_at_us) "
                      "values (?, ?, ?, ?, ?)",
                      V(c->name), V(c->password_hash), V(lt_role_name(c->role)), V(c->flag),
                      V(c->actor->at_us)));
    return write_log(tx, c->actor, "user.add", c->name, lt_text_of(lt_role_name(c->role)), err);
}

lt_status lt_user_add(lt_state *state, const lt_actor *actor, lt_text name, lt_text password,
                      lt_role role, bool must_change, lt_err *err)
{
    char hash[LT_PASSWORD_HASH_CHARS];
    LT_TRY(check_name(name, err));
    if (role == LT_ROLE_NONE)
        return lt_fail(err, LT_INVALID, "a role is one of viewer, operator, editor, admin");
    LT_TRY(hash_new_password(password, name, hash, err));
    change c = {.actor = actor,
                .name = name,
                .password_hash = lt_text_of(hash),
                .role = role,
                .flag = must_change};
    return lt_db_write(state->db, do_add, &c, err);
}

static lt_status do_list(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    lt_users *out = c->out;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "select " USER_COLUMNS " from users order by name");
    while (lt_query_next(&q))
        lt_push_in(c->arena, out, read_user(&q, c->arena));
    return lt_query_check(&q, err);
}

lt_status lt_user_list(lt_state *state, lt_arena *arena, lt_users *out, lt_err *err)
{
    *out = (lt_users){0};
    change c = {.arena = arena, .out = out};
    return lt_db_read(state->db, do_list, &c, err);
}

static lt_status no_such_user(lt_text name, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no user '%.*s'", LT_ARG(name)));
    return lt_hint(err, "`leat user list` shows who there is");
}

static lt_status do_find(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " USER_COLUMNS " from users where name = ?", V(c->name));
    bool found = lt_query_next(&q);
    if (found)
        *c->user = read_user(&q, c->arena);
    LT_TRY(lt_query_check(&q, err));
    return found ? LT_OK : no_such_user(c->name, err);
}

lt_status lt_user_find(lt_state *state, lt_text name, lt_arena *arena, lt_user *out, lt_err *err)
{
    change c = {.name = name, .arena = arena, .user = out};
    return lt_db_read(state->db, do_find, &c, err);
}

/* Whether there is an admin who can sign in, other than this one. */
static lt_status keep_an_admin(lt_tx *tx, lt_text name, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select sum(name = ?1), sum(name <> ?1) from users "
                    "where role = 'admin' and not disabled",
                    V(name));
    bool is_admin = lt_query_next(&q) && lt_query_i64(&q, 0) > 0;
    bool others = lt_query_i64(&q, 1) > 0;
    LT_TRY(lt_query_check(&q, err));
    if (!is_admin || others)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT, "'%.*s' is the only admin", LT_ARG(name)));
    return lt_hint(err, "make somebody else admin first");
}

static lt_status end_logins(lt_tx *tx, lt_text name, lt_err *err)
{
    return lt_tx_exec(tx, err, "delete from logins where user = ?", V(name));
}

static lt_status do_set_role(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    if (c->role != LT_ROLE_ADMIN)
        LT_TRY(keep_an_admin(tx, c->name, err));
    LT_TRY(lt_tx_exec(tx, err, "update users set role = ? where name = ?", V(lt_role_name(c->role)),
                      V(c->name)));
    if (!lt_tx_changes(tx))
        return no_such_user(c->name, err);
    LT_TRY(end_logins(tx, c->name, err));
    return write_log(tx, c->actor, "user.role", c->name, lt_text_of(lt_role_name(c->role)), err);
}

lt_status lt_user_set_role(lt_state *state, const lt_actor *actor, lt_text name, lt_role role,
                           lt_err *err)
{
    if (role == LT_ROLE_NONE)
        return lt_fail(err, LT_INVALID, "a role is one of viewer, operator, editor, admin");
    change c = {.actor = actor, .name = name, .role = role};
    return lt_db_write(state->db, do_set_role, &c, err);
}

static lt_status do_set_disabled(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    if (c->flag)
        LT_TRY(keep_an_admin(tx, c->name, err));
    LT_TRY(lt_tx_exec(tx, err, "update users set disabled = ? where name = ?", V(c->flag),
                      V(c->name)));
    if (!lt_tx_changes(tx))
        return no_such_user(c->name, err);
    LT_TRY(end_logins(tx, c->name, err));
    return write_log(tx, c->actor, c->flag ? "user.disable" : "user.enable", c->name, (lt_text){0},
                     err);
}

lt_status lt_user_set_disabled(lt_state *state, const lt_actor *actor, lt_text name, bool disabled,
                               lt_err *err)
{
    change c = {.actor = actor, .name = name, .flag = disabled};
    return lt_db_write(state->db, do_set_disabled, &c, err);
}

static lt_status do_remove(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    LT_TRY(keep_an_admin(tx, c->name, err));
    LT_TRY(lt_tx_exec(tx, err, "delete from users where name = ?", V(c->name)));
    if (!lt_tx_changes(tx))
        return no_such_user(c->name, err);
    return write_log(tx, c->actor, "user.remove", c->name, (lt_text){0}, err);
}

lt_status lt_user_remove(lt_state *state, const lt_actor *actor, lt_text name, lt_err *err)
{
    change c = {.actor = actor, .name = name};
    return lt_db_write(state->db, do_remove, &c, err);
}

static lt_status do_set_password(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    LT_TRY(lt_tx_exec(tx, err, "update users set password_hash = ?, must_change = ? where name = ?",
                      V(c->password_hash), V(c->flag), V(c->name)));
    if (!lt_tx_changes(tx))
        return no_such_user(c->name, err);
    LT_TRY(end_logins(tx, c->name, err));
    LT_TRY(lt_tx_exec(tx, err, "delete from sign_in_failures where key = 'u:' || ?", V(c->name)));
    return write_log(tx, c->actor, "user.password", c->name, (lt_text){0}, err);
}

lt_status lt_user_set_password(lt_state *state, const lt_actor *actor, lt_text name,
                               lt_text password, bool must_change, lt_err *err)
{
    char hash[LT_PASSWORD_HASH_CHARS];
    LT_TRY(hash_new_password(password, name, hash, err));
    change c = {
        .actor = actor, .name = name, .password_hash = lt_text_of(hash), .flag = must_change};
    return lt_db_write(state->db, do_set_password, &c, err);
}

/* ---- signing in */

enum { FREE_TRIES_OF_NAME = 5, FREE_TRIES_OF_ADDRESS = 30, MOST_WAIT_S = 900 };

/* What is known of somebody who tries to sign in. */
typedef struct attempt {
    const lt_actor *actor;
    lt_text name, by_name, by_address; /* keys of sign_in_failures */
    lt_arena *arena;
    lt_text hash, new_hash;
    lt_user user;
    int64_t wait_us;
    bool good;
} attempt;

static int64_t wait_after(int64_t failures, int64_t free_tries, int64_t last_at_us, int64_t now_us)
{
    if (failures < free_tries || last_at_us > now_us)
        return 0;
    int64_t doublings = LT_MIN(failures - free_tries, (int64_t)10);
    int64_t wait_s = LT_MIN((int64_t)1 << doublings, (int64_t)MOST_WAIT_S);
    return LT_MAX((int64_t)0, last_at_us + wait_s * SECOND - now_us);
}

static lt_status do_look(lt_tx *tx, void *context, lt_err *err)
{
    attempt *a = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select key, count, last_at_us from sign_in_failures where key in (?, ?)",
                    V(a->by_name), V(a->by_address));
    while (lt_query_next(&q)) {
        bool is_name = lt_text_eq(lt_query_text(&q, 0), a->by_name);
        int64_t wait_us =
            wait_after(lt_query_i64(&q, 1), is_name ? FREE_TRIES_OF_NAME : FREE_TRIES_OF_ADDRESS,
                       lt_query_i64(&q, 2), a->actor->at_us);
        a->wait_us = LT_MAX(a->wait_us, wait_us);
    }
    LT_TRY(lt_query_check(&q, err));
    LT_AUTO(lt_query)
    u = lt_tx_query(tx, "select " USER_COLUMNS ", password_hash from users where name = ?",
                    V(a->name));
    if (lt_query_next(&u)) {
        a->user = read_user(&u, a->arena);
        a->hash = lt_query_text_in(&u, a->arena, 6);
    }
    return lt_query_check(&u, err);
}

static lt_status count_failure(lt_tx *tx, lt_text key, int64_t now_us, lt_err *err)
{
    return lt_tx_exec(
        tx, err,
        "insert into sign_in_failures (key, count, last_at_us) values (?, 1, ?) "
        "on conflict (key) do update set count = count + 1, last_at_us = excluded.last_at_us",
        V(key), V(now_us));
}

static lt_status do_tell(lt_tx *tx, void *context, lt_err *err)
{
    const attempt *a = context;
    if (!a->good) {
        LT_TRY(count_failure(tx, a->by_name, a->actor->at_us, err));
        LT_TRY(count_failure(tx, a->by_address, a->actor->at_us, err));
        return write_log(tx, a->actor, "sign-in.failed", a->name, (lt_text){0}, err);
    }
    LT_TRY(lt_tx_exec(tx, err, "delete from sign_in_failures where key = ?", V(a->by_name)));
    LT_TRY(lt_tx_exec(
        tx, err,
        "update users set signed_in_at_us = ?, password_hash = iif(?2 = '', password_hash, ?2) "
        "where name = ?3",
        V(a->actor->at_us), V(a->new_hash), V(a->name)));
    return write_log(tx, a->actor, "sign-in", a->name, (lt_text){0}, err);
}

lt_status lt_sign_in(lt_state *state, const lt_actor *actor, lt_text name, lt_text password,
                     lt_arena *arena, lt_user *out, lt_err *err)
{
    char length[LT_TIME_CHARS], rehashed[LT_PASSWORD_HASH_CHARS];
    name = lt_text_sub(name, 0, LT_USER_NAME_MOST);
    attempt a = {.actor = actor, .name = name, .arena = arena};
    a.by_name = lt_text_of(lt_arena_format(arena, "u:%.*s", LT_ARG(name)));
    a.by_address = lt_text_of(lt_arena_format(arena, "a:%.*s", LT_ARG(actor->from)));
    LT_TRY(lt_db_read(state->db, do_look, &a, err));
    if (a.wait_us > 0) {
        lt_ignore(lt_fail(err, LT_DENIED, "too many failed sign-ins"));
        err->reason = (int)((a.wait_us + SECOND - 1) / SECOND);
        return lt_hint(err, "try again in %s", lt_length_write(a.wait_us, length));
    }
    a.good = lt_password_fits(password, a.hash) && !a.user.disabled;
    if (a.good && lt_password_is_old(a.hash) && lt_password_hash(password, rehashed, err) == LT_OK)
        a.new_hash = lt_text_of(rehashed);
    LT_TRY(lt_db_write(state->db, do_tell, &a, err));
    if (!a.good)
        return lt_fail(err, LT_DENIED, "the name or the password is wrong");
    *out = a.user;
    out->signed_in_at_us = actor->at_us;
    return LT_OK;
}

/* ---- sessions */

static const int64_t NOTED_EVERY_US = 60 * (int64_t)1000000;

static lt_status do_begin(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    return lt_tx_exec(
        tx, err,
        "insert into logins (token_hash, user, csrf, began_at_us, expires_at_us, idle_us, "
        "used_at_us) values (?, ?, ?, ?, ?, ?, ?)",
        V(c->token_hash), V(c->name), V(c->csrf), V(c->actor->at_us),
        V(c->actor->at_us + c->length_us), V(c->length_us / 8), V(c->actor->at_us));
}

lt_status lt_login_begin(lt_state *state, const lt_actor *actor, lt_text user, int64_t length_us,
                         char token[64], lt_err *err)
{
    char hash[LT_BEARER_HASH_CHARS], csrf[LT_BEARER_CHARS];
    if (!lt_bearer_make("", token) || !lt_bearer_make("", csrf))
        return lt_fail(err, LT_IO, "no source of random numbers");
    change c = {.actor = actor,
                .name = user,
                .length_us = length_us,
                .token_hash = lt_text_of(lt_bearer_hash(lt_text_of(token), hash)),
                .csrf = lt_text_of(csrf)};
    lt_status status = lt_db_write(state->db, do_begin, &c, err);
    return status == LT_CONFLICT ? no_such_user(user, err) : status;
}

/* In *c: `limit` is set to the moment of the last noted use. */
static lt_status do_find_login(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    lt_login *out = c->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " USER_COLUMNS ", csrf, began_at_us, expires_at_us, used_at_us "
                    "from logins join users on name = user where token_hash = ?1 and not disabled "
                    "and expires_at_us > ?2 and used_at_us + idle_us > ?2",
                    V(c->token_hash), V(c->now_us));
    bool found = lt_query_next(&q);
    if (found) {
        *out = (lt_login){.user = read_user(&q, c->arena),
                          .csrf = lt_query_text_in(&q, c->arena, 6),
                          .began_at_us = lt_query_i64(&q, 7),
                          .expires_at_us = lt_query_i64(&q, 8)};
        c->limit = lt_query_i64(&q, 9);
    }
    LT_TRY(lt_query_check(&q, err));
    return found ? LT_OK : lt_fail(err, LT_DENIED, "you are not signed in, or no longer");
}

lt_status lt_login_find(lt_state *state, lt_text token, int64_t now_us, lt_arena *arena,
                        lt_login *out, lt_err *err)
{
    char hash[LT_BEARER_HASH_CHARS];
    change c = {.token_hash = lt_text_of(lt_bearer_hash(token, hash)),
                .now_us = now_us,
                .arena = arena,
                .out = out};
    LT_TRY(lt_db_read(state->db, do_find_login, &c, err));
    if (now_us - c.limit < NOTED_EVERY_US)
        return LT_OK;
    return lt_db_exec(state->db, err, "update logins set used_at_us = ? where token_hash = ?",
                      V(now_us), V(c.token_hash));
}

static lt_status do_end(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    LT_TRY(lt_tx_exec(tx, err, "delete from logins where token_hash = ?", V(c->token_hash)));
    if (!lt_tx_changes(tx))
        return LT_OK;
    return write_log(tx, c->actor, "sign-out", c->actor->by, (lt_text){0}, err);
}

lt_status lt_login_end(lt_state *state, const lt_actor *actor, lt_text token, lt_err *err)
{
    char hash[LT_BEARER_HASH_CHARS];
    change c = {.actor = actor, .token_hash = lt_text_of(lt_bearer_hash(token, hash))};
    return lt_db_write(state->db, do_end, &c, err);
}

/* ---- tokens */

#define TOKEN_COLUMNS                                                                              \
    "tokens.id, tokens.user, tokens.label, tokens.role, tokens.pipelines, tokens.created_at_us, "  \
    "tokens.expires_at_us, tokens.used_at_us, tokens.revoked_at_us"

static lt_token read_token(const lt_query *q, lt_arena *arena)
{
    return (lt_token){.id = lt_query_text_in(q, arena, 0),
                      .user = lt_query_text_in(q, arena, 1),
                      .label = lt_query_text_in(q, arena, 2),
                      .role = lt_role_from(lt_query_text(q, 3)),
                      .pipelines = lt_query_text_in(q, arena, 4),
                      .created_at_us = lt_query_i64(q, 5),
                      .expires_at_us = lt_query_i64(q, 6),
                      .used_at_us = lt_query_i64(q, 7),
                      .revoked_at_us = lt_query_i64(q, 8)};
}

static lt_status do_add_token(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    const lt_token *wanted = c->wanted;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select role, (select count(*) from tokens) from users where name = ?",
                    V(wanted->user));
    bool found = lt_query_next(&q);
    lt_role most = found ? lt_role_from(lt_query_text(&q, 0)) : LT_ROLE_NONE;
    bool full = lt_query_i64(&q, 1) >= LT_TOKENS_MOST;
    LT_TRY(lt_query_check(&q, err));
    if (!found)
        return no_such_user(wanted->user, err);
    if (wanted->role > most)
        return lt_fail(err, LT_DENIED, "'%.*s' is %s and cannot have a token for %s",
                       LT_ARG(wanted->user), lt_role_name(most), lt_role_name(wanted->role));
    if (full)
        return lt_fail(err, LT_TOO_BIG, "there are %d tokens already", LT_TOKENS_MOST);
    LT_TRY(lt_tx_exec(
        tx, err,
        "insert into tokens (id, token_hash, user, label, role, pipelines, created_at_us, "
        "expires_at_us) values (?, ?, ?, ?, ?, ?, ?, ?)",
        V(c->id), V(c->token_hash), V(wanted->user), V(wanted->label),
        V(lt_role_name(wanted->role)), V(wanted->pipelines), V(c->actor->at_us),
        V(wanted->expires_at_us)));
    return write_log(tx, c->actor, "token.add", c->id, wanted->label, err);
}

lt_status lt_token_add(lt_state *state, const lt_actor *actor, const lt_token *wanted,
                       lt_arena *arena, lt_token *out, char text[64], lt_err *err)
{
    char hash[LT_BEARER_HASH_CHARS];
    if (wanted->role == LT_ROLE_NONE || wanted->label.len > 200 || wanted->pipelines.len > 4000)
        return lt_fail(err, LT_INVALID, "a token needs a role, and a label of up to 200 bytes");
    if (wanted->expires_at_us && wanted->expires_at_us <= actor->at_us)
        return lt_fail(err, LT_INVALID, "the token would have expired already");
    if (!lt_bearer_make("leat_", text))
        return lt_fail(err, LT_IO, "no source of random numbers");
    (void)lt_bearer_hash(lt_text_of(text), hash);
    change c = {.actor = actor, .wanted = wanted, .token_hash = lt_text_of(hash)};
    c.id = lt_text_of(lt_arena_format(arena, "tk_%.12s", hash));
    LT_TRY(lt_db_write(state->db, do_add_token, &c, err));
    *out = *wanted;
    out->id = c.id;
    out->created_at_us = actor->at_us;
    return LT_OK;
}

static lt_status do_list_tokens(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    lt_tokens *out = c->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " TOKEN_COLUMNS " from tokens where ?1 = '' or user = ?1 "
                    "order by created_at_us, id",
                    V(c->name));
    while (lt_query_next(&q))
        lt_push_in(c->arena, out, read_token(&q, c->arena));
    return lt_query_check(&q, err);
}

lt_status lt_token_list(lt_state *state, lt_text user, lt_arena *arena, lt_tokens *out, lt_err *err)
{
    *out = (lt_tokens){0};
    change c = {.name = user, .arena = arena, .out = out};
    return lt_db_read(state->db, do_list_tokens, &c, err);
}

static lt_status do_revoke(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    LT_TRY(lt_tx_exec(tx, err,
                      "update tokens set revoked_at_us = ? where id = ? and revoked_at_us = 0",
                      V(c->actor->at_us), V(c->id)));
    if (!lt_tx_changes(tx))
        return lt_fail(err, LT_NOT_FOUND, "there is no token '%.*s' that could be revoked",
                       LT_ARG(c->id));
    return write_log(tx, c->actor, "token.revoke", c->id, (lt_text){0}, err);
}

lt_status lt_token_revoke(lt_state *state, const lt_actor *actor, lt_text id, lt_err *err)
{
    change c = {.actor = actor, .id = id};
    return lt_db_write(state->db, do_revoke, &c, err);
}

static lt_status do_revoke_all(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    int64_t *count = c->out;
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into audit (at_us, by, source, action, subject, detail) "
                      "select ?1, ?2, ?3, 'token.revoke', id, '' from tokens where user = ?4 and "
                      "revoked_at_us = 0 and (expires_at_us = 0 or expires_at_us > ?1)",
                      V(c->actor->at_us), V(c->actor->by), V(c->actor->from), V(c->name)));
    *count = lt_tx_changes(tx);
    return lt_tx_exec(tx, err,
                      "update tokens set revoked_at_us = ?1 where user = ?2 and revoked_at_us = 0 "
                      "and (expires_at_us = 0 or expires_at_us > ?1)",
                      V(c->actor->at_us), V(c->name));
}

lt_status lt_token_revoke_all(lt_state *state, const lt_actor *actor, lt_text user, int64_t *count,
                              lt_err *err)
{
    change c = {.actor = actor, .name = user, .out = count};
    return lt_db_write(state->db, do_revoke_all, &c, err);
}

static lt_status do_find_token(lt_tx *tx, void *context, lt_err *err)
{
    change *c = context;
    lt_token *out = c->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "select " TOKEN_COLUMNS ", users.role from tokens "
        "join users on users.name = tokens.user where token_hash = ?1 and revoked_at_us = 0 "
        "and (expires_at_us = 0 or expires_at_us > ?2) and not disabled",
        V(c->token_hash), V(c->now_us));
    bool found = lt_query_next(&q);
    if (found) {
        *out = read_token(&q, c->arena);
        lt_role most = lt_role_from(lt_query_text(&q, 9));
        *c->user = (lt_user){.name = out->user, .role = LT_MIN(most, out->role)};
    }
    LT_TRY(lt_query_check(&q, err));
    return found ? LT_OK : lt_fail(err, LT_DENIED, "the token is not known, expired or revoked");
}

lt_status lt_token_find(lt_state *state, lt_text text, int64_t now_us, lt_arena *arena,
                        lt_token *out, lt_user *user, lt_err *err)
{
    char hash[LT_BEARER_HASH_CHARS];
    change c = {.token_hash = lt_text_of(lt_bearer_hash(text, hash)),
                .now_us = now_us,
                .arena = arena,
                .out = out,
                .user = user};
    LT_TRY(lt_db_read(state->db, do_find_token, &c, err));
    if (now_us - out->used_at_us < NOTED_EVERY_US)
        return LT_OK;
    out->used_at_us = now_us;
    return lt_db_exec(state->db, err, "update tokens set used_at_us = ? where id = ?", V(now_us),
                      V(out->id));
}

/* ---- what is over */

static lt_status do_prune(lt_tx *tx, void *context, lt_err *err)
{
    const change *c = context;
    int64_t day_ago_us = c->now_us - 86400 * SECOND;
    LT_TRY(lt_tx_exec(tx, err,
                      "delete from logins where expires_at_us <= ?1 or used_at_us + idle_us <= ?1",
                      V(c->now_us)));
    LT_TRY(lt_tx_exec(tx, err, "delete from sign_in_failures where last_at_us < ?", V(day_ago_us)));
    return lt_tx_exec(tx, err,
                      "delete from audit where sequence in "
                      "(select sequence from audit where at_us < ? order by at_us limit 10000)",
                      V(c->now_us - c->length_us));
}

lt_status lt_users_prune(lt_state *state, int64_t now_us, int64_t keep_us, lt_err *err)
{
    change c = {.now_us = now_us, .length_us = keep_us};
    return lt_db_write(state->db, do_prune, &c, err);
}
