/* Secrets: looked up in the environment and in the sealed file, set and removed there. */
#include "secret/secret.h"
#include "secret/key.h"
#include "secret/sealed.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/vec.h"

#include <sodium.h>
#include <stdlib.h>

enum { MOST_BYTES = 16 << 20, LOCK_WAIT_US = 10 * 1000 * 1000 };

struct lt_secrets {
    char *root, *path; /* owned */
    bool has_key;      /* `key` is that of the file with `salt` */
    unsigned char key[LT_SEAL_KEY], salt[LT_SEAL_SALT];
};

void lt_secret_wipe(lt_buf *value)
{
    if (value->data)
        sodium_memzero(value->data, value->cap);
    lt_buf_cleanup(value);
}

lt_status lt_secrets_open(const char *root, lt_secrets **out, lt_err *err)
{
    if (sodium_init() < 0)
        return lt_fail(err, LT_IO, "cannot start libsodium: no source of random numbers");
    lt_secrets *made = lt_xcalloc(1, sizeof(*made));
    made->root = lt_xstrdup(root);
    made->path = lt_path_join(root, "secrets.sealed");
    *out = made;
    return LT_OK;
}

void lt_secrets_close(lt_secrets *secrets)
{
    if (!secrets)
        return;
    lt_free(secrets->root);
    lt_free(secrets->path);
    sodium_memzero(secrets, sizeof(*secrets));
    lt_free(secrets);
}

static lt_status check_name(lt_text name, lt_err *err)
{
    if (lt_sealed_is_name(name))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is not a name for a secret", LT_ARG(name)));
    return lt_hint(err, "use letters, digits and '_', not a digit in front, at most %d",
                   LT_SECRET_NAME_MAX);
}

/* ---- the file ---- */

/* *there is false, and *file untouched, when there is no file. */
static lt_status read_file(const lt_secrets *self, lt_arena *arena, lt_sealed *file, bool *there,
                           lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    *there = lt_path_exists(self->path);
    if (!*there)
        return LT_OK;
    LT_TRY(lt_file_read(self->path, &text, err));
    return lt_sealed_read(lt_buf_text(&text), arena, file, err);
}

/* The key is kept: a passphrase takes its time. */
static lt_status take_key(lt_secrets *self, const lt_sealed *file, bool may_make, lt_err *err)
{
    if (self->has_key && memcmp(self->salt, file->salt, sizeof(self->salt)) == 0)
        return LT_OK;
    LT_AUTO(lt_master_key) master = {0};
    lt_status status = lt_master_key_find(self->root, &master, err);
    if (status == LT_NOT_FOUND && may_make)
        status = lt_master_key_make(self->root, &master, err);
    if (status != LT_OK)
        return status == LT_NOT_FOUND ? (err->status = LT_DENIED) : status;
    LT_TRY(lt_sealed_key(file, &master, self->key, err));
    memcpy(self->salt, file->salt, sizeof(self->salt));
    self->has_key = true;
    return LT_OK;
}

/* Is there a key that may be right? */
static lt_status look_for_key(lt_secrets *self, const lt_sealed *file, lt_err *err)
{
    LT_AUTO(lt_master_key) master = {0};
    lt_status status = lt_master_key_find(self->root, &master, err);
    if (status != LT_OK)
        return status == LT_NOT_FOUND ? (err->status = LT_DENIED) : status;
    if (master.is_passphrase)
        return LT_OK;
    LT_TRY(take_key(self, file, false, err));
    status = lt_sealed_check(file, self->key, err);
    self->has_key = status == LT_OK;
    return status;
}

/* The file with its key, checked. */
static lt_status open_file(lt_secrets *self, lt_arena *arena, lt_sealed *file, bool *there,
                           lt_err *err)
{
    LT_TRY(read_file(self, arena, file, there, err));
    if (!*there)
        return LT_OK;
    LT_TRY(take_key(self, file, false, err));
    lt_status status = lt_sealed_check(file, self->key, err);
    if (status != LT_OK)
        self->has_key = false; /* another one may be set meanwhile */
    return status;
}

static size_t find_line(const lt_sealed *file, lt_text name)
{
    for (size_t i = 0; i < file->lines.len; i++)
        if (lt_text_eq(file->lines.items[i].name, name))
            return i;
    return SIZE_MAX;
}

/* ---- reading ---- */

static lt_text name_at(const void *context, size_t i)
{
    return ((const lt_sealed *)context)->lines.items[i].name;
}

static lt_status fail_missing(const lt_sealed *file, lt_text name, lt_err *err)
{
    lt_text nearest;
    lt_ignore(lt_fail(err, LT_NOT_FOUND,
                      "there is no secret '%.*s' in the environment or in secrets.sealed",
                      LT_ARG(name)));
    if (lt_text_nearest(name, file->lines.len, name_at, file, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "set it: leat secret set %.*s", LT_ARG(name));
}

static lt_status get_sealed(lt_secrets *self, lt_text name, lt_buf *value, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_sealed file = {0};
    bool there;
    LT_TRY(open_file(self, &arena, &file, &there, err));
    size_t line = find_line(&file, name);
    if (line == SIZE_MAX)
        return fail_missing(&file, name, err);
    return lt_sealed_open(&file, &file.lines.items[line], self->key, value, err);
}

lt_status lt_secret_check(lt_secrets *secrets, lt_text name, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_sealed file = {0};
    bool there;
    LT_TRY(check_name(name, err));
    LT_AUTO(lt_chars) variable = lt_text_dup(name);
    const char *set = getenv(variable);
    if (set && *set)
        return LT_OK;
    LT_TRY(read_file(secrets, &arena, &file, &there, err));
    if (find_line(&file, name) == SIZE_MAX)
        return fail_missing(&file, name, err);
    return look_for_key(secrets, &file, err);
}

lt_status lt_secret_get(lt_secrets *secrets, lt_text name, lt_buf *value, lt_err *err)
{
    LT_TRY(check_name(name, err));
    size_t start = value->len;
    LT_AUTO(lt_chars) variable = lt_text_dup(name);
    const char *set = getenv(variable);
    if (set && *set)
        lt_buf_add_str(value, set);
    else
        LT_TRY(get_sealed(secrets, name, value, err));
    LT_TRY(lt_buf_check(value, "the secret", err));
    lt_mask_register(lt_text_sub(lt_buf_text(value), start, value->len));
    return LT_OK;
}

lt_status lt_secret_list(lt_secrets *secrets, lt_arena *arena, lt_text **names, size_t *count,
                         lt_err *err)
{
    lt_sealed file = {0};
    bool there;
    LT_TRY(read_file(secrets, arena, &file, &there, err));
    *names = lt_alloc_array(arena, file.lines.len, sizeof(**names));
    *count = file.lines.len;
    for (size_t i = 0; i < file.lines.len; i++)
        (*names)[i] = file.lines.items[i].name;
    return LT_OK;
}

/* ---- writing ---- */

static lt_status lock(const lt_secrets *self, int *fd, lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_path_join(self->root, ".leat");
    LT_AUTO(lt_chars) path = lt_path_join(folder, "secrets.lock");
    LT_TRY(lt_folder_make(folder, 0750, err));
    return lt_file_lock(path, LOCK_WAIT_US, fd, err);
}

static lt_status write_file(const lt_secrets *self, lt_sealed *file, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    lt_sealed_write(file, self->key, &text);
    LT_TRY(lt_buf_check(&text, "secrets.sealed", err));
    return lt_file_write_durably(self->path, lt_buf_text(&text), 0644, err);
}

/* In the place of the old one, or where it belongs. */
static void put_line(lt_arena *arena, lt_sealed *file, lt_sealed_line line)
{
    size_t at = 0;
    while (at < file->lines.len && lt_text_cmp(file->lines.items[at].name, line.name) < 0)
        at++;
    if (at == file->lines.len || !lt_text_eq(file->lines.items[at].name, line.name)) {
        lt_push_in(arena, &file->lines, line);
        for (size_t i = file->lines.len - 1; i > at; i--)
            file->lines.items[i] = file->lines.items[i - 1];
    }
    file->lines.items[at] = line;
}

static lt_status check_value(lt_text value, lt_err *err)
{
    if (value.len == 0)
        return lt_fail(err, LT_INVALID, "an empty text is no secret");
    if (value.len > LT_SECRET_VALUE_MAX)
        return lt_fail(err, LT_TOO_BIG, "the secret is larger than %d bytes", LT_SECRET_VALUE_MAX);
    if (lt_text_find_byte(value, '\0', 0) != SIZE_MAX)
        return lt_fail(err, LT_INVALID, "a secret holds no NUL byte");
    return LT_OK;
}

lt_status lt_secret_set(lt_secrets *secrets, lt_text name, lt_text value, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_fd) locked = -1;
    lt_sealed file = {0};
    bool there;
    LT_TRY(check_name(name, err));
    LT_TRY(check_value(value, err));
    lt_mask_register(value);
    LT_TRY(lock(secrets, &locked, err));
    LT_TRY(open_file(secrets, &arena, &file, &there, err));
    if (!there) {
        lt_sealed_new(&file);
        LT_TRY(take_key(secrets, &file, true, err));
    }
    lt_sealed_line line = {.name = name,
                           .sealed = lt_sealed_seal(&file, name, value, secrets->key, &arena)};
    put_line(&arena, &file, line);
    return write_file(secrets, &file, err);
}

lt_status lt_secret_remove(lt_secrets *secrets, lt_text name, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_fd) locked = -1;
    lt_sealed file = {0};
    bool there;
    LT_TRY(lock(secrets, &locked, err));
    LT_TRY(open_file(secrets, &arena, &file, &there, err));
    size_t line = find_line(&file, name);
    if (line == SIZE_MAX)
        return lt_fail(err, LT_NOT_FOUND, "there is no secret '%.*s' in secrets.sealed",
                       LT_ARG(name));
    for (size_t i = line + 1; i < file.lines.len; i++)
        file.lines.items[i - 1] = file.lines.items[i];
    file.lines.len--;
    return write_file(secrets, &file, err);
}
