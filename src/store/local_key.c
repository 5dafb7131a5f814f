/* The key of a local store: derived from the master key with a salt of the store, when it is first needed. */
#include "store/local.h"

#include "secret/derive.h"

#include <sodium.h>
#include <stdlib.h>

enum { CHECK_BYTES = 8 };

/* What the index knows of the key: salt, and 8 bytes that tell a wrong key. */
typedef struct key_facts {
    unsigned char salt[LT_DERIVE_SALT], check[CHECK_BYTES];
    bool known;
} key_facts;

static lt_status do_find(lt_tx *tx, void *context, lt_err *err)
{
    key_facts *facts = context;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT value FROM settings WHERE name = 'key'");
    facts->known = lt_query_next(&q);
    if (!facts->known)
        return lt_query_check(&q, err);
    lt_text value = lt_query_text(&q, 0);
    if (value.len != LT_DERIVE_SALT + CHECK_BYTES)
        return lt_fail(err, LT_IO,
                       "the index is damaged: what it knows of its key is no such thing");
    memcpy(facts->salt, value.ptr, LT_DERIVE_SALT);
    memcpy(facts->check, value.ptr + LT_DERIVE_SALT, CHECK_BYTES);
    return LT_OK;
}

/* Another process may have been faster: then its facts count. */
static lt_status do_keep(lt_tx *tx, void *context, lt_err *err)
{
    const key_facts *facts = context;
    char value[LT_DERIVE_SALT + CHECK_BYTES];
    memcpy(value, facts->salt, LT_DERIVE_SALT);
    memcpy(value + LT_DERIVE_SALT, facts->check, CHECK_BYTES);
    return lt_tx_exec(tx, err, "INSERT OR IGNORE INTO settings (name, value) VALUES ('key', ?)",
                      LT_BLOB(lt_text_at(value, sizeof(value))));
}

static void check_of(const unsigned char key[LT_CONTENT_KEY], unsigned char out[CHECK_BYTES])
{
    static const unsigned char text[] = "leat-store check";
    unsigned char hash[crypto_generichash_BYTES];
    (void)crypto_generichash(hash, sizeof(hash), text, sizeof(text), key, LT_CONTENT_KEY);
    memcpy(out, hash, CHECK_BYTES);
}

static lt_status derive(const lt_local *self, const key_facts *facts, bool make,
                        unsigned char key[LT_CONTENT_KEY], lt_err *err)
{
    const char *project = self->project ? self->project : ".";
    if (lt_secret_derive(project, T("leat store"), facts->salt, make, key, err) == LT_OK)
        return LT_OK;
    err->reason = LT_WHY_NO_KEY;
    return err->status;
}

static lt_status make_key(lt_local *self, key_facts *facts, lt_err *err)
{
    unsigned char key[LT_CONTENT_KEY];
    randombytes_buf(facts->salt, sizeof(facts->salt));
    LT_TRY(derive(self, facts, true, key, err));
    check_of(key, facts->check);
    sodium_memzero(key, sizeof(key));
    LT_TRY(lt_db_write(self->db, do_keep, facts, err));
    return lt_db_read(self->db, do_find, facts, err);
}

/* Another master key than the store's: say which one it would be, as far as can be known. */
static lt_status fail_other_key(const lt_local *self, const key_facts *facts, lt_err *err)
{
    const char *project = self->project ? self->project : ".", *given = getenv("LEAT_KEY");
    unsigned char key[LT_CONTENT_KEY], check[CHECK_BYTES];
    LT_AUTO(lt_chars) path = NULL;
    lt_err none;
    bool has_file = lt_secret_derive_from_file(project, T("leat store"), facts->salt, key, &path,
                                               &none) == LT_OK;
    if (has_file)
        check_of(key, check);
    bool fits = has_file && sodium_memcmp(check, facts->check, sizeof(check)) == 0;
    sodium_memzero(key, sizeof(key));
    if (fits) {
        lt_ignore(lt_store_fail(err, LT_WHY_NO_KEY,
                                "the store's keys were sealed with another master key than the "
                                "one in use: with the key in '%s'",
                                path));
        return lt_hint(err, "unset LEAT_KEY here; a store keeps the master key that it began with");
    }
    lt_ignore(
        lt_store_fail(err, LT_WHY_NO_KEY,
                      "the store's keys were sealed with another master key than the one %s%s",
                      given && *given ? "in LEAT_KEY" : "in ",
                      given && *given ? ""
                      : path          ? path
                                      : "use"));
    return lt_hint(err, "set LEAT_KEY to the key that was set when the store's first access key or "
                        "encrypted object was made");
}

static lt_status open_key(lt_local *self, bool make, unsigned char key[LT_CONTENT_KEY], lt_err *err)
{
    key_facts facts = {0};
    unsigned char check[CHECK_BYTES];
    LT_TRY(lt_db_read(self->db, do_find, &facts, err));
    if (!facts.known && !make)
        return lt_store_fail(err, LT_WHY_NO_KEY, "the store has no key");
    if (!facts.known)
        LT_TRY(make_key(self, &facts, err));
    LT_TRY(derive(self, &facts, false, key, err));
    check_of(key, check);
    if (sodium_memcmp(check, facts.check, sizeof(check)) == 0)
        return LT_OK;
    return fail_other_key(self, &facts, err);
}

lt_status lt_local_key_need(lt_local *self, bool make, lt_err *err)
{
    unsigned char key[LT_CONTENT_KEY];
    lt_status status = LT_OK;
    (void)pthread_mutex_lock(&self->lock);
    bool known = self->has_key;
    (void)pthread_mutex_unlock(&self->lock);
    if (known)
        return LT_OK;
    if (self->folder)
        status = open_key(self, make, key, err);
    else
        randombytes_buf(key, sizeof(key)); /* it ends with the store, and so does the key */
    (void)pthread_mutex_lock(&self->lock);
    if (status == LT_OK && !self->has_key) {
        memcpy(self->key, key, sizeof(key));
        self->has_key = true;
    }
    (void)pthread_mutex_unlock(&self->lock);
    sodium_memzero(key, sizeof(key));
    return status;
}
