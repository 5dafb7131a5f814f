/* Users, sessions, tokens and the log of changes. */
#include "state/users.h"

#include "base/fs.h"
#include "support/test.h"

static const int64_t SECOND = 1000000, HOUR = 3600 * (int64_t)1000000;
static const char good[] = "seven brown teapots";

typedef struct office {
    const char *folder;
    lt_state *state;
    lt_arena arena;
    lt_actor root;
} office;

static void office_cleanup(office *o)
{
    lt_state_close(o->state);
    lt_arena_cleanup(&o->arena);
}

/* An admin `root` and a viewer `ada`, with the same password. */
static office office_open(void)
{
    lt_err err = {0};
    office o = {.folder = lt_test_folder(), .root = {T("root"), T("127.0.0.1"), 1000 * HOUR}};
    CHECK_OK(lt_state_open(o.folder, &o.state, &err), err);
    CHECK_OK(lt_user_add(o.state, &o.root, T("root"), lt_text_of(good), LT_ROLE_ADMIN, true, &err),
             err);
    CHECK_OK(lt_user_add(o.state, &o.root, T("ada"), lt_text_of(good), LT_ROLE_VIEWER, false, &err),
             err);
    return o;
}

static lt_actor at(const office *o, int64_t after_us)
{
    return (lt_actor){T("ada"), T("10.0.0.1"), o->root.at_us + after_us};
}

Test(users, names_passwords_and_roles_have_rules)
{
    LT_AUTO(office) o = office_open();
    static const char *const wrong[] = {"", "Ada", "-ada", "a b", "ada\n", "ad\303\251"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_user_add(o.state, &o.root, lt_text_of(wrong[i]), lt_text_of(good),
                                 LT_ROLE_VIEWER, false, &err),
                     LT_INVALID, err);
    }
    lt_err err = {0};
    CHECK_STATUS(lt_user_add(o.state, &o.root, T("bob"), T("short"), LT_ROLE_VIEWER, false, &err),
                 LT_INVALID, err);
    CHECK_STATUS(
        lt_user_add(o.state, &o.root, T("bob"), lt_text_of(good), LT_ROLE_NONE, false, &err),
        LT_INVALID, err);
    CHECK_STATUS(
        lt_user_add(o.state, &o.root, T("ada"), lt_text_of(good), LT_ROLE_VIEWER, false, &err),
        LT_CONFLICT, err);
    CHECK(lt_role_from(T("admin")) == LT_ROLE_ADMIN && lt_role_from(T("Admin")) == LT_ROLE_NONE);
}

Test(users, there_is_always_an_admin)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    CHECK_STATUS(lt_user_remove(o.state, &o.root, T("root"), &err), LT_CONFLICT, err);
    CHECK_STATUS(lt_user_set_role(o.state, &o.root, T("root"), LT_ROLE_EDITOR, &err), LT_CONFLICT,
                 err);
    CHECK_STATUS(lt_user_set_disabled(o.state, &o.root, T("root"), true, &err), LT_CONFLICT, err);
    CHECK_OK(lt_user_set_role(o.state, &o.root, T("ada"), LT_ROLE_ADMIN, &err), err);
    CHECK_OK(lt_user_remove(o.state, &o.root, T("root"), &err), err);
    CHECK_STATUS(lt_user_remove(o.state, &o.root, T("root"), &err), LT_NOT_FOUND, err);
    lt_users users;
    CHECK_OK(lt_user_list(o.state, &o.arena, &users, &err), err);
    CHECK_INT(users.len, 1);
    CHECK_TEXT(users.items[0].name, "ada");
    CHECK_INT(users.items[0].role, LT_ROLE_ADMIN);
}

Test(users, sign_in_says_the_same_of_a_wrong_name_and_a_wrong_password)
{
    LT_AUTO(office) o = office_open();
    lt_err a = {0}, b = {0};
    lt_user user;
    lt_actor actor = at(&o, 0);
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("ada"), T("wrong password"), &o.arena, &user, &a),
                 LT_DENIED, a);
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("nobody"), T("wrong password"), &o.arena, &user, &b),
                 LT_DENIED, b);
    CHECK_STR(a.message, b.message);
    CHECK_STR(a.hint, b.hint);
    lt_err err = {0};
    CHECK_OK(lt_sign_in(o.state, &actor, T("ada"), lt_text_of(good), &o.arena, &user, &err), err);
    CHECK_INT(user.role, LT_ROLE_VIEWER);
    CHECK(!user.must_change_password);
    CHECK_OK(lt_sign_in(o.state, &actor, T("root"), lt_text_of(good), &o.arena, &user, &err), err);
    CHECK(user.must_change_password);
    CHECK_OK(lt_user_set_disabled(o.state, &o.root, T("ada"), true, &err), err);
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("ada"), lt_text_of(good), &o.arena, &user, &err),
                 LT_DENIED, err);
}

Test(users, guessing_is_slowed_down)
{
    LT_AUTO(office) o = office_open();
    lt_user user;
    for (int i = 0; i < 5; i++) {
        lt_err err = {0};
        lt_actor actor = at(&o, 0);
        CHECK_STATUS(
            lt_sign_in(o.state, &actor, T("ada"), T("wrong password"), &o.arena, &user, &err),
            LT_DENIED, err);
    }
    lt_err err = {0};
    lt_actor actor = at(&o, SECOND / 2);
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("ada"), lt_text_of(good), &o.arena, &user, &err),
                 LT_DENIED, err);
    CHECK_HAS(err.message, "too many");
    CHECK_HAS(err.hint, "500 ms");
    lt_actor elsewhere = {T("root"), T("10.0.0.9"), actor.at_us};
    CHECK_OK(lt_sign_in(o.state, &elsewhere, T("root"), lt_text_of(good), &o.arena, &user, &err),
             err);
    actor = at(&o, 2 * SECOND);
    CHECK_OK(lt_sign_in(o.state, &actor, T("ada"), lt_text_of(good), &o.arena, &user, &err), err);
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("ada"), T("wrong password"), &o.arena, &user, &err),
                 LT_DENIED, err);
    CHECK_HAS(err.message, "wrong"); /* counted from the start again */
}

Test(users, an_address_that_tries_many_names_has_to_wait)
{
    LT_AUTO(office) o = office_open();
    lt_user user;
    lt_err err = {0};
    lt_actor actor = at(&o, 0);
    for (int i = 0; i < 30; i++) {
        const char *name = lt_arena_format(&o.arena, "user%d", i);
        CHECK_STATUS(lt_sign_in(o.state, &actor, lt_text_of(name), T("wrong password"), &o.arena,
                                &user, &err),
                     LT_DENIED, err);
        CHECK_HAS(err.message, "wrong");
    }
    CHECK_STATUS(lt_sign_in(o.state, &actor, T("ada"), lt_text_of(good), &o.arena, &user, &err),
                 LT_DENIED, err);
    CHECK_HAS(err.message, "too many");
}

Test(users, a_session_ends_by_time_by_idleness_and_by_hand)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_login login;
    char token[64], other[64];
    lt_actor actor = at(&o, 0);
    int64_t now = actor.at_us;
    CHECK_OK(lt_login_begin(o.state, &actor, T("ada"), 8 * HOUR, token, &err), err);
    CHECK_OK(lt_login_begin(o.state, &actor, T("ada"), 8 * HOUR, other, &err), err);
    CHECK_OK(lt_login_find(o.state, lt_text_of(token), now, &o.arena, &login, &err), err);
    CHECK_TEXT(login.user.name, "ada");
    CHECK(login.csrf.len >= 43);
    for (int64_t after = 0; after < 8 * HOUR; after += HOUR / 2)
        CHECK_OK(lt_login_find(o.state, lt_text_of(token), now + after, &o.arena, &login, &err),
                 err);
    CHECK_STATUS(lt_login_find(o.state, lt_text_of(token), now + 8 * HOUR, &o.arena, &login, &err),
                 LT_DENIED, err);
    CHECK_STATUS(lt_login_find(o.state, lt_text_of(other), now + 2 * HOUR, &o.arena, &login, &err),
                 LT_DENIED, err);
    CHECK_STATUS(lt_login_find(o.state, T("guess"), now, &o.arena, &login, &err), LT_DENIED, err);
    CHECK_OK(lt_login_end(o.state, &actor, lt_text_of(token), &err), err);
    CHECK_STATUS(lt_login_find(o.state, lt_text_of(token), now, &o.arena, &login, &err), LT_DENIED,
                 err);
    CHECK_STATUS(lt_login_begin(o.state, &actor, T("nobody"), HOUR, token, &err), LT_NOT_FOUND,
                 err);
}

Test(users, a_new_password_or_role_ends_sessions)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_login login;
    char token[64];
    lt_actor actor = at(&o, 0);
    for (int way = 0; way < 4; way++) {
        CHECK_OK(lt_login_begin(o.state, &actor, T("ada"), HOUR, token, &err), err);
        CHECK_OK(lt_login_find(o.state, lt_text_of(token), actor.at_us, &o.arena, &login, &err),
                 err);
        lt_status done = way == 0 ? lt_user_set_password(o.state, &o.root, T("ada"),
                                                         T("another password"), true, &err)
                         : way == 1
                             ? lt_user_set_role(o.state, &o.root, T("ada"), LT_ROLE_EDITOR, &err)
                         : way == 2 ? lt_user_set_disabled(o.state, &o.root, T("ada"), true, &err)
                                    : lt_user_remove(o.state, &o.root, T("ada"), &err);
        CHECK_OK(done, err);
        CHECK_STATUS(lt_login_find(o.state, lt_text_of(token), actor.at_us, &o.arena, &login, &err),
                     LT_DENIED, err);
        if (way == 2)
            CHECK_OK(lt_user_set_disabled(o.state, &o.root, T("ada"), false, &err), err);
    }
}

Test(users, a_token_is_never_more_than_its_user)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_token made, found, wanted = {.user = T("ada"), .label = T("ci"), .role = LT_ROLE_OPERATOR};
    lt_user user;
    char text[64];
    CHECK_STATUS(lt_token_add(o.state, &o.root, &wanted, &o.arena, &made, text, &err), LT_DENIED,
                 err);
    CHECK_OK(lt_user_set_role(o.state, &o.root, T("ada"), LT_ROLE_EDITOR, &err), err);
    CHECK_OK(lt_token_add(o.state, &o.root, &wanted, &o.arena, &made, text, &err), err);
    CHECK(lt_text_starts(lt_text_of(text), T("leat_")));
    int64_t now = o.root.at_us;
    CHECK_OK(lt_token_find(o.state, lt_text_of(text), now, &o.arena, &found, &user, &err), err);
    CHECK_INT(user.role, LT_ROLE_OPERATOR);
    CHECK_TEXT(found.id, lt_arena_str(&o.arena, made.id));
    CHECK_OK(lt_user_set_role(o.state, &o.root, T("ada"), LT_ROLE_VIEWER, &err), err);
    CHECK_OK(lt_token_find(o.state, lt_text_of(text), now, &o.arena, &found, &user, &err), err);
    CHECK_INT(user.role, LT_ROLE_VIEWER);
    CHECK_OK(lt_token_revoke(o.state, &o.root, made.id, &err), err);
    CHECK_STATUS(lt_token_revoke(o.state, &o.root, made.id, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_token_find(o.state, lt_text_of(text), now, &o.arena, &found, &user, &err),
                 LT_DENIED, err);
}

Test(users, a_token_expires)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_token made, found;
    lt_user user;
    char text[64];
    int64_t now = o.root.at_us;
    lt_token wanted = {.user = T("ada"), .role = LT_ROLE_VIEWER, .expires_at_us = now + HOUR};
    CHECK_OK(lt_token_add(o.state, &o.root, &wanted, &o.arena, &made, text, &err), err);
    CHECK_OK(lt_token_find(o.state, lt_text_of(text), now, &o.arena, &found, &user, &err), err);
    CHECK_STATUS(
        lt_token_find(o.state, lt_text_of(text), now + HOUR, &o.arena, &found, &user, &err),
        LT_DENIED, err);
    wanted.expires_at_us = now;
    CHECK_STATUS(lt_token_add(o.state, &o.root, &wanted, &o.arena, &made, text, &err), LT_INVALID,
                 err);
}

Test(users, nothing_that_opens_a_door_lies_in_the_file)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_token made, wanted = {.user = T("ada"), .role = LT_ROLE_VIEWER};
    char text[64], session[64];
    CHECK_OK(lt_token_add(o.state, &o.root, &wanted, &o.arena, &made, text, &err), err);
    CHECK_OK(lt_login_begin(o.state, &o.root, T("ada"), HOUR, session, &err), err);
    LT_AUTO(lt_buf) bytes = {.limit = 16 * LT_MIB};
    static const char *const files[] = {"state.db", "state.db-wal"};
    for (size_t i = 0; i < LT_COUNT(files); i++) {
        LT_AUTO(lt_chars) path = lt_path_join(o.folder, files[i]);
        CHECK_OK(lt_file_read(path, &bytes, &err), err);
    }
    CHECK(lt_text_has(lt_buf_text(&bytes), T("argon2id")));
    CHECK(!lt_text_has(lt_buf_text(&bytes), lt_text_of(good)));
    CHECK(!lt_text_has(lt_buf_text(&bytes), lt_text_sub(lt_text_of(text), 5, SIZE_MAX)));
    CHECK(!lt_text_has(lt_buf_text(&bytes), lt_text_of(session)));
}

Test(users, every_change_is_in_the_log_newest_first)
{
    LT_AUTO(office) o = office_open();
    lt_err err = {0};
    lt_audit_lines lines, more;
    CHECK_OK(lt_audit(o.state, &o.root, T("run.cancel"), T("17"), T("{\"why\": \"late\"}"), &err),
             err);
    CHECK_OK(lt_audit_list(o.state, 0, 2, &o.arena, &lines, &err), err);
    CHECK_INT(lines.len, 2);
    CHECK_TEXT(lines.items[0].action, "run.cancel");
    CHECK_TEXT(lines.items[0].detail, "{\"why\": \"late\"}");
    CHECK_TEXT(lines.items[0].by, "root");
    CHECK_TEXT(lines.items[1].action, "user.add");
    CHECK_TEXT(lines.items[1].subject, "ada");
    CHECK_OK(lt_audit_list(o.state, lines.items[1].sequence, 10, &o.arena, &more, &err), err);
    CHECK_INT(more.len, 1);
    CHECK_TEXT(more.items[0].subject, "root");
    CHECK_OK(lt_users_prune(o.state, o.root.at_us + 2 * HOUR, HOUR, &err), err);
    CHECK_OK(lt_audit_list(o.state, 0, 10, &o.arena, &lines, &err), err);
    CHECK_INT(lines.len, 0);
}
