/* store_help.h - short ways to write to and ask a store in tests; each fails the test on trouble. */
#pragma once
#include "store/store.h"

lt_store *lt_test_store(const char *folder); /* a local one; NULL: in memory */

/* Put a text; gives the version id. `arena` may be NULL. */
lt_text lt_test_put(lt_store *store, const char *bucket, lt_text key, lt_text value,
                    lt_arena *arena);
/* The object is there and is exactly this. */
void lt_test_has(lt_store *store, const char *bucket, lt_text key, lt_text version_id,
                 lt_text value);
/* There is no such object. */
void lt_test_has_not(lt_store *store, const char *bucket, lt_text key, lt_text version_id);
/* "key=size" of each object, '|' of each prefix, in a heap string: "a=1 b/|". Versions: "a=1 a=marker*" (* is current). */
char *lt_test_list(lt_store *store, const char *bucket, const lt_list_request *request);

/* There is a master key in the environment from now on, or no longer. */
void lt_test_master_key(bool there);

/* `size` bytes that depend on `seed`, none of them NUL. A heap string. */
char *lt_test_bytes(size_t size, uint32_t seed);

/* The store is whole: nothing damaged, missing, or otherwise wrong. Gives the report's orphans. */
int64_t lt_test_check(lt_store *store);
