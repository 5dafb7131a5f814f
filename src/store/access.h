/* access.h - access keys of the S3 face: who may do what in which bucket, and below which prefix.
 *
 * Secrets are kept sealed with the master key (see seal.h); reading one back is needed to check signatures. */
#pragma once
#include "store/store.h"

typedef enum lt_access {
    LT_ACCESS_READ = 1,   /* objects and what is known of them */
    LT_ACCESS_WRITE = 2,  /* put, copy to, multipart, tag */
    LT_ACCESS_DELETE = 4, /* objects and versions */
    LT_ACCESS_LIST = 8,
    LT_ACCESS_ADMIN = 16, /* make, change and delete buckets; their documents */
    LT_ACCESS_ALL = 31,
} lt_access;

/* One right. An empty bucket is every bucket, an empty prefix every key. */
typedef struct lt_right {
    unsigned access; /* of lt_access */
    lt_text bucket, prefix;
} lt_right;
typedef LT_VEC(lt_right) lt_rights;

typedef struct lt_access_key {
    lt_text id; /* 20 characters: "LEAT..." */
    lt_text name;
    lt_text
        secret; /* empty in lists; 40 characters. Register it with lt_mask_register() where it is used */
    lt_rights rights;
    int64_t created_at_us;
    int64_t last_used_at_us; /* 0: never, or not known; at most a minute late */
    int64_t revoked_at_us;   /* 0: it holds */
    int64_t expires_at_us;   /* 0: never */
} lt_access_key;
typedef LT_VEC(lt_access_key) lt_access_keys;

/* Make a key. Empty `id` and `secret` of `wanted` are made up; name, rights and expires_at_us are taken. LT_WHY_NO_KEY;
 * LT_CONFLICT: that id is there. */
LT_MUST_CHECK lt_status lt_access_create(lt_store *store, const lt_access_key *wanted,
                                         lt_arena *arena, lt_access_key *out, lt_err *err);
/* With its secret, also when it is revoked or expired: look at these. LT_WHY_NO_SUCH_ACCESS_KEY. */
LT_MUST_CHECK lt_status lt_access_get(lt_store *store, lt_text id, lt_arena *arena,
                                      lt_access_key *out, lt_err *err);
/* By time of making. */
LT_MUST_CHECK lt_status lt_access_list(lt_store *store, lt_arena *arena, lt_access_keys *out,
                                       lt_err *err);
/* It stays in the list. */
LT_MUST_CHECK lt_status lt_access_revoke(lt_store *store, lt_text id, lt_err *err);
/* It was used now. Cheap: written at most once a minute for each key. */
LT_MUST_CHECK lt_status lt_access_used(lt_store *store, lt_text id, lt_err *err);
/* A number that changes whenever a key is made or revoked, by any process: for caches of keys. Costs a read of one row. */
LT_MUST_CHECK lt_status lt_access_generation(lt_store *store, int64_t *out, lt_err *err);

/* Does one of the rights allow all of `access` here? An empty key asks about the bucket as a whole: that needs a right without a
 * prefix, but for LT_ACCESS_LIST, where `key` is the prefix that is listed. */
bool lt_access_allows(const lt_rights *rights, unsigned access, lt_text bucket, lt_text key);
