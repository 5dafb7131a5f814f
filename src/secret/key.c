/* The master key: from LEAT_KEY, from systemd, or from a file of the user. */
#include "secret/key.h"
#include "secret/secret.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32, KEY_CHARS = 45, LEAST_PASSPHRASE = 12, MOST_CHARS = 1024 };

void lt_master_key_cleanup(lt_master_key *key)
{
    lt_secret_wipe(&key->bytes);
}

static bool decode(lt_text text, int variant, unsigned char out[KEY_BYTES])
{
    size_t len = 0;
    return sodium_base642bin(out, KEY_BYTES, text.ptr, text.len, NULL, &len, NULL, variant) == 0 &&
           len == KEY_BYTES;
}

/* 32 bytes in base64 (either alphabet, with or without '='), or else a passphrase. */
static lt_status read_key(lt_text text, const char *from, lt_master_key *out, lt_err *err)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    unsigned char raw[KEY_BYTES];
    lt_master_key made = {.bytes.limit = MOST_CHARS, .from = from, .is_passphrase = true};
    text = lt_text_trim(text);
    lt_mask_register(text);
    for (size_t i = 0; i < LT_COUNT(variants) && made.is_passphrase; i++)
        made.is_passphrase = !decode(text, variants[i], raw);
    if (made.is_passphrase && text.len < LEAST_PASSPHRASE) {
        lt_ignore(lt_fail(err, LT_INVALID, "the key in %s is too short", from));
        return lt_hint(err,
                       "use 32 random bytes in base64 (openssl rand -base64 32), or a passphrase "
                       "of %d characters",
                       LEAST_PASSPHRASE);
    }
    lt_buf_add(&made.bytes, made.is_passphrase ? text : lt_text_at((const char *)raw, KEY_BYTES));
    sodium_memzero(raw, sizeof(raw));
    *out = made;
    return lt_buf_check(&out->bytes, "the key", err);
}

/* ---- files ---- */

static bool is_below(const char *path, const char *root)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

char *lt_secret_key_file(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return lt_format("%s/leat/key", config);
    return home && home[0] == '/' ? lt_format("%s/.config/leat/key", home) : NULL;
}

static lt_status check_place(const char *path, const char *root, lt_err *err)
{
    char real[PATH_MAX], real_root[PATH_MAX];
    if (!realpath(path, real) || !realpath(root, real_root) || !is_below(real, real_root))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "the key file '%s' lies in the project", path));
    return lt_hint(
        err,
        "a key beside what it seals protects nothing: set XDG_CONFIG_HOME to a folder outside");
}

static lt_status check_owner(int fd, const char *path, lt_err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return lt_fail_errno(err, errno, "cannot look at '%s'", path);
    if (!S_ISREG(info.st_mode))
        return lt_fail(err, LT_DENIED, "the key file '%s' is no regular file", path);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return lt_fail(err, LT_DENIED, "the key file '%s' belongs to somebody else", path);
    if ((info.st_mode & 077) == 0)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "others can read the key file '%s'", path));
    return lt_hint(err,
                   "chmod 600 '%s'; and seal the secrets with a new key if others may have read it",
                   path);
}

static lt_status read_key_file(const char *path, const char *from, bool own, lt_master_key *out,
                               lt_err *err)
{
    lt_buf text = {.limit = MOST_CHARS};
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read the key file '%s'", path);
    if (own)
        LT_TRY(check_owner(fd, path, err));
    lt_status status = lt_fd_read(fd, &text, path, err);
    if (status == LT_OK)
        status = read_key(lt_buf_text(&text), from, out, err);
    lt_secret_wipe(&text);
    return status;
}

/* ---- the ways ---- */

lt_status lt_master_key_from_file(const char *root, lt_master_key *out, char **path, lt_err *err)
{
    LT_AUTO(lt_chars) file = lt_secret_key_file();
    if (!file || !lt_path_exists(file))
        return lt_fail(err, LT_NOT_FOUND, "there is no key file");
    LT_TRY(check_place(file, root, err));
    LT_TRY(read_key_file(file, "the key file", true, out, err));
    *path = LT_TAKE(file);
    return LT_OK;
}

lt_status lt_master_key_find(const char *root, lt_master_key *out, lt_err *err)
{
    const char *given = getenv("LEAT_KEY"), *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (given && *given)
        return read_key(lt_text_of(given), "LEAT_KEY", out, err);
    LT_AUTO(lt_chars) credential = lt_format("%s/leat.key", credentials ? credentials : "");
    if (credentials && *credentials && lt_path_exists(credential))
        return read_key_file(credential, "the credential leat.key", false, out, err);
    LT_AUTO(lt_chars) found = NULL;
    LT_AUTO(lt_chars) path = lt_secret_key_file();
    lt_status status = lt_master_key_from_file(root, out, &found, err);
    if (status != LT_NOT_FOUND)
        return status;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no key for the sealed secrets"));
    return lt_hint(err, "set LEAT_KEY, or put the key into %s with mode 600",
                   path ? path : "~/.config/leat/key");
}

lt_status lt_master_key_make(const char *root, lt_master_key *out, lt_err *err)
{
    unsigned char raw[KEY_BYTES];
    char text[KEY_CHARS + 1];
    LT_AUTO(lt_chars) path = lt_secret_key_file();
    if (!path)
        return lt_fail(err, LT_NOT_FOUND,
                       "there is no home folder for a key file: set LEAT_KEY or HOME");
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    LT_TRY(lt_folder_make(folder, 0700, err));
    LT_TRY(check_place(folder, root, err));
    randombytes_buf(raw, sizeof(raw));
    (void)sodium_bin2base64(text, KEY_CHARS, raw, sizeof(raw), sodium_base64_VARIANT_ORIGINAL);
    size_t len = strlen(text);
    text[len++] = '\n';
    lt_status status = lt_file_write_durably(path, lt_text_at(text, len), 0600, err);
    sodium_memzero(raw, sizeof(raw));
    sodium_memzero(text, sizeof(text));
    LT_TRY(status);
    lt_log(LT_LOG_INFO,
           "made the key that opens this and later secrets, '%s': keep a copy of it; without it "
           "they are lost",
           path);
    return read_key_file(path, "the key file", true, out, err);
}
