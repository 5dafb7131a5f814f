/* The sealed file: each value sealed with its name, and a seal over all lines. */
#include "secret/sealed.h"
#include "secret/secret.h"

#include <sodium.h>

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    BLOCK = 32, /* lengths are rounded up to it, so that they tell little */
    MOST_LINES = 10000,
};

static const char mark[] = "leat-secrets 1 ";

static lt_status fail_changed(lt_err *err)
{
    lt_ignore(
        lt_fail(err, LT_INVALID, "secrets.sealed is damaged, or was changed without its key"));
    return lt_hint(
        err,
        "take it back from git; after a merge, take one side and set the other's secrets again");
}

/* ---- text ---- */

static lt_text to_base64(lt_arena *arena, const unsigned char *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = lt_alloc(arena, size);
    (void)sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return lt_text_at(text, strlen(text));
}

static bool from_base64(lt_text text, unsigned char *out, size_t size, size_t *len)
{
    return sodium_base642bin(out, size, text.ptr, text.len, NULL, len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0;
}

static bool read_head(lt_text line, lt_sealed *out)
{
    lt_text salt;
    size_t len = 0;
    if (!lt_text_starts(line, lt_text_of(mark)))
        return false;
    lt_text rest = lt_text_sub(line, sizeof(mark) - 1, line.len);
    return lt_text_cut(&rest, ' ', &salt) &&
           from_base64(salt, out->salt, sizeof(out->salt), &len) && len == sizeof(out->salt) &&
           from_base64(rest, out->check, sizeof(out->check), &len) && len == sizeof(out->check);
}

bool lt_sealed_is_name(lt_text name)
{
    bool good = name.len > 0 && name.len <= LT_SECRET_NAME_MAX && !lt_is_digit(name.ptr[0]);
    for (size_t i = 0; good && i < name.len; i++)
        good = lt_is_alpha(name.ptr[i]) || lt_is_digit(name.ptr[i]) || name.ptr[i] == '_';
    return good;
}

static bool read_line(lt_text line, lt_arena *arena, lt_sealed *out)
{
    lt_sealed_line read;
    if (!lt_text_cut(&line, ' ', &read.name) || !lt_sealed_is_name(read.name) || line.len == 0 ||
        out->lines.len >= MOST_LINES)
        return false;
    read.sealed = line;
    if (out->lines.len && lt_text_cmp(out->lines.items[out->lines.len - 1].name, read.name) >= 0)
        return false;
    lt_push_in(arena, &out->lines, read);
    return true;
}

lt_status lt_sealed_read(lt_text text, lt_arena *arena, lt_sealed *out, lt_err *err)
{
    lt_sealed made = {0};
    lt_text copy = lt_arena_text(arena, text), line;
    if (copy.len == 0 || copy.ptr[copy.len - 1] != '\n')
        return fail_changed(err);
    lt_text rest = lt_text_sub(copy, 0, copy.len - 1);
    if (!lt_text_cut(&rest, '\n', &line) || !read_head(line, &made))
        return fail_changed(err);
    while (lt_text_cut(&rest, '\n', &line)) {
        bool last = line.ptr + line.len + 1 == copy.ptr + copy.len;
        if (last && lt_text_starts(line, T("= "))) {
            made.seal = lt_text_sub(line, 2, line.len);
            made.body = lt_text_at(copy.ptr, (size_t)(line.ptr - copy.ptr));
        } else if (!read_line(line, arena, &made)) {
            return fail_changed(err);
        }
    }
    if (made.seal.len == 0)
        return fail_changed(err);
    *out = made;
    return LT_OK;
}

void lt_sealed_new(lt_sealed *out)
{
    *out = (lt_sealed){0};
    randombytes_buf(out->salt, sizeof(out->salt));
}

/* ---- keys ---- */

static void mix(const unsigned char *key, size_t key_len, const unsigned char *salt,
                const char *use, unsigned char *out, size_t out_len)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, key_len, out_len);
    (void)crypto_generichash_update(&state, (const unsigned char *)use, strlen(use) + 1);
    (void)crypto_generichash_update(&state, salt, LT_SEAL_SALT);
    (void)crypto_generichash_final(&state, out, out_len);
    sodium_memzero(&state, sizeof(state));
}

/* Tells the right key from a wrong one, and nothing about it. */
static void key_check(const lt_sealed *file, const unsigned char key[LT_SEAL_KEY],
                      unsigned char out[LT_SEAL_CHECK])
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    mix(key, LT_SEAL_KEY, file->salt, "leat-secrets check", hash, sizeof(hash));
    memcpy(out, hash, LT_SEAL_CHECK);
}

lt_status lt_sealed_key(const lt_sealed *file, const lt_master_key *master,
                        unsigned char key[LT_SEAL_KEY], lt_err *err)
{
    unsigned char stretched[LT_SEAL_KEY];
    const unsigned char *from = (const unsigned char *)master->bytes.data;
    size_t len = master->bytes.len;
    _Static_assert(LT_SEAL_SALT == crypto_pwhash_SALTBYTES, "the file's salt is argon2id's");
    if (master->is_passphrase) {
        if (crypto_pwhash(stretched, sizeof(stretched), master->bytes.data, len, file->salt,
                          crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                          crypto_pwhash_ALG_ARGON2ID13) != 0)
            return lt_fail(err, LT_IO,
                           "not enough memory to open secrets.sealed with a passphrase (64 MiB)");
        from = stretched;
        len = sizeof(stretched);
    }
    mix(from, len, file->salt, "leat-secrets key", key, LT_SEAL_KEY);
    sodium_memzero(stretched, sizeof(stretched));
    return LT_OK;
}

/* ---- sealing ---- */

/* What a value is bound to: this file and its name. */
static lt_text bound_to(const lt_sealed *file, lt_text name,
                        char out[sizeof(mark) + LT_SEAL_SALT + LT_SECRET_NAME_MAX])
{
    size_t len = sizeof(mark);
    memcpy(out, mark, len);
    memcpy(out + len, file->salt, LT_SEAL_SALT);
    len += LT_SEAL_SALT;
    memcpy(out + len, name.ptr, name.len);
    return lt_text_at(out, len + name.len);
}

/* nonce, sealed bytes, tag */
static void seal(lt_text plain, lt_text bound, const unsigned char key[LT_SEAL_KEY],
                 unsigned char *out)
{
    unsigned long long len;
    randombytes_buf(out, NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + NONCE, &len, (const unsigned char *)plain.ptr, plain.len,
        (const unsigned char *)bound.ptr, bound.len, NULL, out, key);
}

static bool unseal(const unsigned char *sealed, size_t sealed_len, lt_text bound,
                   const unsigned char key[LT_SEAL_KEY], unsigned char *out)
{
    unsigned long long len;
    return sealed_len >= NONCE + TAG &&
           crypto_aead_xchacha20poly1305_ietf_decrypt(
               out, &len, NULL, sealed + NONCE, sealed_len - NONCE,
               (const unsigned char *)bound.ptr, bound.len, sealed, key) == 0;
}

lt_status lt_sealed_check(const lt_sealed *file, const unsigned char key[LT_SEAL_KEY], lt_err *err)
{
    unsigned char check[LT_SEAL_CHECK], sealed[NONCE + TAG], nothing[1];
    size_t len = 0;
    key_check(file, key, check);
    if (sodium_memcmp(check, file->check, sizeof(check)) != 0) {
        lt_ignore(lt_fail(err, LT_DENIED, "secrets.sealed was sealed with another key"));
        return lt_hint(err, "set LEAT_KEY to the key of the one who sealed it");
    }
    if (!from_base64(file->seal, sealed, sizeof(sealed), &len) ||
        !unseal(sealed, len, file->body, key, nothing))
        return fail_changed(err);
    return LT_OK;
}

lt_status lt_sealed_open(const lt_sealed *file, const lt_sealed_line *line,
                         const unsigned char key[LT_SEAL_KEY], lt_buf *value, lt_err *err)
{
    char bound[sizeof(mark) + LT_SEAL_SALT + LT_SECRET_NAME_MAX];
    size_t size = line->sealed.len, len = 0, plain_len = 0;
    LT_AUTO(lt_buf) sealed = {.limit = size + 1};
    lt_buf plain = {.limit = size + 1};
    unsigned char *room = (unsigned char *)lt_buf_room(&sealed, size),
                  *out = (unsigned char *)lt_buf_room(&plain, size);
    bool good = from_base64(line->sealed, room, size, &len) &&
                unseal(room, len, bound_to(file, line->name, bound), key, out) &&
                sodium_unpad(&plain_len, out, len - NONCE - TAG, BLOCK) == 0;
    if (good) {
        plain.len = plain_len;
        lt_buf_add(value, lt_buf_text(&plain));
    }
    plain.len = size;
    lt_secret_wipe(&plain);
    return good ? lt_buf_check(value, "the secret", err) : fail_changed(err);
}

lt_text lt_sealed_seal(const lt_sealed *file, lt_text name, lt_text value,
                       const unsigned char key[LT_SEAL_KEY], lt_arena *arena)
{
    char bound[sizeof(mark) + LT_SEAL_SALT + LT_SECRET_NAME_MAX];
    size_t padded = 0, size = value.len + BLOCK;
    lt_buf plain = {.limit = size};
    unsigned char *room = (unsigned char *)lt_buf_room(&plain, size);
    memcpy(room, value.ptr, value.len);
    (void)sodium_pad(&padded, room, value.len, BLOCK, size);
    unsigned char *sealed = lt_alloc(arena, NONCE + padded + TAG);
    seal(lt_text_at((const char *)room, padded), bound_to(file, name, bound), key, sealed);
    plain.len = size;
    lt_secret_wipe(&plain);
    return to_base64(arena, sealed, NONCE + padded + TAG);
}

void lt_sealed_write(lt_sealed *file, const unsigned char key[LT_SEAL_KEY], lt_buf *out)
{
    unsigned char sealed[NONCE + TAG];
    LT_AUTO(lt_arena) arena = {0};
    key_check(file, key, file->check);
    lt_text salt = to_base64(&arena, file->salt, sizeof(file->salt));
    lt_text check = to_base64(&arena, file->check, sizeof(file->check));
    lt_buf_printf(out, "%s%.*s %.*s\n", mark, LT_ARG(salt), LT_ARG(check));
    for (size_t i = 0; i < file->lines.len; i++)
        lt_buf_printf(out, "%.*s %.*s\n", LT_ARG(file->lines.items[i].name),
                      LT_ARG(file->lines.items[i].sealed));
    seal(T(""), lt_buf_text(out), key, sealed);
    lt_buf_printf(out, "= %.*s\n", LT_ARG(to_base64(&arena, sealed, sizeof(sealed))));
}
