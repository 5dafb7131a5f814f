/* Passwords and tokens: rules, hashes, comparison. */
#include "secret/password.h"

#include "support/test.h"

Test(password, fits_its_own_hash_only)
{
    lt_err err = {0};
    char hash[LT_PASSWORD_HASH_CHARS], again[LT_PASSWORD_HASH_CHARS];
    CHECK_OK(lt_password_hash(T("correct horse battery"), hash, &err), err);
    CHECK_OK(lt_password_hash(T("correct horse battery"), again, &err), err);
    CHECK_HAS(hash, "$argon2id$");
    CHECK(!lt_text_eq(lt_text_of(hash), lt_text_of(again)));
    CHECK(lt_password_fits(T("correct horse battery"), lt_text_of(hash)));
    CHECK(!lt_password_fits(T("correct horse batterz"), lt_text_of(hash)));
    CHECK(!lt_password_fits(T(""), lt_text_of(hash)));
    CHECK(!lt_password_is_old(lt_text_of(hash)));
    CHECK(lt_password_is_old(T("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
                               "c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g")));
}

Test(password, nothing_fits_where_there_is_no_hash)
{
    char huge[LT_PASSWORD_MOST + 1] = {0};
    CHECK(!lt_password_fits(T("anything at all"), (lt_text){0}));
    CHECK(!lt_password_fits(T("anything at all"), T("not a hash")));
    CHECK(!lt_password_fits(lt_text_at(huge, sizeof(huge)), (lt_text){0}));
}

Test(password, easy_ones_are_refused)
{
    static const char *const wrong[] = {"short", "aaaaaaaaaaaa", "Password12", "ada.lovelace", ""};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_password_check_rules(lt_text_of(wrong[i]), T("ada.lovelace"), &err),
                     LT_INVALID, err);
    }
    lt_err err = {0};
    char made[LT_BEARER_CHARS];
    CHECK_OK(lt_password_check_rules(lt_text_of(lt_password_make(made)), T("ada"), &err), err);
    CHECK_INT(lt_text_of(made).len, 24);
}

Test(password, tokens_are_all_different)
{
    char a[LT_BEARER_CHARS], b[LT_BEARER_CHARS], hash[LT_BEARER_HASH_CHARS];
    CHECK(!lt_text_eq(lt_text_of(lt_bearer_make("leat_", a)),
                      lt_text_of(lt_bearer_make("leat_", b))));
    CHECK_INT(lt_text_of(a).len, 48);
    CHECK(lt_text_starts(lt_text_of(a), T("leat_")));
    CHECK_STR(lt_bearer_hash(T("abc"), hash),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
