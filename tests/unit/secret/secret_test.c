/* Secrets come back whole, or not at all. */
#include "base/fs.h"
#include "base/mask.h"
#include "secret/secret.h"
#include "support/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const char *const variables[] = {"LEAT_KEY", "CREDENTIALS_DIRECTORY", "XDG_CONFIG_HOME",
                                        "HOME"};

/* The environment of one test; what was there comes back at its end. */
typedef struct place {
    char *old[LT_COUNT(variables)];
    const char *root, *home;
    lt_secrets *secrets;
} place;

static void place_cleanup(place *self)
{
    lt_secrets_close(self->secrets);
    lt_mask_forget_all();
    for (size_t i = 0; i < LT_COUNT(variables); i++) {
        if (self->old[i])
            (void)setenv(variables[i], self->old[i], 1);
        else
            (void)unsetenv(variables[i]);
        lt_free(self->old[i]);
    }
}

/* An empty project and an empty home; LEAT_KEY as given (NULL: none). */
static place place_make(const char *key)
{
    lt_err err = {0};
    place made = {.root = lt_test_folder(), .home = lt_test_folder()};
    for (size_t i = 0; i < LT_COUNT(variables); i++) {
        const char *old = getenv(variables[i]);
        made.old[i] = old ? lt_xstrdup(old) : NULL;
        (void)unsetenv(variables[i]);
    }
    (void)setenv("HOME", made.home, 1);
    if (key)
        (void)setenv("LEAT_KEY", key, 1);
    CHECK_OK(lt_secrets_open(made.root, &made.secrets, &err), err);
    return made;
}

static lt_status get(place *self, const char *name, lt_buf *value, lt_err *err)
{
    lt_secrets *fresh = NULL;
    LT_TRY(lt_secrets_open(self->root, &fresh, err)); /* what another process would see */
    lt_status status = lt_secret_get(fresh, lt_text_of(name), value, err);
    lt_secrets_close(fresh);
    return status;
}

static char *sealed_path(const place *self)
{
    return lt_path_join(self->root, "secrets.sealed");
}

static void read_sealed(const place *self, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = sealed_path(self);
    CHECK_OK(lt_file_read(path, out, &err), err);
}

static void write_sealed(const place *self, lt_text text)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = sealed_path(self);
    CHECK_OK(lt_file_write(path, text, 0644, &err), err);
}

Test(secret, a_value_comes_back_and_is_not_in_the_file)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0}, file = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("API_TOKEN"), T("s3cret-value\nline 2"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("DB_URL"), T("postgres://u:p@h/d"), &err), err);
    CHECK_OK(get(&p, "API_TOKEN", &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "s3cret-value\nline 2");
    lt_buf_clear(&value);
    CHECK_OK(lt_secret_get(p.secrets, T("DB_URL"), &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "postgres://u:p@h/d");
    read_sealed(&p, &file);
    CHECK_HAS(file.data, "\nAPI_TOKEN ");
    CHECK(!lt_has(file.data, "s3cret"));
    CHECK(!lt_has(file.data, "postgres"));
}

Test(secret, a_new_value_replaces_the_old_and_leaves_the_others_bytes)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0}, before = {0}, after = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_text *names = NULL;
    size_t count = 0;
    CHECK_OK(lt_secret_list(p.secrets, &arena, &names, &count, &err), err);
    CHECK_INT(count, 0);
    CHECK_OK(lt_secret_set(p.secrets, T("B"), T("value b"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("C"), T("value c"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("A"), T("value a"), &err), err);
    read_sealed(&p, &before);
    CHECK_OK(lt_secret_set(p.secrets, T("B"), T("another"), &err), err);
    read_sealed(&p, &after);
    CHECK_OK(get(&p, "B", &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "another");
    const char *line = strstr(before.data, "\nC ");
    LT_AUTO(lt_chars) kept = lt_xstrndup(line, (size_t)(strchr(line + 1, '\n') - line));
    CHECK_HAS(after.data, kept);
    CHECK_OK(lt_secret_list(p.secrets, &arena, &names, &count, &err), err);
    CHECK_INT(count, 3);
    CHECK_TEXT(names[0], "A");
    CHECK_TEXT(names[2], "C");
}

Test(secret, a_removed_one_is_gone)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0};
    CHECK_STATUS(lt_secret_remove(p.secrets, T("TOKEN_A"), &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_secret_set(p.secrets, T("TOKEN_A"), T("value a"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("TOKEN_B"), T("value b"), &err), err);
    CHECK_OK(lt_secret_remove(p.secrets, T("TOKEN_A"), &err), err);
    CHECK_STATUS(get(&p, "TOKEN_A", &value, &err), LT_NOT_FOUND, err);
    CHECK_STR(err.message, "there is no secret 'TOKEN_A' in the environment or in secrets.sealed");
    CHECK_STR(err.hint, "did you mean 'TOKEN_B'?");
    CHECK_STATUS(get(&p, "SOMETHING_ELSE", &value, &err), LT_NOT_FOUND, err);
    CHECK_STR(err.hint, "set it: leat secret set SOMETHING_ELSE");
    CHECK_OK(get(&p, "TOKEN_B", &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "value b");
}

Test(secret, the_environment_comes_first_and_needs_no_key)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(NULL);
    LT_AUTO(lt_buf) value = {0}, masked = {0};
    CHECK_INT(setenv("LT_TEST_SECRET", "from-the-environment", 1), 0);
    CHECK_OK(get(&p, "LT_TEST_SECRET", &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "from-the-environment");
    lt_mask(T("it is from-the-environment, yes"), &masked);
    CHECK_STR(lt_buf_chars(&masked), "it is ***, yes");
    CHECK_INT(setenv("LT_TEST_SECRET", "", 1), 0);
    CHECK_STATUS(get(&p, "LT_TEST_SECRET", &value, &err), LT_NOT_FOUND, err);
    CHECK_INT(unsetenv("LT_TEST_SECRET"), 0);
}

Test(secret, what_would_not_be_found_is_known_before)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    CHECK_STATUS(lt_secret_check(p.secrets, T("TOKEN"), &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_secret_set(p.secrets, T("TOKEN"), T("value"), &err), err);
    CHECK_OK(lt_secret_check(p.secrets, T("TOKEN"), &err), err);
    CHECK_STATUS(lt_secret_check(p.secrets, T("TOKEM"), &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.hint, "TOKEN");
    CHECK_STATUS(lt_secret_check(p.secrets, T("1"), &err), LT_INVALID, err);
    lt_secrets_close(p.secrets);
    CHECK_OK(lt_secrets_open(p.root, &p.secrets, &err), err);
    CHECK_INT(setenv("LEAT_KEY", KEY_B, 1), 0);
    CHECK_STATUS(lt_secret_check(p.secrets, T("TOKEN"), &err), LT_DENIED, err);
    CHECK_INT(setenv("LEAT_KEY", "a passphrase of some length", 1), 0);
    CHECK_OK(lt_secret_check(p.secrets, T("TOKEN"), &err), err); /* only reading would tell */
    CHECK_INT(unsetenv("LEAT_KEY"), 0);
    CHECK_STATUS(lt_secret_check(p.secrets, T("TOKEN"), &err), LT_DENIED, err);
    CHECK_INT(setenv("TOKEN", "from outside", 1), 0);
    CHECK_OK(lt_secret_check(p.secrets, T("TOKEN"), &err), err);
    CHECK_INT(unsetenv("TOKEN"), 0);
}

Test(secret, every_value_that_is_read_or_set_is_masked)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0}, set = {0}, read = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("T"), T("very secret value"), &err), err);
    lt_mask(T("a very secret value; key " KEY_A), &set);
    CHECK_STR(lt_buf_chars(&set), "a ***; key ***");
    lt_mask_forget_all();
    CHECK_OK(get(&p, "T", &value, &err), err);
    lt_mask(T("a very secret value"), &read);
    CHECK_STR(lt_buf_chars(&read), "a ***");
}

Test(secret, a_wrong_key_is_told_from_a_changed_file)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("T"), T("value"), &err), err);
    CHECK_INT(setenv("LEAT_KEY", KEY_B, 1), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_DENIED, err);
    CHECK_STR(err.message, "secrets.sealed was sealed with another key");
    lt_secrets *other = NULL;
    CHECK_OK(lt_secrets_open(p.root, &other, &err), err);
    CHECK_STATUS(lt_secret_set(other, T("U"), T("value"), &err), LT_DENIED, err);
    CHECK_STATUS(lt_secret_remove(other, T("T"), &err), LT_DENIED, err);
    CHECK_INT(setenv("LEAT_KEY", KEY_A, 1), 0);
    CHECK_OK(lt_secret_get(other, T("T"), &value, &err),
             err); /* the right key, in the same process */
    lt_secrets_close(other);
    CHECK_INT(value.len, 5);
}

Test(secret, every_changed_byte_is_found_out)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) good = {0}, value = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("A"), T("value a"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("B"), T("value b"), &err), err);
    read_sealed(&p, &good);
    for (size_t i = 0; i < good.len; i++) {
        char old = good.data[i];
        good.data[i] = (char)(old == 'x' ? 'y' : 'x');
        write_sealed(&p, lt_buf_text(&good));
        lt_status status = get(&p, "A", &value, &err);
        CHECK(status == LT_INVALID || status == LT_DENIED);
        good.data[i] = old;
    }
    for (size_t len = 0; len < good.len; len++) {
        write_sealed(&p, lt_text_sub(lt_buf_text(&good), 0, len));
        CHECK(get(&p, "A", &value, &err) != LT_OK);
    }
    CHECK_INT(value.len, 0);
    write_sealed(&p, lt_buf_text(&good));
    CHECK_OK(get(&p, "A", &value, &err), err);
}

/* Swap the values of two lines, and drop a line: each line is genuine. */
Test(secret, moved_and_missing_lines_are_found_out)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) good = {0}, bad = {0}, value = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("A"), T("value a"), &err), err);
    CHECK_OK(lt_secret_set(p.secrets, T("B"), T("value b"), &err), err);
    read_sealed(&p, &good);
    lt_text rest = lt_buf_text(&good), head, a, b;
    CHECK(lt_text_cut(&rest, '\n', &head) && lt_text_cut(&rest, '\n', &a) &&
          lt_text_cut(&rest, '\n', &b));
    lt_buf_printf(&bad, "%.*s\nA %.*s\nB %.*s\n%.*s", LT_ARG(head), (int)b.len - 2, b.ptr + 2,
                  (int)a.len - 2, a.ptr + 2, LT_ARG(rest));
    write_sealed(&p, lt_buf_text(&bad));
    CHECK_STATUS(get(&p, "A", &value, &err), LT_INVALID, err);
    CHECK_STR(err.message, "secrets.sealed is damaged, or was changed without its key");
    CHECK_HAS(err.hint, "git");
    lt_buf_clear(&bad);
    lt_buf_printf(&bad, "%.*s\n%.*s\n%.*s", LT_ARG(head), LT_ARG(a), LT_ARG(rest));
    write_sealed(&p, lt_buf_text(&bad));
    CHECK_STATUS(get(&p, "A", &value, &err), LT_INVALID, err);
    lt_buf_clear(&bad);
    lt_buf_printf(&bad, "%.*s\n%.*s\n%.*s\n%.*s", LT_ARG(head), LT_ARG(b), LT_ARG(a), LT_ARG(rest));
    write_sealed(&p, lt_buf_text(&bad));
    CHECK_STATUS(get(&p, "A", &value, &err), LT_INVALID, err);
}

Test(secret, a_passphrase_is_a_key_too)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make("correct horse battery");
    LT_AUTO(lt_buf) value = {0};
    CHECK_OK(lt_secret_set(p.secrets, T("T"), T("value"), &err), err);
    CHECK_OK(get(&p, "T", &value, &err), err);
    CHECK_INT(setenv("LEAT_KEY", "correct horse batteries", 1), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_DENIED, err);
    CHECK_INT(setenv("LEAT_KEY", "short", 1), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_INVALID, err);
    CHECK_STR(err.message, "the key in LEAT_KEY is too short");
}

Test(secret, the_first_set_makes_a_key_file_for_the_user_alone)
{
    lt_err err = {0};
    struct stat info;
    LT_AUTO(place) p = place_make(NULL);
    LT_AUTO(lt_buf) value = {0};
    CHECK_STATUS(lt_secret_get(p.secrets, T("T"), &value, &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_secret_set(p.secrets, T("T"), T("value"), &err), err);
    LT_AUTO(lt_chars) key = lt_path_join(p.home, ".config/leat/key");
    CHECK_INT(stat(key, &info), 0);
    CHECK_INT(info.st_mode & 0777, 0600);
    CHECK_OK(get(&p, "T", &value, &err), err);
    CHECK_STR(lt_buf_chars(&value), "value");
    CHECK_INT(chmod(key, 0640), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_DENIED, err);
    CHECK_HAS(err.message, "others can read the key file");
    CHECK_HAS(err.hint, "chmod 600");
    CHECK_INT(unlink(key), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_DENIED, err);
    CHECK_STR(err.message, "there is no key for the sealed secrets");
    CHECK_STATUS(lt_secret_set(p.secrets, T("T"), T("value"), &err), LT_OK,
                 err); /* it still knows the key */
    lt_secrets *fresh = NULL;
    CHECK_OK(lt_secrets_open(p.root, &fresh, &err), err);
    CHECK_STATUS(lt_secret_set(fresh, T("T"), T("value"), &err), LT_DENIED,
                 err); /* and never makes another */
    lt_secrets_close(fresh);
    CHECK(!lt_path_exists(key));
}

Test(secret, a_key_file_in_the_project_is_refused)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(NULL);
    LT_AUTO(lt_chars) config = lt_path_join(p.root, "config");
    CHECK_INT(setenv("XDG_CONFIG_HOME", config, 1), 0);
    CHECK_STATUS(lt_secret_set(p.secrets, T("T"), T("value"), &err), LT_DENIED, err);
    CHECK_HAS(err.message, "lies in the project");
    LT_AUTO(lt_chars) key = lt_path_join(config, "leat/key");
    CHECK_OK(lt_file_write(key, T(KEY_A), 0600, &err), err);
    CHECK_STATUS(lt_secret_set(p.secrets, T("T"), T("value"), &err), LT_DENIED, err);
    CHECK_INT(unsetenv("XDG_CONFIG_HOME"), 0);
    CHECK_INT(unsetenv("HOME"), 0);
    CHECK_STATUS(lt_secret_set(p.secrets, T("T"), T("value"), &err), LT_DENIED, err);
    CHECK_HAS(err.message, "set LEAT_KEY or HOME");
}

Test(secret, a_key_file_that_is_no_file_is_refused)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(NULL);
    LT_AUTO(lt_chars) key = lt_path_join(p.home, ".config/leat/key");
    CHECK_OK(lt_folder_make(key, 0700, &err), err);
    CHECK_STATUS(lt_secret_set(p.secrets, T("T"), T("value"), &err), LT_DENIED, err);
    CHECK_HAS(err.message, "is no regular file");
}

Test(secret, a_credential_of_systemd_is_a_key)
{
    lt_err err = {0};
    LT_AUTO(place) p = place_make(NULL);
    LT_AUTO(lt_buf) value = {0};
    LT_AUTO(lt_chars) credential = lt_path_join(p.home, "leat.key");
    CHECK_OK(lt_file_write(credential, T(KEY_A "\n"), 0400, &err), err);
    CHECK_INT(setenv("CREDENTIALS_DIRECTORY", p.home, 1), 0);
    CHECK_OK(lt_secret_set(p.secrets, T("T"), T("value"), &err), err);
    CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    CHECK_INT(setenv("LEAT_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 1),
              0); /* the same, without '=' */
    CHECK_OK(get(&p, "T", &value, &err), err);
    LT_AUTO(lt_buf) huge = {0};
    for (int i = 0; i < 200; i++)
        lt_buf_add_str(&huge, "0123456789");
    CHECK_OK(lt_file_write(credential, lt_buf_text(&huge), 0600, &err), err);
    CHECK_INT(unsetenv("LEAT_KEY"), 0);
    CHECK_INT(setenv("CREDENTIALS_DIRECTORY", p.home, 1), 0);
    CHECK_STATUS(get(&p, "T", &value, &err), LT_TOO_BIG, err);
}

Test(secret, names_and_values_are_checked)
{
    static const char *const bad[] = {"", "1A", "A-B", "A B", "A=B", "\xC3\xA9"};
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_buf) value = {0}, large = {0};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        CHECK_STATUS(lt_secret_set(p.secrets, lt_text_of(bad[i]), T("value"), &err), LT_INVALID,
                     err);
        CHECK_STATUS(lt_secret_get(p.secrets, lt_text_of(bad[i]), &value, &err), LT_INVALID, err);
    }
    CHECK_HAS(err.hint, "at most 128");
    CHECK_STATUS(lt_secret_set(p.secrets, T("A"), T(""), &err), LT_INVALID, err);
    CHECK_STATUS(lt_secret_set(p.secrets, T("A"), T("a\0b"), &err), LT_INVALID, err);
    while (large.len < LT_SECRET_VALUE_MAX)
        lt_buf_add_str(&large, "0123456789abcdef");
    CHECK_OK(lt_secret_set(p.secrets, T("A"), lt_buf_text(&large), &err), err);
    CHECK_OK(get(&p, "A", &value, &err), err);
    CHECK(lt_text_eq(lt_buf_text(&value), lt_buf_text(&large)));
    lt_secret_wipe(&value);
    CHECK(value.data == NULL);
    lt_buf small = {.limit = 4};
    CHECK_STATUS(get(&p, "A", &small, &err), LT_TOO_BIG, err);
    lt_secret_wipe(&small);
    lt_buf_add_byte(&large, 'x');
    CHECK_STATUS(lt_secret_set(p.secrets, T("A"), lt_buf_text(&large), &err), LT_TOO_BIG, err);
}

Test(secret, files_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "",
        "\n",
        "x\n",
        "leat-secrets 1 \n",
        "leat-secrets 2 AAAA AAAA\n= x\n",
        "leat-secrets 1 AAECAwQFBgcICQoLDA0ODw== AAECAwQFBgc=\n",
        "leat-secrets 1 AAECAwQFBgcICQoLDA0ODw== AAECAwQFBgc=\nA\n= x\n",
        "leat-secrets 1 AAECAwQFBgcICQoLDA0ODw== AAECAwQFBgc=\n= x\n= x\n",
        "leat-secrets 1 AAECAwQFBgcICQoLDA0ODw== AAECAwQFBgc=\n= \n"};
    lt_err err = {0};
    LT_AUTO(place) p = place_make(KEY_A);
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) value = {0};
    lt_text *names = NULL;
    size_t count = 0;
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        write_sealed(&p, lt_text_of(bad[i]));
        CHECK_STATUS(lt_secret_list(p.secrets, &arena, &names, &count, &err), LT_INVALID, err);
        CHECK_STATUS(lt_secret_get(p.secrets, T("A"), &value, &err), LT_INVALID, err);
        CHECK_STATUS(lt_secret_set(p.secrets, T("A"), T("value"), &err), LT_INVALID, err);
    }
    CHECK(names == NULL);
    lt_secrets_close(NULL);
}
