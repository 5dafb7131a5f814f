/* Other keys from the master key: a keyed hash of their purpose. */
#include "secret/derive.h"

#include "secret/key.h"
#include "secret/sealed.h"

#include <assert.h>
#include <sodium.h>

static_assert((int)LT_DERIVE_SALT == (int)LT_SEAL_SALT && (int)LT_DERIVE_KEY == (int)LT_SEAL_KEY,
              "keys and salts are those of the sealed file");

static lt_status derive(const lt_master_key *master, lt_text purpose,
                        const unsigned char salt[LT_DERIVE_SALT], unsigned char out[LT_DERIVE_KEY],
                        lt_err *err)
{
    unsigned char root[LT_SEAL_KEY];
    lt_sealed file = {0};
    memcpy(file.salt, salt, LT_DERIVE_SALT);
    lt_status status = lt_sealed_key(&file, master, root, err);
    if (status == LT_OK)
        (void)crypto_generichash(out, LT_DERIVE_KEY, (const unsigned char *)purpose.ptr,
                                 purpose.len, root, sizeof(root));
    sodium_memzero(root, sizeof(root));
    return status;
}

lt_status lt_secret_derive(const char *project, lt_text purpose,
                           const unsigned char salt[LT_DERIVE_SALT], bool make,
                           unsigned char out[LT_DERIVE_KEY], lt_err *err)
{
    lt_master_key master = {0};
    if (sodium_init() < 0)
        return lt_fail(err, LT_IO, "libsodium cannot start");
    lt_status status = lt_master_key_find(project, &master, err);
    if (status == LT_NOT_FOUND && make)
        status = lt_master_key_make(project, &master, err);
    if (status == LT_OK)
        status = derive(&master, purpose, salt, out, err);
    lt_master_key_cleanup(&master);
    return status;
}

lt_status lt_secret_derive_from_file(const char *project, lt_text purpose,
                                     const unsigned char salt[LT_DERIVE_SALT],
                                     unsigned char out[LT_DERIVE_KEY], char **path, lt_err *err)
{
    lt_master_key master = {0};
    LT_AUTO(lt_chars) file = NULL;
    if (sodium_init() < 0)
        return lt_fail(err, LT_IO, "libsodium cannot start");
    lt_status status = lt_master_key_from_file(project, &master, &file, err);
    if (status == LT_OK)
        status = derive(&master, purpose, salt, out, err);
    if (status == LT_OK)
        *path = LT_TAKE(file);
    lt_master_key_cleanup(&master);
    return status;
}
